# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""variable_faults: what looks like a variable of the platform is one, and has the type that its role wants."""

import pytest
import yaml
from ansible_collections.foss_data.platform.plugins.lookup import variable_faults
from ansible_collections.foss_data.platform.plugins.lookup.variable_faults import (
    mistaken,
    mistyped,
    names_read,
    options_by_role,
    owner_of,
)

ROLES = {
    "hive": {"hive_port": {"type": "int"}},
    "hive_metastore": {"hive_metastore_port": {"type": "int"}},
    "trino": {
        "trino_memory_mb": {"type": "int"},
        "trino_port": {"type": "int"},
        "trino_users": {"type": "list", "elements": "dict", "options": {"name": {"type": "str", "required": True}}},
    },
}
READ = frozenset({"platform_delta", "trino_catalogs_core", "artifact_mirror"})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("trino_memroy_mb", "trino_memory_mb"),
        ("trino_memory", "trino_memory_mb"),
        ("trino_catalog_core", "trino_catalogs_core"),
        ("trnio_memory_mb", "trino_memory_mb"),
        ("platfrom_delta", "platform_delta"),
        ("artifact_miror", "artifact_mirror"),
        ("hive_metastroe_port", "hive_metastore_port"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(name, meant):
    assert mistyped([name], ROLES, READ) == [
        f"nothing reads {name}, {meant} was probably meant: correct it, or give it a name less alike"
    ]


def test_a_name_with_the_prefix_of_a_role_that_resembles_nothing():
    [fault] = mistyped(["trino_colour"], ROLES, READ)
    assert fault == "trino_colour is no option of role trino: see roles/trino/README.md, or rename it if it is your own"


@pytest.mark.parametrize(
    "name",
    [
        "trino_port",
        "trino_catalogs_core",
        "platform_delta",
        "_trino_memory_mb",
        "ansible_host",
        "inventory_dir",
        "groups",
        "my_port",
        "trino",
    ],
)
def test_what_is_no_fault(name):
    assert mistyped([name], ROLES, READ) == []


def test_all_faults_at_once_in_order():
    assert [f.split()[2] for f in mistyped(["trino_prt,", "hive_prt,", "trino_port"], ROLES, READ)] == [
        "hive_prt,,",
        "trino_prt,,",
    ]


def test_the_longest_prefix_owns_a_name():
    assert owner_of("hive_metastore_x", list(ROLES)) == "hive_metastore"
    assert owner_of("hive_x", list(ROLES)) == "hive"
    assert owner_of("hiver", list(ROLES)) == ""


@pytest.mark.parametrize("value", [8080, "8080", "{{ other }}"])
def test_values_that_a_type_takes(value):
    assert mistaken({"trino_port": value}, ROLES) == []


def test_a_value_of_the_wrong_type_names_role_and_option():
    [fault] = mistaken({"trino_port": "lots"}, ROLES)
    assert fault.startswith("role trino: argument 'trino_port' is of type str and we were unable to convert to int")


@pytest.mark.parametrize("value", [0, -5, "-5"])
def test_memory_that_there_can_not_be(value):
    roles = {"trino": {"trino_memory_mb": {"type": "int"}}}
    assert mistaken({"trino_memory_mb": value}, roles) == [
        f"role trino: argument 'trino_memory_mb' is {value}, and an amount of memory is a number above 0"
    ]
    assert mistaken({"trino_memory_mb": 512}, roles) == []


def test_a_slip_inside_a_dictionary():
    faults = mistaken({"trino_users": [{"nmae": "x"}]}, ROLES)
    assert any("nmae" in fault for fault in faults)
    assert mistaken({"trino_users": [{"nmae": "{{ later }}"}]}, ROLES) == []


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("artifacts", [], "argument 'artifacts' is of type list and we were unable to convert to dict"),
        ("secrets_names", {"a": 1}, "argument 'secrets_names' is of type dict and we were unable to convert to list"),
        ("platform_python", ["x"], "argument 'platform_python' is of type list and has to be a text"),
        ("artifact_mirror", {"a": 1}, "argument 'artifact_mirror' is of type dict and has to be a text"),
        ("platform_delta", "maybe", "argument 'platform_delta' is of type str and we were unable to convert to bool"),
    ],
)
def test_what_no_role_owns_has_a_type_too(root, name, value, fault):
    [said] = mistaken({name: value}, options_by_role(root))
    assert said.startswith(fault)


def test_what_a_role_requires_may_come_later():
    assert mistaken({}, {"trino": {"trino_secret": {"type": "str", "required": True}}}) == []


def test_the_repository_itself_has_no_fault(root):
    """Its own group_vars are as an operator's would be."""
    values = {}
    for path in (root / "group_vars" / "all").glob("*.yml"):
        values |= yaml.safe_load(path.read_text())
    roles = options_by_role(root)
    assert mistyped(list(values), roles, names_read(root)) + mistaken(values, roles) == []
    assert set(roles) >= {"base", "trino", "pipeline"}


def test_the_lookup_takes_the_variables_of_the_host():
    lookup = variable_faults.LookupModule()
    assert lookup.run([], variables={"trino_port": 8080, "inventory_hostname": "sandbox"}) == []
    assert len(lookup.run([], variables={"trino_prot": 8080, "minio_port": "x"})) == 2
