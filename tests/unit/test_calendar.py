"""The seed of working days is what the library says, and plain weekdays where the library says nothing yet."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from io import StringIO

import chinese_calendar
import pytest

from credit_warehouse.calendar import write_calendar
from credit_warehouse.settings import PROJECT_ROOT

SEED = PROJECT_ROOT / "dbt_project" / "seeds" / "dim_calendar.csv"


@pytest.fixture(scope="module")
def seed() -> dict[date, dict[str, str]]:
    with SEED.open(encoding="utf-8", newline="") as stream:
        return {date.fromisoformat(row["day"]): row for row in csv.DictReader(stream)}


def test_the_seed_is_what_the_command_writes(seed) -> None:
    out = StringIO()
    write_calendar(out, min(seed).year, max(seed).year)
    assert SEED.read_text(encoding="utf-8") == out.getvalue()


def test_no_day_is_missing(seed) -> None:
    assert len(seed) == (max(seed) - min(seed)).days + 1


def test_announced_days_are_working_days_when_the_library_says_so(seed) -> None:
    announced = {day: row for day, row in seed.items() if row["status"] == "official"}
    assert min(announced) == date(2017, 1, 1) and max(announced) >= date(2026, 12, 31)
    for day, row in announced.items():
        assert row["is_working_day"] == str(chinese_calendar.is_workday(day)).lower(), day


def test_a_year_not_announced_has_plain_weekdays(seed) -> None:
    provisional = {day: row for day, row in seed.items() if row["status"] == "provisional"}
    assert provisional, "the seed reaches into years that nobody has announced"
    for day, row in provisional.items():
        assert row["is_working_day"] == str(day.weekday() < 5).lower(), day
        with pytest.raises(NotImplementedError):  # how the library says that the year is not announced
            chinese_calendar.is_workday(day)


def test_no_run_of_holidays_outlasts_what_due_date_looks_at(seed) -> None:
    """The function looks at twice the days and three weeks more."""
    days = sorted(seed)
    working = [seed[day]["is_working_day"] == "true" for day in days]
    for amount in (1, 2, 3, 5, 7, 10, 20, 60):
        window = 2 * amount + 21
        counts = [sum(working[place + 1 : place + 1 + window]) for place in range(len(days) - window)]
        assert min(counts) >= amount, timedelta(days=window)
