"""usage: peers.py CLONE CASES OUT: what simpler rules answer, one file OUT.<rule> each.

newest-line   the author of the newest line of the frames, when it is younger than a year: the rule of error trackers
last          the authors of the newest commits to the files of the frames
codeowners    whom GitHub's CODEOWNERS at the revision names for the first of the files; a login is who signed with
              GitHub's private address for it, and who is in a team is not public
"""

import datetime
import functools
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


@functools.cache
def logins(clone):
    """Who signed with GitHub's private address of a login, the newest name and address."""
    people = {}
    for line in git(clone, "log", "--reverse", "--format=%aN%x00%aE").splitlines():
        name, _, email = line.partition("\0")
        user, _, host = email.partition("@")
        if host == "users.noreply.github.com":
            people[user.rpartition("+")[2].lower()] = (name, email)
    return people


@functools.cache
def owner_rules(clone, rev):
    for place in (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"):
        lines = [line.split("#")[0].split() for line in git(clone, "show", f"{rev}:{place}").splitlines()]
        rules = [(owned(line[0]), line[1:]) for line in lines if line]
        if rules:
            return rules
    return []


def owned(pattern):
    """A pattern of GitHub as a regular expression."""
    body = re.escape(pattern.strip("/")).replace(r"\*\*/", "(?:.*/)?").replace(r"\*\*", ".*").replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    start = "" if "/" in pattern.rstrip("/") else "(?:.*/)?"
    # `docs/*` stays in its folder.
    end = "/.+" if pattern.endswith("/") else "" if pattern.endswith("/*") else "(?:/.*)?"
    return re.compile(start + body + end)


def codeowners(clone, case, _at):
    for frame in case["frames"]:
        matched = [owners for pattern, owners in owner_rules(clone, case["rev"]) if pattern.fullmatch(frame["file"])]
        if matched and matched[-1]:
            known = [logins(clone).get(owner[1:].lower()) if owner[0] == "@" else (owner, owner) for owner in matched[-1]]
            return [person for person in known if person]
    return []


def main(clone, cases, out):
    rules = {"newest-line": newest_line, "last": lambda clone, case, _: last(clone, case), "codeowners": codeowners}
    with open(cases) as lines:
        asked = [json.loads(line) for line in lines]
    for rule, ask in rules.items():
        with open(f"{out}.{rule}", "w") as answers:
            for case in asked:
                at = datetime.datetime.fromisoformat(case["at"].replace("Z", "+00:00")).timestamp()
                ranked = [{"name": name, "email": email} for name, email in ask(clone, case, at)]
                print(json.dumps({"id": case["id"], "ranked": ranked}), file=answers)


main(*sys.argv[1:])
