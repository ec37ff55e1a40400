"""Role base: what comes in from outside, who gets in by ssh, and what becomes of who tries too often."""

import json
import re
import socket
import subprocess

import pytest
from ansible_collections.foss_data.platform.tests.deployed import until

PORT = 18098
UNIT = "verify-listens"
TABLE = "inet foss_data_platform"
USER = "verify_login"
# Somebody on another network, which is one of the host's own making.
STRANGER, GATEWAY = "198.51.100.2", "198.51.100.1"
SPACE = "verify-outside"


@pytest.fixture(scope="module")
def ssh(root, standin):
    """An ssh command to the host, from this machine, with options; what came of it."""

    def run(*options: str, command: str = "true") -> subprocess.CompletedProcess:
        words = ["ssh", "-F", str(root / ".sandbox" / standin / "ssh_config"), "-o", "BatchMode=yes", *options, standin, command]
        return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def address(root, standin) -> str:
    """Where the host is reached."""
    return re.search(r"HostName (\S+)", (root / ".sandbox" / standin / "ssh_config").read_text()).group(1)


@pytest.fixture(scope="module")
def listening(host):
    """Something on the host listens on all of its addresses."""
    host.check_output(f"systemd-run --quiet --collect --unit={UNIT} /usr/bin/python3 -m http.server --bind 0.0.0.0 {PORT}")
    host.check_output(f"/usr/local/lib/foss-data-platform/ready --timeout 60 http http://127.0.0.1:{PORT}/")
    yield
    host.check_output("systemctl stop %s", UNIT)


def reached(address: str, port: int) -> bool:
    """Whether a connection from this machine is taken. One that is dropped is known by silence."""
    try:
        socket.create_connection((address, port), timeout=3).close()
    except TimeoutError:
        return False
    return True


def changes(done: subprocess.CompletedProcess) -> int:
    """How many tasks changed something in a play that went well."""
    assert done.returncode == 0, done.stdout + done.stderr
    return int(re.search(r"changed=(\d+) .*failed=0", done.stdout)[1])


def test_what_is_not_asked_for_is_not_reached(address, listening):
    assert reached(address, 22)
    assert not reached(address, PORT)


def test_what_is_asked_for_is(play, clean, address, listening):
    opened = ["site.yml", "--tags", "firewall", "-e", json.dumps({"base_open_ports": [PORT]})]
    try:
        assert changes(play(*opened)) == 2
        assert reached(address, PORT)
    finally:
        assert changes(play("site.yml", "--tags", "firewall")) == 2
    assert not reached(address, PORT)


def test_what_somebody_took_away_comes_back_and_what_others_have_stays(host, play, address, listening):
    """As `nft flush ruleset` does, but for a table that is another's."""
    host.check_output("nft add table inet verify_other")
    try:
        rules = host.check_output(f"nft list table {TABLE}")
        host.check_output(f"nft delete table {TABLE}")
        assert reached(address, PORT)
        predicted = changes(play("site.yml", "--tags", "base", "--check"))
        assert (predicted, changes(play("site.yml", "--tags", "base"))) == (1, 1)
        assert host.check_output(f"nft list table {TABLE}") == rules
        assert not reached(address, PORT)
        again = play("site.yml", "--tags", "base")
        assert changes(again) == 0
        # What this host, a container, can't do is said, and does no harm.
        assert "not: auditd and its rules, time synchronisation, kernel settings." in " ".join(again.stdout.split())
        assert host.run("nft list table inet verify_other").rc == 0
    finally:
        host.check_output("nft delete table inet verify_other")


def test_ports_of_users_that_there_are_not_are_closed_to_all_but_root(host):
    """The rules name those that the host has, and say whom it has not."""
    rules = host.check_output("cat /etc/foss-data-platform/firewall.nft")
    known = set(host.check_output("cut -d: -f1 /etc/passwd").split())
    named = re.findall(r"# (\d+): ([\w, -]+?)(?: \(not on this host: ([\w, -]+)\))?$", rules, re.MULTILINE)
    assert {port for port, *_users in named} == {"3000", "8080", "9083"}
    for _port, users, missing in named:
        assert "root" in users.split(", ")
        assert set(users.split(", ")) <= known
        assert not set(missing.split(", ")) & known


def test_a_key_is_all_that_opens_ssh(ssh):
    assert ssh().returncode == 0
    asked = ssh("-o", "PreferredAuthentications=none,password,keyboard-interactive")
    assert "Permission denied (publickey)" in asked.stderr


