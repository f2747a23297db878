"""What the law says of every listing, computed without the project: standard library and the public calendar only.

Given what arrived and when, ``judge`` tells for a day, as known at a moment, which listings are in force, which may be
shown, which may be directed, and what is due. It is slow and plain on purpose; the warehouse is compared with it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any

import chinese_calendar

Row = dict[str, Any]
BEIJING = timezone(timedelta(hours=8))
RULES_OF_2017 = date(2017, 5, 1)
ADULT, BASE_TERM, LONGEST_TERM, RELIST_MONTHS = 18, 24, 60, 6
SERIOUS = "D2"
PERFORMED = {"全部已履行", "全部履行"}
OFFICES = {"法定代表人", "主要负责人", "影响债务履行的直接责任人员", "实际控制人"}
"""What an order restricting consumption may call whom it names besides the debtor himself (法释〔2010〕8号 第三条)."""
KINDS = {"0": "person", "580": "person", "1": "organisation", "581": "organisation"}
OBJECTIONS = {"不应列入", "信息不准", "应删除未删除", "非本人"}
NOTHING = {"", "暂无", "无", "NULL", "\\N", "— —", "未公开", "None"}
BAR_DIRECTIVE = {
    "WITHDRAWN", "REVOKED", "EXPIRED", "MINOR", "NOT_PUBLIC", "PUBLICITY_UNSTATED", "NO_VALID_IDENTIFIER",
    "IDENTITY_CONFLICT", "OBJECTION_UPHELD",
}  # fmt: skip
DOUBT = {"MINOR", "IDENTITY_CONFLICT", "NO_VALID_IDENTIFIER", "OBJECTION_UPHELD"}
"""Reasons for which not even the unit of a person is told."""


@dataclass(frozen=True)
class Policy:
    """What a centre may decide itself."""

    mask_on_performance: bool = True
    hold_on_objection: bool = False
    repair_hides_listing: bool = True


@dataclass(frozen=True)
class Arrived:
    """One row of one source, and when it came."""

    source: str
    row: Row
    on: datetime


@dataclass
class Listing:
    """What holds of one listing."""

    status: str
    reason: str | None = None
    number: str | None = None
    exposure: set[str] = field(default_factory=set)
    directives: set[str] = field(default_factory=set)
    awaiting_confirmation: bool = False
    objection: bool = False
    notice: str | None = None
    alerts: set[str] = field(default_factory=set)
    due: dict[str, date] = field(default_factory=dict)
    expiry: tuple[date | None, date | None] = (None, None)
    shown: list[str] = field(default_factory=list)

    @property
    def published(self) -> bool:
        return self.in_force and not self.exposure

    @property
    def directed(self) -> bool:
        return self.in_force and not self.directives

    @property
    def in_force(self) -> bool:
        return self.status in ("ACTIVE", "SUPPRESSED", "CORRECTED")


@dataclass
class Verdict:
    """Every listing by the court's number, and the rows that could not be taken."""

    listings: dict[str, Listing]
    rejected: list[tuple[str, str]]
    officers: dict[str, str] = field(default_factory=dict)
    """Order of the court -> number of whom a directive may reach because of it, who is not listed by that."""


# Days


def works(day: date) -> bool:
    """A working day; where nobody announced the year, Monday to Friday."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:  # how the library says that the State Council has not announced the year
        return day.weekday() < 5


def after(start: date, amount: int, unit: str) -> date:
    """The last day of a period, whose first day is the one after ``start``."""
    if unit == "day":
        return start + timedelta(days=amount)
    if unit == "month":
        year, month = divmod(start.year * 12 + start.month - 1 + amount, 12)
        for last in (start.day, 30, 29, 28):
            try:
                return date(year, month + 1, last)
            except ValueError:
                continue
    day = start
    while amount:
        day += timedelta(days=1)
        amount -= works(day)
    return day


def three_days(start: date) -> date:
    """三个工作日."""
    return after(start, 3, "working")


# Values


def value(raw: Any) -> str | None:
    """Text, or nothing in whatever way a provider writes nothing."""
    return None if raw is None or str(raw).strip() in NOTHING else str(raw).strip()


def day_of(raw: Any) -> date | None:
    """A date in the forms of the providers."""
    found = re.match(r"(\d{4})\D?(\d{1,2})\D?(\d{1,2})", value(raw) or "")
    return date(*(int(part) for part in found.groups())) if found else None


def moment(raw: Any) -> datetime | None:
    """A time; one without a zone is Beijing's."""
    if value(raw) is None:
        return None
    said = datetime.fromisoformat(str(raw).strip())
    return said if said.tzinfo else said.replace(tzinfo=BEIJING)


