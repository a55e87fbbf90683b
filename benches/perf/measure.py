"""usage: measure.py seeds|real|speed BINARIES WORK [SEEDS]: the figures of `benches/perf/run`, which see."""

import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time

import numpy as np
from peers import Day, otava, peers
from simulate import ROLLOUT_MS, simulate, write

FIRST_SEED = 300  # 100 to 115 were used to tune onduty, 200 to 219 to set the simulator
OTAVA_SEEDS = 3
OTAVA_TIMED = 200  # endpoints
SHARED = os.environ.get("ONDUTY_SHARED", "../shared") + "/data/perf"
# Case, settings: of Nezha there are three minutes of each fault, of PetShop a row each five minutes, of Talos one a push.
REAL = {
    "nezha": ["--window", "5m", "--warm-up", "0s"],
    "petshop": ["--window", "20m", "--warm-up", "0s"],
    "talos": ["--window", "336h", "--warm-up", "0s"],
}
missed = []


def wanted(what, figure, limit, least=True):
    met = figure is not None and (figure >= limit if least else figure <= limit)
    shown = "nothing" if figure is None else f"{figure:.3g}" if abs(figure) < 1000 else f"{figure:,.0f}"
    print(f"{what:66} {shown:>10}  {'at least' if least else 'at most'} {limit:<9,g} {'met' if met else 'MISSED'}", flush=True)
    if not met:
        missed.append(what)


def onduty(binaries, file, rollout, *settings):
    """All endpoints with their verdicts; 0 and 1 are answers, anything else is none."""
    command = [f"{binaries}/onduty", "perf", "compare", file, "--rollout", str(rollout), "--json", *settings]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"onduty perf compare {file}: {done.stderr}")
    return json.loads(done.stdout)


def flagged(binaries, file, rollout, *settings):
    rows = [row for row in onduty(binaries, file, rollout, *settings) if row["verdict"] == "regressed"]
    return {row["endpoint"]: -row["rank"] for row in rows}


def counts(truth, endpoints, found):
    real, top = set(truth.regressed), sorted(found, key=found.get, reverse=True)[:5]
    right = real & set(found)
    return {
        "tp": len(right),
        "fp": len(set(found) - real),
        "real": len(real),
        "unchanged": endpoints - len(real),
        "detected": len(right & truth.detectable),
        "detectable": len(truth.detectable),
        "top": len(real & set(top)),
        "listed": len(top),
        "seconds": sum(truth.added_seconds.get(name, 0) for name in right),
        "all_seconds": sum(truth.added_seconds.values()),
    }


def one(task):
    """Counts of each rule, for one seed with or without a rollout."""
    binaries, work, seed, rollout, with_otava = task
    world = simulate(seed, rollout)
    file = f"{work}/{seed}{'' if rollout else '-placebo'}.csv"
    write(world, file)
    day = Day(world)
    answers = {"onduty": flagged(binaries, file, ROLLOUT_MS), **peers(day)}
    os.remove(file)
    if with_otava:
        answers[f"Apache Otava ({OTAVA_SEEDS} seeds)"], _ = otava(day)
    return rollout, {rule: counts(world.truth, len(world.names), found) for rule, found in answers.items()}


def shares(sums):
    part = lambda over, under: sums[over] / sums[under] if sums[under] else None
    flags = sums["tp"] + sums["fp"]
    return {
        "precision": sums["tp"] / flags if flags else None,
        "recall": part("tp", "real"),
        "detectable": part("detected", "detectable"),
        "f1": 2 * sums["tp"] / (flags + sums["real"]) if flags + sums["real"] else None,
        "alarms": 1000 * sums["fp"] / sums["unchanged"],
        "top": part("top", "listed"),
        "seconds": part("seconds", "all_seconds"),
    }


def seeds(binaries, work, number):
    tasks = [
        (binaries, work, seed, rollout, rollout and seed < FIRST_SEED + OTAVA_SEEDS)
        for seed in range(FIRST_SEED, FIRST_SEED + int(number))
        for rollout in (True, False)
    ]
    sums = {True: {}, False: {}}
    with multiprocessing.Pool(2) as pool:
        for rollout, by_rule in pool.imap_unordered(one, tasks):
            for rule, more in by_rule.items():
                sum_ = sums[rollout].setdefault(rule, dict.fromkeys(more, 0))
                for key, value in more.items():
                    sum_[key] += value
    print(f"{number} seeds from {FIRST_SEED} on, each with and without a rollout; rules in the order of their F1")
    print(f"{'':34} precision recall  of detectable   F1  alarms/1,000  top-5  seconds found  placebo alarms/1,000")
    rows = {rule: shares(sum_) for rule, sum_ in sums[True].items()}
    cell = lambda value, width, digits=2: f"{'-' if value is None else format(value, f'.{digits}f'):>{width}}"
    for rule, row in sorted(rows.items(), key=lambda item: -(item[1]["f1"] or 0)):
        placebo = sums[False].get(rule)
        print(
            f"{rule:34}{cell(row['precision'], 9, 3)}{cell(row['recall'], 8)}{cell(row['detectable'], 14)}"
            f"{cell(row['f1'], 8, 3)}{cell(row['alarms'], 12)}{cell(row['top'], 8)}{cell(row['seconds'], 14)}"
            f"{cell(placebo and shares(placebo)['alarms'], 19)}"
        )
    ours = rows["onduty"]
    wanted("precision", ours["precision"], 0.93)
    wanted("recall of what an hour can show", ours["detectable"], 0.88)
    wanted("F1", ours["f1"], 0.66)
    wanted("share of the first five that are true", ours["top"], 0.95)
    wanted("false alarms per 1,000 unchanged endpoints", ours["alarms"], 0.5, least=False)
    wanted("... on days without a rollout", shares(sums[False]["onduty"])["alarms"], 0.5, least=False)


