"""What the public sees, channel by channel: by rule, by field, by place, and gone from all of them at once.

Every forbidden class is a listing of its own, looked for in the bytes that were written and not in any table.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from credit_warehouse.cli import app
from credit_warehouse.db import connect
from credit_warehouse.export import export_build, feed, removals
from credit_warehouse.export.products import PRODUCTS
from credit_warehouse.secrets import channel_key
from credit_warehouse.settings import settings
from gate_rules import CHANNEL_BREAKS, fails
from providers import company_listing, correction, deletion, listing, masked, name, resident_id, revocation, uscc

DAYS = (date(2026, 3, 2), date(2026, 3, 3))
EXPOSURE, COURT = "exposure_publication", "court_defaulters"
HERE = {"courtName": "南昌市东湖区人民法院", "areaName": "江西"}
SECOND = "2026-03-02T09:00:00+08:00"
THIRD_PARTY, ACCOUNT = "第三人样", "6222020001112223334"
CHILD = resident_id(13, date(2012, 5, 6))
PUBLIC = {"here": 1, "there": 2, "zhejiang": 3, "shandong": 4}
FORBIDDEN = {
    "minor": listing("13", 13, cardNumFull=CHILD, cardNum=masked(CHILD), age=13, **HERE),
    "restricted": listing("14", 14, publicity="N", notifyUnit="示例局", **HERE),
    "publicity unstated": listing("15", 15, publicity=None, **HERE),
    "expired": listing("16", 16, decisionDate="2023-01-01", publishDate="2023年01月02日", **HERE),
    "performed": listing("17", 17, performance="全部已履行", **HERE),
    "no whole number": listing("18", 18, cardNumFull=None, **HERE),
    "contradictory": listing("19", 19, birthDate="1970-01-02", **HERE),
}

# The court restricts an officer of the listed company; that lists nobody.
OFFICER = {
    "id": "760000020", "XM": name(20), "XB": "女", "sfzhm": resident_id(20), "QY_MC": "试样5有限公司", "QY_DM": uscc(5),
    "AH": "（2026）浙0102执5号", "LASJStr": "2026年03月01日", "ZXFYMC": "南昌市东湖区人民法院", "ryxz": "实际控制人",
    "infoActionType": "A", "updatedAt": "2026-03-01T11:00:00+08:00",
}  # fmt: skip


def bytes_of(feed_prefix: str = "exposure") -> bytes:
    """Everything that was ever written for the channels."""
    return b"".join(path.read_bytes() for path in sorted(settings().exports.glob(f"{feed_prefix}*/*/*.jsonl")))


def held(channel: str) -> list[dict[str, Any]]:
    """What the newest complete delivery of a feed says that it holds."""
    newest = max(path for path in (settings().exports / channel).glob("*/full.jsonl"))
    return [json.loads(line) for line in newest.read_bytes().splitlines()]


def names(channel: str) -> set[str]:
    return {entry["subject_name"] for entry in held(channel)}


@pytest.fixture(scope="module")
def shown(shared_warehouse) -> Any:
    """All channels on, a centre in 江西, and one day on which everybody is listed."""
    wh = shared_warehouse
    wh.execute("update core.served_jurisdiction set jurisdiction = '360102'")
    # Every day: what a weekly one does is test_cadence.py's.
    wh.execute("update core.exposure_channel set is_enabled = true, cadence = 'daily', weekday = null")
    wh.execute("update core.exposure_channel set divisions = '36|33' where channel = 'telecom'")
    wh.execute("update core.exposure_channel set min_birthdays = 3 where channel = 'query'")
    duty = f"向{THIRD_PARTY}支付货款5000元，账号{ACCOUNT}，地址示例路9号"
    wh.accept(
        DAYS[0], COURT,
        listing("1", 1, duty="支付货款105000元", **HERE),
        listing("2", 2, duty=duty, courtName="福州市鼓楼区人民法院", areaName="福建"),
        listing("3", 3),
        listing("4", 4, courtName="青岛市市北区人民法院", areaName="山东"),
        company_listing("5", 5, **HERE),
        listing("6", 6, **HERE), listing("7", 7, **HERE),
        *FORBIDDEN.values(),
    )  # fmt: skip
    wh.accept(DAYS[0], "court_consumption_limits", OFFICER)
    build = wh.build(DAYS[0])
    assert build
    assert export_build(build) == {}
    return wh


def test_a_channel_holds_whom_its_declaration_lets_through(shown) -> None:
    here = {name(1), name(6), name(7), "试样5有限公司"}
    assert names("exposure") == {*here, name(2), name(3), name(4)}
    assert names("exposure-screen") == names("exposure-bulletin") == here
    assert names("exposure-media") == {"试样5有限公司"}
    assert names("exposure-push-360102") == names("exposure-region-360102") == here


def test_a_county_without_entries_has_its_feed_all_the_same(shown) -> None:
    counties = shown.rows("select feed from exports.exposure_region where channel = 'region' order by 1")
    assert counties == [("exposure-region-360102",)]
    shown_by_prefix = shown.rows(
        "select count(*) from core.division where division_code like '3502%' and right(division_code, 2) <> '00'"
        " and until_year is null"
    )
    with changed(shown, "update core.exposure_channel set divisions = '3502' where channel = 'region'"):
        found = shown.rows("select count(*) from exports.exposure_region where channel = 'region'")
    assert found == shown_by_prefix and found[0][0] > 4


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_whom_the_law_keeps_back_is_in_no_channel_s_bytes(shown, kind: str) -> None:
    row, written = FORBIDDEN[kind], bytes_of()
    for value in (row["iname"], row["cardNumFull"] or "no number", row["cardNum"], row["caseCode"]):
        assert value.encode() not in written
    assert f'"listing_id":"{row["id"]}"'.encode() not in written


def test_no_whole_number_no_third_party_no_account_and_no_address_is_in_any_bytes(shown) -> None:
    written = bytes_of()
    assert name(2).encode() in written, "what is not there would not be found either"
    for value in (THIRD_PARTY, ACCOUNT, "示例路9号", "支付货款", *map(resident_id, PUBLIC.values())):
        assert value.encode() not in written


def test_an_officer_whom_an_order_restricts_is_in_no_channel(shown) -> None:
    assert shown.rows("select count(*) from core.credit_item where subject_name = %s", [name(20)]) == [(1,)]
    assert name(20).encode() not in bytes_of()
    assert not any("legal_representative" in entry for entry in held("exposure-media"))


def test_a_duty_leaves_as_kind_and_amount(shown) -> None:
    said = {entry["subject_name"]: entry["duty_summary"] for entry in held("exposure")}
    assert said[name(1)] == "金钱给付义务，105000元"
    assert said[name(2)] == "金钱给付义务"


def test_a_passer_by_sees_less_of_a_number_than_who_searches(shown) -> None:
    (entry,) = [entry for entry in held("exposure-screen") if entry["subject_name"] == name(1)]
    assert entry["identifier_shown"] == resident_id(1)[:6] + "*" * 12
    assert set(entry) == {
        "item_id", "subject_kind", "subject_name", "identifier_shown", "case_number", "court_name", "performance",
        "published_on", "is_contested",
    }  # fmt: skip


def test_telecom_operators_get_tokens_that_only_they_can_compare(shown) -> None:
    entries = held("exposure-telecom")
    expected = {
        hmac.new(channel_key("telecom"), resident_id(number).encode(), hashlib.sha256).hexdigest()
        for number in (1, 6, 7)
    }
    assert {entry["number_token"] for entry in entries} == expected
    assert all(set(entry) == {"entry_id", "number_token", "court_name", "published_on"} for entry in entries)
    items = {item for (item,) in shown.rows("select item_id from exports.exposure_publication")}
    assert not items & {entry["entry_id"] for entry in entries}
    assert shown.rows("select count(*) from audit.access_log where action = 'identifier hashed'")[0][0] >= 3


def test_what_a_local_rule_keeps_back_leaves_only_through_media_that_a_state_rule_names(shown) -> None:
    """浙江 is among the places of the telecom channel, and its court's persons are in the public list alone."""
    where = {told for (told,) in shown.rows(
        "select feed from exports.feed_entry join marts.defaulter_listing using (item_id) where listing_id = '3'"
    )}  # fmt: skip
    assert where == {"exposure"}


