"""Rules inside: each of dbt's data tests is made to fail once, and its result is kept with rule, article and owner.

The cases stand in ``tests/inside_cases.csv``: what a column may hold (``good``) and what has to fail the test once
(``bad``), values apart by ``/``, nothing for null; ``beside`` is what has to stand in another table.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
import pytest
from psycopg import sql

from credit_warehouse import day, inside, transform
from credit_warehouse.db import connect
from credit_warehouse.report import write_report
from credit_warehouse.rules import DbtTest, load_book
from credit_warehouse.settings import PROJECT_ROOT

DAY = date(2026, 3, 2)


@dataclass(frozen=True)
class Case:
    """What one data test lets pass, and what it does not."""

    test: str
    place: str
    good: list[str | None]
    bad: list[str | None]
    beside: str

    def __str__(self) -> str:
        return f"{self.place}-{self.test}"


def read_cases() -> list[Case]:
    """Every line of the file."""
    with (PROJECT_ROOT / "tests" / "inside_cases.csv").open(encoding="utf-8", newline="") as lines:
        return [
            Case(row["test"], row["place"], values(row["good"]), values(row["bad"]), row["beside"])
            for row in csv.DictReader(lines)
        ]


def values(cell: str) -> list[str | None]:
    """Values of a cell; nothing stands for null."""
    return [value or None for value in cell.split("/")]


@pytest.fixture(scope="module")
def compiled(shared_warehouse: Any) -> dict[tuple[str, str, str], str]:
    """The query of every data test as dbt would run it, by (test, table, column)."""
    results = transform._invoke(["compile", "--select", "resource_type:test"], transform._manifest()).results
    return {transform._test(result.node): result.node.compiled_code for result in results}


@pytest.fixture(scope="module")
def connection(shared_warehouse: Any) -> Iterator[psycopg.Connection]:
    with connect(autocommit=True) as opened:
        yield opened


@contextmanager
def undone(connection: psycopg.Connection) -> Iterator[None]:
    """Nothing done inside stays."""
    with connection.transaction(force_rollback=True):
        yield


def fill(connection: psycopg.Connection, place: str, rows: list[str | None], **beside: str) -> None:
    """Put a table without any constraint in the place of ``schema.table``, holding one column of these rows."""
    schema, table, column = place.split(".")
    name = sql.Identifier(schema, table)
    kept = connection.execute("select to_regclass(%s)", [f"{schema}.kept_{table}"]).fetchone()
    if kept == (None,):
        rename = sql.SQL("alter table {} rename to {}").format(name, sql.Identifier(f"kept_{table}"))
        connection.execute(rename)
        copied = sql.SQL("create table {} as select * from {} with no data")
        connection.execute(copied.format(name, sql.Identifier(schema, f"kept_{table}")))
    columns = sql.SQL(", ").join(map(sql.Identifier, [column, *beside]))
    for row in rows:
        connection.execute(
            sql.SQL("insert into {} ({}) values ({})").format(
                name, columns, sql.SQL(", ").join([sql.Placeholder()] * (1 + len(beside)))
            ),
            [row, *beside.values()],
        )


def failures(connection: psycopg.Connection, query: str) -> int:
    """How many rows the test finds at fault."""
    row = connection.execute(f"select count(*) from ({query}) as at_fault".encode()).fetchone()
    assert row
    return int(row[0])


@pytest.mark.parametrize("case", read_cases(), ids=str)
def test_a_data_test_fails_on_a_spoilt_table_and_on_no_other(compiled, connection, case: Case) -> None:
    _, table, column = case.place.split(".")
    query = compiled[case.test, table, column]
    found = []
    for rows in (case.good, case.bad):
        with undone(connection):
            if case.beside:
                place, value = case.beside.split("=")
                fill(connection, place, [value])
            fill(connection, case.place, rows)
            found.append(failures(connection, query))
    assert found == [0, 1]


def test_the_rules_know_every_test_that_dbt_runs(compiled) -> None:
    assert set(compiled) == {(test.kind, test.table, test.column) for test in load_book().tests}


# ---------- results


KEPT = (
    "select target, expected, rule_id, title_zh, basis, severity, owner, success, vacuous, observed"
    " from audit.quality_result where suite = 'inside'"
)


def test_every_test_of_a_build_and_of_the_rule_tables_has_a_result(shared_warehouse) -> None:
    """The warehouse was prepared and built once, over nothing."""
    tests = load_book().tests
    assert {row[:2] for row in shared_warehouse.rows(KEPT)} == {(test.target, test.expected) for test in tests}
    built = "select distinct split_part(target, '.', 1), build_id is null from audit.quality_result"
    assert set(shared_warehouse.rows(f"{built} where suite = 'inside' and target not like 'core.%%'")) == {
        ("staging", False), ("marts", False)
    }  # fmt: skip
    assert shared_warehouse.rows(f"{built} where target = 'core.measure.measure_code'") == [("core", True)]


def test_a_result_tells_rule_article_severity_and_owner(shared_warehouse) -> None:
    assert shared_warehouse.rows(f"{KEPT} and target = 'core.credit_item.status'") == [
        (
            "core.credit_item.status", "取值之一 accepted_values：ACTIVE、DELETED、REVOKED", "ITEM_STATUS_KNOWN",
            "信用条目只有有效、已删除、已撤销三种状态", "法释〔2013〕17号（2017年修正）第九条、第十条", "stop",
            "subject_record", True, True, "0 行不符 rows at fault",
        )
    ]  # fmt: skip


def test_passes_over_nothing_are_flagged_and_others_are_not(shared_warehouse) -> None:
    vacuous = dict(shared_warehouse.rows("select target || ' ' || split_part(expected, '：', 1), vacuous"
                                         " from audit.quality_result where suite = 'inside'"))  # fmt: skip
    # No subject and no message came yet; no recipient asks for another form; the catalogue is full.
    assert vacuous["core.subject.subject_id 不重复 unique"] is True
    assert vacuous["staging.stg_objections._batch_id 不为空 not_null"] is True
    assert vacuous["core.feed_format.feed 不为空 not_null"] is True
    assert vacuous["core.measure.measure_code 不重复 unique"] is False
    assert vacuous["core.order_relation.related_role 取值之一 accepted_values"] is False


GRADES = ("staging", "stg_tax_credit_ratings", "credit_level")


@pytest.mark.parametrize(
    ("rows", "kind", "where", "seen"),
    [
        ([], "not_null", None, False),
        ([None], "not_null", None, True),
        ([None], "unique", None, False),
        ([None, "A"], "unique", None, True),
        (["A"], "accepted_values", "reject_rule is null", False),
        (["A"], "accepted_values", "reject_rule = 'DATE_INVALID'", True),
        ([None], "accepted_values", "reject_rule = 'DATE_INVALID'", False),
    ],
)
def test_a_test_saw_something_where_a_value_could_have_broken_it(
    connection, rows: list[str | None], kind: str, where: str | None, seen: bool
) -> None:
    with undone(connection):
        fill(connection, ".".join(GRADES), rows, reject_rule="DATE_INVALID")
        assert inside.saw_something(connection, [DbtTest(*GRADES, kind, "stop", where=where)]) == [seen]


def test_outcomes_of_all_kinds_are_kept_and_none_of_what_was_skipped(warehouse) -> None:
    def node(status: str, test: tuple[str, str, str] | None, failed: int | None = None) -> dict[str, Any]:
        return {"test": test, "status": status, "failures": failed, "message": "no such column"}

    before = "select coalesce(max(result_id), 0) from audit.quality_result"
    ((newest,),) = warehouse.rows(before)
    inside.keep_results(
        [
            node("fail", ("unique", "measure", "measure_code"), 3),
            node("warn", ("not_null", "measure", "jurisdiction"), 1),
            node("error", ("not_null", "subject", "subject_id")),
            node("pass", ("x", "brand_new", "column"), 0),
            node("skipped", ("unique", "subject", "subject_id")),
            node("success", None),
        ]
    )
    assert warehouse.rows(
        "select target, rule_id, success, vacuous, observed, build_id from audit.quality_result"
        " where result_id > %s order by result_id", [newest],
    ) == [
        ("core.measure.measure_code", "MEASURE_ONCE", False, False, "3 行不符 rows at fault", None),
        ("core.measure.jurisdiction", "MEASURE_SCOPED", False, False, "1 行不符 rows at fault", None),
        ("core.subject.subject_id", "SUBJECT_ONCE", False, False, "error: no such column", None),
        (".brand_new.column", "UNDECLARED_TEST", True, False, "0 行不符 rows at fault", None),
    ]  # fmt: skip


def test_a_broken_rule_fails_the_build_and_stands_in_the_report_with_its_sentence(warehouse) -> None:
    warehouse.execute("insert into core.item_event (item_id, item_action) values ('a', 'X')")
    with pytest.raises(transform.TransformFailed):
        warehouse.build(DAY)
    ((build,),) = warehouse.rows("select max(build_id) from audit.build where status = 'failed'")
    assert warehouse.rows(
        "select rule_id, severity, observed from audit.quality_result where build_id = %s and not success", [build]
    ) == [("ITEM_MESSAGE_KNOWN", "stop", "1 行不符 rows at fault")]
    page = write_report().read_text(encoding="utf-8")
    notices = page[page.index('id="attention"') : page.index('id="sources"')]
    assert "内部检验未通过：条目消息只有增、改、删、撤四种" in notices
    # Told by its rule, and not by dbt's name a second time.
    assert "内部检验不通过" not in notices
    assert "项内部检验通过，但没有检验到任何值" in notices
    assert "[ITEM_MESSAGE_KNOWN] core.item_event.item_action" in day._reason("build_record", "")
