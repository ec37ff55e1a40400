"""The unruly pipeline beside the example pipeline; gone from the host in the end."""

import re
from collections.abc import Callable, Iterator

import pytest
import yaml
from ansible_collections.foss_data.platform.tests.deployed import Repository, until
from ansible_collections.foss_data.platform.tests.verify.isolation.unruly import (
    CPU_WEIGHT,
    DEFINITIONS,
    MEMORY_MB,
    UNRULY,
    Unruly,
)

PEOPLE = "{{ config(schema='persons') }} select 1 as id, 'ann@example.org' as mail, date '1990-01-31' as born"
PERSONS = {
    "name": "people",
    "description": "Somebody.",
    "columns": [
        {"name": "id", "data_tests": ["unique", "not_null"]},
        {"name": "mail", "config": {"tags": ["pii"], "meta": {"mask": "hash"}}},
        {"name": "born", "config": {"tags": ["pii"], "meta": {"mask": "empty"}}},
    ],
}


@pytest.fixture(scope="session")
def repository(root, from_template, tmp_path_factory) -> Iterator[Repository]:
    """Its repository: from the template, with limits of its own and a schema that it publishes."""
    # Once an hour of a day that is far away: it runs when a test says so.
    with from_template(tmp_path_factory.mktemp("unruly"), UNRULY, schedule="0 0 29 2 *") as made:
        manifest = yaml.safe_load((made.folder / "pipeline.yml").read_text())
        manifest |= {"memory_mb": MEMORY_MB, "cpu_weight": CPU_WEIGHT, "publishes": ["marts", "persons"]}
        manifest["schemas"].append("persons")
        persons = made.folder / "dbt" / "models" / "persons"
        persons.mkdir()
        (persons / "people.sql").write_text(PEOPLE)
        (persons / "persons.yml").write_text(yaml.safe_dump({"version": 2, "models": [PERSONS]}, sort_keys=False))
        (made.folder / "pipeline.yml").write_text(yaml.safe_dump(manifest, sort_keys=False))
        (made.folder / "orchestration" / "definitions.py").write_text(DEFINITIONS)
        # Its own tests are of the template's definitions.
        (made.folder / "tests" / "test_release.py").unlink()
        yield made


@pytest.fixture(scope="session")
def deployed(repository, play) -> Repository:
    """Deployed beside the example."""
    done = play(*repository.play)
    assert done.returncode == 0, done.stdout + done.stderr
    return repository


@pytest.fixture(scope="module")
def unruly(host, dagster, deployed) -> Unruly:
    """To be told what to do, by a daemon that knows it: of a pipeline that it has not read yet it fails the runs."""
    told = Unruly(host, dagster, f"/var/lib/pipelines/{UNRULY}/verify")
    until(lambda: told.end(told.launch("do_nothing")) == {"SUCCESS"}, 60)
    return told


@pytest.fixture(scope="module")
def own(host) -> Callable[[str], dict]:
    """What a pipeline's processes have in their environment, secrets included."""
    pairs = re.compile(r'^(\w+)="(.*)"$', re.MULTILINE)
    return lambda name: dict(pairs.findall(host.check_output("cat /etc/pipelines/%s/env /etc/pipelines/%s/secrets", name, name)))
