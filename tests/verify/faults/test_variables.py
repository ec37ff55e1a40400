"""Names that nothing reads and values of the wrong type, wherever they are given, before anything is changed."""

import pytest


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("trino_memroy_mb=4096", "nothing reads trino_memroy_mb, trino_memory_mb was probably meant"),
        ("trnio_memory_mb=4096", "nothing reads trnio_memory_mb, trino_memory_mb was probably meant"),
        ("dagster_colour=red", "dagster_colour is no option of role dagster: see roles/dagster/README.md"),
        ('{"artifacts": []}', "argument 'artifacts' is of type list and we were unable to convert to dict"),
        ('{"secrets_names": {"a": 1}}', "argument 'secrets_names' is of type dict and we were unable to convert to list"),
        ("platform_delta=maybe", "argument 'platform_delta' is of type str and we were unable to convert to bool"),
        ("trino_memory_mb=lots", "role trino: argument 'trino_memory_mb' is of type str and we were unable to convert to int"),
    ],
)
def test_extra_variable(refusal, given, said):
    error = refusal("site.yml", "-e", given)
    assert "Variables are wrong; nothing was changed" in error
    assert said in error


def test_variable_of_an_inventory(refusal, tmp_path):
    more = tmp_path / "more.yml"
    more.write_text("all: {vars: {platfrom_delta: false, minio_users: [{acces_key: x}]}}\n")
    error = refusal("site.yml", "--inventory", str(more))
    assert "nothing reads platfrom_delta, platform_delta was probably meant" in error
    assert "minio_users.acces_key" in error
    assert "access_key" in error


def test_pipelines_are_refused_too(refusal):
    assert "pipeline_memory_mb was probably meant" in refusal("playbooks/pipelines.yml", "-e", "pipeline_memroy_mb=1")
