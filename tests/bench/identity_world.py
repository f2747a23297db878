"""A province of people and companies that do not exist, what its registers know and what its courts write of whom.

Rates are assumptions, stated here once. The commonest full name is borne by about 2 of 10,000 people, as in the
country; a fifth of the people and companies are in no register, so that nobody is the right one for their listings.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from credit_warehouse.identifiers import org_code_check, registration_check, resident_id_check, uscc_check
from credit_warehouse.likeness import alikes
from credit_warehouse.sandbox import vocabulary as words

Row = dict[str, Any]
COURT, ENTITIES, PERSONS = "court_defaulters", "registry_entities", "registry_persons"
DIVISIONS = tuple(f"66{city:02d}{county:02d}" for city in range(1, 12) for county in range(1, 11))
"""Eleven cities of ten counties, none of which exists."""
LISTED = date(2026, 2, 9)
RENAMED = date(2024, 6, 1)
KNOWN = 0.8
BIRTHS = date(1945, 1, 1), 21_000
SINGLE_GIVEN = 0.14

# What a court writes of a person whom it lists, by weight. The number, then what stands beside it.
PERSON_KINDS = {
    "number of 18 digits": 40, "number of 15 digits": 5, "court mask, birth date": 8, "court mask, sex and age": 10,
    "court mask alone": 4, "division mask, sex and age": 4, "ends mask, sex and age": 4, "one slip in the number": 6,
    "two slips in the number": 1, "one slip in 15 digits": 1, "slip in a masked number": 3, "look-alike name, mask": 4,
    "look-alike name, whole number": 1, "homophone name, mask": 2, "name, sex and age": 7,
}  # fmt: skip
UNIT_KINDS = {
    "unified code": 40, "organisation code": 5, "registration number": 8, "old taxpayer number": 5,
    "masked code, representative": 7, "masked code alone": 5, "slip in the code": 6, "name alone": 5,
    "name and representative": 6, "slip in the name, representative": 6, "slip in the name, masked code": 3,
    "former name of its time": 4, "former name too late": 2, "branch, parent's number": 3, "re-used number": 3,
}  # fmt: skip


UNIT_SLIPS = ("looks", "looks", "looks", "sounds", "sounds", "sounds", "sounds", "left out", "other", "other")
WRONG_SEX, FORMER_BOSS, SLIP_IN_BOSS = 0.005, 0.05, 0.03


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody."""

    name: str
    number: str
    birth: date
    sex: str
    is_known: bool

    @property
    def token_of(self) -> str:
        """What the token is made of."""
        return f"resident_id:{self.number}"


@dataclass(frozen=True, slots=True)
class Unit:
    """A company."""

    name: str
    number: str
    registration: str
    representative: str
    former_name: str | None
    is_known: bool

    @property
    def token_of(self) -> str:
        """What the token is made of."""
        return f"org_code:{self.number[8:17]}"

    @property
    def division(self) -> str:
        """Where it is registered."""
        return self.number[2:8]


@dataclass(frozen=True, slots=True)
class Item:
    """A listing: what the court sends, and whom it means."""

    row: Row
    kind: str
    subject: Person | Unit
    compared_name: str
    """The name as it should have been written."""


class Names:
    """Surnames by their frequency, given names by a flat power law over characters that parents choose."""

    def __init__(self) -> None:
        surnames = words.surnames()
        self._surnames, self._surname_sums = surnames._values, surnames._sums
        chosen = "".join((*words.given_names("男"), *words.given_names("女"), words.TRADE_FIRST, words.TRADE_SECOND))
        self._given = tuple(dict.fromkeys(chosen))
        self._weights = [(rank + 1) ** -0.45 for rank in range(len(self._given))]

    def many(self, rng: random.Random, count: int) -> list[str]:
        """Full names."""
        families = rng.choices(self._surnames, cum_weights=self._surname_sums, k=count)
        first = rng.choices(self._given, self._weights, k=count)
        second = rng.choices(self._given, self._weights, k=count)
        return [
            family + one + ("" if rng.random() < SINGLE_GIVEN else two)
            for family, one, two in zip(families, first, second, strict=True)
        ]


