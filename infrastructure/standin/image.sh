#!/usr/bin/env bash
# Builds the image of a blank Debian 12 host and prints its name. Made anew only when this folder or what is handed on changes.
# What this machine's package client is told (sources, proxies, certificates) is handed on, so no host is named here.
set -euo pipefail
cd "$(dirname "$0")"

packages=systemd,systemd-sysv,dbus,python3,python3-apt,sudo,iproute2,ca-certificates,openssh-server,procps
handed_on=$(mktemp -d)
trap 'rm -rf "$handed_on"' EXIT

# Debian's own sources, if this machine runs the same release; elsewhere mmdebstrap knows the public mirror.
if grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release; then
  if [ -s /etc/apt/sources.list.d/debian.sources ]; then
    cp /etc/apt/sources.list.d/debian.sources "$handed_on/debian.sources"
  elif [ -s /etc/apt/sources.list ]; then
    { grep -E '^deb .* bookworm(-updates|-security|/updates)? +main' /etc/apt/sources.list || true; } > "$handed_on/debian.list"
  fi
fi
# How to fetch (proxy, time-outs, dates), not what to keep or to install.
grep -hsE '^ *Acquire::(https?|Retries|Check-|ForceIPv)[^{]*;' /etc/apt/apt.conf /etc/apt/apt.conf.d/* > "$handed_on/fetch.conf" || true
for scheme in http https; do
  proxy=${scheme}_proxy
  [ -z "${!proxy:-}" ] || echo "Acquire::$scheme::Proxy \"${!proxy}\";" >> "$handed_on/fetch.conf"
done
# Certificate authorities that this machine trusts beside the public ones.
mkdir "$handed_on/ca"
for certificate in /usr/local/share/ca-certificates/*.crt; do
  [ ! -f "$certificate" ] || cp "$certificate" "$handed_on/ca/"
done
case ${SSL_CERT_FILE:-/etc/ssl/} in
  /etc/ssl/*) ;;
  *) cp "$SSL_CERT_FILE" "$handed_on/ca/control-machine.crt" ;;
esac

recipe=$(cd "$handed_on" && find . -type f -print0 | sort -z | xargs -0 -r sha256sum | cat - "$OLDPWD/image.sh" "$OLDPWD/apt-cache.conf" | sha256sum)
image="foss-data-platform-standin:${recipe:0:12}"

if ! docker image inspect "$image" > /dev/null 2>&1; then
  echo "building the blank Debian 12 image (half a minute, once)" >&2
  sources=()
  [ -s "$handed_on/debian.sources" ] && sources=("$handed_on/debian.sources")
  [ -s "$handed_on/debian.list" ] && sources=("$handed_on/debian.list")
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  # A date in the past: the host has never fetched a list of packages, and two builds are alike.
  # Every stand-in makes ssh keys of its own, so none is in the image.
  # shellcheck disable=SC2016 # $1 is mmdebstrap's, the folder of the new system.
  if ! "${as_root[@]}" env SOURCE_DATE_EPOCH=1686355200 \
    mmdebstrap --quiet --variant=minbase --include="$packages" --aptopt="$handed_on/fetch.conf" \
    --customize-hook="copy-in $handed_on/ca /usr/local/share" \
    --customize-hook='mv "$1"/usr/local/share/ca/* "$1"/usr/local/share/ca-certificates/ 2> /dev/null; rm -r "$1"/usr/local/share/ca' \
    --customize-hook='chroot "$1" update-ca-certificates' \
    --customize-hook="copy-in $PWD/apt-cache.conf /etc/apt/apt.conf.d" \
    --customize-hook='rm -f "$1"/etc/ssh/ssh_host_*' \
    bookworm "$handed_on/rootfs.tar" "${sources[@]}" > "$handed_on/log" 2>&1; then
    tail -5 "$handed_on/log" >&2
    echo "the image could not be built: see above; is mmdebstrap installed ('make env'), does 'apt-get update' work here?" >&2
    exit 1
  fi
  docker import --change 'CMD ["/lib/systemd/systemd"]' "$handed_on/rootfs.tar" "$image" > /dev/null
fi
echo "$image"
