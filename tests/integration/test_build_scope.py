"""What a build looks at: the staging tables of the sources that brought something; all of them where rules changed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from credit_warehouse.build import open_build, run_build
from credit_warehouse.db import warehouse_dsn
from credit_warehouse.declarations import load_sources
from credit_warehouse.transform import TransformFailed
from providers import arrears, listing

MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2026, 3, day) for day in (2, 3, 4, 5))


def staged(warehouse: Any, build: int | None) -> set[str]:
    """Sources whose staging model or its tests ran in a build."""
    nodes = [node for (node,) in warehouse.rows("select unique_id from audit.dbt_result where build_id = %s", [build])]
    return {source.name for source in load_sources() if any(f"stg_{source.name}" in node for node in nodes)}


def test_a_build_stages_what_arrived(warehouse: Any) -> None:
    warehouse.accept(MONDAY, "court_defaulters", listing("a1", 1))
    assert staged(warehouse, warehouse.build(MONDAY)) == {"court_defaulters"}
    warehouse.accept(TUESDAY, "tax_arrears", arrears(1))
    assert staged(warehouse, warehouse.build(TUESDAY)) == {"tax_arrears"}
    assert staged(warehouse, warehouse.build(WEDNESDAY)) == set(), "terms end without a message"

    again = open_build(THURSDAY)
    assert again is not None
    run_build(again, anew=True)
    assert staged(warehouse, again) == {source.name for source in load_sources()}
    assert warehouse.rows("select count(*) from marts.defaulter_listing") == [(1,)]


VIEW = "select 'marts.takedown_sla'::regclass::oid"


def test_a_view_stays_the_same_from_build_to_build_and_comes_back_when_it_is_gone(warehouse: Any) -> None:
    standing = warehouse.rows(VIEW)
    warehouse.accept(MONDAY, "court_defaulters", listing("a1", 1))
    warehouse.build(MONDAY)
    assert warehouse.rows(VIEW) == standing
    warehouse.execute("drop view marts.takedown_sla cascade")
    warehouse.build(TUESDAY)
    assert warehouse.rows("select count(*) from marts.takedown_sla") == [(0,)]
    again = open_build(WEDNESDAY)
    assert again is not None
    standing = warehouse.rows(VIEW)
    run_build(again, anew=True)
    assert warehouse.rows(VIEW) != standing


def test_a_table_that_is_not_there_yet_is_made(warehouse: Any) -> None:
    warehouse.execute("drop table staging.stg_tax_arrears cascade")
    warehouse.accept(MONDAY, "court_defaulters", listing("a1", 1))
    assert staged(warehouse, warehouse.build(MONDAY)) == {"court_defaulters", "tax_arrears"}


def test_what_a_failed_build_held_is_staged_by_the_next(warehouse: Any) -> None:
    warehouse.accept(TUESDAY, "court_defaulters", listing("a1", 1))
    assert open_build(TUESDAY) is not None
    # Nobody ran it: the next one takes its batches over.
    build = warehouse.build(TUESDAY)
    assert staged(warehouse, build) == {"court_defaulters"}
    assert warehouse.rows("select listing_id from exports.exposure_publication") == [("a1",)]


def test_columns_that_changed_without_a_full_refresh_stop_the_build(warehouse: Any) -> None:
    warehouse.accept(MONDAY, "court_defaulters", listing("a1", 1))
    warehouse.execute("alter table exports.listing_decision add column surplus text")
    with pytest.raises(TransformFailed, match="columns or types changed without a full refresh: surplus"):
        warehouse.build(MONDAY)
    told = (warehouse.home / "logs" / "dbt" / "dbt.log").read_text(encoding="utf-8")
    assert "[error]" in told and "surplus" in told
    assert conninfo_to_dict(warehouse_dsn())["password"] not in told
    assert warehouse.rows("select count(*) from exports.exposure_publication") == [(0,)]


def test_a_copy_under_another_name_tells_of_the_past(warehouse: Any, other_warehouse: Any, tmp_path: Path) -> None:
    warehouse.accept(MONDAY, "court_defaulters", listing("a1", 1))
    warehouse.build(MONDAY)
    past = "select listing_id from marts.publication_as_known(clock_timestamp(), %s)"
    assert warehouse.rows(past, [MONDAY]) == [("a1",)]
    with other_warehouse(tmp_path / "copy", like=warehouse) as copy:
        assert copy.rows(past, [MONDAY]) == [("a1",)]