def flat(text: Any) -> str:
    """Text to compare: width, spaces, brackets, middle dots."""
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", str(text or "")))
    return plain.translate(str.maketrans("〔〕[]【】•‧・･∙⋅●.", "()()()········"))


def conducts(text: Any) -> set[str] | None:
    """D1 to D6; nothing when one part is none of them."""
    words = [("抗拒执行", "D2"), ("规避执行", "D3"), ("财产报告", "D4"), ("消费", "D5"), ("和解协议", "D6"),
             ("有履行能力", "D1")]  # fmt: skip
    found = set()
    for part in filter(None, (piece.strip() for piece in re.split("[,，;；]", str(text or "")))):
        code = next((code for word, code in words if word in part), None)
        if code is None:
            return None
        found.add(code)
    return found or None


def person_number(number: str) -> str | None:
    """A resident identity number with a right check character and a real birthday, in its long form."""
    if re.fullmatch(r"\d{15}", number):
        number = number[:6] + "19" + number[6:]
        number += _check_11(number)
    if not re.fullmatch(r"\d{17}[\dX]", number) or _check_11(number[:17]) != number[17]:
        return None
    return number if birth_of(number) else None


def birth_of(number: str) -> date | None:
    try:
        return datetime.strptime(number[6:14], "%Y%m%d").date()
    except ValueError:
        return None


def _check_11(first17: str) -> str:
    return "10X98765432"[sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(first17)) % 11]


def organisation_number(number: str) -> str | None:
    """The nine characters that a unified code and an organisation code share, when the check character is right."""
    letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    if re.fullmatch(f"[{letters}]{{18}}", number):
        total = sum(letters.index(char) * (3**place % 31) for place, char in enumerate(number[:17]))
        return number[8:17] if letters[-total % 31] == number[17] else None
    if re.fullmatch(r"[0-9A-Z]{8}[0-9X]", number):
        total = sum(int(char, 36) * weight for char, weight in zip(number, (3, 7, 9, 10, 5, 8, 4, 2), strict=False))
        return number if "0123456789X0"[11 - total % 11] == number[8] else None
    return None


def age_on(birth: date, day: date) -> int:
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


# What the court said


@dataclass
class Facts:
    """One statement of the court about a listing."""

    row: Row
    said: date

    @property
    def kind(self) -> str:
        return KINDS[str(self.row["partyTypeName"])]

    @property
    def number(self) -> str | None:
        """The valid number of the listed one."""
        for raw in (self.row.get("cardNumFull"), self.row.get("cardNum")):
            text = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", value(raw) or "")).upper()
            if text and "*" not in text:
                return person_number(text) if self.kind == "person" else organisation_number(text)
        return None

    @property
    def case(self) -> str:
        return re.sub("字第0+", "字第", flat(self.row.get("caseCode")))

    @property
    def decided(self) -> date | None:
        return day_of(self.row.get("decisionDate"))

    @property
    def start(self) -> date:
        """A decision takes effect when made (R6); not knowing it, the day of publication."""
        return self.decided or day_of(self.row.get("publishDate")) or self.said

    @property
    def performed(self) -> bool:
        return value(self.row.get("performance")) in PERFORMED

    def term(self) -> tuple[date | None, date | None]:
        """Earliest and latest end; equal when the court told the term, nothing when there is none (R2, R16)."""
        types = conducts(self.row.get("disruptTypeName")) or set()
        if types <= {"D1"} or self.start < RULES_OF_2017:
            return None, None
        months = value(self.row.get("termMonths"))
        if months is not None:
            end = after(self.start, int(months), "month")
            return end, end
        longest = LONGEST_TERM if SERIOUS in types or len(types) > 1 else BASE_TERM
        return after(self.start, BASE_TERM, "month"), after(self.start, longest, "month")

    def minor(self) -> bool:
        """Under age when decided or published, by whatever tells an age (R5)."""
        if self.kind != "person":
            return False
        days = [day for day in (self.decided, day_of(self.row.get("publishDate"))) if day] or [self.said]
        births = [day_of(self.row.get("birthDate")), birth_of(self.number) if self.number else None]
        age = int(value(self.row.get("age")) or 0)
        shown = re.match(r"\d{6}(\d{4})\*", str(self.row.get("cardNum") or ""))
        return (
            any(age_on(birth, min(days)) < ADULT for birth in births if birth)
            or 0 < age < ADULT
            or bool(shown and int(shown[1]) > min(days).year - ADULT)
        )

    def contradicts_itself(self) -> bool:
        """Birth date, sex, age or the shown number against the document."""
        if self.kind != "person" or not self.number:
            return False
        birth = birth_of(self.number)
        assert birth
        reported, sex = day_of(self.row.get("birthDate")), str(self.row.get("sexy") or "")[:1]
        age, shown = int(value(self.row.get("age")) or 0), value(self.row.get("cardNum")) or ""
        oldest, youngest = age_on(birth, self.said) + 1, age_on(birth, min(self.start, self.said)) - 1
        return (
            (reported is not None and reported != birth)
            or (sex in ("男", "女") and sex != ("男" if int(self.number[16]) % 2 else "女"))
            or (age > 0 and not youngest <= age <= oldest)
            or (len(shown) == 18 and any(a not in ("*", b) for a, b in zip(shown, self.number, strict=True)))
        )

    def shown(self) -> list[str]:
        """What Article 6 lets the court publish, the number masked (R7)."""
        number = re.sub(r"^(.{10}).{4}(.{4})$", r"\1****\2", self.number or "") if self.kind == "person" else None
        keep = ["iname", "caseCode", "courtName", "gistId", "performance", "disruptTypeName", "sexy"]
        if self.kind == "organisation":
            keep.append("businessEntity")
            number = value(self.row.get("cardNum"))
        return [str(text) for text in [number, *(value(self.row.get(name)) for name in keep)] if text]


