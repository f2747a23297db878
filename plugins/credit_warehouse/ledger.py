"""The tamper-evident ledger: evidence entered by triggers, chained by hash, its head written outside the database.

Migrations (0025 and later) enter every row of the tables in ``KEPT``; ``seal`` chains what was entered and signs the
head with the key of the feeds, one line in ``ledger/<day>.jsonl`` below the home. ``verify`` trusts neither functions
nor triggers of the database: it computes every hash itself, so that a superuser who switched triggers off is found.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import sql

from credit_warehouse import alerts
from credit_warehouse.build import BUSINESS_ZONE
from credit_warehouse.db import Lock, connect
from credit_warehouse.export import keys
from credit_warehouse.feed_protocol import KEYS, canonical, is_signed, key_id, read_key
from credit_warehouse.settings import settings

log = logging.getLogger(__name__)

START = hashlib.sha256(b"credit-warehouse-ledger").digest()
FORMAT = "credit-warehouse-anchor/1"
FIELDS = {"format", "sequence", "hash", "sealed_at", "previous_sha256", "key_id", "signature"}
ANCHOR = "anchor"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Kept:
    """A table under the ledger."""

    relation: str
    kind: str
    key: tuple[str, ...]
    changing: tuple[str, ...] = ()
    """Columns that get a later state; each state is an entry."""
    by_statement: bool = False
    """One entry for all rows of a key, which came in one statement."""


KEPT = (
    Kept(
        "audit.batch", "batch", ("batch_id",),
        ("encoding", "status", "rows_in", "rows_loaded", "rows_rejected", "extra_columns", "refused_rule",
         "refused_zh", "refused_en", "build_id", "screened_at", "layout", "scope"),
    ),
    Kept("audit.build", "decision", ("build_id",), ("status", "finished_at", "exported_at")),
    Kept("audit.preparation", "decision", ("preparation_id",), ("rebuilt",)),
    Kept("audit.quality_result", "decision", ("result_id",)),
    Kept("audit.gate_harm", "decision", ("harm_id",)),
    Kept("audit.dbt_result", "decision", ("build_id",), by_statement=True),
    Kept("core.subject_link", "decision", ("link_id",)),
    Kept("core.link_rejection", "decision", ("rejection_id",)),
    Kept("exports.removal", "decision", ("removal_id",), ("sent_at",)),
    Kept("audit.export_ledger", "export", ("feed", "sequence")),
    Kept("exports.feed_tombstone", "export", ("feed", "sequence"), by_statement=True),
    Kept("exports.feed_event", "export", ("feed", "link_id")),
    Kept("exports.policy_version", "decision", ("policy_version",)),
    Kept("audit.feed_receipt", "receipt", ("receipt_id",)),
    Kept("audit.feed_receipt_refused", "receipt", ("refusal_id",)),
    Kept("audit.access_log", "reading", ("access_id",)),
    Kept("vault.reader_grant", "reading", ("grant_id",)),
    Kept("audit.role_grant", "access", ("grant_id",)),
    Kept("audit.archive_removal", "deletion", ("removal_id",)),
)  # fmt: skip

Fault = Literal[
    "ROW_CHANGED", "ROW_MISSING", "ROW_INSERTED", "CHAIN_BROKEN", "SEQUENCE_MISSING", "ANCHOR_DIFFERS",
    "ANCHOR_MISSING", "ANCHOR_FORGED", "TRIGGER_OFF",
]  # fmt: skip
WORDS: dict[Fault, str] = {
    "ROW_CHANGED": "内容与台账不符 the row says something else than the ledger",
    "ROW_MISSING": "台账所记之行已不存在 the ledger has it, the table has not",
    "ROW_INSERTED": "未经台账写入 the table has it, the ledger has not",
    "CHAIN_BROKEN": "台账条目被改动，链在此断开 the entry was changed, the chain breaks here",
    "SEQUENCE_MISSING": "台账缺号 entries of the ledger are missing before this one",
    "ANCHOR_DIFFERS": "与锚定的链头不符，此前的台账被改写 the chain was rewritten before this anchor",
    "ANCHOR_MISSING": "锚定记录缺失 an anchor is missing",
    "ANCHOR_FORGED": "锚定记录签名无效 the signature of the anchor does not fit",
    "TRIGGER_OFF": "触发器被停用、改动或删除 a trigger is off, changed or gone",
}


@dataclass(frozen=True)
class Finding:
    """Something that was tampered with, and where."""

    fault: Fault
    relation: str
    row_key: str

    def __str__(self) -> str:
        return f"[{self.fault}] {self.relation} {self.row_key}：{WORDS[self.fault]}"


@dataclass
class Verified:
    """What a verification looked at and found."""

    findings: list[Finding]
    sequence: int
    """Entries in the chain."""
    waiting: int
    """Entries not chained yet: their rows were compared, but nothing protects the entries before the next seal."""
    anchors: int


@dataclass(frozen=True)
class Anchor:
    """One line of an anchor file."""

    line: bytes
    fields: dict[str, Any]
    place: str

    @property
    def sequence(self) -> int:
        return int(self.fields["sequence"])

    def is_genuine(self, public: bytes) -> bool:
        """Whether the signature is that of the key over all other fields."""
        content = {name: value for name, value in self.fields.items() if name != "signature"}
        return is_signed(public, bytes.fromhex(self.fields["signature"]), canonical(content))


def folder() -> Path:
    """Where the anchors are, one file a day."""
    return settings().home / "ledger"


def seal() -> int | None:
    """Chain what was entered and write the anchor; the last sequence, or None where nothing waited.

    A run that broke off between the two leaves a chain without an anchor: the next seal writes it.
    Raises KeyProblem without a signing key; the chain stands then, and the anchor follows later.
    """
    with connect(autocommit=True, tokens=False) as connection:
        connection.execute("select pg_advisory_lock(%s)", [Lock.LEDGER])
        chained = connection.execute("select head_sequence from audit.chain_ledger()").fetchone()
        head = connection.execute("select sequence, hash from audit.ledger order by sequence desc limit 1").fetchone()
        last = next(reversed(list(anchors())), None)
        if head and (last is None or last.sequence < head[0]):
            with connection.transaction():
                name, private = keys.signing(connection)
            line = _write(head[0], bytes(head[1]), last, name, private)
            connection.execute(
                "insert into audit.ledger_entry (kind, relation, row_key, content_sha256) values (%s, %s, %s, %s)",
                [ANCHOR, ANCHOR, str(head[0]), hashlib.sha256(line).digest()],
            )
    return chained[0] if chained else None


def seal_after_run() -> None:
    """``seal`` for whoever has done the work already: what fails here is told, and undoes nothing."""
    try:
        seal()
    except Exception as error:
        log.exception("the ledger was not sealed")
        alerts.send(alerts.ledger({type(error).__name__: 1}))


def watch() -> None:
    """Seal, verify, and tell of what was tampered with."""
    seal_after_run()
    counts: dict[str, int] = {}
    for finding in verify().findings:
        counts[finding.fault] = counts.get(finding.fault, 0) + 1
    if counts:
        alerts.send(alerts.ledger(counts))


def anchors() -> Iterator[Anchor]:
    """Every line of every anchor file, oldest first; raises ValueError naming file and line where one is no anchor."""
    for path in sorted(folder().glob("*.jsonl")):
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            try:
                fields = json.loads(line)
            except ValueError:
                fields = None
            if not isinstance(fields, dict) or not fields.keys() >= FIELDS or fields["format"] != FORMAT:
                raise ValueError(f"{path.name}:{number}")
            yield Anchor(line, fields, f"{path.name}:{number}")


def verify() -> Verified:
    """Compare every row with its entry, every entry with the chain, and the chain with the anchors; changes nothing."""
    with connect(autocommit=True, tokens=False) as connection:
        # Between chaining and anchoring there is nothing wrong: wait for whoever seals.
        connection.execute("select pg_advisory_lock_shared(%s)", [Lock.LEDGER])
        with connection.transaction():
            connection.execute("set transaction isolation level repeatable read, read only")
            return look(connection)


def look(connection: psycopg.Connection) -> Verified:
    """``verify`` on what a transaction sees."""
    connection.execute(
        "set local timezone to 'UTC'; set local bytea_output to 'hex'; set local extra_float_digits to 1"
    )
    found = list(_triggers(connection))
    written: list[Anchor] = []
    try:
        written.extend(anchors())
    except ValueError as error:
        found.append(Finding("ANCHOR_FORGED", ANCHOR, str(error)))
    hashes: dict[int, bytes | None] = dict.fromkeys(anchor.sequence for anchor in written)
    head, broken = _chain(connection, hashes)
    found += broken
    found += _anchors(connection, written, hashes, head)
    for kept in KEPT:
        found += _rows(connection, kept)
    waiting = connection.execute("select count(*) from audit.ledger_entry where kind <> %s", [ANCHOR]).fetchone()
    assert waiting
    return Verified(found, head, waiting[0], len(written))


def _write(sequence: int, head: bytes, last: Anchor | None, name: str, private: Ed25519PrivateKey) -> bytes:
    now = datetime.now(BUSINESS_ZONE)
    content: dict[str, Any] = {
        "format": FORMAT,
        "sequence": sequence,
        "hash": head.hex(),
        "sealed_at": now.isoformat(timespec="seconds"),
        "previous_sha256": hashlib.sha256(last.line).hexdigest() if last else None,
        "key_id": name,
    }
    line = canonical(content | {"signature": private.sign(canonical(content)).hex()})
    folder().mkdir(parents=True, exist_ok=True)
    # A clock that was set back must not put a line before an earlier one.
    day = max(now.date().isoformat(), last.place.split(".")[0] if last else "")
    with (folder() / f"{day}.jsonl").open("ab", buffering=0) as out:
        out.write(line + b"\n")
        os.fsync(out.fileno())
    return line


def _chain(connection: psycopg.Connection, wanted: dict[int, bytes | None]) -> tuple[int, list[Finding]]:
    """Follow the chain; fills in the hashes at the ``wanted`` sequences and returns the last one."""
    found: list[Finding] = []
    last, before = 0, START
    with connection.cursor(name="chain") as cursor:
        cursor.itersize = 20_000
        cursor.execute(
            "select sequence, kind, relation, row_key, content_sha256, fixed_sha256, recorded_at, previous_hash, hash"
            " from audit.ledger order by sequence"
        )
        for sequence, kind, relation, row_key, content, fixed, recorded_at, previous, stored in cursor:
            place = (relation, f"{row_key}（序号 sequence {sequence}）")
            if sequence != last + 1:
                found.append(Finding("SEQUENCE_MISSING", "audit.ledger", f"{last + 1}–{sequence - 1}"))
            elif previous != before:
                found.append(Finding("CHAIN_BROKEN", *place))
            microseconds = (recorded_at - EPOCH) // timedelta(microseconds=1)
            line = "|".join(
                [str(sequence), kind, relation, row_key, content.hex(), fixed.hex() if fixed else "", str(microseconds)]
            )
            if hashlib.sha256(previous + line.encode()).digest() != stored:
                found.append(Finding("CHAIN_BROKEN", *place))
            if sequence in wanted:
                wanted[sequence] = stored
            last, before = sequence, stored
    return last, found


def _anchors(
    connection: psycopg.Connection, written: list[Anchor], hashes: dict[int, bytes | None], head: int
) -> Iterator[Finding]:
    registered = {
        name: bytes(public) for name, public in connection.execute("select key_id, public_key from audit.feed_key")
    }
    before: Anchor | None = None
    rewritten = False
    for anchor in written:
        public = _published(anchor.fields["key_id"])
        if public is None or public != registered.get(anchor.fields["key_id"]) or not anchor.is_genuine(public):
            yield Finding("ANCHOR_FORGED", ANCHOR, anchor.place)
        if anchor.fields["previous_sha256"] != (hashlib.sha256(before.line).hexdigest() if before else None):
            yield Finding("ANCHOR_MISSING", ANCHOR, f"{anchor.place} 之前 before it")
        stored = hashes[anchor.sequence]
        if not rewritten and (stored is None or stored.hex() != anchor.fields["hash"]):
            # Whatever follows a changed hash differs as well: the first place is the one that tells.
            rewritten = True
            since = before.sequence + 1 if before else 1
            yield Finding("ANCHOR_DIFFERS", "audit.ledger", f"{since}–{anchor.sequence}（{anchor.place}）")
        before = anchor
    lines = {hashlib.sha256(anchor.line).digest() for anchor in written}
    for row_key, content in connection.execute(
        "select row_key, content_sha256 from audit.ledger where kind = %(kind)s"
        " union all select row_key, content_sha256 from audit.ledger_entry where kind = %(kind)s",
        {"kind": ANCHOR},
    ):
        if bytes(content) not in lines:
            yield Finding("ANCHOR_MISSING", ANCHOR, f"序号 sequence {row_key}")
    if head > (before.sequence if before else 0):
        yield Finding("ANCHOR_MISSING", ANCHOR, f"序号 sequence {head}")


def _published(name: str) -> bytes | None:
    """A public key beside the feeds, as named; None where there is none or it is another's."""
    path = settings().exports / KEYS / f"{Path(name).name}.pub"
    try:
        public = read_key(path)
    except (OSError, ValueError):
        return None
    return public if key_id(public) == name else None


