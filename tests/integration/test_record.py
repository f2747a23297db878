"""The record: what holds of whom, whatever arrives in whatever order. Each story stands above its test."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import re
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from credit_warehouse.export import export_build
from credit_warehouse.secrets import token_key
from credit_warehouse.settings import PROJECT_ROOT
from providers import (
    Row,
    arrears,
    bank_event,
    company_listing,
    correction,
    csv_file,
    deletion,
    entity,
    jsonl,
    listing,
    masked,
    name,
    officer,
    ok_file,
    org_code,
    resident_id,
    resident_id_15,
    revocation,
    uscc,
    workbook,
)

FIRST, SECOND, THIRD, LAST = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 5), date(2026, 3, 6)
BETWEEN = date(2026, 3, 4)
DAYS = (FIRST, SECOND, THIRD, LAST)
COURT, TAX, BANK = "court_defaulters", "tax_arrears", "bank_credit_events"
SUFFIX = {COURT: "jsonl", TAX: "csv", BANK: "xlsx", "registry_entities": "jsonl", "registry_persons": "jsonl"}
WRITE = defaultdict(lambda: jsonl, {TAX: csv_file, BANK: workbook})
sent: dict[date, dict[str, list[Row]]] = {day: defaultdict(list) for day in DAYS}


def court(day: date, *messages: Row) -> None:
    """The court sends these on ``day``."""
    sent[day][COURT] += messages


def taxed(*rows: Row, on: tuple[date, ...] = (FIRST, SECOND, THIRD)) -> None:
    """The tax office's snapshots of these days hold these rows."""
    for day in on:
        sent[day][TAX] += rows


def at(hour: int, day: int = 1) -> str:
    """A time of March 2026."""
    return f"2026-03-{day:02d}T{hour:02d}:00:00+08:00"


def midnight(day: date) -> str:
    return f"{day}T00:00:00+08:00"


# Enough debtors that one more or fewer is no shrinkage, and a snapshot that arrives late.
taxed(*[arrears(9000 + n) for n in range(12)])
late_snapshot: list[Row] = [arrears(9000 + n) for n in range(12)]


class World:
    """Four business days, played once."""

    def __init__(self, warehouse: Any) -> None:
        self.warehouse = warehouse
        self.published: dict[date, set[str]] = {}

    def play(self) -> None:
        for day in DAYS:
            deliver(self.warehouse, day)
            build = self.warehouse.build(day)
            assert export_build(build) == {}, "no gate is red in this world"
            self.published[day] = {
                listing for (listing,) in self.warehouse.rows("select listing_id from exports.exposure_publication")
            }

    def item(self, key: str, source: str = COURT) -> dict[str, Any]:
        """The current version of an item."""
        versions = self.versions(key, source)
        assert versions, f"{source} {key} is not in the record"
        return versions[-1]

    def versions(self, key: str, source: str = COURT) -> list[dict[str, Any]]:
        found = self.warehouse.rows(
            "select to_jsonb(i) from core.credit_item i where item_id = %s order by recorded_from",
            [token(f"{source}:{key}")],
        )
        return [row for (row,) in found]

    def reasons(self, listing_id: str) -> tuple[str | None, str | None]:
        """Why a listing may not be shown, and why it may not be punished."""
        (found,) = self.warehouse.rows(
            "select exposure_reasons, directive_reasons from exports.listing_decision where listing_id = %s",
            [listing_id],
        )
        return found

    def tombstones(self, listing_id: str, feed: str = "exposure") -> list[str]:
        return [
            reason
            for (reason,) in self.warehouse.rows(
                "select t.reason from exports.feed_tombstone t where feed = %s and entry_id in ("
                " select item_id from marts.defaulter_listing where listing_id = %s"
                " union select md5(l.item_id || d.measure_code || d.department_code) from marts.defaulter_listing l,"
                " core.measure_department d where listing_id = %s)",
                [feed, listing_id, listing_id],
            )
        ]

    def record(self, subject: str) -> dict[str, Any] | None:
        found = self.warehouse.rows(
            "select to_jsonb(r) from marts.credit_record r where subject_id = %s", [token(subject)]
        )
        return found[0][0] if found else None


