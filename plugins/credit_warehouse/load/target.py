"""What a reader writes to, and what it reports back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from credit_warehouse.declarations import Source
from credit_warehouse.migrate import add_columns
from credit_warehouse.refusal import Refused


@dataclass(frozen=True)
class Loaded:
    """Rows of one file: loaded and rejected add up to what the file holds."""

    rows: int
    rejected: int
    encoding: str
    extra_columns: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """One file on its way into ``raw.<source>``."""

    connection: psycopg.Connection
    source: Source
    path: Path
    batch_id: int
    file_name: str

    @property
    def table(self) -> sql.Identifier:
        """``raw.<source>``."""
        return sql.Identifier("raw", self.source.name)

    def start_rows_at(self, first: int) -> None:
        """The next copied row gets ``_row_no = first``."""
        self.connection.execute("select setval(%s, %s, false)", [f"raw.{self.source.name}__row_no", first])

    def accept_header(self, header: Sequence[str]) -> list[str]:
        """Check a header against the declaration; unknown columns are kept and returned.

        Raises Refused (HEADER_DUPLICATE, COLUMN_MISSING).
        """
        declared = {column.name: column for column in self.source.columns}
        if len(set(header)) != len(header) or not all(header):
            raise Refused(
                "HEADER_DUPLICATE",
                f"{self.file_name}：表头有重复或空列名",
                f"{self.file_name}: the header repeats a column or leaves one without a name",
            )
        extra = [name for name in header if name not in declared]
        missing = [name for name, column in declared.items() if column.required and name not in header]
        if missing:
            raise Refused(
                "COLUMN_MISSING",
                f"{self.file_name}：缺少列 {', '.join(missing)}；多出列 {', '.join(extra) or '无'}，整份拒收",
                f"{self.file_name}: missing {', '.join(missing)}; unknown {', '.join(extra) or 'none'}; refused whole",
            )
        add_columns(self.connection, self.source.name, extra)
        return extra

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

    def reject(self, rejections: Iterable[tuple[int, str, str]]) -> int:
        """Record (row number, rule, field) of rows that were not loaded; return how many."""
        rows = list(rejections)
        with self.connection.cursor().copy(
            "copy audit.rejected_row (batch_id, row_no, stage, rule, field) from stdin"
        ) as copy:
            for row_no, rule, field_name in rows:
                copy.write_row((self.batch_id, row_no, "load", rule, field_name))
        return len(rows)
