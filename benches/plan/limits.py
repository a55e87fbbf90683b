"""What is wanted of a figure, said beside it; `missed` has what was not met."""

missed = []


def wanted(what, figure, limit):
    met = figure <= limit
    print(f"{what:70} {figure:>10,.5g}  at most {limit:<8,g} {'met' if met else 'MISSED'}", flush=True)
    if not met:
        missed.append(what)
