"""A consumer of one feed: keeps a copy, and takes a delivery only when everything it claims is true.

Knows files and SQLite, and nothing of the warehouse: a department can run it as it is, or read it before writing its
own. The rules are those of docs/feed-protocol.md.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from credit_warehouse.feed_check import lookup_keys
from credit_warehouse.feed_protocol import (
    ADD,
    ALL,
    COUNTED,
    CSV_OF,
    DELTA,
    EVENTS,
    FORMAT,
    FORMAT_WITH_EVENTS,
    FULL,
    KEY_FORMAT,
    LATEST,
    MANIFEST,
    MERGE,
    ORDER,
    RECEIPT_FORMAT,
    REMOVALS_ONLY,
    REMOVE,
    SIGNATURE,
    SPLIT,
    SetHash,
    canonical,
    document,
    is_signed,
    key_id,
    read_key,
)

STEP = re.compile(r"[0-9]{8,}")
TABLES = """
create table if not exists state (
    only integer primary key check (only = 1), key blob not null, feed text, sequence integer not null,
    previous text, entry_sum blob not null, total integer not null, business_date text, valid_until text);
create table if not exists taken (sequence integer primary key, manifest_sha256 text not null);
create table if not exists entry (id text primary key, line blob not null) without rowid;
create table if not exists event (
    id text primary key, sequence integer not null, business_date text not null, op text not null, reason text not null,
    item text not null, subject text, held text not null, settled integer not null default 0);
create table if not exists receipt (sequence integer primary key, content blob not null, written integer not null);
create table if not exists register (
    only integer primary key check (only = 1), copy_id text not null, compares integer not null, hits integer not null);
