#!/usr/bin/env bash
# Removes what can be made again: the artifact cache, .cache, the stand-ins' image and packages, .venv.
source "$(dirname "$0")/lib.sh"
[ ! -d .sandbox ] || die "stand-ins are still there (.sandbox): run 'make sandbox-down' first"
rm -rf "$cache" .cache .venv
if command -v docker > /dev/null; then
  need_docker "$@"
  docker images --quiet foss-data-platform-standin | sort -u | xargs --no-run-if-empty docker rmi --force
  docker volume rm --force foss-data-platform-apt
fi
