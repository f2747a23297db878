"""Periods as the law counts them: the SQL function against the library, and against days counted by hand."""

from __future__ import annotations

import random
from datetime import date, timedelta

import chinese_calendar
import pytest


def counted(start: date, amount: int) -> date:
    """The day on which ``amount`` working days have passed, by the library alone."""
    day = start
    while amount:
        day += timedelta(days=1)
        amount -= chinese_calendar.is_workday(day)
    return day


@pytest.mark.parametrize(
    ("start", "amount", "unit", "expected"),
    [
        ("2024-09-29", 3, "working_day", "2024-10-09"),
        ("2025-09-30", 3, "working_day", "2025-10-11"),
        ("2026-02-13", 3, "working_day", "2026-02-25"),
        # The Sunday of 20 September 2026 is worked for the holiday that follows it.
        ("2026-09-18", 1, "working_day", "2026-09-20"),
        ("2026-03-06", 0, "working_day", "2026-03-06"),
        ("2026-03-07", 1, "working_day", "2026-03-09"),
        # Announced by nobody yet: 1 October 2027 is a plain Friday.
        ("2027-09-29", 3, "working_day", "2027-10-04"),
        # No row of the calendar at all.
        ("2040-09-28", 3, "working_day", "2040-10-03"),
        ("2016-09-30", 3, "working_day", "2016-10-05"),
        ("2026-09-25", 15, "calendar_day", "2026-10-10"),
        ("2026-03-02", 0, "calendar_day", "2026-03-02"),
        ("2025-08-31", 6, "month", "2026-02-28"),
        ("2024-02-29", 24, "month", "2026-02-28"),
        ("2026-03-02", None, "working_day", None),
        (None, 3, "working_day", None),
        ("2026-03-02", 3, "fortnight", None),
    ],
)
def test_due_date(shared_warehouse, start: str | None, amount: int | None, unit: str, expected: str | None) -> None:
    query = "select staging.due_date(%s::date, %s::int, %s)::text"
    assert shared_warehouse.rows(query, [start, amount, unit]) == [(expected,)]


def test_working_days_are_those_of_the_library(shared_warehouse) -> None:
    dice = random.Random(20260302)
    first, last = date(2017, 1, 1), date(2026, 9, 1)
    starts = [first + timedelta(days=dice.randrange((last - first).days)) for _ in range(5000)]
    amounts = [dice.choice([1, 2, 3, 3, 3, 5, 7, 10, 20, 60]) for _ in starts]
    found = shared_warehouse.rows(
        "select given.start_day, given.amount, staging.due_date(given.start_day, given.amount, 'working_day')"
        " from unnest(%s::date[], %s::int[]) as given (start_day, amount)",
        [starts, amounts],
    )
    wrong = [row for row in found if row[2] != counted(row[0], row[1])]
    assert len(found) == len(starts) and wrong == []


def test_every_cause_has_a_clock_of_the_centre(shared_warehouse) -> None:
    """A removal whose due day nobody can name is never late."""
    assert shared_warehouse.rows(
        "select cause from core.removal_cause where not exists (select from core.rule_clock where"
        " rule_clock.clock_code = removal_cause.clock_code and binds = 'centre' and jurisdiction = 'CN')"
    ) == []  # fmt: skip


def test_the_interpretation_wins_over_the_paper_of_a_district(shared_warehouse) -> None:
    assert shared_warehouse.rows(
        "select distinct on (clock_code) clock_code, amount, unit from core.rule_clock"
        " where binds = 'court' and jurisdiction in ('CN', '370203') and clock_code in"
        " ('OBJECTION_REVIEW', 'DELETE_ART10') and valid_from <= date '2026-03-02'"
        " and (valid_to is null or valid_to > date '2026-03-02') order by clock_code, precedence"
    ) == [("DELETE_ART10", 3, "working_day"), ("OBJECTION_REVIEW", 15, "calendar_day")]
