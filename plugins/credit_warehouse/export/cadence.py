"""When a channel is written: every day, or once a week on its weekday, on the first working day from it on.

Additions and updates wait for that day; whoever has to leave waits for nothing. What the declaration or the calendar
leaves open is answered with no: nobody is added because a row was wrong or missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

DAILY, WEEKLY = "daily", "weekly"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LOOKED_BACK = 7
"""Days before a day that decide about it: the weekday is always among them."""
EXPECTED = f"cadence: {DAILY}; or cadence: {WEEKLY}, weekday: {'|'.join(WEEKDAYS)}"


class CadenceProblem(ValueError):
    """Nobody can say whether it is the channel's day; the message names channel, row, field and value."""


def check(row: Mapping[str, Any]) -> None:
    """Raise CadenceProblem for a row of ``exposure_channel`` whose ``cadence`` or ``weekday`` is none that is known."""
    cadence, weekday = row.get("cadence"), row.get("weekday") or None
    if cadence not in (DAILY, WEEKLY):
        raise _problem(row, "cadence", cadence)
    if (weekday is None) != (cadence == DAILY) or (weekday is not None and weekday not in WEEKDAYS):
        raise _problem(row, "weekday", weekday)


def is_its_day(row: Mapping[str, Any], day: date, calendar: Mapping[date, bool]) -> bool:
    """Whether the channel of ``row`` is written on ``day``; ``calendar`` says of the last days which were worked.

    A weekday that is a holiday moves to the next working day. A day that the calendar does not have was not worked:
    it can only put the channel off. Raises what ``check`` raises, and CadenceProblem where the weekday itself has no
    row, because then the channel may never have a day.
    """
    check(row)
    if row["cadence"] == DAILY:
        return True
    declared = WEEKDAYS.index(row["weekday"])
    if day not in calendar and day.weekday() == declared:
        raise CadenceProblem(
            f"dim_calendar：没有 {day} 一行，不能判断是否工作日（渠道 {row['channel']}）"
            f" no row of dim_calendar for {day}, the day of channel {row['channel']}"
        )
    if not calendar.get(day, False):
        return False
    passed = day
    while passed.weekday() != declared:
        passed -= timedelta(days=1)
        if calendar.get(passed, False):
            return False
    return True


def _problem(row: Mapping[str, Any], field: str, value: Any) -> CadenceProblem:
    return CadenceProblem(
        f"exposure_channel：渠道 {row.get('channel')}（{row.get('valid_from')} 起）{field} 不可识别："
        f"{value if value is None else repr(value)} channel {row.get('channel')}, {field} is not known"
    )
