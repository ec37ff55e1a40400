#!/usr/bin/env bash
# The control side: a virtual environment from the hash-pinned lock, made anew only when the lock or the Python changes.
source "$(dirname "$0")/lib.sh"

# The newest Python that runs and that ansible-core 2.19 supports.
find_python() {
  local candidate
  for candidate in python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2> /dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

make_env() {
  rm -rf .venv
  "$python" -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/control.txt
  echo "$stamp" > .venv/made-from
}

# The environment in use must not be the one that a new one is made from. It is in PATH once for make, once for lib.sh and
# once more where a person has activated it.
PATH=:$PATH:
while [[ $PATH == *":$PWD/.venv/bin:"* ]]; do PATH=${PATH/":$PWD/.venv/bin:"/:}; done
PATH=${PATH#:}
PATH=${PATH%:}
if ! python=$(find_python); then
  # Ubuntu 22.04 has 3.10 by default and 3.11 beside it.
  apt_install python3.11 python3.11-venv || die "no Python 3.11 to 3.13 here, and the system's packages have none: install one"
  python=$(find_python) || die "Python 3.11 was installed but does not run"
fi
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$python" -c 'import ensurepip, venv' 2> /dev/null || apt_install "python$version-venv"
need_packages ssh=openssh-client

stamp="$(sha256sum < requirements/control.txt) python $version"
if [ "$(cat .venv/made-from 2> /dev/null)" != "$stamp" ]; then
  step "Install the control side into .venv (Python $version)" make_env
fi
