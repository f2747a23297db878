"""Reads ``cases/*.yml`` into the messages of the providers and what the law expects of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

import providers
from law.oracle import BEIJING, Arrived, Policy

FOLDER = Path(__file__).parent / "cases"
Row = dict[str, Any]
CONDUCT = {
    "D1": "有履行能力而拒不履行生效法律文书确定义务",
    "D2": "以伪造证据、暴力、威胁等方法妨碍、抗拒执行",
    "D3": "以虚假诉讼、虚假仲裁或者以隐匿、转移财产等方法规避执行",
    "D4": "违反财产报告制度",
    "D5": "违反限制消费令",
    "D6": "无正当理由拒不履行执行和解协议",
}
SOURCES = {
    "court": "court_defaulters",
    "objections": "objections",
    "repairs": "credit_repairs",
    "limits": "court_consumption_limits",
    "closed": "court_closed_cases",
    "officers": "registry_persons",
}
Status = Literal["ACTIVE", "SUPPRESSED", "IN_FORCE", "CORRECTED", "DELETED", "EXPIRED", "REVOKED", "NONE"]


class Strict(BaseModel):
    """A misspelled key is an error."""

    model_config = ConfigDict(extra="forbid")


class Person(Strict):
    """Who is not the adult of the base row."""

    born: date = providers.ADULT


class Delivery(Strict):
    """What arrives on one day, in this order."""

    day: date
    court: list[Row] = []
    objections: list[Row] = []
    repairs: list[Row] = []
    limits: list[Row] = []
    closed: list[Row] = []
    officers: list[Row] = []


class Expected(Strict):
    """What holds of one listing; what is not given is not asked."""

    status: Status
    reason: str | None = None
    exposure: bool | None = None
    why: list[str] = []
    directives: bool | None = None
    flags: list[Literal["awaiting_confirmation", "objection"]] | None = None
    notice: str | None = None
    alerts: list[str] | None = None
    due: dict[str, date] = {}
    expiry: tuple[date | None, date | None] | None = None
    shown: list[str] = []
    not_shown: list[str] = []


class Question(Strict):
    """A day, and when what had arrived was known: the end of that day unless said otherwise."""

    day: date
    known: date | None = None
    listings: dict[str, Expected] = {}
    nobody: list[str] = Field(default=[], description="who may be in neither product as somebody listed")
    officers: list[str] = Field(default=[], description="on whom there are directives because an order names an office")
    limited: dict[str, str | None] = Field(default={}, description="order -> whom it binds, nobody once lifted")
    rejected: list[str] | None = None


class Case(Strict):
    """One case as written."""

    name: str
    rules: list[str]
    why: str
    people: dict[str, Person] = {}
    policy: dict[Literal["MASK_ON_PERFORMANCE", "HOLD_ON_OBJECTION", "REPAIR_HIDES_LISTING"], bool] = {}
    send: list[Delivery]
    ask: list[Question]
    number: int = 0

    @model_validator(mode="after")
    def _asks_something(self) -> Case:
        assert self.rules and self.ask and self.send, self.name
        assert [sent.day for sent in self.send] == sorted(sent.day for sent in self.send), f"{self.name}: days in order"
        return self

    def listing_id(self, alias: str) -> str:
        """The court's number of a listing, its own in every case."""
        return f"7{self.number:03d}{sum(ord(char) * 7**place for place, char in enumerate(alias)):05d}"

    def person(self, alias: str) -> int:
        """``P1`` to ``P9`` are persons (odd: a man), ``O1`` to ``O9`` organisations."""
        return 1000 + self.number * 10 + int(alias[1:])

    def document(self, alias: str) -> str:
        """The full number of a person or organisation."""
        number = self.person(alias)
        if alias.startswith("O"):
            return providers.uscc(number)
        return providers.resident_id(number, self.people.get(alias, Person()).born)

    def called(self, alias: str) -> str:
        """The name of a person or organisation."""
        number = self.person(alias)
        return f"试样{number}有限公司" if alias.startswith("O") else providers.name(number)

    def settings(self) -> Policy:
        """The centre's choice in this case."""
        return Policy(**{name.lower(): on for name, on in self.policy.items()})

    def text(self, raw: Any) -> Any:
        """Names in a value stand for numbers: ``$P1.document``, ``$P1.masked``, ``$P1.name``, ``$n``."""
        if not isinstance(raw, str) or "$" not in raw:
            return raw

        def known(found: re.Match[str]) -> str:
            document = self.document(found[1])
            return {"document": document, "masked": providers.masked(document), "name": self.called(found[1])}[found[2]]

        return re.sub(r"\$([PO]\d)\.([a-z]+)", known, raw).replace("$n", str(self.number))

    def arrivals(self) -> list[Arrived]:
        """Every row in the order of arrival."""
        return list(_Writer(self).rows())