@pytest.mark.parametrize(
    ("option", "weak", "said"),
    [
        ("Ciphers", "aes128-cbc", "no matching cipher"),
        ("MACs", "hmac-sha1", "no matching MAC"),
        ("KexAlgorithms", "diffie-hellman-group14-sha256", "no matching key exchange method"),
        ("KexAlgorithms", "ecdh-sha2-nistp256", "no matching key exchange method"),
    ],
)
def test_weak_algorithms_are_refused(ssh, option, weak, said):
    options = ["-o", f"{option}={weak}"]
    if option == "MACs":
        # Others bring their own.
        options += ["-o", "Ciphers=aes256-ctr"]
    assert said in ssh(*options).stderr


def test_the_ports_of_others_are_not_opened_on_the_host(ssh):
    """Its own come to who may log in; not the other way round."""
    refused = ssh("-o", "ExitOnForwardFailure=yes", "-R", f"{PORT}:127.0.0.1:9")
    assert "remote port forwarding failed" in refused.stderr


@pytest.fixture
def by_password(host):
    """A user who may become root and has a password alone, on a host that still takes those."""
    before = "/etc/ssh/sshd_config.d/0.conf"
    try:
        host.check_output(f"useradd --create-home --shell /bin/bash {USER} && echo {USER}:verify-word | chpasswd")
        host.check_output(f"echo '{USER} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/verify")
        host.check_output(f"echo 'PasswordAuthentication yes' > {before} && systemctl restart ssh")
        yield [
            f"ansible_user={USER}",
            "ansible_password=verify-word",
            "ansible_ssh_args=-o PreferredAuthentications=password,publickey",
        ]
    finally:
        host.check_output(f"rm --force {before} /etc/sudoers.d/verify && systemctl restart ssh")
        host.run(f"pkill --signal KILL --euid {USER}; userdel --force --remove {USER}")


def test_whoever_would_be_locked_out_is_told_before(refusal, host, by_password):
    options = ["--check", *(word for value in by_password for word in ("-e", json.dumps(dict([value.split("=", 1)]))))]
    error = refusal("site.yml", "--tags", "base", *options)
    assert f"{USER}, who is connected, has no key in /home/{USER}/.ssh/authorized_keys" in error
    assert "put one there (`ssh-copy-id`), or nobody would get in again" in error


@pytest.fixture
def outside(host):
    """A command run by the stranger, who reaches the host as one from outside does."""
    host.check_output(f"ip netns add {SPACE}")
    try:
        host.check_output(f"ip link add verify0 type veth peer name verify1 netns {SPACE}")
        host.check_output(f"ip address add {GATEWAY}/30 dev verify0 && ip link set verify0 up")
        host.check_output(f"ip -n {SPACE} address add {STRANGER}/30 dev verify1 && ip -n {SPACE} link set verify1 up")
        yield lambda command: host.run(f"ip netns exec {SPACE} {command}")
    finally:
        host.check_output(f"ip netns delete {SPACE}")
        host.run(f"fail2ban-client set sshd unbanip {STRANGER}")


def test_who_fails_too_often_is_shut_out(host, outside):
    connect = f"timeout 5 /bin/bash -c '</dev/tcp/{GATEWAY}/22'"
    assert outside(connect).rc == 0
    attempt = "ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    for _attempt in range(5):
        assert outside(f"{attempt} admin@{GATEWAY} true || exit 1").rc == 1
    until(lambda: STRANGER in host.check_output("fail2ban-client get sshd banip"), 120)
    assert outside(connect).rc != 0
    # In a table of its own, which ours leaves alone.
    assert STRANGER in host.check_output("nft list table inet f2b-table")


def test_security_updates_come_by_themselves_and_nothing_else_does(host):
    said = host.run("unattended-upgrade --dry-run --debug").stdout
    allowed = re.search(r"^Allowed origins are: (.*)$", said, re.MULTILINE).group(1)
    assert allowed == "origin=Debian,codename=bookworm-security,label=Debian-Security"
    for timer in ("apt-daily.timer", "apt-daily-upgrade.timer"):
        assert host.check_output("systemctl is-active %s; systemctl is-enabled %s", timer, timer) == "active\nenabled"
    assert 'APT::Periodic::Unattended-Upgrade "1";' in host.check_output("apt-config dump APT::Periodic")


def test_the_kernel_takes_the_settings_of_the_network(root, host):
    """In a network of nobody's. The others are this machine's own, or not there at all."""
    text = (root / "roles/base/templates/sysctl.conf.j2").read_text()
    settings = re.findall(r"^net\.ipv[46].* = \d$", text, re.MULTILINE)
    assert len(settings) > 10
    alone = "unshare --net --mount /bin/sh -ec 'mount -o remount,rw /proc/sys; printf %%s \"$0\" | sysctl --quiet --load=-' %s"
    assert host.run(alone, "\n".join(settings)).stderr == ""
