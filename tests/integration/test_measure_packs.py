"""A place is a pack of rows: docs/measure-catalogue.md says which, and nothing else is needed."""

from __future__ import annotations

import csv
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from credit_warehouse.export import export_build
from credit_warehouse.preparation import prepare
from credit_warehouse.settings import PROJECT_ROOT, settings
from providers import company_listing, jsonl, listing

COURT = "court_defaulters"
FIRST, SECOND, NEXT, THIRD = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4), date(2026, 3, 5)
CITY = "660100"
PACK: dict[str, list[dict[str, str]]] = {
    "served_jurisdiction": [
        {"jurisdiction": CITY, "name_zh": "示例市", "name_en": "Example", "valid_from": "2020-01-01"}
    ],
    "measure_document": [
        {"document": "SL-2020", "jurisdiction": CITY, "legal_basis": "示例市意见", "issued_on": "2020-01-01"}
    ],
    "department": [
        {"department_code": "sl-a", "department": "示例甲局", "jurisdiction": CITY, "valid_from": "2020-01-01"}
    ],
    "measure": [
        {
            "measure_code": code,
            "jurisdiction": CITY,
            "category": "任职资格限制",
            "measure_zh": "作为参考",
            "measure_en": "reference",
            "effect_type": effect,
            "applies_to_person": "true",
            "applies_to_organisation": "false",
            "needs_court_order": order,
            "document": "SL-2020",
            "paragraph": "二",
            "valid_from": "2020-01-01",
            "valid_to": end,
        }
        for code, effect, order, end in (
            ("SL-1", "REFERENCE", "false", ""),
            ("SL-2", "COOPERATE", "true", ""),
            ("SL-3", "REVIEW", "false", str(THIRD)),
        )
    ],
    "measure_department": [{"measure_code": f"SL-{number}", "department_code": "sl-a"} for number in (1, 2, 3)],
}


def add(project: Path, seed: str, rows: list[dict[str, str]]) -> None:
    path = project / "seeds" / f"{seed}.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        columns = next(csv.reader(stream))
    with path.open("a", encoding="utf-8", newline="") as stream:
        csv.DictWriter(stream, columns, restval="", lineterminator="\n").writerows(rows)


@pytest.fixture
def project(warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "dbt_project"
    shutil.copytree(PROJECT_ROOT / "dbt_project", copy)
    monkeypatch.setenv("WAREHOUSE_SOURCES", str(copy / "models" / "staging"))
    settings.cache_clear()
    return copy


def places(warehouse: Any) -> set[str]:
    found = warehouse.rows(
        "select distinct jurisdiction from exports.punishment_directive join core.measure using (measure_code)"
    )
    return {place for (place,) in found}


def test_a_city_is_added_by_rows_served_by_a_row_and_ended_by_a_date(warehouse, project: Path) -> None:
    warehouse.drop(COURT, "a.jsonl", jsonl(listing("p", 1), company_listing("c", 30)))
    warehouse.ingest(FIRST, [COURT])
    assert export_build(warehouse.build(FIRST)) == {}
    assert places(warehouse) == {"370203"}
    folder = warehouse.home / "exports"
    assert not (folder / "punishment-sl-a").exists()
    assert "JURISDICTION_NOT_SERVED" in held(warehouse, "JZ-16-1")

    # The pack comes and the centre serves the new city instead of the old one; the catalogue in place is an older one.
    for seed, rows in PACK.items():
        add(project, seed, rows)
    served = project / "seeds" / "served_jurisdiction.csv"
    served.write_text(served.read_text(encoding="utf-8").replace("2017-06-19,\n", f"2017-06-19,{SECOND}\n"), "utf-8")
    warehouse.execute("alter table core.measure drop column measure_en")
    prepare()
    build = warehouse.build(SECOND)
    # The product has shrunk, which stops additions; what is served no longer leaves all the same.
    stopped = export_build(build)["punishment_directive"]
    assert [check.rule for check in stopped] == ["DIRECTIVE_SHRINK"]
    assert warehouse.rows("select count(*) from exports.feed_entry where feed like 'punishment-%'") == [(0,)]
    assert warehouse.rows("select distinct reason from exports.feed_tombstone") == [("NO_LONGER_APPLIES",)]
    # Repeated, whether by hand or by the scheduler, it is as red as before; the next build lets out what waited.
    assert [check.rule for check in export_build(build)["punishment_directive"]] == ["DIRECTIVE_SHRINK"]
    assert warehouse.rows("select count(*) from exports.feed_entry where feed like 'punishment-%'") == [(0,)]
    assert export_build(warehouse.build(NEXT)) == {}
    assert (folder / "punishment-sl-a" / "latest.json").exists()
    assert warehouse.rows(
        "select measure_code, department_code, subject_kind, legal_basis from exports.punishment_directive"
        " order by measure_code"
    ) == [("SL-1", "sl-a", "person", "示例市意见 二"), ("SL-3", "sl-a", "person", "示例市意见 二")]
    assert held(warehouse, "SL-2") == "NO_COURT_ORDER"

    # A day later a measure has ended. No row arrived and no seed changed: the day alone takes it down.
    assert export_build(warehouse.build(THIRD)) == {}
    assert warehouse.rows("select measure_code from exports.punishment_directive") == [("SL-1",)]
    assert held(warehouse, "SL-3") == "MEASURE_NOT_IN_FORCE"


def held(warehouse: Any, code: str) -> str:
    ((reasons,),) = warehouse.rows(
        "select directive_reasons from exports.measure_decision where measure_code = %s", [code]
    )
    return str(reasons)
