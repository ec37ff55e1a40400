# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""A pipeline's secrets are beside what is kept of a release, so that going back to one never brings old ones back."""

import pytest

GIVEN = {
    "pipeline_secret": "root",
    "pipeline_dagster": {"group": "dagster", "compute_logs": "/var/lib/dagster/compute_logs"},
    "_pipeline_release": {"path": "/srv/pipelines/sales/releases/0d9e4c2ab71f"},
    "pipeline_porter": {"run": "/run/pipeline-porter", "server": "/usr/local/lib/foss-data-platform/pipeline_serve.py"},
    "_pipeline_libraries": {"path": "/opt/pipeline-envs/4f2a"},
    "pipeline_trino": {"address": "127.0.0.1", "port": 8443, "authority": "/etc/certificates/ca.pem"},
    "pipeline_minio": {"endpoint": "http://127.0.0.1:9010", "region": "eu-north-1"},
    "pipeline_bucket": "lakehouse",
}


@pytest.fixture
def pipeline(role, spec):
    settings = {"FEED_URL": "http://feed", "S3_SECRET_KEY": "a pipeline's own"}
    return role("pipeline", pipeline_spec=spec() | {"settings": settings}, **GIVEN)


def test_its_unit_has_both_and_the_secrets_last(pipeline):
    """Of two values systemd takes the later one."""
    given = [line for line in pipeline.unit("pipeline.service.j2") if line.startswith("EnvironmentFile=")]
    assert given == [f"EnvironmentFile=/etc/pipelines/sales/{name}" for name in ("env", "secrets")]


def test_what_is_kept_of_a_release_has_no_secret(pipeline):
    secrets = pipeline.variable("_pipeline_secret_environment")
    assert pipeline.unit("pipeline.secrets.j2") == [f'{name}="{value}"' for name, value in secrets.items()]
    settings = pipeline.template("pipeline.env.j2")
    assert 'FEED_URL="http://feed"' in settings
    assert not [value for value in secrets.values() if value in settings]
    kept = pipeline.variable("_pipeline_files_of_service")
    assert "/etc/pipelines/sales/env" in kept
    assert "/etc/pipelines/sales/secrets" not in kept
