"""What a play prints holds no credential: not of a task that fails, not when everything is shown, not in a diff."""

import json

import pytest
from ansible_collections.foss_data.platform.plugins.filter.derived_secret import derived_secret


@pytest.fixture
def found(credentials):
    """Names of the credentials in a text, those derived from them and others that are given too."""

    def look(text: str, others: dict | None = None) -> list[str]:
        known = []
        for values in (credentials, others or {}):
            # Of a key that is several lines one would be enough; a certificate is nobody's secret.
            secrets = {name: (value.splitlines() * 2)[1] for name, value in values.items() if name != "secret_ca_certificate"}
            known += [(name, value) for name, value in secrets.items() if name.startswith("secret_")]
            if "secret_pipelines" in values:
                for purpose in "object store", "trino":
                    derived = derived_secret(values["secret_pipelines"], f"{purpose}: stavanger_parking")
                    known.append((f"{purpose} of stavanger_parking", derived))
        assert known
        return [name for name, value in known if value in text]

    return look


@pytest.mark.parametrize("playbook", ["site.yml", "playbooks/pipelines.yml"])
def test_everything_shown(play, found, playbook):
    done = play(playbook, "-vvv", "--diff")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "invocation" in done.stdout
    assert found(done.stdout + done.stderr) == []


def test_new_credentials(play, found, credentials, tmp_path):
    """Neither the old nor the new ones are in the difference. The administrator's stays, or MinIO could not be asked.

    The authority stays as well, of which a text is not made up.
    """
    stay = ("secret_minio_root", "secret_ca_key", "secret_ca_certificate", "sops")
    new = {name: f"new{value[3:]}" for name, value in credentials.items() if name not in stay}
    file = tmp_path / "new.json"
    file.write_text(json.dumps(new))
    done = play("site.yml", "-vvv", "--diff", "--check", "-e", f"@{file}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(secret, changed)" in done.stdout
    assert found(done.stdout + done.stderr, new) == []


@pytest.mark.parametrize(("service", "said"), [("minio", "does not answer"), ("postgresql", "unable to connect to database")])
@pytest.mark.parametrize("options", [[], ["-vvv"]])
def test_a_task_that_fails(play, found, service, said, options):
    """Asked on a port where nobody listens: a service that is stopped looks the same, and the others miss nothing."""
    done = play("site.yml", "--tags", service, "--start-at-task", "Provide the users", "-e", f"{service}_port=1", *options)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in (done.stdout + done.stderr)
    assert "item=" in done.stdout
    assert found(done.stdout + done.stderr) == []
