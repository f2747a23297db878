"""A year of the court's list in small: every kind of event, delivered late, twice and out of order. Nobody exists.

``deliveries(seed)`` yields what arrives on each day, in the order of arrival; the same seed yields the same year.
``arrivals`` puts it into the form the oracle reads. Nothing here knows what is right: the oracle says that.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import providers
from law.cases import CONDUCT
from law.oracle import BEIJING, Arrived

Row = dict[str, Any]
Delivery = dict[str, list[Row]]
FIRST, LAST = date(2025, 1, 1), date(2025, 12, 31)
LISTINGS = 300
LATE, TWICE = 0.3, 0.15
LONG_AGO = date(2016, 6, 1)
RELATIONS = ["法定代表人", "实际控制人", "本人", "主要负责人", "影响债务履行的直接责任人员"]
BIRTHS = [providers.ADULT, date(1962, 11, 30), date(1979, 8, 8), date(1991, 2, 28), date(2000, 2, 29)]


class _Year:
    def __init__(self, seed: int, first: date, last: date, listings: int) -> None:
        self.dice = random.Random(seed)
        self.first, self.last, self.listings = first, last, listings
        self.delivered: dict[date, list[tuple[float, str, Row]]] = defaultdict(list)
        self.closed: list[tuple[date, Row]] = []
        self.serial = 0

    # What arrives when

    def send(self, source: str, said: date, row: Row) -> None:
        """Most things arrive on their day, some late, some again."""
        arrives = max(said, self.first)
        if self.dice.random() < LATE:
            arrives += timedelta(days=self.dice.choice([1, 2, 5, 12, 30]))
        self._put(arrives, source, row)
        if self.dice.random() < TWICE:
            self._put(arrives + timedelta(days=self.dice.choice([0, 1, 9, 40])), source, row)

    def _put(self, day: date, source: str, row: Row) -> None:
        if day <= self.last:
            self.delivered[day].append((self.dice.random(), source, row))

    def some_day(self, earliest: date | None = None, latest: date | None = None) -> date:
        earliest, latest = earliest or self.first, min(latest or self.last, self.last)
        return earliest + timedelta(days=self.dice.randrange(max((latest - earliest).days, 1)))

    def later(self, day: date, least: int = 1, most: int = 60) -> date:
        """Often within days, so that late messages overtake each other."""
        return day + timedelta(days=self.dice.randint(least, self.dice.choice([least + 4, most])))

    # What the court says

    def said(self, row: Row, day: date, action: str = "A", **changes: Any) -> Row:
        """The court says ``row`` again, changed."""
        self.serial += 1
        at = datetime.combine(day, time(8), BEIJING) + timedelta(seconds=self.serial % 30000)
        row = {**row, **changes, "infoActionType": action, "updatedAt": at.isoformat()}
        if action in ("D", "R"):
            row = {name: row.get(name) for name in ("id", "infoActionType", "deleteReason", "updatedAt")}
        self.send("court_defaulters", day, row)
        return row

    def listed(self, number: int, day: date, **changes: Any) -> Row:
        """The court lists somebody on ``day``."""
        birth = self.dice.choice(BIRTHS)
        decided, published = day - timedelta(days=self.dice.randrange(4)), day
        document = changes.pop("document", providers.resident_id(number, birth))
        conduct = changes.pop("conduct", self.dice.choice([["D1"], ["D2"], ["D3"], ["D4"], ["D4", "D5"], ["D1", "D6"]]))
        known = {
            "cardNumFull": document, "cardNum": providers.masked(document),
            "age": day.year - int(document[6:10]) - (document[10:14] > f"{day:%m%d}"),
            "decisionDate": decided.isoformat(), "publishDate": f"{published:%Y年%m月%d日}",
            "regDate": f"{decided - timedelta(days=90):%Y年%m月%d日}",
            "disruptTypeName": ",".join(CONDUCT[code] for code in conduct),
            "termMonths": None if conduct == ["D1"] else 24,
        }  # fmt: skip
        row = providers.listing(str(750_000_000 + number), number, **{**known, **changes})
        return self.said(row, day)

    def company(self, number: int, day: date) -> Row:
        row = providers.company_listing(
            str(750_000_000 + number), number, decisionDate=day.isoformat(), publishDate=f"{day:%Y%m%d}",
            qysler=[{"iname": providers.name(number + 5000), "corporationtypename": "法定代表人",
                     "cardNum": providers.masked(providers.resident_id(number + 5000))}],
        )  # fmt: skip
        self.limited(number, day, row["caseCode"])
        return self.said(row, day)

    def limited(self, number: int, day: date, case: str) -> None:
        """Somebody is restricted for a company, in its case or in another; some orders are lifted."""
        at = datetime.combine(day, time(11), BEIJING)
        order = {
            "id": str(760_000_000 + number), "XM": providers.name(number + 5000),
            "XB": "男" if (number + 5000) % 2 else "女", "sfzhm": providers.resident_id(number + 5000),
            "QY_MC": f"试样{number}有限公司", "QY_DM": providers.uscc(number),
            "AH": case if number % 7 else f"（2025）浙0109执{number}号", "LASJStr": f"{day:%Y年%m月%d日}",
            "ZXFYMC": "杭州市上城区人民法院", "ryxz": RELATIONS[number % len(RELATIONS)],
            "infoActionType": "A", "updatedAt": at.isoformat(),
        }  # fmt: skip
        self.send("court_consumption_limits", day, order)
        if self.dice.random() < 0.4:
            end = self.later(day)
            lifted = {"id": order["id"], "infoActionType": "D", "updatedAt": at.replace(
                year=end.year, month=end.month, day=end.day).isoformat()}  # fmt: skip
            self.send("court_consumption_limits", end, lifted)

    # What others say

    def objection(self, row: Row, filed: date) -> None:
        self.serial += 1
        kind = self.dice.choice(["不应列入", "信息不准", "应删除未删除", "非本人"])
        about = {
            "yybh": f"YY{self.serial:06d}", "sqrmc": row["iname"], "zjhm": row["cardNumFull"] or row["cardNum"],
            "yylx": kind, "dxid": row["id"], "sqsj": f"{filed} 10:00:00", "cljg": None, "clsj": None,
            "cljgdm": None, "infoActionType": "A",
        }  # fmt: skip
        self.send("objections", filed, about)
        result = self.dice.choice(["成立", "成立", "不成立", "不成立", "撤回", None])
        decided = self.later(filed, 3, 25)
        if result == "撤回":
            self.send("objections", decided, {**about, "infoActionType": "D"})
        elif result:
            outcome = {"cljg": result, "clsj": f"{decided} 15:00:00", "cljgdm": "660101", "infoActionType": "U"}
            self.send("objections", decided, {**about, **outcome})
        if result == "成立":
            after = self.later(decided, 1, 20)
            if kind == "信息不准":
                self.said(row, after, "U", performance="部分未履行")
            elif self.dice.random() < 0.7:
                self.said(row, after, "R" if kind in ("不应列入", "非本人") else "D", deleteReason="X1")

    def repair(self, row: Row, day: date) -> None:
        self.serial += 1
        person = row["partyTypeName"] == "0"
        self.send("credit_repairs", day, {
            "jdwsh": f"修复〔2025〕{self.serial}号", "ztmc": row["iname"],
            "tyshxydm": "" if person else row["cardNum"], "zjhm": row["cardNumFull"] if person else "",
            "xfsx": "失信被执行人", "wsh": row["caseCode"].replace("（", "(").replace("）", ")"), "xfrq": str(day),
            "xfjg": "示例区发展和改革局",
        })  # fmt: skip

    # The kinds of story

    def stays(self, number: int) -> None:
        self.listed(number, self.some_day())

    def deleted(self, number: int) -> None:
        row = self.listed(number, day := self.some_day())
        self.said(row, self.later(day), "D", deleteReason=f"X{[1, 2, 3, 4, 5, 6, 7, 9][number % 8]}")

    def revoked(self, number: int) -> None:
        row = self.listed(number, day := self.some_day())
        self.said(row, self.later(day), "R")

    def corrected(self, number: int) -> None:
        row = self.listed(number, day := self.some_day())
        for _ in range(self.dice.randint(1, 3)):
            day = self.later(day, 1, 30)
            row = self.said(row, day, "U", performance=self.dice.choice(["部分未履行", "全部未履行"]))

    def performed(self, number: int) -> None:
        row = self.listed(number, day := self.some_day())
        row = self.said(row, day := self.later(day), "U", performance="全部已履行")
        end = self.dice.choice(["D", "U", None])
        if end:
            self.said(row, self.later(day), end, deleteReason="X1" if end == "D" else None, performance="全部未履行")

    def expires(self, number: int) -> None:
        """Listed two years ago; the end falls into this year, the court deletes, or forgets."""
        day = self.some_day()
        listed = day.replace(year=day.year - 2, day=min(day.day, 28))
        row = self.listed(number, listed, conduct=["D4"], termMonths=self.dice.choice([24, None]))
        if self.dice.random() < 0.6:
            self.said(row, self.later(day, 0, 20), "D", deleteReason="X8")

    def expires_in_a_range(self, number: int) -> None:
        day = self.some_day()
        ago = self.dice.choice([2, 5])
        listed = day.replace(year=day.year - ago, day=min(day.day, 28))
        self.listed(number, listed, conduct=["D4", "D5"], termMonths=None, decisionDate=None)

    def old_text(self, number: int) -> None:
        self.listed(number, LONG_AGO + timedelta(days=number), conduct=["D4"], termMonths=None,
                    document=providers.resident_id(number))  # fmt: skip

    def minor(self, number: int) -> None:
        day = self.some_day()
        child = providers.resident_id(number, date(2012, 5, 6))
        changes: Row = self.dice.choice([
            {"document": child},
            {"birthDate": "2012-05-06"},
            {"cardNumFull": None, "cardNum": "660101************", "age": 12},
        ])  # fmt: skip
        row = self.listed(number, day, **changes)
        if self.dice.random() < 0.5:
            self.said(row, self.later(day), "R")

    def not_public(self, number: int) -> None:
        row = self.listed(number, day := self.some_day(), publicity=self.dice.choice(["N", None]), notifyUnit="示例局")
        if self.dice.random() < 0.5:
            self.said(row, self.later(day), "U", publicity=self.dice.choice(["Y", "N"]))

    def contradictory(self, number: int) -> None:
        wrong = {"sexy": "女性" if number % 2 else "男性"}
        row = self.listed(number, day := self.some_day(), **self.dice.choice([wrong, {"birthDate": "1970-01-02"}]))
        if self.dice.random() < 0.5:
            right = {"sexy": "男性" if number % 2 else "女性", "birthDate": None}
            self.said(row, self.later(day), "U", **right)

    def two_names(self, number: int) -> None:
        document = providers.resident_id(number)
        first = self.listed(number, day := self.some_day(), document=document)
        other = {"id": str(755_000_000 + number), "iname": providers.name(number + 2000),
                 "caseCode": f"（2025）浙0103执{number}号"}  # fmt: skip
        second = self.said({**first, **other}, day := self.later(day))
        if self.dice.random() < 0.6:
            self.said(second, self.later(day), "R")

    def unnamed(self, number: int) -> None:
        self.listed(number, self.some_day(), cardNumFull=None)

    def listed_again(self, number: int) -> None:
        """After a deletion: under the same number, or as a new entry of the same case."""
        row = self.listed(number, day := self.some_day(latest=self.last - timedelta(days=90)))
        self.said(row, day := self.later(day), "D", deleteReason=self.dice.choice(["X2", "X3"]))
        day = self.later(day, 5, 120)
        number_again = {} if self.dice.random() < 0.5 else {"id": str(758_000_000 + number)}
        now = {"decisionDate": day.isoformat(), "publishDate": f"{day:%Y年%m月%d日}"}
        self.said({**row, **number_again, **now}, day)

    def two_cases(self, number: int) -> None:
        row = self.listed(number, day := self.some_day())
        second = {"id": str(757_000_000 + number), "caseCode": f"（2025）浙0103执{number}号"}
        self.said({**row, **second}, self.later(day))
        self.said(row, self.later(day), "D", deleteReason="X1")

    def contested(self, number: int) -> None:
        row = self.listed(number, day := self.some_day())
        self.objection(row, self.later(day))

    def repaired(self, number: int) -> None:
        day = self.some_day()
        row = self.company(number, day) if self.dice.random() < 0.4 else self.listed(number, day)
        self.repair(row, day := self.later(day))
        if self.dice.random() < 0.5:
            self.said(row, self.later(day), "D", deleteReason="X1")

    def organisation(self, number: int) -> None:
        row = self.company(number, day := self.some_day())
        if self.dice.random() < 0.5:
            self.said(row, self.later(day), "D", deleteReason="X1")

    def stays_with_its_officer(self, number: int) -> None:
        self.company(number, self.some_day())

    def unknown_conduct(self, number: int) -> None:
        self.listed(number, self.some_day(), disruptTypeName="其他情形")

    def not_listed(self, number: int) -> None:
        """Only a closed case, which exposes nobody."""
        self.closed.append((self.some_day(), {
            "ah": f"（2024）浙0102执{number}号", "xm": providers.name(number),
            "xb": "09_00003-1" if number % 2 else "09_00003-2", "dz": "示例路1号", "zxfymc": "杭州市上城区人民法院",
            "larq": "2024-03-03", "jarq": "2024-11-10", "sqzxbdje": "50000", "swzxbdje": "48000",
            "sfzhm": providers.resident_id(number),
        }))  # fmt: skip

    def stories(self) -> list[Callable[[int], None]]:
        return [
            self.stays, self.deleted, self.deleted, self.revoked, self.corrected, self.corrected, self.performed,
            self.performed, self.expires, self.expires, self.expires_in_a_range, self.old_text, self.minor,
            self.not_public, self.contradictory, self.two_names, self.unnamed, self.listed_again, self.two_cases,
            self.contested, self.contested, self.repaired, self.organisation, self.unknown_conduct, self.not_listed,
            self.stays_with_its_officer,
        ]  # fmt: skip

    def play(self) -> Iterator[tuple[date, Delivery]]:
        kinds = self.stories()
        for number in range(1, self.listings + 1):
            kinds[number % len(kinds)](number)
        day = self.first
        while day <= self.last:
            found: Delivery = defaultdict(list)
            for _, source, row in sorted(self.delivered[day], key=lambda sent: sent[0]):
                found[source].append(row)
            if day.day == 1 and (known := [row for since, row in self.closed if since <= day]):
                found["court_closed_cases"] = known
            yield day, dict(found)
            day += timedelta(days=1)


def deliveries(
    seed: int, first: date = FIRST, last: date = LAST, listings: int = LISTINGS
) -> Iterator[tuple[date, Delivery]]:
    """Each day of the year with what arrives on it, by source; quiet days too, because terms end on them."""
    yield from _Year(seed, first, last, listings).play()


def arrivals(days: Iterable[tuple[date, Delivery]]) -> list[Arrived]:
    """The year as the oracle reads it."""
    found = []
    for day, sources in days:
        at = datetime.combine(day, time(9), BEIJING)
        for source, rows in sources.items():
            for row in rows:
                found.append(Arrived(source, row, at))
                at += timedelta(seconds=1)
    return found
