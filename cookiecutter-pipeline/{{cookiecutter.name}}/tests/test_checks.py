"""dbt's tests hold something: spoil every table, and each of them must fail."""

import json

from conftest import ROOT
from feed import bring, record

# One bad row or two for every test; the columns not named are null.
SPOIL = [
    "insert into {raw}.measurements_fetches (fetched_at) values (null), (timestamp '2026-01-05 12:00:00')",
    "insert into {raw}.measurements_records (content_hash) values (null)",
    "insert into {staging}.stations (station) values (null), ('North')",
    "insert into {staging}.stg_measurements (station) values (null), ('Nowhere')",
    "insert into {staging}.stg_measurements select * from {staging}.stg_measurements where station = 'North'",
    "insert into {staging}.stg_measurements_rejected (position) values (1)",
    "insert into {marts}.daily_measurements (measurements, above_limit) values (0, -1)",
    "insert into {marts}.daily_measurements (min_value, max_value) values (2, 1)",
    "insert into {marts}.daily_measurements select * from {marts}.daily_measurements where station = 'North'",
]


def test_every_dbt_test_fires(workspace):
    bring(workspace, ("2026-01-05 12:00:00", [record("2026-01-05 08:00")]))
    assert set(workspace.dbt("build").values()) == {"success", "pass"}
    for statement in SPOIL:
        workspace.query(statement)
    found = workspace.dbt("test", "--exclude-resource-type", "unit_test")
    nodes = json.loads((ROOT / "dbt/target/manifest.json").read_text())["nodes"].values()
    assert found.keys() == {node["name"] for node in nodes if node["resource_type"] == "test"}
    assert {name: how for name, how in found.items() if how not in ("fail", "warn")} == {}
