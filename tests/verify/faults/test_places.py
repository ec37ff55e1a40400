"""No credential is anywhere but in the files of the services that need it: not on this machine, not for others on the host."""

import shlex
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.foss_data.platform.plugins.filter.derived_secret import derived_secret

# Values come by its input, so that they are in no list of processes. What it prints are places.
ON_HOST = r"""
patterns=$(cat)
look() { printf '%s\n' "$patterns" | "$@" -f -; }
{planted}
journalctl --output=export | grep --text --fixed-strings --quiet -f <(printf '%s\n' "$patterns") && echo journal
look grep --recursive --no-messages --files-with-matches --text --fixed-strings \
  /tmp /var/tmp /dev/shm /var/log /var/crash /root /home /run/user /var/spool
# What everybody may read, and what each process says of itself to others.
look runuser -u nobody -- grep --recursive --no-messages --files-with-matches --text --fixed-strings --devices=skip \
  /boot /etc /home /root /run /srv /tmp /usr/local /var /proc/[0-9]*/cmdline /proc/[0-9]*/environ
true
"""
PLANTED = """
first=$(printf '%s' "$patterns" | head -1)
(umask 077; printf 'a %s z' "$first" > /tmp/planted)
printf 'a %s z' "$first" > /run/planted
bash -c 'exec -a "$0" sleep 60' "$first" &
trap "rm /tmp/planted /run/planted; kill $!" EXIT
until grep --quiet --text --fixed-strings -f <(printf '%s' "$first") /proc/$!/cmdline; do :; done
echo /proc/$!/cmdline
"""


@pytest.fixture
def values(credentials) -> list[str]:
    """The credentials, and those derived from them. Of a key that is several lines one would be enough."""
    found = [(value.splitlines() * 2)[1] for name, value in credentials.items() if name != "secret_ca_certificate"]
    found.append(derived_secret(credentials["secret_minio_trino"], "reader"))
    for purpose in ("object store: ", "trino: ", "database: pl-"):
        found.append(derived_secret(credentials["secret_pipelines"], f"{purpose}stavanger_parking"))
    assert all(len(value) >= 40 for value in found)
    return found


@pytest.fixture
def on_host_in(root, standin, values):
    """Places where the host has one of them. Something may be run there before."""

    def look(planted: str = "") -> list[str]:
        ssh = ["ssh", "-F", str(root / ".sandbox" / standin / "ssh_config"), standin]
        code = ON_HOST.replace("{planted}", planted)
        command = [*ssh, f"bash -c {shlex.quote(code)}"]
        done = subprocess.run(command, input="\n".join(values), check=True, capture_output=True, text=True)
        return done.stdout.splitlines()

    return look


def test_where_credentials_are(root, play, killed_at, values, on_host_in):
    """After deploys that went well, one that failed, and one that was killed."""
    began = time.time() - 1
    failed = play("site.yml", "--tags", "minio", "--start-at-task", "Provide the users", "-e", "minio_port=1", "-vvv", "--diff")
    assert failed.returncode == 2, failed.stdout + failed.stderr
    assert killed_at("Provide the users", "site.yml", "--tags", "minio", "-vvv").returncode < 0
    assert on_host_in() == []

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


def test_one_that_is_somewhere_is_found(on_host_in):
    found = on_host_in(PLANTED)
    process = found.pop(0)
    assert sorted(found) == sorted(["/tmp/planted", "/run/planted", process])
