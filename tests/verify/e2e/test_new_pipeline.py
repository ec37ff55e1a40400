"""From the template to rows in Trino, as a pipeline's author would: in either lake format, two deploys side by side."""

import json
import subprocess

import pytest

REMOVE = """
import os, pathlib, shutil, subprocess
name, user = values["name"], "pl-" + values["name"]
subprocess.run(["systemctl", "disable", "--now", "pipeline@" + name], check=True)
pathlib.Path("/etc/systemd/system/pipeline@" + name + ".service").unlink()
for folder in ("/srv/pipelines/", "/var/lib/pipelines/", "/etc/pipelines/"):
    shutil.rmtree(folder + name)
# What the code server left to finish: a run that the schedule began.
subprocess.run(["pkill", "--signal", "KILL", "--uid", user], check=False)
subprocess.run(["userdel", "--force", user], check=True)
"""


def ansible(root, environment, module: str, **arguments) -> None:
    """Run a module of ours on the host under test."""
    command = ["ansible", "sandbox", "-i", "inventories/sandbox", "-b", "-m", f"foss_data.platform.{module}"]
    command += ["-a", json.dumps(arguments), "-e", "ansible_python_interpreter=/opt/tools/current/bin/python"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(params=["iceberg", "delta"])
def repository(request, root, tmp_path, host, on_host, play_environment):
    """A freshly made pipeline, gone again afterwards."""
    name = f"fresh_{request.param}"
    made = ["cookiecutter", "--no-input", "--output-dir", str(tmp_path), "cookiecutter-pipeline"]
    subprocess.run([*made, f"name={name}", f"format={request.param}"], cwd=root, check=True, capture_output=True)
    yield tmp_path / name
    ansible(
        root,
        play_environment,
        "dagster_code_location",
        name=name,
        workspace="/etc/dagster/workspace.yaml",
        socket=f"/run/pipelines/{name}/grpc.sock",
        state="absent",
    )
    on_host(REMOVE, name=name)
    for schema in ("raw", "staging", "marts"):
        ansible(
            root,
            play_environment,
            "trino_schema",
            user="platform",
            catalog=request.param,
            name=f"{name}_{schema}",
            rules_file="/etc/trino/rules.json",
            cascade=True,
            state="absent",
        )
    host.check_output("systemctl daemon-reload")


def test_template_to_rows(repository, play):
    pipelines = json.dumps({"pipelines": [{"path": str(repository)}]})
    deployed = play("playbooks/pipelines.yml", "-e", pipelines)
    assert deployed.returncode == 0, deployed.stdout
    again = play("playbooks/pipelines.yml", "-e", pipelines)
    assert " changed=0 " in again.stdout, again.stdout
    shown = play("playbooks/show.yml", "-e", pipelines)
    assert shown.returncode == 0, shown.stdout
    assert f"Pipeline {repository.name}: run" in shown.stdout
    assert "SUCCESS" in shown.stdout
