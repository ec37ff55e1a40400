#!/usr/bin/env bash
# molecule.sh SCENARIO...   runs each on a stand-in of its own, two at a time (each may take 8 GB), in the order given.
# One result line each; the log of each is .cache/test/molecule-SCENARIO.log, and that of one that failed is shown.
source "$(dirname "$0")/lib.sh"
need_docker "$@"
export NO_COLOR=1
at_once=2
logs=.cache/test

run_one() {
  local scenario=$1 log="$logs/molecule-$1.log" began=$SECONDS result=passed
  rm -f "$logs/molecule-$scenario".*
  molecule destroy --no-command-borders -s "$scenario" > "$log" 2>&1
  if ! molecule test --no-command-borders --destroy=never -s "$scenario" >> "$log" 2>&1; then
    result=failed
    failed_units "molecule-$scenario" >> "$log" 2>&1
  fi
  molecule destroy --no-command-borders -s "$scenario" >> "$log" 2>&1
  echo "$result" > "$logs/molecule-$scenario.result"
  echo "molecule $scenario: $result, $((SECONDS - began)) s"
  [ $result = passed ]
}

# What the services said, while the host is still there.
failed_units() {
  echo "--- units that failed on $1, and their journal"
  # shellcheck disable=SC2016 # Expanded on the stand-in.
  docker exec "$(cat ".sandbox/$1/container")" sh -c 'systemctl list-units --failed --plain --no-legend | while read -r unit rest; do
    systemctl status --no-pager --lines=0 "$unit"; journalctl --no-pager --output=short --lines=40 --unit="$unit"; done'
  return 0
}

mkdir -p "$logs"
need_packages mmdebstrap=mmdebstrap
infrastructure/standin/image.sh > /dev/null
scripts/make_secrets.py inventories/sandbox > /dev/null
# Before the first play: what is built on this machine is no role's time.
scripts/artifacts.py fetch > "$logs/artifacts.log" 2>&1 || { tail -20 "$logs/artifacts.log"; die "an artifact could not be fetched or built"; }

failed=()
declare -A running=()
finish_one() {
  local ended
  wait -n -p ended "${!running[@]}" || failed+=("${running[$ended]}")
  unset "running[$ended]"
}
for scenario in "$@"; do
  [ ${#running[@]} -lt $at_once ] || finish_one
  run_one "$scenario" &
  running[$!]=$scenario
done
while [ ${#running[@]} -gt 0 ]; do finish_one; done
for scenario in "${failed[@]}"; do
  echo "--- the end of $logs/molecule-$scenario.log"
  tail -100 "$logs/molecule-$scenario.log"
done
[ ${#failed[@]} = 0 ]
