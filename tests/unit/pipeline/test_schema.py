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
        {"retention_days": "never"},
        {"retention_days": "365"},
        {"publishes": "marts"},
        {"publishes": ["marts", "marts"]},
        {"publishes": ["marts; x"]},
        {"cpu_weight": 0},
        {"cpu_weight": 10001},
        {"cpu_weight": "100"},
        {"cpu_weight": 1.5},
        {"trino_queries": 0},
        {"trino_queries": 3},
        {"trino_queries": "4"},
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


def test_what_is_not_said_has_a_default():
    defaults = {name: value["default"] for name, value in SCHEMA["properties"].items() if "default" in value}
    for name, value in defaults.items():
        VALIDATOR.validate({**GOOD, name: value})
    asked = ("publishes", "cpu_weight")
    assert [defaults[name] for name in asked] == [[], 100]


@pytest.mark.parametrize("name", SCHEMA["required"])
def test_required(name):
    manifest = copy.deepcopy(GOOD)
    del manifest[name]
    assert not VALIDATOR.is_valid(manifest)


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"FEED_URL": "https://example.org", "LIMIT": 5}},
        {"settings": {"PATHS": "x"}},
        {"timezone": "UTC"},
        {"retention_days": 1},
        {"retention_days": "forever"},
        {"publishes": []},
        {"publishes": ["marts"]},
        {"cpu_weight": 1},
        {"cpu_weight": 10000},
        {"trino_queries": 1},
        {"trino_queries": 8},
    ],
)
def test_accepted(change):
    VALIDATOR.validate({**GOOD, **change})
