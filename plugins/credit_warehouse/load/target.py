"""What a reader writes to, and what it reports back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import psycopg
from psycopg import sql

from credit_warehouse.declarations import Layout, Source
from credit_warehouse.load import header
from credit_warehouse.load.header import Header
from credit_warehouse.load.rejections import Rejections
from credit_warehouse.migrate import add_columns

FIELD_LIMIT = 65_536
"""Characters of one field. The longest legal text here (scope of business, facts of a case) has a tenth of that."""


@dataclass(frozen=True)
class Loaded:
    """Rows of one file: loaded and rejected add up to what the file holds."""

    rows: int
    rejected: int
    encoding: str
    header: Header


@dataclass(frozen=True)
class Target:
    """One file on its way into ``raw.<source>``."""

    connection: psycopg.Connection
    source: Source
    path: Path
    batch_id: int
    file_name: str
    business_date: date
    rejections: Rejections = field(default_factory=Rejections)

    @property
    def table(self) -> sql.Identifier:
        """``raw.<source>``."""
        return sql.Identifier("raw", self.source.name)

    def start_rows_at(self, first: int) -> None:
        """The next copied row gets ``_row_no = first``."""
        self.connection.execute("select setval(%s, %s, false)", [f"raw.{self.source.name}__row_no", first])

    def accept_header(self, names: Sequence[str]) -> Header:
        """Check a header against the declaration; unknown columns are added to the table and reported.

        Raises Refused (HEADER_DUPLICATE, HEADER_UNUSABLE, COLUMN_MISSING).
        """
        found = header.accept(self.source, names, self.business_date, self.file_name)
        add_columns(self.connection, self.source.name, found.extra)
        return found

    def accept_members(self, layout: Layout, names: Sequence[str]) -> Header:
        """The same for a format whose rows name their own columns, once the layout is known."""
        header.require_usable(names, self.file_name)
        found = header.of_layout(self.source, layout, names, self.file_name)
        add_columns(self.connection, self.source.name, found.extra)
        return found

    def copy_into(self, columns: Sequence[str], options: str) -> sql.Composed:
        """``COPY raw.<source> (columns) FROM STDIN`` with the given options."""
        return sql.SQL("copy {} ({}) from stdin with ({})").format(
            self.table,
            sql.SQL(", ").join(sql.Identifier(name) for name in columns),
            sql.SQL(options),  # options are literals of this package
        )

    def copy_rows(self, columns: Sequence[str], rows: Iterable[tuple[int, Sequence[str | None]]]) -> int:
        """Write (row number, values) one by one; return how many."""
        count = 0
        with self.connection.cursor().copy(self.copy_into(["_row_no", *columns], "format text")) as copy:
            for row_no, values in rows:
                copy.write_row([str(row_no), *values])
                count += 1
        return count

    def key_of(self, columns: Sequence[str], values: Sequence[str | None]) -> list[str | None]:
        """The key of a row, as it was read."""
        known = dict(zip(columns, values, strict=False))
        return [known.get(name) for name in self.source.ingest.key]

    def loaded(self, rows: int, encoding: str, found: Header) -> Loaded:
        """Record the rejected rows and close the load."""
        return Loaded(rows, self.rejections.write(self.connection, self.batch_id), encoding, found)
