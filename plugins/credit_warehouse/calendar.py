"""Working days of China as rows of the seed ``dim_calendar``: official where announced, provisional after that."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from typing import TextIO

COLUMNS = ["day", "is_working_day", "kind", "name_zh", "status"]
SATURDAY = 5


def calendar_rows(first_year: int, last_year: int) -> Iterator[dict[str, str]]:
    """One row a day. A year without an announcement has plain weekdays: an unknown holiday must not delay a removal."""
    from chinese_calendar import constants  # needed once a year, by whoever renews the seed

    announced = {day.year for day in constants.holidays}
    day = date(first_year, 1, 1)
    while day.year <= last_year:
        holiday, made_up = constants.holidays.get(day), constants.workdays.get(day)
        weekday = day.weekday() < SATURDAY
        kind = "holiday" if holiday else "make_up_workday" if made_up else "workday" if weekday else "weekend"
        yield {
            "day": day.isoformat(),
            "is_working_day": str(kind in ("workday", "make_up_workday")).lower(),
            "kind": kind,
            "name_zh": constants.Holiday(holiday or made_up).chinese if holiday or made_up else "",
            "status": "official" if day.year in announced else "provisional",
        }
        day += timedelta(days=1)


def write_calendar(out: TextIO, first_year: int, last_year: int) -> None:
    """Write the seed as CSV."""
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(calendar_rows(first_year, last_year))
