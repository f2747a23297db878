"""What courts decide: listings, corrections, withdrawals and revocations, with the special cases planted."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from credit_warehouse.identifiers import RESIDENT_CHECKS, mask_resident_id
from credit_warehouse.sandbox import vocabulary as words
from credit_warehouse.sandbox.period import Period, Plant, months_after, years_after
from credit_warehouse.sandbox.population import Organisation, Person, Population, Subject

S = TypeVar("S")
SOURCE = "court_defaulters"
LISTED_SHARE = 0.2
FIRST_LISTING = date(2019, 1, 20)
BASE_TERM, LONGEST_TERM = 24, 60
"""Months of Art. 2, para. 1: two years, extended by three at most."""
BREAKS = ("CONDUCT_UNKNOWN", "PARTY_TYPE_UNKNOWN", "ACTION_UNKNOWN", "DATE_INVALID", "KEY_MISSING")
LOOK_ALIKES = {
    "颜": "闫",
    "闫": "颜",
    "萧": "肖",
    "付": "傅",
    "傅": "付",
    "陈": "程",
    "张": "章",
    "王": "汪",
    "李": "黎",
}
RELATIONS = ("法定代表人", "主要负责人", "影响债务履行的直接责任人员", "实际控制人")


@dataclass(frozen=True, slots=True)
class Listing:
    """One listing as the court means it. ``subject`` is None when its number identifies nobody."""

    id: int
    subject: Subject | None
    is_person: bool
    name: str
    number: str | None
    card: str
    sex: str
    birth: date | None
    court: words.Court
    case_code: str
    gist_id: str
    gist_unit: str
    filed: date
    published: date
    decided: date
    term_months: int | None
    conducts: tuple[str, ...]
    amount: int
    representative: str = ""
    related: tuple[tuple[Person, str], ...] = ()
    performed: bool = False
    partly: bool = False
    public: bool | None = True
    """None where the court does not say."""
    notify_unit: str | None = None
    minor: bool = False
    contradicts: bool = False
    age_error: int = 0
    """Years by which the stated age differs from that on the day of publication."""
    decision_stated: bool = True
    revision: int = 0

    @property
    def since(self) -> date:
        """The day from which it is known to hold."""
        return self.decided if self.decision_stated else self.published

    @property
    def ends(self) -> date | None:
        """End of the term; item 1 of Article 1 alone has none.

        What the court does not state is as long as it may be: more than two years for violence or several acts only.
        """
        if self.conducts == ("D1",):
            return None
        extendable = len(self.conducts) > 1 or "D2" in self.conducts
        stated = self.term_months or (LONGEST_TERM if extendable else BASE_TERM)
        return months_after(self.since, min(stated, LONGEST_TERM))


@dataclass(frozen=True, slots=True)
class Message:
    """A line of the exchange. ``breaks`` names the rule it violates, for lines that must be rejected."""

    listing: Listing
    action: str
    updated_at: datetime
    reason: str | None = None
    breaks: str | None = None


class Court:
    """All messages of the period, day by day."""

    def __init__(self, population: Population, seed: int, period: Period) -> None:
        self.rng = random.Random(f"{seed}/court")
        self.population = population
        self.period = period
        self.messages: list[list[Message]] = [[] for _ in range(period.days)]
        self.plants: list[Plant] = []
        self.name_conflicts: dict[int, int] = {}
        """Numbers of persons delivered under two names, with the day on which the second name arrived."""
        self._ids = count(700_000_001)
        self._case_numbers = count(1)
        apart = {person.no for pair in population.homonyms for person in pair}
        self._persons = [person for person in population.adults if person.no not in apart]
        self._organisations = list(population.organisations)
        self.rng.shuffle(self._persons)
        self.rng.shuffle(self._organisations)
        self._special = max(3, round(len(population.adults) * LISTED_SHARE / 80))
        self._ordinary: list[Listing] = []
        """Listings nothing special has happened to yet; later days draw from them."""
        self._run_out: list[Listing] = []
        self._to_correct: list[tuple[Listing, str]] = []
        self._late: list[tuple[int, Message]] = []
        self._first_day()
        self.rng.shuffle(self._ordinary)
        for day in range(1, period.days):
            self._later_day(day)
        self._label_related()

    @property
    def listed(self) -> set[int]:
        """Numbers of all subjects that are listed at some time."""
        return {
            message.listing.subject.no
            for messages in self.messages
            for message in messages
            if message.listing.subject and not message.breaks
        }

    @property
    def first_listings(self) -> list[Listing]:
        """What the first day lists, as the court means it."""
        return [message.listing for message in self.messages[0] if message.action == "A" and not message.breaks]

    def corrections(self, day: int) -> list[Message]:
        """What the court puts right on a day in listings that nothing else happens to."""
        corrected = {plant.key for plant in self.plants if plant.day == day and plant.label == "CORRECTED"}
        return [message for message in self.messages[day] if str(message.listing.id) in corrected]

    # ---------- first day

    def _first_day(self) -> None:
        listed = 0
        for listed_person, innocent in self.population.homonyms:
            listing = self._list(0, listed_person)
            self._plant(0, listing, "HOMONYM_LISTED")
            self.plants.append(Plant(0, SOURCE, str(listing.id), innocent.no, "HOMONYM_INNOCENT"))
            listed += 1
        for plant in (
            self._minors,
            self._hidden,
            self._without_valid_number,
            self._contradicting,
            self._wrongly_shown,
            self._two_names,
            self._short_numbers,
            self._permits,
            self._expired,
            self._left_to_the_law,
            self._performed,
            self._by_org_code,
        ):
            listed += plant()
        people = max(20, round(len(self.population.adults) * LISTED_SHARE) - listed)
        units = max(20, round(len(self.population.organisations) * LISTED_SHARE))
        for subject in self._take_parties(people, units):
            draw = self.rng.random()
            self._ordinary.append(self._list(0, subject, partly=draw < 0.06))
            if draw > 0.9:
                self._ordinary.append(self._list(0, subject))
        self._broken(0)
        self.rng.shuffle(self.messages[0])

    def _minors(self) -> int:
        for person in self.population.minors:
            published = self.period.start - timedelta(days=self.rng.randint(20, 200))
            listing = self._list(0, person, published=published, minor=True)
            self._plant(0, listing, "MINOR")
        return len(self.population.minors)

    def _hidden(self) -> int:
        for subject in self._take_parties(self._special, 2):
            self._plant(0, self._list(0, subject, public=False), "NOT_PUBLIC")
        for label, facts in (
            ("NOT_PUBLIC", {"public": False, "performed": True}),
            ("NO_UNIT_TO_NOTIFY", {"public": False, "notify_unit": None}),
            ("PUBLICITY_UNSTATED", {"public": None}),
        ):
            for person in self._take_persons(1):
                self._plant(0, self._list(0, person, **facts), label)
        return self._special + 3

    def _without_valid_number(self) -> int:
        for i, person in enumerate(self._take_persons(self._special + 1)):
            listing = self._list(0, person, number=None, subject=None)
            self._plant(0, listing, "MASKED_ONLY")
            if i == 0:
                self._to_correct.append((replace(listing, subject=person, number=person.number), "NUMBER_SUPPLIED"))
        for i, person in enumerate(self._take_persons(self._special + 1)):
            wrong = RESIDENT_CHECKS[(RESIDENT_CHECKS.index(person.number[17]) + self.rng.randint(1, 10)) % 11]
            listing = self._list(0, person, number=person.number[:17] + wrong, subject=None)
            self._plant(0, listing, "CHECK_FAIL")
            if i == 0:
                self._to_correct.append((replace(listing, subject=person, number=person.number), "NUMBER_CORRECTED"))
        for unit in self._take_organisations(3):
            listing = self._list(0, unit, number=None, card=unit.org_code[:7], subject=None)
            self._plant(0, listing, "ORG_CODE_TRUNCATED")
        return 2 * self._special + 2

    def _contradicting(self) -> int:
        people = self._take_persons(2 * self._special)
        for i, person in enumerate(people):
            if i % 2:
                change: dict[str, object] = {"sex": "女" if person.sex == "男" else "男"}
            else:
                change = {"birth": person.birth + timedelta(days=self.rng.choice((-3653, -400, -365, 31)))}
            listing = self._list(0, person, contradicts=True, **change)
            self._plant(0, listing, "SEX_CONFLICT" if i % 2 else "BIRTH_CONFLICT")
            if i in (2, 3):
                fixed = replace(listing, contradicts=False, sex=person.sex, birth=person.birth)
                self._to_correct.append((fixed, "CONTRADICTION_CORRECTED"))
        return len(people)

    def _wrongly_shown(self) -> int:
        """An age or a shown number that cannot be this person's; an age of today, where the listing is old, can."""
        start = self.period.start
        people = self._take_persons(2 * self._special, lambda person: person.birth.year < 1975)
        for i, person in enumerate(people):
            if i % 2:
                wrong: dict[str, object] = {"card": mask_resident_id(people[i - 1].number)}
            else:
                wrong = {"age_error": self.rng.choice((-5, 15))}
            listing = self._list(0, person, contradicts=True, **wrong)
            self._plant(0, listing, "SHOWN_NUMBER_CONFLICT" if i % 2 else "AGE_CONFLICT")
        published = start - timedelta(days=5 * 365)
        grown_up = self._take_persons(2, lambda person: person.birth.year < 1998)
        for person in grown_up:
            listing = self._list(
                0, person, published=published, conducts=("D1",), age_error=start.year - published.year
            )
            self._plant(0, listing, "AGE_OF_TODAY")
        return len(people) + len(grown_up)

    def _two_names(self) -> int:
        people = self._take_persons(self._special)
        for person in people:
            self._plant(0, self._list(0, person), "TWO_NAMES")
            self._plant(0, self._list(0, person, name=self._other_name(person)), "TWO_NAMES")
            self.name_conflicts[person.no] = 0
        signatories = {unit.representative.no for unit in self.population.organisations}
        known = self._take_persons(self._special, lambda person: person.no in signatories)
        for person in known:
            self._plant(0, self._list(0, person, name=self._other_name(person)), "TWO_NAMES_REGISTRY")
            self.name_conflicts[person.no] = 0
        return len(people) + len(known)

    def _short_numbers(self) -> int:
        people = self._take_persons(self._special, lambda person: person.birth.year < 1985 and person.number[0] == "6")
        for person in people:
            self._plant(0, self._list(0, person, number=person.short_number), "FIFTEEN_DIGIT")
        return len(people)

    def _permits(self) -> int:
        people = self._take_persons(2, lambda person: person.number[0] == "8")
        for person in people:
            self._plant(0, self._list(0, person), "RESIDENCE_PERMIT")
        return len(people)

    def _expired(self) -> int:
        people = self._take_persons(self._special, lambda person: person.birth.year < 1998)
        start = self.period.start
        units = _take(self._organisations, 2, lambda unit: (start - unit.established).days > 7 * 366)
        parties: list[Subject] = [*people, *units]
        for subject in parties:
            decided = start - timedelta(days=self.rng.randint(3 * 366, 7 * 365))
            conducts = (self.rng.choice(("D2", "D3", "D4", "D5", "D6")),)
            listing = self._list(
                0,
                subject,
                decided=decided,
                published=decided + timedelta(days=9),
                conducts=conducts,
                term_months=24,
            )
            self._plant(0, listing, "EXPIRED")
            self._run_out.append(listing)
        return len(people)

    def _left_to_the_law(self) -> int:
        """Terms and days of decision that the court leaves out or gets wrong, on both sides of the end the law sets."""
        start = self.period.start
        second_day = start + timedelta(days=1)
        cases: tuple[tuple[str, tuple[str, ...], int | None, date, bool], ...] = (
            ("TERM_UNSTATED", ("D4",), None, months_after(start, -12), True),
            ("TERM_UNSTATED", ("D4",), None, months_after(start, -26), True),
            ("TERM_UNSTATED", ("D2",), None, months_after(start, -40), True),
            ("TERM_UNSTATED", ("D2",), None, months_after(start, -61), True),
            ("TERM_UNSTATED", ("D1", "D5"), None, months_after(start, -40), True),
            ("TERM_UNSTATED", ("D3", "D5"), None, months_after(start, -61), True),
            ("TERM_TOO_LONG", ("D3", "D6"), 600, months_after(start, -59), True),
            ("TERM_TOO_LONG", ("D3", "D6"), 600, months_after(start, -61), True),
            ("TERM_ENDS", ("D6",), 24, months_after(second_day, -24), True),
            ("TERM_ENDS", ("D6",), None, months_after(second_day, -24), True),
            ("DECISION_UNSTATED", ("D3",), 24, months_after(start, -24) - timedelta(days=4), False),
            ("DECISION_UNSTATED", ("D3",), 24, months_after(start, -25), False),
        )
        people = self._take_persons(len(cases), lambda person: person.birth.year < 1998)
        for person, (label, conducts, months, decided, stated) in zip(people, cases, strict=True):
            listing = self._list(
                0,
                person,
                conducts=conducts,
                term_months=months,
                decided=decided,
                published=decided + timedelta(days=9),
                decision_stated=stated,
            )
            self._plant(0, listing, label)
        return len(people)

    def _performed(self) -> int:
        for subject in self._take_parties(self._special, 3):
            self._plant(0, self._list(0, subject, performed=True), "PERFORMED")
        return self._special

    def _by_org_code(self) -> int:
        for i, unit in enumerate(self._take_organisations(2 * max(2, self._special // 2))):
            code = f"{unit.org_code[:8]}-{unit.org_code[8]}" if i % 2 else unit.org_code
            old = date(2019, 1, 25) + timedelta(days=self.rng.randint(0, 300))
            old = max(old, unit.established + timedelta(days=30))
            listing = self._list(
                0, unit, card=code, number=code, published=min(old, self.period.start), conducts=("D1",)
            )
            self._plant(0, listing, "ORG_CODE_HYPHEN" if i % 2 else "ORG_CODE_PLAIN")
            self._plant(0, self._list(0, unit), "ORG_CODE_THEN_USCC")
        return 0

    # ---------- later days

    def _later_day(self, day: int) -> None:
        share = max(3, len(self._ordinary) // 80)
        fresh = self._take_parties(share, share // 2 + 1)
        newest = [
            self._list(day, subject, published=self.period.day(day) - timedelta(days=self.rng.randint(0, 1)))
            for subject in fresh
        ]
        for listing in self._draw(share):
            self._send(day, replace(listing, revision=listing.revision + 1, partly=True), "U", plant="CORRECTED")
        for listing in self._draw(share):
            performed = replace(listing, performed=True, revision=listing.revision + 1)
            self._send(day, performed, "U", plant="PERFORMED")
        for i, listing in enumerate(self._draw(max(share, 9))):
            reason = "X9" if listing.term_months else f"X{1 + i % 7}"
            settled = replace(listing, performed=True) if reason in ("X1", "X2") else listing
            self._send(day, settled, "D", reason=reason, plant="WITHDRAWN")
        for listing in self._run_out[-1:]:
            self._send(day, listing, "D", reason="X8", plant="WITHDRAWN")
            self._run_out.pop()
        for listing in self._draw(3):
            self._send(day, listing, "R", plant="REVOKED")
        self._second_thoughts(day)
        for listing, label in self._to_correct if day == min(2, self.period.days - 1) else ():
            self._send(day, replace(listing, revision=1), "U", plant=label)
        if day == 1:
            for person in self._take_persons(2):
                self._plant(0, self._list(0, person), "TWO_NAMES_LATER")
                self._plant(day, self._list(day, person, name=self._other_name(person)), "TWO_NAMES_LATER")
                self.name_conflicts[person.no] = day
        self._broken(day)
        self.rng.shuffle(self.messages[day])
        # Behind the shuffled lines, so that the older word is certain to be read after the newer one.
        for due, message in self._late:
            if due == day:
                self.messages[day].append(message)
        self._ordinary = [*newest, *self._ordinary]

    def _second_thoughts(self, day: int) -> None:
        """A withdrawal read before an older correction, in one file and across days; a revocation after one."""
        for i, listing in enumerate(self._draw(4)):
            reason = "X9" if listing.term_months else "X4"
            removed_at = self.period.moment(self.rng, day, 15, 2)
            self._send(day, listing, "D", reason=reason, at=removed_at)
            older = self.period.moment(self.rng, day, 9, 4)
            due = min(day + i % 2, self.period.days - 1)
            correction = replace(listing, revision=listing.revision + 1, partly=True)
            self._late.append((due, Message(correction, "U", older)))
            self._plant(due, listing, "OLDER_CORRECTION_AFTER_WITHDRAWAL")
        for listing in self._draw(1) if day + 1 < self.period.days else ():
            self._send(day, listing, "D", reason="X9" if listing.term_months else "X3")
            self._send(day + 1, listing, "R", plant="REVOKED_AFTER_WITHDRAWAL")

    def _broken(self, day: int) -> None:
        wanted = max(len(BREAKS) if day == 0 else 2, len(self.messages[day]) * 3 // 1000)
        for i, person in enumerate(self._take_persons(wanted)):
            listing = self._listing(person)
            moment = self.period.moment(self.rng, day)
            self.messages[day].append(Message(listing, "A", moment, breaks=BREAKS[(i + day) % len(BREAKS)]))

    # ---------- one listing

    def _list(self, day: int, party: Subject, /, **facts: object) -> Listing:
        listing = self._listing(party, **facts)
        self._send(day, listing, "A")
        return listing

    def _listing(self, subject: Subject, /, **facts: object) -> Listing:
        rng = self.rng
        listing_id = next(self._ids)
        published = facts.get("published") or self._published(subject)
        assert isinstance(published, date)
        decided = facts.get("decided") or published - timedelta(days=rng.randint(3, 20))
        assert isinstance(decided, date)
        conducts = facts.get("conducts") or _conducts(rng)
        assert isinstance(conducts, tuple)
        term = None if conducts == ("D1",) else 24 + (rng.choice((0, 12, 24, 36)) if len(conducts) > 1 else 0)
        if term and "term_months" not in facts and months_after(decided, term) < self.period.last + timedelta(days=15):
            # Old listings with a term would have run out; only the planted ones do.
            conducts, term = ("D1",), None
        filed = decided - timedelta(days=rng.randint(30, 300))
        court = rng.choice(words.courts())
        is_person = isinstance(subject, Person)
        values: dict[str, Any] = {
            "id": listing_id,
            "subject": subject,
            "is_person": is_person,
            "name": subject.name,
            "number": subject.number,
            "card": mask_resident_id(subject.number) if is_person else subject.number,
            "sex": subject.sex if isinstance(subject, Person) else "",
            "birth": subject.birth if isinstance(subject, Person) else None,
            "court": court,
            "case_code": (
                f"（{filed.year}）{court.letters}执{rng.choice(('', '', '', '恢'))}{next(self._case_numbers)}号"
            ),
            "gist_id": _gist(rng, court, filed),
            "gist_unit": rng.choice((court.name, court.name, court.short_name, "劳动人事争议仲裁委员会")),
            "filed": filed,
            "published": published,
            "decided": decided,
            "term_months": term,
            "notify_unit": (
                words.NOTIFY_UNITS[listing_id % len(words.NOTIFY_UNITS)] if facts.get("public") is False else None
            ),
            "amount": rng.randint(3_000, 5_000_000),
        }
        if isinstance(subject, Organisation):
            controller = rng.choice(self.population.adults) if rng.random() < 0.3 else None
            values["representative"] = subject.representative.name
            values["related"] = (
                (subject.representative, RELATIONS[0]),
                *(((controller, rng.choice(RELATIONS[1:])),) if controller else ()),
            )
        return Listing(**{**values, **facts, "conducts": conducts})

    def _published(self, subject: Subject) -> date:
        earliest = FIRST_LISTING
        if isinstance(subject, Person):
            # Nineteen, not eighteen: only the planted minors are anywhere near the limit.
            earliest = max(earliest, years_after(subject.birth, 19) + timedelta(days=30))
        else:
            earliest = max(earliest, subject.established + timedelta(days=60))
        span = max(1, (self.period.start - timedelta(days=3) - earliest).days)
        return earliest + timedelta(days=int(self.rng.triangular(0, span, span)))

    def _other_name(self, person: Person) -> str:
        surname = person.name[0]
        if surname in LOOK_ALIKES:
            return LOOK_ALIKES[surname] + person.name[1:]
        return person.name + ("文" if person.name[-1] != "文" else "武")

    def _send(
        self,
        day: int,
        listing: Listing,
        action: str,
        *,
        reason: str | None = None,
        at: datetime | None = None,
        plant: str | None = None,
    ) -> None:
        moment = at or self.period.moment(self.rng, day)
        self.messages[day].append(Message(listing, action, moment, reason))
        if plant:
            self._plant(day, listing, plant)

    def _plant(self, day: int, listing: Listing, label: str) -> None:
        number = listing.subject.no if listing.subject else None
        self.plants.append(Plant(day, SOURCE, str(listing.id), number, label))

    def _label_related(self) -> None:
        listed = self.listed
        for message in self.messages[0]:
            related = message.listing.related
            if related and not message.breaks and not any(person.no in listed for person, _ in related):
                self.plants.append(
                    Plant(0, SOURCE, str(message.listing.id), related[0][0].no, "RELATED_PERSON_NOT_LISTED")
                )

    # ---------- drawing without replacement

    def _draw(self, wanted: int) -> list[Listing]:
        keep = max(0, len(self._ordinary) - wanted)
        taken = self._ordinary[keep:]
        del self._ordinary[keep:]
        return taken

    def _take_persons(self, wanted: int, fits: Callable[[Person], bool] | None = None) -> list[Person]:
        return _take(self._persons, wanted, fits)

    def _take_parties(self, persons: int, organisations: int) -> list[Subject]:
        return [*self._take_persons(persons), *self._take_organisations(organisations)]

    def _take_organisations(self, wanted: int) -> list[Organisation]:
        return _take(self._organisations, wanted)


def _take(pool: list[S], wanted: int, fits: Callable[[S], bool] | None = None) -> list[S]:
    taken: list[S] = []
    passed: list[S] = []
    while pool and len(taken) < wanted:
        candidate = pool.pop()
        (taken if fits is None or fits(candidate) else passed).append(candidate)
    pool.extend(reversed(passed))
    return taken


def _conducts(rng: random.Random) -> tuple[str, ...]:
    draw = rng.random()
    if draw < 0.6:
        return ("D1",)
    if draw < 0.85:
        return (rng.choice(("D2", "D3", "D3", "D4", "D4", "D5", "D6")),)
    return tuple(sorted(rng.sample(("D1", "D2", "D3", "D4", "D5", "D6"), rng.randint(2, 3))))


def _gist(rng: random.Random, court: words.Court, filed: date) -> str:
    first = f"（{filed.year - rng.randint(0, 1)}）{court.letters}民初{rng.randint(1, 9999)}号"
    draw = rng.random()
    if draw < 0.06:
        return f"{first} （{filed.year}）{court.letters}民终{rng.randint(1, 999)}号"
    return f"{first}民事判决书" if draw < 0.12 else first