def deliver(warehouse: Any, day: date) -> None:
    """Bring one day's files, and the tax office's misfortunes of the last day."""
    for source, rows in sent[day].items():
        content = WRITE[source](*rows)
        path = warehouse.drop(source, f"{day}.{SUFFIX[source]}", content)
        path.with_name(f"{path.name}.ok").write_bytes(ok_file(content, rows=len(rows), business_date=str(day)))
    if day == LAST:
        late = csv_file(*late_snapshot)
        path = warehouse.drop(TAX, "late.csv", late)
        path.with_name("late.csv.ok").write_bytes(ok_file(late, business_date=str(BETWEEN)))
        warehouse.drop(TAX, "empty.csv", csv_file())
        warehouse.drop(TAX, "shrunken.csv", csv_file(arrears(9000), arrears(9700)))
    warehouse.ingest(day, list(SUFFIX))


def token(text: str) -> str:
    return hmac.new(token_key(), text.encode(), hashlib.sha256).hexdigest()[:32]


@pytest.fixture(scope="module")
def world(shared_warehouse) -> World:
    found = World(shared_warehouse)
    found.play()
    return found


# ---------- order of arrival

court(FIRST, correction(listing("early", 101), at(12), caseCode="（2026）浙0102执7号"))
court(SECOND, listing("early", 101, at(9)))


def test_a_correction_that_arrives_before_its_addition_keeps_its_word(world: World) -> None:
    assert world.item("early")["status"] == "ACTIVE"
    assert world.item("early")["item_title"] == "（2026）浙0102执7号"


court(FIRST, listing("gone", 102, at(9)))
court(SECOND, deletion("gone", at(12)))
court(THIRD, correction(listing("gone", 102), at(15)))


def test_a_correction_after_a_deletion_revives_nobody(world: World) -> None:
    assert world.item("gone")["status"] == "DELETED"
    assert world.reasons("gone") == ("WITHDRAWN", "WITHDRAWN")
    assert world.tombstones("gone") == ["WITHDRAWN"]


court(FIRST, listing("back", 103, at(9)))
court(SECOND, deletion("back", at(12)))
court(THIRD, listing("back", 103, at(15)))


def test_a_later_addition_lists_again(world: World) -> None:
    assert [version["status"] for version in world.versions("back")] == ["ACTIVE", "DELETED", "ACTIVE"]
    assert [("back" in world.published[day]) for day in DAYS] == [True, False, True, True]


court(FIRST, listing("renewed", 104, at(9)))
court(SECOND, listing("renewed", 104, at(15)))
court(THIRD, deletion("renewed", at(12)))


def test_an_older_deletion_after_a_newer_addition_changes_nothing(world: World) -> None:
    assert world.item("renewed")["status"] == "ACTIVE"
    assert "renewed" in world.published[LAST]


court(FIRST, deletion("never", at(12)))
court(SECOND, listing("never", 105, at(9)))


def test_an_older_addition_after_its_deletion_lists_nobody(world: World) -> None:
    assert world.item("never")["status"] == "DELETED"
    assert not any("never" in published for published in world.published.values())


court(FIRST, listing("void", 106, at(9)))
court(SECOND, revocation("void", at(12)))


def test_what_is_revoked_never_held(world: World) -> None:
    assert world.item("void")["status"] == "REVOKED"
    assert world.item("void")["valid_from"] == world.item("void")["valid_to"]
    assert world.tombstones("void") == ["REVOKED"]


court(FIRST, listing("tie", 107, at(9)), deletion("tie", at(9)))
court(FIRST, deletion("tie2", at(9)), listing("tie2", 108, at(9)))


def test_at_the_same_moment_the_removal_wins(world: World) -> None:
    assert world.item("tie")["status"] == world.item("tie2")["status"] == "DELETED"


court(FIRST, listing("moved", 109, at(9)))
court(SECOND, correction(listing("moved", 110), at(12)))


def test_a_correction_of_the_person_leaves_nothing_with_the_wrong_one(world: World) -> None:
    wrong, right = (world.record(f"resident_id:{resident_id(number)}") for number in (109, 110))
    assert (wrong["item_count"], right["item_count"]) == (0, 1)
    assert world.reasons("moved") == (None, None)


# ---------- who it is

court(FIRST, listing("full", 121), listing("short", 121, cardNumFull=resident_id_15(121)))


def test_a_number_of_15_digits_and_its_18_are_one_person(world: World) -> None:
    subject = token(f"resident_id:{resident_id(121)}")
    assert world.item("full")["subject_id"] == world.item("short")["subject_id"] == subject
    assert world.record(f"resident_id:{resident_id(121)}")["defaulter_listing_count"] == 2


