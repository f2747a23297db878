"""Feeds: numbered folders with what changed (delta), what holds now (full) and a manifest that chains them.

Crash-safe: files are written under a draft name, the ledger commits, then the folder gets its name; a folder that
lost its name to a crash gets it back at the next start. A sequence number is never used for two contents.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from credit_warehouse.db import connect
from credit_warehouse.export.products import Product
from credit_warehouse.settings import settings

LOCK = 4_207_003
FORMAT = "credit-warehouse-feed/1"


def write(product: Product, build_id: int, *, additions: bool) -> list[str]:
    """Bring every feed of ``product`` to the state of ``build_id``; return the feeds written.

    Every feed gets a new sequence, an empty one too: a consumer can tell "nothing changed" from "nothing came".
    With ``additions=False`` only removals are applied.
    """
    with connect() as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [LOCK])
        _finish_interrupted(connection)
        row = connection.execute("select business_date from audit.build where build_id = %s", [build_id]).fetchone()
        assert row, f"build {build_id} does not exist"
        _compute_changes(connection, product, additions)
        feeds = [
            name
            for (name,) in connection.execute(
                "select feed from change union select feed from audit.export_ledger where product = %s"
                " union select feed from candidate order by 1",
                [product.name],
            )
        ]
        drafts = [_write_feed(connection, product, name, build_id, row[0], additions) for name in feeds]
        connection.execute("drop table change, candidate")
        connection.commit()
        for draft, final in drafts:
            os.replace(draft, final)
            _point_latest(final)
    return feeds


def _compute_changes(connection: psycopg.Connection, product: Product, additions: bool) -> None:
    connection.execute(
        sql.SQL(
            "create temp table candidate on commit drop as select {feed} as feed, {entry_id} as entry_id, item_id,"
            " md5(to_jsonb(p)::text) as content_hash, row_to_json(p)::text as body from exports.{table} p"
        ).format(feed=sql.SQL(product.feed), entry_id=sql.SQL(product.entry_id), table=sql.Identifier(product.name))
    )
    connection.execute("analyze candidate")
    # With a red gate the candidates are not trusted: only an explicit reason against a listing or its rule removes it.
    gone = (
        sql.SQL("c.entry_id is null")
        if additions
        else sql.SQL("(decision.{bars} is not null or {ended})").format(
            bars=sql.Identifier(product.bars), ended=sql.SQL(product.ended)
        )
    )
    connection.execute(
        sql.SQL(
            "create temp table change on commit drop as"
            " select coalesce(c.feed, e.feed) as feed, coalesce(c.entry_id, e.entry_id) as entry_id,"
            " coalesce(c.item_id, e.item_id) as item_id, c.content_hash, c.body,"
            " case when {gone} then 'REMOVE' when e.entry_id is null then 'ADD' else 'UPDATE' end as op,"
            " coalesce(decision.{bars}, 'NO_LONGER_APPLIES') as reason"
            " from candidate c full join (select * from exports.feed_entry where feed in"
            " (select feed from audit.export_ledger where product = {product})) e using (feed, entry_id)"
            " left join exports.listing_decision decision on decision.item_id = coalesce(c.item_id, e.item_id)"
            " where ({gone} and e.entry_id is not null)"
            " or ({additions} and c.entry_id is not null and e.content_hash is distinct from c.content_hash)"
        ).format(
            gone=gone,
            bars=sql.Identifier(product.bars),
            product=sql.Literal(product.name),
            additions=sql.Literal(additions),
        )
    )


def _write_feed(
    connection: psycopg.Connection, product: Product, feed: str, build_id: int, day: Any, additions: bool
) -> tuple[Path, Path]:
    last = connection.execute(
        "select sequence, manifest_sha256 from audit.export_ledger where feed = %s order by sequence desc limit 1",
        [feed],
    ).fetchone()
    sequence, previous = (last[0] + 1, last[1]) if last else (1, None)
    _apply(connection, feed, sequence)
    draft, final = _paths(feed, sequence)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    delta = _dump(
        connection,
        draft / "delta.jsonl",
        "select json_build_object('op', op, 'id', entry_id, 'reason', case op when 'REMOVE' then reason end,"
        " 'entry', body::json)::text from change where feed = %s order by op desc, entry_id",
        feed,
    )
    full = _dump(
        connection, draft / "full.jsonl", "select body from exports.feed_entry where feed = %s order by entry_id", feed
    )
    found = connection.execute("select op, count(*) from change where feed = %s group by op", [feed]).fetchall()
    counts: dict[str, int] = dict(found)
    manifest = {
        "format": FORMAT,
        "feed": feed,
        "product": product.name,
        "label": product.label,
        "sequence": sequence,
        "business_date": day.isoformat(),
        "scope": "all" if additions else "removals_only",
        "counts": {
            "added": counts.get("ADD", 0),
            "updated": counts.get("UPDATE", 0),
            "removed": counts.get("REMOVE", 0),
            "total": full["rows"],
        },
        "files": [delta, full],
        "previous_manifest_sha256": previous,
        "produced_at": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    _store(draft / "manifest.json", text.encode())
    connection.execute(
        "insert into audit.export_ledger (feed, sequence, product, business_date, build_id, scope, added, updated,"
        " removed, total, delta_sha256, full_sha256, manifest_sha256, previous_manifest_sha256)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [feed, sequence, product.name, day, build_id, manifest["scope"], *manifest["counts"].values(),
         delta["sha256"], full["sha256"], hashlib.sha256(text.encode()).hexdigest(), previous],
    )  # fmt: skip
    return draft, final


def _apply(connection: psycopg.Connection, feed: str, sequence: int) -> None:
    connection.execute(
        "delete from exports.feed_entry e using change c"
        " where c.feed = %s and c.op = 'REMOVE' and e.feed = c.feed and e.entry_id = c.entry_id",
        [feed],
    )
    connection.execute(
        "insert into exports.feed_tombstone (feed, entry_id, sequence, reason)"
        " select feed, entry_id, %s, reason from change where feed = %s and op = 'REMOVE'",
        [sequence, feed],
    )
    connection.execute(
        "insert into exports.feed_entry (feed, entry_id, item_id, content_hash, body, sequence)"
        " select feed, entry_id, item_id, content_hash, body, %s from change where feed = %s and op <> 'REMOVE'"
        " on conflict (feed, entry_id) do update set content_hash = excluded.content_hash, body = excluded.body,"
        " sequence = excluded.sequence",
        [sequence, feed],
    )


def _dump(connection: psycopg.Connection, path: Path, query: Any, feed: str) -> dict[str, Any]:
    """Write one text a line; return name, rows, bytes and sha256."""
    digest, rows, size = hashlib.sha256(), 0, 0
    with path.open("wb") as out, connection.cursor(name="dump") as cursor:
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


def _paths(feed: str, sequence: int) -> tuple[Path, Path]:
    folder = settings().exports / feed
    return folder / f".{sequence:08d}.draft", folder / f"{sequence:08d}"


def _finish_interrupted(connection: psycopg.Connection) -> None:
    """Name the folders whose ledger row was committed before a crash."""
    for feed, sequence in connection.execute(
        "select distinct on (feed) feed, sequence from audit.export_ledger order by feed, sequence desc"
    ).fetchall():
        draft, final = _paths(feed, sequence)
        if draft.exists() and not final.exists():
            os.replace(draft, final)
            _point_latest(final)


def _point_latest(final: Path) -> None:
    """``latest.json``: the newest manifest beside the numbered folders, replaced in one step."""
    draft = final.parent / ".latest.draft"
    shutil.copyfile(final / "manifest.json", draft)
    draft.replace(final.parent / "latest.json")
