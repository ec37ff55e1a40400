"""No credential is anywhere but in the files of the services that need it: not on this machine, not for others on the host."""

import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.foss_data.platform.tests.deployed import values_in

PLANTED = """
first=$(printf '%s' "$patterns" | head -1)
(umask 077; printf 'a %s z' "$first" > /tmp/planted)
printf 'a %s z' "$first" > /run/planted
bash -c 'exec -a "$0" sleep 60' "$first" &
process=$!
trap "rm /tmp/planted /run/planted; kill $process" EXIT
until grep --quiet --text --fixed-strings -f <(printf '%s' "$first") /proc/$process/cmdline; do kill -0 $process; done
echo /proc/$process/cmdline
"""


@pytest.fixture
def values(credentials) -> list[str]:
    """The credentials, and those derived from them."""
    return values_in(credentials)


def test_where_credentials_are(root, play, killed_at, values, places):
    """After deploys that went well, one that failed, and one that was killed."""
    began = time.time() - 1
    failed = play("site.yml", "--tags", "minio", "--start-at-task", "Provide the users", "-e", "minio_port=1", "-vvv", "--diff")
    assert failed.returncode == 2, failed.stdout + failed.stderr
    assert killed_at("Provide the users", "site.yml", "--tags", "minio", "-vvv").returncode < 0
    assert places(values) == []

    # On this machine: the checkout with what the tests keep in it, what Ansible keeps, and what else was written since.
    grep = ["grep", "--recursive", "--no-messages", "--files-with-matches", "--text", "--fixed-strings", "-f", "-"]
    folders = ["--exclude-dir=.venv", "--exclude-dir=.git", str(root), str(Path.home() / ".ansible")]
    assert subprocess.run([*grep, *folders], input="\n".join(values), capture_output=True, text=True).stdout == ""
    find = ["find", "/tmp", "/dev/shm", "-type", "f", "-newermt", f"@{began}", "-size", "-10M", "-print"]
    written = subprocess.run(find, capture_output=True, text=True, check=False).stdout.splitlines()
    assert [path for path in written if any(value in text_of(Path(path)) for value in values)] == []


def text_of(path: Path) -> str:
    """Its content; none if it has gone since, or is somebody else's."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def test_one_that_is_somewhere_is_found(places, values):
    found = places(values, PLANTED)
    process = found.pop(0)
    assert sorted(found) == sorted(["/tmp/planted", "/run/planted", process])
