#!/usr/bin/env bash
# Removes what can be made again: the artifact cache, .cache, the stand-ins' image and packages, .venv.
source "$(dirname "$0")/lib.sh"
[ ! -d .sandbox ] || die "stand-ins are still there (.sandbox): run 'make sandbox-down' first"
if [ -n "${FDP_CACHE:-}" ]; then
  # Somebody's own folder, with who knows what beside ours.
  rm -rf "$cache"/{artifacts,builds,bundles,go,locks,node,pipelines} "$cache/dockerd.log"
  [ ! -d "$cache" ] || rmdir --ignore-fail-on-non-empty "$cache"
else
  rm -rf "$cache"
fi
rm -rf .cache .venv
if command -v docker > /dev/null; then
  need_docker "$@"
  others=$(docker ps --all --filter label=foss-data-platform.checkout --format '{{.Names}} of {{.Label "foss-data-platform.checkout"}}')
  [ -z "$others" ] || die "other checkouts' stand-ins use the image and the packages, which stay: ${others//$'\n'/, }"
  docker images --quiet foss-data-platform-standin | sort -u | xargs --no-run-if-empty docker rmi --force
  docker volume rm --force foss-data-platform-apt
fi
