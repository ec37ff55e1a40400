# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The audit's judgement: a host that is as it should be has no false alarm, and each weakness is reported by its check."""

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from ansible_collections.foss_data.platform.plugins.module_utils.audit.check import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    Check,
    in_container,
)
from ansible_collections.foss_data.platform.plugins.module_utils.audit.report import AREAS, every_check, report

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
# What audit_host and audit_outside said of a stand-in, with some of the packages, settings and attempts to log in alone.
FACTS = json.loads((FIXTURES / "audit_facts.json").read_text())
NOW = FACTS["now"]
DAY = 86400
PLAN = {
    "host": "sandbox",
    "fails_from": "high",
    "open_ports": [{"port": 22, "unit": "ssh"}],
    "local_ports": [
        {"port": 5432, "unit": "postgresql"},
        {"port": 8080, "unit": "trino"},
        {"port": 8443, "unit": "trino"},
        {"port": 9010, "unit": "minio"},
        {"port": 9083, "unit": "hive-metastore"},
        {"port": 3000, "unit": "dagster-webserver"},
        {"port": 8090, "unit": "generated-feed"},
    ],
    "administrators": ["root"],
    "unit_score": 2.5,
    "firewall_table": "inet foss_data_platform",
    "firewall_unit": "foss-data-platform-firewall",
    "ban_unit": "fail2ban",
    "record_unit": "auditd",
    "sysctl_file": "/etc/sysctl.d/60-foss-data-platform.conf",
    "secret_names": ["secret_minio_root", "secret_trino_admin"],
    "secrets_made": {"secret_minio_root": "2026-11-29", "secret_trino_admin": "2026-11-29"},
    "secret_days": 365,
    "catalogue": yaml.safe_load((Path(__file__).parents[5] / "group_vars/all/artifacts.yml").read_text())["artifacts"],
    "debian": "12",
    "advisories": [],
    "backups": [{"path": "/var/backups/done", "hours": 30}],
}


def with_backup(facts: dict) -> dict:
    """The same of a site that makes backups of its own; the platform makes none yet."""
    facts["files_at"]["backups"] = {"/var/backups/done": facts["now"] - 3600}
    return facts


def judged(facts: dict, **plan) -> dict[str, dict]:
    """Findings by id."""
    return {f["id"]: f for f in report(facts, PLAN | plan)["findings"]}


@pytest.fixture
def facts() -> dict:
    """Of a host that is as it should be."""
    return with_backup(copy.deepcopy(FACTS))


@pytest.fixture
def machine(facts) -> dict:
    """The same, as if it were no container: what a container's machine sees to is its own."""
    facts["commands"]["virtualization"] = {"rc": 1, "out": "none\n"}
    facts["commands"]["clock"] = {"rc": 0, "out": "NTP=yes\nNTPSynchronized=yes\n"}
    facts["commands"]["record_rules"] = {"rc": 0, "out": "-w /etc/passwd -p wa -k identity\n"}
    facts["commands"]["active_units"]["out"] += "auditd.service loaded active running Security Auditing Service\n"
    facts["sysctl"] = [["net.ipv4.conf.all.accept_redirects", "0", "0"], ["kernel.dmesg_restrict", "1", "1"]]
    return facts


@pytest.fixture
def reached(machine) -> dict:
    """The same, with a gateway."""
    server = {"address": "vps.example.org", "port": 3000, "name": "vps.example.org", "reached": True, "broken": "", "chained": ""}
    server |= {"versions": ["TLS 1.2", "TLS 1.3"], "untrusted": "", "names": ["vps.example.org"], "ends": NOW + 300 * DAY}
    page = {"url": "https://vps.example.org:3000/", "status": 401, "leads": "", "strict": True}
    machine["outside"] |= {"open": [22, 3000], "tls": [server], "pages": [page]}
    listening = "tcp LISTEN 0 511 192.0.2.10:3000 0.0.0.0:* cgroup:/system.slice/gateway.service\n"
    machine["commands"]["sockets"]["out"] += listening
    return machine


