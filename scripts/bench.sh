#!/usr/bin/env bash
# The figures of docs/benchmarks.md: a release server and a worker in processes of their own, everything durable. Run it on a quiet machine.
# Usage: scripts/bench.sh [SECONDS] [SLEEPERS]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-20}
sleepers=${2:-1000000}
release=${CARGO_TARGET_DIR:-target}/release
work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

serve() {
    mkdir -p "$work/$1"
    "$release/baton" up "$work/$1" --port 0 >"$work/$1.ready" 2>"$work/$1.log" &
    server=$!
    for _ in $(seq 200); do grep -q '^baton ready' "$work/$1.ready" && break; sleep 0.05; done
    endpoint=$(sed -n 's/^baton ready //p' "$work/$1.ready")
}
stop() { kill "$server"; wait "$server" || true; server=; }

for scenario in ten-pass five-tasks one-at-a-time; do
    for round in 1 2 3; do
        serve "$scenario-$round"
        "$release/loadtest" run "$scenario" --endpoint "$endpoint" --seconds "$seconds" --data-dir "$work" --json "$work/$scenario-$round.json"
        stop
    done
done

serve sleepers
port=${endpoint##*:}
"$release/loadtest" run sleepers --endpoint "$endpoint" --seconds 600 --executions "$sleepers" --json "$work/sleepers.json" \
    --restart-command "exec $release/baton up $work/sleepers --port $port >$work/again.ready 2>$work/again.log"
