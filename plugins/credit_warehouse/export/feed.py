"""Feeds: numbered folders with what changed (delta), after a complete export what holds now (full), a signed manifest.

Crash-safe: files are written under a draft name, the ledger commits, then the folder gets its name; a folder that
lost its name to a crash gets it back at the next start. A sequence number is never used for two contents. A feed is
written by one at a time, in a transaction of its own, so that a removal waits for one feed at most.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from credit_warehouse.db import Lock, connect
from credit_warehouse.export import channels, csv_form, keys
from credit_warehouse.export.products import PRODUCTS, Product
from credit_warehouse.feed_protocol import (
    ALL,
    COUNTED,
    CSV_OF,
    DELTA,
    EVENTS,
    FORMAT,
    FORMAT_WITH_EVENTS,
    FULL,
    LATEST,
    MANIFEST,
    ORDER,
    REMOVALS_ONLY,
    SIGNATURE,
    SetHash,
    document,
)
from credit_warehouse.settings import settings

FETCHED = 5_000
"""Lines fetched at once: at the library's hundred, a full set is written at the pace of its round trips."""


def write(product: Product, build_id: int, *, additions: bool) -> list[str]:
    """Bring every feed of ``product`` to the state of ``build_id``; return the feeds written.

    Every feed gets a new sequence, an empty one too: a consumer can tell "nothing changed" from "nothing came".
    With ``additions=False`` only removals are applied, and so on a day that is not the channel's.
    """
    with connect() as connection:
        row = connection.execute("select business_date from audit.build where build_id = %s", [build_id]).fetchone()
        assert row, f"build {build_id} does not exist"
        day = channels.days(connection, row[0]) if product.has_channels else channels.NO_CHANNELS
        channels.concern(connection, day)
        connection.execute("create index on concerned (item_id)")
        connection.execute("analyze concerned")
        if product.has_channels:
            additions = channels.compute_candidates(connection) and additions
        else:
            _compute_candidates(connection, product)
        connection.execute("create index on candidate (feed)")
        connection.execute("analyze candidate")
        feeds = [
            name
            for name, has_begun in connection.execute(
                "select feed, bool_or(has_begun) from ("
                "select feed, true as has_begun from audit.export_ledger where product = %s"
                " union select feed, false from candidate union select unnest(%s::text[]), false"
                ") as known group by feed order by feed",
                [product.name, channels.declared_feeds(connection) if product.has_channels and additions else []],
            )
            # A feed begins with a whole set, on its day.
            if has_begun or day.is_written(name)
        ]
        connection.commit()
        for feed in feeds:
            whole = additions and day.is_written(feed)
            with _turn(connection, feed):
                _compute_changes(connection, product, feed, build_id, trusted=additions, additions=whole)
                _send(connection, product, feed, build_id, row[0], ALL if whole else REMOVALS_ONLY)
        if product.has_channels and additions:
            channels.have_written(connection, day)
        connection.execute("drop table candidate, concerned")
    return feeds


def withdraw(removal_ids: list[int], day: date) -> list[str]:
    """Send the tombstones of these rows of ``exports.removal`` to every feed that holds their items.

    Returns the feeds written. Needs no build and no gate.
    """
    written: list[str] = []
    with connect() as connection:
        build = connection.execute("select max(build_id) from audit.export_ledger").fetchone()
        assert build
        for product in PRODUCTS:
            held = connection.execute(
                sql.SQL(
                    "select distinct entry.feed from exports.removal removal"
                    " join core.exclusion_reason known on known.reason = removal.reason and known.{barred_by}"
                    " join exports.feed_entry entry on entry.item_id = removal.item_id"
                    " where removal.removal_id = any(%s)"
                    " and entry.feed in (select feed from audit.export_ledger where product = %s) order by 1"
                ).format(barred_by=sql.Identifier(product.barred_by)),
                [removal_ids, product.name],
            ).fetchall()
            for (feed,) in held:
                with _turn(connection, feed):
                    connection.execute(
                        sql.SQL(
                            "create temp table change on commit drop as"
                            " select entry.feed, entry.entry_id, entry.item_id, null as content_hash, null as body,"
                            " 'REMOVE' as op,"
                            " string_agg(distinct removal.reason, '|' order by removal.reason) as reason"
                            " from exports.removal removal"
                            " join core.exclusion_reason known"
                            " on known.reason = removal.reason and known.{barred_by}"
                            " join exports.feed_entry entry"
                            " on entry.item_id = removal.item_id and entry.feed = {feed}"
                            " where removal.removal_id = any({ids}) group by entry.feed, entry.entry_id, entry.item_id"
                        ).format(
                            barred_by=sql.Identifier(product.barred_by),
                            feed=sql.Literal(feed),
                            ids=sql.Literal(removal_ids),
                        )
                    )
                    # The next export looks at them again: a newer word of the provider may be in a build under way.
                    connection.execute(
                        "insert into exports.unsent_item (item_id, build_id) select distinct change.item_id,"
                        " 1 + (select max(build_id) from audit.build) from change on conflict (item_id) do update"
                        " set build_id = excluded.build_id"
                    )
                    _send(connection, product, feed, build[0], day, REMOVALS_ONLY)
                written.append(feed)
    return written


