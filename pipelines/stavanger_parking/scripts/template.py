#!/usr/bin/env python3
"""Keep this pipeline up with the template that it was made from: ``make template-check`` and ``make template-update``.

Both want TEMPLATE, the platform's repository: a folder or a git address. `.template.json` says which of its commits this pipeline
was made from, and with which answers. `check` says whether the template moved on, with exit code 1 if so. `update` renders both
commits with the same answers and merges what differs between them into the files here, as git would: what you edited stays, and
where both changed the same lines there are git's own marks. Nothing is committed; exit code 1 if something is left to decide.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = ".template.json"
PARTS = ("cookiecutter-pipeline", "pipelines/shared")
BESIDE = ".from-template"  # what comes behind the name of a file that can't be merged
# Of whoever runs this from a git hook, or from make: they would lead git and Python to this pipeline's own files.
ELSEWHERE = {"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "PYTHONPATH"}
PLAIN = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
PLAIN |= {"LC_ALL": "C", "PYTHONDONTWRITEBYTECODE": "1"}


class TemplateError(Exception):
    """One sentence that says what is wrong and what to do."""


@dataclass(frozen=True)
class File:
    """What a file is, as git sees it."""

    data: bytes
    executable: bool


def git(folder: Path, *arguments: str, wrong: str = "") -> subprocess.CompletedProcess:
    """Run git quietly. Raises TemplateError that begins with ``wrong``, if that is given and git fails."""
    command = ["git", "-c", f"core.hooksPath={os.devnull}", "-C", str(folder), *arguments]
    done = subprocess.run(command, env=PLAIN, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode and wrong:
        raise TemplateError(f"{wrong} ({' '.join(done.stderr.split())[-300:] or 'git gave no reason'})")
    return done


def read_state(root: Path) -> tuple[str, dict[str, str]]:
    """The commit and the answers that the pipeline was made from. Raises TemplateError."""
    if (root / STATE).is_symlink():
        raise TemplateError(f"{STATE} is a link: take it back from git")
    try:
        state = json.loads((root / STATE).read_text(encoding="utf-8"))
        commit, answers = state["commit"], {name: str(answer) for name, answer in state["answers"].items()}
    except FileNotFoundError:
        raise TemplateError(f"there is no {STATE}: this was not made from a template that remembers") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TemplateError(f"{STATE} is not what the template wrote: take it back from git ({error})") from error
    if commit is None:
        raise TemplateError(
            f"{STATE} has no commit: the template was not in git as it was then, so nobody knows what has changed"
        )
    if not re.fullmatch(r"[0-9a-f]{40}", str(commit)) or not all(
        re.fullmatch(r"[a-z][a-z0-9_]*", name) and "{" not in answer for name, answer in answers.items()
    ):
        raise TemplateError(f"{STATE} is not what the template wrote: take it back from git")
    return commit, answers


def clone(address: str, into: Path) -> Path:
    """The platform's repository with its history. Raises TemplateError."""
    if not address:
        raise TemplateError("say where the platform's repository is: TEMPLATE=/path/to/it or its git address")
    address = str(Path(address).resolve()) if Path(address).exists() else address
    git(into, "clone", "-q", "--no-checkout", "--", address, "platform", wrong=f"{address} can't be cloned")
    return into / "platform"


def moved_on(platform: Path, commit: str) -> list[str]:
    """The files of the template that changed since ``commit``. Raises TemplateError."""
    if git(platform, "cat-file", "-e", f"{commit}^{{commit}}").returncode:
        raise TemplateError(
            f"TEMPLATE does not have the commit {commit[:12]} that this pipeline was made from: give the repository that it came "
            "from, with its whole history"
        )
    head = git(platform, "rev-parse", "HEAD", wrong="TEMPLATE has no commit").stdout.strip()
    if head != commit and git(platform, "merge-base", "--is-ancestor", head, commit).returncode == 0:
        raise TemplateError(
            f"TEMPLATE is older ({head[:12]}) than what this pipeline was made from ({commit[:12]}): bring it up to date"
        )
    return git(platform, "diff", "--name-only", commit, head, "--", *PARTS, wrong="git can't compare").stdout.splitlines()


