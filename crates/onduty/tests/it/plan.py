"""usage: plan.py DATA ONDUTY WORK CASES SEED: whether `onduty plan check` says what check.py of DATA says.

Random instances of gen.py, a plan for each by a plain greedy rule, and that plan broken in every way that the rules know. Prints the
first differences and what was seen; exits with 1 when there is a difference. Standard library only.
"""

import copy
import json
import random
import subprocess
import sys
from collections import Counter
from datetime import timedelta

data, onduty, work, cases, seed = sys.argv[1:6]
sys.path.insert(0, data)
sys.dont_write_bytecode = True
import check  # noqa: E402
import gen  # noqa: E402

DAY = timedelta(days=1)
ZONES = [
    ("Europe/Paris", "02:30", "10:00", False), ("Australia/Lord_Howe", "02:15", "18:00", False), ("America/Santiago", "00:00", "00:00", True),
    ("Africa/Casablanca", "02:30", "11:30", False), ("Pacific/Apia", "09:00", "09:00", True), ("America/St_Johns", "22:00", "06:00", True),
    ("Asia/Gaza", "00:30", "12:00", False), ("UTC", "09:00", "17:00", False),
]


def instance(rng, n):
    duties = []
    for name in ["eng", "ops", "web"][: rng.choice([1, 1, 2, 3])]:
        zone, start, end, following = rng.choice(ZONES)
        days = (1, 2, 3, 4, 5, 6, 7) if rng.random() < 0.3 else (1, 2, 3, 4, 5)
        duties.append(gen.duty(name, zone, start, end, days, rng.choice(["FR", "DE", "US", None]), rng.choice([None, None, "rare"]), following))

    def members(rng, i, n):
        return {d["id"]: rng.choice([0, 300, 500, 1000]) for d in duties if rng.random() < 0.8}

    people = rng.randint(2, 16)
    made = gen.make(
        f"case-{n}", rng.randrange(10**9), (gen.date(2026, 1, 5) + DAY * rng.randrange(400)).isoformat(), rng.randint(1, 7), duties, people,
        joiners=rng.randint(0, min(3, people - 1)), leavers=rng.randint(0, 2), members=members, part_time=0.3, countries=("FR", "DE", "US"),
        skills=lambda rng, i, n: ["rare"] if rng.random() < 0.7 else [], require_instants=rng.random() < 0.4, carry=0.4,
        history=rng.random() < 0.8, require_explanations=rng.random() < 0.4,
    )
    if rng.random() < 0.3:
        made["rules"]["points"] = {"normal": 3, "friday": 5, "weekend": 7, "bridge": 9}
    if rng.random() < 0.3:
        made["rules"]["leave_guard_min_workdays"] = rng.randint(0, 6)
        made["rules"]["joiner_deadline_workdays"] = rng.randint(0, 40)
    return made


