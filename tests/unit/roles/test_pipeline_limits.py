# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""What keeps a pipeline from being felt by others: its slice, its unit, and what a release of it is prepared in."""

import pytest

ORCHESTRATOR = {"group": "dagster", "compute_logs": "/var/lib/dagster/compute_logs"}
STARTED = {
    "pipeline_dagster": ORCHESTRATOR,
    "_pipeline_release": {"path": "/srv/pipelines/sales/releases/0d9e4c2ab71f"},
    "pipeline_porter": {"run": "/run/pipeline-porter", "server": "/usr/local/lib/foss-data-platform/pipeline_serve.py"},
    "_pipeline_libraries": {"path": "/opt/pipeline-envs/4f2a"},
    "pipeline_trino": {"address": "127.0.0.1", "port": 8443, "authority": "/etc/certificates/ca.pem"},
    "pipeline_minio": {"endpoint": "http://127.0.0.1:9010", "region": "eu-north-1"},
    "pipeline_bucket": "lakehouse",
}


@pytest.fixture
def pipeline(role, spec):
    return lambda **manifest: role("pipeline", pipeline_spec=spec(**manifest), **STARTED)


def test_its_slice_lies_below_that_of_all(pipeline):
    """systemd reads the place of a slice from its name: what stands before a dash is its parent."""
    assert pipeline().variable("_pipeline_slice") == "pipelines-sales.slice"
    assert "Slice=pipelines-sales.slice" in pipeline().unit("pipeline.service.j2")


def test_its_slice_has_the_limits_of_the_manifest(pipeline):
    limits = dict(line.split("=", 1) for line in pipeline(memory_mb=2000, cpu_weight=30).unit("pipeline.slice.j2"))
    del limits["Description"]
    assert limits == {
        "MemoryMax": "2000M",
        "MemorySwapMax": "0",
        "CPUWeight": "30",
        "IOWeight": "30",
        "TasksMax": "512",
    }


def test_all_weigh_the_same_by_default(pipeline):
    assert "CPUWeight=100" in pipeline().unit("pipeline.slice.j2")


def test_its_temporary_folders_are_in_its_memory(pipeline):
    """PrivateTmp would put them on the host's disk."""
    unit = pipeline().unit("pipeline.service.j2")
    folders = [line.removeprefix("TemporaryFileSystem=") for line in unit if line.startswith("TemporaryFileSystem=")]
    assert folders == [f"{path}:size=128M,mode=1777" for path in ("/tmp", "/var/tmp", "/var/lib/pipelines/sales/temp")]
    assert "PrivateTmp=yes" not in unit


def test_a_run_that_is_killed_takes_nothing_with_it(pipeline):
    unit = pipeline().unit("pipeline.service.j2")
    assert "OOMPolicy=continue" in unit
    assert "KillMode=process" in unit


def test_a_release_is_prepared_in_the_sandbox(pipeline):
    """Each setting by itself: the list was empty once, and a release was prepared without any."""
    properties = pipeline(memory_mb=1600, cpu_weight=30).variable("_pipeline_sandbox")
    assert {
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
        "SystemCallFilter=~@privileged @resources",
        "ReadWritePaths=/var/lib/pipelines/sales",
        "MemoryMax=1600M",
        "MemorySwapMax=0",
        "CPUWeight=30",
        "TasksMax=512",
        "TemporaryFileSystem=/tmp:size=200M,mode=1777",
        "Slice=pipelines.slice",
    } <= set(properties)
    # systemd-run takes NAME=VALUE and nothing else.
    assert not [text for text in properties if "\n" in text or text.startswith(("#", "[")) or "=" not in text]


def test_a_release_is_prepared_as_tightly_as_it_runs(pipeline):
    """What the unit has of the sandbox, preparing has as well."""
    sandbox = pipeline().variable("_pipeline_sandbox")
    unit = pipeline().unit("pipeline.service.j2")
    protects = [line for line in unit if line.startswith(("Protect", "Restrict", "Private", "SystemCall", "Memory", "Lock"))]
    assert len(protects) > 15
    assert not [line for line in protects if line not in sandbox]


def test_all_together_are_limited_too(role):
    limits = role("pipeline_host", pipeline_host_memory_mb=3000).unit("pipelines.slice.j2")
    assert {"MemoryMax=3000M", "MemorySwapMax=0", "CPUWeight=50", "IOWeight=50", "TasksMax=8192"} <= set(limits)


def test_other_services_keep_a_tmp_of_their_own(role):
    given = {"trino_java_home": "/java", "inventory_hostname": "host", "trino_certificate": {"authority": "/ca.pem"}}
    unit = role("trino", **given).unit("trino.service.j2")
    assert "PrivateTmp=yes" in unit
    assert not [line for line in unit if line.startswith("TemporaryFileSystem")]
