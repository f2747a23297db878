"""The same lines as ``delta.jsonl`` and ``full.jsonl`` for departments whose clerks open them in a spreadsheet.

GB18030, every cell quoted. What a spreadsheet would run or change (a formula, a long number, leading zeros) gets an
apostrophe in front, and so does what begins with one: whoever takes one apostrophe off has the value that was sent.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

ENCODING = "gb18030"
CHANGE = ("op", "id", "reason")
# Full-width signs too: spreadsheets with a Chinese input method take them for the narrow ones.
FORMULA = re.compile(r"\s*[=+\-@'＝＋－＠＇]")
NUMBER_TO_KEEP = re.compile(r"0[0-9]+|[0-9]{12,}")
CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


def is_wanted(connection: psycopg.Connection, feed: str, day: Any) -> bool:
    """Whether the recipient of a feed is declared to get this form on ``day``."""
    # A database that was not prepared since has no such table, and its removals leave all the same.
    if connection.execute("select to_regclass('core.feed_format') is null").fetchone() == (True,):
        return False
    row = connection.execute(
        "select exists (select from core.feed_format where feed = %s and format = 'csv' and encoding = %s"
        " and valid_from <= %s and (valid_to is null or %s < valid_to))",
        [feed, ENCODING, day, day],
    ).fetchone()
    return bool(row and row[0])


def columns_of(connection: psycopg.Connection, product: str) -> list[str]:
    """Fields of an entry in their order; from the catalogue, so that no lock of a build is waited for."""
    found = connection.execute(
        "select column_name from information_schema.columns where table_schema = 'exports' and table_name = %s",
        [product],
    ).fetchall()
    return sorted(name for (name,) in found)


def write(lines: Path, path: Path, columns: list[str]) -> dict[str, Any]:
    """Write ``lines`` (one of the two .jsonl files) as ``path``; return name, rows, bytes and sha256."""
    with path.open("w", encoding=ENCODING, newline="") as out:
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        is_delta = lines.name.startswith("delta")
        writer.writerow([*CHANGE, *columns] if is_delta else columns)
        for line in _objects(lines):
            entry = (line["entry"] or {}) if is_delta else line
            change = [cell(line[name]) for name in CHANGE] if is_delta else []
            writer.writerow([*change, *(cell(entry.get(name)) for name in columns)])
        out.flush()
        os.fsync(out.fileno())
    content = path.read_bytes()
    return {
        "name": path.name,
        "rows": content.count(b"\n"),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def cell(value: Any) -> str:
    """What stands in a cell: nothing for null, ``true`` and ``false``, one line of text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = CONTROL.sub(" ", str(value))
    return f"'{text}" if FORMULA.match(text) or NUMBER_TO_KEEP.fullmatch(text) else text


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as lines:
        for line in lines:
            yield json.loads(line)
