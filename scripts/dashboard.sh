#!/usr/bin/env bash
# Serves the dashboard on 127.0.0.1:5000 until Ctrl-C. Of a stand-in ($STANDIN, `sandbox` by default) through an ssh tunnel, or of
# the services that DASHBOARD_DAGSTER and the like name: see dashboard/README.md.
source "$(dirname "$0")/lib.sh"
standin=${STANDIN:-sandbox}
assets=.cache/dashboard
mkdir -p "$assets"
scripts/artifacts.py unpack pico "$assets"

if [ -z "${DASHBOARD_DAGSTER:-}" ]; then
  config=.sandbox/$standin/ssh_config
  [ -f "$config" ] || die "there is no stand-in $standin: run 'make sandbox', or say where Dagster is: DASHBOARD_DAGSTER=http://127.0.0.1:3000"
  # Far from the ports that a person's own tunnels have.
  ssh -F "$config" -fN -M -S "$PWD/$assets/ssh" -o ExitOnForwardFailure=yes -L 13000:127.0.0.1:3000 -L 18080:127.0.0.1:8080 \
    -L 19010:127.0.0.1:9010 -L 15432:127.0.0.1:5432 -L 19083:127.0.0.1:9083 "$standin"
  trap 'ssh -F "$config" -S "$PWD/$assets/ssh" -O exit "$standin" 2> /dev/null' EXIT
  export DASHBOARD_DAGSTER=http://127.0.0.1:13000 DASHBOARD_TRINO=http://127.0.0.1:18080 DASHBOARD_MINIO=http://127.0.0.1:19010
  export DASHBOARD_POSTGRESQL=tcp://127.0.0.1:15432 DASHBOARD_METASTORE=tcp://127.0.0.1:19083
fi
export DASHBOARD_ASSETS=$assets PYTHONPATH=dashboard
python -m foss_data_dashboard
