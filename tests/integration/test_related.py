"""Whom a measure reaches beside the listed: those a court's order names in an office of its text, and nobody else.

And how long: after a withdrawal only by a law with an end.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest

from credit_warehouse.build import open_build, run_build
from credit_warehouse.export import export_build, removals
from credit_warehouse.report import write_report
from credit_warehouse.settings import PROJECT_ROOT
from gate_rules import fails
from providers import company_listing, deletion, listing, masked, name, officer, resident_id, revocation, uscc

COURT, ORDERS, REGISTRY = "court_defaulters", "court_consumption_limits", "registry_persons"
MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2026, 3, day) for day in (2, 3, 4, 5))
DIRECTIVE = "punishment_directive"


def order(order_id: str, number: int, relation: str, unit: int, **changes: Any) -> dict[str, Any]:
    """The court restricts person ``number`` for what organisation ``unit`` owes, in the case of its listing."""
    return {
        "id": order_id, "XM": name(number), "XB": "男" if number % 2 else "女", "sfzhm": resident_id(number),
        "QY_MC": f"试样{unit}有限公司", "QY_DM": uscc(unit), "AH": f"（2026）浙0102执{unit}号",
        "LASJStr": "2026年01月08日", "ZXFYMC": "杭州市上城区人民法院", "ryxz": relation, "infoActionType": "A",
        "updatedAt": "2026-03-01T10:00:00+08:00", **changes,
    }  # fmt: skip


def catalogue(role: str) -> set[tuple[str, str]]:
    """Measures of the served place whose text extends to ``role`` and that need no order to assist, by department."""
    seeds = PROJECT_ROOT / "dbt_project" / "seeds"
    with (seeds / "measure.csv").open(encoding="utf-8", newline="") as stream:
        measures = {
            row["measure_code"] for row in csv.DictReader(stream)
            if role in row["related_roles"].split("|")
            and row["jurisdiction"] == "370203" and row["needs_court_order"] == "false"
        }  # fmt: skip
    with (seeds / "measure_department.csv").open(encoding="utf-8", newline="") as stream:
        return {(row["measure_code"], row["department_code"]) for row in csv.DictReader(stream)
                if row["measure_code"] in measures}  # fmt: skip


def related(warehouse: Any, source: str = "exports.punishment_directive") -> dict[int, set[tuple[str, str]]]:
    """Number of the person -> (measure, department) of directives that rest on an office."""
    numbers = {masked(resident_id(number)): number for number in range(1, 100)}
    found: dict[int, set[tuple[str, str]]] = {}
    for shown, measure, department in warehouse.rows(
        f"select identifier_shown, measure_code, department_code from {source} where related_role is not null"
    ):
        found.setdefault(numbers[shown], set()).add((measure, department))
    return found


HELD = (
    "(select entry.* from (select body::json as told from exports.feed_entry where feed like 'punishment-%') as sent,"
    " json_to_record(sent.told) as entry (identifier_shown text, measure_code text, department_code text,"
    " related_role text)) as held"
)


def told(warehouse: Any, number: int) -> set[str]:
    return {reason for (reason,) in warehouse.rows(
        "select distinct unnest(string_to_array(stone.reason, '|')) from exports.feed_tombstone as stone"
        " join core.related_order as named using (item_id) where named.identifier_shown = %s",
        [masked(resident_id(number))],
    )}  # fmt: skip


@pytest.fixture(scope="module")
def monday(shared_warehouse: Any) -> Any:
    warehouse = shared_warehouse
    named = [{"iname": name(61), "cardNum": masked(resident_id(61)), "corporationtypename": "法定代表人"}]
    warehouse.accept(
        MONDAY, COURT, company_listing("c30", 30, qysler=named), company_listing("c31", 31, qysler=named),
        listing("p1", 1),
    )  # fmt: skip
    # Who is registered, and whom the court names beside a listing, is in no order.
    warehouse.accept(MONDAY, REGISTRY, officer(30), officer(31), officer(30, personid="2", name=name(62),
                     cerno=resident_id(62), position_cn="实际控制人", lerepsign="2", sex="2"))  # fmt: skip
    warehouse.accept(
        MONDAY, ORDERS,
        order("1", 51, "法定代表人", 30), order("2", 52, "实际控制人", 30),
        order("3", 53, "本人", 30), order("4", 54, "法定代表人", 30, AH="（2026）浙0102执99号"),
        order("5", 55, "法定代表人", 32), order("6", 56, "法定代表人", 30, sfzhm=masked(resident_id(56))),
        order("7", 57, "法定代表人", 30, sfzhm=resident_id(57, date(2009, 1, 1))),
        order("8", 58, "法定代表人", 30, XB="男"), order("9", 59, "法定代表人", 30, QY_DM=""),
        order("10", 63, "法定代表人", 30, ryxz=None),
    )  # fmt: skip
    assert export_build(warehouse.build(MONDAY)) == {}
    return warehouse


def test_only_whom_an_order_names_in_an_office_of_the_text_is_reached(monday: Any) -> None:
    assert catalogue("legal_rep") and catalogue("director") == set()
    expected = {51: catalogue("legal_rep"), 52: catalogue("actual_controller")}
    assert related(monday) == related(monday, HELD) == expected
    # None of them is a defaulter, and nobody is in any product for an office alone.
    assert monday.rows("select count(*) from exports.exposure_publication") == [(3,)]
    listed = {(1,), (30,), (31,)}
    assert len(monday.rows("select distinct subject_id from marts.defaulter_listing")) == len(listed)
    assert monday.rows(
        "select distinct subject_kind, related_role is null, court_order is null, related_unit is null"
        " from exports.punishment_directive order by 1, 2"
    ) == [("organisation", True, True, True), ("person", False, False, False), ("person", True, True, True)]


def test_a_directive_on_an_officer_says_on_which_order_it_rests_and_that_he_is_not_listed(monday: Any) -> None:
    ((reason, reference, unit, role, tier, shown),) = monday.rows(
        "select distinct reason_zh, court_order, related_unit, related_role, identity_tier, identifier_shown"
        " from exports.punishment_directive where identifier_shown = %s", [masked(resident_id(51))]
    )  # fmt: skip
    assert "限制消费令" in reason and "本人未被列为失信被执行人" in reason
    assert reference == "杭州市上城区人民法院 (2026)浙0102执30号 限制消费令，记录号 1"
    assert (unit, role, tier) == ("试样30有限公司", "legal_rep", "T1")
    assert resident_id(51) not in shown


def test_what_needs_an_order_to_assist_is_extended_to_nobody(monday: Any) -> None:
    assert monday.rows(
        "select count(*) from exports.punishment_directive join core.measure using (measure_code)"
        " where measure.effect_type = 'COOPERATE' or needs_court_order"
    ) == [(0,)]


@contextmanager
def spoilt(warehouse: Any, change: str, undo: str) -> Iterator[None]:
    warehouse.execute(change)
    try:
        yield
    finally:
        warehouse.execute(undo)


SPOILT = {
    "the order was lifted": ("update core.credit_item set status = 'DELETED' where item_id in (select item_id"
                             " from core.related_order where order_id = '1')",
                             "update core.credit_item set status = 'ACTIVE' where item_id in (select item_id"
                             " from core.related_order where order_id = '1')"),
    "the text extends to others": ("update core.measure set related_roles = 'principal'"
                                   " where measure_code = 'QDSB-6-2'",
                                   "update core.measure set related_roles ="
                                   " 'legal_rep|principal|directly_responsible|actual_controller'"
                                   " where measure_code = 'QDSB-6-2'"),
    "the text extends to nobody": ("update core.measure set related_roles = null where measure_code = 'QDSB-6-2'",
                                   "update core.measure set related_roles ="
                                   " 'legal_rep|principal|directly_responsible|actual_controller'"
                                   " where measure_code = 'QDSB-6-2'"),
    "the unit may not be restricted": (
        "update exports.listing_decision set directive_reasons = 'OBJECTION_UPHELD' where listing_id = 'c30'",
        "update exports.listing_decision set directive_reasons = null where listing_id = 'c30'"),
    "another office": ("update exports.punishment_directive set related_role = 'principal' where related_role ="
                       " 'legal_rep'",
                       "update exports.punishment_directive set related_role = 'legal_rep' where related_role ="
                       " 'principal'"),
    "no order is named": (
        "create table public.kept as select directive_id, court_order from exports.punishment_directive;"
        "update exports.punishment_directive set court_order = null",
        "update exports.punishment_directive as told set court_order = kept.court_order from public.kept"
        " where kept.directive_id = told.directive_id; drop table public.kept"),
    "another person": (
        "create table public.kept as select directive_id, subject_id from exports.punishment_directive;"
        "update exports.punishment_directive set subject_id = 'officer of the register'"
        " where related_role is not null",
        "update exports.punishment_directive as told set subject_id = kept.subject_id from public.kept"
        " where kept.directive_id = told.directive_id; drop table public.kept"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILT)
def test_an_extension_that_rests_on_nothing_is_stopped_at_the_door(monday: Any, case: str) -> None:
    with spoilt(monday, *SPOILT[case]):
        assert fails(DIRECTIVE, "DIRECTIVE_RELATED")
    assert not fails(DIRECTIVE, "DIRECTIVE_RELATED")


# What the unit has done, and when the court opened the case, counts for whom its order names.
OTHERWISE = {
    "DIRECTIVE_UNCONFIRMED": (
        "update marts.defaulter_listing set is_performed = true where listing_id = 'c30';"
        "update exports.punishment_directive set awaits_court_confirmation = true where related_role is null",
        "update marts.defaulter_listing set is_performed = false where listing_id = 'c30';"
        "update exports.punishment_directive set awaits_court_confirmation = false"),
    "DIRECTIVE_ADULT": (
        "update staging.stg_court_consumption_limits set filed_on = '1990-01-08' where order_id = '1'",
        "update staging.stg_court_consumption_limits set filed_on = '2026-01-08' where order_id = '1'"),
}  # fmt: skip


@pytest.mark.parametrize("rule", OTHERWISE)
def test_an_extension_is_held_against_its_order_and_its_unit(monday: Any, rule: str) -> None:
    with spoilt(monday, *OTHERWISE[rule]):
        assert fails(DIRECTIVE, rule)
    assert not fails(DIRECTIVE, rule)


LIFTED = {"id": "1", "infoActionType": "D", "updatedAt": "2026-03-03T09:00:00+08:00"}
LANE: dict[str, tuple[str, dict[str, Any], set[int], str]] = {
    "the order is lifted": (ORDERS, LIFTED, {52}, "ORDER_LIFTED"),
    "the order is revoked": (ORDERS, {**LIFTED, "infoActionType": "R"}, {52}, "ORDER_LIFTED"),
    "the order names another": (
        ORDERS, order("1", 51, "法定代表人", 30, infoActionType="U", updatedAt=LIFTED["updatedAt"], XM=name(97)), {52},
        "CORRECTED"),
    "the order names no office": (
        ORDERS, order("1", 51, "本人", 30, infoActionType="U", updatedAt=LIFTED["updatedAt"]), {52}, "CORRECTED"),
    "the order shows a minor": (
        ORDERS, order("1", 51, "法定代表人", 30, infoActionType="U", updatedAt=LIFTED["updatedAt"],
                      sfzhm=resident_id(51, date(2009, 1, 1))), {52}, "MINOR"),
    "the number is masked now": (
        ORDERS, order("1", 51, "法定代表人", 30, infoActionType="U", updatedAt=LIFTED["updatedAt"],
                      sfzhm=masked(resident_id(51))), {52}, "NO_VALID_IDENTIFIER"),
    "the listing is deleted": (COURT, deletion("c30", "2026-03-03T09:00:00+08:00"), set(), "WITHDRAWN"),
    "the listing is revoked": (COURT, revocation("c30", "2026-03-03T09:00:00+08:00"), set(), "REVOKED"),
    "another name under the number": (
        COURT, listing("x", 51, "2026-03-03T09:00:00+08:00", iname=name(98)), {52}, "IDENTITY_CONFLICT"),
    "another listing is deleted": (COURT, deletion("c31", "2026-03-03T09:00:00+08:00"), {51, 52}, ""),
}  # fmt: skip


def test_an_extension_leaves_at_once_with_what_it_rests_on(monday: Any, other_warehouse: Any, tmp_path: Any) -> None:
    """Each by itself, in a warehouse as it was; nothing is built."""
    with other_warehouse(tmp_path, like=monday) as warehouse:
        for what, (source, message, left, reason) in LANE.items():
            warehouse.execute("create table public.kept_entry as select * from exports.feed_entry")
            listed = warehouse.rows(f"select count(*) from {HELD} where related_role is null")
            warehouse.accept(TUESDAY, source, message)
            removals.run(TUESDAY)
            assert set(related(warehouse, HELD)) == left, what
            if reason:
                assert reason in told(warehouse, 51), what
            if source == ORDERS:
                # An order that ends takes nobody's listing with it.
                assert warehouse.rows(f"select count(*) from {HELD} where related_role is null") == listed, what
            warehouse.forget(
                "delete from exports.feed_entry; insert into exports.feed_entry select * from public.kept_entry;"
                "delete from exports.feed_sum; delete from exports.feed_tombstone; delete from exports.removal;"
                "drop table public.kept_entry"
            )
            warehouse.forget(
                "update audit.export_ledger as ledger set total = held.total from (select feed, count(*) as total"
                " from exports.feed_entry group by feed) as held where held.feed = ledger.feed and ledger.sequence ="
                " (select max(sequence) from audit.export_ledger as newest where newest.feed = ledger.feed)"
            )


def test_what_ends_before_the_build_that_made_it_has_left_never_leaves(
    monday: Any, other_warehouse: Any, tmp_path: Any
) -> None:
    later, kept = "2026-03-03T09:00:00+08:00", {51, 52, 74}
    with other_warehouse(tmp_path, like=monday) as warehouse:
        warehouse.accept(TUESDAY, ORDERS, *(order(str(n), n, "法定代表人", 30) for n in (71, 72, 73, 74, 75)))
        warehouse.accept(TUESDAY, ORDERS, order("76", 76, "法定代表人", 40))
        warehouse.accept(
            TUESDAY, COURT, *(listing(f"p{n}", n) for n in (81, 82, 83, 84, 85)), company_listing("c40", 40)
        )
        open_build_of_tuesday = open_build(TUESDAY)
        assert open_build_of_tuesday
        # Some messages come while it runs, and are read at once; the others when it has ended.
        warehouse.accept(TUESDAY, COURT, listing("another", 75, later, iname=name(98)),
                         listing("p81", 81, later, infoActionType="U", publicity="N"),
                         deletion("c40", later))  # fmt: skip
        removals.run(TUESDAY)
        run_build(open_build_of_tuesday)
        warehouse.accept(
            TUESDAY, ORDERS, {**LIFTED, "id": "71"},
            order("72", 72, "法定代表人", 30, infoActionType="U", updatedAt=later,
                  sfzhm=resident_id(72, date(2009, 1, 1))),
            order("73", 73, "法定代表人", 30, infoActionType="U", updatedAt=later, sfzhm=masked(resident_id(73))),
        )  # fmt: skip
        warehouse.accept(TUESDAY, COURT, deletion("p82", later), listing("yet another", 83, later, iname=name(98)),
                         listing("p84", 84, later, infoActionType="U", cardNumFull=None))  # fmt: skip
        removals.run(TUESDAY)
        export_build(open_build_of_tuesday)
        assert set(related(warehouse)) == {51, 52, 71, 72, 73, 74, 75, 76}
        assert set(related(warehouse, HELD)) == kept
        shown = warehouse.rows("select body::json ->> 'listing_id' from exports.feed_entry where feed = 'exposure'")
        assert sorted(shown) == [("c30",), ("c31",), ("p1",), ("p85",)]


@pytest.mark.matrix
def test_an_extension_lives_and_ends_with_its_order_and_with_the_listing(
    monday: Any, other_warehouse: Any, tmp_path: Any
) -> None:
    controller = catalogue("actual_controller")
    with other_warehouse(tmp_path, like=monday) as warehouse:
        # The order is lifted: gone from every feed without a build, nothing else moves.
        others = warehouse.rows("select count(*) from exports.feed_entry")[0][0] - len(catalogue("legal_rep"))
        warehouse.accept(TUESDAY, ORDERS, {"id": "1", "infoActionType": "D", "updatedAt": "2026-03-03T09:00:00+08:00"})
        removals.run(TUESDAY)
        assert related(warehouse, HELD) == {52: controller}
        assert told(warehouse, 51) == {"ORDER_LIFTED"}
        assert warehouse.rows("select count(*) from exports.feed_entry") == [(others,)]
        # A new representative in the register takes nobody's place.
        warehouse.accept(TUESDAY, REGISTRY, officer(30, "2026-03-03 09:00:00", name=name(64), cerno=resident_id(64),
                                                    sex="2"))  # fmt: skip
        assert export_build(warehouse.build(TUESDAY)) == {}
        assert related(warehouse) == related(warehouse, HELD) == {52: controller}

        # The listing is revoked: what rested on it is gone with it, in one pass.
        warehouse.accept(WEDNESDAY, COURT, revocation("c30", "2026-03-04T09:00:00+08:00"))
        removals.run(WEDNESDAY)
        assert related(warehouse, HELD) == {}
        assert told(warehouse, 52) == {"REVOKED"}
        assert export_build(warehouse.build(WEDNESDAY)) == {}
        assert related(warehouse) == related(warehouse, HELD) == {}

        # Listed again: the order that still stands is effective again, the lifted one is not.
        warehouse.accept(THURSDAY, COURT, company_listing("c30", 30, "2026-03-05T09:00:00+08:00"))
        assert export_build(warehouse.build(THURSDAY)) == {}
        assert related(warehouse) == related(warehouse, HELD) == {52: controller}

        # Another name under the number: nobody is named on it any more, and the word "本人" would be no office either.
        warehouse.accept(THURSDAY, COURT, listing("x", 52, "2026-03-05T10:00:00+08:00", iname=name(98)))
        removals.run(THURSDAY)
        assert related(warehouse, HELD) == {}
        assert "IDENTITY_CONFLICT" in told(warehouse, 52)
        assert export_build(warehouse.build(THURSDAY)) == {}
        assert related(warehouse) == related(warehouse, HELD) == {}

        warehouse.accept(THURSDAY, COURT, revocation("x", "2026-03-05T11:00:00+08:00"))
        assert export_build(warehouse.build(THURSDAY)) == {}
        before = related(warehouse)
        assert before == {52: controller}
        warehouse.accept(THURSDAY, ORDERS, order("2", 52, "本人", 30, updatedAt="2026-03-05T12:00:00+08:00",
                                                 infoActionType="U"))  # fmt: skip
        removals.run(THURSDAY)
        assert related(warehouse, HELD) == {}
        assert export_build(warehouse.build(THURSDAY)) == {}
        assert related(warehouse) == {}
        # Everything built anew comes to the same, and the past is still known.
        build = open_build(THURSDAY, anew=True)
        assert build is not None
        run_build(build, anew=True)
        assert related(warehouse) == {}
        then = f"marts.directive_as_known(now(), '{MONDAY}')"
        assert set(related(warehouse, then)) <= {51, 52}


def test_as_known_on_the_day_the_extension_stood(monday: Any) -> None:
    assert related(monday, f"marts.directive_as_known(now(), '{MONDAY}')") == related(monday)


# ---------- after a withdrawal


KEPT = "QDSB-2-1"


def held(warehouse: Any) -> set[str]:
    return {code for (code,) in warehouse.rows(
        "select distinct body::json ->> 'measure_code' from exports.feed_entry where feed like 'punishment-%%'", []
    )}  # fmt: skip


@pytest.mark.matrix
def test_a_measure_outlasts_the_withdrawal_by_a_law_with_an_end_and_to_its_day(warehouse: Any) -> None:
    warehouse.execute(
        "update core.measure set retention_basis = '示例条例第三条', retention_months = 1"
        f" where measure_code = '{KEPT}';"
        "update core.measure set retention_basis = '示例条例第四条' where measure_code = 'QDSB-3-2';"
        "update core.measure set retention_months = 600 where measure_code = 'QDSB-3-5'"
    )
    warehouse.accept(MONDAY, COURT, listing("k1", 1), listing("k2", 2))
    assert export_build(warehouse.build(MONDAY)) == {}
    all_measures = held(warehouse)
    assert len(all_measures) > 10

    # A withdrawal takes everything down at once; a revocation leaves nothing that could be kept.
    warehouse.accept(
        TUESDAY, COURT, deletion("k1", "2026-03-03T09:00:00+08:00"), revocation("k2", "2026-03-03T09:00:00+08:00")
    )
    removals.run(TUESDAY)
    assert held(warehouse) == set()
    warehouse.execute("update core.harm_band set persons = 100, share = 1")
    build = warehouse.build(TUESDAY)
    # Less than half is left, which somebody looks at first; then what the law keeps comes back, with its end.
    assert {check.rule for checks in export_build(build).values() for check in checks} <= {
        "EXPOSURE_SHRINK", "DIRECTIVE_SHRINK",
    }  # fmt: skip
    export_build(build)
    assert held(warehouse) == {KEPT}
    assert warehouse.rows(
        "select distinct subject_name, is_retained, until, legal_basis like '%%；保留依据：示例条例第三条'"
        " from exports.punishment_directive", []
    ) == [(name(1), True, date(2026, 4, 3), True)]  # fmt: skip
    assert "应撤未撤" not in write_report().read_text("utf-8")

    for change, undo in (
        ("update core.measure set retention_basis = null where measure_code = '{}'",
         "update core.measure set retention_basis = '示例条例第三条' where measure_code = '{}'"),
        ("update core.measure set retention_months = null where measure_code = '{}'",
         "update core.measure set retention_months = 1 where measure_code = '{}'"),
        ("update exports.punishment_directive set until = null", "update exports.punishment_directive set"
         " until = '2026-04-03'"),
        ("update exports.punishment_directive set until = '2027-04-03'", "update exports.punishment_directive set"
         " until = '2026-04-03'"),
        ("update marts.defaulter_listing set delete_reason = null where status = 'DELETED'",
         "update marts.defaulter_listing set delete_reason = 'X1' where status = 'DELETED'"),
        ("update marts.defaulter_listing set delete_reason = 'X7' where status = 'DELETED'",
         "update marts.defaulter_listing set delete_reason = 'X1' where status = 'DELETED'"),
        ("update exports.listing_decision set directive_reasons = 'REVOKED'",
         "update exports.listing_decision set directive_reasons = 'WITHDRAWN'"),
    ):  # fmt: skip
        with spoilt(warehouse, change.format(KEPT), undo.format(KEPT)):
            assert fails(DIRECTIVE, "DIRECTIVE_RETAINED")
        assert not fails(DIRECTIVE, "DIRECTIVE_RETAINED")

    # The day before it is held still; on its day it has ended, without a message and without a build.
    assert removals.run(date(2026, 4, 2)).feeds == []
    removals.run(date(2026, 4, 3))
    assert held(warehouse) == set()
    assert ("RETENTION_ENDED",) in warehouse.rows("select distinct reason from exports.feed_tombstone")
    export_build(warehouse.build(date(2026, 4, 3)))
    assert held(warehouse) == set()
    assert warehouse.rows("select count(*) from exports.punishment_directive") == [(0,)]


def test_as_delivered_nothing_outlasts_a_withdrawal() -> None:
    with (PROJECT_ROOT / "dbt_project" / "seeds" / "measure.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows and {(row["retention_basis"], row["retention_months"]) for row in rows} == {("", "")}
