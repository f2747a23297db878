"""Two readings of the law: the cases written by hand, and the oracle. Where they differ, one has misread."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time

import pytest

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


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_oracle_and_case_agree(case: Case) -> None:
    arrived: list[Arrived] = case.arrivals()
    for question in case.ask:
        verdict = judge(arrived, question.day, known(question), case.settings())
        found = {alias: verdict.listings.get(case.listing_id(alias)) for alias in question.listings}
        wrong = [
            line
            for alias, expected in question.listings.items()
            for line in differences(case, alias, expected, found[alias])
        ]
        assert wrong == [], question.day
        for alias in question.nobody:
            document = case.document(alias)
            key = document[8:17] if alias.startswith("O") else document
            for listing in verdict.listings.values():
                assert listing.number != key or not (listing.published or listing.directed), alias
        if question.rejected is not None:
            assert [rule for _, rule in verdict.rejected] == question.rejected


def test_every_rule_has_a_case() -> None:
    named = {rule for case in CASES for rule in case.rules}
    assert {f"R{number}" for number in range(1, 17)} <= named
    assert len(CASES) >= 80


def test_the_order_of_arrival_does_not_matter() -> None:
    """What was said decides, and when it was said; objections end with their withdrawal, whenever it came."""
    for case in CASES:
        arrived = case.arrivals()
        last = max(question.day for question in case.ask)
        told = [Arrived(item.source, item.row, arrived[0].on) for item in arrived if item.source != "objections"]
        assert judge(told, last) == judge(told[::-1], last), case.name