class _Writer:
    """Turns the short form of a case into rows; a correction repeats what was said before it."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.said: dict[str, Row] = {}

    def rows(self) -> Iterator[Arrived]:
        for sent in self.case.send:
            minutes = 0
            for kind, source in SOURCES.items():
                for short in getattr(sent, kind):
                    at = datetime.combine(sent.day, time(9), BEIJING) + timedelta(minutes=minutes)
                    row = getattr(self, f"_{kind}")({"at": at.isoformat(), **short})
                    yield Arrived(source, row, at)
                    minutes += 1

    def _court(self, short: Row) -> Row:
        action, alias, at = short.pop("do"), short.pop("id"), _zoned(short.pop("at"))
        listing = self.case.listing_id(alias)
        row = {"id": listing, "infoActionType": action, "updatedAt": at}
        if action in ("D", "R"):
            return row | ({"deleteReason": short.pop("reason", None)} if action == "D" else {}) | short
        if alias in self.said and "who" not in short:
            base = self.said[alias]
        else:
            who = short.pop("who", "P1")
            number, document = self.case.person(who), self.case.document(who)
            base = (
                providers.company_listing(listing, number)
                if who.startswith("O")
                else providers.listing(listing, number, cardNum=providers.masked(document), cardNumFull=document)
            )
        if "conduct" in short:
            short["disruptTypeName"] = ",".join(CONDUCT[code] for code in short.pop("conduct"))
        fields = {name: _plain(self.case.text(given)) for name, given in short.items()}
        assert fields.keys() <= base.keys(), f"{self.case.name}: {fields.keys() - base.keys()}"
        self.said[alias] = base | fields
        return self.said[alias] | row

    def _objections(self, short: Row) -> Row:
        action, alias, at = short.pop("do"), short.pop("nr"), _clock(short.pop("at"))
        base = self.said.get(f"objection {alias}") or {
            "yybh": f"YY{self.case.number:03d}{alias}", "sqrmc": self.case.called("P1"),
            "zjhm": self.case.document("P1"), "yylx": "不应列入", "sqsj": at, "cljg": None, "clsj": None,
            "cljgdm": None,
        }  # fmt: skip
        names = {"kind": "yylx", "filed": "sqsj", "result": "cljg", "decided": "clsj"}
        fields = {names[name]: _clock(given) for name, given in short.items() if name in names}
        if "result" in short:
            fields = {"clsj": at, "cljgdm": "660101"} | fields
        if "about" in short:
            fields["dxid"] = self.case.listing_id(short["about"])
        if "who" in short:
            fields |= {"sqrmc": self.case.called(short["who"]), "zjhm": self.case.document(short["who"])}
        assert short.keys() <= names.keys() | {"about", "who"}, self.case.name
        row = {**base, **fields, "infoActionType": action}
        self.said[f"objection {alias}"] = row
        return row

    def _repairs(self, short: Row) -> Row:
        who, listing = short.get("who", "P1"), self.said[short["of"]]
        organisation = who.startswith("O")
        return {
            "jdwsh": f"修复〔2026〕{self.case.number:03d}{short['nr']}号", "ztmc": self.case.called(who),
            "tyshxydm": self.case.document(who) if organisation else "",
            "zjhm": "" if organisation else self.case.document(who), "xfsx": "失信被执行人",
            "wsh": self.case.text(short.get("document")) or listing["caseCode"],
            "xfrq": str(_plain(short.get("decided") or short["at"]))[:10], "xfjg": "示例区发展和改革局",
        }  # fmt: skip

    def _limits(self, short: Row) -> Row:
        number = self.case.listing_id(short["id"])
        row = {"id": number, "infoActionType": short["do"], "updatedAt": _zoned(short["at"])}
        if short["do"] in ("D", "R"):
            return row
        who, unit = short["who"], short["unit"]
        return {
            **row, "XM": self.case.called(who), "XB": "男" if self.case.person(who) % 2 else "女",
            "sfzhm": self.case.document(who), "QY_MC": self.case.called(unit), "QY_DM": self.case.document(unit),
            "AH": self.case.text(short.get("case")) or f"（2026）浙0102执{self.case.person(unit)}号",
            "LASJStr": "2026年01月08日", "ZXFYMC": "杭州市上城区人民法院", "ryxz": short.get("as", "法定代表人"),
        }  # fmt: skip

    def _closed(self, short: Row) -> Row:
        number = self.case.person(short["who"])
        return {
            "ah": f"（2025）浙0102执{number}号", "xm": self.case.called(short["who"]),
            "xb": "09_00003-1" if number % 2 else "09_00003-2", "dz": "示例路1号", "zxfymc": "杭州市上城区人民法院",
            "larq": "2025-03-03", "jarq": "2025-11-10", "sqzxbdje": "50000", "swzxbdje": "48000",
            "sfzhm": self.case.document(short["who"]),
        }  # fmt: skip

    def _officers(self, short: Row) -> Row:
        unit, who = self.case.person(short["unit"]), short["who"]
        return providers.officer(
            unit, str(_clock(short["at"])), personid=who, name=self.case.called(who), cerno=self.case.document(who),
            sex="1" if self.case.person(who) % 2 else "2", arrdate=str(_plain(short["since"])),
            remdate=str(_plain(short.get("until", ""))),
        )  # fmt: skip


def _plain(given: Any) -> Any:
    return given.isoformat() if isinstance(given, date) else given


def _zoned(given: Any) -> str:
    """A time as the court writes it; a bare day is nine in the morning."""
    if isinstance(given, date) and not isinstance(given, datetime):
        given = datetime.combine(given, time(9))
    said = datetime.fromisoformat(given) if isinstance(given, str) else given
    return (said if said.tzinfo else said.replace(tzinfo=BEIJING)).isoformat()


def _clock(given: Any) -> Any:
    """A time as the window for objections writes it; other text stays."""
    if given is None or (isinstance(given, str) and not re.match(r"\d{4}-", given)):
        return given
    return datetime.fromisoformat(_zoned(given)).strftime("%Y-%m-%d %H:%M:%S")


@cache
def cases() -> list[Case]:
    """Every case, numbered by its place."""
    found: list[Case] = []
    for path in sorted(FOLDER.glob("*.yml")):
        for raw in yaml.safe_load(path.read_text(encoding="utf-8")):
            found.append(Case(**raw, number=len(found) + 1))
    assert len({case.name for case in found}) == len(found), "two cases of one name"
    return found
