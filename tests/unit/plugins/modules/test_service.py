# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""service: restarts when, and only when, what runs is not what is on disk, and says so only after it proved healthy."""

import functools
import json

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.module_utils.started import StartedRecord
from ansible_collections.foss_data.platform.plugins.modules import service

FILES = {"fingerprint": "files 1", "changed": False}
RELEASE = {"fingerprint": "release 1", "changed": False}


class Systemd:
    """Answers as systemctl does, and notes what was asked of it. ``broken`` units fail to start."""

    def __init__(self):
        self.units: dict[str, dict] = {}
        self.broken: dict[str, str] = {}
        self.asked: list[str] = []
        self.while_restarting = lambda: None

    def have(self, unit, active="active", enabled="enabled", reload="no", requires="", wants=""):
        self.units[unit] = {"ActiveState": active, "UnitFileState": enabled, "NeedDaemonReload": reload}
        self.units[unit] |= {"Requires": requires, "Wants": wants}

    def run(self, command, check_rc=False):
        program, *words = command
        options, names = [w for w in words if w.startswith("--")], [w for w in words if not w.startswith("--")]
        if program == "journalctl":
            return 0, "".join(f"journal of {o.removeprefix('--unit=')}\n" for o in options if o.startswith("--unit=")), ""
        verb, *units = names
        if verb == "show" and "--value" in options:
            asked = [o.removeprefix("--property=") for o in options if o.startswith("--property=")]
            return 0, "\n\n".join(self.units[units[0]][name] for name in asked) + "\n", ""
        if verb == "show":
            known = {"LoadState": "loaded", "SubState": "running"}
            missing = {"LoadState": "not-found", "ActiveState": "inactive", "UnitFileState": "", "NeedDaemonReload": "no"}
            blocks = [{"Id": u, **(known | self.units[u] if u in self.units else missing)} for u in units]
            return 0, "\n\n".join("\n".join(f"{k}={v}" for k, v in b.items()) for b in blocks) + "\n", ""
        if verb == "is-active":
            return int(self.units.get(units[0], {}).get("ActiveState") != "active"), "", ""
        self.asked.append(" ".join([verb, *units]))
        if verb == "reload" and units[0] in self.broken:
            return 1, "", self.broken[units[0]]
        for unit in units if verb == "enable" else []:
            self.units[unit]["UnitFileState"] = "enabled"
        for unit in units if verb == "disable" else []:
            self.units[unit]["UnitFileState"] = "disabled"
        for unit in units if verb in ("stop", "reset-failed") else []:
            # A unit that failed stays so until it is told.
            if verb == "reset-failed" or self.units[unit]["ActiveState"] != "failed":
                self.units[unit]["ActiveState"] = "inactive"
        if verb == "restart":
            self.while_restarting()
            if units[0] in self.broken:
                self.units[units[0]]["ActiveState"] = "failed"
                return 1, "", self.broken[units[0]]
            self.units[units[0]]["ActiveState"] = "active"
        return 0, "", ""


@pytest.fixture
def systemd(monkeypatch):
    double = Systemd()
    monkeypatch.setattr(AnsibleModule, "run_command", lambda self, command, **options: double.run(command, **options))
    return double


@pytest.fixture
def record(tmp_path, monkeypatch):
    monkeypatch.setattr(service, "StartedRecord", functools.partial(StartedRecord, directory=str(tmp_path)))
    return StartedRecord("tool", str(tmp_path))


@pytest.fixture
def apply(module, record):
    def run(*inputs, check=False, **options):
        return module(service.main, check=check, name="tool", inputs=list(inputs) or [RELEASE, FILES], **options)

    return run


@pytest.fixture
def running(systemd, record):
    """The unit runs with what is on disk."""
    systemd.have("tool.service")
    record.write(service.fingerprint([RELEASE, FILES]))
    return systemd


def test_nothing_to_do(running, apply):
    done = apply()
    assert (done["changed"], done["reason"], done["was_active"]) == (False, "", True)
    assert running.asked == []


def test_first_start(systemd, apply, record):
    systemd.have("tool.service", active="inactive", enabled="disabled")
    done = apply()
    assert systemd.asked == ["daemon-reload", "enable tool.service", "reset-failed tool.service", "restart tool.service"]
    assert (done["changed"], done["was_active"]) == (True, False)
    assert record.read() == service.fingerprint([RELEASE, FILES])
    assert done["diff"]["before"] == "tool.service: inactive, disabled\n"
    assert done["diff"]["after"] == "tool.service: active, enabled (tool.service is not running)\n"
    assert not apply()["changed"]


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ([RELEASE, FILES | {"changed": True}], "its files or its version changed"),
        ([RELEASE, FILES | {"fingerprint": "files 2"}], "it runs with another version or configuration than the one on disk"),
        ([RELEASE | {"fingerprint": "release 2"}, FILES], "it runs with another version or configuration than the one on disk"),
    ],
)
def test_a_difference_restarts(running, apply, inputs, reason):
    assert apply(*inputs)["reason"] == reason
    assert "restart tool.service" in running.asked
    assert not apply(*[i | {"changed": False} for i in inputs])["changed"]


