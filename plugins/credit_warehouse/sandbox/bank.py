"""What banks report: overdue, impaired, compensated, written-off and settled debts."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import count

from credit_warehouse.sandbox.period import Period, Plant
from credit_warehouse.sandbox.population import Person, Population, Subject

SOURCE = "bank_credit_events"
BANKS = {"B0001": "云川银行", "B0002": "东林商业银行", "B0003": "临江农村商业银行", "B0004": "安和村镇银行"}
KINDS = ("逾期", "逾期", "逾期", "不良", "代偿", "核销")
GRADES = {"逾期": "关注", "不良": "次级", "代偿": "可疑", "核销": "损失", "结清": "正常"}
BREAKS = ("EVENT_UNKNOWN", "PARTY_TYPE_UNKNOWN", "DATE_INVALID", "KEY_MISSING", "AMOUNT_INVALID")


@dataclass(frozen=True, slots=True)
class Event:
    """One reported event. Amount in 分 (1/100 yuan)."""

    bank: str
    serial: str
    subject: Subject
    kind: str
    began: date
    ended: date | None
    days_overdue: int
    amount: int
    authorisation: str | None
    breaks: str | None = None

    @property
    def key(self) -> str:
        return f"{self.bank}|{self.serial}"

    @property
    def refused(self) -> str | None:
        """Why the warehouse must not take it; a natural person's debt needs a written authorisation."""
        if self.breaks is None and isinstance(self.subject, Person) and not self.authorisation:
            return "NO_AUTHORISATION"
        return self.breaks


class Banks:
    """Events reported on each day."""

    def __init__(self, population: Population, seed: int, period: Period) -> None:
        self.rng = random.Random(f"{seed}/bank")
        self.period = period
        self.events: list[list[Event]] = []
        self.plants: list[Plant] = []
        self._serials = count(1)
        self._pool: list[Subject] = [*population.adults, *population.organisations]
        self.rng.shuffle(self._pool)
        first = max(20, round(len(self._pool) * 0.05))
        self._known: list[Event] = []
        for day in range(period.days):
            self.events.append(self._report(day, first if day == 0 else max(4, first // 12)))

    def _report(self, day: int, wanted: int) -> list[Event]:
        taken = [self._pool.pop() for _ in range(min(wanted, len(self._pool)))]
        events = [self._event(day, subject) for subject in taken]
        fresh = [event for event in events if not event.refused]
        for event in events:
            if event.refused:
                self._plant(day, event, "NO_AUTHORISATION")
        for event in self.rng.sample(self._known, min(len(self._known), max(2, wanted // 4))):
            if self.rng.random() < 0.5:
                events.append(replace(event, days_overdue=event.days_overdue + 1, amount=event.amount + 5_000))
                self._plant(day, event, "UPDATED")
            else:
                settled = replace(event, serial=self._serial(day), kind="结清", ended=self.period.day(day), amount=0)
                events.append(settled)
                fresh.append(settled)
                self._plant(day, settled, "SETTLED")
        broken = max(len(BREAKS) if day == 0 else 1, len(events) * 3 // 1000)
        for i in range(min(broken, len(self._pool))):
            event = replace(
                self._event(day, self._pool.pop()),
                authorisation="SQ0",
                breaks=BREAKS[(i + day) % len(BREAKS)],
            )
            events.append(event)
        self.rng.shuffle(events)
        self._known = [event for event in [*self._known, *fresh] if event.kind != "结清"] if day == 0 else self._known
        return events

    def _event(self, day: int, subject: Subject) -> Event:
        rng = self.rng
        days = rng.choice((3, 15, 31, 62, 95, 200))
        kind = rng.choice(KINDS)
        authorised = not isinstance(subject, Person) or rng.random() < 0.7
        return Event(
            bank=rng.choice(tuple(BANKS)),
            serial=self._serial(day),
            subject=subject,
            kind=kind,
            began=self.period.day(day) - timedelta(days=days + rng.randint(0, 300 if day == 0 else 3)),
            ended=None,
            days_overdue=days,
            amount=int(10 ** rng.uniform(5, 8.5)),
            authorisation=f"SQ{rng.randrange(10**10):010d}" if authorised else None,
        )

    def _serial(self, day: int) -> str:
        return f"{self.period.day(day):%Y%m%d}{next(self._serials):08d}"

    def _plant(self, day: int, event: Event, label: str) -> None:
        self.plants.append(Plant(day, SOURCE, event.key, event.subject.no, label))