def resident_number(division: str, birth: date, sequence: int) -> str:
    first17 = f"{division}{birth:%Y%m%d}{sequence:03d}"
    return first17 + resident_id_check(first17)


def shown(number: str) -> str:
    """The way the court shows it."""
    return f"{number[:10]}****{number[14:]}"


class World:
    """Everybody, in one order for one seed."""

    def __init__(self, people: int, units: int, seed: int, known: float = KNOWN) -> None:
        self.rng = random.Random(f"{seed}/world")
        self._known = known
        self._numbers: set[str] = set()
        self.people = self._people(people)
        self.units = self._units(units)

    def _people(self, count: int) -> list[Person]:
        rng = self.rng
        found: list[Person] = []
        for name in Names().many(rng, count):
            birth = BIRTHS[0] + timedelta(days=int(rng.triangular(0, BIRTHS[1], 13_000)))
            found.append(self._person(name, birth, rng.choice(DIVISIONS), rng.choice("男女")))
        # Twins: one name, one birth date, one sex; half of them of one county.
        for place in range(0, count, 400):
            one = found[place]
            division = one.number[:6] if place % 800 else rng.choice(DIVISIONS)
            found.append(self._person(one.name, one.birth, division, one.sex))
        # Two of one name whose numbers differ in nothing that a court shows: month and day alone.
        for place in range(1, count, 20_000):
            one = found[place]
            for day in range(365):
                birth = date(one.birth.year, 1, 1) + timedelta(days=day)
                number = resident_number(one.number[:6], birth, int(one.number[14:17]))
                if birth != one.birth and shown(number) == shown(one.number) and number not in self._numbers:
                    self._numbers.add(number)
                    found.append(Person(one.name, number, birth, one.sex, True))
                    break
        return found

    def _person(self, name: str, birth: date, division: str, sex: str) -> Person:
        rng = self.rng
        while True:
            number = resident_number(division, birth, rng.randint(0, 199) * 2 + (1 if sex == "男" else 2))
            if number not in self._numbers:
                break
        self._numbers.add(number)
        return Person(name, number, birth, sex, rng.random() < self._known)

    def _units(self, count: int) -> list[Unit]:
        rng = self.rng
        bosses = rng.choices(self.people, k=count)
        found = []
        taken: set[str] = set()
        for place, boss in enumerate(bosses):
            division = rng.choice(DIVISIONS)
            while (name := self._company(division)) in taken:
                pass
            taken.add(name)
            body = f"{place:08d}" if rng.random() < 0.4 else "MA" + _base31(place)
            first17 = f"91{division}{body}{org_code_check(body)}"
            first14 = f"{division}{place:08d}"
            former = self._company(division) if rng.random() < 0.08 else None
            found.append(
                Unit(name, first17 + uscc_check(first17), first14 + registration_check(first14), boss.name, former,
                     rng.random() < self._known)
            )  # fmt: skip
        return found

    def _company(self, division: str) -> str:
        rng = self.rng
        places = words.place_names()
        # Every county has its own name, and most companies open with it or with its city.
        place = places[int(division[2:]) % len(places)] if rng.random() < 0.9 else ""
        trade = rng.choice(words.TRADE_FIRST) + rng.choice(words.TRADE_SECOND)
        if rng.random() < 0.5:
            trade += rng.choice(words.TRADE_FIRST)
        return f"{place}{trade}{words.industries().draw(rng)}{words.suffixes('91').draw(rng)}"

    # ---------- registers

    def registers(self) -> Iterator[tuple[str, Row]]:
        """What is known of whom: (source, row)."""
        for place, person in enumerate(self.people):
            if person.is_known:
                yield PERSONS, officer(f"P{place}", person)
        for place, unit in enumerate(self.units):
            if unit.is_known:
                if unit.former_name:
                    yield ENTITIES, entity(f"U{place}", replace(unit, name=unit.former_name), "2019-03-01 09:00:00")
                yield ENTITIES, entity(f"U{place}", unit, f"{RENAMED} 09:00:00")

    # ---------- courts

    def listings(self, count: int, prefix: str = "9") -> Iterator[Item]:
        """What the courts send."""
        rng = self.rng
        person_kinds = rng.choices(list(PERSON_KINDS), list(PERSON_KINDS.values()), k=count)
        unit_kinds = rng.choices(list(UNIT_KINDS), list(UNIT_KINDS.values()), k=count)
        for place in range(count):
            identity = f"{prefix}{place:08d}"
            if rng.random() < 0.65:
                yield self._of_person(identity, person_kinds[place], rng.choice(self.people))
            else:
                yield self._of_unit(identity, unit_kinds[place], rng.choice(self.units))

    def _of_person(self, identity: str, kind: str, person: Person) -> Item:
        rng = self.rng
        number, name = person.number, person.name
        short = number[:6] + number[8:17]
        said: Row = {"cardNum": None, "cardNumFull": None, "birthDate": None}
        age = LISTED.year - person.birth.year - ((LISTED.month, LISTED.day) < (person.birth.month, person.birth.day))
        sex = person.sex if rng.random() > WRONG_SEX else {"男": "女", "女": "男"}[person.sex]
        described = {"sexy": sex + "性", "age": age + rng.choice((0, 0, 0, 0, 1))}
        if kind == "number of 15 digits" and person.birth.year >= 2000:
            kind = "number of 18 digits"
        match kind:
            case "number of 18 digits":
                said |= {"cardNumFull": number, "cardNum": shown(number)} | described
            case "number of 15 digits":
                said |= {"cardNumFull": short} | described
            case "court mask, birth date":
                said |= {"cardNum": shown(number), "birthDate": str(person.birth)}
            case "court mask, sex and age":
                said |= {"cardNum": shown(number)} | described
            case "court mask alone":
                said |= {"cardNum": shown(number)}
            case "division mask, sex and age":
                said |= {"cardNum": number[:6] + "*" * 12} | described
            case "ends mask, sex and age":
                said |= {"cardNum": number[:3] + "*" * 12 + number[15:]} | described
            case "one slip in the number":
                said |= {"cardNumFull": slip(rng, number)} | described
            case "two slips in the number":
                said |= {"cardNumFull": slip(rng, slip(rng, number))} | described
            case "one slip in 15 digits":
                said |= {"cardNumFull": slip(rng, short)} | described
            case "slip in a masked number":
                said |= {"cardNum": shown(slip(rng, number))} | described
            case "look-alike name, mask":
                name = mistaken(rng, name, "looks")
                said |= {"cardNum": shown(number)} | described
            case "look-alike name, whole number":
                name = mistaken(rng, name, "looks")
                said |= {"cardNumFull": number} | described
            case "homophone name, mask":
                name = mistaken(rng, name, "sounds")
                said |= {"cardNum": shown(number)} | described
            case "name, sex and age":
                said |= described
        return Item(listing(identity, name, "0", **said), kind, person, person.name)

    def _of_unit(self, identity: str, kind: str, unit: Unit) -> Item:
        rng = self.rng
        code, name, when, boss = unit.number, unit.name, LISTED, unit.representative
        if rng.random() < FORMER_BOSS:
            boss = rng.choice(self.people).name
        elif rng.random() < SLIP_IN_BOSS:
            boss = mistaken(rng, boss, "looks")
        said: Row = {"cardNum": None, "businessEntity": ""}
        masked = code[:8] + "*" * 10
        if kind.startswith("former") and not unit.former_name:
            kind = "registration number"
        match kind:
            case "unified code":
                said |= {"cardNum": code}
            case "organisation code":
                said |= {"cardNum": code[8:17]}
            case "registration number":
                said |= {"cardNum": unit.registration}
            case "old taxpayer number":
                said |= {"cardNum": unit.division + code[8:17]}
            case "masked code, representative":
                said |= {"cardNum": masked, "businessEntity": boss}
            case "masked code alone":
                said |= {"cardNum": masked}
            case "slip in the code":
                said |= {"cardNum": slip(rng, code), "businessEntity": boss}
            case "name and representative":
                said |= {"businessEntity": boss}
            case "slip in the name, representative":
                name = mistaken(rng, name, rng.choice(UNIT_SLIPS))
                said |= {"businessEntity": boss}
            case "slip in the name, masked code":
                name = mistaken(rng, name, rng.choice(UNIT_SLIPS))
                said |= {"cardNum": masked}
            case "former name of its time":
                name, when = str(unit.former_name), RENAMED - timedelta(days=90)
                said |= {"cardNum": unit.registration}
            case "former name too late":
                name, when = str(unit.former_name), LISTED
                said |= {"cardNum": unit.registration}
            case "branch, parent's number":
                # A branch is a unit of its own, in no register here: nobody is right.
                name += "第二分公司"
                said |= {"cardNum": unit.registration, "businessEntity": boss}
                unit = replace(unit, is_known=False, number=code[:8] + "00000000" + code[16:])
            case "re-used number":
                # A struck-off company whose registration number another company bears today.
                said |= {"cardNum": unit.registration}
                name = self._company(unit.division)
                unit = replace(unit, is_known=False, number=code[:8] + "00000001" + code[16:])
        row = listing(identity, name, "1", decisionDate=str(when), publishDate=str(when), termMonths=36, **said)
        return Item(row, kind, unit, unit.name)