class Greedy:
    """A plan that holds every rule."""

    def __init__(self, inst, rng):
        self.inst, self.rng = inst, rng
        self.got, self.buddy, self.busy, self.days = {}, {}, set(), {}
        frozen = inst.rules["freeze_until"]
        for slot in inst.slots:
            fits = [p for p in inst.people if self.fits(p, slot)]
            kept = inst.published.get(slot)
            if kept in fits and frozen and slot[0].isoformat() <= frozen:
                fits = [kept]
            rng.shuffle(fits)
            if rng.random() < 0.03 and len(fits) > 1:
                continue  # nobody, though somebody could: a plan need not be good
            for p in fits:
                if not self.take(p, slot):
                    continue
                break

    def fits(self, p, slot):
        if self.inst.blocked(p, *slot) or (p, slot[0]) in self.busy:
            return False
        return all(abs((slot[0] - x).days) >= self.inst.gaps(slot[1], d)[0] for x, d in self.inst.history[p] + self.days.get(p, []))

    def helpers(self, p, slot):
        return [
            b for b in self.inst.people
            if self.inst.people[b]["experienced"] and b != p and not self.inst.blocked(b, *slot) and (b, slot[0]) not in self.busy
        ]

    def take(self, p, slot):
        if self.inst.people[p]["joiner"] and not self.inst.history[p] and p not in self.days:
            helpers = self.helpers(p, slot)
            if not helpers:
                return False
            self.buddy[slot] = self.rng.choice(helpers)
            self.busy.add((self.buddy[slot], slot[0]))
        self.got[slot] = p
        self.busy.add((p, slot[0]))
        self.days.setdefault(p, []).append(slot)
        return True

    def why(self, slot):
        codes = {}
        for p, who in self.inst.people.items():
            code = self.inst.blocked(p, *slot)
            if not code:
                others = self.inst.history[p] + self.days.get(p, [])
                if (p, slot[0]) in self.busy:
                    code = "other_duty"
                elif any(0 < abs((slot[0] - x).days) < self.inst.gaps(slot[1], d)[0] for x, d in others):
                    code = "min_gap"
                elif who["joiner"] and not self.helpers(p, slot):
                    code = "needs_buddy"
                else:
                    code = "nobody asked"
            if code != "not_member" or self.rng.random() < 0.5:
                codes[p] = code
        return codes

    def solution(self):
        def row(slot, p):
            out = {"date": slot[0].isoformat(), "duty": slot[1], "person": p}
            if slot in self.buddy:
                out["buddy"] = self.buddy[slot]
            if self.inst.rules["require_instants"] or self.rng.random() < 0.2:
                out["start"], out["end"] = (t.strftime("%Y-%m-%dT%H:%M:%SZ") for t in self.inst.instants(*slot))
            return out

        uncovered = []
        for slot in self.inst.slots:
            if slot not in self.got:
                row_of = {"date": slot[0].isoformat(), "duty": slot[1]}
                if self.inst.rules["require_explanations"] or self.rng.random() < 0.5:
                    row_of["why"] = self.why(slot)
                uncovered.append(row_of)
        return {"schema": "onduty-schedule-solution/1", "assignments": [row(s, p) for s, p in self.got.items()], "uncovered": uncovered}


def some(rng, rows):
    return rng.choice(rows) if rows else {}


# The right instant, written in another way; not all of them are read.
SPELLINGS = [
    lambda at: at + "[UTC]", lambda at: at[:-1] + "+00:00[Europe/Paris]", lambda at: at.replace("Z", "z"), lambda at: at.replace("T", "t"),
    str.lower, lambda at: "+00" + at, lambda at: "-" + at, lambda at: at[:-1] + "+00:00", lambda at: at.replace("T", " "),
    lambda at: at[:-1] + ".000Z", lambda at: at + "Z", lambda at: at + " ", lambda at: at[:-1] + "+00:00Z",
]


def broken(rng, raw, sol):
    """One thing wrong, or nothing that matters."""
    rows, open_rows = sol["assignments"], sol["uncovered"]
    people = [p["id"] for p in raw["people"]]
    kind = rng.randrange(27)
    row = some(rng, rows)
    if kind == 0 and rows:
        rows.remove(row)
    elif kind == 1 and rows:
        rows.append(dict(row))
    elif kind == 2:
        row["person"] = "nobody-like-that"
    elif kind == 3:
        rows.append({"date": "2031-01-01", "duty": "eng", "person": people[0]})
    elif kind == 4:
        row["duty"] = "no-such-duty"
    elif kind == 5 and rows:
        open_rows.append({"date": row["date"], "duty": row["duty"]})
    elif kind == 6 and open_rows:
        open_rows.append(dict(some(rng, open_rows)))
    elif kind == 7:
        open_rows.append({"date": "2031-01-01", "duty": "eng"})
    elif kind in (8, 9, 10):
        for _ in range(rng.randint(1, 4)):
            some(rng, rows)["person"] = rng.choice(people)
    elif kind == 11 and rows:
        other = some(rng, rows)
        row["person"], other["person"] = other["person"], row["person"]
    elif kind == 12:
        for one in rows:
            if one["date"] == row.get("date"):
                one["person"] = row["person"]
    elif kind == 13:
        some(rng, [one for one in rows if "buddy" in one]).pop("buddy", None)
    elif kind == 14:
        row["buddy"] = rng.choice(people + ["nobody-like-that", ""])
    elif kind == 15:
        some(rng, [one for one in rows if "buddy" in one])["buddy"] = rng.choice(people + ["nobody-like-that"])
    elif kind == 16:
        row.pop("start", None)
    elif kind == 17:
        row["start"] = rng.choice(["soon", "2026-03-02", 7, None, "2026-03-02T08:30:00Z", ""])
    elif kind == 18 and "start" in row:
        shifted = check._utc(row["start"]) + timedelta(minutes=rng.choice([0, 30, 60, -60]))
        row["start"] = shifted.astimezone(check.timezone(timedelta(hours=rng.choice([0, 2, -5])))).isoformat()
    elif kind == 19:
        some(rng, open_rows).pop("why", None)
    elif kind == 20 and open_rows:
        one = some(rng, open_rows)
        one["why"] = {p: rng.choice(check.REASONS + [None, "x"]) for p in people if rng.random() < 0.9}
    elif kind == 21 and open_rows:
        codes = some(rng, open_rows).get("why") or {"x": "y"}
        codes[rng.choice(list(codes) + people)] = rng.choice(check.REASONS)
    elif kind == 22:
        sol.pop(rng.choice(["assignments", "uncovered"]))
    elif kind == 23 and rows:
        row["date"] = rng.choice(["2026-02-30", "soon", None, 7, "26-1-1"])
    elif kind == 24 and rows:
        row.pop("person")
    elif kind == 25:
        frozen = raw["rules"]["freeze_until"] or ""
        some(rng, [one for one in rows if str(one["date"]) <= frozen])["person"] = rng.choice(people)
    elif kind == 26 and str(row.get("start", "")).endswith("Z"):
        row["start"] = rng.choice(SPELLINGS)(row["start"])
    return kind


