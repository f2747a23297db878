"""Rebuild the warehouse from the archived originals, to the same marts: the proof that nothing else is needed."""

from __future__ import annotations

from datetime import date

import psycopg
from psycopg import sql

from credit_warehouse import archive
from credit_warehouse.archive import ArchiveDamaged
from credit_warehouse.build import open_build, run_build
from credit_warehouse.db import connect
from credit_warehouse.declarations import load_source
from credit_warehouse.load import load_batch


def replay(since: date) -> tuple[int, int]:
    """Load every accepted batch from ``since`` on again and build everything anew; return (batches, build).

    Batches keep their number, time of receipt and verdict, so that the history of every item comes out as it was.
    A batch whose original was removed when its retention ended keeps the rows it has. The feeds are not touched: the
    next export compares the products with what each recipient holds.
    Raises ArchiveDamaged, before anything is changed, when an original does not match its recorded hash.
    """
    with connect() as connection:
        found = connection.execute(
            # Not accepted, and yet in a build: a replay was killed while it loaded this batch again.
            "select batch_id, source, sha256, rows_loaded,"
            " exists (select from audit.archive_removal as gone"
            " where gone.source = batch.source and gone.sha256 = batch.sha256 and removed_at > received_at)"
            " from audit.batch where business_date >= %s"
            " and (status = 'accepted' or (status <> 'refused' and build_id is not null)) order by batch_id",
            [since],
        ).fetchall()
        _verify_rows(connection, [(batch_id, source, rows) for batch_id, source, _, rows, gone in found if gone])
    batches = [(batch_id, source, sha256) for batch_id, source, sha256, _, gone in found if not gone]
    _verify(batches)
    for batch_id, source, _ in batches:
        with connect() as connection:
            connection.execute(
                sql.SQL("delete from {} where _batch_id = %s").format(sql.Identifier("raw", source)), [batch_id]
            )
            connection.execute("delete from audit.rejected_row where batch_id = %s", [batch_id])
            connection.execute("update audit.batch set status = 'received' where batch_id = %s", [batch_id])
        refusal = load_batch(load_source(source), batch_id)
        if refusal:
            raise refusal
        with connect() as connection:
            # The gate judged this file against its predecessor on the day; a replay does not judge again.
            connection.execute("update audit.batch set status = 'accepted' where batch_id = %s", [batch_id])
    build_id = open_build(None, anew=True)
    assert build_id is not None
    run_build(build_id, anew=True)
    return len(batches), build_id


def _verify(batches: list[tuple[int, str, str]]) -> None:
    damaged = []
    for batch_id, source, sha256 in batches:
        if not archive.intact(source, sha256):
            damaged.append(f"{source} batch {batch_id} ({sha256[:12]}…)")
    if damaged:
        raise ArchiveDamaged(f"originals missing or changed: {', '.join(damaged)}")


def _verify_rows(connection: psycopg.Connection, removed: list[tuple[int, str, int]]) -> None:
    """What cannot be loaded again, because its original was removed in due time, has to be there already."""
    lacking = []
    for batch_id, source, rows in removed:
        counted = connection.execute(
            sql.SQL("select count(*) from {} where _batch_id = %s").format(sql.Identifier("raw", source)), [batch_id]
        ).fetchone()
        if counted != (rows,):
            lacking.append(f"{source} batch {batch_id}")
    if lacking:
        raise ArchiveDamaged(f"originals were removed in due time and their rows are incomplete: {', '.join(lacking)}")
