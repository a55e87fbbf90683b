"""usage: measure.py CLONE BINARIES WORK: the figures of one clone, a line each, with the limit and whether it is met.

What is asked is drawn at random with a fixed seed from the text files at HEAD. Standard library only.
"""

import collections
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
PUSHED = 10
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
    return time.monotonic() - started


def history_lines(index, revision, asked=()):
    """What the example prints: its log and its answers; and the most memory that its own process had, in MB."""
    command = [f"{binaries}/examples/history_lines", clone, index, revision]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "RUST_LOG": "info"}) as child:
        peak = [0]

        def watch():
            while child.poll() is None:
                try:
                    with open(f"/proc/{child.pid}/status") as status:
                        found = [line for line in status if line.startswith("VmHWM")]
                    peak[0] = max(peak[0], int(found[0].split()[1]) // 1024)
                except (OSError, IndexError):
                    pass
                time.sleep(0.02)

        watching = threading.Thread(target=watch)
        watching.start()
        out, _ = child.communicate("".join(f"{line} {path}\n" for line, path in asked).encode())
        watching.join()
    assert child.returncode == 0, command
    lines = out.decode().splitlines()
    logged = [json.loads(line)["fields"] for line in lines if line.startswith("{")]
    return logged, [line for line in lines if not line.startswith("{")], peak[0]


def owner(index, cases):
    file = f"{work}/{name}.cases"
    with open(file, "w") as out:
        for case in cases:
            out.write(json.dumps(case) + "\n")
    started = time.monotonic()
    done = subprocess.run(
        [f"{binaries}/onduty", "owner", "--repo", clone, "--cases", file, "--index", index],
        stdout=subprocess.PIPE, check=True, env={**os.environ, "RUST_LOG": "off"},
    )
    return [json.loads(line) for line in done.stdout.splitlines()], time.monotonic() - started


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
    logged, _, peak = history_lines(index, head)
    took = next(fields for fields in logged if "names_ms" in fields)
    names, lines = took["names_ms"] / 1e3, took["lines_ms"] / 1e3
    by_git = timed("log", "--format=%H%n%an%n%ae%n%ct%n%B", "--raw", "-M", "-z", "--diff-merges=first-parent", head)
    rate = commits / names
    say("names of the whole history, commits a second", f"{rate:,.0f}", "at least 10,000", rate >= 10_000)
    say("... against git log --raw -M, seconds", f"{names:.2f} / {by_git:.2f}")
    by_git = timed("log", "-p", "-U0", "-w", "--format=%H", head)
    rate = commits / (names + lines)
    say("names and lines, commits a second", f"{rate:,.0f}", "at least 1,000", rate >= 1_000)
    say("... against git log -p -U0 -w, seconds", f"{names + lines:.1f} / {by_git:.1f}")
    say("most memory while it is made", f"{peak} MB", "under 300 MB", peak < 300)
    say("size of the index", f"{os.path.getsize(index) / 1e6:.0f} MB")
    return index


def updated(head):
    before = git("rev-parse", f"{head}~{PUSHED}").strip()
    new = int(git("rev-list", "--count", f"{before}..{head}"))
    index = f"{work}/{name}.update"
    history_lines(index, before)
    logged, _, _ = history_lines(index, head)
    took = next(fields for fields in logged if "names_ms" in fields)
    took = took["names_ms"] + took["lines_ms"]
    say(f"a push of {PUSHED} ({new} with what they merge): read", f"{took} ms", "under 200 ms", took < 200)
    os.remove(index)


def asked(index, files, head, at):
    cases = [question(number, files, head, at) for number in range(QUESTIONS)]
    answers, _ = owner(index, cases)
    warm = [answer["elapsed_ms"] for answer in answers]
    say(f"{FRAMES} frames in {FILES} files, warm: p50, p95", f"{percentile(warm, 0.5):.1f}, {percentile(warm, 0.95):.1f} ms",
        "p95 under 10 ms", percentile(warm, 0.95) < 10)
    by_git = []
    for case in cases[:GIT_QUESTIONS]:
        started = time.monotonic()
        for frame in case["frames"]:
            git("blame", "-w", "--porcelain", "-L", f"{frame['line']},{frame['line']}", head, "--", frame["file"], check=False)
        by_git.append(time.monotonic() - started)
    say("... by git blame -w, a run a frame, median", f"{percentile(by_git, 0.5):.1f} s")
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
    _, ours, _ = history_lines(index, head, sampled)
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