"""
LOOKUP = """
drop table if exists lookup;
create table lookup (id text primary key, number text, name text, item text) without rowid;
create index lookup_by_number on lookup (number);
create index lookup_by_name on lookup (name);
create index lookup_by_item on lookup (item);
"""
LAYOUT = 2
"""``pragma user_version`` of a copy: the lookups of an older one are made anew."""
# What each field of a manifest has to be; a field more or less is another format.
FIELDS: dict[str, type | tuple[type, ...]] = {
    "format": str, "feed": str, "product": str, "label": str, "id_field": str, "sequence": int, "business_date": str,
    "scope": str, "counts": dict, "files": list, "set_hash": str, "previous_manifest_sha256": (str, type(None)),
    "produced_at": str, "valid_until": str, "key_id": str,
}  # fmt: skip


class FeedRefused(Exception):
    """A delivery is not taken, and the copy is as it was. ``rule`` is the word of the protocol for what is wrong."""

    def __init__(self, feed: str, sequence: int, rule: str, zh: str, en: str) -> None:
        super().__init__(f"[{rule}] {feed} {sequence:08d}: {zh} | {en}")
        self.sequence = sequence
        self.rule = rule


@dataclass(frozen=True)
class Event:
    """Two that were taken for one person, or are not any more; ``held`` are the entries held on the strength of it."""

    id: str
    sequence: int
    business_date: str
    op: str
    reason: str
    item: str
    held: list[dict[str, Any]]


@dataclass(frozen=True)
class Standing:
    """Where a copy is."""

    feed: str
    sequence: int
    total: int
    set_hash: str
    business_date: str
    valid_until: str
    key_id: str


class Copy:
    """What one recipient holds of one feed, in a SQLite file or, with ``:memory:``, for the time of a verification."""

    def __init__(self, database: Path | str, key: bytes | None = None) -> None:
        """Open or begin a copy; ``key`` is the public key received by hand, needed to begin."""
        self._database = sqlite3.connect(database, isolation_level=None)
        # Lookups go on reading the copy as it was while a delivery is taken.
        self._database.execute("pragma journal_mode = wal")
        self._database.executescript(TABLES)
        if self._database.execute("pragma user_version").fetchone()[0] < LAYOUT:
            with self._transaction():
                for statement in filter(str.strip, LOOKUP.split(";")):
                    self._database.execute(statement)
                self._database.execute(
                    "insert into register values (1, lower(hex(randomblob(8))), 0, 0) on conflict do nothing"
                )
                for name, line in self._database.execute("select id, line from entry").fetchall():
                    _enter_lookup(self._database, name, read_object(line))
                self._database.execute(f"pragma user_version = {LAYOUT}")
        if key is not None:
            self._database.execute(
                "insert into state values (1, ?, null, 0, null, ?, 0, null, null)"
                " on conflict (only) do update set key = excluded.key",
                [key, SetHash().entry_sum],
            )
        elif not self._database.execute("select count(*) from state").fetchone()[0]:
            self._database.close()
            raise ValueError("新副本需要公钥 a new copy needs the publisher's public key (--key)")

    def close(self) -> None:
        self._database.close()

    def standing(self) -> Standing | None:
        """Where the copy is; nothing before the first delivery."""
        row = self._state()
        if row["feed"] is None:
            return None
        return Standing(
            row["feed"], row["sequence"], row["total"], SetHash(row["entry_sum"]).hexdigest(),
            row["business_date"], row["valid_until"], key_id(row["key"]),
        )  # fmt: skip

    def entries(self) -> Iterator[dict[str, Any]]:
        """What holds, by id."""
        for (line,) in self._database.execute("select line from entry order by id"):
            yield json.loads(line)

    def matching(self, *, number: str | None = None, name: str | None = None) -> list[dict[str, Any]]:
        """Entries under a number or a name, both as ``feed_check`` writes them."""
        column, key = ("number", number) if number is not None else ("name", name)
        found = self._database.execute(
            f"select line from entry where id in (select id from lookup where {column} = ?) order by id", [key]
        )
        return [json.loads(line) for (line,) in found]

    def count_compare(self, *, hit: bool) -> None:
        """One more look-up. The next receipt tells how many there were, and nothing of whom.

        An answer does not wait for its count: one that comes while a delivery is being taken may go uncounted.
        """
        with suppress(sqlite3.OperationalError):
            self._database.execute("update register set compares = compares + 1, hits = hits + ?", [int(hit)])

    def hurry(self) -> None:
        """For look-ups: losing the last counts to a power cut is no harm, waiting for the disk each time would be."""
        self._database.execute("pragma synchronous = normal")
        self._database.execute("pragma busy_timeout = 20")

    def events(self) -> list[Event]:
        """Splits and merges that nobody has settled yet, in the order in which they were told."""
        found = self._database.execute(
            "select id, sequence, business_date, op, reason, item, held from event where not settled"
            " order by sequence, op desc, id"
        ).fetchall()
        return [
            Event(name, sequence, day, op, reason, item, json.loads(held))
            for name, sequence, day, op, reason, item, held in found
        ]

    def settle(self, event: str) -> bool:
        """Whatever was done on the strength of a split is undone: forget whom it concerned. ``False`` if unknown."""
        done = self._database.execute("update event set settled = 1, held = '[]' where id = ?", [event])
        return done.rowcount == 1

    def manifest_of(self, sequence: int) -> str | None:
        """SHA-256 of the manifest that was taken under this number."""
        known = self._database.execute("select manifest_sha256 from taken where sequence = ?", [sequence]).fetchone()
        return known[0] if known else None

    def last_taken_at(self) -> datetime | None:
        """When the newest delivery was taken."""
        row = self._database.execute("select content from receipt order by sequence desc limit 1").fetchone()
        return datetime.fromisoformat(read_object(row[0])["applied_at"]) if row else None

    def unwritten_receipts(self) -> list[tuple[int, bytes]]:
        """Receipts that still have to be handed over: they came to be with the delivery, in one transaction."""
        return self._database.execute("select sequence, content from receipt where not written order by 1").fetchall()

    def receipt_written(self, sequence: int) -> None:
        self._database.execute("update receipt set written = 1 where sequence = ?", [sequence])

    def take_anew(self, step: Path, keys: Path) -> None:
        """Replace everything held by the full set of a later delivery, after a gap that nobody can fill."""
        with self._transaction():
            _Delivery(self._database, self._state(), step, keys).take(anew=True)

    def begin_at(self, sequence: int) -> None:
        """Begin an empty copy with the full set of ``sequence`` instead of the first delta."""
        self._database.execute("update state set sequence = ? where feed is null", [sequence - 1])

    def take(self, step: Path, keys: Path) -> bool:
        """Take one delivery; ``False`` if it was taken before. Raises FeedRefused and changes nothing otherwise."""
        with self._transaction():
            return _Delivery(self._database, self._state(), step, keys).take()

    def catch_up(self, folder: Path, keys: Path) -> list[int]:
        """Take everything new in the folder of a feed, in order; return the sequences taken.

        Everything before a refused delivery stays taken.
        """
        taken: list[int] = []
        while True:
            before = len(taken)
            for step in steps(folder):
                state = self._state()
                # The newest one held is looked at again: it must not have changed behind its number.
                again = state["feed"] is not None and int(step.name) == state["sequence"]
                if (again or int(step.name) > state["sequence"]) and self.take(step, keys):
                    taken.append(int(step.name))
            if len(taken) == before:
                self._check_latest(folder)
                return taken

    def check_fresh(self, now: datetime) -> None:
        """Raise FeedRefused when the newest delivery no longer vouches for the copy."""
        held = self.standing()
        if held and now > datetime.fromisoformat(held.valid_until):
            raise FeedRefused(
                held.feed, held.sequence, "EXPIRED", f"有效期至 {held.valid_until}，此后未收到新的清单",
                f"valid until {held.valid_until}, and nothing has come since",
            )  # fmt: skip

    def _check_latest(self, folder: Path) -> None:
        """``latest.json`` is a pointer: it must not know of more than was found, nor say anything else."""
        state = self._state()
        text = (folder / LATEST).read_bytes() if (folder / LATEST).exists() else b""
        said = read_object(text).get("sequence")
        told = said if type(said) is int else 0
        known = self._database.execute("select manifest_sha256 from taken where sequence = ?", [told]).fetchone()
        if told > state["sequence"]:
            missing = state["sequence"] + 1
            raise FeedRefused(
                state["feed"] or folder.name, missing, "GAP", f"缺少该清单，最新为 {told:08d}",
                f"this delivery is missing, the newest is {told:08d}; ask for it again",
            )  # fmt: skip
        if known != (hashlib.sha256(text).hexdigest(),):
            raise FeedRefused(
                state["feed"] or folder.name, state["sequence"], "LATEST", "latest.json 与清单不符",
                "latest.json is the manifest of no delivery that was taken",
            )  # fmt: skip

    def _state(self) -> dict[str, Any]:
        cursor = self._database.execute("select * from state")
        return dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._database.execute("rollback")
            raise
        self._database.execute("commit")


class _Delivery:
    """One numbered folder, checked against the copy it comes to."""

    def __init__(self, database: sqlite3.Connection, state: dict[str, Any], step: Path, keys: Path) -> None:
        self.database, self.state, self.step, self.keys = database, state, step, keys
        self.text = self._read(MANIFEST)
        self.manifest = read_object(self.text)

    def take(self, *, anew: bool = False) -> bool:
        manifest, state = self.manifest, self.state
        wrong = self._misshapen()
        if wrong:
            raise self._refused("FORMAT", f"清单字段不符：{wrong}", f"the manifest is not {FORMAT}: {wrong}")
        sequence, sha256 = manifest["sequence"], hashlib.sha256(self.text).hexdigest()
        if state["feed"] not in (None, manifest["feed"]) or f"{sequence:08d}" != self.step.name:
            raise self._refused("MISPLACED", "不属于此处", f"it is {manifest['feed']} {sequence:08d}, found elsewhere")
        if sequence <= state["sequence"]:
            known = self.database.execute("select manifest_sha256 from taken where sequence = ?", [sequence]).fetchone()
            if known and known[0] != sha256:
                raise self._refused("FORK", "同一序号两种内容", "this number was taken before with other content")
            return False
        key = self._key()
        if not is_signed(key, self._read(SIGNATURE), self.text):
            raise self._refused("SIGNATURE", "签名不符", f"not signed by key {key_id(key)}")
        first = anew or (state["feed"] is None and state["sequence"] > 0)
        missing = state["sequence"] + 1
        if (sequence != missing and not anew) or (first and manifest["scope"] != ALL):
            raise self._refused("GAP", f"缺少 {missing:08d}", f"{missing:08d} is missing; ask for it again")
        if not first and manifest["previous_manifest_sha256"] != state["previous"]:
            raise self._refused("CHAIN", "与上一清单不衔接", "it does not follow the manifest taken before")
        rows = {claim["name"]: claim.get("rows") for claim in manifest["files"]}
        for claim in manifest["files"]:
            self._check_file(claim)
        for lines, table in CSV_OF.items():
            # A line more: the names of the columns.
            if table in rows and rows[table] != rows[lines] + 1:
                raise self._refused("COUNTS", f"{table} 条数不符", f"{table} has not the lines of {lines}")
        if anew:
            self.database.execute("delete from entry")
            self.database.execute("delete from lookup")
        entry_sum = SetHash() if anew else SetHash(state["entry_sum"])
        total = self._load_full(entry_sum) if first else state["total"] + self._apply_delta(entry_sum)
        if total != manifest["counts"]["total"]:
            raise self._refused("COUNTS", "全集条数不符", f"{total} entries, told {manifest['counts']['total']}")
        if entry_sum.hexdigest() != manifest["set_hash"]:
            raise self._refused("SET_HASH", "应用后的全集哈希不符", "the set after this delta is not the publisher's")
        if manifest["scope"] == ALL and not first:
            self._compare_full(total)
        self.database.execute("insert into taken values (?, ?)", [sequence, sha256])
        self.database.execute(
            "update state set key = ?, feed = ?, sequence = ?, previous = ?, entry_sum = ?, total = ?,"
            " business_date = ?, valid_until = ?",
            [key, manifest["feed"], sequence, sha256, entry_sum.entry_sum, total, manifest["business_date"],
             manifest["valid_until"]],
        )  # fmt: skip
        self._write_receipt(sha256, entry_sum.hexdigest(), "full" if first else "delta")
        return True

    def _write_receipt(self, manifest_sha256: str, set_hash: str, took: str) -> None:
        """Part of the delivery's own transaction: no copy without its receipt, no receipt without its copy."""
        copy_id, compares, hits = self.database.execute("select copy_id, compares, hits from register").fetchone()
        told = {
            "format": RECEIPT_FORMAT, "feed": self.manifest["feed"], "sequence": self.manifest["sequence"],
            "manifest_sha256": manifest_sha256, "set_hash": set_hash, "counts": self.manifest["counts"], "took": took,
            "applied_at": datetime.now().astimezone().isoformat(timespec="seconds"), "copy_id": copy_id,
            "compares": compares, "hits": hits,
        }  # fmt: skip
        told["sha256"] = hashlib.sha256(canonical(told)).hexdigest()
        self.database.execute("insert into receipt values (?, ?, 0)", [told["sequence"], document(told)])
        self.database.execute("update register set compares = 0, hits = 0")

    def _misshapen(self) -> str | None:
        """The first field that is not what the format says."""
        manifest = self.manifest
        if manifest.get("format") not in (FORMAT, FORMAT_WITH_EVENTS):
            return "format"
        if manifest.keys() != FIELDS.keys():
            return ", ".join(sorted(map(str, manifest.keys() ^ FIELDS.keys())))
        for name, kind in FIELDS.items():
            if not isinstance(manifest[name], kind) or isinstance(manifest[name], bool):
                return name
        try:
            for name in ("produced_at", "valid_until"):
                if datetime.fromisoformat(manifest[name]).tzinfo is None:
                    return name
        except ValueError:
            return name
        counts = manifest["counts"]
        if counts.keys() != {*self._counted().values(), "total"} or not all(
            type(value) is int for value in counts.values()
        ):
            return "counts"
        if manifest["scope"] not in (ALL, REMOVALS_ONLY):
            return "scope"
        names = [file.get("name") if isinstance(file, dict) else None for file in manifest["files"]]
        own = [DELTA, FULL][: 2 if manifest["scope"] == ALL else 1]
        return None if names in (own, [*own, *(CSV_OF[name] for name in own)]) else "files"

    def _key(self) -> bytes:
        """The key that signs this manifest: the one held, or a successor that it vouches for, step by step.

        It goes forward only: what a retired key signs is not believed any more.
        """
        held: bytes = self.state["key"]
        passed: set[str] = set()
        while key_id(held) != self.manifest["key_id"]:
            passed.add(key_id(held))
            successor = next(self._announced_by(held), None)
            if successor is None or key_id(successor) in passed:
                raise self._refused(
                    "KEY", f"密钥未由 {key_id(held)} 公告",
                    f"its key is not announced by {key_id(held)}; get it from the publisher by hand",
                )  # fmt: skip
            held = successor
        return held

    def _announced_by(self, held: bytes) -> Iterator[bytes]:
        for path in sorted(self.keys.glob("*.json")):
            content, signature = path.read_bytes(), path.with_suffix(".sig")
            if signature.exists() and is_signed(held, signature.read_bytes(), content):
                told = read_object(content)
                if told.get("format") == KEY_FORMAT and told.get("previous_key_id") == key_id(held):
                    yield bytes.fromhex(told["public_key"])

    def _check_file(self, claim: dict[str, Any]) -> None:
        digest, size, rows = hashlib.sha256(), 0, 0
        path = self.step / claim["name"]
        if not path.is_file():
            raise self._refused("FILE", f"缺少 {claim['name']}", f"{claim['name']} is missing")
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
                rows += block.count(b"\n")
        found = {"name": claim["name"], "rows": rows, "bytes": size, "sha256": digest.hexdigest()}
        if found != claim:
            differs = ", ".join(
                sorted(name for name in found.keys() | claim.keys() if found.get(name) != claim.get(name))
            )
            raise self._refused("FILE", f"{claim['name']} 与清单不符", f"{claim['name']} differs in {differs}")

    def _apply_delta(self, entry_sum: SetHash) -> int:
        """Apply every change to the copy and to its sum; return by how much it grew."""
        done, events, last = dict.fromkeys(self._counted().values(), 0), list[dict[str, Any]](), 0
        for number, raw in enumerate(self._lines(DELTA), start=1):
            change = read_object(raw)
            wrong = self._unfit(change)
            if not wrong and self.manifest["format"] == FORMAT_WITH_EVENTS:
                place = ORDER.index(change["op"])
                wrong, last = "op: order" if place < last else None, place
            if wrong:
                raise self._refused("DELTA", f"第 {number} 行：{wrong}", f"line {number}: {wrong}")
            done[self._counted()[change["op"]]] += 1
            if change["op"] in EVENTS:
                self._enter_event(number, change)
                events.append(change)
            else:
                self._apply_change(number, change, entry_sum)
        told = {name: self.manifest["counts"][name] for name in done}
        if done != told:
            raise self._refused("COUNTS", "增改删条数不符", f"counted {done}, told {told}")
        for change in events:
            self._check_event(change)
        return done[COUNTED[ADD]] - done[COUNTED[REMOVE]]

    def _apply_change(self, number: int, change: dict[str, Any], entry_sum: SetHash) -> None:
        op, name, entry = change["op"], change["id"], change["entry"]
        held = self.database.execute("select line from entry where id = ?", [name]).fetchone()
        if (op == ADD) != (held is None):
            en = "adds what is held" if held else f"{op} of what is not held"
            raise self._refused("DELTA", f"第 {number} 行与所持条目不符", f"line {number} {en}")
        if held:
            entry_sum.remove(held[0])
        if op == REMOVE:
            self.database.execute("delete from entry where id = ?", [name])
            self.database.execute("delete from lookup where id = ?", [name])
        else:
            line = canonical(entry)
            entry_sum.add(line)
            self.database.execute("insert or replace into entry values (?, ?)", [name, line])
            _enter_lookup(self.database, name, entry)

    def _enter_event(self, number: int, change: dict[str, Any]) -> None:
        """Keep it with what was held of it before this delivery: it restricts nobody and frees nobody itself."""
        who = change["entry"]
        held = self._held_of(who) if change["op"] == SPLIT else []
        said = (change["op"], who["item_id"], who.get("subject_id"))
        query = "select op, item, subject from event where id = ?"
        known = self.database.execute(query, [change["id"]]).fetchone()
        if known == said:
            return
        if known:
            raise self._refused("DELTA", f"第 {number} 行与已告知者不符", f"line {number} was told before otherwise")
        self.database.execute(
            "insert into event (id, sequence, business_date, op, reason, item, subject, held)"
            " values (?, ?, ?, ?, ?, ?, ?, ?)",
            [change["id"], self.manifest["sequence"], self.manifest["business_date"], change["op"], change["reason"],
             who["item_id"], who.get("subject_id"), json.dumps(held, ensure_ascii=False)],
        )  # fmt: skip

    def _check_event(self, change: dict[str, Any]) -> None:
        """After the whole delta nothing is held of whom it splits off, and something of whom it merges."""
        held = self._held_of(change["entry"])
        if change["op"] == MERGE and not held:
            raise self._refused("DELTA", "MERGE 无相应条目", "MERGE of what is not held")
        # Where entries do not name their subject, the same entry may be another's now.
        if change["op"] == SPLIT and held and "subject_id" in change["entry"]:
            raise self._refused("DELTA", "SPLIT 后仍有相应条目", "SPLIT of what is held still")

    def _held_of(self, who: dict[str, Any]) -> list[dict[str, Any]]:
        found = self.database.execute(
            "select line from entry where id in (select id from lookup where item = ?) order by id", [who["item_id"]]
        )
        entries = [read_object(line) for (line,) in found]
        return [entry for entry in entries if who.get("subject_id") in (None, entry.get("subject_id"))]

    def _counted(self) -> dict[str, str]:
        return COUNTED if self.manifest["format"] == FORMAT else {**COUNTED, **EVENTS}

    def _unfit(self, change: dict[str, Any]) -> str | None:
        if change.keys() != {"op", "id", "reason", "entry"} or not isinstance(change["id"], str):
            return "op, id, reason, entry"
        if change["op"] not in list(self._counted()):
            return "op"
        if change["op"] == REMOVE:
            return None if change["entry"] is None and change["reason"] else "REMOVE: reason, entry"
        if change["op"] == SPLIT:
            return _unfit_event(change)
        if self.manifest["scope"] == REMOVALS_ONLY:
            return "scope removals_only"
        if change["op"] == MERGE:
            return _unfit_event(change)
        if change["reason"] is not None or not isinstance(change["entry"], dict):
            return "reason, entry"
        return None if change["entry"].get(self.manifest["id_field"]) == change["id"] else "id"

    def _load_full(self, entry_sum: SetHash) -> int:
        total = 0
        for raw in self._lines(FULL):
            entry_sum.add(raw)
            try:
                entry = read_object(raw)
                self.database.execute("insert into entry values (?, ?)", [entry[self.manifest["id_field"]], raw])
                _enter_lookup(self.database, entry[self.manifest["id_field"]], entry)
            except (KeyError, sqlite3.Error):
                raise self._refused("FULL", "全集条目无标识或重复", "an entry without id, or twice") from None
            total += 1
        return total

    def _compare_full(self, total: int) -> None:
        """The full set is what the deltas come to: as many lines, and the same hash."""
        full, rows = SetHash(), 0
        for raw in self._lines(FULL):
            full.add(raw)
            rows += 1
        if (rows, full.hexdigest()) != (total, self.manifest["set_hash"]):
            raise self._refused("FULL", "全集与逐日变更不符", "the full set is not what the deltas come to")

    def _lines(self, name: str) -> Iterator[bytes]:
        with (self.step / name).open("rb") as file:
            for line in file:
                yield line.removesuffix(b"\n")

    def _read(self, name: str) -> bytes:
        try:
            return (self.step / name).read_bytes()
        except FileNotFoundError:
            raise self._refused("FILE", f"缺少 {name}", f"{name} is missing") from None

    def _refused(self, rule: str, zh: str, en: str) -> FeedRefused:
        return FeedRefused(self.state["feed"] or self.step.parent.name, int(self.step.name), rule, zh, en)


