# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""service_files: many files in one round trip, each with a true diff; the restart record is forgotten before the first change."""

import functools
import getpass
import grp
import os
import pwd
import stat
from pathlib import Path

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foss_data.platform.plugins.module_utils.started import StartedRecord
from ansible_collections.foss_data.platform.plugins.modules import service_files

ME = {"owner": getpass.getuser(), "group": grp.getgrgid(os.getgid()).gr_name}


@pytest.fixture
def record(tmp_path, monkeypatch) -> StartedRecord:
    """The record of the service `tool`, which was started with what is there now."""
    monkeypatch.setattr(service_files, "StartedRecord", functools.partial(StartedRecord, directory=str(tmp_path / "started")))
    record = StartedRecord("tool", str(tmp_path / "started"))
    record.write("as started")
    return record


@pytest.fixture
def etc(tmp_path) -> Path:
    folder = tmp_path / "etc"
    folder.mkdir()
    return folder


@pytest.fixture
def apply(module, record):
    """Runs the module for the service `tool`, everything in the hands of whoever runs the tests."""

    def run(check: bool = False, **options) -> dict:
        for key in ("files", "directories"):
            options[key] = [ME | entry for entry in options.get(key, [])]
        return module(service_files.main, check=check, **{"service": "tool", **options})

    return run


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"


def test_everything_at_once_and_nothing_the_second_time(apply, etc, record):
    wanted = {
        "directories": [{"path": str(etc / "tool" / "deep"), "mode": "0750"}],
        "files": [
            {"dest": str(etc / "tool" / "a.conf"), "content": "a\n"},
            {"dest": str(etc / "tool" / "deep" / "b.conf"), "content": "b\n", "mode": "0600"},
        ],
    }
    first = apply(**wanted)
    paths = [etc / "tool" / "deep", etc / "tool" / "a.conf", etc / "tool" / "deep" / "b.conf"]
    assert first["changed_paths"] == [str(p) for p in paths]
    assert (etc / "tool" / "a.conf").read_text() == "a\n"
    assert [mode(p) for p in paths] == ["0750", "0644", "0600"]
    assert record.read() is None
    record.write("started again")
    again = apply(**wanted)
    assert not again["changed"]
    assert again["diff"] == []
    assert again["fingerprint"] == first["fingerprint"]
    assert record.read() == "started again"


def test_what_no_running_process_has_read_restarts_nothing(apply, etc, record):
    assert apply(service=None, files=[{"dest": str(etc / "a.conf"), "content": "a\n"}])["changed"]
    assert record.read() == "as started"


def test_roots_umask_closes_no_folder(apply, etc, strict_umask):
    apply(directories=[{"path": str(etc / "tool" / "deep"), "mode": "0750"}])
    assert [mode(etc / "tool"), mode(etc / "tool" / "deep")] == ["0755", "0750"]


def test_check_mode_predicts_and_touches_nothing(apply, etc, record):
    (etc / "a.conf").write_text("before\n")
    wanted = {
        "files": [{"dest": str(etc / "a.conf"), "content": "after\n"}, {"dest": str(etc / "new.conf"), "content": "new\n"}],
        "directories": [{"path": str(etc / "folder")}],
    }
    predicted = apply(check=True, **wanted)
    assert sorted(p.name for p in etc.iterdir()) == ["a.conf"]
    assert (etc / "a.conf").read_text() == "before\n"
    assert record.read() == "as started"
    real = apply(**wanted)
    assert predicted["changed_paths"] == real["changed_paths"]
    assert predicted["diff"] == real["diff"]


def test_the_diff_is_per_file_with_its_text(apply, etc):
    (etc / "a.conf").write_text("before\n")
    diff = apply(files=[{"dest": str(etc / "a.conf"), "content": "after\n"}])["diff"]
    path = str(etc / "a.conf")
    assert diff == [{"before_header": path, "after_header": path, "before": "before\n", "after": "after\n"}]


def test_a_mode_alone_is_a_change_and_shown(apply, etc, record):
    (etc / "a.conf").write_text("a\n")
    (etc / "a.conf").chmod(0o666)
    done = apply(files=[{"dest": str(etc / "a.conf"), "content": "a\n"}])
    assert done["diff"][0]["before"].endswith("mode: 0666\n")
    assert done["diff"][0]["after"].endswith("mode: 0644\n")
    assert mode(etc / "a.conf") == "0644"
    assert record.read() is None


def test_a_secret_is_written_but_never_shown(apply, etc):
    (etc / "env").write_text("KEY=old-secret\n")
    done = apply(
        files=[{"dest": str(etc / "env"), "secret": True, "mode": "0600"}], secrets={str(etc / "env"): "KEY=new-secret\n"}
    )
    assert (etc / "env").read_text() == "KEY=new-secret\n"
    assert mode(etc / "env") == "0600"
    assert "new-secret" not in str(done)
    assert "old-secret" not in str(done)
    assert done["diff"][0]["after"] == "(secret, changed)\n"


