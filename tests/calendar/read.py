"""Reads a calendar feed as others do, and says what they understand, as JSON on standard output.

    python read.py URL ZONE [DAY]

`fetched`: as icalendar reads what the address answers. `kept`: the same after it was put into Radicale, a CalDAV server of
its own on loopback, and read back. `asked`: what Radicale finds when it is asked for DAY, from midnight to midnight in ZONE.
"""

import base64
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import icalendar


def events(text, zone):
    """Every event, with its times on the clocks of `zone`."""
    calendar = icalendar.Calendar.from_ical(text)
    # What is wrong is remembered there instead of raised.
    errors = list(calendar.errors)
    found = []
    for event in calendar.walk("VEVENT"):
        errors += event.errors
        starts, ends = event.decoded("DTSTART").astimezone(zone), event.decoded("DTEND").astimezone(zone)
        found.append({
            "uid": str(event["UID"]),
            "summary": str(event["SUMMARY"]),
            "day": starts.date().isoformat(),
            "starts": starts.strftime("%H:%M"),
            "ends": ends.strftime("%H:%M") if ends.date() == starts.date() else ends.isoformat(),
            "hours": (ends - starts) / timedelta(hours=1),
            "changed": event.decoded("LAST-MODIFIED").isoformat(),
            "busy": str(event["TRANSP"]) == "OPAQUE",
            "url": str(event.get("URL", "")),
        })
    return calendar, sorted(found, key=lambda event: event["uid"]), [str(error) for error in errors]


def radicale(folder):
    """A server, and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = os.path.join(folder, "config")
    with open(config, "w") as file:
        file.write(f"[server]\nhosts = 127.0.0.1:{port}\n[auth]\ntype = none\n[web]\ntype = none\n"
                   f"[storage]\nfilesystem_folder = {folder}/collections\n[logging]\nlevel = warning\n")
    log = open(os.path.join(folder, "log"), "w")
    server = subprocess.Popen([sys.executable, "-m", "radicale", "--config", config], stdout=log, stderr=log)
    for _ in range(150):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return server, f"http://127.0.0.1:{port}"
        except OSError:
            time.sleep(0.2)
    server.kill()
    sys.exit("Radicale does not answer: " + open(log.name).read())


def ask(method, url, body=None, kind="text/calendar; charset=utf-8"):
    who = base64.b64encode(b"lena:x").decode()
    headers = {"Authorization": "Basic " + who, "Content-Type": kind, "Depth": "1"}
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    # No proxy stands between two programs of this machine.
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return answer.read()


def query(day, zone):
    utc = [datetime.combine(day + timedelta(days=n), datetime.min.time(), zone).astimezone(timezone.utc) for n in (0, 1)]
    start, end = (at.strftime("%Y%m%dT%H%M%SZ") for at in utc)
    return f"""<?xml version="1.0"?>
<c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><c:calendar-data/></d:prop>
<c:filter><c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT"><c:time-range start="{start}" end="{end}"/>
</c:comp-filter></c:comp-filter></c:filter></c:calendar-query>""".encode()


def main():
    url, zone = sys.argv[1], ZoneInfo(sys.argv[2])
    text = ask("GET", url)
    calendar, fetched, errors = events(text, zone)
    said = {"name": str(calendar["X-WR-CALNAME"]), "fetched": fetched, "errors": errors}
    with tempfile.TemporaryDirectory() as folder:
        server, base = radicale(folder)
        try:
            collection = base + "/lena/duty/"
            ask("PUT", collection, text)
            _, said["kept"], more = events(ask("GET", collection), zone)
            said["errors"] += more
            if len(sys.argv) > 3:
                found = ask("REPORT", collection, query(date.fromisoformat(sys.argv[3]), zone), "application/xml").decode()
                said["asked"] = [event["uid"] for event in fetched if event["uid"] in found.replace("\r\n ", "")]
        finally:
            server.terminate()
            server.wait()
    json.dump(said, sys.stdout)


main()
