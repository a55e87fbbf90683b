#!/bin/sh
# Rolls the revision in ONDUTY_REVISION out to TARGET. A sample: it only talks.
set -eu
PATH="${PATH:-/usr/local/bin:/usr/bin:/bin}"
if [ -z "${ONDUTY_REVISION:-}" ]; then
    echo "set ONDUTY_REVISION to what should go out" >&2
    exit 2
fi
target="${TARGET:-production}"
short=$(printf '%.12s' "$ONDUTY_REVISION")
say() {
    echo "$1"
    sleep "${STEP_SECONDS:-1}"
}
say "Rolling $short out to $target"
say "Image registry/shop:$short found, signed by CI"
say "Migrations: 2 pending, both additive"
say "Migrations: done in 0.8 s"
say "web-1 .. web-3: draining"
say "web-1 .. web-3: started, healthy"
say "web-4 .. web-6: draining"
say "web-4 .. web-6: started, healthy"
say "workers: restarted 8 of 8, queues are moving"
say "search: index swapped, 18211 events"
say "Probes: 24 of 24 pages answer, slowest 310 ms"
echo "$short is live on $target"
