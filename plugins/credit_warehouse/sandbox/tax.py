"""What the tax office announces: arrears, as a full snapshot every day."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta

from credit_warehouse.sandbox.period import Period, Plant
from credit_warehouse.sandbox.population import Organisation, Population, Subject

SOURCE = "tax_arrears"
TAXES = ("增值税", "企业所得税", "城市维护建设税", "房产税", "城镇土地使用税", "土地增值税", "印花税")
BREAKS = ("AMOUNT_INVALID", "KEY_MISSING", "DATE_INVALID", "PARTY_TYPE_UNKNOWN")


@dataclass(frozen=True, slots=True)
class Arrear:
    """One taxpayer's debt of one tax. Amounts in 分 (1/100 yuan)."""

    subject: Subject
    tax: str
    balance: int
    newly: int
    announced: date
    breaks: str | None = None

    @property
    def key(self) -> str:
        return f"{self.subject.number}|{self.tax}"


class TaxOffice:
    """``snapshots[day]`` is the list in force on that day, whether or not its file arrived in time."""

    def __init__(self, population: Population, seed: int, period: Period) -> None:
        self.rng = random.Random(f"{seed}/tax")
        self.period = period
        self.snapshots: list[list[Arrear]] = []
        self.plants: list[Plant] = []
        units = list(population.organisations)
        self.rng.shuffle(units)
        people = self.rng.sample(population.adults, max(3, len(population.adults) // 300))
        first = max(12, round(len(units) * 0.06))
        self._waiting: list[Subject] = list(units[first:])
        current = [arrear for subject in units[:first] for arrear in self._owe(subject, 0)]
        current += [self._arrear(person, "个人所得税", 0) for person in people]
        wanted = max(len(BREAKS), len(current) * 3 // 1000)
        current += [
            replace(self._arrear(self._waiting.pop(), "增值税", 0), breaks=BREAKS[i % len(BREAKS)])
            for i in range(wanted)
        ]
        self.snapshots.append(current)
        brief: list[Arrear] = []
        for day in range(1, period.days):
            current, brief = self._next(day, current, brief)
            self.snapshots.append(current)

    def _next(self, day: int, before: list[Arrear], brief: list[Arrear]) -> tuple[list[Arrear], list[Arrear]]:
        rng = self.rng
        sound = [arrear for arrear in before if not arrear.breaks and arrear not in brief]
        paid = {arrear.key for arrear in rng.sample(sound, max(3, len(sound) // 25))}
        paid |= {arrear.key for arrear in brief}
        after: list[Arrear] = []
        for arrear in before:
            if arrear.key in paid and not arrear.breaks:
                self._plant(day, arrear, "PAID")
            elif rng.random() < 0.02 and not arrear.breaks:
                after.append(replace(arrear, balance=max(10_000, arrear.balance * rng.randint(60, 130) // 100)))
            else:
                after.append(arrear)
        newcomers = [self._waiting.pop() for _ in range(min(max(4, len(sound) // 30), len(self._waiting)))]
        fresh = [arrear for subject in newcomers for arrear in self._owe(subject, day)]
        for arrear in fresh:
            self._plant(day, arrear, "NEW")
        # Announced for one day only, so that a snapshot that comes late still says something nobody else says.
        brief = fresh[:2]
        if day == 1:
            for arrear in brief:
                self._plant(day, arrear, "ONE_DAY_ONLY")
        return after + fresh, brief

    def _owe(self, subject: Subject, day: int) -> list[Arrear]:
        return [self._arrear(subject, tax, day) for tax in self.rng.sample(TAXES, self.rng.choice((1, 1, 2, 3)))]

    def _arrear(self, subject: Subject, tax: str, day: int) -> Arrear:
        balance = int(10 ** self.rng.uniform(5, 9))
        announced = self.period.day(day) - (timedelta(days=self.rng.randint(10, 700)) if day == 0 else timedelta())
        return Arrear(subject, tax, balance, self.rng.choice((0, balance // 7)), announced)

    def _plant(self, day: int, arrear: Arrear, label: str) -> None:
        self.plants.append(Plant(day, SOURCE, arrear.key, arrear.subject.no, label))


def taxpayer_kind(subject: Subject) -> str:
    """企业, 个体 or 个人."""
    if isinstance(subject, Organisation):
        return "个体" if subject.number.startswith("92") else "企业"
    return "个人"
