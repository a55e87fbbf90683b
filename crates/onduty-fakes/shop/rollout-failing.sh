#!/bin/sh
# Rolls the revision in ONDUTY_REVISION out to TARGET. A sample that fails half-way.
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
say "web-4: not healthy after 30 s: GET /healthz answers 500"
say "web-5: not healthy after 30 s: GET /healthz answers 500"
say "web-4 .. web-6: taken out of the balancer, web-1 .. web-3 keep $short"
echo "$short did not arrive on $target: half of the servers are not healthy" >&2
echo "stopped; nothing was undone"
exit 1
