#!/bin/sh
# Builds the function into build/bin/bootstrap, the folder that baton.toml names.
set -eu
cd "$(dirname "$0")"
cargo install --quiet --locked --force --no-track --path function --root build
