"""A weekly channel over two weeks: what waits for its day, what does not, and the bulletin that is printed of it.

The feeds are those that the warehouse wrote, read as their recipients do; the PDF is read back by ``paper``.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from credit_warehouse.cli import app
from credit_warehouse.db import connect
from credit_warehouse.declarations import load_sources
from credit_warehouse.export import channels, export_build, issue, pending_build, removals
from credit_warehouse.report.queries import Reader
from credit_warehouse.settings import settings
from feed_peer import Consumer
from paper import Paper
from providers import company_listing, correction, deletion, listing, name

FRIDAY, SATURDAY, MONDAY, NEXT = date(2026, 3, 6), date(2026, 3, 7), date(2026, 3, 9), date(2026, 3, 13)
EXPOSURE, COURT, PRINTED, SCREEN = "exposure_publication", "court_defaulters", "exposure-bulletin", "exposure-screen"
HERE = {"courtName": "南昌市东湖区人民法院", "areaName": "江西"}
# Extension A and E, and the dot of a name that was translated.
RARE, LEAVES, LATER = "阿䶮·𬭎样", "试䶮撤", "试𬭎新"
COMPANY, REPRESENTATIVE = "试样5有限公司", name(5)


@dataclass
class Seen:
    """What was found after each step."""

    wh: Any
    pdf: Path
    held: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    """Names of the daily list and of the bulletin's feed, with their entries, after a step."""
    told: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Deliveries of the bulletin's feed that came with a step."""
    texts: dict[str, str | None] = field(default_factory=dict)
    made: dict[str, set[str]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    def look(self, step: str, *, printed: date | None = None) -> None:
        self.texts[f"{step}, before"] = Paper(self.pdf.read_bytes()).text if self.pdf.exists() else None
        if printed:
            self.made[step] = set(issue.publish(printed))
        self.texts[step] = Paper(self.pdf.read_bytes()).text if self.pdf.exists() else None
        for feed in ("exposure", PRINTED, SCREEN):
            consumer = Consumer(settings().exports / feed)
            taken = consumer.catch_up()
            self.held[f"{step}: {feed}"] = {entry["subject_name"]: entry for entry in consumer.held.values()}
            if feed == PRINTED:
                before = sum(map(len, self.told.values()))
                self.told[step] = taken[before:]


@pytest.fixture(scope="module")
def seen(shared_warehouse: Any) -> Iterator[Seen]:
    wh = shared_warehouse
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WAREHOUSE_CENTRE", "示例公共信用中心")
        settings.cache_clear()
        wh.execute("update core.served_jurisdiction set jurisdiction = '360102'")
        wh.execute("update core.exposure_channel set is_enabled = true where channel in ('bulletin', 'screen')")
        yield play(Seen(wh, settings().bulletins / f"{PRINTED}.pdf"))
    settings.cache_clear()


def play(seen: Seen) -> Seen:
    wh = seen.wh
    third, owed = listing("3", 3, **HERE), listing("8", 8, duty="支付货款25000元", **HERE)
    wh.accept(
        FRIDAY, COURT, listing("1", 1, iname=RARE, **HERE), listing("2", 2, iname=LEAVES, **HERE), third,
        owed, company_listing("5", 5, **HERE),
    )  # fmt: skip
    assert export_build(wh.build(FRIDAY)) == {}
    seen.look("friday", printed=FRIDAY)

    wh.accept(SATURDAY, COURT, deletion("2", "2026-03-07T09:00:00+08:00"))
    seen.notes["lane"] = removals.run(SATURDAY).feeds
    seen.look("saturday", printed=SATURDAY)

    # New, changed, gone, and one whose representative is told no more; and nobody knows when screens are written.
    wh.execute("update core.exposure_channel set cadence = 'fortnightly' where channel = 'screen'")
    monday = "2026-03-09T09:00:00+08:00"
    wh.accept(
        MONDAY, COURT, listing("4", 4, iname=LATER, **HERE), correction(owed, monday, performance="全部已履行"),
        correction(third, monday, performance="部分未履行"),
        correction(company_listing("5", 5, **HERE), monday, businessEntity=""),
    )  # fmt: skip
    seen.notes["held"] = export_build(wh.build(MONDAY))
    seen.notes["pending"] = pending_build()
    seen.notes["checked"] = wh.rows(
        "select severity, success, observed from audit.quality_result where rule_id = %s order by result_id",
        ["CHANNEL_CADENCE"],
    )
    seen.notes["waiting"] = wh.rows("select channel, count(*) > 2 from exports.waiting_item group by 1 order by 1")
    seen.look("monday", printed=MONDAY)

    wh.execute("update core.exposure_channel set cadence = 'daily' where channel = 'screen'")
    wh.accept(NEXT, COURT, listing("6", 6, **HERE))
    assert export_build(wh.build(NEXT)) == {}
    seen.notes["still waiting"] = wh.rows("select * from exports.waiting_item")
    seen.look("next", printed=NEXT)
    return seen


def test_on_its_day_a_weekly_channel_is_written_whole(seen: Seen) -> None:
    assert set(seen.held[f"friday: {PRINTED}"]) == {RARE, LEAVES, name(3), name(8), COMPANY}
    assert [told["scope"] for told in seen.told["friday"]] == ["all"]


def test_a_withdrawal_leaves_it_on_any_day_without_a_build(seen: Seen) -> None:
    assert PRINTED in seen.notes["lane"]
    assert set(seen.held[f"saturday: {PRINTED}"]) == {RARE, name(3), name(8), COMPANY}


def test_between_its_days_additions_and_updates_wait(seen: Seen) -> None:
    assert LATER in seen.held["monday: exposure"]
    assert seen.held["monday: exposure"][name(3)]["performance"] == "部分未履行"
    weekly = seen.held[f"monday: {PRINTED}"]
    assert LATER not in weekly and weekly[name(3)]["performance"] == "全部未履行"
    assert seen.notes["waiting"] == [("bulletin", True), ("screen", True)]


def test_between_its_days_whoever_has_to_leave_leaves(seen: Seen) -> None:
    assert name(8) not in seen.held[f"monday: {PRINTED}"]
    counts = [told["counts"] for told in seen.told["monday"]]
    assert {told["scope"] for told in seen.told["monday"]} == {"removals_only"}
    assert sum(count["removed"] for count in counts) == 2 and not any(
        count["added"] + count["updated"] for count in counts
    )


def test_what_may_be_told_no_more_does_not_stay_until_the_day(seen: Seen) -> None:
    """A representative who was named by mistake; the unit is back on the day, without him."""
    assert seen.held[f"friday: {PRINTED}"][COMPANY]["legal_representative"] == REPRESENTATIVE
    assert seen.held["monday: exposure"][COMPANY]["legal_representative"] is None
    assert COMPANY not in seen.held[f"monday: {PRINTED}"]
    assert seen.held[f"next: {PRINTED}"][COMPANY]["legal_representative"] is None


def test_on_the_next_day_of_its_own_all_that_waited_comes(seen: Seen) -> None:
    weekly = seen.held[f"next: {PRINTED}"]
    assert set(weekly) == {RARE, name(3), LATER, name(6), COMPANY}
    assert weekly[name(3)]["performance"] == "部分未履行"
    assert set(weekly) == set(seen.held["next: exposure"]) == set(seen.held[f"next: {SCREEN}"])
    assert seen.notes["still waiting"] == []


def test_a_channel_of_unknown_cadence_is_named_and_only_loses(seen: Seen) -> None:
    (told,) = seen.notes["held"][EXPOSURE]
    assert told.rule == "CHANNEL_CADENCE"
    assert "screen" in told.observed and "'fortnightly'" in told.observed
    *_, friday, monday = seen.notes["checked"]
    assert friday[:2] == ("stop", True) and monday == ("stop", False, told.observed)
    screen = seen.held[f"monday: {SCREEN}"]
    assert LATER not in screen and name(8) not in screen and screen[name(3)]["performance"] == "全部未履行"
    # It holds back nothing else: the build has left.
    assert seen.notes["pending"] is None


def test_without_a_calendar_row_the_day_adds_nobody(seen: Seen) -> None:
    with connect() as connection:
        assert "bulletin" in channels.days(connection, NEXT).written
        connection.execute("delete from core.dim_calendar where day = %s", [NEXT])
        found = channels.days(connection, NEXT)
        assert "bulletin" in found.waiting and not found.checked.success
        assert "dim_calendar" in found.checked.observed and str(NEXT) in found.checked.observed
        # A daily channel asks no calendar.
        assert {"query", "screen"} <= set(found.written)
        connection.rollback()


def test_the_bulletin_of_the_day_prints_what_the_feed_holds(seen: Seen) -> None:
    text = seen.texts["friday"]
    assert text and seen.made["friday"] == {PRINTED}
    for said in (RARE, LEAVES, name(3), COMPANY, REPRESENTATIVE, "示例公共信用中心", "2026年3月6日", "（5 条）"):
        assert text.count(said) >= 1, said


def test_a_bulletin_with_somebody_who_left_is_gone_and_made_anew_within_its_week(seen: Seen) -> None:
    assert seen.texts["saturday, before"] is None
    text = seen.texts["saturday"]
    assert text and LEAVES not in text and RARE in text and name(8) in text


def test_a_bulletin_of_a_week_that_is_over_is_not_made_anew(seen: Seen) -> None:
    assert seen.texts["monday, before"] is None and seen.texts["monday"] is None and seen.made["monday"] == set()


def test_who_was_withdrawn_between_two_bulletins_is_not_in_the_second(seen: Seen) -> None:
    first, second = seen.texts["friday"], seen.texts["next"]
    assert first and second and seen.made["next"] == {PRINTED}
    for gone in (LEAVES, name(8), REPRESENTATIVE):
        assert gone in first and gone not in second
    for there in (RARE, LATER, name(6), COMPANY, "2026年3月13日"):
        assert there in second
    assert "䶮" in second and "𬭎" in second and "·" in second


def test_a_channel_that_ends_takes_its_bulletin_along(seen: Seen) -> None:
    kept = seen.pdf.read_bytes()
    seen.wh.execute("update core.exposure_channel set is_enabled = false where channel = 'bulletin'")
    try:
        assert issue.publish(NEXT) == {} and not seen.pdf.exists()
    finally:
        seen.wh.execute("update core.exposure_channel set is_enabled = true where channel = 'bulletin'")
        seen.pdf.write_bytes(kept)


def test_a_day_on_which_the_feed_was_not_written_whole_makes_no_bulletin(seen: Seen) -> None:
    assert issue.publish(date(2026, 3, 20)) == {}


def test_without_a_publisher_s_name_no_bulletin_is_made_and_none_stays(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings(), "centre", "")
    with pytest.raises(issue.NotIssued, match=r"exposure-bulletin.*WAREHOUSE_CENTRE"):
        issue.publish(NEXT)
    assert not seen.pdf.exists()


def test_a_key_that_was_replaced_without_announcement_begins_the_copy_again(seen: Seen) -> None:
    """The register of keys says which is right; whoever has only the folder is stopped."""
    copy = settings().bulletins / issue.COPIES / PRINTED / "copy.db"
    before = copy.stat().st_ino
    with sqlite3.connect(copy) as database:
        database.execute("update state set key = ?, sequence = sequence - 1", [bytes(32)])
    assert set(issue.publish(NEXT)) == {PRINTED}
    assert copy.stat().st_ino != before
    assert json.loads(seen.pdf.with_suffix(".json").read_text())["business_date"] == str(NEXT)


# What the days come to


def test_the_days_of_a_feed_say_what_was_shown_what_left_and_what_was_performed(seen: Seen) -> None:
    found = seen.wh.rows(
        "select day, added, updated, removed, held, performed, performed_amount_yuan, queries from marts.exposure_day"
        " where feed = 'exposure' and day >= %s order by day",
        [FRIDAY],
    )
    assert found == [
        (FRIDAY, 5, 0, 0, 5, 0, Decimal(0), None),
        (SATURDAY, 0, 0, 1, 4, 0, Decimal(0), None),
        (MONDAY, 1, 2, 1, 4, 1, Decimal(25000), None),
        (NEXT, 1, 0, 0, 5, 0, Decimal(0), None),
    ]


def test_queries_that_an_operator_reports_stand_beside_them(seen: Seen, tmp_path: Path) -> None:
    file = tmp_path / "queries.csv"
    runner = CliRunner()
    file.write_text(f"day,queries\n{FRIDAY},1520\n2026-03-08,12\n")
    assert "新增 2 天" in runner.invoke(app, ["site", "queries", str(file)]).output
    file.write_text(f"day,queries\n{FRIDAY},1521\n2026-03-08,12\n{MONDAY},0\n")
    told = runner.invoke(app, ["site", "queries", str(file)]).output
    assert "新增 1 天" in told and "corrected 1" in told and "known 1" in told
    file.write_text("day,queries\n2026-03-10,7\n2026-03-11,seven\n")
    refused = runner.invoke(app, ["site", "queries", str(file)])
    assert refused.exit_code == 1 and "queries.csv:3 queries [QUERIES_COUNT]" in refused.output
    with connect() as connection:
        days = Reader(connection, load_sources()).exposure_days()
    assert [(day.day, day.held, day.queries) for day in days if day.day >= FRIDAY] == [
        (FRIDAY, 5, 1521), (SATURDAY, 4, None), (date(2026, 3, 8), None, 12), (MONDAY, 4, 0), (NEXT, 5, None),
    ]  # fmt: skip


def test_a_feed_that_was_never_written_has_no_site(seen: Seen, tmp_path: Path) -> None:
    file = tmp_path / "queries.csv"
    file.write_text(f"day,queries\n{FRIDAY},1\n")
    refused = CliRunner().invoke(app, ["site", "queries", str(file), "--feed", "exposure-none"])
    assert refused.exit_code == 1 and "exposure-none" in refused.output
    assert seen.wh.rows("select count(*) from audit.site_queries where feed = 'exposure-none'") == [(0,)]
