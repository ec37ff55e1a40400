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
    roles = {
        (r if isinstance(r, str) else r["role"]).removeprefix("foss_data.platform.") for p in plays for r in p.get("roles", [])
    }
    assert service in roles
    chosen = listed("--tags", service)
    assert {role for role, _task in chosen} == roles
    assert chosen == {(role, task) for role, task in listed() if role in roles}


def test_what_always_runs_is_a_check(play):
    found = LISTED.findall(play("site.yml", "--list-tasks", "--tags", "none-of-them").stdout)
    assert {role for role, task, _tags in found if not task.startswith("Validating arguments")} == {"base", "pipeline"}
    assert all(task.startswith(("Validating arguments", "Check that")) for _role, task, _tags in found)


@pytest.fixture
def with_another(tmp_path):
    """Options that add a host, which could not even be reached, in a group."""

    def options(group: str) -> list[str]:
        more = tmp_path / "more.yml"
        host = "elsewhere: {ansible_host: 192.0.2.1}"
        more.write_text(f"all: {{hosts: {{{host}}}, children: {{{group}: {{hosts: {{elsewhere: {{}}}}}}}}}}\n")
        return ["--inventory", str(more)]

    return options


def test_limit_leaves_other_hosts_alone(play, with_another):
    everybody, limited = (
        play("site.yml", *with_another("dagster"), "--list-hosts", *o).stdout for o in ([], ["--limit", "sandbox"])
    )
    assert "elsewhere" in everybody
    assert "sandbox" in limited
    assert "elsewhere" not in limited


def test_hosts_of_no_group_of_ours_are_left_alone(play, with_another):
    done = play("site.yml", *with_another("others"), "--tags", "minio")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"^(\w+) +: ok=", done.stdout, re.MULTILINE) == ["sandbox"]


@pytest.mark.parametrize("group", ["trino_workers", "dagster"])
def test_a_second_host_is_refused(refusal, with_another, group):
    error = refusal("site.yml", *with_another(group), "--limit", "sandbox")
    assert "The platform's groups hold sandbox, elsewhere; services listen on loopback only" in error


def test_limit_to_a_host_that_there_is_not(play):
    done = play("site.yml", "--limit", "sandbxo")
    assert done.returncode
    assert "no hosts to target" in done.stderr
