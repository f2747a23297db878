"""What the list amounts to, from the deliveries of its feed: who was shown, who performed after that, and how much."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from credit_warehouse.feed_consumer import Copy, read_object, steps
from credit_warehouse.feed_protocol import ADD, DELTA, MANIFEST, REMOVE

AMOUNT = re.compile(r"，([0-9]+(?:\.[0-9]{1,2})?)元$")
PERFORMED = "PERFORMED"


@dataclass
class Day:
    """One day of deliveries."""

    day: str
    added: int = 0
    removed: int = 0
    performed: int = 0
    total: int = 0


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
    """The business day that last added each entry still held, where this copy saw it come."""


def amount_of(entry: dict[str, Any]) -> Decimal | None:
    """The amount of an entry's duty, where it states just one."""
    found = AMOUNT.search(entry.get("duty_summary") or "")
    return Decimal(found[1]) if found else None


def statistics(copy: Copy, folder: Path, entries: Iterable[dict[str, Any]]) -> Statistics:
    """Sums over what is held, and days from the deliveries of ``folder`` that this copy has verified."""
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
    amounts: dict[str, Decimal | None] = {}
    days: dict[str, Day] = {}
    for step in steps(folder):
        text = (step / MANIFEST).read_bytes()
        # Only what was taken: its signature and its place in the chain have been checked.
        if copy.manifest_of(int(step.name)) != hashlib.sha256(text).hexdigest():
            continue
        manifest = read_object(text)
        delta = (step / DELTA).read_bytes()
        if hashlib.sha256(delta).hexdigest() != manifest["files"][0]["sha256"]:
            continue
        day = days.setdefault(manifest["business_date"], Day(manifest["business_date"]))
        day.total = manifest["counts"]["total"]
        for line in delta.splitlines():
            _count(json.loads(line), day, found, amounts)
    found.days = list(days.values())
    return found


def _count(change: dict[str, Any], day: Day, found: Statistics, amounts: dict[str, Decimal | None]) -> None:
    if change["op"] == REMOVE:
        found.shown_since.pop(change["id"], None)
        day.removed += 1
        if PERFORMED in change["reason"].split("|"):
            day.performed += 1
            found.performed += 1
            found.performed_amount += amounts.get(change["id"]) or 0
        return
    if change["op"] == ADD:
        found.shown_since[change["id"]] = day.day
        day.added += 1
        found.shown_ever += change["id"] not in amounts
    amounts[change["id"]] = amount_of(change["entry"])