def test_a_secret_file_is_never_readable_by_others_not_even_for_a_moment(apply, etc, monkeypatch):
    seen = []
    really = os.rename
    monkeypatch.setattr(os, "rename", lambda a, b: (seen.append(mode(Path(a))), really(a, b)))
    apply(files=[{"dest": str(etc / "env"), "secret": True, "mode": "0600"}], secrets={str(etc / "env"): "KEY=x\n"})
    assert seen == ["0600"]


def test_once_is_written_only_where_there_is_none(apply, etc, record):
    entry = {"dest": str(etc / "rules.json"), "content": "{}\n", "once": True}
    assert apply(files=[entry])["changed"]
    (etc / "rules.json").write_text("somebody else's\n")
    record.write("as started")
    again = apply(files=[entry])
    assert not again["changed"]
    assert (etc / "rules.json").read_text() == "somebody else's\n"


def test_once_is_no_part_of_the_fingerprint_and_all_else_is(apply, etc):
    def of(content="a", file_mode="0644", rules="{}", **more):
        files = [{"dest": str(etc / "a.conf"), "content": content, "mode": file_mode}]
        files += [{"dest": str(etc / "rules"), "content": rules, "once": True}]
        return apply(check=True, files=files, **more)["fingerprint"]

    assert of() == of(rules="other")
    assert len({of(), of(content="b"), of(file_mode="0600")}) == 3


def test_a_file_where_a_directory_has_to_be(apply, etc):
    (etc / "folder").write_text("")
    failed = apply(directories=[{"path": str(etc / "folder")}])
    assert failed["msg"] == f"{etc}/folder has to be a directory but is a file: move it away and run again."


def test_a_directory_where_a_file_has_to_be(apply, etc):
    (etc / "a.conf").mkdir()
    failed = apply(files=[{"dest": str(etc / "a.conf"), "content": "a\n"}])
    assert failed["msg"] == f"{etc}/a.conf has to be a file but is a directory: move it away and run again."


def test_an_unknown_owner_is_named(apply, etc):
    failed = apply(files=[{"dest": str(etc / "a.conf"), "content": "a\n", "owner": "nobody-of-this-name"}])
    assert failed["failed"]
    assert "no such user or group on this host" in failed["msg"]
    assert list(etc.iterdir()) == []


def test_text_is_written_as_it_is(apply, etc):
    """Neither line ends nor letters beyond ASCII are touched, so the second run sees no difference."""
    entry = {"dest": str(etc / "a.conf"), "content": "blåbær\r\nno line end"}
    apply(files=[entry])
    assert (etc / "a.conf").read_bytes() == "blåbær\r\nno line end".encode()
    assert not apply(files=[entry])["changed"]


def test_the_user_is_made_as_a_system_user(apply, monkeypatch):
    ran = []
    monkeypatch.setattr(AnsibleModule, "run_command", lambda self, command, **_: (ran.append(command), (0, "", ""))[1])
    done = apply(user={"name": "no-such-user", "home": "/var/lib/tool"})
    assert done["changed_paths"] == ["user no-such-user"]
    command = " ".join(ran[0])
    assert command.startswith("useradd --system --user-group --no-create-home --home-dir /var/lib/tool")
    assert "--shell /usr/sbin/nologin" in command
    assert ran[0][-1] == "no-such-user"
    ran.clear()
    assert apply(check=True, user={"name": "no-such-user"})["changed"]
    assert ran == []


def test_a_user_with_a_shell_loses_it(apply, monkeypatch):
    ran = []
    monkeypatch.setattr(AnsibleModule, "run_command", lambda self, command, **_: (ran.append(command), (0, "", ""))[1])
    user = pwd.struct_passwd(("tool", "x", 990, 990, "", "/var/lib/tool", "/bin/bash"))
    monkeypatch.setattr(service_files.pwd, "getpwnam", lambda name: user)
    assert apply(check=True, user={"name": "tool"})["diff"][0]["before"] == "shell: /bin/bash\n"
    assert ran == []
    assert apply(user={"name": "tool"})["changed_paths"] == ["user tool"]
    assert ran == [["usermod", "--shell", "/usr/sbin/nologin", "tool"]]
    user = pwd.struct_passwd((*user[:6], "/usr/sbin/nologin"))
    assert not apply(user={"name": "tool"})["changed"]


def test_what_would_be_refused_is_not_put_in_place(apply, etc):
    file = etc / "tool.conf"
    file.write_text("good\n")
    wanted = {"dest": str(file), "content": "bad\n", "validate": "grep --quiet good %s"}
    assert f"{file} is left as it was, its new content would be refused" in apply(files=[wanted])["msg"]
    assert (file.read_text(), os.listdir(etc)) == ("good\n", ["tool.conf"])
    assert apply(files=[wanted | {"content": "as good\n"}])["changed"]
    assert file.read_text() == "as good\n"
