"""usage: measure.py ONDUTY WORK reduced|full: the figures of `benches/plan/run`, which see."""

import copy
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter

DATA = os.environ.get("ONDUTY_SHARED", "../shared") + "/data/schedule"
sys.path[:0] = [DATA, os.path.dirname(__file__)]
import baselines  # noqa: E402
import check  # noqa: E402
import cpsat  # noqa: E402
import gen  # noqa: E402
from limits import missed, wanted  # noqa: E402

onduty, work, mode = sys.argv[1:4]
full = mode == "full"


def solve(raw, seed=0):
    """A plan, its score by check.py, and seconds of wall and processor; a plan that breaks a rule is an error."""
    file = f"{work}/instance.json"
    with open(file, "w") as out:
        json.dump(raw, out)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([onduty, "plan", "solve", file, "--seed", str(seed)], capture_output=True, text=True, check=True)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    plan = json.loads(done.stdout)
    judged = check.evaluate(check.Instance(raw), plan)
    if judged["violations"]:
        raise RuntimeError(f"{raw['name']}: {judged['violations'][:3]}")
    return plan, judged["score"], wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def show(what, score, seconds, more=""):
    print(f"  {what:24} {' '.join(f'{level:>7,}' for level in score)}  {seconds:6.2f} s  {more}", flush=True)


def proven(plan):
    return f"proven: {sum(level['proven'] for level in plan['levels'].values())} of 7"


def known():
    """d1 to d6 beside CP-SAT with the same seconds and the rules of other tools."""
    with open(f"{DATA}/reference.json") as file:
        reference = json.load(file)
    for name, best in reference.items():
        with open(f"{DATA}/{name}.json") as file:
            raw = json.load(file)
        print(f"{name}, {best['people']} people, {best['slots']} slots; best known {best['best']}")
        for seed in range(5 if full else 1):
            plan, score, wall, cpu = solve(raw, seed)
            show(f"onduty, seed {seed}", score, wall, proven(plan))
            for level in range(3):
                wanted(f"{name} seed {seed}: {check.LEVELS[level]}", score[level], best["best"][level])
            wanted(f"{name} seed {seed}: fair_max", score[3], best["best"][3] + 500)
            wanted(f"{name} seed {seed}: spacing", score[5], best["best"][5] + 5)
            wanted(f"{name} seed {seed}: seconds of processor", cpu, 2)
            if best["proven_optimal"]:
                wanted(f"{name} seed {seed}: levels above the proven optimum", int(score > best["best"]), 0)
        for seconds in [wall, 60.0] if full else [wall]:
            answer, levels, spent = cpsat.solve(raw, seconds)
            if answer is None:
                print(f"  CP-SAT, {seconds:.1f} s: nothing found")
                continue
            judged = check.evaluate(check.Instance(raw), answer)
            hard = [violation for violation in judged["violations"] if not violation.startswith("H9")]
            show("CP-SAT, one worker", judged["score"], spent, f"proven: {sum(levels)} of 7" + (f", {len(hard)} violations" if hard else ""))
        inst = check.Instance(raw)
        for rule, plan_of in baselines.ALL.items():
            judged = check.evaluate(inst, plan_of(inst))
            show(rule, judged["score"], 0, f"{len(judged['violations'])} violations")


DOMAINS = ["web", "mobile", "data", "infra", "api"]


def thousand(seed, joiners, leavers):
    def members(rng, i, n):
        own = DOMAINS[i % 5]
        return {own: 700, rng.choice([d for d in DOMAINS if d != own]): 300} if rng.random() < 0.25 else {own: 1000}

    def skills(rng, i, n):
        return sorted({DOMAINS[i % 5]} | ({"rollout"} if rng.random() < 0.8 else set()))

    duties = [gen.duty(d, requires="rollout" if d == "web" else None) for d in DOMAINS]
    return gen.make(
        f"thousand-{seed}", seed, "2026-01-05", 53, duties, 1000, joiners=joiners, leavers=leavers, members=members, skills=skills,
        countries=("FR", "DE", "US"), require_instants=True, require_explanations=True, carry=0.1,
    )


