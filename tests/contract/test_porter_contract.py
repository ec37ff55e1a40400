# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The porter between a client and code servers that are doubles (``porter/peer.py``), over real sockets and real gRPC.

With Dagster itself it is in test_dagster_contract.py.
"""

import hashlib
import os
import time

import pytest
from ansible_collections.foss_data.platform.tests.contract.conftest import PATIENCE, Client
from ansible_collections.foss_data.platform.tests.deployed import until


def test_what_is_known_is_answered_asleep_and_work_wakes(host):
    host.add("sales", "id-1")
    host.serve(idle=0.3)
    assert host.ask("sales", "GetServerId") == "id-1"
    assert host.woken == []
    listed = host.ask("sales", "ListRepositories")
    assert host.woken == ["sales"]
    assert host.ask("sales", "StartRun", "run 1") == "StartRun of id-1: run 1"
    host.asleep("sales")
    asked = host.calls("sales")

    assert host.ask("sales", "GetServerId") == "id-1"
    assert host.ask("sales", "ListRepositories") == listed
    # The code that it has is all that there is.
    assert host.ask("sales", "ReloadCode") == ""
    assert (host.woken, host.calls("sales")) == (["sales"], asked)

    # Another question than was asked before; then work.
    assert host.ask("sales", "ExternalJob", "daily") == "ExternalJob of id-1: daily"
    assert host.woken == ["sales"] * 2
    assert host.ask("sales", "StartRun", "run 2") == "StartRun of id-1: run 2"
    assert host.ask("sales", "GetServerId") == "id-1"


def test_what_was_recorded_is_answered_by_a_server_that_never_ran(host):
    host.add("sales", "id-1")
    recorded = host.folder / "state/sales/id-1" / f"ListRepositories-{hashlib.sha256(b'').hexdigest()[:32]}"
    recorded.parent.mkdir(parents=True)
    recorded.write_bytes(b"as recorded")
    host.serve()
    assert host.ask("sales", "ListRepositories") == "as recorded"
    assert host.woken == []


def test_streams_come_through_whole(host):
    host.add("sales", "id-1")
    host.serve()
    snapshot = host.ask("sales", "StreamingExternalRepository", "all", stream=True)
    assert [len(m) for m in snapshot] == [0, 6, 4_000_000]


def test_a_new_porter_knows_what_the_one_before_did(host):
    host.add("sales", "id-1")
    host.serve(idle=0.3)
    listed = host.ask("sales", "ListRepositories")
    host.ask("sales", "StartRun")
    host.asleep("sales")
    host.restart()
    assert (host.ask("sales", "GetServerId"), host.ask("sales", "ListRepositories")) == ("id-1", listed)
    assert host.woken == ["sales"]


def test_watching_alone_keeps_nothing_awake(host):
    """Started by a deploy; asked what it has, as Dagster does for ever."""
    host.add("sales", "id-1")
    host.serve(settle=0.3)
    host.start("sales")
    until(host.socket("sales").exists, PATIENCE)

    def ended() -> bool:
        host.ask("sales", "ListRepositories")
        host.ask("sales", "GetServerId")
        return host.servers["sales"].poll() is not None

    until(ended, PATIENCE)
    assert host.woken == []


def test_runs_and_calls_under_way_keep_it_awake(host):
    host.add("sales", "id-1")
    host.serve(idle=0.2)
    gate = host.folder / "gate"
    host.send("sales", "Wait", str(gate))
    until(lambda: f"Wait {gate}" in host.calls("sales"), PATIENCE)
    # Another pipeline goes to sleep meanwhile, so time enough passed.
    host.state("sales", runs=["one"])
    other = Client(host.python)
    host.client, client = other, host.client
    host.add("other", "id-9")
    host.ask("other", "StartRun")
    host.asleep("other")
    assert "GetCurrentRuns" not in host.calls("sales")
    host.client = client
    gate.touch()
    assert client.receive() == {"messages": ["waited"]}
    # The call is over, a run is not.
    until(lambda: host.calls("sales").count("GetCurrentRuns") > 1, PATIENCE)
    assert "ShutdownServer" not in host.calls("sales")
    host.state("sales", runs=[])
    host.asleep("sales")
    other.process.kill()
    other.process.wait()


def test_other_code_is_told_at_once_and_what_was_known_forgotten(host):
    host.add("sales", "id-1")
    host.serve(idle=0.3)
    old = host.ask("sales", "ListRepositories")
    host.ask("sales", "StartRun")
    host.asleep("sales")
    host.add("sales", "id-2")
    until(lambda: host.ask("sales", "GetServerId") == "id-2", PATIENCE)
    assert host.woken == ["sales"]
    new = host.ask("sales", "ListRepositories")
    assert "id-2" in new != old
    until(lambda: not (host.folder / "state/sales/id-1").exists(), PATIENCE)
    host.ask("sales", "StartRun")
    host.asleep("sales")
    assert (host.ask("sales", "GetServerId"), host.ask("sales", "ListRepositories")) == ("id-2", new)


def test_what_the_code_before_still_says_is_not_remembered(host):
    host.add("sales", "id-1")
    host.serve()
    host.ask("sales", "StartRun")
    host.add("sales", "id-2")
    until(lambda: host.ask("sales", "GetServerId") == "id-2", PATIENCE)
    assert "id-1" in host.ask("sales", "ListRepositories")
    host.servers["sales"].kill()
    host.servers["sales"].wait()
    assert "id-2" in host.ask("sales", "ListRepositories")


def test_code_that_does_not_load_is_asked_again(host):
    host.add("sales", "id-1")
    host.serve(idle=0.3)
    host.socket("sales").parent.mkdir(exist_ok=True)
    host.state("sales", broken=True)
    assert "SerializableErrorInfo" in host.ask("sales", "ListRepositories")
    host.asleep("sales")
    host.state("sales")
    assert "ListRepositoriesResponse" in host.ask("sales", "ListRepositories")
    assert host.woken == ["sales"] * 2


def test_two_pipelines_are_not_mixed_up(host):
    host.add("sales", "id-s")
    host.serve()
    host.add("stock", "id-t")
    host.ask("sales", "ListRepositories")
    assert host.woken == ["sales"]
    assert host.ask("stock", "GetServerId") == "id-t"
    assert "id-t" in host.ask("stock", "ListRepositories")
    assert host.ask("sales", "StartRun", "x") == "StartRun of id-s: x"
    assert host.woken == ["sales", "stock"]


@pytest.mark.parametrize("method", ["ListRepositories", "StartRun"])
def test_a_too_large_answer_is_told_and_harms_no_other(host, method):
    """It is compressed, so it is small on its way to the porter."""
    host.add("sales", "id-s")
    host.add("stock", "id-t")
    host.serve()
    host.state("sales", size=(4 << 20) + 1)
    told = {"code": "RESOURCE_EXHAUSTED", "details": f"pipeline@sales answered {method} with more than 4 MiB at once"}
    assert host.ask("sales", method) == told
    assert host.ask("stock", "StartRun", "x") == "StartRun of id-t: x"
    host.state("sales", size=4 << 20)
    assert len(host.ask("sales", method)) == 4 << 20


@pytest.mark.parametrize("method", ["StartRun", "ListRepositories"])
def test_a_stream_without_an_end_is_not_held(host, method):
    """More in all than the porter may have."""
    host.add("sales", "id-1")
    host.serve()
    host.ask("sales", "StartRun")
    before = host.peak()
    host.state("sales", size=4 << 20, times=25)
    host.ask("sales", method, stream=True)
    assert host.peak() - before < 50


@pytest.mark.parametrize("target", ["run/sales.sock", "run/stock.sock", "pipelines/stock/grpc.sock"])
def test_a_link_in_place_of_its_socket_leads_nowhere(host, target):
    """Neither to the porter itself, which would call itself for ever, nor to another pipeline's code server."""
    host.add("sales", "id-s", starts=False)
    host.add("stock", "id-t")
    host.serve(start=1)
    host.ask("stock", "StartRun")
    host.socket("sales").symlink_to(host.folder / target)
    assert host.ask("sales", "StartRun", "of sales")["details"].startswith("pipeline@sales did not start within 1 s")
    assert "StartRun of sales" not in host.calls("stock")
    assert host.woken.count("stock") == 1