def real(binaries, work):
    if not os.path.exists(f"{SHARED}/truth.json"):
        print(f"NOT MEASURED: no recorded cases at {SHARED}; ONDUTY_SHARED names their folder")
        sys.exit(1)
    with open(f"{SHARED}/truth.json") as file:
        cases = json.load(file)
    for set_, settings in REAL.items():
        truth = [case for case in cases if case["case"].startswith(set_)]
        answers = {}
        for case in truth:
            rows = subprocess.check_output([sys.executable, f"{SHARED}/slice_case.py", f"{SHARED}/truth.json", case["case"]])
            with open(f"{work}/case.csv", "wb") as file:
                file.write(rows)
            answers[case["case"]] = onduty(binaries, f"{work}/case.csv", case["change_at_ms"], *settings)
        for name, content in (("truth", truth), ("answers", answers)):
            with open(f"{work}/{name}.json", "w") as file:
                json.dump(content, file)
        command = [sys.executable, f"{SHARED}/score.py", f"{work}/truth.json", f"{work}/answers.json", "--json"]
        scored = json.loads(subprocess.check_output(command))["summary"]
        pooled, alarms = scored["micro"], scored["false_alarms_per_1000_unchanged"]
        shown = ", ".join(f"{key} {'-' if pooled[key] is None else format(pooled[key], '.3f')}" for key in ("precision", "recall", "f1"))
        print(f"{set_}, {len(truth)} cases, {' '.join(settings)}: {shown}, false alarms per 1,000 {alarms or 0:.1f}")
        if set_ == "nezha":
            wanted("nezha: F1", pooled["f1"], 0.88)
            wanted("nezha: precision", pooled["precision"], 0.82)


def on_one_core(*command):
    """Seconds on the clock and of the processor."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["taskset", "--cpu-list", "0", *command], stdout=subprocess.DEVNULL, check=False)
    assert done.returncode in (0, 1), command
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = lambda usage: usage.ru_utime + usage.ru_stime
    return time.monotonic() - began, used(after) - used(before)


def speed(binaries, work):
    world = simulate(FIRST_SEED)
    file = f"{work}/speed.csv"
    write(world, file)
    rows = len(world.ms)
    compare = [f"{binaries}/onduty", "perf", "compare", file, "--rollout", str(ROLLOUT_MS), "--json"]
    wall, cpu = np.median([on_one_core(*compare) for _ in range(3)], axis=0)
    print(f"2,000 endpoints, {rows / 1e6:.1f} million rows, {os.path.getsize(file) / 1e6:.0f} MB, one core, median of 3:")
    print(f"  {wall:.2f} s on the clock, {cpu:.2f} s of the processor, {rows / cpu / 1e6:.1f} million rows a second")
    wanted("2,000 endpoints end to end, seconds on the clock", wall, 1.0, least=False)
    command = ["taskset", "--cpu-list", "0", f"{binaries}/examples/perf_speed", file, str(ROLLOUT_MS)]
    said = subprocess.check_output(command, text=True)
    os.remove(file)
    measured = {name: float(figure) for name, figure in (line.split() for line in said.splitlines())}
    of_rows, splitting = measured["rows_s"], measured["splitting_s"]
    print(f"  its rows into sketches: {of_rows:.2f} s of the processor; reading and splitting its bytes: {splitting:.2f} s")
    wanted("rows of a file, against reading and splitting its bytes", of_rows / splitting, 1.5, least=False)
    print(f"  and from file to verdicts: {cpu / splitting:.2f} times of splitting")
    sketches, array, places = (measured[f"into_{where}"] for where in ("sketches", "array", "places"))
    print(f"millions of requests a second into 2,000 sketches: {sketches / 1e6:.0f}; into an array: {array / 1e6:.0f};", end=" ")
    print(f"into an array at places known beforehand: {places / 1e6:.0f}")
    wanted("requests into sketches, against the same requests into an array", sketches / array, 0.5)
    wanted("the same, against an array whose places are known beforehand", sketches / places, 0.5)
    wanted("endpoints judged a second, all windows busy", measured["judged"], 50_000)
    _, seconds = otava(Day(world), OTAVA_TIMED)
    print(f"endpoints judged a second by Apache Otava: {1 / seconds:,.0f}")


if __name__ == "__main__":
    {"seeds": seeds, "real": real, "speed": speed}[sys.argv[1]](*sys.argv[2:])
    sys.exit(1 if missed else 0)