def _rows(connection: psycopg.Connection, kept: Kept) -> Iterator[Finding]:
    """Rows against their newest entries. The hash is built in the query: functions of the database may be changed."""
    said = "sha256(convert_to(jsonb_strip_nulls(to_jsonb(held){})::text, 'UTF8'))"
    content = sql.SQL(said).format(sql.SQL(""))
    fixed: sql.Composable = sql.SQL("null::bytea")
    if kept.by_statement:
        content = sql.SQL("sha256(string_agg({0}, '' order by {0}))").format(content)
    if kept.changing:
        fixed = sql.SQL(said).format(sql.SQL(" - {}::text[]").format(list(kept.changing)))
    key = sql.SQL("concat_ws('/', {})").format(sql.SQL(", ").join(map(sql.Identifier, kept.key)))
    query = sql.SQL(
        "with entered as ("
        " select row_key, sequence as at, content_sha256, fixed_sha256 from audit.ledger where relation = {relation}"
        " union all select row_key, 4611686018427387904 + entry_id, content_sha256, fixed_sha256"
        " from audit.ledger_entry where relation = {relation}),"
        " newest as (select distinct on (row_key) row_key, content_sha256, fixed_sha256 from entered"
        " order by row_key, at desc),"
        # What never changes was said once: another word of it is a row that was put in another's place.
        " twice as (select row_key from entered group by row_key"
        " having count(distinct coalesce(fixed_sha256, content_sha256)) > 1"
        " or count(*) > 1 and bool_and(fixed_sha256 is null)),"
        " held as (select {key} as row_key, {content} as content_sha256, {fixed} as fixed_sha256 from {table} as held"
        " {grouped})"
        " select coalesce(newest.row_key, held.row_key), newest.row_key is null, held.row_key is null"
        " from newest full join held using (row_key) left join twice using (row_key)"
        " where newest.content_sha256 is distinct from held.content_sha256"
        " or newest.fixed_sha256 is distinct from held.fixed_sha256 or twice.row_key is not null order by 1"
    ).format(
        relation=sql.Literal(kept.relation),
        key=key,
        content=content,
        fixed=fixed,
        table=sql.Identifier(*kept.relation.split(".")),
        grouped=sql.SQL("group by {}").format(key) if kept.by_statement else sql.SQL(""),
    )
    for row_key, is_new, is_gone in connection.execute(query):
        yield Finding("ROW_INSERTED" if is_new else "ROW_MISSING" if is_gone else "ROW_CHANGED", kept.relation, row_key)


