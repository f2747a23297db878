"""Lists that offices publish whole: tax violators, tax credit levels, abnormal and seriously unlawful operations."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TypeVar

from credit_warehouse.sandbox.period import Period, Plant, years_after
from credit_warehouse.sandbox.population import Organisation, Population, Subject
from credit_warehouse.sandbox.vocabulary import Weighted

VIOLATIONS = "tax_major_violations"
RATINGS = "tax_credit_ratings"
ABNORMAL = "registry_abnormal"
SERIOUS = "registry_serious"
NATURES = ("偷税", "虚开增值税专用发票", "骗取出口退税", "逃避追缴欠税", "走逃（失联）")
CAUSES = (
    "未依照规定的期限公示年度报告",
    "未在责令的期限内公示有关企业信息",
    "公示企业信息隐瞒真实情况、弄虚作假",
    "通过登记的住所或者经营场所无法联系",
)
SERIOUS_CAUSES = ("被列入经营异常名录届满三年仍未履行相关义务", "实施严重侵害消费者权益的违法行为")
LEVELS = Weighted(("A", "B", "M", "C", "D"), (12, 45, 30, 8, 5))
BREAKS = {
    VIOLATIONS: (
        "KEY_MISSING:nsrsbh",
        "KEY_MISSING:cfwsh",
        "NAME_MISSING:nsrmc",
        "DATE_INVALID:lrsj",
        "DATE_INVALID:ycsj",
    ),
    RATINGS: (
        "KEY_MISSING:nsrsbh",
        "KEY_MISSING:pjnd",
        "DATE_INVALID:pjnd",
        "NAME_MISSING:nsrmc",
        "RATING_UNKNOWN:xydj",
        "DATE_INVALID:pdsj",
        "DATE_INVALID:yxqs",
        "DATE_INVALID:yxqz",
    ),
    ABNORMAL: (
        "KEY_MISSING:pripid",
        "DATE_INVALID:abntime",
        "NAME_MISSING:entname",
        "DATE_INVALID:remdate",
        "REMOVAL_UNKNOWN:ismove",
    ),
    SERIOUS: ("KEY_MISSING:illid", "DATE_INVALID:abntime", "NAME_MISSING:entname", "DATE_INVALID:remdate"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list. ``action`` is A while it stands, D when it ended, R when it should never have been made."""

    source: str
    key: str
    subject: Subject
    entered: date
    text: str
    """Nature of the violation, level, or cause of the entry."""
    reference: str = ""
    """Number of the document, year, or number of the entry."""
    action: str = "A"
    removed: date | None = None
    undated_kind: bool = False
    """Ended with a date and without saying how."""
    breaks: str | None = None


E = TypeVar("E", bound=Entry)
LEAVING = 3
"""Entries that end on one day: removed, revoked, and removed without saying how."""


