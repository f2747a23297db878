"""What comes back: business that banks refused, feedback on directives, objections and decisions on repair.

None of it is an item of anybody's record.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import count
from typing import TypeVar

from credit_warehouse.sandbox.bank import BANKS
from credit_warehouse.sandbox.court import Listing, Message
from credit_warehouse.sandbox.lists import Entry
from credit_warehouse.sandbox.period import Period, Plant
from credit_warehouse.sandbox.population import Subject

REJECTIONS = "bank_rejections"
FEEDBACK = "punishment_feedback"
OBJECTIONS = "objections"
REPAIRS = "credit_repairs"
BUSINESS = ("贷款", "贷款", "信用卡", "开户", "对外支付")
MEASURES = ("QDSB-1-5", "QDSB-2-1", "QDSB-2-2", "QDSB-6-2")
NO_SUCH_MEASURE = "QDSB-9-9"
DEPARTMENTS = {"fgj": "发改局", "cz": "财政局", "rs": "人社局", "ly": "旅游局"}
MATTERS = ("政府采购供应商资格审查", "补贴资金申报", "项目审批", "团队出境游备案")
RESULTS = ("拦截", "限制", "审慎参考", "审慎参考", "未惩戒")
INACCURATE = "信息不准"
KINDS = ("不应列入", INACCURATE, "应删除未删除", "非本人")
MINUTES = timedelta(minutes=30)
BREAKS = {
    REJECTIONS: (
        "KEY_MISSING:jgdm",
        "KEY_MISSING:lsh",
        "DOCUMENT_UNKNOWN:zjlx",
        "NAME_MISSING:ztmc",
        "MATTER_UNKNOWN:ywlx",
        "AMOUNT_INVALID:sjje",
        "DATE_INVALID:jjrq",
    ),
    FEEDBACK: (
        "KEY_MISSING:dwdm",
        "KEY_MISSING:fkbh",
        "NAME_MISSING:ztmc",
        "RESULT_UNKNOWN:cljg",
        "TIME_INVALID:clsj",
    ),
    OBJECTIONS: (
        "KEY_MISSING:yybh",
        "ACTION_UNKNOWN:infoActionType",
        "NAME_MISSING:sqrmc",
        "OBJECTION_UNKNOWN:yylx",
        "TARGET_MISSING:dxid",
        "TIME_INVALID:sqsj",
    ),
    REPAIRS: (
        "KEY_MISSING:jdwsh",
        "PARTY_TYPE_UNKNOWN:tyshxydm",
        "NAME_MISSING:ztmc",
        "TARGET_MISSING:wsh",
        "DATE_INVALID:xfrq",
    ),
}
DECIDED_BREAKS = ("RESULT_UNKNOWN:cljg", "TIME_INVALID:clsj")
"""Faults that only an objection with a result can have."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Business a bank refused. Amount in 分 (1/100 yuan), none where there is none."""

    bank: str
    number: str
    subject: Subject
    business: str
    amount: int | None
    refused: date
    measure: str
    breaks: str | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a department did with a directive."""

    department: str
    number: str
    subject: Subject
    matter: str
    measure: str
    result: str
    handled: datetime
    breaks: str | None = None


@dataclass(frozen=True, slots=True)
class Objection:
    """A message about one objection."""

    number: str
    subject: Subject
    kind: str
    contested: str
    filed: datetime
    action: str = "A"
    result: str | None = None
    handled: datetime | None = None
    breaks: str | None = None


@dataclass(frozen=True, slots=True)
class Repair:
    """A decision that ends the publication of what a document had brought about."""

    number: str
    subject: Subject
    matter: str
    document: str
    repaired: date
    breaks: str | None = None


F = TypeVar("F", Refusal, Feedback, Objection, Repair)


class Responses:
    """What came back on each day; every day has some of everything."""

    def __init__(
        self,
        listings: Sequence[Listing],
        corrections: Sequence[Sequence[Message]],
        violations: Sequence[Entry],
        seed: int,
        period: Period,
    ) -> None:
        self.rng = random.Random(f"{seed}/responses")
        self.period = period
        self.plants: list[Plant] = []
        self._numbers = count(1)
        self._listings = [listing for listing in listings if listing.subject and not listing.minor]
        self._corrections = corrections
        self._violations = [entry for entry in violations if not entry.breaks]
        self.rng.shuffle(self._listings)
        self.rng.shuffle(self._violations)
        self._few = max(2, len(self._listings) // 60)
        share = max(4, len(self._listings) // 25)
        self.refusals = [self._refuse(day, share) for day in range(period.days)]
        self.feedback = [self._report(day, share) for day in range(period.days)]
        self.objections = self._object()
        self.repairs = [self._repair(day) for day in range(period.days)]

    def _refuse(self, day: int, wanted: int) -> list[Refusal]:
        refusals = [
            Refusal(
                bank=self.rng.choice(tuple(BANKS)),
                number=f"J{self.period.day(day):%Y%m%d}{next(self._numbers):06d}",
                subject=subject,
                business=self.rng.choice(BUSINESS),
                amount=int(10 ** self.rng.uniform(5, 8)) if self.rng.random() < 0.8 else None,
                refused=self.period.day(day) - timedelta(days=self.rng.randint(0, 5)),
                measure=self.rng.choice(MEASURES),
            )
            for subject in self._subjects(wanted)
        ]
        return refusals + self._broken(day, REJECTIONS, refusals)

    def _report(self, day: int, wanted: int) -> list[Feedback]:
        reports = [
            Feedback(
                department=self.rng.choice(tuple(DEPARTMENTS)),
                number=f"FK{next(self._numbers):08d}",
                subject=subject,
                matter=self.rng.choice(MATTERS),
                measure=self.rng.choice(MEASURES),
                result=self.rng.choice(RESULTS),
                handled=self.period.moment(self.rng, day),
            )
            for subject in self._subjects(wanted)
        ]
        # Accepted: a department may answer a measure that this warehouse does not know.
        reports[0] = replace(reports[0], measure=NO_SUCH_MEASURE)
        self._plant(
            day, FEEDBACK, f"{reports[0].department}|{reports[0].number}", reports[0].subject, "MEASURE_UNKNOWN"
        )
        return reports + self._broken(day, FEEDBACK, reports)

    def _object(self) -> list[list[Objection]]:
        """Some are opened every day and decided or withdrawn on the next; the last stays open."""
        days: list[list[Objection]] = []
        still_open: list[Objection] = []
        answered: list[Objection] = []
        for day in range(self.period.days):
            messages = []
            for i, objection in enumerate(still_open):
                handled = self.period.moment(self.rng, day)
                if i == 2:
                    messages.append(replace(objection, action="D"))
                    self._plant(day, OBJECTIONS, objection.number, objection.subject, "OBJECTION_WITHDRAWN")
                else:
                    result = "不成立" if i % 2 else "成立"
                    messages.append(replace(objection, action="U", result=result, handled=handled))
                    label = "OBJECTION_DISMISSED" if i % 2 else "OBJECTION_UPHELD"
                    self._plant(day, OBJECTIONS, objection.number, objection.subject, label)
            # The newest message is read first: the order of arrival decides nothing.
            if messages:
                messages.append(replace(still_open[0], kind=INACCURATE))
            messages += [replace(decided, action="U") for decided in answered]
            for decided in answered:
                self._plant(day, OBJECTIONS, decided.number, decided.subject, "OBJECTION_UPHELD")
            opened = [self._objection(day) for _ in range(2 * self._few + 1)]
            answered = self._before_a_correction(day)
            broken = self._broken(day, OBJECTIONS, opened)
            if day == 0:
                decided = replace(opened[0], result="成立", handled=self.period.moment(self.rng, day, 19, 1))
                broken += [
                    replace(decided, number=f"YY{next(self._numbers):08d}", breaks=rule) for rule in DECIDED_BREAKS
                ]
            for objection in opened:
                self._plant(day, OBJECTIONS, objection.number, objection.subject, "OBJECTION_OPENED")
            for decided in answered:
                opened.append(replace(decided, result=None, handled=None))
                self._plant(day, OBJECTIONS, decided.number, decided.subject, "OBJECTION_OPENED")
            days.append([*messages, *opened, *broken])
            still_open = opened[: 2 * self._few]
        return days

    def _before_a_correction(self, day: int) -> list[Objection]:
        """Upheld on the next day, shortly before or after the court corrects the contested listing.

        Only a correction that follows the outcome answers it, and only where words were wrong.
        """
        corrected = self._corrections[day + 1] if day + 1 < self.period.days else ()
        cases = ((INACCURATE, -MINUTES), ("不应列入", -MINUTES), (INACCURATE, MINUTES))
        return [
            Objection(
                number=f"YY{next(self._numbers):08d}",
                subject=message.listing.subject,
                kind=kind,
                contested=str(message.listing.id),
                filed=self.period.moment(self.rng, day),
                result="成立",
                handled=message.updated_at + offset,
            )
            for message, (kind, offset) in zip(corrected, cases, strict=False)
            if message.listing.subject
        ]

    def _objection(self, day: int) -> Objection:
        listing = self.rng.choice(self._listings)
        assert listing.subject
        return Objection(
            number=f"YY{next(self._numbers):08d}",
            subject=listing.subject,
            kind=self.rng.choice(KINDS),
            contested=str(listing.id),
            filed=self.period.moment(self.rng, day),
        )

    def _repair(self, day: int) -> list[Repair]:
        entries = [self._violations[(2 * day + i) % len(self._violations)] for i in range(2)]
        repairs = [
            Repair(
                number=f"信修（{self.period.day(day).year}）{next(self._numbers)}号",
                subject=entry.subject,
                matter="重大税收违法失信信息",
                document=entry.reference,
                repaired=self.period.day(day),
            )
            for entry in entries
        ]
        for repair in repairs:
            self._plant(day, REPAIRS, repair.number, repair.subject, "REPAIRED")
        return [*repairs, *self._of_listings(day), *self._broken(day, REPAIRS, repairs)]

    def _of_listings(self, day: int) -> list[Repair]:
        """Decisions that name a listed case; one is older than the listing, and one is another's."""
        on = self.period.day(day)
        repairs = []
        early, others, *listed = self.rng.sample(self._listings, self._few + 2)
        stranger = next(
            listing.subject for listing in listed if listing.subject and listing.subject is not others.subject
        )
        for listing, label in (
            (early, "REPAIR_BEFORE_LISTING"),
            (others, "REPAIR_OF_ANOTHER"),
            *((listing, "LISTING_REPAIRED") for listing in listed),
        ):
            subject = stranger if listing is others else listing.subject
            assert subject
            repair = Repair(
                number=f"信修（{on.year}）{next(self._numbers)}号",
                subject=subject,
                matter="失信被执行人信息",
                document=listing.case_code,
                repaired=listing.since - timedelta(days=1) if listing is early else on,
            )
            self._plant(day, REPAIRS, repair.number, subject, label)
            repairs.append(repair)
        return repairs

    def _broken(self, day: int, source: str, sound: Sequence[F]) -> list[F]:
        """On the first day one line for every rule it can break."""
        rules = () if day else BREAKS[source]
        return [replace(sound[0], number=f"X{next(self._numbers):08d}", breaks=rule) for rule in rules]

    def _subjects(self, wanted: int) -> list[Subject]:
        chosen = self.rng.sample(self._listings, wanted)
        return [listing.subject for listing in chosen if listing.subject]

    def _plant(self, day: int, source: str, key: str, subject: Subject, label: str) -> None:
        self.plants.append(Plant(day, source, key, subject.no, label))