def render(platform: Path, commit: str, answers: dict[str, str], into: Path) -> dict[str, File]:
    """What the template of ``commit`` makes of the answers. Raises TemplateError."""
    git(platform, "checkout", "-q", "--force", "--detach", commit, wrong=f"{commit[:12]} can't be checked out")
    into.mkdir()
    command = [sys.executable, "-W", "ignore", "-m", "cookiecutter", str(platform / PARTS[0]), "--no-input", "--default-config"]
    command += ["--output-dir", str(into), *(f"{name}={answer}" for name, answer in answers.items())]
    done = subprocess.run(command, cwd=into, env=PLAIN, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    made = list(into.iterdir())
    if done.returncode or len(made) != 1:
        said = (done.stdout + done.stderr).strip().splitlines() or ["it said nothing"]
        raise TemplateError(f"the template of {commit[:12]} can't be made with the answers in {STATE}: {said[-1]}")
    paths = [path for path in made[0].rglob("*") if path.is_file() and ".git" not in path.relative_to(made[0]).parts]
    return {str(path.relative_to(made[0])): File(path.read_bytes(), bool(path.stat().st_mode & 0o100)) for path in paths}


def merge(root: Path, path: str, old: File | None, new: File | None, label: str) -> str:
    """Bring one file from ``old`` to ``new``; what was done, "" if nothing had to be, "CONFLICT: ..." if it is left to decide."""
    if old == new:
        return ""
    target = root / path
    if _in_the_way(root, path):
        return "CONFLICT: a link or a folder is in its place or above it, so it was left alone"
    mine = File(target.read_bytes(), bool(target.stat().st_mode & 0o100)) if target.exists() else None
    if mine == new:
        return ""
    if mine == old:
        if new is None:
            target.unlink()
            return "removed"
        _write(target, new)
        return "changed" if old else "new"
    if mine is None:
        return "left out, you removed it"
    if new is None:
        return "CONFLICT: the template has it no more, and you changed it: keep it or remove it"
    executable = new.executable if old and mine.executable == old.executable else mine.executable
    merged, conflict = _merge_text(mine.data, old.data if old else b"", new.data, label)
    if merged is None:
        _write(target.with_name(target.name + BESIDE), new)
        return f"CONFLICT: it is no text, so the template's lies beside it as {target.name}{BESIDE}"
    _write(target, File(merged, executable))
    return "CONFLICT: both changed the same lines, which are marked" if conflict else "merged with what you changed"


def _in_the_way(root: Path, path: str) -> bool:
    """Whether writing there would lead elsewhere, or over a folder."""
    target = root / path
    above = [root / part for part in Path(path).parents if str(part) != "."]
    return any(part.is_symlink() or (part.exists() and not part.is_dir()) for part in above) or (
        target.is_symlink() or (target.exists() and not target.is_file())
    )


def _write(target: Path, file: File) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(file.data)
    mode = target.stat().st_mode
    # Whoever may read it may run it.
    target.chmod(mode | (mode & 0o444) >> 2 if file.executable else mode & ~0o111)


def _merge_text(mine: bytes, old: bytes, new: bytes, label: str) -> tuple[bytes | None, bool]:
    """Git's merge of three texts, and whether there are marks in it; None if they are no texts."""
    if mine == old or old == new:
        return (new if mine == old else mine), False
    with tempfile.TemporaryDirectory() as folder:
        names = {"mine": mine, "old": old, "new": new}
        for name, data in names.items():
            (Path(folder) / name).write_bytes(data)
        labels = ["-L", "yours", "-L", "the template before", "-L", label]
        command = ["git", "merge-file", "-q", "-p", *labels, *names]
        done = subprocess.run(command, cwd=folder, env=PLAIN, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return (done.stdout if done.returncode < 128 else None), done.returncode > 0


def check(root: Path, address: str) -> int:
    """Say whether the template moved on."""
    commit, _ = read_state(root)
    with tempfile.TemporaryDirectory() as folder:
        changed = moved_on(clone(address, Path(folder)), commit)
    if changed:
        print(f"behind: {len(changed)} files of the template changed since {commit[:12]}; run make template-update")
    else:
        print(f"up to date with the template ({commit[:12]})")
    return int(bool(changed))


def update(root: Path, address: str) -> int:
    """Merge the newer template into the files here."""
    commit, answers = read_state(root)
    status = git(
        root, "status", "--porcelain", "--", ".", wrong=f"{root} is no git repository, and only git could show what changes"
    )
    if status.stdout.strip():
        raise TemplateError(
            "there are changes that are not committed: commit or stash them, so that the merge can be told from them"
        )
    with tempfile.TemporaryDirectory() as folder:
        platform = clone(address, Path(folder))
        if not moved_on(platform, commit):
            print(f"up to date with the template ({commit[:12]})")
            return 0
        head = git(platform, "rev-parse", "HEAD").stdout.strip()
        new = render(platform, head, answers, Path(folder) / "new")
        old = render(platform, commit, answers, Path(folder) / "old")
    state, _ = new.pop(STATE, None), old.pop(STATE, None)
    if state is None:
        raise TemplateError(f"the template of {head[:12]} writes no {STATE}: it is too old to be merged")
    label = f"template {json.loads(state.data)['version']} ({head[:12]})"
    done = {path: merge(root, path, old.get(path), new.get(path), label) for path in sorted({*old, *new})}
    _write(root / STATE, replace(state, executable=False))
    for path, what in done.items():
        if what:
            print(f"{path}: {what}")
    conflicts = sum(what.startswith("CONFLICT") for what in done.values())
    print(f"\n{label[0].upper()}{label[1:]} is merged into the files here; nothing is committed. {conflicts} to decide.")
    print("Next: git status, git diff, make test, git commit. To undo all of it: git checkout . && git clean -d -i")
    return int(conflicts > 0)


def main() -> int:
    """0; or 1 if it is behind, something is left to decide, or with one line of what is wrong."""
    try:
        command = {"check": check, "update": update}[sys.argv[1]]
        return command(ROOT, os.environ.get("TEMPLATE", ""))
    except TemplateError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
