"""The whole line on hand-made files: what arrives, what is rejected, what may leave. Counted by hand on the samples."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from credit_warehouse.export import export_build

SAMPLES = Path(__file__).parents[1] / "samples"
FIRST, SECOND = date(2026, 3, 2), date(2026, 3, 3)
PERSON, COMPANY, MINOR, PAID = (f"70000000{number}" for number in (1, 2, 3, 4))
SOURCES = ["bank_credit_events", "court_defaulters", "registry_entities", "registry_persons", "tax_arrears"]
# Counted in the document of 青岛市市北区: departments of every measure that applies to a person, to an organisation,
# and needs no order of a court.
DIRECTIVES_FOR_A_PERSON, DIRECTIVES_FOR_A_COMPANY = 60, 46


@pytest.fixture(scope="module")
def first_day(shared_warehouse) -> Any:
    shared_warehouse.landing = SAMPLES / str(FIRST)
    refused = shared_warehouse.ingest(FIRST, SOURCES)
    assert {source: outcome for source, outcome in refused.items() if outcome != [None]} == {}
    assert len(refused) == 5
    assert export_build(shared_warehouse.build(FIRST)) == {}
    return shared_warehouse


@pytest.fixture(scope="module")
def second_day(first_day) -> Any:
    first = snapshot(first_day)
    first_day.landing = SAMPLES / str(SECOND)
    first_day.ingest(SECOND, SOURCES)
    assert export_build(first_day.build(SECOND)) == {}
    first_day.first = first
    return first_day


def snapshot(warehouse: Any) -> dict[str, Any]:
    """What the expectations of the first day are about."""
    return {
        "batches": warehouse.rows(
            "select source, rows_in, rows_loaded, rows_rejected, encoding from audit.batch"
            f" where business_date = '{FIRST}' order by source"
        ),
        "rejected": warehouse.rows(
            "select source, row_no, stage, rule, field from audit.rejected_row join audit.batch using (batch_id)"
            f" where business_date = '{FIRST}' order by source, row_no"
        ),
        "shown": [row for (row,) in warehouse.rows("select listing_id from exports.exposure_publication order by 1")],
        "directives": dict(
            warehouse.rows(
                "select listing_id, count(*) from exports.punishment_directive join marts.defaulter_listing"
                " using (item_id) group by 1"
            )
        ),
        "decisions": dict(warehouse.rows("select listing_id, exposure_reasons from exports.listing_decision")),
        "record": warehouse.rows(
            "select subject_name, item_count, negative_item_count, defaulter_listing_count, source_count"
            ' from marts.credit_record where item_count > 0 order by subject_name collate "C"'
        ),
    }


def test_every_row_is_loaded_or_rejected(second_day) -> None:
    assert second_day.first["batches"] == [
        ("bank_credit_events", 4, 3, 1, "xlsx"),
        ("court_defaulters", 6, 5, 1, "utf-8"),
        ("registry_entities", 2, 2, 0, "utf-8"),
        ("registry_persons", 1, 1, 0, "utf-8"),
        ("tax_arrears", 5, 5, 0, "gb18030"),
    ]


def test_every_rejection_names_its_line_and_rule(second_day) -> None:
    assert second_day.first["rejected"] == [
        ("bank_credit_events", 3, "staging", "NO_AUTHORISATION", "sqbh"),
        ("bank_credit_events", 4, "load", "ID_AS_NUMBER", "zjhm (G4)"),
        ("court_defaulters", 3, "load", "JSON_INVALID", ""),
        ("court_defaulters", 6, "staging", "CONDUCT_UNKNOWN", "disruptTypeName"),
        ("tax_arrears", 4, "staging", "AMOUNT_INVALID", "qsye"),  # a line break stands in the row before
    ]


def test_the_first_day_publishes_whom_it_may_and_says_why_not_the_others(second_day) -> None:
    assert second_day.first["shown"] == [PERSON, COMPANY]
    assert second_day.first["decisions"] == {PERSON: None, COMPANY: None, MINOR: "MINOR", PAID: "PERFORMED"}


def test_departments_are_told_of_those_who_still_stand_on_the_list(second_day) -> None:
    assert second_day.first["directives"] == {
        PERSON: DIRECTIVES_FOR_A_PERSON,
        COMPANY: DIRECTIVES_FOR_A_COMPANY,
        PAID: DIRECTIVES_FOR_A_PERSON,
    }


def test_what_five_providers_say_of_one_subject_is_one_record(second_day) -> None:
    # company 2: court, tax, register; company 8: tax, register; person 10: tax (15 digits) and bank (18).
    counts = sorted(row[1:] for row in second_day.first["record"])
    assert counts == sorted([
        (3, 2, 1, 3), (2, 1, 0, 2), (2, 2, 0, 2),
        (1, 1, 1, 1), (1, 1, 1, 1), (1, 1, 1, 1),  # persons 1, 4, 5: court alone
        (1, 1, 0, 1), (1, 1, 0, 1),  # company 9: tax; person 13: bank
    ])  # fmt: skip


def test_rare_characters_arrive_as_they_were_written(second_day) -> None:
    names = {name for (name,) in second_day.rows("select subject_name from core.subject_name")}
    assert "䶮·𬭎（普通合伙）" in names


def test_the_second_day_takes_down_corrects_and_closes(second_day) -> None:
    assert second_day.rows("select listing_id, performance from exports.exposure_publication") == [
        (COMPANY, "部分未履行")
    ]
    delta = second_day.home / "exports" / "exposure" / "00000002" / "delta.jsonl"
    changes = [json.loads(line) for line in delta.read_text(encoding="utf-8").splitlines()]
    assert [(change["op"], change["reason"]) for change in changes] == [("REMOVE", "WITHDRAWN"), ("UPDATE", None)]
    # The debtor whose amount was unreadable has one now; debtor 9 has left the snapshot.
    closed = second_day.rows(
        "select subject_name from core.credit_item where source = 'tax_arrears' and recorded_to = 'infinity'"
        " and status = 'DELETED'"
    )
    assert closed == [("试样9有限公司",)]
    assert second_day.rows("select item_count from marts.credit_record where subject_name = '试样7有限公司'") == [(1,)]


def test_sources_that_sent_nothing_are_noted_absent(second_day) -> None:
    absent = second_day.rows(
        f"select source from audit.ingest_outcome where business_date = '{SECOND}' and outcome = 'absent' order by 1"
    )
    assert absent == [("bank_credit_events",), ("registry_entities",), ("registry_persons",)]


def test_the_samples_are_not_consumed(second_day) -> None:
    assert len([path for path in SAMPLES.glob("2026-*/*/*") if path.suffix in {".jsonl", ".csv", ".xlsx"}]) == 7