@dataclass
class Episode:
    """One listing from its addition to its end."""

    start: date
    versions: list[Facts]
    end: tuple[str, str | None, date] | None = None


def rejection(item: Arrived) -> str | None:
    """The rule by which a row cannot be taken."""
    row = item.row
    if item.source == "court_defaulters":
        action = row.get("infoActionType")
        if value(row.get("id")) is None:
            return "KEY_MISSING"
        if action not in ("A", "U", "D", "R"):
            return "ACTION_UNKNOWN"
        if action in ("A", "U"):
            if str(row.get("partyTypeName")) not in KINDS:
                return "PARTY_TYPE_UNKNOWN"
            if conducts(row.get("disruptTypeName")) is None:
                return "CONDUCT_UNKNOWN"
            if value(row.get("publicity")) not in ("Y", "N", None):
                return "PUBLICITY_UNKNOWN"
            if not str(value(row.get("termMonths")) or "0").isdigit():
                return "TERM_INVALID"
    if item.source == "objections" and row.get("infoActionType") in ("A", "U"):
        if value(row.get("yylx")) not in OBJECTIONS:
            return "OBJECTION_UNKNOWN"
        if value(row.get("dxid")) is None:
            return "TARGET_MISSING"
    return None


def episodes(messages: Iterable[Row]) -> list[Episode]:
    """The story of one listing in the order in which it was said, whatever the order of arrival."""
    told: list[Episode] = []
    for row in sorted(messages, key=lambda row: (moment(row["updatedAt"]), "AUDR".index(row["infoActionType"]))):
        said_at = moment(row["updatedAt"])
        assert said_at
        said, action = said_at.astimezone(BEIJING).date(), row["infoActionType"]
        current = told[-1] if told else None
        if action in ("A", "U"):
            facts = Facts(row, said)
            if current is None:
                told.append(Episode(facts.start, [facts]))
            elif current.end is None:
                current.versions.append(facts)
            elif action == "A":
                # Listed again. A correction of what is gone lists nobody.
                begins = facts.start if facts.start >= current.end[2] else said
                told.append(Episode(begins, [facts]))
        elif current is None:
            told.append(Episode(said, [], (action, value(row.get("deleteReason")), said)))
        elif action == "R":
            current.end = ("R", None, said)
        elif current.end is None:
            current.end = ("D", value(row.get("deleteReason")), said)
    return told


# Objections and repairs


@dataclass
class Objection:
    """The latest state of one objection."""

    kind: str
    filed: date
    result: str | None = None
    decided: date | None = None
    withdrawn: date | None = None

    def open_on(self, day: date) -> bool:
        return self.filed <= day and not (self.decided and self.decided <= day) and not self._gone(day)

    def upheld_on(self, day: date) -> bool:
        return self.result == "成立" and bool(self.decided and self.decided <= day) and not self._gone(day)

    def dismissed_on(self, day: date) -> bool:
        return self.result == "不成立" and bool(self.decided and self.decided <= day) and not self._gone(day)

    def _gone(self, day: date) -> bool:
        return self.withdrawn is not None and self.withdrawn <= day


