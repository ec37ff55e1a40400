# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""trino_info against what a real Trino answered."""

import pytest
from ansible_collections.foss_data.platform.plugins.modules import trino_info
from ansible_collections.foss_data.platform.tests.unit.plugins.trino_double import Replay, failure, run_module


@pytest.mark.parametrize("check", [True, False])
def test_what_there_is(check):
    with Replay() as server:
        server.first['SHOW SCHEMAS FROM "delta"'] = [
            failure("CATALOG_UNAVAILABLE", "Catalog 'delta' failed to initialize and is disabled")
        ]
        found = run_module(trino_info.main, check, port=server.port)
    assert (found["changed"], found["version"]) == (False, "476")
    (node,) = found["nodes"]
    assert (node["coordinator"], node["state"]) == (True, "active")
    catalogs = {c.pop("name"): c for c in found["catalogs"]}
    assert list(catalogs) == ["delta", "iceberg", "postgresql", "system", "tpch"]
    assert catalogs["tpch"]["connector"] == "tpch"
    assert {"information_schema", "sf1", "tiny"} <= set(catalogs["tpch"]["schemas"])
    assert catalogs["tpch"]["error"] == ""
    # One that does not work spoils nothing.
    assert catalogs["delta"]["schemas"] == []
    assert catalogs["delta"]["error"].startswith(
        "Trino refused (CATALOG_UNAVAILABLE): Catalog 'delta' failed to initialize and is disabled."
    )


def test_nobody_listens():
    with Replay() as server:
        port = server.port
    assert "is it running there?" in run_module(trino_info.main, port=port, timeout=0)["msg"]
