#!/usr/bin/env bash
# Replays the answers recorded from AWS against the built binary and fails when fewer come back exactly than tests/conformance.floor says.
# Usage: scripts/conformance.sh [extra run.py arguments]
# CONFORMANCE_ALL=1 runs every recorded case, also those that need what baton does not have; CONFORMANCE_JSON=FILE keeps the whole result there.
set -euo pipefail
cd "$(dirname "$0")/.."
corpus=${CONFORMANCE_DIR:-../shared/conformance}
baton=${BATON:-${CARGO_TARGET_DIR:-target}/debug/baton}
python=.venv/bin/python
only=(--only lambda,lambda:invoke,activity,express,versions,aliases,redrive,test-state,logs,mock-config,distributed-map,s3)
[ -z "${CONFORMANCE_ALL:-}" ] || only=()
work=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT

free_port() { "$python" -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
moto_port=$(free_port)
lambda_port=$(free_port)

PATH="$PWD/.venv/bin:$PATH" AWS_ENDPOINT_URL=http://127.0.0.1:$moto_port AWS_ENDPOINT_URL_LAMBDA=http://127.0.0.1:$lambda_port \
    AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 \
    "$baton" up "$work" --port 0 --ephemeral --mock-config "$work/mock-config.json" >"$work/ready" 2>"$work/log" &
pids+=($!)
for _ in $(seq 100); do
    grep -q '^baton ready' "$work/ready" && break
    sleep 0.1
done
endpoint=$(sed -n 's/^baton ready //p' "$work/ready")
[ -n "$endpoint" ] || { cat "$work/log" >&2; echo "baton did not get ready" >&2; exit 1; }

replay() {
    "$python" "$corpus/run.py" --endpoint "$endpoint" --subset dev "${only[@]}" --moto-port "$moto_port" --lambda-port "$lambda_port" \
        --mock-config-file "$work/mock-config.json" --json "$work/out.json" "$@" || true
    [ -z "${CONFORMANCE_JSON:-}" ] || cp "$work/out.json" "$CONFORMANCE_JSON"
    "$python" scripts/conformance_floor.py "$work/out.json" tests/conformance.floor
}
# The corpus brings its own Lambda server, which under load now and then leaves a source line out of a stack trace: one more try.
replay "$@" || { echo "below the floor, once more" >&2; replay "$@"; }
