"""The chain of one item, link by link. What was removed is explained from the same tables as what stands."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from credit_warehouse.db import connect
from credit_warehouse.declarations import Source, load_source
from credit_warehouse.explain import deliveries, lines, queries
from credit_warehouse.report.masking import masked, scrubbed

Kind = Literal["publication", "directive", "item"]
PRODUCTS: dict[Kind, tuple[str, ...]] = {
    "publication": ("exposure_publication",),
    "directive": ("punishment_directive",),
    "item": ("exposure_publication", "restricted_notice", "punishment_directive"),
}
Row = dict[str, Any]
PERSONAL = ("subject_name", "identifier_shown")
GATE_VALUES = ("expected", "observed")


class UnknownId(LookupError):
    """No item, listing or directive has this id."""


def explain(kind: Kind, given: str, *, original: bool = False) -> Row:
    """The chain behind ``given``: an item_id, a listing number of the court or a directive_id.

    With ``original`` the full lines are read from the archive and every reading is logged. Raises UnknownId, and
    ArchiveDamaged for an original that is missing or changed.
    """
    with connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        found = _Chain(cursor, kind, given.strip()).links()
    if original:
        for row in [*found["messages"], *found["objections"], *found["repairs"]]:
            # Row 0 is an absence from a snapshot: there is no line to read.
            if row["row_no"] and not row["original_removed_at"]:
                row["original"] = lines.original_line(row, found["item_id"])
    return found


class _Chain:
    """The questions asked of one database about one item."""

    def __init__(self, cursor: psycopg.Cursor[Row], kind: Kind, given: str) -> None:
        self._cursor = cursor
        self._kind = kind
        self._parameters: Row = {}
        if not self._one(queries.IS_BUILT)["is_built"]:
            raise UnknownId("尚未构建档案，没有可说明的条目 nothing was built yet: there is no item to explain")
        self._directive, self._item, self._source = self._resolve(given)
        self._parameters = {
            "item": self._item,
            "source": self._source.name,
            "entries": [self._directive] if self._directive else [],
        }

    def links(self) -> Row:
        """Every link of the chain."""
        messages = self._messages()
        removals = self._rows(queries.REMOVALS)
        objections = self._rows(queries.OBJECTIONS)
        repairs = self._rows(queries.REPAIRS)
        batches = self._batches([*messages, *removals, *objections, *repairs])
        rejections = self._rows(queries.REJECTIONS, batches=list(batches))
        for row in messages:
            row |= batches[row["batch_id"]]
            row["rejected"] = [
                found
                for found in rejections
                if (found["batch_id"], found["row_no"]) == (row["batch_id"], row["row_no"])
            ]
            row["line"] = lines.masked_line(self._cursor, load_source(row["source"]), row)
        for row in [*objections, *repairs]:
            row |= batches[row["batch_id"]]
        sent = self._deliveries(messages)
        listing, decision = self._first(queries.LISTING), self._first(queries.DECISION)
        found = {
            "kind": self._kind,
            "item_id": self._item,
            "directive_id": self._directive,
            "source": self._one(queries.SOURCE),
            "versions": self._rows(queries.VERSIONS),
            "messages": messages,
            "identity": _identity(messages, listing, sent),
            "listing": listing,
            "decision": decision,
            "rules": self._rules(listing, decision, removals, sent),
            "measures": self._rows(queries.MEASURES, entries=[row["entry_id"] for row in sent]),
            "gates": self._gates(messages, sent),
            "deliveries": sent,
            "removals": removals,
            "objections": objections,
            "repairs": repairs,
        }
        return _without_persons(found)

    def _resolve(self, given: str) -> tuple[str | None, str, Source]:
        directive = self._first(queries.DIRECTIVE, id=given)
        listing = self._one(queries.LISTING_TOKEN, id=given)["item_id"]
        candidates = [directive["item_id"]] if directive else [given, listing]
        known = self._first(queries.KNOWN_ITEM, candidates=candidates)
        if known:
            # Asked for the item or the publication, a directive leads to it and to all that was made of it.
            narrowed = given if directive and self._kind == "directive" else None
            return narrowed, known["item_id"], load_source(known["source"])
        for row in self._rows(queries.ITEM_SOURCES):
            for item in candidates:
                if self._rejected(row["source"], item):
                    return None, item, load_source(row["source"])
        # The id is not repeated: it may be a number of a person.
        raise UnknownId(
            "没有这个标识：请给出条目标识、法院记录号或指令标识"
            " unknown id: give an item_id, a listing number of the court or a directive_id"
        )

    def _messages(self) -> list[Row]:
        """What was said about the item, taken in or rejected."""
        taken = [{**row, "verdict": "accepted"} for row in self._rows(queries.MESSAGES)]
        rejected = self._rejected(self._source.name, self._item)
        keys = self._keys([*taken, *rejected])
        unread = self._rows(queries.REJECTED_AT_LOAD, keys=json.dumps(keys)) if keys else []
        nothing = dict.fromkeys(taken[0] if taken else rejected[0])
        # One row may break several rules.
        places = {
            (row["batch_id"], row["row_no"]): {**nothing, **row, "verdict": "rejected"} for row in rejected + unread
        }
        return sorted([*taken, *places.values()], key=lambda row: (row["batch_id"], row["row_no"]))

    def _rejected(self, source: str, item: str) -> list[Row]:
        query = sql.SQL(queries.REJECTED_MESSAGES).format(staging=sql.Identifier(f"stg_{source}"))
        return self._cursor.execute(query, {"item": item}).fetchall()

    def _keys(self, messages: Iterable[Row]) -> list[list[str]]:
        columns = sql.SQL(", ").join(map(sql.Identifier, self._source.ingest.key))
        query = sql.SQL(queries.KEYS_OF_ROW).format(columns=columns, raw=sql.Identifier(self._source.name))
        found = [self._cursor.execute(query, [row["batch_id"], row["row_no"]]).fetchone() for row in messages]
        return [row["key"] for row in found if row]

    def _batches(self, rows: Iterable[Row]) -> dict[int, Row]:
        ids = {row["batch_id"] for row in rows if row["batch_id"] is not None}
        return {row["batch_id"]: row for row in self._rows(queries.BATCHES, batches=sorted(ids))}

    def _deliveries(self, messages: list[Row]) -> list[Row]:
        entries = [
            row
            for row in self._rows(queries.ENTRIES)
            if row["product"] in PRODUCTS[self._kind] and self._directive in (None, row["entry_id"])
        ]
        ledger = self._rows(
            queries.LEDGER,
            feeds=sorted({row["feed"] for row in entries}),
            since=min(row["received_at"] for row in messages),
        )
        return deliveries.of(entries, ledger)

    def _rules(self, listing: Row | None, decision: Row | None, removals: list[Row], sent: list[Row]) -> Row:
        reasons = {row["reason"] for row in removals}
        for row in [decision or {}, *sent]:
            for column in ("exposure_reasons", "directive_reasons", "notice_reasons", "reason"):
                reasons.update((row.get(column) or "").split("|"))
        causes = {row["cause"] for row in removals} | {(listing or {}).get("delete_reason")}
        clocks = {row["clock_id"] for row in removals}
        return {
            "exclusions": self._rows(queries.EXCLUSIONS, reasons=_present(reasons)),
            "causes": self._rows(queries.CAUSES, causes=_present(causes)),
            "clocks": self._rows(queries.CLOCKS, clocks=_present(clocks)),
            "terms": self._rows(queries.TERMS),
        }

    def _gates(self, messages: list[Row], sent: list[Row]) -> list[Row]:
        builds = {row["build_id"] for row in [*messages, *sent] if row["build_id"] is not None}
        return self._rows(
            queries.GATES,
            batches=sorted({row["batch_id"] for row in messages}),
            builds=sorted(builds),
            products=list(PRODUCTS[self._kind]),
        )

    def _rows(self, query: LiteralString, **parameters: Any) -> list[Row]:
        return self._cursor.execute(query, {**self._parameters, **parameters}).fetchall()

    def _first(self, query: LiteralString, **parameters: Any) -> Row | None:
        return self._cursor.execute(query, {**self._parameters, **parameters}).fetchone()

    def _one(self, query: LiteralString, **parameters: Any) -> Row:
        found = self._first(query, **parameters)
        assert found is not None
        return found


def _present(values: Iterable[str | None]) -> list[str]:
    return sorted({value for value in values if value})


def _identity(messages: list[Row], listing: Row | None, sent: list[Row]) -> Row:
    """What the newest described message says of who it is, and the tier that left with it."""
    described = [row for row in messages if row["identifier_verdict"] and row["verdict"] == "accepted"]
    newest = described[-1] if described else {}
    tiers = [row["identity_tier"] for row in sent if row["identity_tier"]]
    return {
        "identifier_verdict": newest.get("identifier_verdict"),
        "identifier_shown": newest.get("identifier_shown"),
        "subject_id": newest.get("subject_id"),
        "tier": tiers[-1] if tiers else None,
        "is_minor": (listing or {}).get("is_minor"),
        "has_identity_conflict": (listing or {}).get("has_identity_conflict"),
    }


def _without_persons(found: Row) -> Row:
    """Names and numbers masked wherever a table keeps them; values that gates saw are scrubbed like any message."""
    for row in [*found["versions"], *found["messages"], found["identity"]]:
        for column in PERSONAL:
            if row.get(column):
                row[column] = masked(row[column])
        if row.get("item_title"):
            row["item_title"] = scrubbed(row["item_title"])
    for gate in found["gates"]:
        gate.update({column: scrubbed(gate[column] or "") for column in GATE_VALUES})
    return found
