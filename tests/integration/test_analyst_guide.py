"""Every query of docs/analyst-guide.md on two sandbox days: it runs, and returns rows where the guide says so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import dict_row

import oracle
from credit_warehouse import access
from credit_warehouse.db import connect
from credit_warehouse.export import export_build
from credit_warehouse.sandbox import generate
from credit_warehouse.secrets import token_key
from credit_warehouse.settings import PROJECT_ROOT

DAYS = (date(2026, 3, 2), date(2026, 3, 3))
GUIDE = (PROJECT_ROOT / "docs" / "analyst-guide.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(
    r"^### (\d+)\. ([^\n]+)\n\n([^\n]+)\n\n```sql\n-- sandbox: (rows|perhaps none)\n(.*?)```",
    GUIDE,
    re.MULTILINE | re.DOTALL,
)
FULL_NUMBER = re.compile(r"(?<![0-9A-Za-z])\d{17}[\dX](?![0-9A-Za-z])")


@dataclass
class Played:
    """Two days and the truth about them."""

    warehouse: Any
    truth: Path

    def answer(self, number: int) -> list[dict[str, Any]]:
        """What the guide's query returns; it may change nothing."""
        with connect() as connection:
            connection.read_only = True
            with connection.cursor(row_factory=dict_row) as cursor:
                return cursor.execute(QUESTIONS[number - 1][4].encode()).fetchall()


@pytest.fixture(scope="module")
def played(shared_warehouse, tmp_path_factory: pytest.TempPathFactory) -> Played:
    out = generate(tmp_path_factory.mktemp("sandbox"), subjects=500, days=2, start=DAYS[0]).out
    for day in DAYS:
        shared_warehouse.landing = out / str(day)
        shared_warehouse.ingest(day)
        build = shared_warehouse.build(day)
        assert build
        assert not any(export_build(build).values())
    return Played(shared_warehouse, out / "truth")


def test_the_guide_has_its_questions_in_two_languages() -> None:
    assert [int(number) for number, *_ in QUESTIONS] == list(range(1, 22))
    assert len(QUESTIONS) == GUIDE.count("```sql")
    for number, chinese, english, *_ in QUESTIONS:
        assert re.search(r"[\u4e00-\u9fff]", chinese), number
        assert re.search(r"[a-z]{3}", english), number


@pytest.mark.parametrize("number", range(1, len(QUESTIONS) + 1))
def test_a_query_runs_and_answers_where_the_guide_says_so(played: Played, number: int) -> None:
    found = played.answer(number)
    if QUESTIONS[number - 1][3] == "rows":
        assert found
    assert not any(FULL_NUMBER.search(str(value)) for row in found for value in row.values())


def published(played: Played, day: date) -> set[str]:
    return {name[0] for name in oracle._expected_published(played.truth, str(day))}


def test_who_is_no_longer_shown_is_who_the_truth_says(played: Played) -> None:
    before, after = (published(played, day) for day in DAYS)
    assert {row["listing_id"] for row in played.answer(1)} == before - after


def test_items_by_class_add_up_to_the_record_of_the_truth(played: Played) -> None:
    expected = oracle._expected_record(played.truth, str(DAYS[-1]), token_key())
    assert sum(row["items"] for row in played.answer(13)) == sum(int(counts[0]) for counts in expected.values())


def test_directives_by_department_add_up_to_those_of_the_truth(played: Played) -> None:
    expected = oracle._expected_directives(played.truth, str(DAYS[-1]))
    answer = played.answer(17)
    assert sum(row["directives"] + row["on_officers"] for row in answer) == len(expected)
    assert sum(row["on_officers"] for row in answer) > 0, "an order of the sandbox names an officer of a listed unit"


def test_rejects_by_rule_are_those_of_the_truth(played: Played) -> None:
    expected = oracle._expected_rejects(played.truth, str(DAYS[-1]))
    assert sum(row["rejected"] for row in played.answer(20)) == len(expected)


def test_two_moments_compared_cover_every_listing_of_either(played: Played) -> None:
    (total,) = played.warehouse.rows("select count(*) from marts.defaulter_listing")[0]
    assert sum(row["listings"] for row in played.answer(15)) == total


def test_an_analyst_of_the_database_can_ask_all_but_three(played: Played) -> None:
    """Two ask what was known, which reads the record itself; one shows the titles of items."""
    with connect() as connection:
        assert access.install(connection)
    denied = set()
    with played.warehouse.superuser() as connection:
        for number, *_, query in QUESTIONS:
            try:
                with connection.transaction(force_rollback=True):
                    connection.execute(f"set local role {access.group(played.warehouse.database, 'analyst')}".encode())
                    connection.execute(query.encode())
            except InsufficientPrivilege:
                denied.add(int(number))
    assert denied == {1, 14, 15}