def theirs(raw, sol):
    try:
        return check.evaluate(check.Instance(raw), sol)
    except (ValueError, KeyError, TypeError):
        return None
    except AttributeError:
        return "crashed"


def ours(raw, sol):
    for name, value in (("instance", raw), ("solution", sol)):
        with open(f"{work}/{name}.json", "w") as file:
            json.dump(value, file)
    done = subprocess.run(
        [onduty, "plan", "check", f"{work}/instance.json", f"{work}/solution.json", "--json"], capture_output=True, text=True, check=False
    )
    return done.returncode, json.loads(done.stdout) if done.returncode in (0, 1) else done.stderr


seen, different = Counter(), 0
rng = random.Random(int(seed))
for n in range(int(cases)):
    raw = instance(rng, n)
    plan = Greedy(check.Instance(raw), rng).solution()
    if rng.random() < 0.4 and plan["assignments"]:
        raw["published"] = [{k: a[k] for k in ("date", "duty", "person")} for a in plan["assignments"] if rng.random() < 0.9]
        raw["as_of"] = rng.choice(plan["assignments"])["date"]
        raw["rules"]["freeze_until"] = rng.choice([None, raw["as_of"], rng.choice(plan["assignments"])["date"]])
        who = rng.choice(raw["people"])["id"]
        gen.add_leave(raw, who, raw["as_of"], (check.D(raw["as_of"]) + DAY * rng.randrange(9)).isoformat(), rng.choice(["sick", "leave"]))
        if rng.random() < 0.5:
            plan = Greedy(check.Instance(raw), rng).solution()
    for attempt in range(6):
        sol, kinds = copy.deepcopy(plan), []
        for _ in range(attempt and rng.choice([1, 1, 2])):
            if "assignments" in sol and "uncovered" in sol:
                kinds.append(broken(rng, raw, sol))
        expected, (code, said) = theirs(raw, sol), ours(raw, sol)
        if expected is None:
            same = code == 2
            seen["unreadable"] += 1
        elif expected == "crashed":
            same = code == 1
        else:
            same = code == (1 if expected["violations"] else 0) and said["by_rule"] == expected["by_rule"] and said["score"] == expected["score"]
            seen.update(expected["by_rule"].keys() or ["valid"])
        if not same:
            different += 1
            if different <= 5:
                print(f"case {n}, broken by {kinds}: expected {expected and expected['by_rule'], expected and expected['score'], expected and expected['violations'][:5]}")
                print(f"  said {code}: {str(said)[:1500]}")
print(json.dumps({"different": different, **dict(sorted(seen.items()))}))
sys.exit(1 if different else 0)
