"""dbt's tests hold something: spoil every table, and each of them must fail."""

import json

from conftest import ROOT
from feed import bring, record

# One bad row or two for every test; the columns not named are null.
SPOIL = [
    "insert into {raw}.parking_fetches (fetched_at) values (null), (timestamp '2026-10-06 10:02:00')",
    "insert into {raw}.parking_records (content_hash) values (null)",
    "insert into {staging}.facilities (facility) values (null), ('Valberget')",
    "insert into {staging}.stg_parking (facility) values (null), ('Nowhere')",
    "insert into {staging}.stg_parking select * from {staging}.stg_parking where facility = 'Valberget'",
    "update {staging}.stg_parking set free_spaces = -1 where facility = 'Valberget'",
    "update {staging}.stg_parking set first_fetched_at = timestamp '2026-10-06 09:00:00' where facility = 'Valberget'",
    "insert into {staging}.stg_parking_rejected (position) values (1)",
    "insert into {marts}.current_occupancy (facility, occupancy_pct) values (null, -1), ('Valberget', 101)",
    "insert into {marts}.hourly_occupancy (mean_occupancy_pct) values (101)",
    "insert into {marts}.hourly_occupancy select * from {marts}.hourly_occupancy where facility = 'Valberget'",
    "insert into {marts}.daily_occupancy (hours, mean_occupancy_pct) values (26, -1)",
    "insert into {marts}.daily_occupancy select * from {marts}.daily_occupancy where facility = 'Valberget'",
    "insert into {marts}.data_freshness select * from {marts}.data_freshness",
    "insert into {marts}.data_freshness (fetches) values (1)",
]


def test_every_dbt_test_fires(workspace):
    bring(workspace, ("2026-10-06 10:02:00", [record("06.10.2026 12:00", "5")]))
    ended = workspace.dbt("build")
    assert set(ended.values()) == {"success", "pass"}
    for statement in SPOIL:
        workspace.query(statement)
    found = workspace.dbt("test")
    nodes = json.loads((ROOT / "dbt/target/manifest.json").read_text())["nodes"].values()
    assert found.keys() == {node["name"] for node in nodes if node["resource_type"] == "test"}
    assert {name: how for name, how in found.items() if how not in ("fail", "warn")} == {}
    assert [name for name, how in found.items() if how == "warn"] == [
        "relationships_stg_parking_facility__facility__ref_facilities_"
    ]
