#!/usr/bin/env bash
# Runs every fuzz target for MINUTES (20 by default), or only those named as arguments. Needs cargo-fuzz (cargo install cargo-fuzz).
set -euo pipefail
cd "$(dirname "$0")/.."
minutes=${MINUTES:-20}
command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz@0.13.2
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cd fuzz && cargo fuzz list)
for target in "${targets[@]}"; do
    # The sanitizers want a nightly compiler; the targets are safe Rust, so panics and limits are what is looked for.
    RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none "$target" -- -max_total_time=$((minutes * 60)) -rss_limit_mb=2048 -timeout=20 -print_final_stats=1
done
