# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Put the shared folder into the new repository, note what it was made from, and make it one."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

SHARED = Path({{ shared | tojson }})
NAME = {{ cookiecutter.name | tojson }}
TEAM = {{ cookiecutter.team | tojson }}
EMAIL = {{ cookiecutter.email | tojson }}
VERSION = {{ cookiecutter._version | tojson }}
# As text: what is true and false in JSON is not in Python.
ANSWERS = json.loads({{ cookiecutter | tojson | tojson }})


def git(*arguments: str) -> subprocess.CompletedProcess:
    """Run git here, quietly."""
    return subprocess.run(["git", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def commit_of_template() -> str | None:
    """The commit that the template is, for `make template-update` later; None if no commit is what was rendered."""
    platform = SHARED.parent.parent
    if not shutil.which("git") or git("-C", str(platform), "rev-parse", "--show-toplevel").stdout.strip() != str(platform):
        return None
    if git("-C", str(platform), "status", "--porcelain", "--", "cookiecutter-pipeline", "pipelines/shared").stdout.strip():
        return None
    return git("-C", str(platform), "rev-parse", "--verify", "-q", "HEAD").stdout.strip() or None


def remember() -> None:
    """Note the template and the answers."""
    answers = {name: answer for name, answer in ANSWERS.items() if not name.startswith("_")}
    state = {"version": VERSION, "commit": commit_of_template(), "answers": answers}
    Path(".template.json").write_text(json.dumps(state, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def make_repository() -> str:
    """A first commit with everything in it; what to say about it."""
    if not shutil.which("git"):
        return "git is not installed here: it is no repository yet, and a pipeline has to be one to be deployed."
    if git("rev-parse", "--is-inside-work-tree").stdout.strip() == "true":
        return "It lies inside another repository, so it was not made one of its own."
    # Where nobody told git who commits, the team does.
    who = [] if git("config", "user.email").stdout.strip() else ["-c", f"user.name={TEAM}", "-c", f"user.email={EMAIL}"]
    for step in (
        ["init", "-q", "-b", "main"],
        ["add", "--all"],
        # Neither a key to sign with nor somebody's own hooks should stop it.
        [*who, "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", f"{NAME} from the template"],
    ):
        done = git(*step)
        if done.returncode:
            return f"git did not make the first commit ({' '.join(done.stderr.split())}): do that yourself."
    return "It is a git repository with a first commit."


def main() -> None:
    """Complete the repository in the current folder."""
    shutil.copytree(SHARED, "shared", ignore=shutil.ignore_patterns("__pycache__"))
    remember()
    print(f"{Path.cwd()} is ready. {make_repository()}\nNext: cd {Path.cwd()} && make test && make dev")


if __name__ == "__main__":
    sys.exit(main())