GATEWAY = {"open_ports": [*PLAN["open_ports"], {"port": 3000, "unit": "gateway"}]}


@pytest.mark.parametrize("kind", ["facts", "machine", "reached"])
def test_a_host_that_is_as_it_should_be_has_no_false_alarm(kind, request):
    plan = GATEWAY if kind == "reached" else {}
    found = judged(request.getfixturevalue(kind), **plan)
    assert {i: f["evidence"] for i, f in found.items() if f["result"] == FAIL} == {}
    left_out = {i for i, f in found.items() if f["result"] == NOT_APPLICABLE}
    of_containers = {"system.clock", "system.network", "system.kernel", "system.record"}
    of_gateways = {"tls.chained", "tls.strict", "logins.outside"}
    assert left_out == {"facts": of_containers | of_gateways, "machine": of_gateways, "reached": set()}[kind]


def test_every_check_says_something(reached):
    found = report(reached, PLAN | GATEWAY)["findings"]
    assert sorted(f["id"] for f in found) == sorted(every_check())
    assert all(f["evidence"] and all(f["evidence"]) for f in found)


# -- weaknesses


def says(command: str, line: str) -> Callable[[dict], None]:
    """A command on the host says one line more."""

    def change(facts: dict) -> None:
        facts["commands"][command]["out"] += line + "\n"

    return change


def user(**entry) -> Callable[[dict], None]:
    """The host has one account more, or another in its place."""
    entry = {"uid": 990, "home": "/nonexistent", "shell": "/usr/sbin/nologin", "password": "locked", "keys": 0} | entry

    def change(facts: dict) -> None:
        facts["users"] = [u for u in facts["users"] if u["name"] != entry["name"]] + [entry]

    return change


def file(found: str, /, **entry) -> Callable[[dict], None]:
    """The walk over the files found one more."""

    def change(facts: dict) -> None:
        facts["files"][found].append({"path": "/etc/x", "mode": "0644", "owner": "root:root"} | entry)

    return change


def sshd(before: str, after: str) -> Callable[[dict], None]:
    """sshd says something else."""

    def change(facts: dict) -> None:
        for name, text in facts["sshd"].items():
            assert before in text
            facts["sshd"][name] = text.replace(before, after)

    return change


def put(*path: str, value) -> Callable[[dict], None]:
    """Something else is at a place of the facts."""

    def change(facts: dict) -> None:
        place = facts
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


def ruleset(change_of: Callable[[list[dict]], None]) -> Callable[[dict], None]:
    """The firewall is another one."""

    def change(facts: dict) -> None:
        rules = json.loads(facts["commands"]["firewall"]["out"])
        change_of(rules["nftables"])
        facts["commands"]["firewall"]["out"] = json.dumps(rules)

    return change


def policy(objects: list[dict]) -> None:
    """The chain lets in what no rule names."""
    for item in objects:
        if item.get("chain", {}).get("hook") == "input":
            item["chain"]["policy"] = "accept"


def rule(*matches: dict) -> Callable[[dict], None]:
    """One rule more in the platform's table."""
    named = {"family": "inet", "table": "foss_data_platform", "chain": "input"}
    return ruleset(lambda objects: objects.append({"rule": named | {"expr": [*matches, {"accept": None}]}}))


def port(protocol: str, right: object, op: str = "==") -> dict:
    """A match of a port."""
    return {"match": {"op": op, "left": {"payload": {"protocol": protocol, "field": "dport"}}, "right": right}}


def unit(name: str, show: str | None = None, score: float | None = 1.1) -> Callable[[dict], None]:
    """A unit of the platform is otherwise."""

    def change(facts: dict) -> None:
        before = facts["units"][name]
        facts["units"][name] = {"score": score, "show": before["show"] if show is None else show}

    return change