class OfficialLists:
    """``violations``, ``abnormal``, ``serious``: the whole list of every day; ``ratings``: of the first day only."""

    def __init__(self, population: Population, listed: set[int], seed: int, period: Period) -> None:
        self.rng = random.Random(f"{seed}/lists")
        self.period = period
        self.plants: list[Plant] = []
        units = list(population.organisations)
        self.rng.shuffle(units)
        self._units = units
        size = len(units)
        debtors: list[Subject] = [*self._pick(max(14, size // 60)), *self.rng.sample(population.adults, 2)]
        self.violations = self._days(VIOLATIONS, [self._violation(subject, 0) for subject in debtors])
        self.abnormal = self._days(ABNORMAL, [self._abnormal(unit, 0) for unit in self._pick(max(24, size // 15))])
        self.serious = self._days(SERIOUS, [self._serious(unit, 0) for unit in self._pick(max(12, size // 80))])
        self.ratings: list[list[Entry]] = [[] for _ in range(period.days)]
        self.ratings[0] = self._rate(listed)

    def _pick(self, wanted: int) -> list[Organisation]:
        return self.rng.sample(self._units, wanted)

    def _days(self, source: str, first: list[Entry]) -> list[list[Entry]]:
        """The list of every day: some entries end and are shown once more with their end, new ones come."""
        make = {VIOLATIONS: self._violation, ABNORMAL: self._abnormal, SERIOUS: self._serious}[source]
        broken = [
            replace(make(unit, 0), breaks=rule)
            for unit, rule in zip(self._pick(len(BREAKS[source])), BREAKS[source], strict=True)
        ]
        taken = {entry.key for entry in [*first, *broken]}
        days = [[*_first_of_each(first), *broken]]
        for day in range(1, self.period.days):
            standing = [entry for entry in days[-1] if entry.action == "A" and not entry.breaks]
            # A short list loses nobody, or a long period would empty it.
            leaving = self.rng.sample(standing, LEAVING if len(standing) > 2 * LEAVING else 0)
            ending = {entry.key: i for i, entry in enumerate(leaving)}
            after = [
                self._end(day, entry, ending[entry.key]) if entry.key in ending else entry
                for entry in days[-1]
                if entry.action == "A"
            ]
            for entry in (make(unit, day) for unit in self._pick(2)):
                if entry.key not in taken:
                    taken.add(entry.key)
                    after.append(entry)
                    self._plant(day, entry, "ENTERED")
            days.append(after)
        return days

    def _end(self, day: int, entry: Entry, case: int) -> Entry:
        removed = self.period.day(day)
        if entry.source == ABNORMAL and case == 1:
            self._plant(day, entry, "ENTRY_REVOKED")
            return replace(entry, action="R", removed=removed)
        self._plant(day, entry, "ENTRY_REMOVED")
        return replace(entry, action="D", removed=removed, undated_kind=case == 2)

    def _violation(self, subject: Subject, day: int) -> Entry:
        entered = self._entered(day, 900)
        document = f"{subject.region}税稽罚（{entered.year}）{subject.no}号"
        key = f"{subject.number}|{document}"
        return Entry(VIOLATIONS, key, subject, entered, self.rng.choice(NATURES), document)

    def _abnormal(self, unit: Organisation, day: int) -> Entry:
        entered = self._entered(day, 900)
        return Entry(ABNORMAL, f"{unit.registry_id}|{entered}", unit, entered, self.rng.choice(CAUSES))

    def _serious(self, unit: Organisation, day: int) -> Entry:
        key = f"66{unit.no:010d}"
        return Entry(SERIOUS, key, unit, self._entered(day, 900), self.rng.choice(SERIOUS_CAUSES), key)

    def _entered(self, day: int, longest: int) -> date:
        return self.period.day(day) - (timedelta(days=self.rng.randint(10, longest)) if day == 0 else timedelta())

    def _rate(self, listed: set[int]) -> list[Entry]:
        year = str(self.period.start.year - 2)
        rated = [self._rating(unit, year, LEVELS.draw(self.rng)) for unit in self._pick(len(self._units) // 2)]
        done = {entry.subject.no for entry in rated}
        for unit in [unit for unit in self._units if unit.no in listed and unit.no not in done][:3]:
            entry = self._rating(unit, year, "A")
            rated.append(entry)
            self._plant(0, entry, "A_RATED_LISTED")
            done.add(unit.no)
        others = [unit for unit in self._units if unit.no not in done]
        for unit, rule in zip(others, BREAKS[RATINGS], strict=False):
            rated.append(replace(self._rating(unit, year, "B"), breaks=rule))
        self.rng.shuffle(rated)
        return rated

    def _rating(self, unit: Organisation, year: str, level: str) -> Entry:
        rated = date(int(year) + 1, 4, 1) + timedelta(days=self.rng.randint(0, 29))
        return Entry(RATINGS, f"{unit.number}|{year}", unit, rated, level, year)

    def _plant(self, day: int, entry: Entry, label: str) -> None:
        self.plants.append(Plant(day, entry.source, entry.key, entry.subject.no, label))


def holds_until(rating: Entry) -> date:
    """The end of a yearly level."""
    return years_after(rating.entered, 1)


def _first_of_each(entries: Sequence[E]) -> list[E]:
    return list({entry.key: entry for entry in entries}.values())