def objections(arrived: list[Arrived]) -> dict[str, list[Objection]]:
    """By the listing they contest. A result outweighs the application; a withdrawal ends both."""
    by_number: dict[str, list[Arrived]] = defaultdict(list)
    for item in arrived:
        by_number[str(item.row["yybh"])].append(item)
    found: dict[str, list[Objection]] = defaultdict(list)
    for items in by_number.values():
        told = [item.row for item in items if item.row["infoActionType"] in ("A", "U")]
        if not told:
            continue
        latest = max(told, key=lambda row: str(value(row.get("clsj")) or ""))
        filed, decided = moment(latest["sqsj"]), moment(latest.get("clsj"))
        assert filed
        gone = [item.on.date() for item in items if item.row["infoActionType"] in ("D", "R")]
        found[str(latest["dxid"])].append(
            Objection(latest["yylx"], filed.date(), value(latest.get("cljg")), decided and decided.date(),
                      min(gone, default=None))
        )  # fmt: skip
    return found


def repaired(facts: Facts, arrived: list[Arrived], day: date) -> date | None:
    """When a decision repaired this listing: same subject, same case."""
    for item in arrived:
        row, decided = item.row, day_of(item.row["xfrq"])
        number = value(row.get("zjhm")), value(row.get("tyshxydm"))
        known = {person_number(number[0]) if number[0] else None, organisation_number(number[1]) if number[1] else None}
        if facts.number in known - {None} and flat(row["wsh"]) == facts.case and decided and decided <= day:
            return decided
    return None


# Orders restricting consumption


@dataclass
class Order:
    """What an order says that has not been lifted."""

    row: Row
    said: date

    @property
    def number(self) -> str | None:
        """The valid number of whom it names."""
        return person_number(str(value(self.row.get("sfzhm")) or "").upper())

    @property
    def unit(self) -> str | None:
        """The valid number of the unit that owes."""
        return organisation_number(str(value(self.row.get("QY_DM")) or ""))

    @property
    def case(self) -> str:
        return re.sub("字第0+", "字第", flat(self.row.get("AH")))

    def may_name_an_officer(self) -> bool:
        """An adult, of the sex that the number tells, in an office."""
        if not self.number or value(self.row.get("ryxz")) not in OFFICES:
            return False
        birth, sex = birth_of(self.number), str(self.row.get("XB") or "")[:1]
        assert birth
        grown_up = age_on(birth, day_of(self.row.get("LASJStr")) or self.said) >= ADULT
        return grown_up and sex in ("", "男" if int(self.number[16]) % 2 else "女")


def standing_orders(arrived: list[Arrived], day: date) -> dict[str, Order]:
    """By the court's number of the order: said by ``day`` and not lifted, whatever the order of arrival."""
    words: dict[str, list[Row]] = defaultdict(list)
    for item in arrived:
        words[str(item.row["id"])].append(item.row)
    found: dict[str, Order] = {}
    lifted = set[str]()
    for number, rows in words.items():
        for row in sorted(rows, key=lambda row: (moment(row["updatedAt"]), "AUDR".index(row["infoActionType"]))):
            said = moment(row["updatedAt"])
            assert said
            said_on, action = said.astimezone(BEIJING).date(), row["infoActionType"]
            if said_on > day:
                continue
            if action in ("D", "R"):
                found.pop(number, None)
                lifted.add(number)
            elif action == "A" or number not in lifted:
                # A correction lists nobody again; only a new order does.
                found[number] = Order(row, said_on)
    return found


