# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""The manifest's schema: every property explained, bad values refused."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "pipelines/shared/schemas/pipeline.schema.json").read_text())
GOOD = yaml.safe_load((ROOT / "pipelines/stavanger_parking/pipeline.yml").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_one_and_the_example_valid():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    VALIDATOR.validate(GOOD)


def test_every_property_is_explained():
    def bare(schema: dict, path: str = "") -> list[str]:
        inner = [found for name, value in schema.get("properties", {}).items() for found in bare(value, f"{path}.{name}")]
        return inner if schema.get("description") else [path, *inner]

    assert bare(SCHEMA) == []


@pytest.mark.parametrize(
    "change",
    [
        {"colour": "red"},
        {"name": "Sales"},
        {"name": "a"},
        {"name": "a" * 49},
        {"name": 5},
        {"title": ""},
        {"owner": {"team": "x"}},
        {"owner": {"team": "x", "email": "nobody"}},
        {"owner": {"team": "x", "email": "x@example.org", "phone": "1"}},
        {"schedule": "hourly"},
        {"schedule": "* * * *"},
        {"timezone": "oslo; x"},
        {"format": "hudi"},
        {"schemas": ["staging"]},
        {"schemas": []},
        {"schemas": ["raw", "raw"]},
        {"schemas": ["raw", "Marts"]},
        {"topics": ["Has Space"]},
        {"memory_mb": 100},
        {"memory_mb": "1024"},
        {"retention_days": 0},
        {"settings": {"lower": "x"}},
        {"settings": {"TRINO_HOST": "x"}},
        {"settings": {"PIPELINE_NAME": "x"}},
        {"settings": {"S3_SECRET_KEY": "x"}},
        {"settings": {"PYTHONPATH": "x"}},
        {"settings": {"PATH": "x"}},
        {"settings": {"LIST": [1]}},
    ],
)
def test_refused(change):
    assert not VALIDATOR.is_valid({**GOOD, **change})


@pytest.mark.parametrize("name", SCHEMA["required"])
def test_required(name):
    manifest = copy.deepcopy(GOOD)
    del manifest[name]
    assert not VALIDATOR.is_valid(manifest)


@pytest.mark.parametrize(
    "change", [{"settings": {"FEED_URL": "https://example.org", "LIMIT": 5}}, {"settings": {"PATHS": "x"}}, {"timezone": "UTC"}]
)
def test_accepted(change):
    VALIDATOR.validate({**GOOD, **change})
