"""usage: peers.py CLONE CASES OUT: what simpler rules answer, one file OUT.<rule> each.

newest-line   the author of the newest line of the frames, when it is younger than a year: the rule of error trackers
last          the authors of the newest commits to the files of the frames
"""

import datetime
import json
import re
import subprocess
import sys

YEAR = 365 * 86_400
BOT = re.compile(r"\[bot\]|(^|[-_ ])bot$|^(dependabot|renovate|github|web-flow|bors)", re.I)


def git(clone, *arguments):
    done = subprocess.run(["git", "-C", clone, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.decode("utf-8", "replace")


def newest_line(clone, case, at):
    found = []
    for frame in case["frames"]:
        line = str(frame["line"])
        text = git(clone, "blame", "-w", "--porcelain", "-L", f"{line},{line}", case["rev"], "--", frame["file"])
        fields = dict(re.findall(r"^(author|author-mail|committer-time) (.*)$", text, re.M))
        if "committer-time" in fields:
            found.append((int(fields["committer-time"]), fields["author"], fields["author-mail"].strip("<>")))
    found = [person for person in found if at - person[0] < YEAR and not BOT.search(person[1])]
    return [max(found)[1:]] if found else []


def last(clone, case):
    files = sorted({frame["file"] for frame in case["frames"]})
    text = git(clone, "log", "--no-merges", "-n200", "--format=%aN%x00%aE", case["rev"], "--", *files)
    people = [tuple(line.split("\0")) for line in text.splitlines()]
    return list(dict.fromkeys(person for person in people if not BOT.search(person[0])))[:5]


def main(clone, cases, out):
    rules = {"newest-line": newest_line, "last": lambda clone, case, _: last(clone, case)}
    with open(cases) as lines:
        asked = [json.loads(line) for line in lines]
    for rule, ask in rules.items():
        with open(f"{out}.{rule}", "w") as answers:
            for case in asked:
                at = datetime.datetime.fromisoformat(case["at"].replace("Z", "+00:00")).timestamp()
                ranked = [{"name": name, "email": email} for name, email in ask(clone, case, at)]
                print(json.dumps({"id": case["id"], "ranked": ranked}), file=answers)


main(*sys.argv[1:])
