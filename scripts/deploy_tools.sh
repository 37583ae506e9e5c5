#!/usr/bin/env bash
# Installs what the tests of deploy/ run: promtool (Debian's and Ubuntu's package prometheus) and kustomize (built by Go, pinned).
# Nothing is left running. Quick when everything is there.
set -euo pipefail
cd "$(dirname "$0")/.."

kustomize_version=v5.7.1
tools=$PWD/target/tools
mkdir -p "$tools"
PATH="$tools:$PATH:/usr/sbin:/usr/local/go/bin:${HOME}/go/bin"

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
# In run level 1 no service is started by its installation.
install() { "${as_root[@]}" env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" > /dev/null; }

if ! command -v promtool > /dev/null; then
  command -v apt-get > /dev/null || { echo "Install promtool (a part of Prometheus), then run this again." >&2; exit 1; }
  install prometheus || { "${as_root[@]}" apt-get update > /dev/null && install prometheus; }
  if command -v systemctl > /dev/null; then
    "${as_root[@]}" systemctl disable --now prometheus > /dev/null 2>&1 || true
  fi
fi

if ! command -v kustomize > /dev/null; then
  command -v go > /dev/null || { echo "Install Go, or kustomize $kustomize_version, then run this again." >&2; exit 1; }
  GOBIN="$tools" go install "sigs.k8s.io/kustomize/kustomize/v5@$kustomize_version"
fi