def large():
    """A thousand people, 1,280 slots; nothing uncovered that is not proven to be."""
    for seed, joiners, leavers in [(1, 30, 20), (2, 200, 100)]:
        raw = thousand(seed, joiners, leavers)
        plan, score, wall, cpu = solve(raw)
        print(f"{len(raw['people'])} people, {len(check.Instance(raw).slots)} slots, {joiners} joiners, {leavers} leavers")
        show("onduty", score, wall, proven(plan))
        wanted("a thousand people: seconds", wall, 60)
        wanted("a thousand people: uncovered, not proven", score[0] - plan["levels"]["uncovered"]["at_least"], 0)


def sizes():
    """A year with rosters of many sizes, without leave: shares and days of the week."""
    rows = []
    for people in range(2, 201) if full else [2, 3, 5, 8, 12, 20, 40, 80, 200]:
        raw = gen.make(f"{people}", people, "2026-01-05", 52, [gen.duty("eng")], people, leave=False, part_time=0, managers=0, history=False, avoid=0)
        plan, _, _, _ = solve(raw)
        turns = Counter(row["person"] for row in plan["assignments"])
        days = Counter((row["person"], check.D(row["date"]).isoweekday()) for row in plan["assignments"])
        names, share = [p["id"] for p in raw["people"]], len(plan["assignments"]) / people
        off = max(abs(turns[name] - share) for name in names)
        spread = max(max(days[name, d] for d in range(1, 6)) - min(days[name, d] for d in range(1, 6)) for name in names)
        rows.append((people, min(turns[name] for name in names), off, spread))
    print("people, fewest turns, farthest from the share, weekday spread:", *(f"{n}:{low}/{off:.2f}/{spread}" for n, low, off, spread in rows))
    wanted("rosters in which somebody never serves", sum(low == 0 for _, low, _, _ in rows), 0)
    wanted("farthest from the share, in turns", max(off for _, _, off, _ in rows), 1)
    wanted("weekday spread, from 20 people", max(spread for n, _, _, spread in rows if n >= 20), 2)


def stability():
    """One person joins, leaves or is ill: shifts that move, beside the least that there can be and the other tools run again."""
    for seed in range(5 if full else 2):
        base = gen.make(f"stable-{seed}", 400 + seed, "2026-01-05", 13, [gen.duty("eng")], 20, as_of="2026-01-05")
        plan, _, _, _ = solve(base)
        seen = [{k: row[k] for k in ("date", "duty", "person")} for row in plan["assignments"]]
        for event in ["joins", "leaves", "is ill"]:
            raw = copy.deepcopy(base)
            raw.update(published=seen, as_of="2026-01-26")
            raw["rules"]["freeze_until"] = "2026-01-26"
            who = next(row["person"] for row in seen if row["date"] == "2026-01-28")
            if event == "joins":
                new = copy.deepcopy(raw["people"][0])
                new.update(id="new", employed=["2026-02-02", None], joiner=True, experienced=False, history=[], leave=[], avoid_dates=[], carry={})
                raw["people"].append(new)
            elif event == "leaves":
                next(p for p in raw["people"] if p["id"] == who)["employed"][1] = "2026-01-27"
            else:
                gen.add_leave(raw, who, "2026-01-27", "2026-02-06", "sick")
            replan, score, wall, _ = solve(raw)
            now = {(row["date"], row["duty"]): row["person"] for row in replan["assignments"]}
            moved = sum(now.get((row["date"], row["duty"])) != row["person"] for row in seen)
            # The least number of points of change is proven by onduty's bound, or by CP-SAT; else it is a bound that may not be reached.
            change = replan["levels"]["change_cost"]
            least, is_proven = change["at_least"], change["proven"]
            if not is_proven:
                answer, levels, _ = cpsat.solve(raw, 20)
                if sum(levels) >= 3:
                    least, is_proven = check.evaluate(check.Instance(raw), answer)["score"][2], True
            least_is = f"proven least {least}" if is_proven else f"at least {least}, unproven"
            inst, others = check.Instance(raw), []
            for rule, plan_of in baselines.ALL.items():
                got = {(row["date"], row["duty"]): row["person"] for row in plan_of(inst)["assignments"]}
                others.append(f"{rule} {sum(got.get((row['date'], row['duty'])) != row['person'] for row in seen)}")
            print(f"one person {event}: {moved} of {len(seen)} shifts move, change {score[2]}, {least_is}; {', '.join(others)}")
            wanted(f"one person {event}: change above the least", score[2] - least, 0)


for part in (known, large, sizes, stability):
    part()
sys.exit(1 if missed else 0)
