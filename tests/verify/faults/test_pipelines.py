"""Broken pipeline code never takes the place of what runs, and two pipelines can't have one name."""

import json
import re

import pytest
import yaml

BREAKS = {
    "syntax": ("orchestration/checks.py", "def broken(:\n", "orchestration/checks.py, line "),
    "missing module": ("orchestration/ingest.py", "import no_such_module\n", "No module named 'no_such_module'"),
    "dbt": ("dbt/models/marts/broken.sql", "select * from {{ ref('no_such_model') }}\n", "no_such_model"),
}


@pytest.mark.parametrize("fault", BREAKS)
def test_broken_code(host, play, parking, fault):
    file, text, said = BREAKS[fault]
    unit = f"pipeline@{parking.name}"
    state = "readlink %s/current; ls %s/releases; sha256sum /etc/pipelines/%s/env"
    # Awake or asleep: it was not started by a deploy.
    proven = f"stat --format=%y /var/lib/foss-data-platform/started/{unit}"
    before = host.check_output(proven), host.check_output(state, parking.home, parking.home, parking.name)
    with (parking.folder / file).open("a") as broken:
        broken.write(text)
    manifest = parking.folder / "pipeline.yml"
    # Settings that come with the broken code must not reach the running one either.
    manifest.write_text(manifest.read_text().replace("settings:\n", "settings:\n  ANOTHER_SETTING: new\n"))
    assert "ANOTHER_SETTING" in manifest.read_text()
    done = play(*parking.play)
    assert done.returncode
    # At the pipeline, and once more in the end, where it can't be overlooked.
    [_at_once, error] = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
    assert f"Not deployed: {parking.name}: the release {parking.release()} does not load, the one before stays: " in error
    assert error.endswith(" (nothing was switched)")
    # dbt names its files from its own folder on.
    assert file.removeprefix("dbt/") in error
    assert said in error
    assert (host.check_output(proven), host.check_output(state, parking.home, parking.home, parking.name)) == before
    assert host.run("systemctl is-failed %s", unit).rc != 0


ONLY_PREPARES = {
    "Dagster can't load it": (
        "orchestration/definitions.py",
        'import os\nif "DAGSTER_PG_PASSWORD" in os.environ:\n    raise RuntimeError("not in service")\n',
        "did not become ready",
    ),
    "its server ends": (
        "sitecustomize.py",
        'import os\nif "DAGSTER_PG_PASSWORD" in os.environ:\n    os._exit(3)\n',
        "did not become ready",
    ),
}


@pytest.mark.parametrize("fault", ONLY_PREPARES)
def test_code_that_loads_but_not_in_service(host, play, parking, clean, fault):
    """What ran before runs again, with its own settings, as if nothing had been."""
    file, text, said = ONLY_PREPARES[fault]
    unit = f"pipeline@{parking.name}"
    state = "readlink %s/current; find /etc/pipelines/%s /etc/systemd/system/%s.service -type f -exec sha256sum {} + | sort"
    before = host.check_output(state, parking.home, parking.name, unit)
    release = before.splitlines()[0].removeprefix("releases/")
    with (parking.folder / file).open("a") as broken:
        broken.write(text)
    manifest = parking.folder / "pipeline.yml"
    manifest.write_text(manifest.read_text().replace("settings:\n", "settings:\n  ANOTHER_SETTING: new\n"))
    done = play(*parking.play)
    assert done.returncode
    error = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")][-1]
    assert (
        f"Not deployed: {parking.name}: the release {parking.release()} was not taken into service, {release} runs again: "
        in error
    )
    assert said in error
    assert host.check_output(state, parking.home, parking.name, unit) == before
    assert host.check_output("systemctl show --value --property=ActiveState %s", unit) == "active"
    running = host.check_output("systemctl show --value --property=ExecStart %s", unit)
    assert f"--working-directory {parking.home}/releases/{release} " in running
    # Dagster has loaded it, too, and a deploy of it finds nothing to do.
    clean("playbooks/pipelines.yml")


def test_a_rollback_leaves_the_secrets_as_they_are(host, play, parking):
    """Those of the time of a release may be known to somebody by now, and open nothing any more."""
    etc, release = f"/etc/pipelines/{parking.name}", host.check_output("readlink %s/current", parking.home)
    with (parking.folder / "orchestration" / "definitions.py").open("a") as definitions:
        definitions.write("\n# Another release.\n")
    deployed = play(*parking.play)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    for name in re.findall(r"^(\w+)=", host.check_output("cat %s/secrets", etc), re.MULTILINE):
        assert host.run("grep --recursive --word-regexp %s %s/proven", name, etc).rc == 1
    try:
        # In the place of a real one, which a run that is under way would miss.
        host.check_output("echo 'VERIFY=changed since' >> %s/secrets", etc)
        back = play("playbooks/pipeline_rollback.yml", "-e", f"pipeline={parking.name}")
        assert back.returncode == 0, back.stdout + back.stderr
        assert host.check_output("readlink %s/current", parking.home) == release
        process = host.check_output("systemctl show --value --property=MainPID pipeline@%s", parking.name)
        assert "VERIFY=changed since" in host.check_output("tr '\\0' '\\n' < /proc/%s/environ", process).splitlines()
    finally:
        assert play("playbooks/pipelines.yml").returncode == 0
    assert host.run("grep VERIFY %s/secrets", etc).rc == 1


