"""usage: score.py FOLDER: a line per rule over FOLDER/<name>.cases and FOLDER/<name>.<rule>.

Right is a person with an address whose hash the case has. Members made five commits in the year before; the others
cannot be foreseen. Calibration: ten bins of the confidence of the first name.
"""

import glob
import hashlib
import json
import os
import sys


def read(file):
    with open(file) as lines:
        return [json.loads(line) for line in lines]


def rank(case, ranked):
    for place, person in enumerate(ranked[:5], 1):
        if hashlib.sha256(person["email"].strip().lower().encode()).hexdigest() in case["fixer"]["ids"]:
            return place
    return 0


def line(name, ranks):
    share = lambda most: 100 * sum(0 < place <= most for place in ranks) / len(ranks)
    mean = sum(1 / place for place in ranks if place) / len(ranks)
    return f"{name:42} n={len(ranks):4}  top-1 {share(1):5.1f} %  top-3 {share(3):5.1f} %  top-5 {share(5):5.1f} %  MRR {mean:.3f}"


def main(folder):
    names = sorted(os.path.basename(file)[: -len(".cases")] for file in glob.glob(f"{folder}/*.cases"))
    if not names:
        sys.exit("nothing was measured")
    sure, bare = [], 0
    for rule in ["onduty", "newest-line", "last", "codeowners"]:
        pooled, everybody, answered = [], [], 0
        for name in names:
            cases = read(f"{folder}/{name}.cases")
            answers = {answer["id"]: answer for answer in read(f"{folder}/{name}.{rule}")}
            ranks = [(case, rank(case, answers[case["id"]]["ranked"])) for case in cases]
            everybody += [place for _, place in ranks]
            answered += sum(bool(answers[case["id"]]["ranked"]) for case in cases)
            members = [place for case, place in ranks if case["member"]]
            pooled += members
            if rule == "onduty":
                print(line(f"onduty, {name}, members", members))
                for case, place in ranks:
                    people = answers[case["id"]]["ranked"]
                    bare += sum(not person["reasons"] for person in people)
                    if case["member"] and people:
                        sure.append((people[0]["p"], place == 1))
        print(line(f"{rule}, members", pooled))
        print(line(f"{rule}, all", everybody))
        if rule == "codeowners":
            print(f"{rule} names somebody who can be told from a team in {answered} of these cases")
    bins = [[(p, right) for p, right in sure if int(min(p, 0.999) * 10) == number] for number in range(10)]
    error = sum(abs(sum(p for p, _ in each) - sum(right for _, right in each)) for each in bins) / len(sure)
    high = [right for p, right in sure if p >= 0.75]
    print(f"expected calibration error {error:.3f} (at most 0.10)")
    print(f"p >= 0.75 on {100 * len(high) / len(sure):.1f} % of the cases (at least 8 %), right in {100 * sum(high) / max(len(high), 1):.1f} % of them (at least 75 %)")
    print(f"answers without a reason: {bare}")


main(*sys.argv[1:])