def test_an_age_is_told_only_where_it_leaves_enough_birthdays(shown) -> None:
    """9 February: whoever had the birthday before it has three or four days left, and the floor here is three."""
    told = {entry["subject_name"]: entry["age"] for entry in held("exposure") if entry["subject_kind"] == "person"}
    left = dict(shown.rows(
        "select subject_name, core.birthdays_left(identifier_shown, true, published_on)"
        " from exports.exposure_publication where subject_kind = 'person'"
    ))  # fmt: skip
    assert {person for person, age in told.items() if age is None} == {p for p, days in left.items() if days < 3}
    assert any(age is not None for age in told.values())


@pytest.mark.parametrize("name_of_feed", ["exposure", "exposure-telecom", "exposure-push-360102"])
def test_a_channel_is_a_feed_like_every_other(shown, name_of_feed: str) -> None:
    found = CliRunner().invoke(app, ["feed", "verify", str(settings().exports / name_of_feed)])
    assert found.exit_code == 0, found.output


def test_a_recipient_that_wants_a_table_gets_the_fields_of_its_channel(shown) -> None:
    from credit_warehouse.export.channels import of_feed

    with connect() as connection:
        channel = of_feed(connection, "exposure-telecom")
    assert channel and channel.columns == ["court_name", "entry_id", "number_token", "published_on"]


