"""What holds on every host of the platform, whichever services it carries."""

import re

# Of 10; systemd's own word for this range is "OK".
EXPOSURE_CEILING = 2.5
SSH_PORT = "22"


def units_of_ours(host) -> list[str]:
    """Units whose file, or an addition to it, was written by a role."""
    patterns = "-name '*.service' -o -path '*.service.d/foss-data-platform.conf'"
    found = host.check_output(f"find /etc/systemd/system -type f '(' {patterns} ')'")
    names = {re.search(r"/([^/]+\.service)", line).group(1) for line in found.splitlines()}
    return sorted(n for n in names if not n.endswith("@.service") and n != "systemd-journald.service")


def test_nothing_has_failed(host):
    assert host.check_output("systemctl list-units --failed --plain --no-legend") == ""
    assert host.check_output("systemctl is-system-running") == "running"


def test_only_ssh_listens_beyond_loopback(host):
    addresses = [line.split()[3] for line in host.check_output("ss -Hltn").splitlines()]
    open_to_all = [a for a in addresses if not a.startswith(("127.", "[::1]")) and a.rsplit(":", 1)[-1] != SSH_PORT]
    assert not open_to_all


def test_units_are_sandboxed(host, capsys):
    exposures = {}
    for unit in units_of_ours(host):
        report = host.check_output(f"systemd-analyze security --no-pager {unit}")
        exposures[unit] = float(re.search(r"Overall exposure level for .*: ([\d.]+)", report).group(1))
    with capsys.disabled():
        print("\nexposure of 10, by systemd-analyze security:")
        for unit, exposure in sorted(exposures.items(), key=lambda item: -item[1]):
            print(f"{exposure:6.1f}  {unit}")
    assert not {unit: exposure for unit, exposure in exposures.items() if exposure > EXPOSURE_CEILING}


def test_users_of_services_have_no_shell_and_no_login(host):
    """Nor do those of pipelines, which run in units of theirs. The names of dynamic users are nobody's between two starts."""
    shown = host.check_output(f"systemctl show --property=User --property=DynamicUser {' '.join(units_of_ours(host))}")
    settings = [dict(line.split("=", 1) for line in block.splitlines()) for block in shown.split("\n\n")]
    users = {each["User"] for each in settings if each.get("DynamicUser") == "no"} - {"", "root"}
    ask = "for user in %s; do getent passwd $user; getent shadow $user; runuser --login $user --command id; done"
    said = host.run(ask.replace("%s", " ".join(sorted(users)))).stdout.splitlines()
    for user, passwd, shadow, login in zip(sorted(users), said[::3], said[1::3], said[2::3], strict=True):
        name, _x, uid, _gid, _comment, home, _shell = passwd.split(":")
        assert (name, 0 < int(uid) < 1000) == (user, True)
        assert shadow.split(":")[1][0] in "!*", user
        assert login == "This account is currently not available.", user
        assert not host.file(f"{home}/.ssh").exists, user


def test_unit_files_are_valid(host):
    slices = host.check_output("find /etc/systemd/system -maxdepth 1 -name '*.slice' -printf '%f '").split()
    units = units_of_ours(host) + slices
    if units:
        report = host.run(f"systemd-analyze verify --man=no {' '.join(units)}")
        assert (report.rc, report.stderr) == (0, "")


def test_units_come_back_and_have_a_limit(host):
    for unit in units_of_ours(host):
        shown = host.check_output(f"systemctl show -p Type -p Restart -p MemoryMax -p UnitFileState {unit}")
        settings = dict(line.split("=", 1) for line in shown.splitlines())
        if settings["Type"] == "oneshot":
            continue
        if unit.startswith("pipeline@"):
            # Started by the porter, each time that there is work.
            assert (settings["Restart"], settings["UnitFileState"]) == ("no", "static"), unit
            assert settings["MemoryMax"].isdigit(), f"{unit} has no memory limit"
            continue
        assert settings["Restart"] in ("on-failure", "always"), unit
        assert settings["MemoryMax"].isdigit(), f"{unit} has no memory limit"
        assert settings["UnitFileState"].startswith("enabled"), unit
