"""What courts send beside the list: orders restricting consumption, and cases closed for want of property.

Neither makes anybody a defaulter: an order binds the person it names, a closed case says that nothing was found.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import count

from credit_warehouse.sandbox import vocabulary as words
from credit_warehouse.sandbox.court import RELATIONS, Court, Listing
from credit_warehouse.sandbox.period import Period, Plant
from credit_warehouse.sandbox.population import Organisation, Person, Population, Subject

LIMITS = "court_consumption_limits"
CLOSED = "court_closed_cases"
HIMSELF = "本人"
SPECIAL = 3
LIMIT_BREAKS = (
    "KEY_MISSING:id",
    "ACTION_UNKNOWN:infoActionType",
    "TIME_INVALID:updatedAt",
    "NAME_MISSING:XM",
    "SEX_UNKNOWN:XB",
    "DATE_INVALID:LASJStr",
    "RELATION_UNKNOWN:ryxz",
)
PERSON_BREAKS = (
    "KEY_MISSING:ah",
    "KEY_MISSING:sfzhm",
    "NAME_MISSING:xm",
    "SEX_UNKNOWN:xb",
    "DATE_INVALID:jarq",
    "DATE_INVALID:larq",
    "AMOUNT_INVALID:sqzxbdje",
    "AMOUNT_INVALID:swzxbdje",
)
UNIT_BREAKS = ("PARTY_TYPE_UNKNOWN:sfzhm",)


@dataclass(frozen=True, slots=True)
class Limit:
    """A message about one order. ``person`` is whom it names; ``subject`` is None when the number shows nobody."""

    key: str
    person: Person
    subject: Person | None
    unit: Organisation | None
    relation: str
    case_code: str
    court: words.Court
    filed: date
    action: str
    updated_at: datetime
    bare: bool = False
    """A withdrawal that carries the id and nothing else."""
    breaks: str | None = None


@dataclass(frozen=True, slots=True)
class ClosedCase:
    """A case closed for want of property, as to one party. Amounts in 分 (1/100 yuan)."""

    party: Subject
    subject: Subject | None
    number: str
    case_code: str
    court: words.Court
    filed: date
    closed: date
    claimed: int
    unpaid: int
    breaks: str | None = None

    action = "A"

    @property
    def key(self) -> str:
        return f"{self.case_code}|{self.number}|{self.party.name}"


class CourtOrders:
    """``limits[day]`` are the messages of a day; ``closed[day]`` is the monthly list, sent on the first day only."""

    def __init__(
        self, population: Population, court: Court, replaced: Sequence[Plant], seed: int, period: Period
    ) -> None:
        self.rng = random.Random(f"{seed}/court_orders")
        self.period = period
        self.limits: list[list[Limit]] = [[] for _ in range(period.days)]
        self.closed: list[list[ClosedCase]] = [[] for _ in range(period.days)]
        self.plants: list[Plant] = []
        self._ids = count(300_000_001)
        self._case_numbers = count(1)
        self._late: list[tuple[int, Limit]] = []
        listed = court.listed
        self._free = [person for person in population.adults if person.no not in listed]
        self.rng.shuffle(self._free)
        self._standing = self._follow_listings(court.first_listings, listed)
        self._name_the_former(population, replaced)
        self._mask()
        self._break()
        self.rng.shuffle(self._standing)
        for day in range(1, period.days):
            self._later_day(day)
        for day, message in self._late:
            self.limits[day].append(message)
        self._close(population, listed)

    def _follow_listings(self, listings: Sequence[Listing], listed: set[int]) -> list[Limit]:
        """Whoever is listed is restricted too; a listed unit restricts its officers, who are not listed."""
        standing = []
        for listing in listings:
            if isinstance(listing.subject, Person) and not listing.minor and self.rng.random() < 0.5:
                standing.append(self._order(0, listing.subject, None, HIMSELF, listing))
            unit = listing.subject if isinstance(listing.subject, Organisation) else None
            for person, relation in listing.related if unit else ():
                limit = self._order(0, person, unit, relation, listing)
                if person.no not in listed:
                    self._plant(0, limit, "LIMIT_OFFICER")
                else:
                    standing.append(limit)
        return standing

    def _name_the_former(self, population: Population, replaced: Sequence[Plant]) -> None:
        """The registry knows another representative from some day on; the order names who it was."""
        units = {unit.no: unit for unit in population.organisations}
        for plant in replaced[:SPECIAL]:
            unit = units[plant.subject_no or 0]
            limit = self._order(0, unit.representative, unit, RELATIONS[0])
            self._plant(plant.day, limit, "LIMIT_NOT_SWAPPED")

    def _mask(self) -> None:
        for _ in range(SPECIAL):
            limit = self._order(0, self._free.pop(), None, HIMSELF, masked=True)
            self._plant(0, limit, "LIMIT_MASKED")

    def _break(self) -> None:
        for rule in LIMIT_BREAKS:
            self._order(0, self._free.pop(), None, HIMSELF, breaks=rule)
        self.rng.shuffle(self.limits[0])

    def _later_day(self, day: int) -> None:
        for _ in range(max(2, len(self._standing) // 60)):
            self._order(day, self._free.pop(), None, HIMSELF)
        for i, limit in enumerate(self._take(SPECIAL)):
            self._send(day, limit, "D", bare=i % 2 == 0, label="LIMIT_LIFTED")
        for limit in self._take(1):
            self._send(day, limit, "R", label="LIMIT_REVOKED")
        for limit in self._take(1):
            lifted = self._send(day, limit, "D", label="LIMIT_OLDER_CORRECTION_AFTER_LIFTING")
            older = replace(limit, action="U", updated_at=lifted.updated_at - timedelta(hours=1))
            # Behind all others, so that the older word is certain to be read after the newer one.
            self._late.append((day, older))
        for limit in self._take(1):
            self._send(day, replace(limit, relation=HIMSELF), "U", label="LIMIT_CORRECTED")
        self.rng.shuffle(self.limits[day])

    def _order(
        self,
        day: int,
        person: Person,
        unit: Organisation | None,
        relation: str,
        listing: Listing | None = None,
        *,
        masked: bool = False,
        breaks: str | None = None,
    ) -> Limit:
        court = listing.court if listing else self.rng.choice(words.courts())
        filed = listing.filed if listing else self.period.day(day) - timedelta(days=self.rng.randint(20, 900))
        limit = Limit(
            key=str(next(self._ids)),
            person=person,
            subject=None if masked else person,
            unit=unit,
            relation=relation,
            case_code=listing.case_code if listing else self._case(court, filed),
            court=court,
            filed=filed,
            action="A",
            updated_at=self.period.moment(self.rng, day),
            breaks=breaks,
        )
        self.limits[day].append(limit)
        return limit

    def _send(self, day: int, limit: Limit, action: str, *, bare: bool = False, label: str) -> Limit:
        message = replace(limit, action=action, bare=bare, updated_at=self.period.moment(self.rng, day, 12, 5))
        self.limits[day].append(message)
        self._plant(day, message, label)
        return message

    def _take(self, wanted: int) -> list[Limit]:
        taken, self._standing = self._standing[:wanted], self._standing[wanted:]
        return taken

    def _case(self, court: words.Court, filed: date) -> str:
        kind = self.rng.choice(("", "", "恢"))
        return f"（{filed.year}）{court.letters}执{kind}{9_000_000 + next(self._case_numbers)}号"

    def _close(self, population: Population, listed: set[int]) -> None:
        """Most of the parties are on no list at all."""
        units = [unit for unit in population.organisations if unit.no not in listed]
        parties: list[Subject] = [self._free.pop() for _ in range(max(12, len(population.adults) // 40))]
        parties += self.rng.sample(units, max(6, len(units) // 40))
        for party in parties:
            case = self._closed(party)
            self.plants.append(Plant(0, CLOSED, case.key, party.no, "CLOSED_CASE_NOT_LISTED"))
        known = [person for person in population.adults if person.no in listed]
        for person in self.rng.sample(known, min(len(known), max(6, len(known) // 40))):
            self._closed(person)
        for _ in range(SPECIAL):
            person = self._free.pop()
            case = self._closed(person, number=f"{person.number[:10]}****{person.number[14:]}")
            self.plants.append(Plant(0, CLOSED, case.key, None, "CLOSED_CASE_MASKED"))
        for rule in PERSON_BREAKS:
            self._closed(self._free.pop(), breaks=rule)
        for rule in UNIT_BREAKS:
            self._closed(self.rng.choice(units), breaks=rule)
        self.rng.shuffle(self.closed[0])

    def _closed(self, party: Subject, *, number: str | None = None, breaks: str | None = None) -> ClosedCase:
        court = self.rng.choice(words.courts())
        filed = self.period.start - timedelta(days=self.rng.randint(200, 1800))
        claimed = int(10 ** self.rng.uniform(5, 9))
        case = ClosedCase(
            party=party,
            subject=None if number else party,
            number=number or party.number,
            case_code=self._case(court, filed),
            court=court,
            filed=filed,
            closed=filed + timedelta(days=self.rng.randint(60, 180)),
            claimed=claimed,
            unpaid=claimed * self.rng.randint(40, 100) // 100,
            breaks=breaks,
        )
        self.closed[0].append(case)
        return case

    def _plant(self, day: int, limit: Limit, label: str) -> None:
        self.plants.append(Plant(day, LIMITS, limit.key, limit.subject.no if limit.subject else None, label))