def test_a_folder_that_is_a_link_leads_nowhere(host):
    host.add("stock", "id-t")
    host.add("sales", "id-s", starts=False)
    host.serve(start=1)
    host.ask("stock", "StartRun")
    host.socket("sales").parent.rmdir()
    host.socket("sales").parent.symlink_to(host.socket("stock").parent)
    assert host.ask("sales", "StartRun", "of sales")["code"] == "UNAVAILABLE"
    assert "StartRun of sales" not in host.calls("stock")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a user beside its own")
def test_a_socket_that_another_user_made_is_not_its_own(host):
    host.add("sales", "id-s")
    host.serve(start=1)
    host.ask("sales", "StartRun")
    os.chown(host.socket("sales"), 12345, -1)
    assert host.ask("sales", "StartRun", "again")["code"] == "UNAVAILABLE"
    assert "StartRun again" not in host.calls("sales")
    os.chown(host.socket("sales").parent, 12345, -1)
    assert host.ask("sales", "StartRun", "again") == "StartRun of id-s: again"


def test_a_link_that_comes_while_it_is_awake_is_not_followed(host):
    """Nor does a call under way get elsewhere: it is held by the socket, not by its name."""
    host.add("sales", "id-s")
    host.add("stock", "id-t")
    host.serve(start=1)
    host.ask("stock", "StartRun")
    gate = host.folder / "gate"
    host.send("sales", "Wait", str(gate))
    until(lambda: f"Wait {gate}" in host.calls("sales"), PATIENCE)
    host.socket("sales").unlink()
    host.socket("sales").symlink_to(host.socket("stock"))
    host.ids.pop("sales")
    gate.touch()
    assert host.client.receive() == {"messages": ["waited"]}
    assert host.ask("sales", "StartRun", "of sales")["code"] == "UNAVAILABLE"
    assert "StartRun of sales" not in host.calls("stock")


