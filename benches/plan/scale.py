"""usage: scale.py ONDUTY WORK: the scale question as a server answers it, beside a simulation.

A team of ten, away five weeks a year each, is asked what it would be with more people and more duties. The expected days are those of a
simulation that gives each day to whoever was idle longest; the planner shares heavy days and looks no further than its wanted distance,
so that its turns are as far apart on average and less even.
"""

import datetime
import json
import os
import random
import socket
import subprocess
import sys
import time

from limits import missed, wanted

# engineers, duties, mean days between turns and the share of cold turns of the simulation, how far from these the answer may be.
TABLE = [
    (10, 1, 14, 0, 0.1), (50, 1, 70, 0, 0.1), (50, 3, 23, 0, 0.1), (100, 1, 140, 1, 0.1), (100, 5, 28, 0, 0.1),
    (300, 5, 84, None, 0.1), (300, 15, 28, 0, 0.1), (300, 1, 420, 1, None),
]


def roster(people):
    rng, today, lines = random.Random(7), datetime.date.today(), ["engineers:"]
    for number in range(people):
        weeks = [(today + datetime.timedelta(days=365 * part // 5 + rng.randrange(60))) for part in range(5)]
        mondays = [day - datetime.timedelta(days=day.weekday()) for day in weeks]
        leave = ", ".join(f"{monday}..{monday + datetime.timedelta(days=4)}" for monday in mondays)
        lines.append(f"  p{number:02}: {{leave: [{leave}]}}")
    return "\n".join(lines + ["duties:", "  developers: {members: all, zone: Europe/Berlin}", ""])


class Served:
    """A server with the team of ten, and the command line that asks it."""

    def __init__(self, onduty, work):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.onduty, self.folder = os.path.abspath(onduty), f"{work}/scale"
        os.makedirs(f"{self.folder}/processes")
        files = {
            "onduty.yml": f"name: Scale\nlisten: 127.0.0.1:{port}\n",
            "roster.yml": roster(10),
            "processes/developers.yml": "process: developers\nsteps:\n  - id: look\n    goal: Look\n    once: shift\n",
        }
        for name, text in files.items():
            with open(f"{self.folder}/{name}", "w") as file:
                file.write(text)
        self.log = open(f"{self.folder}/log", "w")
        self.server = subprocess.Popen([self.onduty, "serve"], cwd=self.folder, stdout=self.log, stderr=self.log)

    def ask(self, question, *more):
        began = time.monotonic()
        done = subprocess.run([self.onduty, "plan", "what-if", question, "--json", *more], cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout), time.monotonic() - began

    def wait(self):
        for _ in range(100):
            try:
                return self.ask("horizon=4")
            except RuntimeError as error:
                failed = error
                time.sleep(0.1)
        raise failed

    def end(self):
        self.server.terminate()
        self.server.wait()
        self.log.close()


def scale(onduty, work):
    served = Served(onduty, work)
    try:
        served.wait()
        slowest = 0
        for engineers, duties, days, cold, tolerance in TABLE:
            # What takes longer than somebody waits is refused: half a year for many people and duties.
            weeks = 26 if engineers * duties > 3000 else 52
            answer, seconds = served.ask(f"engineers={engineers}; split={duties}; horizon={weeks}w")
            after = answer["after"] or answer["now"]
            mean, words, slowest = after["days_between"]["mean"], after["words"], max(slowest, seconds)
            of = after["person_days_a_year"]["shifts"]
            print(
                f"{engineers:>4} engineers, {duties:>2} duties: mean {mean and round(mean, 1)}, median {words['median']}, p90 {words['p90']} days; cold {words['cold']}; "
                f"{of:.0f} person-days, {100 * after['share_of_working_days']:.1f} %; {after['uncovered']} open; simulated {days} days; {seconds:.2f} s",
                flush=True,
            )
            what = f"{engineers} engineers, {duties} duties"
            if tolerance:
                wanted(f"{what}: mean days, share off the simulation", abs((mean or 0) - days) / days, tolerance)
            else:
                wanted(f"{what}: a horizon of 364 days shows the end of no stretch", int(mean is not None), 0)
            if cold is not None and after["cold_share"] is not None:
                wanted(f"{what}: cold share off the simulation", abs(after["cold_share"] - cold), 0.25)
        shadowed, _ = served.ask("engineers=50; shadow=1h")
        shadow = shadowed["after"]
        print(f"50 engineers with a shadow of an hour: last seen {shadow['days_since_seen']['days']} days ago, {shadow['person_days_a_year']['shadows']:.0f} person-days a year more")
        wanted("50 engineers with a shadow: days since last seen", shadow["days_since_seen"]["days"], 3)
        _, curve = served.ask("", "--sweep", "engineers=10..60")
        _, large = served.ask("split=5", "--sweep", "engineers=30..300")
        wanted("seconds for an answer", slowest, 2)
        wanted("seconds for a curve from 10 to 60", curve, 10)
        wanted("seconds for a curve from 30 to 300, 5 duties", large, 10)
    finally:
        served.end()


if __name__ == "__main__":
    scale(*sys.argv[1:])
    sys.exit(1 if missed else 0)
