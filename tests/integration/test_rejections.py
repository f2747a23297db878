"""What is kept of a rejected row, who may read it, and what a later delivery makes of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from credit_warehouse.declarations import load_source
from credit_warehouse.replay import replay
from credit_warehouse.report import write_report
from credit_warehouse.summary import totals
from providers import arrears, bank_event, csv_file, deletion, jsonl, listing, resident_id, uscc, workbook

FIRST, SECOND = date(2026, 3, 2), date(2026, 3, 3)
TAX, COURT, BANK = "tax_arrears", "court_defaulters", "bank_credit_events"
SETTLED = (
    "select b.file_name, s.row_no, s.rule, later.file_name, s.ground from audit.rejection_superseded s"
    " join audit.batch b using (batch_id) join audit.batch later on later.batch_id = s.superseded_by order by 1, 2"
)
NUMBER = 660101198503040028.0


def day(warehouse, when: date, files: dict[tuple[str, str], bytes]) -> None:
    """Take these files in on one business day and build."""
    warehouse.landing = warehouse.landing.with_name(f"landing-{when}")
    for (source, name), content in files.items():
        warehouse.drop(source, name, content)
    taken = warehouse.ingest(when, sorted({source for source, _ in files}))
    assert all(refusal is None for refusals in taken.values() for refusal in refusals), taken
    warehouse.build(when)


@pytest.fixture(scope="module")
def settled(shared_warehouse):
    """Two days: a load rejection and a staging rejection, each corrected by key, by file or by a snapshot."""
    day(shared_warehouse, FIRST, {
        (BANK, "events.xlsx"): workbook(bank_event(1), bank_event(2, zjhm=NUMBER), bank_event(3, zjhm=NUMBER)),
        (COURT, "messages.jsonl"): jsonl(
            listing("11", 11, sexy="?"), listing("12", 12, sexy="?"), deletion("13", "2026-03-01T09:00:00+08:00")
        ),
        (TAX, "arrears.csv"): csv_file(arrears(21), arrears(22, qsye="?")) + b"1,2\r\n",
    })  # fmt: skip
    before = shared_warehouse.rows(SETTLED)
    day(shared_warehouse, SECOND, {
        (BANK, "corrected.xlsx"): workbook(bank_event(2)),
        (COURT, "more.jsonl"): jsonl(listing("12", 12, at="2026-03-02T09:00:00+08:00"), listing("11", 11, sexy="?")),
        (TAX, "arrears.csv"): csv_file(arrears(21), arrears(22)),
    })  # fmt: skip
    return shared_warehouse, before


def test_a_good_row_of_the_same_key_or_a_newer_snapshot_settles_what_was_rejected(settled) -> None:
    warehouse, before = settled
    assert before == []
    assert warehouse.rows(SETTLED) == [
        ("arrears.csv", 3, "AMOUNT_INVALID", "arrears.csv", "snapshot"),
        ("arrears.csv", 4, "FIELD_COUNT", "arrears.csv", "snapshot"),
        ("events.xlsx", 3, "ID_AS_NUMBER", "corrected.xlsx", "key"),
        ("messages.jsonl", 2, "SEX_UNKNOWN", "more.jsonl", "key"),
    ]


def test_summary_and_report_say_how_many_were_settled(settled) -> None:
    assert settled
    assert totals().superseded == 4
    page = write_report().read_text(encoding="utf-8")
    assert "银行信用事件 1 行（同一主键的合格行）" in page
    assert "欠税公告 2 行（更新的全量）" in page


def test_a_file_sent_again_for_the_same_day_settles_its_rows(warehouse) -> None:
    day(warehouse, FIRST, {(BANK, "b.xlsx"): workbook(bank_event(1), bank_event(2, sjlx="?"))})
    day(warehouse, FIRST, {(BANK, "b.xlsx"): workbook(bank_event(1), bank_event(3))})
    assert warehouse.rows(SETTLED) == [("b.xlsx", 3, "EVENT_UNKNOWN", "b.xlsx", "file")]


def test_an_earlier_delivery_that_arrives_late_settles_nothing(warehouse) -> None:
    day(warehouse, SECOND, {(BANK, "b2.xlsx"): workbook(bank_event(1, sjlx="?"))})
    day(warehouse, FIRST, {(BANK, "b1.xlsx"): workbook(bank_event(1))})
    assert warehouse.rows(SETTLED) == []


def test_the_row_as_it_came_stands_in_raw_alone(settled) -> None:
    warehouse, _ = settled
    bodies = warehouse.rows("select row_no, body, key from raw._rejected_row order by batch_id, row_no")
    assert [(row_no, key) for row_no, _, key in bodies] == [
        (3, ["B66001", "L000002"]), (4, ["B66001", "L000003"]), (4, None)
    ]  # fmt: skip
    assert "SQ000002" in bodies[0][1] and bodies[2][1] == "1,2"
    columns = warehouse.rows(
        "select column_name from information_schema.columns where (table_schema, table_name) in"
        " (('audit', 'rejected_row'), ('audit', 'rejected_row_detail'), ('audit', 'rejection_superseded'))"
    )
    assert not {name for (name,) in columns} & {"body", "raw_text", "key"}


def test_the_detail_names_file_line_rule_and_reason_in_both_languages(settled) -> None:
    warehouse, _ = settled
    found = warehouse.rows(
        "select d.source, d.file_name, d.sha256 = b.sha256, d.row_no, d.rule, d.reason_zh, d.reason_en <> '',"
        " d.superseded_on from audit.rejected_row_detail d join audit.batch b using (batch_id)"
        " where d.stage = 'load' order by 1, 4"
    )
    assert found == [
        (BANK, "events.xlsx", True, 3, "ID_AS_NUMBER", "证件号码单元格是数字格式，可能已丢失精度", True, "key"),
        (BANK, "events.xlsx", True, 4, "ID_AS_NUMBER", "证件号码单元格是数字格式，可能已丢失精度", True, None),
        (TAX, "arrears.csv", True, 4, "FIELD_COUNT", "列数与表头不符", True, "snapshot"),
    ]


def test_neither_report_nor_outcome_holds_a_number_of_a_person(settled) -> None:
    warehouse, _ = settled
    page = write_report().read_text(encoding="utf-8")
    told = str(warehouse.rows("select * from audit.ingest_outcome"))
    for number in (1, 2, 3, 11, 12):
        assert resident_id(number) not in page and resident_id(number) not in told
    assert uscc(22) not in told


def test_the_gate_warns_above_the_declared_share(settled) -> None:
    warehouse, _ = settled
    found = dict(
        warehouse.rows(
            "select b.file_name, q.success from audit.quality_result q join audit.batch b using (batch_id)"
            " where q.rule_id = 'RAW_REJECTS' and q.severity = 'warn' and b.business_date = '2026-03-02'"
        )
    )
    assert found == {"events.xlsx": False, "messages.jsonl": True, "arrears.csv": False}


def test_removals_of_a_broken_delta_reach_the_record_and_a_replay_keeps_that(warehouse) -> None:
    day(warehouse, FIRST, {(COURT, "m1.jsonl"): jsonl(listing("1", 1), listing("2", 2))})
    broken = jsonl(deletion("1", "2026-03-02T09:00:00+08:00"), listing("3", 3)) + b"{\n" * 10
    day(warehouse, SECOND, {(COURT, "m2.jsonl"): broken})
    standing = "select item_title, status from core.credit_item where recorded_to = 'infinity' order by 1"
    state: list[tuple[Any, ...]] = warehouse.rows(standing)
    assert [status for _, status in state] == ["DELETED" if "1号" in title else "ACTIVE" for title, status in state]
    assert len(state) == 2
    assert warehouse.rows("select scope, rows_in, rows_loaded, rows_rejected from audit.batch order by batch_id") == [
        ("all", 2, 2, 0), ("removals_only", 12, 1, 11)
    ]  # fmt: skip
    assert load_source(COURT).ingest.removals is not None

    replay(FIRST)

    assert warehouse.rows(standing) == state
    assert warehouse.rows("select scope, rows_rejected from audit.batch order by batch_id") == [
        ("all", 0), ("removals_only", 11)
    ]  # fmt: skip
