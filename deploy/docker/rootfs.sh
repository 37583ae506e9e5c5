#!/usr/bin/env bash
# rootfs.sh BINARY FOLDER: everything of the image, in a folder that is made anew. The libraries are those that the binary was linked with on this
# system; a static binary has none.
set -euo pipefail
binary=${1:?usage: rootfs.sh BINARY FOLDER} root=${2:?usage: rootfs.sh BINARY FOLDER}
[ -x "$binary" ] || { echo "$binary is not there: cargo build --release makes it" >&2; exit 1; }

# A folder that is something else is not removed.
[ ! -e "$root" ] || [ -e "$root/.baton-image" ] || { echo "$root exists and was not made by this script" >&2; exit 1; }
rm -rf "$root"
mkdir -p "$root"/{usr/bin,etc/ssl/certs,tmp,var/lib/baton}
touch "$root/.baton-image"
chmod 1777 "$root/tmp"
install -m 755 "$binary" "$root/usr/bin/baton"

# "not a dynamic executable" is how ldd says static.
libraries=$(ldd "$binary" 2> /dev/null | grep -o '/[^ ]*' || true)
for library in $libraries; do
  install -D -m 755 "$(readlink -f "$library")" "$root$library"
done
# Names of hosts are looked up by libraries that glibc loads at run time.
if [ -n "$libraries" ]; then
  folder=$(dirname "$(grep -m1 'libc.so' <<< "$libraries")")
  for library in libnss_files.so.2 libnss_dns.so.2 libresolv.so.2; do
    [ ! -e "$folder/$library" ] || install -D -m 755 "$(readlink -f "$folder/$library")" "$root$folder/$library"
  done
  echo "hosts: files dns" > "$root/etc/nsswitch.conf"
fi

# Certificates of whom functions and endpoints over TLS are signed by.
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" 2> /dev/null || echo "this system has no ca-certificates; TLS to others needs a ca_file" >&2
echo "baton:x:65532:65532::/var/lib/baton:/sbin/nologin" > "$root/etc/passwd"
echo "baton:x:65532:" > "$root/etc/group"
if [ "$(id -u)" = 0 ]; then chown 65532:65532 "$root/var/lib/baton"; else chmod 777 "$root/var/lib/baton"; fi
