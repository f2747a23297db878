"""Two readings of the law: the cases written by hand, and the oracle. Where they differ, one has misread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any

import pytest

from law import oracle
from law.cases import Case, Expected, Question, cases
from law.oracle import BEIJING, Arrived, Listing, judge

CASES = cases()


def known(question: Question) -> datetime:
    """The end of the day up to which everything that arrived is known."""
    return datetime.combine(question.known or question.day, time.max, BEIJING)


def differences(case: Case, alias: str, expected: Expected, found: Listing | None) -> Iterable[str]:
    """What the oracle says otherwise of one listing."""
    if found is None or expected.status == "NONE":
        if (found is None) != (expected.status == "NONE"):
            yield f"{alias}: {found and found.status}, not {expected.status}"
        return
    wanted = {"ACTIVE", "SUPPRESSED"} if expected.status == "IN_FORCE" else {expected.status}
    if found.status not in wanted:
        yield f"{alias}: {found.status}, not {expected.status}"
    flags = {name for name in ("awaiting_confirmation", "objection") if getattr(found, name)}
    asked = {
        "reason": (expected.reason, found.reason),
        "exposure": (expected.exposure, found.published),
        "directives": (expected.directives, found.directed),
        "flags": (expected.flags and set(expected.flags), flags) if expected.flags else (expected.flags, sorted(flags)),
        "notice": (expected.notice, found.notice or ""),
        "alerts": (None if expected.alerts is None else set(expected.alerts), found.alerts),
        "expiry": (expected.expiry, found.expiry),
    }
    for name, (want, have) in asked.items():
        if want is not None and want != have:
            yield f"{alias}: {name} {have}, not {want}"
    if not set(expected.why) <= found.exposure:
        yield f"{alias}: kept back for {sorted(found.exposure)}, not for {expected.why}"
    for clock, day in expected.due.items():
        if found.due.get(clock) != day:
            yield f"{alias}: {clock} due {found.due.get(clock)}, not {day}"
    text = "\n".join(found.shown)
    yield from (f"{alias}: does not show {part}" for part in expected.shown if case.text(part) not in text)
    yield from (f"{alias}: shows {part}" for part in expected.not_shown if case.text(part) in text)


def disagreement(case: Case) -> list[str]:
    """Everything in which the oracle differs from a case."""
    wrong: list[str] = []
    arrived: list[Arrived] = case.arrivals()
    for question in case.ask:
        verdict = judge(arrived, question.day, known(question), case.settings())
        for alias, expected in question.listings.items():
            found = verdict.listings.get(case.listing_id(alias))
            wrong += [f"{question.day} {line}" for line in differences(case, alias, expected, found)]
        for alias in question.nobody:
            document = case.document(alias)
            key = document[8:17] if alias.startswith("O") else document
            named = [found for found in verdict.listings.values() if found.number == key]
            if any(found.published or found.directed for found in named):
                wrong.append(f"{question.day} {alias} is in a product")
        ours = {case.document(f"P{number}"): f"P{number}" for number in range(1, 10)}
        reached = {ours.get(number, number) for number in verdict.officers.values()}
        if reached != set(question.officers):
            wrong.append(f"{question.day} orders reach {sorted(reached)}, not {question.officers}")
        rejected = [rule for _, rule in verdict.rejected]
        if question.rejected not in (None, rejected):
            wrong.append(f"{question.day} rejected {rejected}, not {question.rejected}")
    return wrong


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_oracle_and_case_agree(case: Case) -> None:
    assert disagreement(case) == []


def without_action(action: str, reason: str | None = None) -> Any:
    """The court's messages of one kind are not understood."""

    def rejection(item: Arrived) -> str | None:
        meant = item.row.get("infoActionType") == action and reason in (None, item.row.get("deleteReason"))
        return "ACTION_UNKNOWN" if item.source == "court_defaulters" and meant else REAL["rejection"](item)

    return rejection


def deleting(reason: str) -> Any:
    """The warehouse deletes by itself what the law only lets it hide."""

    def listing(*given: Any) -> Listing | None:
        found: Listing | None = REAL["_listing"](*given)
        if found and reason in found.exposure:
            found.status = "DELETED"
        return found

    return listing


def told_to_nobody(found: Listing, facts: Any) -> None:
    REAL["_who"](found, facts)
    found.exposure.discard("NOT_PUBLIC")


REAL = {
    name: getattr(oracle, name) for name in ("rejection", "_listing", "_who", "conducts", "after", "standing_orders")
}
LEFT_OUT: dict[str, dict[str, Any]] = {
    "R1": {"conducts": lambda text: REAL["conducts"](text) or {"D1"}},
    "R2": {"Facts.term": lambda facts: (None, None)},
    "R3": {"rejection": without_action("D", "X9")},
    "R4": {"Facts.performed": property(lambda facts: "担保" in facts.row["performedPart"])},
    "R5": {"Facts.minor": lambda facts: False},
    "R6": {"Facts.start": property(lambda facts: oracle.day_of(facts.row["publishDate"]))},
    "R7": {"Facts.shown": lambda facts: [str(value) for value in facts.row.values()]},
    "R8": {"_listing": deleting("REPAIRED")},
    "R9": {"_who": told_to_nobody},
    "R10": {"rejection": without_action("R")},
    "R11": {"rejection": without_action("D")},
    "R12": {"_listing": deleting("PERFORMED")},
    "R13": {"_relistings": lambda stories, found, day: None},
    "R14": {"objections": lambda arrived: defaultdict(list)},
    "R15": {"after": lambda start, amount, unit: REAL["after"](start, amount, "working" if unit == "day" else unit)},
    "R16": {"RULES_OF_2017": date.min},
}


OFFICERS_OTHERWISE: dict[str, dict[str, Any]] = {
    "the debtor himself is an officer": {"OFFICES": {*oracle.OFFICES, "本人"}},
    "another case counts": {"Order.case": property(lambda order: "1"), "Facts.case": property(lambda facts: "1")},
    "children count": {"ADULT": 0},
    "no order is ever lifted": {
        "standing_orders": lambda arrived, day: REAL["standing_orders"](
            [item for item in arrived if item.row["infoActionType"] == "A"], day)
    },
    "the listing of the unit does not matter": {"Listing.directed": property(lambda found: True)},
}  # fmt: skip


@pytest.mark.parametrize("otherwise", OFFICERS_OTHERWISE)
def test_a_case_fails_when_an_order_is_read_otherwise(otherwise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, replacement in OFFICERS_OTHERWISE[otherwise].items():
        monkeypatch.setattr(f"law.oracle.{name}", replacement)
    wrong = [line for case in CASES if "FACT-6" in case.rules for line in disagreement(case)]
    assert any("orders reach" in line for line in wrong)


@pytest.mark.parametrize("rule", [f"R{number}" for number in range(1, 17)])
def test_a_case_fails_when_a_rule_is_left_out(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, replacement in LEFT_OUT[rule].items():
        monkeypatch.setattr(f"law.oracle.{name}", replacement)
    assert any(disagreement(case) for case in CASES if rule in case.rules)


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 80


def test_the_order_of_arrival_does_not_matter() -> None:
    """What was said decides, and when it was said; objections end with their withdrawal, whenever it came."""
    for case in CASES:
        arrived = case.arrivals()
        last = max(question.day for question in case.ask)
        told = [Arrived(item.source, item.row, arrived[0].on) for item in arrived if item.source != "objections"]
        assert judge(told, last) == judge(told[::-1], last), case.name
