"""What the fixtures hand to the tests."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import oracle
from copies import copy_home
from credit_warehouse import day, rehearsal
from credit_warehouse.day import DayResult
from credit_warehouse.secrets import token_key
from credit_warehouse.stack import airflow
from e2e.homes import Home, Row

DAYS = rehearsal.business_days(3)
SERVED = re.compile(r"(?<=\d)_service\.jsonl$")
# Two homes side by side; a path may hold blanks and Chinese.
BOTH = ("one", "家 two")
# The fewest among which the sandbox can plant every special case.
FEW = ("simulate", "--subjects", "300", "--days", "1")


@dataclass
class Line:
    """A running stack through which the three sandbox days went, and what was seen on the way."""

    home: Home
    truth: Path
    exports: Path
    """Copy of the feeds as they were after the three days, before any other test."""
    results: list[DayResult] = field(default_factory=list)
    differences: dict[date, list[str]] = field(default_factory=dict)
    first_pass: dict[str, str] = field(default_factory=dict)
    second_pass: dict[str, str] = field(default_factory=dict)
    repeated: list[DayResult] = field(default_factory=list)
    """The first day once more, after the last."""
    _later: count[int] = field(default_factory=lambda: count(1))

    def next_day(self) -> date:
        """A business day nobody has used yet."""
        return DAYS[-1] + timedelta(days=next(self._later))

    def key(self) -> bytes:
        with self.home.inside():
            return token_key()


def by_file(home: Home) -> oracle.Query:
    """Rows of ``home``, with what came through the court's service named after the file the service reads."""

    def rows(query: str) -> list[Row]:
        return [tuple(SERVED.sub("_01.jsonl", v) if isinstance(v, str) else v for v in row) for row in home.rows(query)]

    return rows


@dataclass(frozen=True)
class Pair:
    """A home whose stack ran while a second one beside it played a day and was killed once."""

    homes: tuple[Home, Home]
    status: tuple[int, int]
    output: tuple[str, str]
    closed: bool
    """Whether they had no network but loopback."""
    links: str
    left: set[str]
    """Processes that were still there afterwards."""


def play(home: Home, business_date: date) -> DayResult:
    """One sandbox day through the running stack."""
    with home.inside():
        rehearsal.deliver(business_date)
        return day.run_day(airflow.client(), business_date, lambda dag_id, state: None)


def home_with(keys: Path, path: Path) -> Home:
    """A new home with given keys."""
    shutil.copytree(keys, path / "secrets")
    return Home(path)


def home_like(prepared: Home, path: Path) -> Home:
    """A home with keys, rules and empty tables of another, in which nothing runs."""
    copy_home(prepared.path, path)
    return Home(path)