def test_a_server_that_dies_is_told_and_started_again(host):
    host.add("sales", "id-1")
    host.serve()
    listed = host.ask("sales", "ListRepositories")
    died = host.ask("sales", "Die")
    assert died["code"] == "UNAVAILABLE"
    host.servers["sales"].wait()
    assert host.socket("sales").exists()
    assert (host.ask("sales", "GetServerId"), host.ask("sales", "ListRepositories")) == ("id-1", listed)
    assert host.woken == ["sales"]
    assert host.ask("sales", "StartRun", "x") == "StartRun of id-1: x"


def test_what_the_server_refuses_comes_through(host):
    host.add("sales", "id-1")
    host.serve()
    assert host.ask("sales", "Refuse") == {"code": "INVALID_ARGUMENT", "details": "not this"}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("ActiveState=failed\nResult=oom-kill\nInactiveEnterTimestampMonotonic={later}", "did not start (oom-kill)"),
        # An earlier failure is not this one's.
        ("ActiveState=failed\nResult=oom-kill\nInactiveEnterTimestampMonotonic=1", "did not start within 1 s"),
        ("ActiveState=inactive\nResult=success\nInactiveEnterTimestampMonotonic=1", "did not start within 1 s"),
    ],
)
def test_a_unit_that_does_not_start_is_told(host, said, told):
    host.add("sales", "id-1", starts=False)
    host.serve(start=1)
    (host.folder / "said").write_text(said.format(later=int((time.monotonic() + 3600) * 1e6)))
    failed = host.ask("sales", "StartRun")
    assert failed["code"] == "UNAVAILABLE"
    assert failed["details"] == f"pipeline@sales {told}; `journalctl -u pipeline@sales` says why"


