"""The removal lane: whoever has to leave is gone from every feed without a build, and stays away until one knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from credit_warehouse.build import open_build
from credit_warehouse.export import export_build, removals
from providers import correction, deletion, listing, masked, name, resident_id, revocation

COURT, OBJECTIONS, REPAIRS = "court_defaulters", "objections", "credit_repairs"
MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
LATER = "2026-03-03T09:00:00+08:00"


def publish(warehouse: Any, day: date, *rows: dict[str, Any]) -> None:
    """A business day of the court alone, to its end."""
    warehouse.accept(day, COURT, *rows)
    build = warehouse.build(day)
    assert export_build(build) == {}


def objection(listing_id: str, kind: str, **changes: Any) -> dict[str, Any]:
    return {
        "yybh": f"Y-{listing_id}", "sqrmc": name(1), "zjhm": resident_id(1), "yylx": kind, "dxid": listing_id,
        "sqsj": "2026-03-02 09:00:00", "cljg": None, "clsj": None, "cljgdm": None, "infoActionType": "A", **changes,
    }  # fmt: skip


def repair(number: int, document: str) -> dict[str, Any]:
    return {
        "jdwsh": f"修复{number}", "ztmc": name(number), "zjhm": resident_id(number), "xfsx": "失信",
        "wsh": document, "xfrq": "2026-03-03", "xfjg": "示例市发展和改革委员会",
    }  # fmt: skip


def shown(warehouse: Any) -> set[str]:
    return {listing_id for (listing_id,) in warehouse.rows(
        "select body::json ->> 'listing_id' from exports.feed_entry where feed = 'exposure'")}  # fmt: skip


def directed(warehouse: Any) -> set[str]:
    return {listing_id for (listing_id,) in warehouse.rows(
        "select distinct listing_id from exports.feed_entry join marts.defaulter_listing using (item_id)"
        " where feed like 'punishment-%%'", [])}  # fmt: skip


def told(warehouse: Any) -> dict[str, tuple[str, ...]]:
    """listing_id -> reasons that the newest exposure delivery gives for taking it down."""
    newest = max((warehouse.home / "exports" / "exposure").glob("0*"))
    changes = map(json.loads, (newest / "delta.jsonl").read_text(encoding="utf-8").splitlines())
    listings = dict(warehouse.rows("select item_id, listing_id from marts.defaulter_listing"))
    return {
        listings[change["id"]]: tuple(change["reason"].split("|")) for change in changes if change["op"] == "REMOVE"
    }


@pytest.fixture(scope="module")
def monday(other_warehouse: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Ten listings, shown and directed."""
    with other_warehouse(tmp_path_factory.mktemp("monday")) as warehouse:
        publish(warehouse, MONDAY, *(listing(f"a{number}", number) for number in range(1, 11)))
        assert shown(warehouse) == directed(warehouse) == {f"a{number}" for number in range(1, 11)}
        yield warehouse


@pytest.fixture
def published(monday: Any, other_warehouse: Any, tmp_path: Path) -> Iterator[Any]:
    """A warehouse of one's own as it was on Monday's evening."""
    with other_warehouse(tmp_path, like=monday) as warehouse:
        yield warehouse


def test_every_kind_of_message_takes_its_listing_down_and_nobody_else(published: Any) -> None:
    first = listing("a3", 3)
    published.accept(
        TUESDAY, COURT,
        deletion("a1", LATER), revocation("a2", LATER),
        correction(first, LATER, performance="全部已履行"),
        correction(listing("a4", 4), LATER, publicity="N", notifyUnit="示例局"),
        correction(listing("a5", 5), LATER, birthDate="2010-01-01"),
        correction(listing("a6", 6), LATER, iname=name(99)),
        correction(listing("a7", 7), LATER, performedPart="已履行一半"),
    )  # fmt: skip
    published.accept(
        TUESDAY, OBJECTIONS,
        objection("a8", "非本人", cljg="成立", clsj="2026-03-03 10:00:00"), objection("a9", "不应列入"),
    )  # fmt: skip
    published.accept(TUESDAY, REPAIRS, repair(10, "（2026）浙0102执10号"))

    done = removals.run(TUESDAY)

    assert shown(published) == {"a7", "a9"}
    # Performance and repair await the court; the public is told of them no longer.
    assert directed(published) == {"a3", "a7", "a9", "a10"}
    assert told(published) == {
        "a1": ("WITHDRAWN",), "a2": ("REVOKED",), "a3": ("PERFORMED",), "a4": ("NOT_PUBLIC",),
        "a5": ("IDENTITY_CONFLICT", "MINOR"), "a6": ("CORRECTED",), "a8": ("OBJECTION_UPHELD",), "a10": ("REPAIRED",),
    }  # fmt: skip
    assert "exposure" in done.feeds and len(done.feeds) > 1


