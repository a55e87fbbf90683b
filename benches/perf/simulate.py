"""A week of requests around a rollout, with everything that misleads a comparison of before and after.

`simulate(seed)` gives the requests and the truth. Each confounder has its constants beside it. The truth names the
endpoints that really got slower, and those of them that an hour of traffic can show ("detectable": the mean of the
logarithm moved by the floor of 5 % and four standard errors of sampling).
"""

import math
from dataclasses import dataclass, field

import numpy as np

ENDPOINTS = 2000
NEW_ENDPOINTS = 5
GROUPS = 12
REQUESTS_PER_SECOND = 150.0
BEFORE, AFTER = 60, 70  # minutes
DAYS_BACK = 7  # of which five are working days
# Wednesday, 4 March 2026, 16:00 UTC
ROLLOUT_MS = 1_772_640_000_000
DAY_MS = 86_400_000
MINUTE_MS = 60_000
MINUTES = BEFORE + AFTER


@dataclass
class Truth:
    regressed: dict = field(default_factory=dict)  # name -> (kind, share)
    detectable: set = field(default_factory=set)
    improved: set = field(default_factory=set)
    mixed: set = field(default_factory=set)
    new: set = field(default_factory=set)
    added_seconds: dict = field(default_factory=dict)


@dataclass
class World:
    """Requests, sorted by time: `at_ms`, number of the `endpoint`, `ms`, `status`; `names` by number."""

    names: list
    at_ms: np.ndarray
    endpoint: np.ndarray
    ms: np.ndarray
    status: np.ndarray
    truth: Truth


def ar1(rng, rows, columns, sd, memory):
    """Rows of noise in which each minute remembers the one before."""
    noise = rng.normal(0, 1, (rows, columns))
    for column in range(1, columns):
        noise[:, column] = memory * noise[:, column - 1] + math.sqrt(1 - memory**2) * noise[:, column]
    return noise * np.asarray(sd).reshape(-1, 1)


