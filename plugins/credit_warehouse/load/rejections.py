"""Rows that were not loaded, collected on disk: a file of nothing but bad rows must not fill the memory."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import psycopg

TEXT_LIMIT = 65_536
"""Characters of a rejected row that are kept beside it; all of it is in the archive."""


@dataclass(frozen=True)
class Rejection:
    """One row and the rule it broke. ``text`` is the row as it was read, ``key`` its key where that could be read."""

    row_no: int
    rule: str
    field: str = ""
    text: str = ""
    key: Sequence[str | None] | None = None


class Rejections:
    """Rejected rows of one file, in the order they were found."""

    def __init__(self) -> None:
        self._spool = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - lives as long as the load
        self._count = 0
        self.last_row = 0

    def __len__(self) -> int:
        return self._count

    def add(self, rejection: Rejection) -> None:
        """Keep one rejection."""
        self._spool.write(json.dumps(asdict(rejection)) + "\n")
        self._count += 1
        self.last_row = max(self.last_row, rejection.row_no)

    def write(self, connection: psycopg.Connection, batch_id: int) -> int:
        """Record them: the evidence in ``audit``, the row as it came in ``raw``; return how many."""
        with connection.cursor().copy(
            "copy audit.rejected_row (batch_id, row_no, stage, rule, field) from stdin"
        ) as copy:
            for row in self._rows():
                copy.write_row((batch_id, row.row_no, "load", row.rule, row.field))
        with connection.cursor().copy(
            "copy raw._rejected_row (batch_id, row_no, rule, field, body, key) from stdin"
        ) as copy:
            for row in self._rows():
                copy.write_row((batch_id, row.row_no, row.rule, row.field, _as_text(row.text), _readable(row.key)))
        self._spool.close()
        return self._count

    def _rows(self) -> Iterator[Rejection]:
        self._spool.seek(0)
        for line in self._spool:
            yield Rejection(**json.loads(line))


def _readable(key: Sequence[str | None] | None) -> list[str | None] | None:
    """The key, unless a part of it is missing or is no text."""
    if key is None or any(part is None or part != _as_text(part) for part in key):
        return None
    return list(key)


def _as_text(body: str) -> str:
    """The row as PostgreSQL can keep it: bytes that were no text and NUL are written out."""
    shown = body[:TEXT_LIMIT].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return shown.replace("\0", "\\x00")