def served(**entry) -> Callable[[dict], None]:
    """What answers from outside speaks TLS otherwise."""
    return lambda facts: facts["outside"]["tls"][0].update(entry)


def said(*lines: str) -> Callable[[dict], None]:
    """PostgreSQL's access file has these lines more."""
    return lambda facts: [says("postgresql_rules", line)(facts) for line in lines]


ANYBODY = {"service": "MinIO", "who": "anybody to bucket lakehouse", "outcome": "let in", "detail": "200"}
DROP_IN = "User=minio\nCapabilityBoundingSet=\nDropInPaths=/etc/systemd/system/minio.service.d/x.conf\n"
# The check that has to report it, a part of its evidence, and what is otherwise.
WEAK = {
    "another service beyond loopback": (
        "sockets.exposed",
        "tcp 0.0.0.0:8099 (x)",
        says("sockets", "tcp LISTEN 0 5 0.0.0.0:8099 0.0.0.0:* cgroup:/system.slice/x.service"),
    ),
    "a service of the platform beyond loopback": (
        "sockets.exposed",
        "tcp *:9010 (minio)",
        says("sockets", "tcp LISTEN 0 5 *:9010 *:* cgroup:/system.slice/minio.service"),
    ),
    "a name server for everybody": (
        "sockets.exposed",
        "udp 0.0.0.0:53",
        says("sockets", "udp UNCONN 0 0 0.0.0.0:53 0.0.0.0:* cgroup:/system.slice/x.service"),
    ),
    "something else on loopback": (
        "sockets.unplanned",
        "tcp 127.0.0.1:8098 (x)",
        says("sockets", "tcp LISTEN 0 5 127.0.0.1:8098 0.0.0.0:* cgroup:/system.slice/x.service"),
    ),
    "a port that another process took": (
        "sockets.owner",
        "tcp 127.0.0.1:9083 (x)",
        says("sockets", "tcp LISTEN 0 5 127.0.0.1:9083 0.0.0.0:* cgroup:/system.slice/x.service"),
    ),
    "a port that a person's process took": (
        "sockets.owner",
        "no unit",
        says("sockets", "tcp LISTEN 0 5 127.0.0.1:9083 0.0.0.0:* cgroup:/user.slice/user-0.slice/session-1.scope"),
    ),
    "a port that a container published": ("sockets.outside", "tcp port 9000", put("outside", "open", value=[22, 9000])),
    "no firewall": ("firewall.active", "inet foss_data_platform", put("commands", "firewall", "out", value='{"nftables": []}')),
    "nft is not installed": ("firewall.active", "inet foss_data_platform", put("commands", "firewall", value=None)),
    "a firewall that drops nothing": ("firewall.active", "inet foss_data_platform", ruleset(policy)),
    "a port that the firewall lets in": ("firewall.ports", "port 5432", rule(port("tcp", 5432))),
    "some ports that it lets in": ("firewall.ports", "port 80, 443", rule(port("tcp", {"set": [22, 80, 443]}))),
    "a range that it lets in": ("firewall.ports", "every port", rule(port("tcp", {"range": [1024, 65535]}))),
    "everything that it lets in": ("firewall.ports", "every port (any)", rule()),
    "a port of udp that it lets in": ("firewall.ports", "port 22 (udp)", rule(port("udp", 22))),
    "all but one port that it lets in": ("firewall.ports", "every port", rule(port("tcp", 25, "!="))),
    "a firewall that is gone after a reboot": ("firewall.boot", "not enabled", put("commands", "enabled_units", "out", value="")),
    "passwords by ssh": (
        "ssh.passwords",
        "passwordauthentication",
        sshd("passwordauthentication no", "passwordauthentication yes"),
    ),
    "root by ssh with a password": (
        "ssh.root",
        "permitrootlogin yes",
        sshd("permitrootlogin without-password", "permitrootlogin yes"),
    ),
    "an old cipher of ssh": ("ssh.algorithms", "aes128-cbc", sshd("aes128-ctr", "aes128-ctr,aes128-cbc")),
    "an old key exchange of ssh": (
        "ssh.algorithms",
        "diffie-hellman-group14-sha1",
        sshd("\nkexalgorithms ", "\nkexalgorithms diffie-hellman-group14-sha1,"),
    ),
    "screens by ssh": ("ssh.settings", "x11forwarding", sshd("x11forwarding no", "x11forwarding yes")),
    "nobody shuts out who guesses": ("ssh.bans", "fail2ban", put("commands", "active_units", "out", value="")),
    "a second root": ("users.uid0", "toor", user(name="toor", uid=0)),
    "an account without a password": ("users.empty_password", "x", user(name="x", password="empty")),
    "a service's account with a shell": (
        "users.services",
        "minio has the shell /bin/bash",
        user(name="minio", shell="/bin/bash"),
    ),
    "a service's account with a password": ("users.services", "trino has a password", user(name="trino", password="set")),
    "a pipeline's account with a key": (
        "users.services",
        "pl-x has 1 in",
        user(name="pl-x", uid=1001, keys=1, home="/var/lib/pipelines/x"),
    ),
    "an account that nobody knows": ("users.accounts", "mallory", user(name="mallory", uid=1500, shell="/bin/sh")),
    "another line in sudoers": (
        "users.administrators",
        "dagster ALL=(ALL) NOPASSWD: ALL",
        put("sudoers", "/etc/sudoers.d/x", value="# fine\ndagster   ALL=(ALL) \\\n NOPASSWD: ALL\n"),
    ),
    "another member of sudo": (
        "users.administrators",
        "trino is in the group sudo",
        put("groups", "sudo", value=["root", "trino"]),
    ),
    "a member of a group that is as good as root": (
        "users.administrators",
        "trino is in the group docker",
        put("groups", "docker", value=["trino"]),
    ),
    "credentials that everybody reads": ("files.secrets", "/etc/minio/minio.env", file("sensitive", path="/etc/minio/minio.env")),
    "a credential in a note": (
        "files.values",
        "secret_minio_root stands in /tmp/note",
        lambda facts: facts["files"]["holding"].append({"secret": "secret_minio_root", "where": "/tmp/note"}),
    ),
    "a file that everybody writes": (
        "files.writable",
        "/etc/trino/x has mode 0666",
        file("writable", path="/etc/trino/x", mode="0666"),
    ),
    "a unit that is somebody's": ("files.owner", "dagster:dagster", file("foreign", owner="dagster:dagster")),
    "a shell that makes root": (
        "files.setuid",
        "/usr/local/bin/x (setuid",
        file("raising", path="/usr/local/bin/x", kind="setuid"),
    ),
    "a program of Debian's that should not": (
        "files.setuid",
        "/usr/bin/python3.11",
        file("raising", path="/usr/bin/python3.11", kind="setuid"),
    ),
    "a known name in another place": ("files.setuid", "/opt/sudo", file("raising", path="/opt/sudo", kind="setuid")),
    "a unit without its sandbox": ("units.score", "minio.service scores 8.1", unit("minio.service", score=8.1)),
    "a unit that can't be scored": ("units.score", "minio.service could not", unit("minio.service", score=None)),
    "a unit that runs as root": (
        "units.root",
        "minio.service",
        unit("minio.service", "User=\nCapabilityBoundingSet=cap_chown cap_sys_admin\nDropInPaths=\n"),
    ),
    "an addition to a unit": ("units.additions", "/etc/systemd/system/minio.service.d/x.conf", unit("minio.service", DROP_IN)),
    "a unit that failed": ("units.failed", "x.service", says("failed_units", "x.service loaded failed failed X")),
    "a default password": (
        "logins.defaults",
        "PostgreSQL let in postgres with its own name",
        lambda facts: facts["logins"].append(
            {"service": "PostgreSQL", "who": "postgres with its own name", "outcome": "let in", "detail": ""}
        ),
    ),
    "a bucket for everybody": ("logins.defaults", "MinIO let in anybody", lambda facts: facts["logins"].append(ANYBODY)),
    "a page without a login": (
        "logins.outside",
        "https://vps.example.org:3000/graphql answered 200",
        lambda facts: facts["outside"]["pages"].append(
            {"url": "https://vps.example.org:3000/graphql", "status": 200, "leads": "", "strict": True}
        ),
    ),
    "old TLS": ("tls.protocols", "speaks TLS 1.0", served(versions=["TLS 1.0", "TLS 1.2"])),
    "a broken cipher": ("tls.ciphers", "takes DES-CBC3-SHA", served(broken="DES-CBC3-SHA")),
    "a cipher that chains blocks": ("tls.chained", "takes ECDHE-RSA-AES128-SHA", served(chained="ECDHE-RSA-AES128-SHA")),
    "a certificate for another name": ("tls.chain", "mismatch", served(untrusted="Hostname mismatch", ends=None)),
    "a certificate that ends soon": ("tls.dates", "13 days left", served(ends=NOW + 13.5 * DAY)),
    "no word of TLS only": ("tls.strict", "says nothing", lambda facts: facts["outside"]["pages"][0].update(strict=False)),
    "another superuser": ("databases.superusers", "dagster may super", says("postgresql_roles", "dagster|super")),
    "a line of trust": ("databases.rules", "by trust", said("9|host|trust||{all}")),
    "a line that can't be read": ("databases.rules", "line 9", said("9|||invalid authentication method|")),
    "a socket that asks nobody": ("databases.rules", "by peer", said("9|local|peer||{all}")),
    "a security update that waits": (
        "updates.pending",
        "openssl 3.0.11-1 → 3.0.17-1",
        says("updates", "Inst openssl [3.0.11-1] (3.0.17-1 Debian-Security:12/stable-security [amd64])"),
    ),
    "no updates by themselves": ("updates.unattended", "is not set", put("commands", "apt", "out", value="")),
    "updates that were not asked for": ("updates.lists", "30 days ago", put("files_at", "package_lists", value=NOW - 30 * DAY)),
    "a reboot that waits": ("updates.reboot", "reboot-required", put("files_at", "reboot_required", value=NOW)),
    "a backup that is old": (
        "backups.age",
        "72 hours old",
        put("files_at", "backups", value={"/var/backups/done": NOW - 3 * DAY}),
    ),
    "a backup that is not there": ("backups.age", "is not there", put("files_at", "backups", value={})),
    "a clock that runs by itself": (
        "system.clock",
        "NTPSynchronized is no",
        put("commands", "clock", "out", value="NTP=yes\nNTPSynchronized=no\n"),
    ),
    "routes from strangers": (
        "system.network",
        "accept_redirects is 1, not 0",
        put("sysctl", value=[["net.ipv4.conf.all.accept_redirects", "0", "1"], ["kernel.dmesg_restrict", "1", "1"]]),
    ),
    "a kernel that tells": (
        "system.kernel",
        "dmesg_restrict is 0",
        put("sysctl", value=[["net.ipv4.conf.all.accept_redirects", "0", "0"], ["kernel.dmesg_restrict", "1", "0"]]),
    ),
    "no settings of the kernel": ("system.kernel", "is not there", put("sysctl", value=[])),
    "nothing is recorded": ("system.record", "no rule", put("commands", "record_rules", "out", value="No rules\n")),
    "something that could not be asked": (
        "audit.complete",
        "ss",
        put("faults", value=["`ss -Hlntu --cgroup`: it is not installed"]),
    ),
}