@contextmanager
def _turn(connection: psycopg.Connection, feed: str) -> Iterator[None]:
    """One writer a feed, from the first look at what its recipient holds until its folder has its name."""
    connection.execute("select pg_advisory_lock(%s, hashtext(%s))", [Lock.FEED, feed])
    connection.commit()
    try:
        _finish_interrupted(connection, feed)
        yield
    finally:
        connection.rollback()
        connection.execute("select pg_advisory_unlock(%s, hashtext(%s))", [Lock.FEED, feed])
        connection.commit()


def _compute_candidates(connection: psycopg.Connection, product: Product) -> None:
    """What the product says now of the items that changed since the last complete export."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("select * from exports.{} limit 0").format(sql.Identifier(product.name)))
        assert cursor.description
        # PostgreSQL writes a row of texts, integers, dates and booleans as RFC 8785 asks once its columns are in order.
        columns = sorted(column.name for column in cursor.description)
    connection.execute(
        sql.SQL(
            "create temp table candidate as select {feed} as feed, p.{entry_id} as entry_id, p.item_id,"
            " md5(to_jsonb(p)::text) as content_hash,"
            " (select row_to_json(written)::text from (select {columns}) as written) as body from exports.{table} p"
            " where p.item_id in (select item_id from concerned)"
        ).format(
            feed=sql.SQL(product.feed),
            entry_id=sql.Identifier(product.entry_id),
            table=sql.Identifier(product.name),
            columns=sql.SQL(", ").join(sql.Identifier("p", column) for column in columns),
        )
    )


LESS = (
    "c.entry_id is null"
    " or exists (select from jsonb_each(e.body::jsonb) as told (field, value) where told.value <> 'null'"
    " and coalesce(c.body::jsonb -> told.field, 'null') = 'null')"
    " or (c.body::json ->> 'is_contested')::boolean and not (e.body::json ->> 'is_contested')::boolean"
)
"""What an entry may not go on saying until the day of its channel: a field that is told no more, or that nobody
contests it. It is taken down, and comes back on the day as it is then."""


def _compute_changes(
    connection: psycopg.Connection, product: Product, feed: str, build_id: int, *, trusted: bool, additions: bool
) -> None:
    # With a red gate the candidates are not trusted: only an explicit reason against a listing or its rule removes it.
    gone = (
        sql.SQL("(decision.{reasons} is not null or {ended})").format(
            reasons=sql.Identifier(product.reasons), ended=sql.SQL(product.ended)
        )
        if not trusted
        else sql.SQL("c.entry_id is null" if additions else f"({LESS})")
    )
    connection.execute(
        sql.SQL(
            "create temp table change on commit drop as"
            " select {feed} as feed, coalesce(c.entry_id, e.entry_id) as entry_id,"
            " coalesce(c.item_id, e.item_id) as item_id, c.content_hash, c.body,"
            " case when {gone} then 'REMOVE' when e.entry_id is null then 'ADD' else 'UPDATE' end as op,"
            " coalesce(decision.{reasons}, 'NO_LONGER_APPLIES') as reason"
            # What the removal lane knows and this build does not know yet does not come back.
            " from (select * from candidate where feed = {feed}"
            " and not exists (select from exports.removal_unknown_to({build_id}) removal"
            " join core.exclusion_reason known on known.reason = removal.reason and known.{barred_by}"
            " where removal.item_id = candidate.item_id)) c"
            " full join (select * from exports.feed_entry where feed = {feed}"
            " and item_id in (select item_id from concerned)) e using (entry_id)"
            " left join exports.listing_decision decision on decision.item_id = coalesce(c.item_id, e.item_id)"
            " where ({gone} and e.entry_id is not null)"
            " or ({additions} and c.entry_id is not null and e.content_hash is distinct from c.content_hash)"
        ).format(
            gone=gone,
            reasons=sql.Identifier(product.reasons),
            barred_by=sql.Identifier(product.barred_by),
            build_id=sql.Literal(build_id),
            feed=sql.Literal(feed),
            additions=sql.Literal(additions),
        )
    )


def _send(connection: psycopg.Connection, product: Product, feed: str, build_id: int, day: date, scope: str) -> None:
    """Write the next sequence of a feed from the table ``change``, enter it in the ledger, and give it its name."""
    last = connection.execute(
        "select sequence, manifest_sha256, total from audit.export_ledger where feed = %s"
        " order by sequence desc limit 1",
        [feed],
    ).fetchone()
    sequence, previous, total = (last[0] + 1, last[1], last[2]) if last else (1, None, 0)
    set_hash = _set_hash(connection, feed)
    if product.has_channels:
        channels.keep_history(connection, feed, sequence)
    _apply(connection, feed, sequence)
    channel = channels.of_feed(connection, feed) if product.has_channels else None
    # A recipient of tokens is told of no link: the item's own id would undo them.
    linked = scope == ALL and not (channel and channel.is_tokenised)
    _compute_events(connection, product, feed, sequence, additions=linked)
    draft, final = _paths(feed, sequence)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    delta = _dump(
        connection,
        draft / DELTA,
        # A red gate may leave a row beside its removal: it is not trusted, and no reason to show it.
        sql.SQL(
            "select json_build_object('op', op, 'id', id, 'reason', reason, 'entry', entry)::text from ("
            "select op, entry_id as id, case op when 'REMOVE' then reason end as reason,"
            " case when op <> 'REMOVE' then body::json end as entry from change where feed = %s"
            " union all select op, 'link-' || link_id, rule_code, {who} from event"
            ") as told order by array_position({order}, op), id"
        ).format(
            who=sql.SQL(
                "json_build_object('item_id', item_id, 'subject_id', subject_id, 'identity_tier', tier)"
                if product.names_subject
                else "json_build_object('item_id', item_id)"
            ),
            order=sql.Literal(list(ORDER)),
        ),
        feed,
    )
    full = (
        _dump(
            connection,
            draft / FULL,
            "select body from exports.feed_entry where feed = %s order by entry_id",
            feed,
        )
        if scope == ALL
        else None
    )
    files = [delta, full] if full else [delta]
    if csv_form.is_wanted(connection, feed, day):
        columns = channel.columns if channel else csv_form.columns_of(connection, product.name)
        files += [csv_form.write(draft / file["name"], draft / CSV_OF[file["name"]], columns) for file in tuple(files)]
    found = connection.execute("select op, count(*) from change where feed = %s group by op", [feed]).fetchall()
    counts: dict[str, int] = {**dict.fromkeys(COUNTED.values(), 0), **{COUNTED[op]: rows for op, rows in found}}
    told: dict[str, int] = dict(connection.execute("select op, count(*) from event group by op").fetchall())
    events = {name: told.get(op, 0) for op, name in EVENTS.items()}
    # Counted on from the last delivery: a removal must not have to look at everybody who stays.
    counts["total"] = total + counts["added"] - counts["removed"]
    assert full is None or full["rows"] == counts["total"], f"{feed}: the full set is not what the deltas come to"
    key_id, private = keys.signing(connection)
    produced = datetime.now().astimezone().replace(microsecond=0)
    manifest: dict[str, Any] = {
        "format": FORMAT_WITH_EVENTS if told else FORMAT,
        "feed": feed,
        "product": product.name,
        "label": channel.label if channel else product.label,
        "id_field": channel.id_field if channel else product.entry_id,
        "sequence": sequence,
        "business_date": day.isoformat(),
        "scope": scope,
        "counts": {**counts, **events} if told else counts,
        "files": files,
        "set_hash": set_hash,
        "previous_manifest_sha256": previous,
        "produced_at": produced.isoformat(),
        "valid_until": (produced + timedelta(days=settings().feed_valid_days)).isoformat(),
        "key_id": key_id,
    }
    text = document(manifest)
    _store(draft / MANIFEST, text)
    _store(draft / SIGNATURE, private.sign(text))
    connection.execute(
        "insert into audit.export_ledger (feed, sequence, product, business_date, build_id, scope, added, updated,"
        " removed, total, split, merged, delta_sha256, full_sha256, manifest_sha256, previous_manifest_sha256,"
        " set_hash, key_id) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [feed, sequence, product.name, day, build_id, scope, *counts.values(), *events.values(), delta["sha256"],
         full and full["sha256"], hashlib.sha256(text).hexdigest(), previous, set_hash, key_id],
    )  # fmt: skip
    connection.commit()
    if counts["removed"]:
        # After the ledger knows: a bulletin that is being made meanwhile looks there once it lies in its place.
        channels.take_back(feed)
    os.replace(draft, final)
    _point_latest(final)


def _set_hash(connection: psycopg.Connection, feed: str) -> str:
    """Hash of what the recipient will hold, from what it holds and the table ``change``; keeps the sum behind it."""
    kept = connection.execute("select entry_sum from exports.feed_sum where feed = %s", [feed]).fetchone()
    total = SetHash(kept[0]) if kept else SetHash()
    if not kept:  # a new feed, or one that began before sums were kept
        with connection.cursor(name="held") as cursor:
            for (line,) in cursor.execute("select body from exports.feed_entry where feed = %s", [feed]):
                total.add(line.encode())
    with connection.cursor(name="changes") as cursor:
        cursor.itersize = FETCHED
        cursor.execute(
            "select held.body, case when change.op <> 'REMOVE' then change.body end from change"
            " left join exports.feed_entry held using (feed, entry_id) where feed = %s",
            [feed],
        )
        for before, after in cursor:
            if before is not None:
                total.remove(before.encode())
            if after is not None:
                total.add(after.encode())
    connection.execute(
        "insert into exports.feed_sum (feed, entry_sum) values (%s, %s)"
        " on conflict (feed) do update set entry_sum = excluded.entry_sum",
        [feed, total.entry_sum],
    )
    return total.hexdigest()


def _apply(connection: psycopg.Connection, feed: str, sequence: int) -> None:
    connection.execute(
        "delete from exports.feed_entry e using change c"
        " where c.feed = %s and c.op = 'REMOVE' and e.feed = c.feed and e.entry_id = c.entry_id",
        [feed],
    )
    connection.execute(
        "insert into exports.feed_tombstone (feed, entry_id, item_id, sequence, reason)"
        " select feed, entry_id, item_id, %s, reason from change where feed = %s and op = 'REMOVE'",
        [sequence, feed],
    )
    connection.execute(
        "insert into exports.feed_entry (feed, entry_id, item_id, content_hash, body, sequence)"
        " select feed, entry_id, item_id, content_hash, body, %s from change where feed = %s and op <> 'REMOVE'"
        " on conflict (feed, entry_id) do update set content_hash = excluded.content_hash, body = excluded.body,"
        " sequence = excluded.sequence",
        [sequence, feed],
    )


def _compute_events(
    connection: psycopg.Connection, product: Product, feed: str, sequence: int, *, additions: bool
) -> None:
    """The table ``event``: links of which the recipient was told and that stand no more; with additions, new ones.

    What counts is what a recipient was told, not every row of the ledger: a link that was undone and made again between
    two deliveries is no news, and a link of which no entry left never was any. Of whom an entry is still held, no
    split is told before its removal.
    """
    # One range of an index for each item: planned as joins, it might read all that the recipient holds.
    last_word = (
        " cross join lateral (select * from core.subject_link as word where word.item_id = {item}.item_id"
        " order by word.link_id desc limit 1) as last"
    )
    held = (
        "lateral (select true as is_held from exports.feed_entry as entry where entry.item_id = {item}.item_id"
        " and entry.feed = {{feed}} and coalesce({{subject}}, {otherwise}) = {item}.subject_id limit 1) as held"
    )
    connection.execute(
        sql.SQL(
            "create temp table event on commit drop as"
            " with told as (select distinct on (item_id) * from exports.feed_event where feed = {feed}"
            " order by item_id, link_id desc)"
            " select 'SPLIT' as op, undone.link_id, told.item_id, told.subject_id, told.tier, told.rule_code from told"
            + last_word.format(item="told")
            + " cross join lateral (select max(word.link_id) as link_id from core.subject_link as word"
            " where word.item_id = told.item_id and word.subject_id = told.subject_id and word.action = 'UNLINK')"
            " as undone left join " + held.format(item="told", otherwise="''") + " on true"
            " where told.op = 'MERGE' and (last.action, last.subject_id) <> ('LINK', told.subject_id)"
            " and held.is_held is null"
            " union all"
            " select 'MERGE', last.link_id, last.item_id, last.subject_id, last.tier, last.rule_code"
            " from (select distinct item_id from change where feed = {feed} and op <> 'REMOVE') as changed"
            + last_word.format(item="changed")
            + " left join told on told.item_id = last.item_id and told.op = 'MERGE'"
            " cross join " + held.format(item="last", otherwise="last.subject_id") + " where {additions}"
            " and last.action = 'LINK' and last.subject_id is distinct from told.subject_id"
        ).format(
            feed=sql.Literal(feed),
            subject=sql.SQL("entry.body::json ->> 'subject_id'" if product.names_subject else "null::text"),
            additions=sql.Literal(additions),
        )
    )
    connection.execute(
        "insert into exports.feed_event (feed, link_id, sequence, op, item_id, subject_id, tier, rule_code)"
        " select %s, link_id, %s, op, item_id, subject_id, tier, rule_code from event",
        [feed, sequence],
    )


def _dump(connection: psycopg.Connection, path: Path, query: Any, feed: str) -> dict[str, Any]:
    """Write one text a line; return name, rows, bytes and sha256."""
    digest, rows, size = hashlib.sha256(), 0, 0
    with path.open("wb") as out, connection.cursor(name="dump") as cursor:
        cursor.itersize = FETCHED
        cursor.execute(query, [feed])
        for (text,) in cursor:
            line = text.encode() + b"\n"
            out.write(line)
            digest.update(line)
            size += len(line)
            rows += 1
        out.flush()
        os.fsync(out.fileno())
    return {"name": path.name, "rows": rows, "bytes": size, "sha256": digest.hexdigest()}


def _store(path: Path, content: bytes) -> None:
    with path.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def delivered(feed: str, sequence: int) -> Path:
    """The folder of one delivery."""
    return settings().exports / feed / f"{sequence:08d}"


def _paths(feed: str, sequence: int) -> tuple[Path, Path]:
    final = delivered(feed, sequence)
    return final.with_name(f".{final.name}.draft"), final


def _finish_interrupted(connection: psycopg.Connection, feed: str) -> None:
    """Name the folder whose ledger row was committed before a crash."""
    row = connection.execute("select max(sequence) from audit.export_ledger where feed = %s", [feed]).fetchone()
    if row and row[0]:
        draft, final = _paths(feed, row[0])
        if draft.exists() and not final.exists():
            os.replace(draft, final)
            _point_latest(final)


def _point_latest(final: Path) -> None:
    """``latest.json``: the newest manifest beside the numbered folders, replaced in one step."""
    draft = final.parent / ".latest.draft"
    shutil.copyfile(final / MANIFEST, draft)
    draft.replace(final.parent / LATEST)