def test_whoever_is_named_no_longer_for_certain_leaves(published: Any) -> None:
    namesake = {"iname": name(77), "caseCode": "（2026）浙0102执77号"}
    published.accept(
        TUESDAY, COURT,
        correction(listing("a1", 1), LATER, publicity=None),
        correction(listing("a2", 2), LATER, cardNumFull=None),
        listing("b3", 3, LATER, **namesake),
    )  # fmt: skip
    removals.run(TUESDAY)
    assert shown(published) == directed(published) == {f"a{number}" for number in range(4, 11)}
    assert told(published) == {
        "a1": ("PUBLICITY_UNSTATED",), "a2": ("NO_VALID_IDENTIFIER",), "a3": ("IDENTITY_CONFLICT",),
    }  # fmt: skip
    export_build(published.build(TUESDAY))
    assert shown(published) == directed(published) == {f"a{number}" for number in range(4, 11)}


def test_a_deletion_is_not_stopped_by_words_that_it_need_not_carry(published: Any) -> None:
    garbled = {
        "publishDate": "2026年02月30日",
        "birthDate": "?",
        "sexy": "不详",
        "publicity": "maybe",
        "termMonths": "两年",
    }
    published.accept(
        TUESDAY, COURT,
        listing("a1", 1, LATER, **garbled) | {"infoActionType": "D", "deleteReason": "X1"},
        listing("a2", 2, LATER, **garbled) | {"infoActionType": "R"},
        deletion("a3", LATER, "Y1"),
    )  # fmt: skip
    removals.run(TUESDAY)
    assert told(published) == {"a1": ("WITHDRAWN",), "a2": ("REVOKED",), "a3": ("WITHDRAWN",)}
    export_build(published.build(TUESDAY))
    assert shown(published) == directed(published) == {f"a{number}" for number in range(4, 11)}
    statuses = published.rows(
        "select listing_id, status from marts.defaulter_listing where listing_id in ('a1', 'a2', 'a3') order by 1"
    )
    assert statuses == [("a1", "DELETED"), ("a2", "REVOKED"), ("a3", "DELETED")]
    # A reason that is no category is nobody's reason; the clock of a deletion runs all the same.
    assert published.rows(
        "select removal.delete_reason, sla.due_on from marts.takedown_sla as sla"
        " join exports.removal using (removal_id)"
        " join marts.defaulter_listing as listing on listing.item_id = sla.item_id where listing_id = 'a3'"
    ) == [(None, date(2026, 3, 6))]


def test_an_upheld_objection_holds_where_the_listing_was_never_added(warehouse: Any) -> None:
    publish(warehouse, MONDAY, correction(listing("a1", 1), "2026-03-01T09:00:00+08:00"), listing("a2", 2))
    assert shown(warehouse) == {"a1", "a2"}, "a correction that comes first describes a listing as well as an addition"
    warehouse.accept(TUESDAY, OBJECTIONS, objection("a1", "非本人", cljg="成立", clsj="2026-03-03 10:00:00"))
    export_build(warehouse.build(TUESDAY))
    assert shown(warehouse) == directed(warehouse) == {"a2"}
    assert warehouse.rows("select status from marts.defaulter_listing where listing_id = 'a1'") == [("SUPPRESSED",)]


def test_an_old_removal_does_not_take_out_who_was_listed_again(published: Any) -> None:
    """The lane was down when the deletion came; the build has heard the deletion, and the new listing after it."""
    published.accept(TUESDAY, COURT, deletion("a1", LATER))
    removals.screen(TUESDAY)
    published.accept(WEDNESDAY, COURT, listing("a1", 1, "2026-03-04T09:00:00+08:00"))
    assert export_build(published.build(WEDNESDAY)) == {}
    removals.run(WEDNESDAY)
    assert "a1" in shown(published) & directed(published)
    assert not removals.waiting()


def test_a_build_under_way_does_not_leave_with_the_build_before_it(published: Any) -> None:
    published.accept(TUESDAY, COURT, listing("a11", 11))
    first = published.build(TUESDAY)
    published.accept(WEDNESDAY, COURT, listing("a12", 12))
    second = published.build(WEDNESDAY)
    assert export_build(first) == {}
    assert shown(published) == {f"a{number}" for number in range(1, 11)}, "the products are those of the later build"
    assert export_build(second) == {}
    assert shown(published) == {f"a{number}" for number in range(1, 13)}


def test_a_centre_may_hold_on_objection(published: Any) -> None:
    published.execute("update core.publication_policy set is_on = true where policy = 'HOLD_ON_OBJECTION'")
    published.accept(TUESDAY, OBJECTIONS, objection("a9", "不应列入"))
    removals.run(TUESDAY)
    assert "a9" not in shown(published)
    assert "a9" in directed(published)


