"""From the template to rows in Trino, as a pipeline's author would: in either lake format, two deploys side by side."""

import pytest


@pytest.fixture(params=["iceberg", "delta"])
def repository(request, tmp_path, from_template, host):
    """A freshly made pipeline, gone again afterwards."""
    with from_template(tmp_path, f"fresh_{request.param}", format=request.param) as made:
        yield made
        number = host.check_output("id --user pl-%s", made.name)
        logs = "/var/lib/dagster/compute_logs"
        assert host.check_output("find %s -uid %s -print -quit", logs, number), "its run left nothing to remove"
    assert host.run("id pl-%s", made.name).rc
    # Whoever is given this number next would own it.
    assert host.run("find / /run /dev/shm -xdev -uid %s", number).stdout == ""


def test_template_to_rows(repository, play):
    deployed = play(*repository.play)
    assert deployed.returncode == 0, deployed.stdout
    again = play(*repository.play)
    assert " changed=0 " in again.stdout, again.stdout
    shown = play("playbooks/show.yml", *repository.play[1:])
    assert shown.returncode == 0, shown.stdout
    assert f"Pipeline {repository.name}: run" in shown.stdout
    assert "SUCCESS" in shown.stdout
