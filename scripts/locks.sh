#!/usr/bin/env bash
# Hash-pinned locks for every platform, without addresses or a machine's paths. Pins that still fit stay as they are;
# `scripts/locks.sh --upgrade` moves all to the newest that the .in files allow.
source "$(dirname "$0")/lib.sh"
for source in requirements/*.in; do
  step "Lock ${source%.in}.txt" uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
    --python-version 3.11 "$@" --output-file "${source%.in}.txt" "$source"
done
