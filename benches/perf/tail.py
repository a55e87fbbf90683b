"""usage: tail.py HOURS SEED...: how many tails that alone got slower a watch list would find, and what it finds wrongly.

Not part of onduty. Each request is looked at as far as it lies beyond SHARE of its endpoint, relative to the level of its
window and on the scale of logarithms, so that what makes all requests slower counts nothing; cut at CUT, because a time-out
must not weigh as much as a tail. The mean of that after the rollout is held against all other windows. Settings are given in
the environment: SHARE, CUT, FLOOR. `docs/design/perf.md` has the figures.
"""

import os
import sys

import numpy as np
import simulate as simulator
from scipy import stats

SHARE = float(os.environ.get("SHARE", 0.95))
CUT = float(os.environ.get("CUT", 0.995))
FLOOR = float(os.environ.get("FLOOR", 0.1))
USUAL = 1.0  # a tail that became twice as long is worth finding
RATE = 0.1  # of false discoveries
WORKING_DAYS = [0, -1, -2, -5, -6, -7]  # the rollout is on a Wednesday
AFTER, BLOCKS, PRIOR = 1, 12, 8.0


def quantiles(endpoint, values, shares, endpoints):
    order = np.lexsort((values, endpoint))
    start = np.searchsorted(endpoint[order], np.arange(endpoints))
    end = np.searchsorted(endpoint[order], np.arange(endpoints), "right")
    at = [np.clip(start + np.ceil(share * (end - start)).astype(int) - 1, 0, len(values) - 1) for share in shares]
    return [np.where(end > start, values[order][one], 0) for one in at]


def crowded(counts):
    """Blocks of a rush, as `level.rs` finds them."""
    usual = np.sort(counts, axis=2)[:, :, 4:5]
    found = np.zeros(counts.shape, bool)
    sums = np.concatenate([np.zeros((*counts.shape[:2], 1)), np.cumsum(counts, axis=2)], axis=2)
    for length in range(1, 5):
        expected = usual * length
        enough = expected + np.maximum(0.5 * expected, 3.5 * np.sqrt(expected))
        hit = (sums[:, :, length:] - sums[:, :, :-length] > enough) & (usual > 0)
        for at in range(length):
            found[:, :, at : at + hit.shape[2]] |= hit
    return found & (counts > usual)


def windows_of(world, hours):
    """Requests that were answered well: endpoint, window, block and logarithm."""
    length = 3_600_000 * hours
    window = np.full(len(world.ms), -1)
    block = np.zeros(len(world.ms), int)
    for day, back in enumerate(WORKING_DAYS):
        for side, offset in ((0, -length), (1, 600_000)):
            start = simulator.ROLLOUT_MS + back * simulator.DAY_MS + offset
            here = (world.at_ms >= start) & (world.at_ms < start + length)
            window[here] = 2 * day + side
            block[here] = (world.at_ms[here] - start) * BLOCKS // length
    kept = (window >= 0) & (world.status < 400)
    return world.endpoint[kept].astype(int), window[kept], block[kept], np.log(np.maximum(world.ms[kept], 1e-3))


def watched(world, hours):
    """Names whose tail became longer, with the share by which."""
    endpoints, count = len(world.names), 2 * len(WORKING_DAYS)
    endpoint, window, block, ln = windows_of(world, hours)
    place = (endpoint * count + window) * BLOCKS + block
    counts = np.bincount(place, minlength=endpoints * count * BLOCKS).reshape(endpoints, count, BLOCKS).astype(float)
    kept = ~crowded(counts).reshape(-1)[place]
    endpoint, window, ln = endpoint[kept], window[kept], ln[kept]
    place, others = endpoint * count + window, window != AFTER
    (cap,) = quantiles(endpoint[others], ln[others], [0.995], endpoints)
    n = np.bincount(place, minlength=endpoints * count).astype(float)
    level = np.bincount(place, np.minimum(ln, cap[endpoint]), minlength=endpoints * count) / np.maximum(n, 1)
    distance = ln - level[place]
    begins, cut = quantiles(endpoint[others], distance[others], [SHARE, CUT], endpoints)
    beyond = np.clip(np.minimum(distance, cut[endpoint]) - begins[endpoint], 0, None)
    table = lambda weights: np.bincount(place, weights, minlength=endpoints * count).reshape(endpoints, count)
    sums, squares, n = table(beyond), table(beyond**2), n.reshape(endpoints, count)

    rest = [at for at in range(count) if at != AFTER]
    all_ = n[:, rest].sum(1)
    mean = sums[:, rest].sum(1) / np.maximum(all_, 1)
    eligible = (n[:, AFTER] >= 50) & (all_ >= 200) & (mean > 1e-6) & ((n[:, rest] > 0).sum(1) >= 4)
    mean = np.where(eligible, mean, 1)
    variance = np.where(eligible, np.maximum(squares[:, rest].sum(1) / np.maximum(all_, 1) / mean**2 - 1, 1), 10)
    longer = sums / np.maximum(n, 1) / mean[:, None] - 1
    known = n[:, rest] >= 10
    surprise = np.where(known, n[:, rest] * longer[:, rest] ** 2 / variance[:, None], 0).sum(1)
    bursts = np.maximum((PRIOR + surprise) / (PRIOR + np.maximum(known.sum(1) - 1, 0)), 1)
    error = np.sqrt(variance * bursts * (1 / np.maximum(n[:, AFTER], 1) + 1 / np.maximum(all_, 1)))
    middle, upper = np.percentile((longer[:, AFTER] / error)[eligible], [50, 75])
    error *= np.sqrt(1 + FLOOR) * max(1, (upper - middle) / 0.6745)

    chance = stats.t.sf((longer[:, AFTER] - FLOOR) / error, PRIOR + 10)[eligible]
    power = np.maximum(stats.norm.sf(3.1 - (USUAL - FLOOR) / error), 0.01)[eligible]
    chance = np.minimum(chance * power.mean() / power, 1)
    order = np.argsort(chance)
    rates = np.minimum.accumulate((chance[order] * len(order) / np.arange(1, len(order) + 1))[::-1])[::-1]
    found = np.flatnonzero(eligible)[order[rates <= RATE]]
    return {world.names[at]: longer[at, AFTER] for at in found}


def main(hours, seeds):
    simulator.BEFORE, simulator.AFTER = 60 * hours, 60 * hours + 10
    simulator.MINUTES = simulator.BEFORE + simulator.AFTER
    tails = right = other = wrong = 0
    for seed in seeds:
        world = simulator.simulate(seed)
        kinds = {name: kind for name, (kind, _) in world.truth.regressed.items()}
        tails += sum(kind == "tail" for kind in kinds.values())
        for name, share in watched(world, hours).items():
            kind = kinds.get(name)
            right, other, wrong = right + (kind == "tail"), other + (kind in ("scale", "additive")), wrong + (kind is None)
            print(f"{seed} {name}: {kind or 'unchanged'}, {share:+.0%}", flush=True)
    print(f"{hours} h: {right} of {tails} tails, {other} other regressions, {wrong} wrong")


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(seed) for seed in sys.argv[2:]])
