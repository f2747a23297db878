"""Results of dbt's data tests, kept as results of the rules they stand for, beside those of the gates.

dbt says whether a test passed. Whether it saw anything is asked here: over an empty table, a column of nulls, or a
condition that no row meets, every test passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from credit_warehouse.db import connect
from credit_warehouse.gates import Checked, keep
from credit_warehouse.rules import UNDECLARED, Book, DbtTest, load_book

PASSED = {"pass"}
JUDGED = PASSED | {"fail", "warn", "error"}
"""What is skipped has no outcome."""


def keep_results(nodes: Sequence[Mapping[str, Any]], build_id: int | None = None) -> None:
    """Keep the outcome of every data test among the nodes of a dbt run; without a build, of the rule tables."""
    judged = [node for node in nodes if node["test"] and node["status"] in JUDGED]
    if not judged:
        return
    book = load_book()
    known = {(test.kind, test.table, test.column): test for test in book.tests}
    tests = [known.get(node["test"]) or _unknown(*node["test"]) for node in judged]
    # Of a table that is not known, nobody can ask whether it is empty.
    passed = [test for node, test in zip(judged, tests, strict=True) if node["status"] in PASSED and test.layer]
    with connect() as connection:
        seen = dict(zip(passed, saw_something(connection, passed), strict=True))
        keep(
            connection,
            "inside",
            [(test.target, _checked(book, test, node, seen)) for node, test in zip(judged, tests, strict=True)],
            build_id=build_id,
        )


def saw_something(connection: psycopg.Connection, tests: Sequence[DbtTest]) -> list[bool]:
    """For each test, whether there is a value that could have broken it."""
    if not tests:
        return []
    asked = sql.SQL(", ").join(
        sql.SQL("exists (select from {table} where {condition})").format(
            table=sql.Identifier(test.layer, test.table), condition=_condition(test)
        )
        for test in tests
    )
    row = connection.execute(sql.SQL("select {}").format(asked)).fetchone()
    assert row
    return list(row)


def _condition(test: DbtTest) -> sql.Composed:
    conditions: list[sql.Composable] = [sql.SQL("(") + sql.SQL(test.where) + sql.SQL(")")] if test.where else []
    # Nulls are what not_null looks for, and what all others leave out.
    if test.column and test.kind != "not_null":
        conditions.append(sql.Identifier(test.column) + sql.SQL(" is not null"))
    return sql.SQL(" and ").join(conditions or [sql.SQL("true")])


def _checked(book: Book, test: DbtTest, node: Mapping[str, Any], seen: Mapping[DbtTest, bool]) -> Checked:
    rule = book.rule_of(test) or UNDECLARED
    status = node["status"]
    return Checked(
        rule=rule.rule,
        title=rule.title,
        basis=rule.basis,
        severity=rule.severity,
        owner=rule.owner,
        success=status in PASSED,
        vacuous=status in PASSED and not seen.get(test, True),
        expected=test.expected,
        observed=f"error: {node['message']}" if status == "error" else f"{node['failures'] or 0} 行不符 rows at fault",
    )


def _unknown(kind: str, table: str, column: str) -> DbtTest:
    # Only a project that changed while dbt ran comes here.
    return DbtTest("", table, column, kind, "stop")
