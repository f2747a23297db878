"""Rebuild the warehouse from the archived originals, to the same marts: the proof that nothing else is needed."""

from __future__ import annotations

from datetime import date

from psycopg import sql

from credit_warehouse import archive
from credit_warehouse.build import open_build, run_build
from credit_warehouse.db import connect
from credit_warehouse.declarations import load_source
from credit_warehouse.load import load_batch


class ArchiveDamaged(RuntimeError):
    """An original is missing or is not what was received; nothing was changed."""


def replay(since: date) -> tuple[int, int]:
    """Load every accepted batch from ``since`` on again and build everything anew; return (batches, build).

    Batches keep their number, time of receipt and verdict, so that the history of every item comes out as it was.
    The feeds are not touched: the next export compares the products with what each recipient holds.
    Raises ArchiveDamaged, before anything is changed, when an original does not match its recorded hash.
    """
    with connect() as connection:
        batches = connection.execute(
            "select batch_id, source, sha256 from audit.batch where status = 'accepted' and business_date >= %s"
            " order by batch_id",
            [since],
        ).fetchall()
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
        original = archive.archived(source, sha256)
        if not original.exists() or archive.sha256_of(original) != sha256:
            damaged.append(f"{source} batch {batch_id} ({sha256[:12]}…)")
    if damaged:
        raise ArchiveDamaged(f"originals missing or changed: {', '.join(damaged)}")
