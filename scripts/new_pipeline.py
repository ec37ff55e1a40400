#!/usr/bin/env python3
# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Make a pipeline's repository from the template, beside this checkout; what `make pipeline` runs.

The answers are in the environment, so that no shell reads them: NEW_NAME, and as wished NEW_TITLE, NEW_TEAM, NEW_EMAIL,
NEW_SCHEDULE and NEW_FORMAT. Without any cookiecutter asks on the terminal. NEW_DIR is where the repository's folder is made.
"""

import os
import sys
from pathlib import Path

from from_template import COOKIECUTTER, ROOT, make

ANSWERS = ("NAME", "TITLE", "TEAM", "EMAIL", "SCHEDULE", "FORMAT")
USAGE = (
    'make pipeline NAME=sales_analytics [TITLE="Sales Analytics"] [TEAM=] [EMAIL=] [SCHEDULE="0 6 * * *"] [FORMAT=delta] [DIR=]'
)
NEXT = """
To deploy it, add it to the list `pipelines` of your inventory, or put these lines into INVENTORY/pipelines.d/{name}.yml:
  while you work on it    path: {folder}
  when it is pushed       git: ADDRESS
                          branch: main
then: ansible-playbook -i INVENTORY playbooks/pipelines.yml -e pipeline={name}"""


def refuse(reason: str) -> None:
    """End, with one line."""
    raise SystemExit(f"error: {reason}")


def main() -> None:
    """Make it, and say what comes next."""
    target = Path(os.environ.get("NEW_DIR") or ROOT.parent).expanduser()
    answers = {key.lower(): os.environ[f"NEW_{key}"] for key in ANSWERS if f"NEW_{key}" in os.environ}
    if not answers and sys.stdin.isatty():
        os.execv(sys.executable, [*COOKIECUTTER, "--output-dir", str(target)])
    if not answers.get("name"):
        refuse(f"a pipeline needs a name: {USAGE}")
    if target.exists() and not target.is_dir():
        refuse(f"{target} is no folder: name another one as DIR")
    try:
        print("\n".join(make(target, answers)))
    except ValueError as error:
        refuse(str(error))
    print(NEXT.format(name=answers["name"], folder=target.resolve() / answers["name"]))


if __name__ == "__main__":
    main()
