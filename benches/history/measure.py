"""usage: measure.py CLONE BINARIES WORK: the figures of one clone, a line each, with the limit and whether it is met.

What is asked is drawn at random with a fixed seed from the text files at HEAD. Standard library only.
"""

import collections
import contextlib
import glob
import json
import os
import random
import subprocess
import sys
import threading
import time

QUESTIONS = 200  # of 50 frames in 20 files
FRAMES, FILES = 50, 20
SAMPLED, PER_FILE = 5_000, 20
STARTS = 20
PUSHED, PUSHES = 10, 10
GIT_QUESTIONS = 3  # each takes git seconds
LONGEST = 20_000  # lines of a file that is asked about

clone, binaries, work = sys.argv[1:]
name = os.path.basename(clone.rstrip("/"))
chance = random.Random(20261126)
missed = []


def say(what, figure, limit="", met=True):
    verdict = "" if not limit else "met" if met else "MISSED"
    print(f"{name:12} {what:62} {figure:>26}  {limit:22} {verdict}", flush=True)
    if not met:
        missed.append(what)


def git(*arguments, check=True):
    done = subprocess.run(["git", "-C", clone, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=check)
    return done.stdout.decode("utf-8", "replace")


def timed(*arguments):
    """Seconds until git has said everything; it is read and thrown away, as it would have to be."""
    started = time.monotonic()
    with subprocess.Popen(["git", "-C", clone, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        while child.stdout.read(1 << 20):
            pass
    assert child.returncode == 0, arguments
    return time.monotonic() - started


def memory(process, field):
    """MB of `process`: `VmHWM` is the most that it ever had, `RssAnon` what it has now, without files that it maps."""
    try:
        with open(f"/proc/{process}/status") as status:
            found = [line for line in status if line.startswith(field)]
        return int(found[0].split()[1]) / 1024
    except (OSError, IndexError):
        return 0  # it is over


def children(process):
    found = []
    for file in glob.glob(f"/proc/{process}/task/*/children"):
        with contextlib.suppress(OSError), open(file) as listed:
            found += listed.read().split()
    return found


def watched(command, given=""):
    """What `command` prints, the most memory that its own process had, and that without mapped files with its gits."""
    environment = {**os.environ, "RUST_LOG": "off"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as child:
        peak = [0, 0]

        def watch():
            while child.poll() is None:
                peak[0] = max(peak[0], memory(child.pid, "VmHWM"))
                peak[1] = max(peak[1], sum(memory(process, "RssAnon") for process in [child.pid, *children(child.pid)]))
                time.sleep(0.02)

        watching = threading.Thread(target=watch)
        watching.start()
        out, _ = child.communicate(given.encode("utf-8", "surrogateescape"))
        watching.join()
    assert child.returncode == 0, command[0]
    return out.decode().splitlines(), *peak


def history_lines(index, revisions, asked=()):
    """What the example prints: its log, what each revision took, its answers; and its memory in MB."""
    command = [f"{binaries}/examples/history_lines", clone, index, *revisions]
    lines, *peak = watched(command, "".join(f"{line} {path}\n" for line, path in asked))
    objects = [json.loads(line) for line in lines if line.startswith("{")]
    logged = [line["fields"] for line in objects if "fields" in line]
    return logged, [line for line in objects if "ms" in line], [line for line in lines if not line.startswith("{")], peak


def owner(index, cases):
    file = f"{work}/{name}.cases"
    with open(file, "w") as out:
        for case in cases:
            out.write(json.dumps(case) + "\n")
    started = time.monotonic()
    lines, peak, _ = watched([f"{binaries}/onduty", "owner", "--repo", clone, "--cases", file, "--index", index])
    took = time.monotonic() - started
    answers = [json.loads(line) for line in lines]
    # A refusal is fast, and no answer.
    assert len(answers) == len(cases) and all(answer["ranked"] and "error" not in answer for answer in answers)
    return answers, took, peak


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def text_files(revision):
    """Paths with their number of lines, by git's own idea of what a text is."""
    empty = git("hash-object", "-t", "tree", os.devnull).strip()
    found = {}
    for line in git("diff", "--numstat", "-z", "--no-renames", empty, revision).split("\0"):
        fields = line.split("\t", 2)
        if len(fields) == 3 and fields[0].isdigit() and 1 <= int(fields[0]) <= LONGEST and "\n" not in fields[2]:
            found[fields[2]] = int(fields[0])
    return found


def question(number, files, head, at):
    names = chance.sample(sorted(files), FILES)
    frames = [{"file": file, "line": chance.randint(1, files[file])} for file in names + chance.choices(names, k=FRAMES - FILES)]
    return {"id": str(number), "rev": head, "at": at, "frames": frames}


def built(head, commits):
    index = f"{work}/{name}.history"
    logged, took, _, (peak, together) = history_lines(index, [head])
    # The log prints large numbers as texts.
    names = next(int(fields["names_ms"]) / 1e3 for fields in logged if "names_ms" in fields)
    lines = took[0]["ms"] / 1e3
    assert took[0]["commits"] == commits
    by_git = timed("log", "--name-status", "--format=%H%n%an%n%ae%n%ct%n%B", head)
    rate = commits / names
    say("names of the whole history, commits a second", f"{rate:,.0f}", "at least 10,000", rate >= 10_000)
    say("... against git log --name-status, seconds", f"{names:.2f} / {by_git:.2f} = {names / by_git:.2f}")
    by_git = timed("log", "-p", "-U0", "--format=%H", head)
    rate = commits / lines
    say("names, lines and the index kept, commits a second", f"{rate:,.0f}", "at least 1,000", rate >= 1_000)
    say("... against git log -p -U0, seconds", f"{lines:.1f} / {by_git:.1f} = {lines / by_git:.2f}")
    say("most memory of onduty while it is made", f"{peak:.0f} MB", "under 300 MB", peak < 300)
    say("... with its gits, without files that they map", f"{together:.0f} MB")
    say("size of the index", f"{os.path.getsize(index) / 1e6:.0f} MB")
    return index


def updated(head):
    """From the question to the history that answers, the index written; the history is in memory, as in a server."""
    ends = [git("rev-parse", f"{head}~{PUSHED * push}").strip() for push in range(PUSHES, -1, -1)]
    index = f"{work}/{name}.update"
    _, took, _, (peak, _) = history_lines(index, ends)
    new = took[-1]["commits"] - took[0]["commits"]
    took = [update["ms"] for update in took[1:]]
    say(f"{PUSHES} pushes of {PUSHED} ({new} with what they merge): median, longest",
        f"{percentile(took, 0.5):.0f}, {max(took):.0f} ms", "longest under 200 ms", max(took) < 200)
    say("most memory of onduty meanwhile", f"{peak:.0f} MB", "under 300 MB", peak < 300)
    os.remove(index)


def asked(index, files, head, at):
    cases = [question(number, files, head, at) for number in range(QUESTIONS)]
    answers, _, peak = owner(index, cases)
    warm = [answer["elapsed_ms"] for answer in answers]
    say(f"{FRAMES} frames in {FILES} files, warm: p50, p95", f"{percentile(warm, 0.5):.1f}, {percentile(warm, 0.95):.1f} ms",
        "p95 under 10 ms", percentile(warm, 0.95) < 10)
    say("... of these with something that is not known", sum("note" in answer for answer in answers))
    by_git = []
    for case in cases[:GIT_QUESTIONS]:
        started = time.monotonic()
        for frame in case["frames"]:
            git("blame", "-w", "--porcelain", "-L", f"{frame['line']},{frame['line']}", head, "--", frame["file"])
        by_git.append(time.monotonic() - started)
    say("... by git blame -w, a run a frame, median", f"{percentile(by_git, 0.5):.1f} s")
    say("most memory of onduty while it answers", f"{peak:.0f} MB", "under 300 MB", peak < 300)
    cold = [owner(index, [case])[1] * 1e3 for case in cases[:STARTS]]
    say("the same from a new process with the index on disk: p50, p95", f"{percentile(cold, 0.5):.0f}, {percentile(cold, 0.95):.0f} ms",
        "p95 under 400 ms", percentile(cold, 0.95) < 400)


def git_blame(head, path, lines):
    ranges = [argument for line in lines for argument in ("-L", f"{line},{line}")]
    out = git("-c", "core.quotePath=false", "blame", "-w", *ignored(head), "--line-porcelain", *ranges, head, "--", path, check=False)
    fields = [line.split(" ") for line in out.splitlines() if not line.startswith("\t")]
    return {int(field[2]): field[0] for field in fields if len(field) >= 3 and len(field[0]) == 40 and field[2].isdigit()}


def ignored(head):
    """What the revision itself says to look through, as onduty does."""
    listed = git("show", f"{head}:.git-blame-ignore-revs", check=False)
    if not listed:
        return []
    file = f"{work}/{name}.ignore"
    with open(file, "w") as out:
        out.write(listed)
    return ["--ignore-revs-file", file]


def agreed(index, files, head):
    sampled = []
    for path in chance.sample(sorted(files), min(len(files), SAMPLED)):
        lines = sorted(chance.sample(range(1, files[path] + 1), min(PER_FILE, files[path])))
        sampled += [(line, path) for line in lines]
        if len(sampled) >= SAMPLED:
            break
    sampled = sampled[:SAMPLED]
    _, _, ours, _ = history_lines(index, [head], sampled)
    assert len(ours) == len(sampled)
    by_path = collections.defaultdict(list)
    for line, path in sampled:
        by_path[path].append(line)
    theirs = {path: git_blame(head, path, lines) for path, lines in by_path.items()}
    differ = [(path, line, own, theirs[path].get(line)) for (line, path), own in zip(sampled, ours) if theirs[path].get(line) != own]
    equal = 100 * (1 - len(differ) / len(sampled))
    how = "git blame -w with its ignored commits" if ignored(head) else "git blame -w"
    say(f"lines as {how}, of {len(sampled):,}", f"{equal:.2f} %", "at least 99 %", equal >= 99)
    kinds = collections.Counter(kind(*difference) for difference in differ)
    for reason, count in kinds.most_common():
        say(f"    {reason}", count)
    for path, line, own, their in differ[:5]:
        print(f"{'':12}     {path}:{line}: onduty {own[:12]}, git {(their or '-')[:12]}")


def kind(path, line, own, their):
    """What is known of a line on which the two do not agree."""
    if own.startswith("-"):
        return f"onduty says: {own[2:]}"
    if their is None:
        return "git says nothing"
    same = git("show", "-s", "--format=%an", own) == git("show", "-s", "--format=%an", their)
    merge = any(git("rev-list", "--parents", "-n1", commit).count(" ") > 1 for commit in (own, their))
    return f"another commit of {'the same' if same else 'another'} author{', one of them a merge' if merge else ''}"


head = git("rev-parse", "HEAD").strip()
commits = int(git("rev-list", "--count", head))
at = git("show", "-s", "--format=%cI", head).strip()
files = text_files(head)
say("commits, text files", f"{commits:,}, {len(files):,}")
index = built(head, commits)
updated(head)
asked(index, files, head, at)
agreed(index, files, head)
os.remove(index)
sys.exit(1 if missed else 0)