def simulate(seed, rollout=True, requests_per_second=REQUESTS_PER_SECOND):
    rng = np.random.default_rng(seed)
    n = ENDPOINTS + NEW_ENDPOINTS
    group = rng.integers(0, GROUPS, n)
    names = [f"svc{group[e]:02d}|GET /r{e}" for e in range(n)]
    weights = 1 / np.arange(1, ENDPOINTS + 1)
    rate = np.zeros(n)
    rate[:ENDPOINTS] = rng.permutation(weights / weights.sum()) * requests_per_second * 60
    new = np.arange(ENDPOINTS, n)

    base = rng.normal(math.log(60), 0.9, n)
    sigma = rng.uniform(0.35, 1.0, n)
    misses = np.where(rng.random(n) < 0.3, rng.uniform(0.05, 0.25, n), 0)  # cache misses: share and factor
    miss_factor = rng.uniform(3, 8, n)
    tail = rng.uniform(0.002, 0.01, n)  # share with a Pareto tail
    timeouts = 0.0003
    minute_sd = rng.uniform(0.02, 0.08, n)
    wander_sd = rng.uniform(0.01, 0.05, n)
    group_sd = rng.uniform(0.02, 0.06, GROUPS)
    day_sd = rng.uniform(0.01, 0.06, n)
    season = rng.normal(0, 0.05, n)  # what the hours after the rollout are like each day
    job = np.where(rng.random(n) < 0.05, rng.uniform(0.15, 0.6, n), 0)  # a job that runs each day in those hours
    job_start = rng.integers(BEFORE - 5, BEFORE + 30, n)
    traffic_season = rng.normal(0.0, 0.1, n)
    errors = rng.uniform(0.0, 0.02, n)

    per_hour = rate * 60
    busy = np.flatnonzero(per_hour[:ENDPOINTS] >= 100)
    truth = Truth()
    shift = np.zeros(n)  # persistent, of all rollouts so far
    all_at, all_endpoint, all_ms, all_status = [], [], [], []
    for day in range(-DAYS_BACK, 1):
        weekday = (2 + day) % 7  # today is a Wednesday
        working = weekday < 5
        today = day == 0
        has_rollout = working and (rollout or not today)
        volume = (1.0 if working else 0.45) * math.exp(rng.normal(0, 0.05))
        minutes = np.arange(MINUTES)
        after = minutes >= BEFORE
        ln_rate = np.log(np.maximum(rate, 1e-12))[:, None] + math.log(volume) + traffic_season[:, None] * after
        level = base[:, None] + np.zeros(MINUTES)
        level = level + season[:, None] * after + ar1(rng, n, MINUTES, minute_sd, 0.7)
        walk = np.cumsum(rng.normal(0, 1, (n, MINUTES)), axis=1) / math.sqrt(MINUTES)
        level += wander_sd[:, None] * walk + day_sd[:, None] * rng.normal(0, 1, (n, 1))
        level += (ar1(rng, GROUPS, MINUTES, group_sd, 0.95) + rng.normal(0, 0.05, (GROUPS, 1)))[group]
        running = (minutes >= job_start[:, None]) & (minutes < job_start[:, None] + 40)
        level += np.log1p(job)[:, None] * running
        if not working:
            level -= 0.1  # an idle machine is quicker

        scale = np.ones(n)
        add = np.zeros(n)
        slow_tail = np.ones(n)
        mixed = np.zeros(n, bool)
        is_new = np.zeros(n, bool)
        if has_rollout:
            cold = rng.uniform(1.3, 2.5, n) * (rng.random(n) < 0.7)
            cold_minutes = (minutes >= BEFORE) & (minutes < BEFORE + 5)
            level += np.log(np.maximum(cold, 1))[:, None] * cold_minutes
        if has_rollout and not today:
            # Earlier rollouts: some endpoints got slower or faster for good.
            moved = rng.choice(ENDPOINTS, 40, replace=False)
            step = rng.uniform(0.1, 0.7, 40) * np.where(rng.random(40) < 0.5, 1, -0.6)
            level[moved] += np.log1p(step)[:, None] * after
        if today:
            # A slow day: all day, or from a moment of its own.
            slow = rng.uniform(0.08, 0.25)
            onset = 0 if rng.random() < 0.5 else rng.integers(10, MINUTES - 20)
            level += math.log1p(slow) * (minutes >= onset)
            # A quarter of an hour with two or three times the traffic, and queues.
            spiking = rng.random(n) < 0.3
            start = rng.integers(BEFORE + 5, MINUTES - 15)
            spike = (minutes >= start) & (minutes < start + 15)
            ln_rate += np.log(np.where(spiking, rng.uniform(2, 3, n), 1))[:, None] * spike
            level += np.log(np.where(spiking, rng.uniform(1.2, 1.8, n), 1))[:, None] * spike
        if today and rollout:
            chosen = rng.choice(busy, 60, replace=False)
            worse, better, other = chosen[:20], chosen[20:40], chosen[40:]
            for at, endpoint in enumerate(worse):
                kind = "scale" if at < 12 else "additive" if at < 16 else "tail"
                share = rng.uniform(0.10, 1.0)
                truth.regressed[names[endpoint]] = (kind, share)
                if kind == "scale":
                    scale[endpoint] = 1 + share
                elif kind == "additive":
                    add[endpoint] = share * math.exp(base[endpoint])
                else:
                    slow_tail[endpoint] = 1 + 4 * share
            scale[better] = 1 / (1 + rng.uniform(0.1, 1.0, 20))
            truth.improved = {names[e] for e in better}
            mixed[other] = True
            truth.mixed = {names[e] for e in other}
            is_new[new] = True
            truth.new = {names[e] for e in new}

        intensity = np.exp(ln_rate) * (rate > 0)[:, None]
        if is_new.any():
            intensity[new] = (rng.uniform(1, 20, NEW_ENDPOINTS) * volume)[:, None] * after
        counts = rng.poisson(intensity)
        cells = np.repeat(np.arange(n * MINUTES), counts.ravel())
        endpoint, minute = cells // MINUTES, cells % MINUTES
        k = len(cells)
        ln_ms = level[endpoint, minute] + shift[endpoint] + sigma[endpoint] * rng.normal(0, 1, k)
        missed = rng.random(k) < misses[endpoint]
        ms = np.exp(ln_ms) * np.where(missed, miss_factor[endpoint], 1)
        heavy = rng.random(k) < tail[endpoint]
        ms = np.where(heavy, ms * (1 + rng.pareto(1.5, k)) * 3, ms)
        status = np.full(k, 200)
        failed = rng.random(k) < errors[endpoint]
        late = minute >= BEFORE
        plain = ms.copy()
        if today and rollout:
            changed = late & ~failed
            ms = np.where(changed, ms * scale[endpoint] + add[endpoint], ms)
            in_tail = rng.random(k) < 0.05
            ms = np.where(changed & in_tail, ms * slow_tail[endpoint], ms)
            more = rng.random(k) < 0.25
            failed |= late & mixed[endpoint] & more
        # What fails fails quickly with 4xx or slowly with 5xx; the mix moves the mean of all, not of those that succeed.
        quick = rng.random(k) < 0.5
        status[failed] = np.where(quick[failed], 404, 500)
        ms[failed] = np.where(quick[failed], ms[failed] * 0.2, ms[failed] * 3)
        out = rng.random(k) < timeouts
        ms[out], status[out] = 30_000, 504
        at = ROLLOUT_MS + day * DAY_MS + (minute - BEFORE) * MINUTE_MS + rng.integers(0, MINUTE_MS, k)
        if today and rollout:
            ok = late & (status < 400) & (minute >= BEFORE + 10)
            for name in truth.regressed:
                e = names.index(name)
                mine = ok & (endpoint == e)
                count = int(mine.sum())
                if count < 2:
                    continue
                moved = np.log(ms[mine]) - np.log(plain[mine])
                error = math.sqrt(2) * np.log(plain[mine]).std() / math.sqrt(count)
                if moved.mean() >= math.log(1.05) + 4 * error:
                    truth.detectable.add(name)
                truth.added_seconds[name] = float((ms[mine] - plain[mine]).sum() / 1000)
        if has_rollout and not today:
            shift[moved] += np.log1p(step)
        all_at.append(at)
        all_endpoint.append(endpoint.astype(np.int32))
        all_ms.append(np.minimum(ms, 60_000))
        all_status.append(status.astype(np.int16))
    at = np.concatenate(all_at)
    order = np.argsort(at, kind="stable")
    join = lambda parts: np.concatenate(parts)[order]
    return World(names, at[order], join(all_endpoint), join(all_ms), join(all_status), truth)


def write(world, path):
    """The requests as a file for `onduty perf compare`."""
    import pyarrow as pa
    import pyarrow.csv as csv

    names = pa.DictionaryArray.from_arrays(pa.array(world.endpoint), pa.array(world.names)).cast(pa.string())
    table = pa.table(
        {
            "timestamp_ms": world.at_ms,
            "endpoint": names,
            "duration_ms": np.round(world.ms, 3),
            "status": world.status,
        }
    )
    csv.write_csv(table, path, csv.WriteOptions(quoting_style="none"))
