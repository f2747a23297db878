"""The cases of ``tests/law`` through PostgreSQL: all in one warehouse, each asked about its own listings."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pytest

from law.cases import Case, Expected, Question, cases
from law.oracle import Arrived

Row = dict[str, Any]
CASES = cases()
IN_FORCE = {"ACTIVE", "SUPPRESSED"}
# The questions to the court that the law itself puts; the warehouse has further ones.
ALERTS = {
    "MINOR_LISTED", "IDENTITY_CONFLICT", "PERFORMED_AWAITS_COURT", "TERM_OVER_MINIMUM", "TERM_OVER_MAXIMUM",
    "RELISTED_TOO_SOON", "DELETION_OVERDUE", "OBJECTION_OVERDUE",
}  # fmt: skip


@dataclass
class Played:
    """A warehouse after the last delivery, and when each day's build was done."""

    warehouse: Any
    done: dict[date, datetime] = field(default_factory=dict)
    sent: dict[tuple[str, str, int], int] = field(default_factory=dict)
    notices: dict[date, dict[str, str]] = field(default_factory=dict)
    alerts: dict[date, set[tuple[str, str]]] = field(default_factory=dict)
    answers: dict[tuple[datetime, date], dict[str, dict[str, Row]]] = field(default_factory=dict)

    def play(self, stories: list[Case]) -> None:
        """Deliver everything day by day; rows of one day and source share a file, in the order of arrival."""
        files: dict[date, dict[str, list[tuple[Case, Arrived]]]] = defaultdict(lambda: defaultdict(list))
        for case in stories:
            for item in case.arrivals():
                files[item.on.date()][item.source].append((case, item))
        for day in sorted(files):
            for source, rows in files[day].items():
                self._deliver(day, source, rows)
            self.warehouse.build(day)
            ((self.done[day],),) = self.warehouse.rows("select clock_timestamp()")
            self.notices[day] = dict(
                self.warehouse.rows("select listing_id, notify_unit from exports.restricted_notice")
            )
            self.alerts[day] = set(self.warehouse.rows("select listing_id, alert from marts.listing_alert"))
            self._tables_are_what_is_known(day)

    def _deliver(self, day: date, source: str, rows: list[tuple[Case, Arrived]]) -> None:
        name = self.warehouse.accept(day, source, *(item.row for _, item in rows))
        self.sent |= {(source, name, line): case.number for line, (case, _) in enumerate(rows, start=1)}

    def _tables_are_what_is_known(self, day: date) -> None:
        """The products of a day are what the questions about that day are answered with."""
        for table, function in (("exposure_publication", "publication"), ("punishment_directive", "directive")):
            query = "select count(*), sum(hashtextextended(row(t.*)::text, 0)) from {} t"
            known = f"marts.{function}_as_known(clock_timestamp(), '{day}')"
            assert self.warehouse.rows(query.format(f"exports.{table}")) == self.warehouse.rows(query.format(known))

    def ask(self, question: Question) -> dict[str, dict[str, Row]]:
        """What is known then of that day: listings, decisions, publications by listing; directives by item."""
        known = question.known or question.day
        at = max(moment for day, moment in self.done.items() if day <= known)
        when = (at, question.day)
        if when not in self.answers:
            self.answers[when] = {
                name: {row[key]: row for (row,) in self.warehouse.rows(
                    f"select to_jsonb(found) from marts.{name}_as_known(%s, %s) as found", [*when])}
                for name, key in (
                    ("listing", "listing_id"), ("decision", "listing_id"), ("publication", "listing_id"),
                    ("directive", "item_id"))
            }  # fmt: skip
            orders = self.warehouse.rows(
                "select subject_name from core.credit_item where source = 'court_consumption_limits'"
                " and status = 'ACTIVE' and recorded_from <= %s and recorded_to > %s",
                [at, at],
            )
            self.answers[when]["order"] = {name: {} for (name,) in orders}
        return self.answers[when]

    def rejected(self, case: Case) -> list[str]:
        """The rules by which rows of a case were held back."""
        rows = self.warehouse.rows(
            "select source, file_name, row_no, rule from audit.rejected_row join audit.batch using (batch_id)"
        )
        return [rule for source, name, line, rule in rows if self.sent.get((source, name, line)) == case.number]


@pytest.fixture(scope="module")
def played(shared_warehouse) -> Played:
    """Every case under the policy as delivered."""
    world = Played(shared_warehouse)
    world.play([case for case in CASES if not case.policy])
    return world


