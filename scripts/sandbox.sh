#!/usr/bin/env bash
# sandbox.sh up     a stand-in VPS with the whole platform and the example pipeline on it
# sandbox.sh down   removes it, its keys and its credentials. Caches and the image stay (`make clean` removes those)
source "$(dirname "$0")/lib.sh"
inventory=inventories/sandbox

up() {
  need_docker up
  need_packages mmdebstrap=mmdebstrap
  step "Build the stand-in's image" infrastructure/standin/image.sh
  step "Create the stand-in VPS" ansible-playbook infrastructure/standin/create.yml
  step "Generate credentials that are missing" scripts/make_secrets.py "$inventory"
  step "Deploy the platform" ansible-playbook site.yml
  step "Serve a generated feed on it" ansible-playbook infrastructure/standin/feed.yml
  step "Deploy the pipeline stavanger_parking" ansible-playbook playbooks/pipelines.yml
  step "Run the pipeline and read its rows" ansible-playbook playbooks/show.yml
  print_times
}

down() {
  if [ -d .sandbox/sandbox ]; then
    need_docker down
    ansible-playbook infrastructure/standin/destroy.yml
  fi
  # Other stand-ins of this checkout use the same credentials.
  if [ ! -d .sandbox ] || rmdir .sandbox 2> /dev/null; then
    rm -f "$inventory/group_vars/all/secrets.sops.yaml" "$inventory/.sops.yaml"
  fi
}

case ${1:-} in
  up | down) "$1" ;;
  *) die "say 'up' or 'down'" ;;
esac
