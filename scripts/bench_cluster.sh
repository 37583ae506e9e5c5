#!/usr/bin/env bash
# The cluster's figures of docs/benchmarks.md: what RabbitMQ moves by itself, what one coordinator makes of it, and what three on the same machine do. Redis with
# `appendfsync always`, all processes on this machine. Run it on a quiet one.
# Usage: scripts/bench_cluster.sh [SECONDS] [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-15}
rounds=${2:-3}
release=${CARGO_TARGET_DIR:-target}/release
work=$(mktemp -d)
cluster= worker=
cleanup() {
    [ -z "$worker" ] || kill "$worker" 2>/dev/null || true
    [ -z "$cluster" ] || { kill "$cluster" 2>/dev/null && wait "$cluster" || true; }
    rm -rf "$work"
}
trap cleanup EXIT

# Starts a cluster with so many coordinators and one worker that reads the broker.
serve() {
    mkdir -p "$work/$1"
    "$release/baton" up "$work/$1" --cluster --coordinators "$2" --port 0 >"$work/$1.ready" 2>"$work/$1.log" &
    cluster=$!
    for _ in $(seq 1200); do grep -q 'end one of these processes' "$work/$1.log" && break; sleep 0.05; done
    endpoint=$(sed -n 's/^baton ready //p' "$work/$1.ready")
    [ -n "$endpoint" ] || { cat "$work/$1.log" >&2; exit 1; }
    broker=$(grep -o '127\.0\.0\.1:[0-9]*/%2[fF]' "$work/$1.log" | head -1)
    local addresses
    addresses=$(grep -o 'coordinator-[0-9]* .*http://127\.0\.0\.1:[0-9]*' "$work/$1.log" | grep -o 'http.*' | sort -u | paste -sd,)
    "$release/loadtest" worker five-tasks --coordinator "$addresses" --queue "amqp://guest:guest@$broker" >"$work/$1.worker" 2>&1 &
    worker=$!
    sleep 3
}
stop() {
    kill "$worker"; wait "$worker" || true; worker=
    kill "$cluster"; wait "$cluster" || true; cluster=
}
# One member of a report.
of() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["'"$2"'"])' "$1"; }

for round in $(seq "$rounds"); do
    "$release/loadtest" broker --seconds "$seconds" --json "$work/broker.json" >/dev/null
    alone=$(python3 -c 'import json,sys; print(round(json.load(open(sys.argv[1]))["rounds"][0]["messages_per_second"]))' "$work/broker.json")
    echo "round $round: the broker alone moves $alone messages/s, of one offer each"
    for coordinators in 1 3; do
        serve "$round-$coordinators" "$coordinators"
        for in_flight in 1024 256; do
            "$release/loadtest" run five-tasks --endpoint "$endpoint" --worker none --in-flight "$in_flight" --seconds "$seconds" \
                --json "$work/$coordinators-$in_flight.json" >/dev/null
            rate=$(of "$work/$coordinators-$in_flight.json" throughput_per_second)
            python3 -c '
import sys
rate, alone, coordinators, in_flight = float(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4]
print(f"  {coordinators} coordinator(s), {in_flight:>4} in flight: {rate:,.0f} workflows/s, {5 * rate:,.0f} steps/s, {500 * rate / alone:.0f} % of the broker alone")
' "$rate" "$alone" "$coordinators" "$in_flight"
        done
        if [ "$coordinators" = 3 ]; then
            "$release/loadtest" run one-at-a-time --endpoint "$endpoint" --worker none --seconds 5 --histories 1000 --json "$work/one.json" >/dev/null
            echo "  from the beginning to the first task, 3 coordinators: $(of "$work/one.json" first_task_latency)"
        fi
        stop
    done
done
