"""What simpler rules call slower, on the day of the rollout alone: `peers(day)` gives the names by effect for each rule.

Written from the published rules, not the products themselves; only Apache Otava is the installed package. All statuses,
an hour before against the 70 minutes after, unless the rule says otherwise. Each rule knows when the rollout was.

Kayenta     Mann-Whitney on means of minutes, interval of 98 %: its lower end is above a quarter of the Hodges-Lehmann
            estimate, and the mean rose (Netflix ACA judge)
Perfherder  medians of five minutes, 12 before and 12 after: t with weights that fall off linearly is above 7, and +2 %
Sentry      p95 of five minutes: Welch p < .01 and +10 %
"""

import time

import numpy as np
from scipy import stats
from simulate import BEFORE, MINUTE_MS, MINUTES, ROLLOUT_MS

WARM_UP = 10  # minutes


class Day:
    """The day of the rollout, by endpoint and in the order of time."""

    def __init__(self, world):
        today = np.flatnonzero(world.at_ms >= ROLLOUT_MS - BEFORE * MINUTE_MS)
        endpoint = world.endpoint[today]
        today = today[np.argsort(endpoint, kind="stable")]
        self.names = world.names
        self.minute = ((world.at_ms[today] - ROLLOUT_MS) // MINUTE_MS + BEFORE).astype(int)
        self.ms = world.ms[today]
        ends = np.searchsorted(world.endpoint[today], np.arange(len(world.names) + 1))
        self.parts = [slice(*pair) for pair in zip(ends, ends[1:])]

    def sides(self, warm_up=0):
        """Durations before and after, where there are some of both."""
        for name, part in zip(self.names, self.parts):
            minute, ms = self.minute[part], self.ms[part]
            before, after = ms[minute < BEFORE], ms[minute >= BEFORE + warm_up]
            if min(len(before), len(after)) >= 2:
                yield name, before, after

    def steps(self, minutes, statistic):
        """A statistic of each step of some minutes, NaN without requests: the steps before, and those after."""
        for name, part in zip(self.names, self.parts):
            step, ms = self.minute[part] // minutes, self.ms[part]
            ends = np.searchsorted(step, np.arange(MINUTES // minutes + 1))
            values = [statistic(ms[low:high]) if high > low else np.nan for low, high in zip(ends, ends[1:])]
            yield name, np.array(values[: BEFORE // minutes]), np.array(values[BEFORE // minutes :])


def known(*sides):
    return [side[~np.isnan(side)] for side in sides]


def discoveries(p, rate):
    """Benjamini and Hochberg: which p values are discoveries at this rate of false ones."""
    order = np.argsort(p)
    passed = np.flatnonzero(p[order] <= rate * np.arange(1, len(p) + 1) / len(p))
    return p <= (p[order][passed[-1]] if len(passed) else -1)


def tested(day, test, warm_up=0, least=1.0):
    """Two rules of a test on all requests: p < .01, and a false discovery rate of 5 %."""
    names, p, effect = [], [], []
    for name, before, after in day.sides(warm_up):
        value, ratio = test(before, after)
        names.append(name), p.append(value), effect.append(ratio)
    p, effect = np.array(p), np.array(effect)
    rules = []
    for passed in (p < 0.01, discoveries(p, 0.05)):
        rules.append({names[at]: effect[at] for at in np.flatnonzero(passed & (effect > least))})
    return rules


def welch(before, after):
    return stats.ttest_ind(after, before, equal_var=False).pvalue, after.mean() / before.mean()


def mann_whitney(before, after):
    p = stats.mannwhitneyu(after, before, method="asymptotic").pvalue
    return p, np.median(after) / np.median(before)


def mann_whitney_ranks(before, after):
    """The effect is that of the test itself: the odds that a request after takes longer than one before."""
    test = stats.mannwhitneyu(after, before, method="asymptotic")
    above = test.statistic / (len(before) * len(after))
    return test.pvalue, above / (1 - above) if above < 1 else np.inf


def kayenta(day):
    found = {}
    for name, before, after in day.steps(1, np.mean):
        before, after = known(before, after)
        if min(len(before), len(after)) < 2:
            continue
        m, n = len(after), len(before)
        differences = np.sort((after[:, None] - before[None, :]).ravel())
        spread = np.sqrt(m * n * (m + n + 1) / 12)
        low = int(np.floor(m * n / 2 - stats.norm.ppf(0.99) * spread))
        ratio = after.mean() / before.mean()
        if low >= 1 and differences[low - 1] > 0.25 * abs(np.median(differences)) and ratio >= 1:
            found[name] = ratio
    return found


def perfherder(day):
    found, points = {}, 12
    weights = np.arange(points, 0, -1) / points
    for name, before, after in day.steps(5, np.median):
        before, after = known(before, after)
        before, after = before[::-1][:points], after[:points]  # the nearest to the rollout weigh most
        if min(len(before), len(after)) < points:
            continue
        means = [np.average(side, weights=weights) for side in (before, after)]
        variances = [((side - mean) ** 2).sum() / (points - 1) for side, mean in zip((before, after), means)]
        t = (means[1] - means[0]) / np.sqrt(sum(variances) / points)
        ratio = after.mean() / before.mean()
        if t > 7 and ratio >= 1.02:
            found[name] = ratio
    return found


def sentry(day):
    found = {}
    for name, before, after in day.steps(5, lambda ms: np.percentile(ms, 95)):
        before, after = known(before, after)
        if min(len(before), len(after)) < 2:
            continue
        p, ratio = welch(before, after)
        if p < 0.01 and ratio >= 1.1:
            found[name] = ratio
    return found


def ratio_of_means(day):
    ratios = {name: after.mean() / before.mean() for name, before, after in day.sides()}
    return {name: ratio for name, ratio in ratios.items() if ratio > 1.2}


def otava(day, most=None):
    """With the seconds that each of its endpoints took; of `most` endpoints only."""
    from otava.series import AnalysisOptions, Metric, Series

    options = AnalysisOptions()
    options.max_pvalue = 0.001
    found, asked, began = {}, 0, time.process_time()
    # Our medians are not its time.
    steps = list(day.steps(1, np.median))[:most]
    began = time.process_time()
    for name, before, after in steps:
        values = [None if np.isnan(value) else float(value) for value in np.concatenate([before, after])]
        if sum(value is not None for value in values) < 2:
            continue
        asked += 1
        series = Series(name, None, list(range(MINUTES)), {"p50": Metric()}, {"p50": values}, {})
        near = [
            change.forward_change_percent()
            for change in series.analyze(options).change_points["p50"]
            if -3 <= change.index - BEFORE <= 15 and change.forward_change_percent() > 0
        ]
        if near:
            found[name] = max(near)
    return found, (time.process_time() - began) / max(asked, 1)


def peers(day):
    """Name to effect of what is called slower, by rule."""
    by_welch, by_welch_rate = tested(day, welch)
    by_ranks, by_ranks_rate = tested(day, mann_whitney_ranks)
    _, careful = tested(day, mann_whitney, WARM_UP, 1.1)
    return {
        "mean ratio > 1.2": ratio_of_means(day),
        "Welch t, p < .01": by_welch,
        "Welch t, BH 5 %": by_welch_rate,
        "Mann-Whitney, p < .01": by_ranks,
        "Mann-Whitney, BH 5 %": by_ranks_rate,
        "… after a warm-up, median +10 %": careful,
        "Kayenta's rule": kayenta(day),
        "Sentry's rule": sentry(day),
        "Perfherder's rule": perfherder(day),
    }
