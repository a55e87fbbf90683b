"""The same problem as an integer program for CP-SAT, level after level: `solve(instance, seconds, workers)`."""

import time
from collections import defaultdict

from check import D, Instance
from ortools.sat.python import cp_model


def solve(raw, seconds, workers=1, seed=0):
    """A solution, the levels that were proven, and the seconds that the solver took; None where it found nothing."""
    inst = Instance(raw)
    model, who = cp_model.CpModel(), {}
    slots, people, rules = inst.slots, list(inst.people), inst.rules
    for slot in slots:
        for p in people:
            if inst.blocked(p, *slot) is None and all(
                (slot[0] - day).days == 0 or (slot[0] - day).days >= inst.gaps(slot[1], duty)[0] for day, duty in inst.history[p]
            ):
                who[p, slot] = model.NewBoolVar("")
    by_person, by_day = defaultdict(list), defaultdict(list)
    for p, slot in who:
        by_person[p].append(slot)
        by_day[p, slot[0]].append(who[p, slot])
    empty = {}
    for slot in slots:
        empty[slot] = model.NewBoolVar("")
        model.AddExactlyOne([who[p, slot] for p in people if (p, slot) in who] + [empty[slot]])
    least = sorted({d["min_gap_days"] for d in inst.duties.values()})
    for p, own in by_person.items():
        for gap in least:
            near = [s for s in own if inst.duties[s[1]]["min_gap_days"] >= gap]
            for start in {s[0] for s in near}:
                row = [who[p, s] for s in near if 0 <= (s[0] - start).days < gap]
                if len(row) > 1:
                    model.AddAtMostOne(row)
    loads = defaultdict(list)
    for (p, slot), served in who.items():
        loads[p, slot[1]].append((inst.points[slot], served))
    late = []
    for p in people:
        if not inst.people[p]["joiner"] or inst.history[p]:
            continue
        firsts = {}
        for slot in by_person[p]:
            firsts[slot] = model.NewBoolVar("")
            model.AddImplication(firsts[slot], who[p, slot])
        model.AddAtMostOne(firsts.values())
        for slot, first in firsts.items():
            before = [s for s in by_person[p] if s[0] < slot[0]]
            model.AddBoolOr([first, who[p, slot].Not()] + [firsts[s] for s in before])
            for s in before:
                model.AddImplication(first, who[p, s].Not())
            helpers = []
            for b in people:
                if b != p and inst.people[b]["experienced"] and inst.blocked(b, *slot) is None:
                    helps = model.NewBoolVar("")
                    helpers.append(helps)
                    by_day[b, slot[0]].append(helps)
                    loads[b, slot[1]].append((inst.points[slot] // 2, helps))
                    who[p, slot, b] = helps
            model.Add(sum(helpers) == first)
        deadline = inst.deadline[p]
        if deadline <= inst.last:
            is_late = model.NewBoolVar("")
            model.AddBoolOr([is_late] + [who[p, s] for s in by_person[p] if s[0] <= deadline])
            late.append(is_late)
    for row in by_day.values():
        if len(row) > 1:
            model.AddAtMostOne(row)
    freeze = D(rules["freeze_until"]) if rules["freeze_until"] else None
    change = []
    for slot, p in inst.published.items():
        if slot not in inst.slotset:
            continue
        near = (slot[0] - inst.as_of).days <= rules["near_days"]
        cost = rules["change_cost_near"] if near else rules["change_cost_far"]
        change.append(cost * (1 - who[p, slot]) if (p, slot) in who else cost)
        if freeze and slot[0] <= freeze and inst.blocked(p, *slot) is None:
            model.Add(who[p, slot] == 1)
    top = 1000 * sum(inst.points.values()) + max(list(inst.target.values()) or [0]) + 1
    most, excesses = model.NewIntVar(0, top, ""), []
    for pair in set(inst.target) | set(loads):
        excess = model.NewIntVar(0, top, "")
        load = sum(1000 * points * served for points, served in loads[pair])
        target, band = inst.target.get(pair, 0), rules["fair_tolerance_milli"]
        model.Add(excess >= load - target - band)
        model.Add(excess >= target - band - load)
        model.Add(most >= excess)
        excesses.append(excess)
    near = []
    for p, own in by_person.items():
        own = sorted(own)
        for i, slot in enumerate(own):
            for day, duty in inst.history[p]:
                gap = (slot[0] - day).days
                if gap and gap < inst.gaps(slot[1], duty)[1]:
                    near.append((inst.gaps(slot[1], duty)[1] - gap) * who[p, slot])
            for other in own[i + 1 :]:
                gap = (other[0] - slot[0]).days
                floor, want = inst.gaps(slot[1], other[1])
                if gap >= max(d["want_gap_days"] for d in inst.duties.values()):
                    break
                if gap >= max(floor, 1) and gap < want:
                    both = model.NewBoolVar("")
                    model.AddBoolOr([both, who[p, slot].Not(), who[p, other].Not()])
                    near.append((want - gap) * both)
    unwanted = [
        who[p, slot] for p in by_person for slot in by_person[p]
        if slot[0].isoformat() in inst.people[p]["avoid_dates"] or slot[0].isoweekday() in inst.people[p]["avoid_weekdays"]
    ]
    levels = [sum(empty.values()), sum(late), sum(change), most, sum(excesses), sum(near), sum(unwanted)]
    solver, spent, found, proven = cp_model.CpSolver(), 0.0, None, []
    solver.parameters.num_workers, solver.parameters.random_seed = workers, seed
    began = time.process_time()
    for level, objective in enumerate(levels):
        left = seconds - spent
        if left <= 0.01:
            break
        solver.parameters.max_time_in_seconds = left
        model.Minimize(objective)
        status = solver.Solve(model)
        spent += solver.WallTime()
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            break
        found = {key: solver.Value(var) for key, var in who.items()}
        proven.append(status == cp_model.OPTIMAL and all(proven))
        if not isinstance(objective, int):
            model.Add(objective <= round(solver.ObjectiveValue()))
        model.ClearHints()
        for key, var in who.items():
            model.AddHint(var, found[key])
    if found is None:
        return None, [], spent
    got = {key[1]: key[0] for key, value in found.items() if value and len(key) == 2}
    beside = {key[1]: key[2] for key, value in found.items() if value and len(key) == 3}
    rows = []
    for slot, p in sorted(got.items()):
        row = {"date": slot[0].isoformat(), "duty": slot[1], "person": p}
        if slot in beside:
            row["buddy"] = beside[slot]
        if rules["require_instants"]:
            row["start"], row["end"] = (t.strftime("%Y-%m-%dT%H:%M:%SZ") for t in inst.instants(*slot))
        rows.append(row)
    open_rows = [{"date": s[0].isoformat(), "duty": s[1]} for s in slots if s not in got]
    return {"assignments": rows, "uncovered": open_rows}, proven, spent
