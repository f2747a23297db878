"""What the list amounts to, from the deliveries of its feed: who was shown, who performed after that, and how much.

A copy vouches for what it has taken, and each delivery names the one before it by its hash: so the history reaches back
as far as the folder does, also where the copy itself began later.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from credit_warehouse.feed_consumer import Copy, read_object, steps
from credit_warehouse.feed_protocol import ADD, DELTA, FULL, MANIFEST, REMOVE, UPDATE

AMOUNT = re.compile(r"，([0-9]+(?:\.[0-9]{1,2})?)元$")
PERFORMED = "PERFORMED"


@dataclass
class Day:
    """One day of deliveries; amounts in yuan, of those entries that state one."""

    day: str
    added: int = 0
    removed: int = 0
    performed: int = 0
    total: int = 0
    shown_ever: int = 0
    """Entries that were ever shown, up to the end of the day."""
    amount: Decimal = Decimal(0)
    """Of what is listed at the end of the day."""
    performed_amount: Decimal = Decimal(0)


@dataclass
class Statistics:
    """Numbers of the whole list; amounts in yuan, of those entries that state one."""

    persons: int = 0
    organisations: int = 0
    amount: Decimal = Decimal(0)
    with_amount: int = 0
    shown_ever: int = 0
    performed: int = 0
    performed_amount: Decimal = Decimal(0)
    courts: int = 0
    days: list[Day] = field(default_factory=list)
    shown_since: dict[str, str] = field(default_factory=dict)
    """The business day that last added each entry still held, where a verified delivery tells of it."""


def amount_of(entry: dict[str, Any]) -> Decimal | None:
    """The amount of an entry's duty, where it states just one."""
    found = AMOUNT.search(entry.get("duty_summary") or "")
    return Decimal(found[1]) if found else None


def statistics(copy: Copy, folder: Path, entries: Iterable[dict[str, Any]]) -> Statistics:
    """Sums over what is held, and days from the deliveries of ``folder`` that are verified."""
    found = Statistics()
    courts = set()
    for entry in entries:
        if entry["subject_kind"] == "person":
            found.persons += 1
        else:
            found.organisations += 1
        courts.add(entry.get("court_name"))
        yuan = amount_of(entry)
        if yuan is not None:
            found.amount += yuan
            found.with_amount += 1
    found.courts = len(courts)
    history = _History(found)
    for step, manifest in _verified(copy, folder):
        history.take(step, manifest)
    found.days = list(history.days.values())
    found.shown_since = {name: day for name, day in history.since.items() if day}
    return found


def _verified(copy: Copy, folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Deliveries in their order whose manifest was taken, or is the one that a verified successor names."""
    found: list[tuple[Path, dict[str, Any]]] = []
    named: dict[int, str | None] = {}
    for step in reversed(list(steps(folder))):
        text, sequence = (step / MANIFEST).read_bytes(), int(step.name)
        if hashlib.sha256(text).hexdigest() in (copy.manifest_of(sequence), named.get(sequence)):
            manifest = read_object(text)
            named[sequence - 1] = manifest["previous_manifest_sha256"]
            found.append((step, manifest))
    return reversed(found)


class _History:
    """What is held after each delivery, as far as the days need it."""

    def __init__(self, found: Statistics) -> None:
        self.found = found
        self.days: dict[str, Day] = {}
        self.sequence = 0
        self.held: dict[str, Decimal | None] = {}
        self.since: dict[str, str] = {}
        """Empty where only a full set tells of the entry."""
        self.ever: dict[str, Decimal | None] = {}
        self.amount = Decimal(0)

    def take(self, step: Path, manifest: dict[str, Any]) -> None:
        """One verified delivery. After a gap the full set says what is held; before there is one, nothing is told."""
        follows = manifest["sequence"] == self.sequence + 1
        files = {file["name"]: file["sha256"] for file in manifest["files"]}
        if not follows and FULL not in files:
            return
        delta = _lines(step / DELTA, files[DELTA])
        full = None if follows else _lines(step / FULL, files[FULL])
        if delta is None or (full is None and not follows):
            return
        self.sequence = manifest["sequence"]
        day = self.days.setdefault(manifest["business_date"], Day(manifest["business_date"]))
        for change in delta:
            self._count(change, day)
        if full is not None:
            self._begin({entry[manifest["id_field"]]: amount_of(entry) for entry in full})
        day.total = manifest["counts"]["total"]
        day.amount, day.shown_ever = self.amount, self.found.shown_ever

    def _begin(self, held: dict[str, Decimal | None]) -> None:
        self.held, self.amount = held, sum((yuan for yuan in held.values() if yuan is not None), Decimal(0))
        self.found.shown_ever += len(held.keys() - self.ever.keys())
        self.ever.update(held)
        self.since = {name: self.since.get(name, "") for name in held}

    def _count(self, change: dict[str, Any], day: Day) -> None:
        name = change["id"]
        if change["op"] == REMOVE:
            day.removed += 1
            self.since.pop(name, None)
            self.amount -= self.held.pop(name, None) or 0
            if PERFORMED in change["reason"].split("|"):
                yuan = self.ever.get(name) or Decimal(0)
                day.performed += 1
                day.performed_amount += yuan
                self.found.performed += 1
                self.found.performed_amount += yuan
        elif change["op"] in (ADD, UPDATE):
            if change["op"] == ADD:
                day.added += 1
                self.since[name] = day.day
                self.found.shown_ever += name not in self.ever
            yuan_now = amount_of(change["entry"])
            self.amount += (yuan_now or 0) - (self.held.get(name) or 0)
            self.held[name] = self.ever[name] = yuan_now


def _lines(path: Path, sha256: str) -> list[dict[str, Any]] | None:
    """The objects of a file that is what its manifest says."""
    content = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(content).hexdigest() != sha256:
        return None
    return [json.loads(line) for line in content.split(b"\n") if line]