court(
    FIRST,
    company_listing("unified", 122),
    company_listing("old-code", 122, cardNum=f"{org_code(122)[:8]}-{org_code(122)[8]}"),
)
taxed(arrears(122))
sent[FIRST]["registry_entities"].append(entity(122))


def test_an_organisation_code_and_its_unified_code_are_one_organisation(world: World) -> None:
    record = world.record(f"org_code:{org_code(122)}")
    assert (record["item_count"], record["defaulter_listing_count"], record["source_count"]) == (4, 2, 3)
    assert record["identifier_shown"] == uscc(122)


court(FIRST, listing("first-name", 123))
court(SECOND, listing("second-name", 123, iname="另一人"))


def test_two_names_under_one_number_block_both_and_take_down_what_was_published(world: World) -> None:
    assert "first-name" in world.published[FIRST]
    for listing_id in ("first-name", "second-name"):
        assert world.reasons(listing_id) == ("IDENTITY_CONFLICT", "IDENTITY_CONFLICT")
    assert world.tombstones("first-name") == ["IDENTITY_CONFLICT"]
    assert set(world.tombstones("first-name", "punishment-zzb")) == {"IDENTITY_CONFLICT"}


court(FIRST, listing("other-sex", 124, sexy="男性"), listing("other-birth", 125, birthDate="1986-03-04"))


def test_sex_or_birth_date_against_the_document_block_the_listing(world: World) -> None:
    assert world.reasons("other-sex") == world.reasons("other-birth") == ("IDENTITY_CONFLICT",) * 2


wrong_digit = resident_id(126)[:17] + ("0" if resident_id(126)[17] != "0" else "1")
court(FIRST, listing("typing", 126, cardNumFull=wrong_digit), listing("mask-only", 127, cardNumFull=None))


def test_a_number_that_names_nobody_for_sure_publishes_nobody(world: World) -> None:
    for listing_id in ("typing", "mask-only"):
        assert world.reasons(listing_id) == ("NO_VALID_IDENTIFIER", "NO_VALID_IDENTIFIER")
        assert world.item(listing_id)["subject_id"] is None


court(FIRST, listing("homonym", 128, iname="同名者"))
sent[FIRST][BANK].append(bank_event(129, ztmc="同名者"))


def test_a_person_of_the_same_name_is_not_touched(world: World) -> None:
    other = world.record(f"resident_id:{resident_id(129)}")
    assert (other["subject_name"], other["item_count"], other["defaulter_listing_count"]) == ("同名者", 1, 0)
    assert world.reasons("homonym") == (None, None)


owner = {"iname": name(130), "cardNum": resident_id(130), "corporationtypename": "法定代表人"}
court(FIRST, company_listing("firm", 131, qysler=[owner], businessEntity=name(130)))
sent[FIRST]["registry_persons"].append(officer(131, cerno=resident_id(130), name=name(130)))


def test_officers_of_a_listed_company_are_not_listed(world: World) -> None:
    assert "firm" in world.published[FIRST]
    record = world.record(f"resident_id:{resident_id(130)}")
    assert (record["item_count"], record["defaulter_listing_count"]) == (0, 0)
    assert world.warehouse.rows(
        "select count(*) from exports.punishment_directive where subject_id = %s",
        [token(f"resident_id:{resident_id(130)}")],
    ) == [(0,)]


# ---------- who may be named

boy = date(2008, 2, 9)  # seventeen, and one day short of eighteen, on the day of the decision
man = boy - timedelta(days=1)
court(
    FIRST,
    listing("minor-by-number", 141, age=17, cardNumFull=resident_id(141, boy), cardNum=masked(resident_id(141, boy))),
    listing("minor-by-birth-date", 143, age=17, cardNumFull=None, birthDate=str(boy)),
    listing("minor-by-age", 145, age=17),
    listing("adult-that-day", 147, age=18, cardNumFull=resident_id(147, man), cardNum=masked(resident_id(147, man))),
)


def test_minors_are_never_named(world: World) -> None:
    assert world.reasons("minor-by-number") == ("MINOR", "MINOR")
    # The document of an adult and the age of a minor: both cannot be right, and either is enough.
    assert world.reasons("minor-by-age") == ("IDENTITY_CONFLICT|MINOR",) * 2
    assert world.reasons("minor-by-birth-date") == ("MINOR|NO_VALID_IDENTIFIER",) * 2
    assert world.reasons("adult-that-day") == (None, None)


