"""What must come out: written from what was planted and from the law, never from the warehouse's own rules.

Files under ``truth/`` (UTF-8, header line, ``\\n``):

* ``subjects.csv``: subject_no, kind, name, identifier_type, identifier, birth_date, sex, region
* ``items.csv``: business_date, source, source_key, subject_no, status - after the deliveries that arrived by that day;
  status is ACTIVE, DELETED or REVOKED where the provider says so, ABSENT where a snapshot leaves out what stood in
  the one before; an empty subject_no is an orphan. ``source_key`` holds the key columns as meant, joined with ``|``
* ``exposure.csv``, ``directives.csv``: business_date, court_id, expected, reason (joined with ``|``, sorted)
* ``officers.csv``: business_date, order_id, subject_no, relation, court_id, expected - every order in force that names
  a person with a whole number beside a listed unit (``court_id``: the unit's listing in the case of the order);
  whether a measure may reach the person because of it, if its text names the office
* ``notices.csv``: business_date, court_id, unit - who is told of a listing that may not be published
* ``listings.csv``: business_date, court_id, status, in_record - status is ACTIVE, SUPPRESSED (the court keeps it, but
  it is not used as it stands), EXPIRED, DELETED or REVOKED; what was upheld to be wrong is in nobody's record
* ``rejects.csv``: business_date, source, file, record_no, rule
* ``deliveries.csv``: business_date, source, file, sha256, rows, note, delivered_on
* ``planted.csv``: business_date, source, source_key, subject_no, label - every special case, from which day on
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from credit_warehouse.sandbox.bank import Banks
from credit_warehouse.sandbox.court import Court, Listing, Message
from credit_warehouse.sandbox.court_orders import Limit
from credit_warehouse.sandbox.period import Period, Plant
from credit_warehouse.sandbox.population import Person, Population, Subject
from credit_warehouse.sandbox.registry import ENTITIES, Registry
from credit_warehouse.sandbox.responses import INACCURATE, Objection, Repair, Responses
from credit_warehouse.sandbox.tax import TaxOffice
from credit_warehouse.sandbox.writers import Written

COLUMNS = {
    "subjects": (
        "subject_no",
        "kind",
        "name",
        "identifier_type",
        "identifier",
        "birth_date",
        "sex",
        "region",
    ),
    "items": ("business_date", "source", "source_key", "subject_no", "status"),
    "exposure": ("business_date", "court_id", "expected", "reason"),
    "directives": ("business_date", "court_id", "expected", "reason"),
    "officers": ("business_date", "order_id", "subject_no", "relation", "court_id", "expected"),
    "notices": ("business_date", "court_id", "unit"),
    "listings": ("business_date", "court_id", "status", "in_record"),
    "rejects": ("business_date", "source", "file", "record_no", "rule"),
    "deliveries": ("business_date", "source", "file", "sha256", "rows", "note", "delivered_on"),
    "planted": ("business_date", "source", "source_key", "subject_no", "label"),
}
STATUS = {"A": "ACTIVE", "U": "ACTIVE", "D": "DELETED", "R": "REVOKED"}
Values = Iterable[Sequence[object]]


def write_table(folder: Path, name: str, rows: Values) -> None:
    """Append to one truth file, starting it with its header."""
    path = folder / f"{name}.csv"
    started = path.exists()
    folder.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if not started:
            writer.writerow(COLUMNS[name])
        writer.writerows(rows)


def subjects(population: Population) -> Values:
    for person in population.persons:
        kind = "RESIDENCE_PERMIT" if person.number[0] == "8" else "RESIDENT_ID"
        yield (person.no, "person", person.name, kind, person.number, person.birth, person.sex, person.region)
    for unit in population.organisations:
        yield (unit.no, "organisation", unit.name, "USCC", unit.number, "", "", unit.region)


class CourtTruth:
    """The state of every listing, kept up message by message: the later word of the court wins."""

    def __init__(self, court: Court, responses: Responses, period: Period) -> None:
        self.court = court
        self.responses = responses
        self.period = period
        self.newest: dict[int, Message] = {}
        self._spoken: dict[tuple[int, str], datetime] = {}
        """When the court last said A, or last corrected, by listing."""
        self._upheld: dict[int, list[Objection]] = {}
        self._repairs: list[Repair] = []

    def receive(self, day: int) -> None:
        for message in self.court.messages[day]:
            if message.breaks:
                continue
            listing = message.listing.id
            known = self.newest.get(listing)
            if known is None or message.updated_at > known.updated_at:
                self.newest[listing] = message
            said = self._spoken.get((listing, message.action), message.updated_at)
            self._spoken[listing, message.action] = max(said, message.updated_at)
        for objection in self.responses.objections[day]:
            if objection.result == "成立" and not objection.breaks:
                self._upheld.setdefault(int(objection.contested), []).append(objection)
        self._repairs += [repair for repair in self.responses.repairs[day] if not repair.breaks]

    def _found_wrong(self, listing: int) -> list[Objection]:
        """Outcomes in favour of who objected that the court has not answered since."""
        return [objection for objection in self._upheld.get(listing, ()) if not self._answered(listing, objection)]

    def _answered(self, listing: int, objection: Objection) -> bool:
        """Listing anew answers every outcome; a correction answers wrong words alone."""
        actions = ("A", "U") if objection.kind == INACCURATE else ("A",)
        assert objection.handled
        said = [self._spoken[listing, action] for action in actions if (listing, action) in self._spoken]
        return any(moment > objection.handled for moment in said)

    def _repaired(self, listing: Listing) -> bool:
        """By a decision on this very case of this very subject, made while it was listed."""
        return any(
            repair.document == listing.case_code
            and repair.subject is listing.subject
            and repair.repaired >= listing.since
            for repair in self._repairs
        )

    def items(self, day: int) -> Iterator[Sequence[object]]:
        on = self.period.day(day)
        for listing_id, message in self.newest.items():
            subject = message.listing.subject
            yield (on, "court_defaulters", listing_id, subject.no if subject else "", STATUS[message.action])

    def exposure(self, day: int) -> Iterator[Sequence[object]]:
        yield from self._expected(day, frozenset())

    def directives(self, day: int) -> Iterator[Sequence[object]]:
        """A performed or repaired listing stays enforceable until the court itself ends it."""
        yield from self._expected(day, frozenset({"PERFORMED", "REPAIRED"}))

    def notices(self, day: int) -> Iterator[Sequence[object]]:
        """Who may not be published is told of to the unit that the court names, and to nobody else."""
        on = self.period.day(day)
        for listing_id, message in self.newest.items():
            unit = message.listing.notify_unit
            if message.listing.public is False and unit and self._reasons(message, day, on) == {"NOT_PUBLIC"}:
                yield (on, listing_id, unit)

    def listings(self, day: int) -> Iterator[Sequence[object]]:
        on = self.period.day(day)
        for listing_id, message in self.newest.items():
            reasons = self._reasons(message, day, on)
            status = STATUS[message.action]
            if status == "ACTIVE" and "EXPIRED" in reasons:
                status = "EXPIRED"
            elif status == "ACTIVE" and reasons & {"PERFORMED", "REPAIRED", "OBJECTION_UPHELD"}:
                status = "SUPPRESSED"
            wrong = any(objection.kind != INACCURATE for objection in self._found_wrong(listing_id))
            stands = message.action in ("A", "U") and message.listing.subject and not wrong
            yield (on, listing_id, status, "yes" if stands else "no")

    def officers(self, day: int, orders: Iterable[Limit]) -> Iterator[Sequence[object]]:
        """Whom orders in force name beside a listed unit, in its own case."""
        on = self.period.day(day)
        directed = {listing_id for _, listing_id, expected, _ in self.directives(day) if expected == "yes"}
        owing: dict[tuple[int, str], list[int]] = {}
        for listing_id, message in self.newest.items():
            if message.listing.subject and not message.listing.is_person:
                owing.setdefault((message.listing.subject.no, message.listing.case_code), []).append(listing_id)
        for order in orders:
            if not order.subject or not order.unit:
                continue
            two_names = self.court.name_conflicts.get(order.subject.no, self.period.days) <= day
            for listing_id in owing.get((order.unit.no, order.case_code), []):
                expected = "yes" if listing_id in directed and not two_names else "no"
                yield (on, order.key, order.subject.no, order.relation, listing_id, expected)

    def _expected(self, day: int, allowed: frozenset[str]) -> Iterator[Sequence[object]]:
        on = self.period.day(day)
        for listing_id, message in self.newest.items():
            reasons = sorted(self._reasons(message, day, on) - allowed)
            yield (on, listing_id, "no" if reasons else "yes", "|".join(reasons))

    def _reasons(self, message: Message, day: int, on: date) -> set[str]:
        listing = message.listing
        subject = listing.subject
        two_names = isinstance(subject, Person) and self.court.name_conflicts.get(subject.no, self.period.days) <= day
        ends = listing.ends
        # What was taken off the list is neither performed nor expired any more: its removal is the whole reason.
        listed = message.action in ("A", "U")
        return {
            reason
            for reason, applies in (
                ("MINOR", listing.minor),
                ("NOT_PUBLIC", listing.public is False),
                ("PUBLICITY_UNSTATED", listing.public is None),
                ("PERFORMED", listed and listing.performed),
                ("WITHDRAWN", message.action == "D"),
                ("REVOKED", message.action == "R"),
                ("EXPIRED", listed and ends is not None and ends <= on),
                ("OBJECTION_UPHELD", bool(self._found_wrong(listing.id))),
                ("REPAIRED", self._repaired(listing)),
                ("NO_VALID_IDENTIFIER", subject is None),
                ("IDENTITY_CONFLICT", listing.contradicts or two_names),
            )
            if applies
        }


class OtherTruth:
    """Items of the registry, the tax office and the banks."""

    def __init__(self, registry: Registry, tax: TaxOffice, banks: Banks, period: Period) -> None:
        self.registry = registry
        self.tax = tax
        self.banks = banks
        self.period = period
        self._events: dict[str, int] = {}
        self._arrears: dict[str, int] = {}
        self._newest_snapshot = -1

    def receive_snapshot(self, snapshot: int) -> None:
        """A tax file has arrived; it may be older than one that came before."""
        self._newest_snapshot = max(self._newest_snapshot, snapshot)
        self._arrears.update({a.key: a.subject.no for a in self.tax.snapshots[snapshot] if not a.breaks})

    def items(self, day: int) -> Iterator[Sequence[object]]:
        on = self.period.day(day)
        for entity in self.registry.entities[0]:
            yield (on, ENTITIES, entity.organisation.registry_id, entity.organisation.no, "ACTIVE")
        current = {a.key for a in self.tax.snapshots[self._newest_snapshot] if not a.breaks}
        for key, number in self._arrears.items():
            yield (on, "tax_arrears", key, number, "ACTIVE" if key in current else "ABSENT")
        self._events.update({e.key: e.subject.no for e in self.banks.events[day] if not e.refused})
        for key, number in self._events.items():
            yield (on, "bank_credit_events", key, number, "ACTIVE")


class Said(Protocol):
    """A line of a list: what it says of which item."""

    @property
    def key(self) -> str: ...
    @property
    def subject(self) -> Subject | None: ...
    @property
    def action(self) -> str: ...
    @property
    def breaks(self) -> str | None: ...


class ListTruth:
    """Items of consumption orders and of lists that are published whole."""

    def __init__(
        self, limits: list[list[Limit]], lists: Mapping[str, Sequence[Sequence[Said]]], period: Period
    ) -> None:
        self.limits = limits
        self.lists = lists
        self.period = period
        self._newest: dict[str, Limit] = {}
        self._states: dict[tuple[str, str], tuple[object, str]] = {}

    def items(self, day: int) -> Iterator[Sequence[object]]:
        on = self.period.day(day)
        for limit in self.limits[day]:
            known = self._newest.get(limit.key)
            if not limit.breaks and (known is None or limit.updated_at > known.updated_at):
                self._newest[limit.key] = limit
        for key, limit in self._newest.items():
            yield (on, "court_consumption_limits", key, _number(limit.subject), STATUS[limit.action])
        for source, days in self.lists.items():
            if days[day]:
                self._compare(source, days[day])
        for (source, key), (number, status) in self._states.items():
            yield (on, source, key, number, status)

    def standing_orders(self) -> list[Limit]:
        """Orders that nobody has lifted, as last said in what ``items`` has read."""
        return [limit for limit in self._newest.values() if limit.action in ("A", "U")]

    def _compare(self, source: str, lines: Iterable[Said]) -> None:
        """What the list leaves out has ended, unless it had ended before."""
        present = {line.key for line in lines}
        for (known, key), (number, status) in list(self._states.items()):
            if known == source and key not in present and status == "ACTIVE":
                self._states[known, key] = (number, "ABSENT")
        for line in lines:
            if not line.breaks:
                self._states[source, line.key] = (_number(line.subject), STATUS[line.action])


def _number(subject: Subject | None) -> object:
    return subject.no if subject else ""


def planted(plants: Iterable[Plant], period: Period) -> Values:
    for plant in plants:
        number = "" if plant.subject_no is None else plant.subject_no
        yield (period.day(plant.day), plant.source, plant.key, number, plant.label)


def delivery(written: Written, note: str, delivered_on: date) -> Sequence[object]:
    """A line of ``deliveries.csv``."""
    return (
        written.business_date,
        written.source,
        written.path.name,
        written.sha256,
        written.rows,
        note,
        delivered_on,
    )
