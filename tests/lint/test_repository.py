"""What no file of the repository may hold, and what every folder has to."""

import re
import subprocess

import pytest
import yaml

# Hosts of package registries and their mirrors: packages are named by coordinates, the ecosystems' clients know where they are.
REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|repo1?\.maven|maven\.org|maven\.apache\.org/maven2|proxy\.golang\.org|sum\.golang\.org|"
    r"registry\.npmjs|npmjs\.org|deb\.debian\.org|security\.debian\.org|ftp\.\w+\.debian\.org|galaxy\.ansible\.com|"
    r"ghcr\.io|quay\.io|docker\.io/|index\.docker",
    re.IGNORECASE,
)
# Where a checkout may well lie without that being a sign of somebody's machine.
COMMON_FOLDERS = {"/", "/builds", "/home", "/mnt", "/opt", "/root", "/srv", "/src", "/tmp", "/usr/local/src", "/var/lib"}
HERE = "tests/lint/test_repository.py"
MAIN_CEILING = 75  # lines; a role's tasks/main.yml reads as a table of contents


@pytest.fixture(scope="module")
def texts(root) -> dict[str, str]:
    """Text of every file of the repository, new ones included, by path."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate"]
    paths = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
    found = {}
    for path in paths:
        if path == HERE or (root / path).is_symlink() or not (root / path).is_file():
            continue
        content = (root / path).read_bytes()
        if b"\0" not in content:
            found[path] = content.decode()
    return found


def lines_with(texts: dict[str, str], pattern: re.Pattern) -> list[str]:
    """``path:line: what was found`` of every match."""
    return [
        f"{path}:{number}: {match.group(0)}"
        for path, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        for match in pattern.finditer(line)
    ]


def test_no_registry_is_named_by_its_host(texts):
    assert not lines_with(texts, REGISTRIES)


def test_no_path_of_the_machine_it_was_written_on(texts, root):
    folders = {str(root), str(root.parent)} - COMMON_FOLDERS
    assert not lines_with(texts, re.compile(rf"(?<![\w.}}])(?:{'|'.join(map(re.escape, sorted(folders)))})(?:/|\b)"))


def test_python_files_say_their_licence(texts):
    """All but tests, which are no part of what is installed, and the pipelines, which are their owners'."""
    ours = [p for p in texts if p.endswith(".py") and p.split("/")[0] in ("plugins", "roles", "scripts", "dashboard")]
    assert not [p for p in ours if "SPDX-License-Identifier: MIT" not in texts[p]]


def test_tasks_main_reads_as_a_table_of_contents(texts):
    mains = {p: len(t.splitlines()) for p, t in texts.items() if re.fullmatch(r"roles/\w+/tasks/main\.yml", p)}
    assert mains
    assert not {p: n for p, n in mains.items() if n >= MAIN_CEILING}


def test_of_each_credential_is_said_what_it_opens(root):
    """Or a rotation could not prove it, and would say so when services have the new one already."""
    listed = yaml.safe_load((root / "group_vars/all/secrets.yml").read_text())["secrets_names"]
    opened = yaml.safe_load((root / "group_vars/all/wiring.yml").read_text())["secrets_open"]
    # What pipelines' open is said for each of them.
    assert sorted(listed) == sorted([*opened, "secret_pipelines"])
