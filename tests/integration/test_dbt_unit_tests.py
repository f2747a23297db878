"""The unit tests of the dbt models: one dbt run, as the models themselves are run."""

from __future__ import annotations

from datetime import date

from credit_warehouse.transform import run_dbt

FEWEST = 12


def test_the_rules_of_the_models_hold_on_the_fewest_rows(warehouse) -> None:
    # dbt reads the types of a given row from the tables, so they have to exist; nothing has to be in them.
    warehouse.build(date(2026, 3, 2))
    warehouse.execute("insert into audit.build (business_date) values ('2026-03-02')")
    nodes = run_dbt(["test", "--select", "test_type:unit"])
    assert [node for node in nodes if node["status"] not in ("pass", "success")] == []
    assert len({node["unique_id"] for node in nodes if node["resource_type"] == "unit_test"}) >= FEWEST
