#!/usr/bin/env bash
# Installs the servers that tests of the cluster start for themselves, each on a free port with a folder of its own that goes with the test, and the tools that
# give them networks whose links can be cut. Nothing is left running: the system's own services of these packages are neither started nor enabled. Quick when everything is there.
set -euo pipefail

# A program, and the package of Debian and Ubuntu that has it.
programs="
redis-server redis-server
rabbitmq-server rabbitmq-server
ip iproute2
unshare util-linux
nsenter util-linux
setpriv util-linux
"

missing=()
while read -r program package; do
  [ -n "$program" ] || continue
  # Servers are in folders that not every user's PATH names.
  PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$program" > /dev/null || missing+=("$package")
done <<< "$programs"
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
if ! command -v apt-get > /dev/null; then
  echo "Install ${missing[*]} with the package manager of this system, then run this again." >&2
  exit 1
fi
# In run level 1 no service is started by its installation.
install() { "${as_root[@]}" env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" > /dev/null; }
install || { "${as_root[@]}" apt-get update > /dev/null && install; } || {
  echo "${missing[*]} could not be installed. By hand: RUNLEVEL=1 apt-get install ${missing[*]}" >&2
  exit 1
}
for package in "${missing[@]}"; do
  if command -v systemctl > /dev/null; then
    "${as_root[@]}" systemctl disable --now "$package" > /dev/null 2>&1 || true
  fi
done