@pytest.mark.parametrize("weakness", WEAK)
def test_a_weakness_is_reported(reached, weakness):
    check, evidence, weaken = WEAK[weakness]
    before = judged(copy.deepcopy(reached), **GATEWAY)
    assert before[check]["result"] == PASS
    weaken(reached)
    found = judged(reached, **GATEWAY)[check]
    assert found["result"] == FAIL
    assert any(evidence in line for line in found["evidence"]), found["evidence"]
    assert found["todo"]


# By what the plan says, not the host.
WEAK_PLANS = {
    "versions.advisories": {
        "advisories": [
            {
                "id": "DSA-1",
                "affected": [
                    {
                        "package": {"ecosystem": "Maven", "name": "io.trino:trino-server"},
                        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "999"}]}],
                    }
                ],
            }
        ]
    },
    "secrets.age": {"secret_days": 0, "secrets_made": {"secret_minio_root": "2026-01-01", "secret_trino_admin": "2026-01-01"}},
}


@pytest.mark.parametrize("check", WEAK_PLANS)
def test_a_weakness_of_what_is_planned_is_reported(facts, check):
    assert judged(copy.deepcopy(facts))[check]["result"] == PASS
    assert judged(facts, **WEAK_PLANS[check])[check]["result"] == FAIL


def test_no_check_is_without_a_weakness_that_it_reports():
    assert {check for check, _evidence, _weaken in WEAK.values()} | set(WEAK_PLANS) == set(every_check())