def not_deployed(done) -> str:
    """What the end of a play says, which changed nothing."""
    assert done.returncode
    # Neither the host's line nor a pipeline's own.
    assert not re.search(r"changed=[1-9]", done.stdout)
    return [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")][-1]


def test_two_pipelines_with_one_name(play, parking):
    both = '{"pipelines": [{"path": "pipelines/%s"}, {"path": "%s"}]}' % (parking.name, parking.folder)  # noqa: UP031
    error = not_deployed(play("playbooks/pipelines.yml", "-e", both))
    assert f"Not deployed: {parking.name}: 2 pipelines are called {parking.name} (" in error


def test_a_manifest_that_is_none(play, parking):
    with (parking.folder / "pipeline.yml").open("a") as manifest:
        manifest.write("memroy_mb: 1\n")
    error = not_deployed(play(*parking.play))
    assert "pipeline.yml: the manifest: Additional properties are not allowed ('memroy_mb' was unexpected)" in error


def test_an_address_that_does_not_answer(play, parking):
    nowhere = '{"pipelines": [{"git": "git://127.0.0.1:9/x.git", "branch": "main"}], "pipeline_settings": {}}'
    error = not_deployed(play("playbooks/pipelines.yml", "-e", nowhere))
    assert "Not deployed: x: git://127.0.0.1:9/x.git@main: it does not answer: mend the address" in error


def test_a_list_that_can_not_be_read(refusal, parking):
    error = refusal("playbooks/pipelines.yml", "-e", '{"pipelines": [{"path": "%s", "brunch": "main"}]}' % parking.folder)  # noqa: UP031
    assert "Nothing was deployed. entry 1 of the list `pipelines`: there is no key brunch" in error


def test_a_format_that_the_site_does_not_have(play, parking):
    """As on a host of 4 GB, which does without Delta Lake."""
    manifest = parking.folder / "pipeline.yml"
    manifest.write_text(manifest.read_text().replace("format: iceberg", "format: delta"))
    done = play(*parking.play, "-e", '{"platform_delta": false}')
    assert done.returncode
    [_at_once, error] = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
    assert f"Pipeline {parking.name} was not deployed: it wants format delta (this site has iceberg)" in error
    assert "Change its pipeline.yml, or the site." in error
    # What all pipelines may use together is another amount on such a host.
    assert not re.search(rf"^{parking.name} .*changed=[1-9]", done.stdout, re.MULTILINE)


def test_a_first_deploy_that_fails_leaves_nothing(host, play, from_template, dagster, tmp_path):
    """What was begun is taken back: nobody calls it deployed, and nothing wakes it."""
    file, text, _said = ONLY_PREPARES["Dagster can't load it"]
    with from_template(tmp_path, "verify_first") as first:
        with (first.folder / file).open("a") as broken:
            broken.write(text)
        done = play(*first.play)
        error = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")][-1]
        said = f"the release {first.release()} was not taken into service, and there is none before that could be: "
        assert f"Not deployed: {first.name}: {said}" in error
        files = f"/etc/systemd/system/*{first.name}* /etc/pipelines/{first.name}/env /etc/pipelines/{first.name}/manifest.json"
        assert host.run(f"ls {files}").stdout == ""
        assert first.name not in host.check_output("systemctl list-units --all --plain --no-legend 'pipeline@*'")
        assert first.name not in dagster.locations()
        into = tmp_path / "info.json"
        assert play("playbooks/pipeline_info.yml", "-e", f"into={into}").returncode == 0
        assert first.name not in [pipeline["name"] for pipeline in json.loads(into.read_text())]
        # Mended, it is deployed as if it had never been tried.
        (first.folder / file).write_text((first.folder / file).read_text().removesuffix(text))
        done = play(*first.play)
        assert done.returncode == 0, done.stdout + done.stderr


def test_others_read_what_the_release_in_service_publishes(play, clean, from_template, trino, tmp_path):
    """Neither a deploy that fails nor one that is gone back from leaves its own grants behind."""
    with from_template(tmp_path, "verify_grants") as repository:
        # In two schemas that dbt has nothing in, of which the platform's rules want nothing.
        manifest, schemas = repository.folder / "pipeline.yml", ["one", "two"]

        def deploy(publishes: str):
            said = yaml.safe_load(manifest.read_text())
            said |= {"schemas": ["raw", "staging", "marts", *schemas], "publishes": [publishes]}
            manifest.write_text(yaml.safe_dump(said, sort_keys=False))
            return play(*repository.play)

        def published() -> list[str]:
            answers = {name: trino(f"SELECT * FROM iceberg.verify_grants_{name}.probe", login="stranger") for name in schemas}
            assert set(map(str, answers.values())) <= {"[[1]]", "PERMISSION_DENIED", "SCHEMA_NOT_FOUND"}, answers
            return [name for name, answer in answers.items() if answer == [[1]]]

        done = deploy("one")
        assert done.returncode == 0, done.stdout + done.stderr
        for name in schemas:
            trino(f"CREATE TABLE iceberg.verify_grants_{name}.probe AS SELECT 1 AS a", login="verify_grants")
        assert published() == ["one"]
        file, text, _said = ONLY_PREPARES["Dagster can't load it"]
        with (repository.folder / file).open("a") as broken:
            broken.write(text)
        done = deploy("two")
        assert "was not taken into service" in done.stdout, done.stdout
        assert published() == ["one"]
        (repository.folder / file).write_text((repository.folder / file).read_text().removesuffix(text))
        done = deploy("two")
        assert done.returncode == 0, done.stdout + done.stderr
        assert published() == ["two"]
        back = play("playbooks/pipeline_rollback.yml", "-e", "pipeline=verify_grants")
        assert back.returncode == 0, back.stdout + back.stderr
        assert published() == ["one"]
        again = play(*repository.play)
        assert again.returncode == 0, again.stdout + again.stderr
        assert published() == ["two"]
        clean(*repository.play)
