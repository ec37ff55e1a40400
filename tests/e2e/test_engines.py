"""The example's dbt project gives the same tables on the host's Trino, in both lake formats, as in DuckDB; so does each macro."""

import os
import shutil
import subprocess

import pytest
from ansible_collections.foss_data.platform.tests.deployed import CA


def test_engines_agree(root, tmp_path, tunnel, host, credentials):
    authority = tmp_path / "ca.pem"
    authority.write_text(host.file(CA).content_string)
    example = tmp_path / "example"
    ignored = shutil.ignore_patterns(".venv", "target", "dbt_packages", "temp")
    shutil.copytree(root / "pipelines" / "stavanger_parking", example, ignore=ignored)
    made = subprocess.run(["make", ".venv/ready"], cwd=example, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    # These would take the authority's place, where they are set.
    others = {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    environment = {name: value for name, value in os.environ.items() if name not in others} | {
        "FDP_TEST_DATA": os.environ.get("FDP_TEST_DATA", str(root.parent / "shared" / "data")),
        "PYTHONPATH": f"{example}:{example}/shared/utilities",
        "TRINO_HOST": "127.0.0.1",
        "TRINO_PORT": str(tunnel(8443)),
        "TRINO_CA": str(authority),
        "TRINO_PASSWORD": credentials["secret_trino_admin"],
    }
    command = [".venv/bin/python", "-m", "pytest", "-ra", "tests/test_engines_agree.py", "tests/test_macros.py"]
    done = subprocess.run(command, cwd=example, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
    if "skipped" in done.stdout.strip().splitlines()[-1]:
        pytest.skip("the engines were not compared: " + done.stdout.strip().splitlines()[-2])