def _officers(
    orders: dict[str, Order], stories: dict[str, list[Episode]], found: dict[str, Listing],
    contested: dict[str, list[Objection]], day: date,
) -> dict[str, str]:  # fmt: skip
    """Whom an order names in an office of a unit whose own listing, in that very case, may be directed."""
    owing = set()
    names: dict[str, set[str]] = defaultdict(set)
    for listing, verdict in found.items():
        facts = _version(_current(stories[listing], day), day) if verdict.in_force else None
        if facts and facts.kind == "organisation" and verdict.directed:
            owing.add((facts.number, facts.case))
        elif facts and facts.kind == "person" and facts.number:
            names[facts.number].add(flat(facts.row["iname"]))
    for order in orders.values():
        if order.number:
            names[order.number].add(flat(order.row["XM"]))
    reached = {}
    for key, order in orders.items():
        wrong = any(
            objection.upheld_on(day)
            and not (objection.kind == "信息不准" and objection.decided and order.said > objection.decided)
            for objection in contested[key]
        )
        owes = order.unit and (order.unit, order.case) in owing
        if order.number and owes and order.may_name_an_officer() and len(names[order.number]) == 1 and not wrong:
            reached[key] = order.number
    return reached


# The judgment


def judge(
    arrived: Iterable[Arrived], day: date, known: datetime | None = None, policy: Policy | None = None
) -> Verdict:
    """Everything that holds on ``day``, from what had arrived by ``known``."""
    told = [item for item in arrived if known is None or item.on <= known]
    rejected = [(item.source, rule) for item in told if (rule := rejection(item))]
    by_source: dict[str, list[Arrived]] = defaultdict(list)
    for item in told:
        if not rejection(item):
            by_source[item.source].append(item)
    messages: dict[str, list[Row]] = defaultdict(list)
    for item in by_source["court_defaulters"]:
        messages[str(item.row["id"])].append(item.row)
    stories = {listing: episodes(rows) for listing, rows in messages.items()}
    contested = objections(by_source["objections"])
    listings = {
        listing: _listing(story, day, contested[listing], by_source["credit_repairs"], policy or Policy())
        for listing, story in stories.items()
    }
    found = {listing: verdict for listing, verdict in listings.items() if verdict}
    _conflicts(stories, found, day)
    _relistings(stories, found, day)
    orders = standing_orders(by_source["court_consumption_limits"], day)
    return Verdict(found, rejected, _officers(orders, stories, found, contested, day))


def _on(story: list[Episode], day: date) -> Episode | None:
    return next((episode for episode in reversed(story) if episode.start <= day), None)


def _version(episode: Episode, day: date) -> Facts:
    return next((facts for facts in reversed(episode.versions) if facts.said <= day), episode.versions[0])


def _listing(
    story: list[Episode], day: date, contested: list[Objection], repairs: list[Arrived], policy: Policy
) -> Listing | None:
    episode = _on(story, day)
    if episode is None:
        return None
    kind, reason, said = episode.end or (None, None, day)
    if kind == "R":
        return _ended("REVOKED", None, episode, day, {"REVOKE_WRONG_LISTING": three_days(said)})
    if kind == "D" and said <= day:
        due = {"DELETE_AFTER_TERM" if reason == "X8" else "DELETE_ART10": three_days(said)}
        if reason == "X3":
            due["RELIST_BLOCK"] = after(said, RELIST_MONTHS, "month")
        return _ended("DELETED", reason, episode, day, due)
    facts = _version(episode, day)
    shortest, longest = facts.term()
    found = Listing("ACTIVE", number=facts.number, expiry=(shortest, longest), shown=facts.shown())
    if facts is not episode.versions[0]:
        found.due["CORRECT_INACCURATE"] = three_days(facts.said)
    if longest and day >= longest:
        found.status = "EXPIRED"
        found.exposure.add("EXPIRED")
        found.due["DELETE_AFTER_TERM"] = three_days(longest)
    if shortest and longest:
        if day > three_days(longest):
            found.alerts.add("TERM_OVER_MAXIMUM")
        elif day > three_days(shortest):
            found.alerts.add("TERM_OVER_MINIMUM")
    _who(found, facts)
    _performed(found, facts, episode, day, policy)
    _contested(found, facts, contested, day, policy)
    if repaired_on := repaired(facts, repairs, day):
        found.due["REPAIR_HIDE"] = three_days(repaired_on)
        if policy.repair_hides_listing:
            found.exposure.add("REPAIRED")
            found.awaiting_confirmation = True
    _settle(found, facts)
    if found.in_force and episode.versions[-1] is not facts:
        found.status = "CORRECTED"
    return found


def _ended(status: str, reason: str | None, episode: Episode, day: date, due: dict[str, date]) -> Listing:
    bar = {"REVOKED" if status == "REVOKED" else "WITHDRAWN"}
    number = _version(episode, day).number if episode.versions else None
    return Listing(status, reason, number, exposure=bar, directives=set(bar), due=due)


