"""Another version of an artifact, and back: `current` moves, the version before stays, and going back fetches nothing."""

import json

import pytest
import yaml

NEWER = {"0.9.29": "ae09db1bbdad5c38c508876a5903a322951539146f14c7567448bdcdea67e1fe"}
PLAY = ["site.yml", "--tags", "base"]


@pytest.fixture
def other_version(root, tmp_path) -> list[str]:
    """Options of a site that has moved to another uv: its line in the catalogue."""
    artifacts = yaml.safe_load((root / "group_vars" / "all" / "artifacts.yml").read_text())["artifacts"]
    artifacts["uv"]["versions"] = NEWER
    file = tmp_path / "artifacts.json"
    file.write_text(json.dumps({"artifacts": artifacts}))
    return ["-e", f"@{file}"]


def test_upgrade_and_rollback(host, play, clean, other_version, silent_port, tmp_path):
    [other] = NEWER

    def said() -> str:
        return host.check_output("/opt/uv/current/bin/uv --version").split()[1]

    before = said()
    assert before != other
    files = host.check_output("find /opt/uv/%s -printf '%%p %%i %%T@ %%s\\n' | sort", before)
    # Nobody has the other version, and nobody can be asked for the one before: it has to be there.
    nowhere = {"FDP_CACHE": str(tmp_path), "PIP_INDEX_URL": f"http://127.0.0.1:{silent_port}/", "PIP_CONFIG_FILE": "/dev/null"}
    try:
        upgraded = play(*PLAY, *other_version)
        assert upgraded.returncode == 0, upgraded.stdout + upgraded.stderr
        assert said() == other
        assert host.check_output("find /opt/uv/%s -printf '%%p %%i %%T@ %%s\\n' | sort", before) == files
        clean(*PLAY, *other_version)
    finally:
        back = play(*PLAY, **nowhere)
    assert back.returncode == 0, back.stdout + back.stderr
    assert said() == before
    assert host.check_output("find /opt/uv/%s -printf '%%p %%i %%T@ %%s\\n' | sort", before) == files
    assert sorted(host.check_output("ls -A /opt/uv").split()) == sorted([before, other, "current"])
    clean(*PLAY)
