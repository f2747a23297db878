"""The business days of a run, and times within them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone

CHINA = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Period:
    """``days`` consecutive business days from ``start``; day numbers count from 0."""

    start: date
    days: int

    def day(self, index: int) -> date:
        return self.start + timedelta(days=index)

    @property
    def last(self) -> date:
        return self.day(self.days - 1)

    def moment(self, rng: random.Random, index: int, first_hour: int = 8, hours: int = 10) -> datetime:
        """A random second of a day, in office hours."""
        midnight = datetime.combine(self.day(index), time(), CHINA)
        return midnight + timedelta(hours=first_hour, seconds=rng.randrange(hours * 3600))


@dataclass(frozen=True, slots=True)
class Plant:
    """A special case put in on purpose: from which day on, where, and under what label."""

    day: int
    source: str
    key: str
    subject_no: int | None
    label: str


def years_after(day: date, years: int) -> date:
    """The same day ``years`` later; 29 February becomes 1 March."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def months_after(day: date, months: int) -> date:
    """The same day ``months`` later, or the last day of a shorter month."""
    year, month = divmod(day.month - 1 + months, 12)
    first = date(day.year + year, month + 1, 1)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return min(first + timedelta(days=day.day - 1), following - timedelta(days=1))