def _who(found: Listing, facts: Facts) -> None:
    if facts.minor():
        found.exposure.add("MINOR")
        found.alerts.add("MINOR_LISTED")
    if not facts.number:
        found.exposure.add("NO_VALID_IDENTIFIER")
    if facts.contradicts_itself():
        found.exposure.add("IDENTITY_CONFLICT")
        found.alerts.add("IDENTITY_CONFLICT")
    publicity = value(facts.row.get("publicity"))
    if publicity != "Y":
        found.exposure.add("NOT_PUBLIC" if publicity == "N" else "PUBLICITY_UNSTATED")


def _performed(found: Listing, facts: Facts, episode: Episode, day: date, policy: Policy) -> None:
    if not facts.performed:
        return
    found.alerts.add("PERFORMED_AWAITS_COURT")
    found.awaiting_confirmation = True
    if policy.mask_on_performance:
        found.exposure.add("PERFORMED")
    if found.expiry == (None, None):
        # Without a term the court owes the deletion, counted from when it first said so.
        first = next(version for version in episode.versions if version.performed)
        found.due["DELETE_ART10"] = three_days(first.said)
        if day > found.due["DELETE_ART10"]:
            found.alerts.add("DELETION_OVERDUE")


def _contested(found: Listing, facts: Facts, contested: list[Objection], day: date, policy: Policy) -> None:
    for objection in contested:
        if objection.open_on(day):
            found.objection = True
            found.due["OBJECTION_REVIEW"] = after(objection.filed, 15, "day")
            if day > found.due["OBJECTION_REVIEW"]:
                found.alerts.add("OBJECTION_OVERDUE")
            if policy.hold_on_objection:
                found.exposure.add("CONTESTED")
        elif objection.dismissed_on(day):
            assert objection.decided
            found.due["RECONSIDER_APPLY"] = after(objection.decided, 10, "day")
        elif objection.upheld_on(day):
            assert objection.decided
            corrected = objection.kind == "信息不准" and facts.said > objection.decided
            if not corrected:
                found.due["OBJECTION_CORRECT"] = three_days(objection.decided)
                found.exposure.add("OBJECTION_UPHELD")


def _settle(found: Listing, facts: Facts) -> None:
    """What the reasons against exposure mean for the rest."""
    found.directives = found.exposure & BAR_DIRECTIVE
    if found.status == "ACTIVE" and found.exposure:
        found.status = "SUPPRESSED"
        found.reason = sorted(found.exposure)[0]
    if found.in_force and "NOT_PUBLIC" in found.exposure and not found.exposure & DOUBT:
        found.notice = value(facts.row.get("notifyUnit"))


def _conflicts(stories: dict[str, list[Episode]], found: dict[str, Listing], day: date) -> None:
    """One number, two names, both in force: somebody is not who the list says."""
    names: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for listing, verdict in found.items():
        if verdict.in_force and verdict.number:
            facts = _version(_current(stories[listing], day), day)
            if facts.kind == "person":
                names[verdict.number][flat(facts.row["iname"])].add(listing)
    for by_name in names.values():
        for listing in set().union(*by_name.values()) if len(by_name) > 1 else ():
            found[listing].exposure.add("IDENTITY_CONFLICT")
            found[listing].alerts.add("IDENTITY_CONFLICT")
            _settle(found[listing], _version(_current(stories[listing], day), day))
            if found[listing].exposure & DOUBT:
                found[listing].notice = None


def _current(story: list[Episode], day: date) -> Episode:
    episode = _on(story, day)
    assert episode
    return episode


def _relistings(stories: dict[str, list[Episode]], found: dict[str, Listing], day: date) -> None:
    """Listed again in the same case too soon after the applicant had asked for the deletion (R13)."""
    ended = [
        (episode.versions[-1].number, episode.versions[-1].case, episode.end[2])
        for episode in _all(stories)
        if episode.versions and episode.end and episode.end[:2] == ("D", "X3") and episode.end[2] <= day
    ]
    for listing, verdict in found.items():
        if not verdict.in_force:
            continue
        episode = _current(stories[listing], day)
        facts = _version(episode, day)
        for number, case, gone in ended:
            again = number == facts.number and case == facts.case and gone <= episode.start
            if again and episode.start < after(gone, RELIST_MONTHS, "month"):
                verdict.alerts.add("RELISTED_TOO_SOON")


def _all(stories: dict[str, list[Episode]]) -> Iterator[Episode]:
    for story in stories.values():
        yield from story
