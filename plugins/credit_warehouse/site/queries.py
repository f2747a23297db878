"""How often the site was asked, by day, as the operator of its web server reports it: counts, and nothing of whom.

A file of other columns is refused: what a log knows of visitors has no place here.
"""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg

COLUMNS = ("day", "queries")
LARGEST_BYTES = 1_000_000
"""More than a century of days."""
LISTED = 20
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
COUNT = re.compile(r"[0-9]{1,15}")
RULES = {
    "QUERIES_FILE": ("不能读取，或者大于 1 MB", "cannot be read, or is larger than 1 MB"),
    "QUERIES_ENCODING": ("不是 UTF-8 文本", "is no UTF-8 text"),
    "QUERIES_HEADER": (
        f"表头须为 {','.join(COLUMNS)}，不得有其他列",
        f"must be {','.join(COLUMNS)} and no other column",
    ),
    "QUERIES_FIELDS": ("须有两个字段", "must have two fields"),
    "QUERIES_EMPTY": ("没有任何一天", "has no day"),
    "QUERIES_DAY": ("须为 YYYY-MM-DD 的日期", "must be a date YYYY-MM-DD"),
    "QUERIES_DAY_NOT_OVER": ("这一天还没有结束", "this day is not over yet"),
    "QUERIES_DAY_TWICE": ("同一天出现两次", "this day stands there twice"),
    "QUERIES_COUNT": ("须为不带符号的整数", "must be a whole number without a sign"),
}


class QueriesRefused(ValueError):
    """Nothing of the file is taken; the message names line, field and rule, and repeats no value."""

    def __init__(self, file: Path, faults: list[tuple[int, str, str]]) -> None:
        """``faults`` are (line, field, rule); line 0 is the file as such."""
        self.faults = faults
        told = [
            f"{file.name}{f':{line}' if line else ''}{f' {field}' if field else ''} [{rule}] {RULES[rule][0]}"
            f" {RULES[rule][1]}"
            for line, field, rule in faults[:LISTED]
        ]
        more = [f"…（{len(faults)}）"] if len(faults) > LISTED else []
        super().__init__("\n".join([*told, *more, "整份未采用 nothing of it is taken"]))


def read_queries(file: Path, today: date) -> dict[date, int]:
    """Queries by day, oldest first; ``today`` is the first day that is not over. Raises QueriesRefused."""
    try:
        content = file.read_bytes() if file.stat().st_size <= LARGEST_BYTES else None
    except OSError:
        content = None
    if content is None:
        raise QueriesRefused(file, [(0, "", "QUERIES_FILE")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise QueriesRefused(file, [(0, "", "QUERIES_ENCODING")]) from None
    head, *rows = csv.reader(text.splitlines()) if text.strip() else [[]]
    if tuple(head) != COLUMNS:
        raise QueriesRefused(file, [(1, "", "QUERIES_HEADER")])
    found: dict[date, int] = {}
    faults = [fault for line, row in enumerate(rows, start=2) for fault in _take(line, row, found, today)]
    if not found and not faults:
        faults = [(0, "", "QUERIES_EMPTY")]
    if faults:
        raise QueriesRefused(file, faults)
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Taken:
    """What became of a file: days that are new, days whose number is another now, days that said the same."""

    new: int
    corrected: int
    known: int


def take_in(connection: psycopg.Connection, feed: str, file: Path, today: date) -> Taken:
    """Enter the counts of ``file`` as those of the site of ``feed``. Idempotent; a later report corrects an earlier.

    Raises QueriesRefused, and ValueError for a feed that was never written.
    """
    counts = read_queries(file, today)
    known = connection.execute("select exists (select from audit.export_ledger where feed = %s)", [feed]).fetchone()
    if known != (True,):
        raise ValueError(f"{feed}：没有该清单 no such feed was ever written")
    before: dict[date, int] = dict(
        connection.execute("select day, queries from audit.site_queries where feed = %s", [feed]).fetchall()
    )
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    changed = {day: queries for day, queries in counts.items() if before.get(day) != queries}
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into audit.site_queries (feed, day, queries, file_sha256) values (%s, %s, %s, %s)"
            " on conflict (feed, day) do update set queries = excluded.queries, file_sha256 = excluded.file_sha256,"
            " taken_at = excluded.taken_at",
            [(feed, day, queries, sha256) for day, queries in changed.items()],
        )
    corrected = len(changed.keys() & before.keys())
    return Taken(len(changed) - corrected, corrected, len(counts) - len(changed))


def _take(line: int, row: list[str], found: dict[date, int], today: date) -> list[tuple[int, str, str]]:
    """Enter one line, or return what is wrong with it."""
    if not row:
        return []
    if len(row) != len(COLUMNS):
        return [(line, "", "QUERIES_FIELDS")]
    day, count = _day(row[0]), row[1]
    faults = []
    if day is None:
        faults.append((line, "day", "QUERIES_DAY"))
    elif day >= today:
        faults.append((line, "day", "QUERIES_DAY_NOT_OVER"))
    elif day in found:
        faults.append((line, "day", "QUERIES_DAY_TWICE"))
    if not COUNT.fullmatch(count):
        faults.append((line, "queries", "QUERIES_COUNT"))
    if day is not None and not faults:
        found[day] = int(count)
    return faults


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if DAY.fullmatch(text) else None
    except ValueError:
        return None