def test_what_is_planted_on_a_real_host_is_for_checks_that_there_are(root):
    planted = yaml.safe_load((root / "tests/verify/audit/planted.yml").read_text())
    assert len(planted) >= 15
    assert {row["check"] for row in planted} <= set(every_check())
    for row in planted:
        for line in (row["plant"], row["undo"]):
            subprocess.run(["bash", "-nc", line], check=True)


def test_areas_have_checks_of_their_own_name():
    for area in AREAS:
        own = {value.id.split(".")[0] for value in vars(area).values() if isinstance(value, Check)}
        assert own == {area.__name__.rsplit(".", 1)[-1]}


# -- what is no weakness


def test_what_asks_for_an_address_and_what_the_system_has_on_loopback_are_no_fault(facts):
    says("sockets", "udp UNCONN 0 0 192.0.2.10%eth0:68 0.0.0.0:* cgroup:/system.slice/systemd-networkd.service")(facts)
    says("sockets", "udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:* cgroup:/system.slice/systemd-resolved.service")(facts)
    says("sockets", "tcp LISTEN 0 5 [::ffff:127.0.0.1]:9010 *:* cgroup:/system.slice/minio.service")(facts)
    found = judged(facts)
    assert [found[f"sockets.{kind}"]["result"] for kind in ("exposed", "owner", "unplanned")] == [PASS] * 3