def test_an_interrupted_play_restarts_later(running, apply, record):
    """The files were changed and the play ended before the restart: nothing says `changed` any more, and the record is gone."""
    record.forget()
    assert "what it was started with is not known" in apply()["reason"]
    assert "restart tool.service" in running.asked


def test_while_it_restarts_nothing_says_that_it_is_healthy(running, apply, record):
    seen = []
    running.while_restarting = lambda: seen.append(record.read())
    apply(RELEASE, FILES | {"fingerprint": "files 2"})
    assert seen == [None]


def test_a_dead_unit_is_started_again(running, apply):
    running.units["tool.service"]["ActiveState"] = "failed"
    assert apply()["reason"] == "tool.service is not running"


def test_a_unit_that_was_disabled_is_enabled_without_a_restart(running, apply):
    running.units["tool.service"]["UnitFileState"] = "disabled"
    done = apply()
    assert (done["changed"], done["reason"]) == (True, "")
    assert running.asked == ["enable tool.service"]


@pytest.mark.parametrize("state", ["enabled", "enabled-runtime", "static"])
def test_units_that_come_back_by_themselves_count_as_enabled(running, apply, state):
    running.units["tool.service"]["UnitFileState"] = state
    assert not apply()["changed"]


def test_a_failure_shows_the_journal_and_is_not_recorded(running, apply, record):
    running.broken["tool.service"] = "Job for tool.service failed.\nSee systemctl status."
    running.units["tool.service"] |= {"Requires": "base.service system.slice", "Wants": "tool-schema.service"}
    failed = apply(RELEASE, FILES | {"fingerprint": "files 2"})
    assert failed["msg"].startswith("tool.service did not become ready: Job for tool.service failed.")
    assert "run the play again" in failed["msg"]
    assert failed["journal"] == ["journal of tool.service", "journal of base.service", "journal of tool-schema.service"]
    assert record.read() is None
    running.broken.clear()
    assert apply(RELEASE, FILES | {"fingerprint": "files 2"})["changed"]
    assert record.read() is not None


def test_secrets_in_the_journal_are_masked(running, apply):
    running.broken["tool.service"] = "Job failed: password of base.service"
    running.units["tool.service"] |= {"Requires": "base.service"}
    failed = apply(RELEASE, FILES | {"fingerprint": "files 2"}, hide=["base.service"])
    assert "base.service" not in json.dumps(failed)
    assert "journal of ********" in failed["journal"]


def test_several_units_start_in_order_and_the_first_failure_stops(systemd, apply):
    systemd.have("web.service")
    systemd.have("daemon.service")
    apply(units=["web", "daemon"])
    assert systemd.asked[-2:] == ["restart web.service", "restart daemon.service"]
    systemd.asked.clear()
    systemd.broken["web.service"] = "failed"
    assert apply(RELEASE | {"changed": True}, units=["web", "daemon"])["unit"] == "web.service"
    assert "restart daemon.service" not in systemd.asked


def test_check_mode_predicts_and_does_nothing(systemd, apply, record):
    predicted = apply(check=True)
    assert predicted["changed"]
    assert predicted["reason"] == "tool.service is not running"
    assert predicted["diff"]["before"] == "tool.service: inactive, absent\n"
    assert systemd.asked == []
    assert record.read() is None


def test_stopping_disables_and_forgets(running, apply, record):
    predicted = apply(check=True, state="stopped")
    assert (running.asked, record.read() is None) == ([], False)
    real = apply(state="stopped")
    assert (real["changed"], real["diff"]) == (predicted["changed"], predicted["diff"]) == (True, real["diff"])
    assert running.asked == ["disable tool.service", "stop tool.service", "reset-failed tool.service"]
    assert real["diff"] == {"before": "tool.service: active, enabled\n", "after": "tool.service: inactive, disabled\n"}
    assert record.read() is None
    assert not apply(state="stopped")["changed"]
    assert apply()["changed"]
    assert running.units["tool.service"]["UnitFileState"] == "enabled"


@pytest.mark.parametrize("active", ["active", "inactive", "activating", "deactivating"])
def test_on_demand_one_that_was_proven_is_left_to_what_starts_it(systemd, apply, record, active):
    systemd.have("tool.service", active="inactive", enabled="static")
    predicted = apply(check=True, state="on_demand")
    assert (predicted["changed"], predicted["was_active"], systemd.asked, record.read()) == (True, False, [], None)
    proven = apply(state="on_demand")
    assert systemd.asked == ["reset-failed tool.service", "restart tool.service"]
    assert proven["diff"] == predicted["diff"]
    assert proven["diff"]["after"].startswith("tool.service: proven, on demand (what it was started with is not known")
    systemd.units["tool.service"]["ActiveState"] = active
    systemd.asked.clear()
    again = apply(state="on_demand")
    assert (again["changed"], again["was_active"], systemd.asked) == (False, True, [])


