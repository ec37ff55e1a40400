# shellcheck shell=bash
# What the scripts share. Source it first: it also moves to the checkout's top folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cache="${FDP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/foss-data-platform}"
export PATH="$PWD/.venv/bin:$PATH"

die() { echo "error: $*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# step WHAT COMMAND...   says what is done now, and afterwards how long it took.
step() {
  local began=$SECONDS
  current_step=$1
  shift
  echo "==> $current_step"
  "$@"
  step_times+=("$(printf '%6d s  %s' $((SECONDS - began)) "$current_step")")
  echo "==> $current_step: $((SECONDS - began)) s"
  current_step=""
}
step_times=()
current_step=""
trap '[ -z "$current_step" ] || echo "==> failed: $current_step" >&2' EXIT

print_times() {
  printf '%s\n' "" "${step_times[@]}" "$(printf '%6d s  in all' $SECONDS)"
}

# need_packages COMMAND=PACKAGE...   installs those packages whose command is missing.
need_packages() {
  local missing=() pair
  for pair in "$@"; do
    command -v "${pair%%=*}" > /dev/null || [ -x "/usr/sbin/${pair%%=*}" ] || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

apt_install() {
  command -v apt-get > /dev/null || die "this machine lacks $*, and there is no apt-get to install it: do that, then run this again"
  echo "installing from the system's packages: $*"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null
}

# need_docker "$@"   Docker from the system's packages if there is none, started if it is not running. It may run the
# calling script once more (with its arguments, hence "$@"), as a member of the group that may use Docker.
need_docker() {
  if docker info > /dev/null 2>&1; then return; fi
  # A client alone is no engine.
  need_packages dockerd=docker.io
  as_root docker info > /dev/null 2>&1 || step "Start Docker" start_docker
  if docker info > /dev/null 2>&1; then return; fi
  [ -z "${FDP_IN_DOCKER_GROUP:-}" ] || die "Docker runs, but $(id -un) can't reach it: see 'docker info'"
  as_root usermod -aG docker "$(id -un)"
  FDP_IN_DOCKER_GROUP=1 exec sg docker -c "$(printf '%q ' "$PWD/scripts/$(basename "$0")" "$@")"
}

start_docker() {
  mkdir -p "$cache"
  if [ -d /run/systemd/system ]; then
    as_root systemctl start docker
  else
    as_root setsid --fork dockerd > "$cache/dockerd.log" 2>&1 < /dev/null
  fi
  local deadline=$((SECONDS + 60))
  until as_root docker info > /dev/null 2>&1; do
    if [ $SECONDS -gt $deadline ]; then
      tail -5 "$cache/dockerd.log" >&2 || true
      die "Docker does not start: see $cache/dockerd.log, or 'journalctl -u docker'"
    fi
    sleep 0.5
  done
}
