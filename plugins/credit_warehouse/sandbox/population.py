"""Who exists: persons and organisations with names and numbers that belong to nobody.

All address codes start with 66 to 69, which no province carries (81, 82, 83 for residence permits), so that no
number can be that of a real person or organisation; check digits are valid.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta

from credit_warehouse.identifiers import org_code_check, resident_id_check, uscc_check
from credit_warehouse.sandbox import vocabulary as words

PERSON_SHARE = 0.6
ORG_PREFIXES = words.Weighted(
    ("91", "92", "93", "12", "51", "52", "53", "31", "N1", "N2", "Y1"), (64, 20, 5, 2, 2, 2, 1, 1, 1, 1, 1)
)
BODY_DIGITS = "0123456789"
BODY_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@dataclass(slots=True)
class Person:
    """A natural person. ``known_short`` marks those some provider still knows by the 15-digit number."""

    no: int
    name: str
    number: str
    birth: date
    sex: str
    known_short: bool = False

    kind = "person"

    @property
    def region(self) -> str:
        return self.number[:6]

    @property
    def short_number(self) -> str:
        """The number as it was before 1999."""
        return self.number[:6] + self.number[8:17]


@dataclass(slots=True)
class Organisation:
    """A legal person, sole trader or other body."""

    no: int
    name: str
    number: str
    representative: Person
    established: date

    kind = "organisation"

    @property
    def region(self) -> str:
        return self.number[2:8]

    @property
    def org_code(self) -> str:
        return self.number[8:17]

    @property
    def registry_id(self) -> str:
        return f"{self.region}{self.no:010d}"


Subject = Person | Organisation


@dataclass(slots=True)
class Population:
    """Everybody, with the groups that special cases draw from."""

    adults: list[Person] = field(default_factory=list)
    minors: list[Person] = field(default_factory=list)
    organisations: list[Organisation] = field(default_factory=list)
    homonyms: list[tuple[Person, Person]] = field(default_factory=list)
    """Two persons of one name: the first will be listed, the second never is."""

    @property
    def persons(self) -> list[Person]:
        return sorted(self.adults + self.minors, key=lambda person: person.no)


def populate(subjects: int, seed: int, start: date) -> Population:
    """Create ``subjects`` persons and organisations; the same arguments give the same population."""
    rng = random.Random(f"{seed}/population")
    population = Population()
    person_count = round(subjects * PERSON_SHARE)
    minor_count = max(6, round(person_count * 0.004))
    taken: set[str] = set()
    for no in range(1, person_count + 1):
        minor = no > person_count - minor_count
        (population.minors if minor else population.adults).append(_person(rng, no, minor, start, taken))
    _plant_homonyms(rng, population)
    signatories = [person for person in population.adults if person.birth.year < 2000]
    for no in range(person_count + 1, subjects + 1):
        population.organisations.append(_organisation(rng, no, rng.choice(signatories), start, taken))
    return population


def _person(rng: random.Random, no: int, minor: bool, start: date, taken: set[str]) -> Person:
    sex = rng.choice("男女")
    if minor:
        # Up to two months before coming of age: the limit is what has to be met.
        birth = start - timedelta(days=rng.randint(9 * 365, 18 * 365 - 60))
    else:
        birth = date(1945, 1, 1) + timedelta(days=int(rng.triangular(0, 21800, 14000)))
    while True:
        if rng.random() < 0.004 or (no % 97 == 5 and not minor):
            address = rng.choice(("810000", "820000", "830000"))
        else:
            address = f"{rng.randint(66, 69)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
        sequence = rng.randint(0, 494) * 2 + (1 if sex == "男" else 2)
        first17 = f"{address}{birth:%Y%m%d}{sequence:03d}"
        number = first17 + resident_id_check(first17)
        if number not in taken:
            break
    taken.add(number)
    known_short = birth.year < 1985 and address[0] == "6" and rng.random() < 0.1
    return Person(no, _person_name(rng, sex), number, birth, sex, known_short)


def _person_name(rng: random.Random, sex: str) -> str:
    draw = rng.random()
    if draw < 0.012:
        return f"{rng.choice(words.MINORITY_GIVEN)}·{rng.choice(words.MINORITY_FAMILY)}"
    given = rng.choice(words.given_names(sex))
    if draw < 0.018:
        given = rng.choice(words.RARE_CHARACTERS)
    elif len(given) == 1 and draw < 0.55:
        second = rng.choice(words.given_names(sex))
        given += second if len(second) == 1 else ""
    return words.surnames().draw(rng) + given


def _plant_homonyms(rng: random.Random, population: Population) -> None:
    pool = [person for person in population.adults if "·" not in person.name and person.number[0] == "6"]
    count = max(4, len(pool) // 200)
    chosen = rng.sample(pool, 2 * count)
    for listed, innocent in zip(chosen[::2], chosen[1::2], strict=True):
        innocent.name = listed.name
        population.homonyms.append((listed, innocent))


def _organisation(rng: random.Random, no: int, signatory: Person, start: date, taken: set[str]) -> Organisation:
    prefix = ORG_PREFIXES.draw(rng)
    while True:
        region = f"{rng.randint(66, 69)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
        if rng.random() < 0.6:
            body = "MA" + "".join(rng.choices(BODY_CHARACTERS, k=6))
        else:
            body = "".join(rng.choices(BODY_DIGITS, k=8))
        first17 = f"{prefix}{region}{body}{org_code_check(body)}"
        # The organisation code alone must be unique too: courts list by it.
        if body not in taken:
            break
    taken.add(body)
    established = start - timedelta(days=rng.randint(200, 9000))
    return Organisation(no, _organisation_name(rng, prefix), first17 + uscc_check(first17), signatory, established)


def _organisation_name(rng: random.Random, prefix: str) -> str:
    region = rng.choice(words.place_names())
    trade = rng.choice(words.TRADE_FIRST) + rng.choice(words.TRADE_SECOND)
    word = words.industries().draw(rng)
    if prefix in words.OTHER_FORMS:
        form = rng.choice(words.OTHER_FORMS[prefix])
        return form.format(region=region, trade=trade, word=word, n=rng.choice("一二三四五六"))
    draw = rng.random()
    if prefix == "91" and draw < 0.03:
        return f"{region}{trade}{word}合伙企业（有限合伙）"
    suffix = words.suffixes(prefix).draw(rng)
    if prefix == "91" and draw < 0.10:
        return f"{trade}（{region}）{word}{suffix}"
    return f"{region}{trade}{word}{suffix}"
