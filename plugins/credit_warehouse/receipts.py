"""Receipts of the feeds: what each recipient says it took, compared with what was sent.

A receipt that cannot be true is refused with a word and told as an alert. It stops nothing: additions and removals
leave whether or not anybody answers. A receipt proves that its writer knew the delivery; who that was, the access to
the drop folder says.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from credit_warehouse import alerts
from credit_warehouse.db import connect
from credit_warehouse.feed_protocol import COUNTED, EVENTS, KEYS, RECEIPT_FORMAT, canonical
from credit_warehouse.settings import settings

FIELDS: dict[str, type] = {
    "format": str, "feed": str, "sequence": int, "manifest_sha256": str, "set_hash": str, "counts": dict,
    "took": str, "applied_at": str, "copy_id": str, "compares": int, "hits": int, "sha256": str,
}  # fmt: skip
DROP = "feed_receipts"
LARGEST_BYTES = 10_000
CLOCK_MAY_DIFFER = timedelta(minutes=10)
COPY_ID = re.compile(r"[0-9a-f]{16}")
LARGEST_COUNT = 2**53 - 1


@dataclass(frozen=True)
class Refusal:
    """A receipt that is not believed. ``feed`` and ``sequence`` only where the ledger knows the feed."""

    file: str
    """First digits of the hash of the file: a name from outside is not repeated."""
    rule: str
    zh: str
    en: str
    feed: str | None
    sequence: int | None

    def __str__(self) -> str:
        of = f" {self.feed} {self.sequence:08d}" if self.feed and self.sequence is not None else ""
        return f"[{self.rule}]{of} {self.file}…: {self.zh} | {self.en}"


@dataclass(frozen=True)
class Sent:
    """A delivery of a feed as the ledger has it."""

    manifest_sha256: str
    set_hash: str
    at: datetime
    counts: dict[str, int]


@dataclass(frozen=True)
class Taken:
    """What became of the receipts of one folder."""

    accepted: int
    known: int
    refused: list[Refusal]


REASONS = {
    "RECEIPT_FORMAT": ("不是回执，或字段不符", "no receipt, or its fields are not those of the format"),
    "RECEIPT_DAMAGED": ("回执内容与其哈希不符", "its content is not what its own hash says"),
    "RECEIPT_UNKNOWN": ("所称的清单从未出库", "it names a delivery that was never sent"),
    "RECEIPT_MANIFEST": ("清单哈希与台账不符", "the manifest it took is not the one that was sent"),
    "RECEIPT_SET_HASH": (
        "应用后的全集哈希与台账不符",
        "its set after the delivery is not what the recipient should hold",
    ),
    "RECEIPT_COUNTS": ("条数与台账不符", "its counts are not those that were sent"),
    "RECEIPT_CLOCK": ("接收时间早于出库或晚于现在", "taken before it was sent, or in the future"),
}


def take_in(folder: Path) -> Taken:
    """Enter every receipt under ``folder`` in the ledger. Idempotent; files stay where they are."""
    accepted, known, refused = 0, 0, []
    with connect(tokens=False) as connection:
        # The home of a consumer, mounted, may be given as well: there are announcements of keys in it.
        for path in sorted(path for path in folder.rglob("*.json") if path.parent.name != KEYS):
            content = path.read_bytes() if path.stat().st_size <= LARGEST_BYTES else b""
            sha256 = hashlib.sha256(content or path.name.encode()).hexdigest()
            if _is_known(connection, sha256):
                known += 1
                continue
            told = _object(content)
            rule = fault(told, partial(_sent, connection))
            if rule is None:
                _accept(connection, sha256, told)
                accepted += 1
            else:
                refused.append(_refuse(connection, sha256, rule, told))
    if refused:
        alerts.send(alerts.receipts_refused(Counter(refusal.rule for refusal in refused)))
    return Taken(accepted, known, refused)


def watch() -> None:
    """Take in what lies in the drop folder ``inbox/feed_receipts``, and tell of yesterday's feedback without right."""
    folder = settings().inbox / DROP
    if folder.is_dir():
        take_in(folder)
    with connect(tokens=False) as connection:
        if connection.execute("select to_regclass('marts.punishment_feedback') is null").fetchone() == (True,):
            return
        found = connection.execute(
            "select standing, count(*) from marts.punishment_feedback"
            " where is_alarm and received_at > now() - interval '1 day' group by standing order by standing"
        ).fetchall()
    if found:
        alerts.send(alerts.acted_without_right(dict(found)))