def _triggers(connection: psycopg.Connection) -> Iterator[Finding]:
    """Triggers that should be there, on, and with the arguments they were made with."""
    standing = {
        (relation, name): (bytes(arguments).decode(), enabled)
        for relation, name, arguments, enabled in connection.execute(
            "select nspname || '.' || relname, tgname, tgargs, tgenabled in ('O', 'A') from pg_trigger"
            " join pg_class on pg_class.oid = tgrelid join pg_namespace on pg_namespace.oid = relnamespace"
            " where not tgisinternal"
        )
    }
    for relation, name, wanted in _wanted_triggers():
        if standing.get((relation, name)) != (wanted, True):
            yield Finding("TRIGGER_OFF", relation, name)


def _wanted_triggers() -> Iterator[tuple[str, str, str]]:
    yield "audit.ledger", "append_only", ""
    yield "audit.ledger_entry", "append_only", ""
    yield "audit.ledger_entry", "chained_first", ""
    for kept in KEPT:
        given = (kept.kind, ", ".join(kept.key), f"{{{','.join(kept.changing)}}}",
                 "statement" if kept.by_statement else "row")  # fmt: skip
        arguments = "".join(f"{argument}\0" for argument in given)
        yield kept.relation, "append_only", ""
        yield kept.relation, "in_ledger", arguments
        if kept.changing:
            yield kept.relation, "in_ledger_again", arguments
