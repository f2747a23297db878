"""One listing from its first line to its last tombstone: every link of the chain against what was delivered."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import pwd
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from credit_warehouse import archive
from credit_warehouse.cli import app
from credit_warehouse.declarations import load_source
from credit_warehouse.explain import UnknownId, explain, in_words
from credit_warehouse.export import export_build, removals
from credit_warehouse.load import row_as_received
from credit_warehouse.secrets import token_key
from providers import (
    arrears,
    bank_event,
    correction,
    csv_file,
    deletion,
    jsonl,
    listing,
    masked,
    name,
    resident_id,
    uscc,
    workbook,
)

COURT, TAX, BANK = "court_defaulters", "tax_arrears", "bank_credit_events"
MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
PERSON, LISTED = 21, "L-21"
FULL = resident_id(PERSON)
LISTING = listing(LISTED, PERSON, birthDate="1985-03-04")
RESTORED = correction(LISTING, "2026-03-03T09:00:00+08:00", courtName="杭州市西湖区人民法院")
UNREADABLE = correction(LISTING, "2026-03-02T10:00:00+08:00", sexy="?")
OVERLONG = correction(LISTING, "2026-03-03T09:30:00+08:00", duty="长" * 70_000)
OBJECTION = {
    "yybh": "Y-21", "sqrmc": name(PERSON), "zjhm": FULL, "yylx": "应删除未删除", "dxid": LISTED,
    "sqsj": "2026-03-03 10:00:00", "cljg": None, "clsj": None, "cljgdm": None, "infoActionType": "A",
}  # fmt: skip
REPAIR = {
    "jdwsh": "修复21", "ztmc": name(22), "zjhm": resident_id(22), "xfsx": "失信", "wsh": "（2026）浙0102执22号",
    "xfrq": "2026-03-03", "xfjg": "示例市发展和改革委员会",
}  # fmt: skip
OTHERS = [listing(f"L-{number}", number) for number in range(22, 30)]


@dataclass
class Story:
    """What was delivered, by file name."""

    warehouse: Any
    sent: dict[str, bytes] = field(default_factory=dict)

    def deliver(self, day: date, source: str, file_name: str, content: bytes) -> None:
        self.sent[file_name] = content
        self.warehouse.landing = self.warehouse.landing.with_name(f"landing-{file_name}")
        self.warehouse.drop(source, file_name, content)
        assert self.warehouse.ingest(day, [source])[source] == [None]

    def build(self, day: date) -> int:
        build = self.warehouse.build(day)
        assert export_build(build) == {}
        return build

    def line(self, file_name: str, number: int) -> str:
        return self.sent[file_name].decode().splitlines()[number - 1]

    def sha256(self, file_name: str) -> str:
        return hashlib.sha256(self.sent[file_name]).hexdigest()


def token(text: str) -> str:
    return hmac.new(token_key(), text.encode(), hashlib.sha256).hexdigest()[:32]


ITEM = f"{COURT}:{LISTED}"


def by_columns(source: str, *rows: dict[str, Any]) -> bytes:
    names = [column.name for column in load_source(source).columns]
    return csv_file(*({**dict.fromkeys(names, ""), **row} for row in rows), columns=names)


@pytest.fixture(scope="module")
def story(shared_warehouse) -> Story:
    told = Story(shared_warehouse)
    told.deliver(MONDAY, COURT, "monday.jsonl", jsonl(*OTHERS, LISTING, UNREADABLE))
    told.deliver(MONDAY, TAX, "arrears.csv", csv_file(arrears(41), arrears(42)))
    told.build(MONDAY)
    told.deliver(TUESDAY, COURT, "tuesday.jsonl", jsonl(RESTORED, OVERLONG))
    told.deliver(TUESDAY, "objections", f"objections.{load_source('objections').ingest.format}",
                 jsonl(OBJECTION) if load_source("objections").ingest.format == "jsonl"
                 else by_columns("objections", OBJECTION))  # fmt: skip
    told.deliver(TUESDAY, "credit_repairs", f"repairs.{load_source('credit_repairs').ingest.format}",
                 by_columns("credit_repairs", REPAIR))  # fmt: skip
    told.build(TUESDAY)
    told.deliver(WEDNESDAY, COURT, "wednesday.jsonl", jsonl(deletion(LISTED, "2026-03-04T09:00:00+08:00")))
    removals.run(WEDNESDAY)
    told.build(WEDNESDAY)
    return told


@pytest.fixture(scope="module")
def chain(story: Story) -> dict[str, Any]:
    return explain("item", LISTED)


def test_every_message_leads_to_its_file_and_line(story: Story, chain: dict[str, Any]) -> None:
    found = [(row["action"], row["file_name"], row["sha256"], row["row_no"]) for row in chain["messages"]]
    assert found == [
        ("A", "monday.jsonl", story.sha256("monday.jsonl"), len(OTHERS) + 1),
        ("U", "monday.jsonl", story.sha256("monday.jsonl"), len(OTHERS) + 2),
        ("U", "tuesday.jsonl", story.sha256("tuesday.jsonl"), 1),
        (None, "tuesday.jsonl", story.sha256("tuesday.jsonl"), 2),
        ("D", "wednesday.jsonl", story.sha256("wednesday.jsonl"), 1),
    ]
    assert [row["line"]["id"] for row in chain["messages"] if row["action"]] == [LISTED] * 4
    assert chain["messages"][0]["line"]["iname"] == "试**"
    assert chain["messages"][0]["line"]["birthDate"] == "**********"


def test_a_rejected_message_says_which_rule_and_what_was_done(chain: dict[str, Any]) -> None:
    rejected = [row for row in chain["messages"] if row["verdict"] == "rejected"]
    found = [(row["row_no"], *(told[name] for name in ("stage", "rule", "field")))
             for row in rejected for told in row["rejected"]]  # fmt: skip
    assert found == [(len(OTHERS) + 2, "staging", "SEX_UNKNOWN", "sexy"), (2, "load", "FIELD_TOO_LONG", "duty")]
    assert rejected[0]["rejected"][0]["what_was_done_zh"] == "该行隔离，待提供方更正"


def test_versions_follow_the_messages(chain: dict[str, Any]) -> None:
    assert [row["status"] for row in chain["versions"]] == ["ACTIVE", "ACTIVE", "DELETED"]
    assert [row["authority"] for row in chain["versions"]] == [
        "杭州市上城区人民法院", "杭州市西湖区人民法院", "杭州市西湖区人民法院"
    ]  # fmt: skip
    first, second, third = chain["versions"]
    assert (first["recorded_to"], second["recorded_to"]) == (second["recorded_from"], third["recorded_from"])
    assert third["recorded_to"] is None
    assert (third["content_row_no"], third["status_row_no"]) == (1, 1)


def test_identity_rests_on_the_number_and_its_verdict(story: Story, chain: dict[str, Any]) -> None:
    assert chain["identity"]["identifier_verdict"] == "VALID"
    assert chain["identity"]["subject_id"] == token(f"resident_id:{FULL}")
    assert chain["identity"]["tier"] == "T1"
    assert chain["identity"]["is_minor"] is chain["identity"]["has_identity_conflict"] is False


def test_rules_come_with_their_articles(chain: dict[str, Any]) -> None:
    rules = chain["rules"]
    assert {row["reason"] for row in rules["exclusions"]} == {"WITHDRAWN"}
    withdrawn = next(row for row in rules["exclusions"] if row["reason"] == "WITHDRAWN")
    assert withdrawn["legal_basis"] == "法释〔2013〕17号（2017年修正）第十条"
    assert "X1" in {row["cause"] for row in rules["causes"]}
    # The local text gives three calendar days; for whom it binds the national one goes first.
    (clock,) = rules["clocks"]
    assert (clock["clock_id"], clock["amount"], clock["unit"]) == ("CENTRE_DELETE", 3, "working_day")
    assert [(row["base_months"], row["longest_months"]) for row in rules["terms"]] == [(24, 60)]


def test_gates_are_told_with_the_values_they_saw(chain: dict[str, Any]) -> None:
    readable = [row for row in chain["gates"] if row["rule_id"] == "RAW_REJECTS"]
    # The row of Monday broke no rule of the loader.
    assert [row["observed"] for row in readable] == ["0 / 10", "1 / 2", "0 / 1"]
    products = {row["target"] for row in chain["gates"] if row["build_id"] is not None}
    assert products == {"exposure_publication", "restricted_notice", "punishment_directive"}
    assert all(row["success"] for row in chain["gates"] if row["severity"] == "stop")


def test_every_delivery_is_named_from_the_first_to_the_tombstone(story: Story, chain: dict[str, Any]) -> None:
    item = token(ITEM)
    folders = sorted((story.warehouse.home / "exports" / "exposure").glob("0*"))
    expected = [
        (int(folder.name), change["op"], change["reason"])
        for folder in folders
        for change in map(json.loads, (folder / "delta.jsonl").read_text(encoding="utf-8").splitlines())
        if change["id"] == item
    ]
    found = [row for row in chain["deliveries"] if row["feed"] == "exposure"]
    assert [(row["sequence"], row["op"], row["reason"]) for row in found] == expected
    assert expected[0][1] == "ADD" and expected[-1][1:] == ("REMOVE", "WITHDRAWN")
    assert {row["file"] for row in chain["deliveries"]} == {"intact"}
    departments = {row["feed"] for row in chain["deliveries"]} - {"exposure"}
    assert departments and all(feed.startswith("punishment-") for feed in departments)
    last = {row["entry_id"]: row["op"] for row in chain["deliveries"]}
    assert set(last.values()) == {"REMOVE"}


def test_the_removal_and_the_objection_are_links_too(story: Story, chain: dict[str, Any]) -> None:
    removal = next(row for row in chain["removals"] if row["reason"] == "WITHDRAWN")
    assert (removal["cause"], removal["state"], removal["row_no"]) == ("X1", "GONE", 1)
    assert removal["gone_from_exposure_at"] and removal["gone_from_departments_at"]
    (objection,) = chain["objections"]
    assert (objection["objection_id"], objection["objection_kind"], objection["status"]) == (
        "Y-21", "应删除未删除", "OPEN"
    )  # fmt: skip
    assert objection["sha256"] == story.sha256(objection["file_name"])


def test_a_repair_decision_is_told_of_the_listing_it_names_alone(story: Story, chain: dict[str, Any]) -> None:
    (repair,) = explain("publication", "L-22")["repairs"]
    assert (repair["decision_number"], repair["sha256"]) == ("修复21", story.sha256(repair["file_name"]))
    assert chain["repairs"] == []


def test_an_item_is_found_by_any_of_its_ids(story: Story, chain: dict[str, Any]) -> None:
    assert explain("item", token(ITEM))["versions"] == chain["versions"]
    directive = next(row for row in chain["deliveries"] if row["feed"] != "exposure")
    told = explain("directive", directive["entry_id"])
    assert told["item_id"] == token(ITEM)
    assert {row["entry_id"] for row in told["deliveries"]} == {directive["entry_id"]}
    (measure,) = told["measures"]
    assert f"punishment-{measure['department_code']}" == directive["feed"] and measure["stands"] is False
    assert {row["feed"] for row in explain("publication", LISTED)["deliveries"]} == {"exposure"}


def test_an_item_of_a_snapshot_is_explained_as_well(story: Story) -> None:
    (item,) = story.warehouse.rows(
        "select item_id from core.item_event where source = 'tax_arrears' order by _row_no limit 1"
    )
    found = explain("item", item[0])
    (message,) = found["messages"]
    assert (message["file_name"], message["row_no"], found["deliveries"]) == ("arrears.csv", 2, [])
    assert uscc(41) not in json.dumps(found, ensure_ascii=False, default=str)


def test_what_left_stays_told_when_a_delivered_file_is_gone_or_changed(story: Story) -> None:
    before = explain("publication", LISTED)["deliveries"]
    delta = story.warehouse.home / "exports" / "exposure" / f"{before[-1]['sequence']:08d}" / "delta.jsonl"
    content = delta.read_bytes()
    try:
        delta.write_bytes(content + b"\n")
        assert (explain("publication", LISTED)["deliveries"][-1]["file"]) == "changed"
        delta.unlink()
        last = explain("publication", LISTED)["deliveries"][-1]
        assert (last["op"], last["reason"], last["file"]) == ("REMOVE", "WITHDRAWN", "missing")
    finally:
        delta.write_bytes(content)


def test_the_command_prints_no_number_and_no_name(story: Story) -> None:
    for kind in ("item", "publication", "directive"):
        for options in ([], ["--json"]):
            result = CliRunner().invoke(app, ["explain", kind, LISTED, *options])
            assert result.exit_code == 0, result.output
            assert story.sha256("monday.jsonl") in result.output
            for person in (FULL, masked(FULL), name(PERSON)):
                assert person not in result.output
    assert story.warehouse.rows("select count(*) from audit.access_log") == [(0,)]


def test_the_full_line_is_byte_for_byte_the_one_that_came_and_every_reading_is_logged(story: Story) -> None:
    result = CliRunner().invoke(app, ["explain", "item", LISTED, "--json", "--original"])
    try:
        assert result.exit_code == 0, result.output
        found = json.loads(result.output)
        read = [*found["messages"], *found["objections"]]
        for row in found["messages"]:
            assert row["original"] == story.line(row["file_name"], row["row_no"])
        me = pwd.getpwuid(os.getuid()).pw_name
        logged = story.warehouse.rows(
            "select os_user, action, batch_id, row_no, item_id, accessed_at <= now() from audit.access_log"
            " order by batch_id, row_no"
        )
        assert logged == sorted(
            [(me, "explain --original", row["batch_id"], row["row_no"], token(ITEM), True) for row in read],
            key=lambda row: row[2:4],
        )
    finally:
        clear(story)


def clear(story: Story) -> None:
    story.warehouse.forget("delete from audit.access_log")


@pytest.mark.parametrize("statement", ["update audit.access_log set os_user = ''", "delete from audit.access_log",
                                       "truncate audit.access_log"])  # fmt: skip
def test_the_access_log_refuses_every_change(story: Story, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        story.warehouse.execute(statement)


def test_a_damaged_original_is_not_quoted_and_the_attempt_is_logged(story: Story) -> None:
    original = archive.archived(COURT, story.sha256("monday.jsonl"))
    content = original.read_bytes()
    original.chmod(0o600)
    try:
        original.write_bytes(content.replace("上城".encode(), "下城".encode()))
        result = CliRunner().invoke(app, ["explain", "item", LISTED, "--original"])
        assert result.exit_code == 1
        assert FULL not in result.output
        assert story.warehouse.rows("select count(*) from audit.access_log") == [(1,)]
    finally:
        original.write_bytes(content)
        clear(story)


@pytest.mark.parametrize("kind", ["item", "publication", "directive"])
def test_an_unknown_id_is_a_clear_error_that_does_not_repeat_it(story: Story, kind: str) -> None:
    result = CliRunner().invoke(app, ["explain", kind, FULL])
    assert result.exit_code == 1
    assert "没有这个标识" in result.output and FULL not in result.output


def test_before_the_first_build_there_is_nothing_to_explain(other_warehouse, tmp_path: Path) -> None:
    with other_warehouse(tmp_path, unbuilt=True), pytest.raises(UnknownId, match="nothing was built"):
        explain("item", LISTED)


@pytest.mark.parametrize(
    ("source", "content", "row_no", "expected"),
    [
        (TAX, csv_file(arrears(1, jydz="甲\r\n乙"), arrears(2)), 4, csv_file(arrears(2)).splitlines()[1]),
        (COURT, b'[{"id": "1"}, {"id": "2"}]\nnonsense\n[{"id": "3"}]\n', 3, b'{"id": "3"}'),
        (BANK, workbook(bank_event(1)), 2, json.dumps([v or None for v in bank_event(1).values()]).encode()),
    ],
    ids=["csv", "pages", "xlsx"],
)
def test_a_row_is_read_back_from_every_format(
    home: Path, tmp_path: Path, source: str, content: bytes, row_no: int, expected: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    sha256 = archive.sha256_of(path)
    archive.keep(source, path, sha256)
    found = row_as_received(load_source(source), sha256, row_no)
    assert found is not None
    if source == TAX:
        assert found == expected.decode("gb18030")
    else:
        assert json.loads(found) == json.loads(expected)


def test_the_words_name_every_link(chain: dict[str, Any]) -> None:
    headings = [line for line in in_words(chain) if line.startswith("■")]
    assert len(headings) == 13
