"""The removal lane: whoever must leave the products leaves at once, without a build and through a red gate.

What has to leave is found by the functions ``staging.removals_of_*`` (dbt_project/functions/removals), which read
accepted batches as the staging models would; every finding is a row of ``exports.removal`` for ever, and the feeds
that hold the item get its tombstone. A later build reads the same messages and comes to the same end, or, where a
newer word of the provider stands against it, lets the item back in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import psycopg
from psycopg import sql

from credit_warehouse.db import Lock, connect
from credit_warehouse.export import feed


@dataclass(frozen=True)
class Withdrawn:
    """What one pass of the lane did."""

    found: int
    """Reasons found since the last pass."""
    feeds: list[str]
    """Feeds that got tombstones."""


def run(day: date) -> Withdrawn:
    """One pass: screen what arrived, end what has run out on ``day``, send the tombstones. Idempotent.

    What the newest export knew it has told already, and perhaps with a newer word of the provider on top; what it did
    not know is sent, and sent again where an export that was under way has let the item in meanwhile.
    """
    found = screen(day)
    with connect() as connection:
        due = [
            removal_id
            for (removal_id,) in connection.execute(
                "select removal_id from exports.removal_unknown_to("
                "(select max(build_id) from audit.build where exported_at is not null)) as removal"
                " where sent_at is null or exists (select from exports.feed_entry as entry"
                " where entry.item_id = removal.item_id)"
            )
        ]
        newest = connection.execute("select max(removal_id) from exports.removal").fetchone()
    feeds = feed.withdraw(due, day) if due else []
    with connect() as connection:
        connection.execute(
            "update exports.removal set sent_at = clock_timestamp() where sent_at is null and removal_id <= %s", newest
        )
    return Withdrawn(found, feeds)


def waiting() -> bool:
    """Whether the lane has work that it could do now."""
    with connect() as connection:
        row = connection.execute(
            "select exists (select from exports.removal where sent_at is null)"
            " or to_regclass('marts.defaulter_listing') is not null and exists (select from audit.batch"
            " join audit.source using (source) where may_remove and status = 'accepted' and screened_at is null)"
        ).fetchone()
    return bool(row and row[0])


def screen(day: date) -> int:
    """Enter every reason to leave that the accepted batches give, and every term that has ended by ``day``.

    Returns how many were new. Before the first build nothing has left the house, and there is nothing to take back.
    """
    with connect() as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [Lock.REMOVALS])
        if connection.execute("select to_regclass('marts.defaulter_listing') is null").fetchone() == (True,):
            return 0
        found = _enter(connection, sql.SQL("staging.removals_of_terms({})").format(sql.Literal(day)), None)
        waiting = connection.execute(
            "select batch.source, array_agg(batch.batch_id) from audit.batch join audit.source using (source)"
            " where source.may_remove and batch.status = 'accepted' and (batch.screened_at is null"
            # What came while a build was under way is held against what that build has made, too.
            " or batch.build_id is null and batch.screened_at < (select finished_at from audit.build"
            " where build_id = (select max(build_id) from audit.build)))"
            " group by 1 order by 1"
        ).fetchall()
        for source, batches in waiting:
            connection.execute("select set_config('credit_warehouse.reading', %s::bigint[]::text, true)", [batches])
            function = sql.Identifier("staging", f"removals_of_{source}")
            found += _enter(connection, sql.SQL("{}({})").format(function, sql.Literal(day)), source)
            connection.execute(
                "update audit.batch set screened_at = clock_timestamp() where batch_id = any(%s)", [batches]
            )
        found += _enter_related(connection)
    return found


def _enter_related(connection: psycopg.Connection) -> int:
    """What ends a unit's listing ends what rests on it: directives on the officers whom a court's order names."""
    return connection.execute(
        "insert into exports.removal"
        " (item_id, reason, source, effective_at, received_at, batch_id, row_no, delete_reason)"
        " select distinct on (named.item_id, removal.reason, removal.effective_at, removal.batch_id)"
        " named.item_id, removal.reason, removal.source, removal.effective_at, removal.received_at, removal.batch_id,"
        " removal.row_no, removal.delete_reason"
        " from exports.removal"
        " join core.exclusion_reason known on known.reason = removal.reason and known.bars_directive"
        " join core.credit_item listing on listing.item_id = removal.item_id and listing.source = 'court_defaulters'"
        " join core.related_order named on named.unit_id = listing.subject_id"
        # Another listing of the unit in the same case may carry the order; the next build then brings it back.
        " and named.case_number = staging.case_number(listing.item_title)"
        # An order may have come into the record with a build that does not know yet that the unit's listing has ended.
        " where removal.sent_at is null or removal.removal_id in (select unknown.removal_id from"
        " exports.removal_unknown_to((select max(build_id) from audit.build where status = 'succeeded')) as unknown)"
        " on conflict do nothing"
    ).rowcount


def _enter(connection: psycopg.Connection, function: sql.Composed, source: str | None) -> int:
    return connection.execute(
        sql.SQL(
            "insert into exports.removal"
            " (item_id, reason, source, effective_at, received_at, batch_id, row_no, delete_reason)"
            " select distinct on (said.item_id, said.reason, said.effective_at, said.batch_id)"
            " said.item_id, said.reason, {}, said.effective_at, coalesce(batch.received_at, clock_timestamp()),"
            " said.batch_id, said.row_no, said.delete_reason"
            " from {} as said left join audit.batch as batch on said.batch_id = batch.batch_id on conflict do nothing"
        ).format(sql.Literal(source), function)
    ).rowcount
