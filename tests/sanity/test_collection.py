"""The collection as it is published: built from the checkout, installed elsewhere, and held against `ansible-test sanity`."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import ansible
import pytest

# What is no business of those who install the collection.
KEPT_BACK = (".ci", ".config", "collections", "molecule")
# ansible-test makes environments of its own and would fetch pip for them from its makers' site; Python's own copy does as well.
BOOTSTRAP = "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'ensurepip', '--default-pip'], check=True)\n"
PIP_WANTED = "24_2"  # by ansible-test 2.19, part of a file's name
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def run(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    """The finished command; fails with all that it said."""
    done = subprocess.run(command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
    return done


def ansible_doc(installed: Path, *arguments: str) -> str:
    """What it says of the installed collection, in JSON."""
    top = installed.parents[2]
    return run("ansible-doc", "--json", *arguments, cwd=top, ANSIBLE_COLLECTIONS_PATH=str(top)).stdout


@pytest.fixture(scope="module")
def archive(root, tmp_path_factory) -> Path:
    """What `ansible-galaxy collection build` makes of the checkout."""
    folder = tmp_path_factory.mktemp("build")
    run("ansible-galaxy", "collection", "build", "--output-path", str(folder), cwd=root)
    return next(folder.glob("foss_data-platform-*.tar.gz"))


@pytest.fixture(scope="module")
def installed(archive, tmp_path_factory) -> Path:
    """Where the archive is installed, without the checkout anywhere near."""
    folder = tmp_path_factory.mktemp("installed")
    run("ansible-galaxy", "collection", "install", str(archive), "--no-deps", "--offline", "-p", str(folder), cwd=folder)
    # The collections that it depends on, as the control side has them.
    bundle = Path(ansible.__file__).parents[1] / "ansible_collections"
    (folder / "ansible_collections" / "community").symlink_to(bundle / "community")
    return folder / "ansible_collections" / "foss_data" / "platform"


def test_archive_holds_what_it_should_and_nothing_else(root, archive):
    with tarfile.open(archive) as opened:
        names = opened.getnames()
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=root).stdout.splitlines()
    folders = {str(parent) for path in listed for parent in Path(path).parents}
    foreign = sorted(set(names) - set(listed) - folders - {"FILES.json", "MANIFEST.json"})
    assert not foreign
    assert not [n for n in names if n.split("/")[0] in KEPT_BACK or n.endswith(".sops.yaml")]
    modules = {f"plugins/modules/{p.name}" for p in (root / "plugins" / "modules").glob("*.py")}
    assert modules | {"LICENSE", "README.md", "meta/runtime.yml", "roles/_common/templates/unit.service.j2"} <= set(names)


def test_documentation_of_every_plugin_can_be_read(root, installed):
    kinds = {"module": "modules", "filter": "filter", "callback": "callback", "lookup": "lookup", "vars": "vars"}
    for kind, folder in kinds.items():
        names = sorted(f"foss_data.platform.{p.stem}" for p in (root / "plugins" / folder).glob("*.py"))
        if not names:
            continue
        shown = json.loads(ansible_doc(installed, "-t", kind, *names))
        assert sorted(shown) == names
        for name, plugin in shown.items():
            assert plugin["doc"]["filename"].startswith(str(installed)), name
            assert plugin.get("examples"), f"{name} has no example"


def test_roles_can_be_read(root, installed):
    listed = json.loads(ansible_doc(installed, "-t", "role", "-l", "foss_data.platform"))
    roles = sorted(f"foss_data.platform.{p.parents[1].name}" for p in (root / "roles").glob("*/meta/argument_specs.yml"))
    # Ansible leaves the internal role out of its list.
    assert sorted({*listed, "foss_data.platform._common"}) == roles


def test_sanity(root, installed):
    """ansible-test on plugins and metadata; its environments are kept in .cache between runs."""
    home = root / ".cache" / "sanity"
    bootstrap = home / ".ansible" / "test" / "cache"
    bootstrap.mkdir(parents=True, exist_ok=True)
    (bootstrap / f"get_pip_{PIP_WANTED}.py").write_text(BOOTSTRAP)
    run("ansible-test", "sanity", "--color", "no", "--python", PYTHON, "plugins/", "meta/", cwd=installed, HOME=str(home))