def test_the_lane_needs_no_build_and_waits_for_none(published: Any) -> None:
    published.accept(TUESDAY, COURT, deletion("a1", LATER))
    builds = published.rows("select count(*) from audit.build")
    # A build that has begun, and holds its tables.
    assert open_build(TUESDAY) is not None
    import psycopg

    from credit_warehouse.db import warehouse_dsn

    with psycopg.connect(warehouse_dsn()) as busy:
        busy.execute("lock table core.credit_item, core.item_event, staging.stg_court_defaulters in exclusive mode")
        busy.execute("delete from marts.defaulter_listing")
        removals.run(TUESDAY)
        busy.rollback()
    assert "a1" not in shown(published) | directed(published)
    assert published.rows("select count(*) - 1 from audit.build") == builds


def test_what_left_does_not_come_back_with_an_older_build(warehouse: Any) -> None:
    warehouse.accept(MONDAY, COURT, listing("b1", 1), listing("b2", 2))
    build = warehouse.build(MONDAY)
    warehouse.accept(TUESDAY, COURT, deletion("b1", LATER))
    # The build knows nothing of the deletion; its product still names b1.
    assert warehouse.rows("select count(*) from exports.exposure_publication") == [(2,)]
    assert export_build(build) == {}
    assert shown(warehouse) == {"b2"}
    export_build(warehouse.build(TUESDAY))
    assert shown(warehouse) == {"b2"}


def test_a_newer_word_of_the_court_lists_again(published: Any) -> None:
    published.accept(TUESDAY, COURT, deletion("a1", LATER))
    removals.run(TUESDAY)
    assert "a1" not in shown(published)
    publish(published, WEDNESDAY, listing("a1", 1, "2026-03-04T09:00:00+08:00"))
    assert "a1" in shown(published)


def test_an_older_deletion_that_arrives_late_is_undone_by_the_build(published: Any) -> None:
    published.accept(TUESDAY, COURT, deletion("a1", "2026-02-20T09:00:00+08:00"))
    removals.run(TUESDAY)
    assert "a1" not in shown(published), "nobody is kept for a doubt"
    export_build(published.build(TUESDAY))
    assert "a1" in shown(published)


def test_a_term_ends_without_a_message_and_without_a_build(warehouse: Any) -> None:
    publish(warehouse, MONDAY, listing("t1", 1, decisionDate="2024-03-03", publishDate="2024-03-05"), listing("t2", 2))
    assert removals.run(MONDAY).feeds == []
    assert shown(warehouse) == {"t1", "t2"}
    removals.run(TUESDAY)
    assert shown(warehouse) == {"t2"}


def test_a_corrected_listing_returns_with_the_corrected_words(published: Any) -> None:
    right = resident_id(26)
    published.accept(TUESDAY, COURT, correction(listing("a6", 6), LATER, cardNum=masked(right), cardNumFull=right))
    removals.run(TUESDAY)
    assert "a6" not in shown(published) | directed(published)
    export_build(published.build(TUESDAY))
    assert published.rows("select count(distinct subject_id) from marts.defaulter_listing where listing_id = 'a6'") == [
        (1,)
    ]


def test_a_second_pass_finds_nothing(published: Any) -> None:
    published.accept(TUESDAY, COURT, deletion("a1", LATER))
    removals.run(TUESDAY)
    before = published.rows("select count(*) from audit.export_ledger")
    assert not removals.waiting()
    again = removals.run(TUESDAY)
    assert (again.found, again.feeds) == (0, [])
    assert published.rows("select count(*) from audit.export_ledger") == before


def test_every_removal_stands_against_its_clock(published: Any) -> None:
    published.accept(TUESDAY, COURT, deletion("a1", "2026-02-27T18:00:00+08:00", "X2"), revocation("a2", LATER))
    assert published.rows("select count(*) from marts.takedown_sla") == [(0,)]
    removals.screen(TUESDAY)
    assert published.rows("select distinct state from marts.takedown_sla") == [("PENDING",)]
    removals.run(TUESDAY)
    rows = published.rows(
        "select reason, cause, clock_id, due_on, state, is_late is not null, feeds_open,"
        " gone_from_exposure_at is not null and gone_from_departments_at is not null from marts.takedown_sla order by 1"
    )
    assert [row[:2] for row in rows] == [("REVOKED", "REVOKED"), ("WITHDRAWN", "X2")]
    # Three working days of the national text, which goes before the city's three days; the Saturday is worked (调休).
    assert [row[3] for row in rows] == [date(2026, 3, 6), date(2026, 3, 3)]
    assert [row[4:] for row in rows] == [("GONE", True, 0, True)] * 2