court(
    FIRST,
    listing("not-public", 151, publicity="N", notifyUnit="某机关"),
    listing("unstated", 152, publicity=None),
    listing("public", 153),
)


def test_what_is_not_fit_for_publication_stays_inside(world: World) -> None:
    assert world.reasons("not-public") == ("NOT_PUBLIC", "NOT_PUBLIC")
    assert world.reasons("unstated") == ("PUBLICITY_UNSTATED", "PUBLICITY_UNSTATED")
    assert world.reasons("public") == (None, None)


court(FIRST, listing("paid", 154, at(9)))
court(SECOND, correction(listing("paid", 154), at(12), performance="全部已履行"))


def test_who_has_performed_is_hidden_at_once_while_the_court_confirms(world: World) -> None:
    assert [("paid" in world.published[day]) for day in DAYS] == [True, False, False, False]
    assert world.tombstones("paid") == ["PERFORMED"]
    directives = world.warehouse.rows(
        "select distinct awaits_court_confirmation from exports.punishment_directive where item_id = %s",
        [token(f"{COURT}:paid")],
    )
    assert directives == [(True,)]


court(FIRST, listing("expiring", 155, decisionDate="2024-03-03", publishDate="2024-03-10", termMonths=24))
court(FIRST, listing("open-ended", 156, decisionDate="2014-03-03", publishDate="2014-03-10", termMonths=None))


def test_a_term_ends_on_its_day_without_a_message(world: World) -> None:
    assert [("expiring" in world.published[day]) for day in DAYS] == [True, False, False, False]
    assert world.reasons("expiring") == ("EXPIRED", "EXPIRED")
    assert world.tombstones("expiring") == ["EXPIRED"]
    assert "open-ended" in world.published[LAST]


sent[FIRST][BANK] += [bank_event(161), bank_event(162, sqbh=""), bank_event(163, sqbh="暂无")]
sent[FIRST][BANK].append(bank_event(164, ztlx="企业", ztmc="试样164有限公司", zjhm=uscc(164), sqbh=""))


def test_no_event_of_a_person_without_written_consent_enters_the_record(world: World) -> None:
    assert world.record(f"resident_id:{resident_id(161)}")["item_count"] == 1
    for number in (162, 163):
        assert world.record(f"resident_id:{resident_id(number)}") is None
        assert world.versions(f"B66001:L{number:06d}", BANK) == []
    assert world.record(f"org_code:{org_code(164)}")["item_count"] == 1


# ---------- snapshots

taxed(arrears(201), on=(FIRST, SECOND))
taxed(arrears(202), on=(FIRST, SECOND))
late_snapshot.append(arrears(202))
taxed(arrears(203))
taxed(arrears(204), on=(THIRD,))
late_snapshot.append(arrears(205))


def debtor(world: World, number: int) -> dict[str, Any]:
    return world.item(f"{uscc(number)}:增值税", TAX)


def test_who_is_absent_from_a_snapshot_is_closed_on_its_day(world: World) -> None:
    assert (debtor(world, 201)["status"], debtor(world, 201)["valid_to"]) == ("DELETED", str(BETWEEN))
    assert world.record(f"org_code:{org_code(201)}")["item_count"] == 0


def test_a_late_older_snapshot_revives_nobody(world: World) -> None:
    assert (debtor(world, 202)["status"], debtor(world, 202)["valid_to"]) == ("DELETED", str(THIRD))


def test_a_late_older_snapshot_frees_nobody(world: World) -> None:
    assert debtor(world, 203)["status"] == debtor(world, 204)["status"] == "ACTIVE"


def test_a_late_older_snapshot_adds_nobody(world: World) -> None:
    assert debtor(world, 205)["status"] == "DELETED"
    assert world.record(f"org_code:{org_code(205)}")["item_count"] == 0


taxed(arrears(206), on=(FIRST, THIRD))
taxed(arrears(206, qsye="很多"), on=(SECOND,))
late_snapshot.append(arrears(206))
taxed(arrears(207), on=(FIRST,))
taxed(arrears(207, qsye="很多"), on=(SECOND,))


def test_a_row_in_quarantine_is_present_and_frees_nobody(world: World) -> None:
    assert [version["status"] for version in world.versions(f"{uscc(206)}:增值税", TAX)] == ["ACTIVE"]


def test_who_is_absent_after_a_row_in_quarantine_is_closed(world: World) -> None:
    assert debtor(world, 207)["status"] == "DELETED"


