"""When a channel is written, over the calendar as the State Council announced it for 2026."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from credit_warehouse.cli import app
from credit_warehouse.export.cadence import WEEKDAYS, CadenceProblem, check, is_its_day
from credit_warehouse.settings import PROJECT_ROOT
from credit_warehouse.site import channel

DAY = timedelta(days=1)


def row(cadence: str | None, weekday: str | None = None) -> dict[str, Any]:
    return {"channel": "bulletin", "cadence": cadence, "weekday": weekday, "valid_from": "2017-05-01"}


@pytest.fixture(scope="module")
def calendar() -> dict[date, bool]:
    with (PROJECT_ROOT / "dbt_project" / "seeds" / "dim_calendar.csv").open(encoding="utf-8") as lines:
        return {
            date.fromisoformat(line["day"]): line["is_working_day"] == "true"
            for line in csv.DictReader(lines)
            if line["day"].startswith("2026")
        }


@pytest.mark.parametrize(
    ("weekday", "day"),
    [
        ("friday", "2026-03-06"),
        # 端午 19 to 21 June, 劳动节 1 to 5 May, 国庆节 1 to 7 October, and 20 September a Sunday that is worked.
        ("friday", "2026-06-22"),
        ("friday", "2026-05-06"),
        ("friday", "2026-10-08"),
        ("friday", "2026-10-09"),
        ("sunday", "2026-09-20"),
        ("sunday", "2026-03-09"),
    ],
)
def test_a_week_s_day_is_its_weekday_or_the_next_that_is_worked(
    weekday: str, day: str, calendar: dict[date, bool]
) -> None:
    assert is_its_day(row("weekly", weekday), date.fromisoformat(day), calendar)


@pytest.mark.parametrize(
    ("weekday", "day"),
    [
        ("friday", "2026-03-05"),
        ("friday", "2026-03-07"),
        ("friday", "2026-03-09"),
        ("friday", "2026-06-19"),
        ("friday", "2026-06-23"),
        ("friday", "2026-10-02"),
        # A Saturday that is worked, after a Friday that was.
        ("friday", "2026-05-09"),
        ("sunday", "2026-09-21"),
    ],
)
def test_no_other_day_is(weekday: str, day: str, calendar: dict[date, bool]) -> None:
    assert not is_its_day(row("weekly", weekday), date.fromisoformat(day), calendar)


@pytest.mark.parametrize("weekday", WEEKDAYS)
def test_over_a_year_every_week_has_its_day_and_none_is_a_holiday(weekday: str, calendar: dict[date, bool]) -> None:
    """Against a walk forwards from each weekday; the code walks back from each day."""
    expected = set()
    for declared in calendar:
        if declared.weekday() == WEEKDAYS.index(weekday):
            day = declared
            while day in calendar and not calendar[day]:
                day += DAY
            expected |= {day} & calendar.keys()
    found = {day for day in calendar if is_its_day(row("weekly", weekday), day, calendar)}
    # What begins in the year before is not in this calendar.
    assert {day for day in found if day > date(2026, 1, 11)} == {day for day in expected if day > date(2026, 1, 11)}
    assert len(found) > 45


def test_every_day_is_the_day_of_a_daily_channel() -> None:
    assert is_its_day(row("daily"), date(2026, 6, 19), {})


def test_without_a_calendar_a_weekly_channel_has_no_day_and_its_weekday_says_so() -> None:
    friday = date(2031, 3, 7)
    with pytest.raises(CadenceProblem, match=r"dim_calendar.*2031-03-07.*bulletin"):
        is_its_day(row("weekly", "friday"), friday, {})
    assert not any(is_its_day(row("weekly", "friday"), friday + step * DAY, {}) for step in range(1, 7))


def test_a_day_that_the_calendar_lacks_only_puts_the_channel_off(calendar: dict[date, bool]) -> None:
    friday = date(2026, 3, 6)
    gap = {day: worked for day, worked in calendar.items() if day != friday}
    assert is_its_day(row("weekly", "friday"), date(2026, 3, 9), gap)
    assert not is_its_day(row("weekly", "friday"), date(2026, 3, 10), gap)


@pytest.mark.parametrize(
    ("declared", "field", "value"),
    [
        (row("fortnightly", "friday"), "cadence", "'fortnightly'"),
        (row("Weekly", "friday"), "cadence", "'Weekly'"),
        (row(None), "cadence", "None"),
        (row("weekly"), "weekday", "None"),
        (row("weekly", "fri"), "weekday", "'fri'"),
        (row("daily", "friday"), "weekday", "'friday'"),
        ({"channel": "bulletin", "cadence": "weekly", "valid_from": "2017-05-01"}, "weekday", "None"),
    ],
)
def test_what_is_not_known_is_named_and_has_no_day(
    declared: dict[str, Any], field: str, value: str, calendar: dict[date, bool]
) -> None:
    with pytest.raises(CadenceProblem) as refused:
        is_its_day(declared, date(2026, 3, 6), calendar)
    for word in ("exposure_channel", "bulletin", "2017-05-01", f"{field} 不可识别：{value}"):
        assert word in str(refused.value)


def test_the_declared_channels_are_known() -> None:
    rows = [declared for _, declared in channel.every_row()]
    for declared in rows:
        check(declared)
    assert {declared["cadence"] for declared in rows} == {"daily", "weekly"}


def test_the_check_of_declarations_names_the_line(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "exposure_channel.csv"
    wrong.write_text(channel.SEED.read_text(encoding="utf-8").replace("weekly,friday", "weekly,freitag"), "utf-8")
    monkeypatch.setattr(channel, "SEED", wrong)
    done = CliRunner().invoke(app, ["check-declarations"])
    line = next(number for number, text in enumerate(wrong.read_text("utf-8").splitlines(), 1) if "freitag" in text)
    assert done.exit_code == 1
    # The console breaks long lines.
    said = done.output.replace("\n", "")
    assert f"exposure_channel.csv:{line}:" in said and "freitag" in said