def listing(identity: str, name: str, party: str, **said: Any) -> Row:
    """A message of the court."""
    return {
        "id": identity, "iname": name, "partyTypeName": party, "caseCode": f"（2026）浙0102执{identity}号",
        "courtName": "某区人民法院", "areaName": "浙江", "gistId": f"（2025）浙0102民初{identity}号",
        "regDate": "2026-01-08", "gistUnit": "某区人民法院", "duty": "支付货款", "performance": "全部未履行",
        "disruptTypeName": "违反财产报告制度", "publishDate": str(LISTED), "infoActionType": "A",
        "decisionDate": str(LISTED), "termMonths": 24, "publicity": "Y", "updatedAt": "2026-03-01T09:00:00+08:00",
        **said,
    }  # fmt: skip


def officer(identity: str, person: Person) -> Row:
    """What a register says of a person."""
    return {
        "pripid": identity, "personid": "1", "name": person.name, "position": "431A", "position_cn": "执行董事",
        "lerepsign": "1", "certype": "10", "cerno": person.number, "sex": "1" if person.sex == "男" else "2",
        "arrdate": "2015-06-01", "update_time": "2026-03-01 09:00:00",
    }  # fmt: skip


def entity(identity: str, unit: Unit, at: str) -> Row:
    """What the business register says of a company."""
    return {
        "pripid": identity, "uniscid": unit.number, "regno": unit.registration, "entname": unit.name,
        "enttype": "有限责任公司", "regstate": "存续", "name": unit.representative,
        "domdistrict": unit.division + "000",
        "industryco": "F", "regcap": "100", "regcapcur": "人民币", "estdate": "2015-06-01", "opfrom": "2015-06-01",
        "apprdate": "2015-06-01", "regorg": "某区市场监督管理局", "update_time": at,
    }  # fmt: skip


def slip(rng: random.Random, number: str) -> str:
    """A digit mistyped, or two neighbours exchanged."""
    while True:
        place = rng.randrange(len(number) - 1)
        if not number[place].isdigit():
            continue
        if rng.random() < 0.3:
            wrong = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
        else:
            wrong = number[:place] + rng.choice("0123456789") + number[place + 1 :]
        if wrong != number:
            return wrong


def mistaken(rng: random.Random, name: str, how: str) -> str:
    """One character taken for one that looks or sounds like it, left out, or any other; the legal form stays."""
    places = list(range(len(name) - (4 if len(name) > 6 else 0)))
    rng.shuffle(places)
    for place in places if how in ("looks", "sounds") else ():
        if others := alikes(name[place], looks=how == "looks"):
            return name[:place] + rng.choice(others) + name[place + 1 :]
    place = places[0]
    other = "" if how == "left out" else "甲" if name[place] != "甲" else "乙"
    return name[:place] + other + name[place + 1 :]


def _base31(number: int) -> str:
    digits = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    found = ""
    for _ in range(6):
        number, rest = divmod(number, 31)
        found = digits[rest] + found
    return found