taxed(arrears(208, qsye="很多"), on=(FIRST,))


def test_a_row_that_never_was_readable_leaves_no_trace_in_the_record(world: World) -> None:
    assert world.versions(f"{uscc(208)}:增值税", TAX) == []


def test_an_empty_or_shrunken_snapshot_frees_no_one_and_restricts_no_one(world: World) -> None:
    refused = world.warehouse.rows(
        "select file_name, refused_rule from audit.batch where status = 'refused' order by 1"
    )
    assert refused == [("empty.csv", "RAW_ROW_FLOOR"), ("shrunken.csv", "RAW_SHRINK")]
    assert {debtor(world, 9000 + n)["status"] for n in range(12)} == {"ACTIVE"}
    assert all(len(world.versions(f"{uscc(9000 + n)}:增值税", TAX)) == 1 for n in range(12))
    assert world.record(f"org_code:{org_code(9700)}") is None


# ---------- rows that are kept out, each by its rule

BAD_COURT = {
    "KEY_MISSING": {"id": None},
    "ACTION_UNKNOWN": {"infoActionType": "Z"},
    "TIME_INVALID": {"updatedAt": "昨天"},
    "PARTY_TYPE_UNKNOWN": {"partyTypeName": "7"},
    "NAME_MISSING": {"iname": "暂无"},
    "CONDUCT_UNKNOWN": {"disruptTypeName": "拖欠物业费"},
    "DATE_INVALID": {"publishDate": "2026年02月30日"},
    "TERM_INVALID": {"termMonths": "两年"},
    "SEX_UNKNOWN": {"sexy": "未知"},
    "PUBLICITY_UNKNOWN": {"publicity": "maybe"},
}
BAD_BANK = {"AMOUNT_INVALID": {"yqje": "很多"}, "EVENT_UNKNOWN": {"sjlx": "其他"}}
bad_lines: dict[tuple[str, str], int] = {}
for rule, change in BAD_COURT.items():
    court(FIRST, listing(f"bad-{rule}", 300, **change) | change)
    bad_lines[COURT, rule] = len(sent[FIRST][COURT])
for rule, change in BAD_BANK.items():
    sent[FIRST][BANK].append(bank_event(301, lsh=f"bad-{rule}") | change)
    bad_lines[BANK, rule] = len(sent[FIRST][BANK]) + 1  # below the header


@pytest.mark.parametrize(("source", "rule"), bad_lines)
def test_a_row_that_breaks_a_rule_is_rejected_with_its_line(world: World, source: str, rule: str) -> None:
    found = world.warehouse.rows(
        "select row_no from audit.rejected_row join audit.batch using (batch_id)"
        " where source = %s and rule = %s and business_date = %s",
        [source, rule, FIRST],
    )
    assert found == [(bad_lines[source, rule],)]


def test_every_rule_of_these_sources_has_a_row_that_breaks_it(world: World) -> None:
    models = PROJECT_ROOT / "dbt_project" / "models" / "staging"
    sql = "".join((models / source / f"stg_{source}.sql").read_text(encoding="utf-8") for source in SUFFIX)
    assert set(re.findall(r"'([A-Z_]+):", sql)) == {rule for _, rule in bad_lines} | {"NO_AUTHORISATION"}


def test_what_is_rejected_is_in_the_record_of_no_one(world: World) -> None:
    assert world.record(f"resident_id:{resident_id(300)}") is None
    assert world.record(f"resident_id:{resident_id(301)}") is None


# ---------- the chain of versions


def test_versions_follow_each_other_without_gap_or_overlap_and_one_is_open(world: World) -> None:
    chains = defaultdict(list)
    for item, start, end in world.warehouse.rows(
        "select item_id, recorded_from, nullif(recorded_to, 'infinity') from core.credit_item order by 1, 2"
    ):
        chains[item].append((start, end))
    assert len(chains) > 50
    for chain in chains.values():
        assert [end for _, end in chain] == [start for start, _ in chain[1:]] + [None]
    assert max(map(len, chains.values())) >= 3


def test_what_the_warehouse_knew_on_an_earlier_day_can_still_be_asked(world: World) -> None:
    ((moment,),) = world.warehouse.rows("select finished_at from audit.build where business_date = %s", [SECOND])
    assert world.warehouse.rows(
        "select status from core.credit_item where item_id = %s and recorded_from <= %s and recorded_to > %s",
        [token(f"{COURT}:back"), moment, moment],
    ) == [("DELETED",)]