def test_a_rule_that_lets_in_answers_loopback_or_pings_is_no_fault(facts):
    state = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}
    loopback = {"match": {"op": "==", "left": {"meta": {"key": "iif"}}, "right": "lo"}}
    kind = {"match": {"op": "==", "left": {"payload": {"protocol": "icmp", "field": "type"}}, "right": "echo-request"}}
    for match in (state, loopback, kind, port("udp", 68), port("tcp", 22), port("tcp", {"set": [22]})):
        rule(match)(facts)
    assert judged(facts)["firewall.ports"]["result"] == PASS


def test_rules_of_a_chain_that_drops_nothing_and_is_jumped_to_by_none_are_no_fault(facts):
    def others(objects: list[dict]) -> None:
        named = {"family": "inet", "table": "f2b-table"}
        objects.append({"chain": named | {"name": "f2b", "type": "filter", "hook": "input", "prio": -1, "policy": "accept"}})
        objects.append({"rule": named | {"chain": "f2b", "expr": [{"accept": None}]}})

    ruleset(others)(facts)
    assert judged(facts)["firewall.ports"]["result"] == PASS


def test_a_rule_of_a_chain_that_is_jumped_to_counts(facts):
    def deeper(objects: list[dict]) -> None:
        named = {"family": "inet", "table": "foss_data_platform"}
        objects.append({"rule": named | {"chain": "input", "expr": [{"jump": {"target": "deep"}}]}})
        objects.append({"rule": named | {"chain": "deep", "expr": [port("tcp", 5432), {"accept": None}]}})

    ruleset(deeper)(facts)
    assert judged(facts)["firewall.ports"]["result"] == FAIL


