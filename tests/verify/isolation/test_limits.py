"""A pipeline's limits are those of its manifest, and what goes beyond them ends inside."""

import ast
import errno

import pytest
from ansible_collections.foss_data.platform.tests.verify.isolation.unruly import CPU_WEIGHT, MEMORY_MB, UNRULY

MIB = 2**20
SERVICES = ("postgresql@15-main", "minio", "trino", "dagster-webserver", "dagster-daemon", "pipeline-porter")


@pytest.fixture
def shown(host):
    """Properties of a unit."""
    return lambda unit, *names: dict(
        line.split("=", 1) for line in host.check_output(f"systemctl show --property={','.join(names)} {unit}").splitlines()
    )


@pytest.fixture
def undisturbed(host, invocation):
    """Whatever a test does, all others run on, without a new start."""
    before = {unit: invocation(unit) for unit in SERVICES}
    yield
    assert {unit: invocation(unit) for unit in SERVICES} == before
    assert host.check_output(f"systemctl is-active {' '.join(SERVICES)}").split() == ["active"] * len(SERVICES)


@pytest.fixture
def counted(host, unruly):
    """How often something happened in the pipeline's slice and below, by the files that count it."""

    def count(name: str, *files: str) -> int:
        group = host.check_output("systemctl show --value --property=ControlGroup %s", unruly.slice)
        # With cgroup v2 there is one tree, with v1 one for each controller, in which a group counts what it did itself.
        named = " -o ".join(f"-path '*{group}/*{file}'" for file in files)
        text = host.check_output(f"find /sys/fs/cgroup -type f \\( {named} \\) -exec cat {{}} +")
        counts = [int(line.split()[1]) for line in text.splitlines() if line.split()[0] == name]
        assert counts, f"nothing counts {name}"
        return sum(counts)

    return count


def test_its_slice_has_the_limits_of_the_manifest(shown, unruly):
    assert shown(unruly.slice, "MemoryMax", "MemorySwapMax", "CPUWeight", "IOWeight", "TasksMax") == {
        "MemoryMax": str(MEMORY_MB * MIB),
        "MemorySwapMax": "0",
        "CPUWeight": str(CPU_WEIGHT),
        "IOWeight": str(CPU_WEIGHT),
        "TasksMax": "512",
    }
    assert shown(f"pipeline@{UNRULY}", "Slice", "OOMPolicy") == {"Slice": unruly.slice, "OOMPolicy": "continue"}
    # In a stand-in it begins with the stand-in's own group.
    group = shown(f"pipeline@{UNRULY}", "ControlGroup")["ControlGroup"]
    assert group.endswith(f"/pipelines.slice/{unruly.slice}/pipeline@{UNRULY}.service")


def test_all_of_them_are_below_one(shown):
    assert shown("pipelines.slice", "CPUWeight", "TasksMax", "NeedDaemonReload") == {
        "CPUWeight": "50",
        "TasksMax": "8192",
        "NeedDaemonReload": "no",
    }


@pytest.mark.parametrize("job", ["do_memory", "do_copies"])
def test_a_hog_ends_in_its_own_slice(unruly, counted, undisturbed, invocation, job):
    before, started = counted("oom_kill", "memory.events", "memory.oom_control"), invocation(f"pipeline@{UNRULY}")
    run = unruly.launch(job)
    assert unruly.end(run) == {"FAILURE"}
    assert counted("oom_kill", "memory.events", "memory.oom_control") > before
    # The run was killed, its code server was not.
    assert invocation(f"pipeline@{UNRULY}") == started


def test_a_fork_bomb_ends_in_its_own_slice(unruly, counted, undisturbed):
    before = counted("max", "pids.events")
    run = unruly.launch("do_processes")
    assert int(unruly.worst()) < 512
    assert counted("max", "pids.events") > before
    assert unruly.end(run) == {"SUCCESS"}


def test_full_temporary_folders_are_its_own(host, unruly, undisturbed):
    run = unruly.launch("do_temporary")
    written = ast.literal_eval(unruly.worst())
    assert {folder: errno.errorcode[number] for folder, (_mib, number) in written.items()} == {
        "/tmp": "ENOSPC",
        "/var/tmp": "ENOSPC",
        f"/var/lib/pipelines/{UNRULY}/temp": "ENOSPC",
    }
    # Something small may have been there before.
    assert not [mib for mib, _number in written.values() if not 0.9 * MEMORY_MB // 8 < mib <= MEMORY_MB // 8]
    assert host.run("ls /tmp/verify-fill /var/tmp/verify-fill").rc != 0
    assert unruly.end(run) == {"SUCCESS"}


def test_a_release_that_needs_too_much_is_refused_and_hurts_nobody(host, play, unruly, deployed, undisturbed, invocation):
    """While it is prepared, it is limited as well."""
    # With cgroup v1 systemd does not know what killed it.
    known = host.file("/sys/fs/cgroup/cgroup.controllers").exists
    why = "it needed more memory than `memory_mb` of its pipeline.yml allows" if known else "it was killed"
    started = invocation(f"pipeline@{UNRULY}")
    definitions = deployed.folder / "orchestration" / "definitions.py"
    good = definitions.read_text()
    try:
        definitions.write_text(good + "\nheld = []\nwhile True:\n    held.append(bytearray(2**24))\n")
        said = play(*deployed.play).stdout
        assert why in said, said
    finally:
        definitions.write_text(good)
    assert invocation(f"pipeline@{UNRULY}") == started


def test_preparing_is_sandboxed(play, host, deployed):
    """The release's own code says what it may; in the end the release before is in service."""
    definitions = deployed.folder / "orchestration" / "definitions.py"
    good = definitions.read_text()
    probe = (
        'raise RuntimeError("; ".join(line for line in open("/proc/self/status") if line.startswith(("NoNewPrivs", "Seccomp:"))))'
    )
    try:
        definitions.write_text(f"{good}\n{probe}\n")
        said = " ".join(play(*deployed.play).stdout.split())
        assert "NoNewPrivs: 1" in said, said
        assert "Seccomp: 2" in said, said
    finally:
        definitions.write_text(good)
