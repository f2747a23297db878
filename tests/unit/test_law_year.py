"""The made-up year holds what it promises, and the oracle can judge it."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, time

import pytest

from law.oracle import BEIJING, Arrived, judge
from law.year import FIRST, LAST, arrivals, deliveries

SEED = 20260302


@pytest.fixture(scope="module")
def year() -> list[Arrived]:
    return arrivals(deliveries(SEED))


def test_the_same_seed_is_the_same_year(year) -> None:
    assert arrivals(deliveries(SEED)) == year
    assert arrivals(deliveries(SEED + 1)) != year


def test_every_kind_of_event_happens(year) -> None:
    sources = Counter(item.source for item in year)
    assert sources.keys() == {
        "court_defaulters", "court_consumption_limits", "court_closed_cases", "objections", "credit_repairs"
    }  # fmt: skip
    court = [item.row for item in year if item.source == "court_defaulters"]
    actions = Counter(row["infoActionType"] for row in court)
    assert min(actions[action] for action in "AUDR") >= 10
    assert {row.get("deleteReason") for row in court} >= {f"X{number}" for number in range(1, 10)}
    assert {item.row["cljg"] for item in year if item.source == "objections"} == {None, "成立", "不成立"}
    seen: dict[str, datetime] = {}
    early = 0
    for row in court:
        said = datetime.fromisoformat(row["updatedAt"])
        early += said < seen.get(row["id"], said)
        seen[row["id"]] = max(said, seen.get(row["id"], said))
    assert early >= 10, "older messages arrive after newer ones"


def test_every_status_and_reason_occurs(year) -> None:
    statuses, reasons, alerts = set(), set(), set()
    for month in range(1, 13):
        day = FIRST.replace(month=month, day=28)
        for listing in judge(year, day, datetime.combine(day, time.max, BEIJING)).listings.values():
            statuses.add(listing.status)
            reasons |= listing.exposure
            alerts |= listing.alerts
    assert statuses >= {"ACTIVE", "SUPPRESSED", "DELETED", "EXPIRED", "REVOKED"}
    assert reasons >= {
        "WITHDRAWN", "REVOKED", "EXPIRED", "MINOR", "NOT_PUBLIC", "PUBLICITY_UNSTATED", "PERFORMED", "REPAIRED",
        "NO_VALID_IDENTIFIER", "IDENTITY_CONFLICT", "OBJECTION_UPHELD",
    }  # fmt: skip
    assert alerts >= {"TERM_OVER_MINIMUM", "TERM_OVER_MAXIMUM", "PERFORMED_AWAITS_COURT", "RELISTED_TOO_SOON"}


def test_what_was_said_decides_and_not_when_it_came(year) -> None:
    """Withdrawals of objections carry no time of their own and are left out."""
    told = [item for item in year if not (item.source == "objections" and item.row["infoActionType"] == "D")]
    mixed = told[:]
    random.Random(SEED).shuffle(mixed)
    for day in (FIRST.replace(month=6, day=30), LAST):
        assert judge(mixed, day).listings == judge(told, day).listings
