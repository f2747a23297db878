"""What was fetched from a provider's server before. Nothing is deleted there, so everything is offered every day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import psycopg

from credit_warehouse.refusal import Refused
from credit_warehouse.transports.delivery import RemoteFile


@dataclass(frozen=True)
class Known:
    """A file that was taken before, and the batch it became."""

    file_name: str
    batch_id: int
    business_date: date
    status: str
    taken_for: date
    """The day that was being processed when it was taken."""
    refusal: Refused | None


class Ledger:
    """The taken files of one source."""

    def __init__(self, connection: psycopg.Connection, source: str, day: date) -> None:
        self._connection = connection
        self._source = source
        self._day = day
        """The day being processed."""

    def taken(self, file: RemoteFile) -> Known | None:
        """The batch of exactly this file: same name, size and dates, its ``.ok`` included."""
        return self._known(
            file.name,
            "remote_file.taken_for",
            "remote_file join audit.batch using (batch_id) where remote_file.source = %s"
            " and name = %s and size = %s and mtime = %s and ok_mtime is not distinct from %s",
            [self._source, file.name, file.size, file.mtime, file.ok_mtime],
        )

    def holding(self, file_name: str, sha256: str, business_date: date) -> Known | None:
        """The batch with these bytes, whatever the file was called; a refused one may be offered again.

        A snapshot counts for its day only: the same list for another day is another statement.
        """
        return self._known(
            file_name,
            "%s::date",
            "batch where source = %s and sha256 = %s and status <> 'refused'"
            " and (mode = 'delta' or business_date = %s)",
            [self._day, self._source, sha256, business_date],
        )

    def record(self, file: RemoteFile, sha256: str, batch_id: int) -> None:
        """Write a taken file down."""
        self._connection.execute(
            "insert into audit.remote_file (source, name, size, mtime, ok_mtime, sha256, batch_id, taken_for)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict (source, name) do update set"
            " size = excluded.size, mtime = excluded.mtime, ok_mtime = excluded.ok_mtime, sha256 = excluded.sha256,"
            " batch_id = excluded.batch_id, taken_for = excluded.taken_for, taken_at = clock_timestamp()",
            [self._source, file.name, file.size, file.mtime, file.ok_mtime, sha256, batch_id, self._day],
        )

    def _known(self, file_name: str, taken_for: str, relation: str, parameters: list[object]) -> Known | None:
        row = self._connection.execute(
            f"select {taken_for}, batch.batch_id, business_date, status, refused_rule, refused_zh, refused_en"
            f" from audit.{relation}".encode(),
            parameters,
        ).fetchone()
        if row is None:
            return None
        day, batch_id, business_date, status, rule, zh, en = row
        refusal = Refused(rule, zh or "", en or "") if status == "refused" and rule else None
        return Known(file_name, batch_id, business_date, status, day, refusal)