def differences(case: Case, alias: str, expected: Expected, found: dict[str, dict[str, Row]]) -> Iterator[str]:
    """What the warehouse says otherwise of one listing."""
    key = case.listing_id(alias)
    listing = found["listing"].get(key)
    if listing is None or expected.status == "NONE":
        if (listing is None) != (expected.status == "NONE"):
            yield f"{alias}: {listing and listing['status']}, not {expected.status}"
        return
    publication, directive = found["publication"].get(key), found["directive"].get(listing["item_id"])
    wanted = IN_FORCE if expected.status in ("IN_FORCE", "CORRECTED") else {expected.status}
    if listing["status"] not in wanted:
        yield f"{alias}: {listing['status']}, not {expected.status}"
    asked: dict[str, tuple[Any, Any]] = {
        "reason": (expected.reason, listing["delete_reason"]),
        "exposure": (expected.exposure, publication is not None),
        "directives": (expected.directives, directive is not None),
    }
    if expected.flags is not None:
        waits = bool(directive and directive["awaits_court_confirmation"])
        flags = {"awaiting_confirmation": waits, "objection": listing["is_contested"]}
        asked["flags"] = (sorted(expected.flags), sorted(flag for flag, on in flags.items() if on))
    if expected.expiry is not None:
        ends = [day and day.isoformat() for day in expected.expiry]
        asked["expiry"] = (ends, [listing["expiry_min"], listing["valid_to"]])
    for name, (want, have) in asked.items():
        if want is not None and want != have:
            yield f"{alias}: {name} {have}, not {want}"
    reasons = set((found["decision"][key]["exposure_reasons"] or "").split("|"))
    if not set(expected.why) <= reasons:
        yield f"{alias}: kept back for {sorted(reasons)}, not for {expected.why}"
    text = json.dumps(publication, ensure_ascii=False)
    yield from (f"{alias}: does not show {part}" for part in expected.shown if case.text(part) not in text)
    yield from (f"{alias}: shows {part}" for part in expected.not_shown if case.text(part) in text)


def disagreement(case: Case, world: Played) -> list[str]:
    """Everything in which the warehouse differs from a case."""
    wrong: list[str] = []
    for question in case.ask:
        found = world.ask(question)
        for alias, expected in question.listings.items():
            wrong += [f"{question.day} {line}" for line in differences(case, alias, expected, found)]
            told = world.notices.get(question.day, {}).get(case.listing_id(alias), "")
            if expected.notice is not None and told != expected.notice:
                wrong.append(f"{question.day} {alias}: {told or 'nobody'} is told")
            if expected.alerts is not None and question.day in world.alerts:
                key = case.listing_id(alias)
                raised = {alert for listing, alert in world.alerts[question.day] if listing == key} & ALERTS
                if raised != set(expected.alerts) & ALERTS:
                    wrong.append(f"{question.day} {alias}: alerts {sorted(raised)}, not {expected.alerts}")
        for product in ("publication", "directive"):
            named = {row["subject_name"] for row in found[product].values() if not row.get("related_role")}
            wrong += [
                f"{question.day} {alias}: in a {product}" for alias in question.nobody if case.called(alias) in named
            ]
        ours = {case.called(f"P{number}") for number in range(1, 10)}
        reached = {row["subject_name"] for row in found["directive"].values() if row["related_role"]}
        if {case.called(alias) for alias in question.officers} != ours & reached:
            wrong.append(f"{question.day}: directives reach other officers than {question.officers}")
        bound = {case.called(who) for who in question.limited.values() if who}
        if question.limited and bound != ours & found["order"].keys():
            wrong.append(f"{question.day}: other persons are restricted than the order names")
        if question.rejected is not None and world.rejected(case) != question.rejected:
            wrong.append(f"{question.day}: rejected {world.rejected(case)}, not {question.rejected}")
    return wrong


PLAIN = [case for case in CASES if not case.policy]


@pytest.mark.parametrize("case", PLAIN, ids=[case.name for case in PLAIN])
def test_warehouse_and_case_agree(played: Played, case: Case) -> None:
    assert disagreement(case, played) == []


def test_a_centre_may_choose(warehouse) -> None:
    """The policy's switches, each turned the other way."""
    turned = [case for case in CASES if case.policy]
    assert {name for case in turned for name in case.policy} == {
        name for (name,) in warehouse.rows("select policy from core.publication_policy")
    }
    for case in turned:
        for name, on in case.policy.items():
            warehouse.execute("update core.publication_policy set is_on = %s where policy = %s", [on, name])
    world = Played(warehouse)
    world.play(turned)
    assert [(case.name, wrong) for case in turned if (wrong := disagreement(case, world))] == []