@pytest.mark.parametrize(
    ("active", "inputs", "reason"),
    [
        ("failed", [RELEASE, FILES], "tool.service is not running"),
        ("inactive", [RELEASE | {"fingerprint": "release 2"}, FILES], "it runs with another version"),
    ],
)
def test_on_demand_it_is_proven_again(systemd, apply, record, active, inputs, reason):
    systemd.have("tool.service", active=active, enabled="static")
    record.write(service.fingerprint([RELEASE, FILES]))
    assert apply(*inputs, state="on_demand")["reason"].startswith(reason)
    assert "restart tool.service" in systemd.asked


@pytest.mark.parametrize(
    ("unit", "unread"),
    [
        ("tool.service", {"NeedDaemonReload": "yes"}),
        ("pipelines-tool.slice", {"NeedDaemonReload": "yes"}),
        # It outlived its file, and there is a new one by now.
        ("pipelines-tool.slice", {"FragmentPath": ""}),
    ],
)
def test_on_demand_what_is_new_is_read_first(systemd, apply, unit, unread):
    """The limits of its slice among it."""
    systemd.have("tool.service", active="inactive", enabled="static")
    systemd.units["tool.service"]["Slice"] = "pipelines-tool.slice"
    systemd.have("pipelines-tool.slice")
    systemd.units[unit] |= unread
    apply(state="on_demand")
    assert systemd.asked == ["daemon-reload", "reset-failed tool.service", "restart tool.service"]


def test_several_at_once(systemd, module, record):
    """One that can't be hurts no other."""
    systemd.have("tool.service")
    systemd.have("other.service")
    systemd.broken["tool.service"] = "it broke"
    items = [{"name": name, "inputs": [RELEASE, FILES]} for name in ("tool", "other")] + [{"name": "x", "colour": "red"}]
    done = module(service.main, aggregate=items)
    assert (done["changed"], done.get("failed", False)) == (True, False)
    tool, other, unknown = done["results"]
    assert (tool["failed"], tool["msg"].startswith("tool.service did not become ready: it broke")) == (True, True)
    assert (other["name"], other["failed"], other["changed"]) == ("other", False, True)
    assert "colour" in unknown["msg"]
    assert done["diff"] == [other["diff"]]
    assert module(service.main, name="tool", aggregate=items)["failed"]
    systemd.units["tool.service"] = None  # nothing that anybody thought of
    tool, other = module(service.main, aggregate=items[:2])["results"]
    assert (tool["failed"], tool["msg"].partition(":")[0], other["failed"]) == (True, "TypeError", False)
    assert "missing required" in module(service.main, aggregate=[{"inputs": []}])["results"][0]["msg"]


def test_on_demand_it_does_not_come_back_at_a_boot(running, apply):
    done = apply(state="on_demand")
    assert (done["changed"], done["reason"], running.asked) == (True, "", ["disable tool.service"])
    assert done["diff"]["after"] == "tool.service: active, on demand\n"
    assert not apply(state="on_demand")["changed"]


@pytest.mark.parametrize("active", ["activating", "reloading", "deactivating", "failed"])
def test_a_unit_on_its_way_up_or_that_failed_is_stopped_too(systemd, apply, active):
    systemd.have("tool.service", active=active, enabled="disabled")
    assert apply(state="stopped")["changed"]
    assert systemd.asked == ["stop tool.service", "reset-failed tool.service"]
    assert not apply(state="stopped")["changed"]


def test_stopping_what_there_is_not_changes_nothing(systemd, apply):
    assert not apply(state="stopped")["changed"]
    assert systemd.asked == []


def test_a_host_without_systemd_is_told_apart(module, record, monkeypatch):
    refusal = "System has not been booted with systemd as init system (PID 1)"
    monkeypatch.setattr(AnsibleModule, "run_command", lambda *_, **__: (1, "", refusal))
    assert "Is it PID 1 on this host?" in module(service.main, name="tool")["msg"]


def test_what_only_reads_its_files_again_is_never_restarted(running, apply):
    """And not started either, if it does not run."""
    running.have("ssh")
    running.have("auditd", active="inactive")
    given = {"reload": ["ssh", "auditd", "not-there"]}
    assert not apply(**given)["changed"]
    assert apply(RELEASE, FILES | {"changed": True}, **given)["changed"]
    about = [asked for asked in running.asked if "tool" not in asked]
    assert about == ["daemon-reload", "reload ssh"]


def test_one_that_refuses_its_files_goes_on_and_is_asked_again(running, apply, record):
    running.have("ssh")
    running.broken["ssh"] = "Job for ssh.service failed."
    failed = apply(RELEASE, FILES | {"changed": True}, reload=["ssh"])
    assert failed["msg"].startswith("ssh refuses what is on disk and goes on with what it had: Job for ssh.service failed.")
    assert failed["journal"] == ["journal of ssh"]
    assert (running.units["ssh"]["ActiveState"], record.read()) == ("active", None)
    running.broken.clear()
    assert "what it was started with is not known" in apply(reload=["ssh"])["reason"]
    assert "reload ssh" in running.asked