# The gate


@contextmanager
def changed(wh: Any, *statements: str) -> Iterator[None]:
    """A change that is undone by its opposite: tables are put back from a copy."""
    tables = {"core.exposure_channel", "core.publication_field", "exports.exposure_publication"}
    with connect() as connection:
        kept = {table: connection.execute(f"select * from {table}".encode()).fetchall() for table in tables}
    for statement in statements:
        wh.execute(statement)
    try:
        yield
    finally:
        with connect() as connection:
            for table, rows in kept.items():
                connection.execute(f"delete from {table}".encode())
                with connection.cursor().copy(f"copy {table} from stdin".encode()) as copy:
                    for row in rows:
                        copy.write_row(row)


@pytest.mark.parametrize("rule", CHANNEL_BREAKS)
def test_the_gate_sees_what_the_policy_does_not_allow(shown, rule: str) -> None:
    shown.execute("insert into exports.unsent_item select item_id, 1 from exports.exposure_publication"
                  " on conflict do nothing")  # fmt: skip
    try:
        assert not fails(EXPOSURE, rule)
        with changed(shown, CHANNEL_BREAKS[rule]):
            assert fails(EXPOSURE, rule)
    finally:
        shown.execute("delete from exports.unsent_item")


def test_birthdays_are_counted_as_by_hand(shown) -> None:
    """Against the check character computed day by day."""
    from datetime import timedelta

    from credit_warehouse.identifiers import resident_id_check

    for shown_number, told_on in (("6601011985****0011", date(2026, 2, 9)), ("1101012000****123X", date(2024, 2, 29)),
                                  ("3702031900****4567", date(2026, 12, 31))):  # fmt: skip
        year, fits, before = int(shown_number[6:10]), 0, 0
        day = date(year, 1, 1)
        while day.year == year:
            if resident_id_check(f"{shown_number[:6]}{day:%Y%m%d}{shown_number[14:17]}") == shown_number[17]:
                fits += 1
                before += (day.month, day.day) <= (told_on.month, told_on.day)
            day += timedelta(days=1)
        assert shown.rows(
            "select core.birthdays_left(%s, false, %s), core.birthdays_left(%s, true, %s)",
            [shown_number, told_on, shown_number, told_on],
        ) == [(fits, min(before, fits - before))]


# Gone, and the history of it; the tests from here on change the warehouse, in this order


def test_a_word_that_changes_nobody_takes_nobody_off_a_channel_that_shows_less(shown) -> None:
    shown.accept(DAYS[1], COURT, correction(listing("1", 1, **HERE), SECOND, performance="部分未履行"))
    assert removals.run(DAYS[1]).feeds == []
    other = correction(listing("1", 1, **HERE), "2026-03-02T10:00:00+08:00", cardNumFull=resident_id(21),
                       cardNum=masked(resident_id(21)))  # fmt: skip
    reading = "select reason from staging.removals_of_court_defaulters(%s) where reason = 'CORRECTED'"
    shown.accept(DAYS[1], COURT, other)
    with connect() as connection:
        batch = connection.execute("select max(batch_id) from audit.batch").fetchone()
        connection.execute("select set_config('credit_warehouse.reading', %s::bigint[]::text, true)", [[batch[0]]])
        assert connection.execute(reading, [DAYS[1]]).fetchall() == [("CORRECTED",)]
    shown.execute("update audit.batch set status = 'refused' where batch_id = %s", [batch[0]])


def test_a_withdrawal_leaves_every_channel_without_a_build(shown) -> None:
    shown.accept(DAYS[1], COURT, deletion("6", SECOND), revocation("5", SECOND))
    done = removals.run(DAYS[1])
    assert {told for told in done.feeds if told.startswith("exposure")} == {
        "exposure", "exposure-bulletin", "exposure-media", "exposure-push-360102", "exposure-region-360102",
        "exposure-screen", "exposure-telecom",
    }  # fmt: skip
    left = shown.rows(
        "select feed from exports.feed_entry join marts.defaulter_listing using (item_id)"
        " where listing_id in ('5', '6') and feed like 'exposure%%'"
    )
    assert left == []


