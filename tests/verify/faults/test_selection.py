"""`--tags` and `--limit` reach what they name, and nothing else."""

import re

import pytest
import yaml

LISTED = re.compile(r"^ +(?:foss_data\.platform\.)?(\w+) : (.*?)\tTAGS: \[(.*)\]$", re.MULTILINE)
SERVICES = ["base", "postgresql", "minio", "hive_metastore", "trino", "dagster"]


@pytest.fixture
def listed(play):
    """(role, task) of what would run, what runs always left out."""

    def run(*arguments: str) -> set[tuple[str, str]]:
        found = LISTED.findall(play("site.yml", "--list-tasks", *arguments).stdout)
        assert found
        return {(role, task) for role, task, tags in found if "always" not in tags.split(", ")}

    return run


@pytest.mark.parametrize("service", SERVICES)
def test_tag_of_a_service(root, listed, service):
    plays = [p for p in yaml.safe_load((root / "playbooks" / "site.yml").read_text()) if service in p["tags"]]
    roles = {(r if isinstance(r, str) else r["role"]).removeprefix("foss_data.platform.") for p in plays for r in p["roles"]}
    assert service in roles
    chosen = listed("--tags", service)
    assert {role for role, _task in chosen} == roles
    assert chosen == {(role, task) for role, task in listed() if role in roles}


def test_what_always_runs_is_a_check(play):
    found = LISTED.findall(play("site.yml", "--list-tasks", "--tags", "none-of-them").stdout)
    assert {role for role, task, _tags in found if not task.startswith("Validating arguments")} == {"base", "pipeline"}
    assert all(task.startswith(("Validating arguments", "Check that")) for _role, task, _tags in found)


def test_limit_leaves_other_hosts_alone(play, tmp_path):
    """The other one, which is none of the platform's, could not even be reached."""
    more = tmp_path / "more.yml"
    more.write_text("all: {hosts: {elsewhere: {ansible_host: 192.0.2.1}}, children: {others: {hosts: {elsewhere: {}}}}}\n")
    done = play("site.yml", "--inventory", str(more), "--limit", "sandbox", "--tags", "minio")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"^(\w+) +: ok=", done.stdout, re.MULTILINE) == ["sandbox"]


def test_limit_to_a_host_that_there_is_not(play):
    done = play("site.yml", "--limit", "sandbxo")
    assert done.returncode
    assert "no hosts to target" in done.stderr