def _unfit_event(change: dict[str, Any]) -> str | None:
    who = change["entry"]
    fits = isinstance(who, dict) and isinstance(who.get("item_id"), str) and isinstance(change["reason"], str)
    if not fits or set(who) - {"item_id"} not in (set(), {"subject_id", "identity_tier"}):
        return f"{change['op']}: reason, entry"
    return None if all(isinstance(value, str) for value in who.values()) else f"{change['op']}: entry"


def _enter_lookup(database: sqlite3.Connection, name: str, entry: dict[str, Any]) -> None:
    item = entry.get("item_id")
    database.execute(
        "insert or replace into lookup values (?, ?, ?, ?)",
        [name, *lookup_keys(entry), item if isinstance(item, str) else None],
    )


def steps(folder: Path) -> list[Path]:
    """The numbered folders of a feed, oldest first."""
    return sorted(
        (path for path in folder.iterdir() if STEP.fullmatch(path.name) and path.is_dir()), key=lambda p: int(p.name)
    )


def newest_full(folder: Path) -> int:
    """Where a new copy begins: the newest delivery that brings the full set."""
    return max((int(step.name) for step in steps(folder) if (step / FULL).exists()), default=1)


def published_key(folder: Path, keys: Path, start: int) -> bytes:
    """The key that the delivery ``start`` says it is signed with, as published beside it: a claim, and no proof."""
    text = folder / f"{start:08d}" / MANIFEST
    name = str(read_object(text.read_bytes()).get("key_id")) if text.exists() else ""
    path = keys / f"{name}.pub"
    if not re.fullmatch(r"[0-9a-f]{16}", name) or not path.exists():
        raise FeedRefused(folder.name, start, "KEY", "找不到其公钥", "its public key is not published here")
    return read_key(path)


def verify(folder: Path, keys: Path, key: bytes, start: int = 1) -> Copy:
    """Follow a feed from ``start`` to its newest delivery in memory; raises FeedRefused at the first that is wrong."""
    copy = Copy(":memory:", key)
    try:
        copy.begin_at(start)
        copy.catch_up(folder, keys)
    except BaseException:
        copy.close()
        raise
    return copy


def read_object(text: bytes) -> dict[str, Any]:
    """A JSON object; an empty one for anything else, which then lacks every field."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
