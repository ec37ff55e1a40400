"""A service moved to another version and back: its units run it, its storage is migrated, and going back fetches nothing."""

import json
import os
import shutil
import subprocess

import pytest
import yaml

OTHER = "1.13.26"
LIBRARIES = {"1.13.27": OTHER, "0.29.27": "0.29.26"}
PLAY = ["site.yml", "--tags", "dagster"]
UNITS = ["dagster-webserver", "dagster-daemon"]

pytestmark = pytest.mark.skipif(
    os.environ.get("MOLECULE_SCENARIO_NAME") != "dagster",
    reason="it takes a minute and restarts Dagster twice: the scenario `dagster` runs this",
)


@pytest.fixture
def other_version(root, tmp_path) -> list[str]:
    """Options of a site that has moved: another lock, and the catalogue's line."""
    wanted = (root / "requirements" / "dagster.in").read_text()
    for now, then in LIBRARIES.items():
        assert now in wanted
        wanted = wanted.replace(now, then)
    (tmp_path / "dagster.in").write_text(wanted)
    lock = tmp_path / "dagster.txt"
    # What still fits stays as it is.
    shutil.copy(root / "requirements" / "dagster.txt", lock)
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header", "--no-annotate"]
    subprocess.run([*command, "--python-version", "3.11", "--output-file", str(lock), str(tmp_path / "dagster.in")], check=True)
    artifacts = yaml.safe_load((root / "group_vars" / "all" / "artifacts.yml").read_text())["artifacts"]
    artifacts["dagster"] |= {"lock": str(lock), "versions": {OTHER: "by-lock"}}
    file = tmp_path / "artifacts.json"
    file.write_text(json.dumps({"artifacts": artifacts}))
    return ["-e", f"@{file}"]


def test_upgrade_and_rollback(host, play, clean, invocation, dagster, other_version, silent_port, tmp_path):
    before, starts = host.check_output("readlink /opt/dagster/current"), [invocation(unit) for unit in UNITS]
    version = dagster.version()
    nowhere = {"FDP_CACHE": str(tmp_path), "PIP_INDEX_URL": f"http://127.0.0.1:{silent_port}/", "PIP_CONFIG_FILE": "/dev/null"}
    try:
        moved = play(*PLAY, *other_version)
        assert moved.returncode == 0, moved.stdout + moved.stderr
        other = host.check_output("readlink /opt/dagster/current")
        assert dagster.version() == OTHER != version
        # Both were started with it, after its storage was made ready once.
        assert all(invocation(unit) != start for unit, start in zip(UNITS, starts, strict=True))
        assert host.file(f"/var/lib/dagster/migrated-to-{other}").exists
        clean(*PLAY, *other_version)
    finally:
        back = play(*PLAY, **nowhere)
    assert back.returncode == 0, back.stdout + back.stderr
    assert dagster.version() == version
    assert sorted(host.check_output("ls -A /opt/dagster").split()) == sorted([before, other, "current"])
    clean(*PLAY)
    host.check_output("rm /var/lib/dagster/migrated-to-%s", other)