def test_few_start_at_a_time(host):
    """At the full hour all are due, and many that start at once are late, each of them."""
    for name in ("slow", "slower"):
        host.add(name, f"id-{name}", starts=False)
    host.add("sales", "id-sales")
    host.serve(turn=600)
    for name in ("slow", "slower"):
        host.send_beside(name, "StartRun")
    until(lambda: {"slow", "slower"} <= set(host.woken), PATIENCE)
    assert host.ask("sales", "StartRun", timeout=1)["code"] == "DEADLINE_EXCEEDED"
    assert "sales" not in host.woken


def test_one_that_never_starts_keeps_others_waiting_for_its_turn_alone(host):
    for name in ("slow", "slower"):
        host.add(name, f"id-{name}", starts=False)
    host.add("sales", "id-sales")
    host.serve(start=600, turn=0.5)
    for name in ("slow", "slower"):
        host.send_beside(name, "StartRun")
    assert host.ask("sales", "StartRun", "x") == "StartRun of id-sales: x"


def test_more_than_the_most_do_not_stay_awake(host):
    for name in ("one", "two", "three"):
        host.add(name, f"id-{name}")
    host.serve(awake=2)
    host.ask("one", "StartRun")
    host.state("two", runs=["under way"])
    host.ask("two", "StartRun")
    host.ask("three", "StartRun")
    host.asleep("one")
    host.ask("one", "StartRun")
    host.asleep("three")
    assert host.servers["two"].poll() is None


def test_one_that_does_not_end_holds_up_nobody(host):
    for name in ("deaf", "one", "two"):
        host.add(name, f"id-{name}")
    host.serve(awake=1, answer=600)
    host.state("deaf", deaf=True)
    host.ask("deaf", "StartRun")
    assert host.ask("one", "StartRun", "x") == "StartRun of id-one: x"
    until(lambda: "GetCurrentRuns" in host.calls("deaf"), PATIENCE)
    assert host.ask("two", "StartRun", "x") == "StartRun of id-two: x"
    # What is asked of it does not hold up the others' sleep, either.
    host.asleep("one")


def test_others_make_room_for_those_that_do_not(host):
    for name in ("deaf", "busy", "one", "two"):
        host.add(name, f"id-{name}")
    host.serve(awake=2, answer=0.5)
    host.state("deaf", deaf=True)
    host.state("busy", runs=["under way"])
    for name in ("deaf", "busy", "one", "two"):
        host.ask(name, "StartRun")
    host.asleep("one")
    host.asleep("two")
    # Who refused is not asked again at once.
    assert [host.calls(name).count("GetCurrentRuns") for name in ("deaf", "busy")] == [1, 1]


def test_a_pipeline_that_is_removed_leaves_nothing(host):
    host.add("sales", "id-1")
    host.serve()
    host.ask("sales", "ListRepositories")
    assert (host.folder / "state/sales").is_dir()
    (host.folder / "units/pipeline@sales.service").unlink()
    until(lambda: not (host.folder / "state/sales").exists(), PATIENCE)
    assert not (host.folder / "run/sales.sock").exists()


def test_nothing_but_pipelines_has_a_door(host):
    host.add("fine", "id-1")
    unit = (host.folder / "units/pipeline@fine.service").read_text()
    for name in ("pipeline@..service", "pipeline@A.service", "pipeline@x.service", "trino.service", "pipeline@fine.service.bak"):
        (host.folder / "units" / name).write_text(unit)
    (host.folder / "units/pipeline@always_awake.service").write_text("ExecStart=dagster api grpc --socket /run/grpc.sock")
    host.serve()
    assert [p.name for p in sorted((host.folder / "run").glob("*.sock"))] == ["fine.sock"]
