"""usage: fit.py FOLDER [--with TRIAL,…] [--without TERM,…] [--each] [--l2 3] [--everybody] [--apart a,b,…]

Fits the weights of the ranking on FOLDER/<name>.terms (see `fit`) and prints the table of rank/weights.rs.

A conditional logit on the cases of members, without those whose fix stands on the fixer's own work; no weight below zero.
Figures are for each repository with weights from the other ones only, pooled over those of --apart (the labelled cases of
docs/benchmarks.md) and over the others. --with adds terms that were tried and not taken, --without leaves some out: what
that does to the figures is the measure of a term. --each prints a line for each trial on its own. --everybody fits on those
who are no members, too.
"""

import argparse
import glob
import json
import math
import os
import sys

import numpy
from scipy.optimize import minimize

APART = "sentry-python,tokio,treeherder,vector"


class Case:
    def __init__(self, told):
        self.is_member, self.is_own_work = told["member"], told["own_work"]
        self.values = numpy.zeros((told["people"], len(told["terms"])), dtype=numpy.float32)
        for column, (_, values) in enumerate(told["terms"]):
            for person, value in values:
                self.values[person, column] = value
        self.right = numpy.zeros(told["people"], dtype=bool)
        self.right[told["right"]] = True


def read(folder):
    cases = {}
    names = None
    for file in sorted(glob.glob(f"{folder}/*.terms")):
        with open(file) as lines:
            told = [json.loads(line) for line in lines]
        names = names or [name for name, _ in told[0]["terms"]]
        cases[os.path.basename(file)[: -len(".terms")]] = [Case(each) for each in told]
    return names, cases


def fit(cases, columns, l2):
    """Weights of `columns` under which those who made the fixes were the likeliest to."""
    groups = [(case.values[:, columns].astype(float), case.right) for case in cases if case.right.any()]

    def loss(weights):
        value, slope = l2 / 2 * weights @ weights, l2 * weights
        for values, right in groups:
            scores = values @ weights
            odds = numpy.exp(scores - scores.max())
            all_odds, right_odds = odds.sum(), (odds * right).sum()
            value += math.log(all_odds) - math.log(max(right_odds, 1e-300))
            slope = slope + values.T @ (odds / all_odds - odds * right / max(right_odds, 1e-300))
        return value, slope

    start, bounds = numpy.full(len(columns), 0.3), [(0, None)] * len(columns)
    return minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 300}).x


def ranked(case, columns, weights):
    """Where the fixer comes (0: not among five), and how sure the first name is."""
    scores = case.values[:, columns] @ weights
    order = numpy.argsort(-scores, kind="stable")
    odds = numpy.exp(scores - scores.max())
    place = next((place for place, person in enumerate(order[:5], 1) if case.right[person]), 0)
    loss = -math.log(max((odds * case.right).sum(), 1e-12) / odds.sum())
    return place, odds[order[0]] / odds.sum(), loss


def figures(results):
    places = [place for place, _, _ in results]
    share = lambda most: 100 * sum(0 < place <= most for place in places) / len(places)
    bins = [[(sure, place == 1) for place, sure, _ in results if int(min(sure, 0.999) * 10) == number] for number in range(10)]
    error = sum(abs(sum(sure for sure, _ in each) - sum(right for _, right in each)) for each in bins) / len(results)
    high = [place == 1 for place, sure, _ in results if sure >= 0.75]
    mean = sum(1 / place for place in places if place) / len(places)
    return (
        f"{share(1):4.1f} {share(3):4.1f} {share(5):4.1f} {mean:.3f} loss {sum(loss for *_, loss in results) / len(results):.3f}"
        f" ece {error:.3f} sure {100 * len(high) / len(results):4.1f} % right {100 * sum(high) / max(len(high), 1):3.0f} %"
    )


def training(cases, names, everybody):
    pooled = [case for name in names for case in cases[name]]
    return [case for case in pooled if (case.is_member or everybody) and not case.is_own_work]


def left_out(cases, columns, asked, apart):
    """Figures of --apart, of the others, with weights from the other repositories only."""
    results = {name: [] for name in cases}
    for name in cases:
        weights = fit(training(cases, [other for other in cases if other != name], asked.everybody), columns, asked.l2)
        results[name] = [ranked(case, columns, weights) for case in cases[name] if case.is_member]
    pooled = lambda which: [result for name in cases if (name in apart) == which for result in results[name]]
    return results, pooled(True), pooled(False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER")
    listed = lambda text: [word for word in text.split(",") if word]
    parser.add_argument("--with", dest="added", type=listed, default=[])
    parser.add_argument("--without", type=listed, default=[])
    parser.add_argument("--l2", type=float, default=3.0)
    parser.add_argument("--everybody", action="store_true")
    parser.add_argument("--each", action="store_true")
    parser.add_argument("--apart", type=listed, default=listed(APART))
    asked = parser.parse_args()
    names, cases = read(asked.folder)
    if len(cases) < 3:
        sys.exit("fewer than three repositories: there is nothing to leave out")
    known = [name for name in names if name[0].isupper()]
    for wrong in set(asked.added + asked.without) - set(names):
        sys.exit(f"there is no term {wrong}; there are {', '.join(names)}")
    taken = [name for name in known + asked.added if name not in asked.without]
    column = {name: number for number, name in enumerate(names)}
    columns = [column[name] for name in taken]
    results, apart, others = left_out(cases, columns, asked, asked.apart)
    if asked.each:
        print(f"{'':24} apart  {figures(apart)}\n{'':24} others {figures(others)}", flush=True)
        for trial in [name for name in names if name not in taken]:
            _, apart, others = left_out(cases, columns + [column[trial]], asked, asked.apart)
            weight = fit(training(cases, cases, asked.everybody), columns + [column[trial]], asked.l2)[-1]
            print(f"{trial:18} {weight:5.2f} apart  {figures(apart)}\n{'':24} others {figures(others)}", flush=True)
        return
    for name in cases:
        print(f"{name:14} {len(results[name]):4} {figures(results[name])}")
    print(f"{'apart':14} {len(apart):4} {figures(apart)}\n{'others':14} {len(others):4} {figures(others)}")
    used = training(cases, cases, asked.everybody)
    weights = fit(used, columns, asked.l2)
    for which in (True, False):
        seen = [ranked(case, columns, weights) for name in cases if (name in asked.apart) == which for case in cases[name] if case.is_member]
        print(f"{'apart' if which else 'others'}, with the weights below: {figures(seen)}")
    print(f"fitted on {len(used)} of {sum(map(len, cases.values()))} cases\n")
    for name, weight in zip(taken, weights):
        print(f"        Term::{name} => {weight:.2f},")


main()
