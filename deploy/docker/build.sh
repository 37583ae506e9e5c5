#!/usr/bin/env bash
# build.sh [BINARY [NAME:TAG [ARCHIVE]]]: the image, with buildah of this system's packages. Needs no registry: it begins from nothing. With ARCHIVE
# it is also written to that file, for `docker load`, `podman load` or `ctr images import`.
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=${1:-target/release/baton} name=${2:-baton:0.1.0} archive=${3:-}
root=target/image

if ! command -v buildah > /dev/null; then
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  command -v apt-get > /dev/null || { echo "Install buildah, then run this again." >&2; exit 1; }
  "${as_root[@]}" env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends buildah > /dev/null
fi
deploy/docker/rootfs.sh "$binary" "$root"
# Nothing is run while it is built, so neither namespaces nor overlays are needed.
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=${STORAGE_DRIVER:-vfs}
buildah build --quiet --format docker --layers=false --tag "$name" --file deploy/docker/Containerfile "$root"
[ -z "$archive" ] || buildah push --quiet "$name" "docker-archive:$archive:$name"