def test_the_history_answers_when_and_where(shown) -> None:
    found = shown.rows(
        "select channel, public_from, public_until, ended_by, policy_version in"
        " (select policy_version from exports.policy_version) from marts.exposure_history where listing_id = '6'"
        " order by channel"
    )
    assert found == [
        (channel, DAYS[0], DAYS[1], "WITHDRAWN", True)
        for channel in ("bulletin", "push", "query", "region", "screen", "telecom")
    ]
    asked = CliRunner().invoke(app, ["was-public", "6", "--on", str(DAYS[0])])
    assert asked.exit_code == 0 and asked.output.count("exposure") == 6
    assert CliRunner().invoke(app, ["was-public", "6", "--on", str(DAYS[1])]).exit_code == 1
    assert CliRunner().invoke(app, ["was-public", "13"]).exit_code == 1


def test_no_version_of_the_rules_is_ever_changed(shown) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shown.execute("delete from exports.policy_version")


def test_a_channel_that_ends_and_a_place_that_forbids_take_everybody_with_them(shown) -> None:
    """On the day on which the rows end and begin, with nothing else that is new."""
    shown.execute(f"update core.exposure_channel set valid_to = '{DAYS[1]}' where channel = 'screen'")
    shown.execute(
        "insert into core.publication_jurisdiction (rule_id, division_prefix, connects_by, subject_kind, exception,"
        f" valid_from) values ('FJ', '35', 'court', 'person', 'NONE', '{DAYS[1]}')"
    )
    shown.accept(DAYS[1], COURT, correction(listing("7", 7, **HERE), SECOND, performance="部分未履行"))
    build = shown.build(DAYS[1])
    assert build
    # Three of seven are gone, which is less than half.
    assert export_build(build) == {}
    assert held("exposure-screen") == []
    assert names("exposure") == {name(1), name(3), name(4), name(7)}
    newest = max(path for path in (settings().exports / "exposure").glob("*/delta.jsonl"))
    reasons = {change["reason"] for change in map(json.loads, newest.read_bytes().splitlines())}
    assert reasons == {"JURISDICTION_FORBIDS", None}
    periods = shown.rows(
        "select public_from, public_until, ended_by from marts.exposure_history"
        " where listing_id = '7' and channel = 'query' order by shown_at"
    )
    assert periods == [(DAYS[0], DAYS[1], "REPLACED"), (DAYS[1], None, None)]


def test_a_channel_that_is_switched_off_is_emptied_through_a_red_gate(shown) -> None:
    shown.accept(DAYS[1], COURT, company_listing("8", 8, **HERE))
    assert export_build(shown.build(DAYS[1])) == {}
    assert names("exposure-media") == {"试样8有限公司"}
    shown.execute("update core.exposure_channel set is_enabled = false where channel = 'media'")
    shown.execute("insert into exports.unsent_item select item_id, 1 from exports.exposure_publication")
    (build,) = shown.rows("select max(build_id) from audit.build")[0]
    feed.write(PRODUCTS[0], build, additions=False)
    left = dict(shown.rows("select feed, count(*) from exports.feed_entry where feed like 'exposure%' group by 1"))
    assert "exposure-media" not in left and left["exposure"] == 5


def test_the_site_of_the_feed_shows_whom_the_feed_holds(shown, tmp_path: Path) -> None:
    (key,) = (settings().exports / "keys").glob("*.pub")
    options = ["--exports", str(settings().exports), "--home", str(tmp_path / "copies"), "--key", str(key)]
    done = CliRunner().invoke(app, ["site", "build", *options, "--out", str(tmp_path / "site")])
    assert done.exit_code == 0, done.output
    written = "".join(path.read_text() for path in (tmp_path / "site").rglob("*.json"))
    assert name(1) in written and name(6) not in written and "试样5有限公司" not in written
    pages = CliRunner().invoke(
        app, ["channel", "screens", *options, "--feed", "exposure-bulletin", "--page-length", "1", "--dwell", "5",
              "--out", str(tmp_path / "screens")],
    )  # fmt: skip
    assert pages.exit_code == 0, pages.output
    index = json.loads((tmp_path / "screens" / "index.json").read_text())
    assert index["pages"] == len(list((tmp_path / "screens").glob("page-*.json"))) == 3