def _is_known(connection: psycopg.Connection, sha256: str) -> bool:
    row = connection.execute(
        "select exists (select from audit.feed_receipt where receipt_sha256 = %s)"
        " or exists (select from audit.feed_receipt_refused where receipt_sha256 = %s)",
        [sha256, sha256],
    ).fetchone()
    return bool(row and row[0])


def fault(told: dict[str, Any], sent: Callable[[str, int], Sent | None]) -> str | None:
    """Return the first rule of ``REASONS`` that a receipt breaks; ``sent`` finds the delivery of a feed and number."""
    if _is_misshapen(told):
        return "RECEIPT_FORMAT"
    claimed = {name: value for name, value in told.items() if name != "sha256"}
    if hashlib.sha256(canonical(claimed)).hexdigest() != told["sha256"]:
        return "RECEIPT_DAMAGED"
    delivery = sent(told["feed"], told["sequence"])
    if delivery is None:
        return "RECEIPT_UNKNOWN"
    if told["manifest_sha256"] != delivery.manifest_sha256:
        return "RECEIPT_MANIFEST"
    if told["set_hash"] != delivery.set_hash:
        return "RECEIPT_SET_HASH"
    if told["counts"] != delivery.counts:
        return "RECEIPT_COUNTS"
    applied_at = datetime.fromisoformat(told["applied_at"])
    if not delivery.at - CLOCK_MAY_DIFFER <= applied_at <= datetime.now().astimezone() + CLOCK_MAY_DIFFER:
        return "RECEIPT_CLOCK"
    return None


def _sent(connection: psycopg.Connection, feed: str, sequence: int) -> Sent | None:
    row = connection.execute(
        "select manifest_sha256, set_hash, exported_at, added, updated, removed, total, split, merged"
        " from audit.export_ledger where feed = %s and sequence = %s",
        [feed, sequence],
    ).fetchone()
    if row is None:
        return None
    manifest_sha256, set_hash, at, *numbers = row
    counts = dict(zip((*COUNTED.values(), "total", *EVENTS.values()), numbers, strict=True))
    if not any(counts[name] for name in EVENTS.values()):
        # As in the manifest: without any there is no word of them.
        counts = {name: count for name, count in counts.items() if name not in EVENTS.values()}
    return Sent(manifest_sha256, set_hash, at, counts)


def _is_misshapen(told: dict[str, Any]) -> bool:
    if told.get("format") != RECEIPT_FORMAT or told.keys() != FIELDS.keys():
        return True
    if any(type(told[name]) is not kind for name, kind in FIELDS.items()):
        return True
    if any(not 0 <= told[name] <= LARGEST_COUNT for name in ("sequence", "compares", "hits")):
        return True
    # PostgreSQL takes no NUL in a text.
    if "\0" in told["feed"] or not COPY_ID.fullmatch(told["copy_id"]) or told["took"] not in ("delta", "full"):
        return True
    try:
        return told["hits"] > told["compares"] or datetime.fromisoformat(told["applied_at"]).tzinfo is None
    except ValueError:
        return True


def _accept(connection: psycopg.Connection, sha256: str, told: dict[str, Any]) -> None:
    names = ["feed", "sequence", "copy_id", "took", "applied_at", "compares", "hits"]
    connection.execute(
        "insert into audit.feed_receipt (receipt_sha256, feed, sequence, copy_id, took, applied_at, compares, hits)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s)",
        [sha256, *(told[name] for name in names)],
    )


def _refuse(connection: psycopg.Connection, sha256: str, rule: str, told: dict[str, Any]) -> Refusal:
    feed = sequence = None
    if rule != "RECEIPT_FORMAT":
        row = connection.execute(
            "select feed from audit.export_ledger where feed = %s limit 1", [told["feed"]]
        ).fetchone()
        feed, sequence = (row[0], told["sequence"]) if row else (None, None)
    connection.execute(
        "insert into audit.feed_receipt_refused (receipt_sha256, rule, feed, sequence) values (%s, %s, %s, %s)",
        [sha256, rule, feed, sequence],
    )
    return Refusal(sha256[:12], rule, *REASONS[rule], feed, sequence)


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