def test_a_host_without_backups_is_told_so(facts):
    found = judged(facts, backups=[])["backups.age"]
    assert (found["result"], found["severity"], found["evidence"]) == (FAIL, "medium", ["no backup is known on this host"])


def test_what_can_not_be_asked_says_why(facts):
    facts["commands"] |= {"sockets": None, "updates": None, "postgresql_roles": {"rc": 2, "out": "", "err": "no"}}
    facts |= {"sshd": {}, "tls": [], "logins": [], "units": {}}
    facts["outside"] |= {"reached": False, "why": "Name or service not known", "pages": []}
    found = judged(facts, advisories=None, secrets_made={})
    without = {
        *("sockets.exposed", "sockets.owner", "sockets.unplanned", "sockets.outside", "updates.pending", "databases.superusers"),
        *("databases.rules", "ssh.passwords", "ssh.root", "ssh.algorithms", "ssh.settings", "tls.protocols", "tls.chain"),
        *("logins.defaults", "units.score", "units.root", "units.additions", "versions.advisories", "secrets.age"),
    }
    assert without <= {i for i, f in found.items() if f["result"] == NOT_APPLICABLE}
    assert found["sockets.outside"]["evidence"] == [
        f"{facts['outside']['address']} could not be reached from where the audit ran: Name or service not known"
    ]


def test_a_service_that_gave_no_answer_is_named(facts):
    facts["logins"].append({"service": "Grafana", "who": "admin", "outcome": "not tried", "detail": "Connection refused"})
    assert judged(facts)["logins.defaults"]["evidence"][0].endswith("; no answer from Grafana")


def test_an_address_where_nothing_answers_is_not_taken_for_a_tight_one(facts):
    facts["outside"]["open"] = []
    assert judged(facts)["sockets.outside"]["result"] == NOT_APPLICABLE


# -- the whole


def test_the_gravest_come_first_and_are_counted(facts):
    user(name="mallory", uid=1500, shell="/bin/sh")(facts)
    user(name="toor", uid=0)(facts)
    found = report(facts, PLAN | {"backups": []})
    assert [f["id"] for f in found["findings"][:3]] == ["users.uid0", "users.accounts", "backups.age"]
    assert found["counts"][FAIL] == {"high": 1, "medium": 2, "low": 0}
    assert sum(sum(counts.values()) for counts in found["counts"].values()) == len(every_check())


@pytest.mark.parametrize(
    ("least", "failing"),
    [("high", ["users.uid0"]), ("medium", ["users.uid0", "backups.age"]), ("low", ["users.uid0", "backups.age"])],
)
def test_what_ends_a_play_is_grave_enough(facts, least, failing):
    user(name="toor", uid=0)(facts)
    assert report(facts, PLAN | {"backups": [], "fails_from": least})["failing"] == failing


def test_a_name_on_the_host_breaks_no_line_of_the_report(facts):
    file("writable", path="/tmp/x\n# Everything is well\x1b[2J", mode="0666")(facts)
    assert judged(facts)["files.writable"]["evidence"] == ["/tmp/x?# Everything is well?[2J has mode 0666"]


def test_a_container_is_told_from_a_virtual_machine(machine):
    assert not in_container(machine)
    assert not in_container({"commands": {"virtualization": {"rc": 0, "out": "kvm\n"}}})
    assert in_container({"commands": {"virtualization": {"rc": 0, "out": "docker\n"}}})