def test_every_version_leads_back_to_the_file_and_line_that_said_it(world: World) -> None:
    version = world.item("back")
    ((sha256, identity),) = world.warehouse.rows(
        "select sha256, r.id from audit.batch join raw.court_defaulters r on r._batch_id = batch_id"
        " where batch_id = %s and r._row_no = %s",
        [version["content_batch_id"], version["content_row_no"]],
    )
    original = (world.warehouse.home / "archive" / COURT / sha256[:2] / sha256).read_text(encoding="utf-8")
    line = json.loads(original.splitlines()[version["content_row_no"] - 1])
    assert identity == line["id"] == "back"
    assert line["updatedAt"] == at(15)


# ---------- the same in any order, and from scratch

PRODUCTS = {
    "marts.credit_record": "*", "marts.credit_record_item": "*", "marts.defaulter_listing": "*",
    "marts.source_quality": "source, business_date, file_name, status, rows_in, rows_loaded, rows_rejected",
    "exports.listing_decision": "*", "exports.exposure_publication": "*", "exports.punishment_directive": "*",
}  # fmt: skip


def checksums(warehouse: Any) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: warehouse.rows(
            f"select count(*), md5(string_agg(t::text, ';' order by t::text)) from (select {columns} from {table}) t"
        )
        for table, columns in PRODUCTS.items()
    }


def test_four_days_one_by_one_come_to_the_same_as_one_build_of_everything(
    world: World, other_warehouse, tmp_path: Path
) -> None:
    day_by_day = checksums(world.warehouse)
    assert min(count for ((count, _),) in day_by_day.values()) > 5
    with other_warehouse(tmp_path) as scratch:
        for day in DAYS:
            deliver(scratch, day)
        scratch.build(LAST)
        assert checksums(scratch) == day_by_day


ORDERS, FILES = 20, 3


def messages(order: int) -> list[Row]:
    """One listing told in seven messages, three of them at the same moment; and one that ends deleted."""
    story, ended = f"order-{order}", f"ended-{order}"
    told = listing(story, 501, at(8))
    gone = listing(ended, 502, at(8))
    return [
        told,
        correction(told, at(9), caseCode="甲"),
        deletion(story, at(10)),
        listing(story, 501, at(11), caseCode="乙"),
        correction(told, at(11), caseCode="丙"),
        correction(told, at(11), caseCode="丁"),
        deletion(story, at(7)),
        gone,
        deletion(ended, at(12), "X9"),
        correction(gone, at(13), caseCode="戊"),
        listing(ended, 502, at(12)),
    ]


def test_the_order_of_arrival_and_the_split_into_files_decide_nothing(warehouse) -> None:
    dice = random.Random(20260302)
    files: list[list[Row]] = [[] for _ in range(FILES)]
    for order in range(ORDERS):
        shuffled = messages(order)
        dice.shuffle(shuffled)
        for message in shuffled:
            files[dice.randrange(FILES)].append(message)
    for number, rows in enumerate(files):
        warehouse.drop(COURT, f"{number}.jsonl", jsonl(*rows))
        warehouse.ingest(FIRST + timedelta(days=number), [COURT])
        warehouse.build(FIRST + timedelta(days=number))
    found = warehouse.rows(
        "select split_part(l.listing_id, '-', 1), count(*), count(distinct (i.subject_id, i.status, i.item_title,"
        " i.valid_from, i.valid_to, i.identifier_shown, d.exposure_reasons)::text), min(i.status)"
        " from core.credit_item i join marts.defaulter_listing l using (item_id)"
        " join exports.listing_decision d using (item_id) where recorded_to = 'infinity' group by 1 order by 1"
    )
    assert found == [("ended", ORDERS, 1, "DELETED"), ("order", ORDERS, 1, "ACTIVE")]
    titles = {title for (title,) in warehouse.rows("select item_title from marts.credit_record_item")}
    assert titles < {"丙", "丁"}, "a correction outranks an addition of the same moment"


def test_a_build_without_news_leaves_everything_as_it_is(world: World) -> None:
    before = checksums(world.warehouse)
    assert world.warehouse.build(LAST) is None
    for refused in ("empty.csv", "shrunken.csv"):
        (world.warehouse.landing / TAX / refused).unlink()
    world.warehouse.ingest(LAST, list(SUFFIX))
    assert world.warehouse.build(LAST) is None, "what was delivered before is a duplicate"
    assert checksums(world.warehouse) == before
