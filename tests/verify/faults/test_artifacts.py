"""Bytes that are wrong or can't be had: the play stops, and the host keeps what it had."""

import hashlib
import json

import pytest
import yaml

WRONG_SUM = "0" * 64


@pytest.fixture
def changed_sum(root, tmp_path):
    """Options that give an artifact another sum, so that it has to be fetched; its version."""

    def options(name: str) -> tuple[list[str], str]:
        artifacts = yaml.safe_load((root / "group_vars" / "all" / "artifacts.yml").read_text())["artifacts"]
        version = next(iter(artifacts[name]["versions"]))
        artifacts[name]["versions"] = {version: WRONG_SUM}
        file = tmp_path / "artifacts.json"
        file.write_text(json.dumps({"artifacts": artifacts}))
        return ["-e", f"@{file}"], version

    return options


@pytest.fixture
def installed(host):
    """What there is of an artifact on the host."""
    return lambda name: host.check_output("ls -lAR --time-style=full-iso /opt/%s | sha256sum", name)


@pytest.fixture
def cache(tmp_path) -> dict:
    """Environment with an empty cache."""
    return {"FDP_CACHE": str(tmp_path / "cache")}


def test_wrong_checksum(refusal, clean, changed_sum, installed, invocation, cache, tmp_path):
    options, version = changed_sum("minio")
    mirror = tmp_path / "mirror"
    (mirror / "minio" / version).mkdir(parents=True)
    (mirror / "minio" / version / "minio").write_bytes(b"not MinIO")
    before = installed("minio"), invocation("minio")
    error = refusal("site.yml", "--tags", "minio", "-e", f"artifact_mirror={mirror}", *options, **cache)
    assert f"wrong checksum of minio {version}: the catalogue says sha256 {WRONG_SUM}" in error
    assert hashlib.sha256(b"not MinIO").hexdigest() in error
    assert "no host was touched. If the source is to be trusted" in error
    assert (installed("minio"), invocation("minio")) == before
    assert not [p for p in (tmp_path / "cache" / "artifacts").rglob("*") if p.is_file() and not p.name.endswith(".lock")]
    clean("site.yml", "--tags", "minio")


def test_mirror_down(refusal, changed_sum, installed, cache, silent_port):
    options, version = changed_sum("minio")
    before = installed("minio")
    mirror = f"http://127.0.0.1:{silent_port}"
    error = refusal("site.yml", "--tags", "minio", "-e", f"artifact_mirror={mirror}", *options, **cache)
    assert f"the mirror does not have minio {version}: {mirror}/" in error
    assert "Connection refused" in error
    assert "or unset artifact_mirror" in error
    assert installed("minio") == before


def test_registry_down(refusal, changed_sum, installed, cache, silent_port):
    options, version = changed_sum("uv")
    before = installed("uv")
    nowhere = {"PIP_INDEX_URL": f"http://127.0.0.1:{silent_port}/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": "/dev/null"}
    error = refusal("site.yml", "--tags", "base", *options, **cache, **nowhere)
    assert f"uv {version}".replace(" ", "==") in error
    assert "could not be fetched (PyPI package)" in error
    assert "or set artifact_mirror to a directory or an address" in error
    assert installed("uv") == before
