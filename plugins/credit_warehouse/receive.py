"""Landing: take what a provider delivers, keep the original, and open one batch per new file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg

from credit_warehouse import archive
from credit_warehouse.db import connect
from credit_warehouse.declarations import Source
from credit_warehouse.refusal import Refused
from credit_warehouse.settings import settings
from credit_warehouse.transports import database, drop, http
from credit_warehouse.transports.delivery import Delivery, Endpoint
from credit_warehouse.transports.drop import ok_path
from credit_warehouse.transports.ledger import Known, Ledger


def receive(
    source: Source,
    business_date: date,
    run_id: str,
    *,
    landing: Path | None = None,
    endpoint: Endpoint | None = None,
) -> list[int]:
    """Archive every new delivery of ``source`` and return the batches that still need loading or gating.

    ``landing`` replaces the source's usual transport by the files under ``landing/<source>/``. The outcome of
    every file, and of finding none, goes to ``audit.ingest_outcome``.
    """
    seen = 0
    with tempfile.TemporaryDirectory(prefix="landing-") as scratch, connect(autocommit=True) as connection:
        for delivery in _deliveries(source, business_date, landing, endpoint, Path(scratch), connection):
            if isinstance(delivery, Known) and delivery.taken_for != business_date:
                continue  # it lies on the provider's server since then, and is no delivery of today
            seen += 1
            if isinstance(delivery, Known):
                _recall(connection, source, delivery, run_id)
            elif isinstance(delivery, Refused):
                note(connection, run_id, source, business_date, "refused", refusal=delivery, file_name=f"#{seen}")
            else:
                _admit(connection, source, delivery, run_id, business_date)
        if not seen:
            note(connection, run_id, source, business_date, "absent")
        return [
            batch_id
            for (batch_id,) in connection.execute(
                # One that is in a build already belongs to a replay that was killed: it is not judged again.
                "select batch_id from audit.batch where source = %s and status in ('received', 'loaded')"
                " and build_id is null order by business_date, batch_id",
                [source.name],
            )
        ]


def _deliveries(
    source: Source,
    business_date: date,
    landing: Path | None,
    endpoint: Endpoint | None,
    scratch: Path,
    connection: psycopg.Connection,
) -> Iterator[Delivery | Known | Refused]:
    kind = source.ingest.transport.kind
    if landing is not None:
        yield from drop.collect(source, landing / source.name, business_date, owned=False)
    elif kind == "drop":
        yield from drop.collect(source, settings().inbox / source.name, business_date, owned=True)
    elif endpoint is None:
        return
    elif kind == "sftp":
        # paramiko takes a third of a second to import, and most tasks do without.
        from credit_warehouse.transports import sftp

        yield from sftp.collect(source, business_date, scratch, Ledger(connection, source.name, business_date))
    else:
        try:
            if kind == "http":
                found = http.collect(source, endpoint, business_date, scratch)
            else:
                found = database.collect(
                    source, endpoint, business_date, scratch, _high_water(connection, source, business_date)
                )
        except Refused as refusal:
            yield refusal
        else:
            if found:
                yield found


def _high_water(connection: psycopg.Connection, source: Source, business_date: date) -> str | None:
    row = connection.execute(
        "select high_water from audit.watermark where source = %s and business_date < %s"
        " order by business_date desc limit 1",
        [source.name, business_date],
    ).fetchone()
    return row[0] if row else None


def _admit(connection: psycopg.Connection, source: Source, delivery: Delivery, run_id: str, day: date) -> None:
    sha256 = archive.sha256_of(delivery.path)
    size = delivery.path.stat().st_size
    archive.keep(source.name, delivery.path, sha256)
    with connection.transaction():
        known = connection.execute(
            # The same list for another day is news: it says who is still, or again, on it.
            "select batch_id, status from audit.batch where source = %s and sha256 = %s and status <> 'refused'"
            " and (mode = 'delta' or business_date = %s)",
            [source.name, sha256, delivery.business_date],
        ).fetchone()
        if known:
            batch_id = known[0]
            note(connection, run_id, source, delivery.business_date, _again(known[1]),
                 file_name=delivery.file_name, batch_id=batch_id)  # fmt: skip
        else:
            batch_id = _open_batch(connection, source, delivery, sha256, size)
            refusal = _contradiction(delivery, sha256, size)
            if refusal:
                refuse(connection, batch_id, refusal)
            note(connection, run_id, source, delivery.business_date, "refused" if refusal else "accepted",
                 refusal=refusal, file_name=delivery.file_name, batch_id=batch_id)  # fmt: skip
        if delivery.high_water:
            connection.execute(
                "insert into audit.watermark values (%s, %s, %s)"
                " on conflict (source, business_date) do update set high_water = excluded.high_water",
                [source.name, delivery.business_date, delivery.high_water],
            )
        if delivery.remote:
            Ledger(connection, source.name, day).record(delivery.remote, sha256, batch_id)
    if delivery.pages:
        shutil.rmtree(delivery.pages, ignore_errors=True)
    if delivery.owned:
        delivery.path.unlink()
        ok_path(delivery.path).unlink(missing_ok=True)


def _recall(connection: psycopg.Connection, source: Source, known: Known, run_id: str) -> None:
    """A file of today that was taken before: what became of it then is true of this run as well."""
    note(connection, run_id, source, known.business_date, _again(known.status),
         refusal=known.refusal, file_name=known.file_name, batch_id=known.batch_id)  # fmt: skip


def _again(status: str) -> str:
    """The outcome of a file whose batch is there already; one that a killed run left is taken up now."""
    return {"accepted": "duplicate", "refused": "refused"}.get(status, "accepted")


def _open_batch(connection: psycopg.Connection, source: Source, delivery: Delivery, sha256: str, size: int) -> int:
    row = connection.execute(
        "insert into audit.batch (source, file_name, sha256, bytes, mode, business_date, provider, rows_in)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s) returning batch_id",
        [
            source.name,
            delivery.file_name,
            sha256,
            size,
            delivery.mode,
            delivery.business_date,
            delivery.provider,
            delivery.declared.get("rows"),
        ],
    ).fetchone()
    assert row
    return int(row[0])


def _contradiction(delivery: Delivery, sha256: str, size: int) -> Refused | None:
    """What the ``.ok`` says against what lies there; rows are compared by the loader, which counts them."""
    for claim, found in (("bytes", size), ("sha256", sha256)):
        declared = delivery.declared.get(claim)
        if declared is not None and str(declared).lower() != str(found):
            return Refused(
                "OK_MISMATCH",
                f"{delivery.file_name}：.ok 声明 {claim}={declared}，实际 {found}，整份拒收",
                f"{delivery.file_name}: .ok says {claim}={declared}, found {found}; refused whole",
            )
    return None


def refuse(connection: psycopg.Connection, batch_id: int, refusal: Refused) -> None:
    """Mark a batch refused; its original stays in the archive."""
    connection.execute(
        "update audit.batch set status = 'refused', refused_rule = %s, refused_zh = %s, refused_en = %s"
        " where batch_id = %s",
        [refusal.rule, refusal.zh, refusal.en, batch_id],
    )


def note(
    connection: psycopg.Connection,
    run_id: str,
    source: Source,
    business_date: date,
    outcome: str,
    *,
    refusal: Refused | None = None,
    file_name: str = "",
    batch_id: int | None = None,
) -> None:
    """Record what became of one delivery in one run; the newest word on a file wins."""
    connection.execute(
        "insert into audit.ingest_outcome"
        " (run_id, source, file_name, business_date, outcome, batch_id, rule, detail_zh, detail_en)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (run_id, source, file_name) do update set"
        " outcome = excluded.outcome, batch_id = excluded.batch_id, rule = excluded.rule,"
        " detail_zh = excluded.detail_zh, detail_en = excluded.detail_en, recorded_at = clock_timestamp()",
        [
            run_id,
            source.name,
            file_name,
            business_date,
            outcome,
            batch_id,
            refusal.rule if refusal else None,
            refusal.zh if refusal else None,
            refusal.en if refusal else None,
        ],
    )
