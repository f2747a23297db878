"""What comes back: receipts of the feeds, feedback on directives, and what the marts make of both."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from credit_warehouse import receipts
from credit_warehouse.build import BUSINESS_ZONE
from credit_warehouse.export import export_build, keys, removals
from credit_warehouse.feed_consumer import FeedRefused
from credit_warehouse.feed_home import FolderSource, Home
from credit_warehouse.feed_protocol import canonical, read_key
from credit_warehouse.report import write_report
from providers import company_listing, correction, deletion, listing, name, resident_id, revocation, uscc

COURT = "court_defaulters"
MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
LATER = "2026-03-03T09:00:00+08:00"
CZ = "punishment-cz"


def pull(warehouse: Any, *feeds: str) -> None:
    """A department takes what is new; the key is the one that was published first."""
    exports, home = warehouse.home / "exports", Home(warehouse.home.parent / "department")
    for feed in feeds:
        first = json.loads((exports / feed / "00000001" / "manifest.json").read_bytes())["key_id"]
        key = None if feed in home.feeds() else read_key(exports / "keys" / f"{first}.pub")
        home.pull(FolderSource(exports), feed, key)


def take_in(warehouse: Any) -> receipts.Taken:
    return receipts.take_in(warehouse.home.parent / "department")


def every_feed(warehouse: Any) -> list[str]:
    return [feed for (feed,) in warehouse.rows("select distinct feed from audit.export_ledger order by 1")]


def feedback(number: str, person: int, directive: str | None, at: str, **changes: Any) -> dict[str, Any]:
    return {
        "dwdm": "cz", "dwmc": "财政局", "fkbh": number, "ztmc": name(person), "zjhm": resident_id(person),
        "blsx": "补贴资金申报", "csdm": "QDSB-1-5", "cljg": "拦截", "clsj": at, "directiveId": directive, **changes,
    }  # fmt: skip


@pytest.fixture(scope="module")
def sent(shared_warehouse: Any) -> Any:
    """Monday: five listings leave, every recipient takes them. Tuesday: two are deleted, cz and exposure take it."""
    warehouse = shared_warehouse
    warehouse.accept(
        MONDAY, COURT, *(listing(f"a{n}", n) for n in (1, 2, 3, 4)), company_listing("firm", 30, courtName="示例法院")
    )
    warehouse.accept(
        MONDAY, "court_closed_cases",
        {"ah": "（2026）浙0102执4号", "xm": name(4), "xb": "09_00003-2", "dz": "示例路1号",
         "zxfymc": "杭州市上城区人民法院", "larq": "2026-01-08", "jarq": "2026-02-20", "sqzxbdje": "1000",
         "swzxbdje": "250.50", "sfzhm": resident_id(4)},
    )  # fmt: skip
    assert export_build(warehouse.build(MONDAY)) == {}
    pull(warehouse, *every_feed(warehouse))
    warehouse.first = take_in(warehouse)
    warehouse.accept(
        TUESDAY, COURT, deletion("a1", LATER), revocation("a2", LATER),
        correction(listing("a3", 3), LATER, performance="全部已履行"),
    )  # fmt: skip
    removals.run(TUESDAY)
    warehouse.unheard = clocks(warehouse)
    pull(warehouse, "exposure", CZ)
    warehouse.second = take_in(warehouse)
    return warehouse


def clocks(warehouse: Any) -> dict[str, tuple[Any, ...]]:
    return {row[0]: row[1:] for row in warehouse.rows(
        "select reason, feeds_told, feeds_confirmed, confirmed_at is null, is_confirmed_late from marts.takedown_sla"
    )}  # fmt: skip


def test_every_receipt_is_taken_once(sent: Any) -> None:
    feeds = len(every_feed(sent))
    assert feeds > 10
    assert (sent.first.accepted, sent.first.known, sent.first.refused) == (feeds, 0, [])
    assert (sent.second.accepted, sent.second.known, sent.second.refused) == (2, feeds, [])
    assert sent.rows("select feed, sequence, took from audit.feed_receipt where feed = %s order by 2", [CZ]) == [
        (CZ, 1, "delta"), (CZ, 2, "delta"),
    ]  # fmt: skip


def test_the_ledger_of_receipts_cannot_be_rewritten(sent: Any) -> None:
    for table in ("audit.feed_receipt", "audit.feed_receipt_refused"):
        for change in (f"delete from {table}", f"truncate {table}", f"update {table} set feed = feed"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                sent.execute(change)


def test_a_removal_is_confirmed_when_every_recipient_has_taken_it(sent: Any) -> None:
    # A person is told of in the feeds of thirty departments and in the exposure; performance concerns the latter alone.
    told = {reason: row[0] for reason, row in sent.unheard.items()}
    assert told["WITHDRAWN"] == told["REVOKED"] > 10 and told["PERFORMED"] == 1
    # Nobody has answered: the clock of March runs on, and is late by now. A performance hides at the day it is known.
    assert {row[1:] for row in sent.unheard.values()} == {(0, True, True)}
    some = clocks(sent)
    assert some["WITHDRAWN"] == (told["WITHDRAWN"], 2, True, True)
    assert some["PERFORMED"][1:3] == (1, False)

    pull(sent, *every_feed(sent))
    assert take_in(sent).refused == []
    everybody = clocks(sent)
    assert everybody["WITHDRAWN"] == (told["WITHDRAWN"], told["WITHDRAWN"], False, True)
    ((last, confirmed),) = sent.rows(
        "select (select max(applied_at) from audit.feed_receipt join exports.feed_tombstone using (feed, sequence)"
        " where item_id = sla.item_id), confirmed_at from marts.takedown_sla as sla where reason = 'WITHDRAWN'"
    )
    assert confirmed == last


def good_receipt(warehouse: Any) -> dict[str, Any]:
    (path,) = (warehouse.home.parent / "department" / CZ / "receipts").glob(f"{CZ}-00000001-*.json")
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def resealed(receipt: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A recipient that says something untrue, with its hash made anew."""
    told = {name: value for name, value in {**receipt, **changes}.items() if name != "sha256"}
    return {**told, "sha256": hashlib.sha256(canonical(told)).hexdigest()}


UNTRUE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "RECEIPT_FORMAT": lambda good: resealed(good, format="credit-warehouse-receipt/9"),
    "RECEIPT_DAMAGED": lambda good: {**good, "hits": 0, "compares": 1},
    "RECEIPT_UNKNOWN": lambda good: resealed(good, sequence=99),
    "RECEIPT_MANIFEST": lambda good: resealed(good, manifest_sha256="0" * 64),
    "RECEIPT_SET_HASH": lambda good: resealed(good, set_hash="0" * 64),
    "RECEIPT_COUNTS": lambda good: resealed(good, counts={**good["counts"], "total": 0}),
    "RECEIPT_CLOCK": lambda good: resealed(good, applied_at="2020-01-01T00:00:00+08:00"),
}


@pytest.mark.parametrize("rule", UNTRUE)
def test_a_receipt_that_cannot_be_true_is_named_and_told(sent: Any, tmp_path: Path, rule: str) -> None:
    before = sent.rows("select count(*) from audit.feed_receipt")
    (tmp_path / "a name from outside.json").write_text(json.dumps(UNTRUE[rule](good_receipt(sent))), encoding="utf-8")
    done = receipts.take_in(tmp_path)
    assert (done.accepted, [refusal.rule for refusal in done.refused]) == (0, [rule])
    assert "outside" not in str(done.refused[0])
    assert sent.rows("select count(*) from audit.feed_receipt") == before
    newest = sent.rows("select rule from audit.feed_receipt_refused order by refusal_id desc limit 1")
    assert newest == [(rule,)]
    alert = json.loads((sent.home / "logs" / "alerts.jsonl").read_text("utf-8").splitlines()[-1])
    assert (alert["kind"], alert["subject"]) == ("answer", "feed_receipt_refused")
    assert alert["facts"] == [f"[{rule}] 1 份回执 receipts"]
    assert receipts.take_in(tmp_path).refused == [], "told once"


@pytest.mark.parametrize("text", ["", "[]", "nonsense", "{}", '{"sequence": 1}', "[" * 5000])
def test_what_is_no_receipt_is_refused_and_harms_nothing(sent: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / f"{hashlib.md5(text.encode()).hexdigest()}.json").write_text(text, encoding="utf-8")
    (tmp_path / "large.json").write_text("x" * 20_000 + text, encoding="utf-8")
    assert {refusal.rule for refusal in receipts.take_in(tmp_path).refused} == {"RECEIPT_FORMAT"}


@pytest.mark.parametrize("fields", [
    {"sequence": True}, {"sequence": -1}, {"sequence": 2**80}, {"feed": "a\0b"}, {"copy_id": "x"}, {"took": "half"},
    {"applied_at": "2026-03-02T00:00:00"}, {"applied_at": "x"}, {"compares": 1, "hits": 2}, {"more": 1},
])  # fmt: skip
def test_a_field_that_is_not_of_the_format_is_refused(sent: Any, tmp_path: Path, fields: dict[str, Any]) -> None:
    (tmp_path / "r.json").write_text(json.dumps(resealed(good_receipt(sent), **fields)), encoding="utf-8")
    assert [refusal.rule for refusal in receipts.take_in(tmp_path).refused] == ["RECEIPT_FORMAT"]


# ---------- feedback


@pytest.fixture(scope="module")
def answered(sent: Any) -> Any:
    """Feedback on directives that hold, that were withdrawn, that are another's, and on none."""
    directives = dict(sent.rows(
        "select listing_id, entry_id from exports.feed_entry join marts.defaulter_listing using (item_id)"
        " where feed = %s and body::json ->> 'measure_code' = 'QDSB-1-5'"
        " union all select listing_id, md5(stone.item_id || 'QDSB-1-5' || 'cz') from exports.feed_tombstone as stone"
        " join marts.defaulter_listing using (item_id) where feed = %s", [CZ, CZ]
    ))  # fmt: skip
    assert {"a1", "a2", "a3", "a4"} <= directives.keys()
    before, after = "2026-03-02T15:00:00+08:00", (datetime.now().astimezone() + timedelta(hours=1)).isoformat()
    sent.accept(
        TUESDAY, "punishment_feedback",
        feedback("F1", 4, directives["a4"], before),
        feedback("F2", 1, directives["a1"], after),
        feedback("F3", 1, directives["a1"], before, cljg="限制"),
        feedback("F4", 4, "f" * 32, before, cljg="审慎参考"),
        feedback("F5", 3, directives["a4"], before),
        feedback("F6", 2, directives["a2"], after, cljg="未惩戒"),
        feedback("F7", 4, None, before),
        feedback("F8", 2, None, after),
        feedback("F9", 4, directives["a4"], before, dwdm="fgj", dwmc="发改局"),
        feedback("F0", 4, "typing error", before),
        feedback("F0", 4, directives["a4"], before),
    )  # fmt: skip
    sent.accept(
        TUESDAY, "bank_rejections",
        {"jgdm": "B66001", "jgmc": "示例银行", "lsh": "L1", "ztmc": name(4), "zjlx": "身份证", "zjhm": resident_id(4),
         "ywlx": "贷款", "sjje": "5000.50", "jjrq": "2026-03-02", "yjcs": "QDSB-1-5"},
        {"jgdm": "B66001", "jgmc": "示例银行", "lsh": "L2", "ztmc": "试样99有限公司", "zjlx": "统一社会信用代码",
         "zjhm": uscc(99), "ywlx": "开户", "sjje": "", "jjrq": "2026-03-02", "yjcs": "QDSB-1-5"},
    )  # fmt: skip
    assert export_build(sent.build(TUESDAY)) == {}
    return sent


def test_feedback_is_judged_by_the_directive_it_rests_on(answered: Any) -> None:
    found = {row[0]: row[1:] for row in answered.rows(
        "select feedback_number, standing, is_alarm, is_directive_named, withdrawn_at is not null"
        " from marts.punishment_feedback"
    )}  # fmt: skip
    assert found == {
        "F0": ("IN_FORCE", False, True, False),
        "F1": ("IN_FORCE", False, True, False),
        "F2": ("AFTER_WITHDRAWAL", True, True, True),
        "F3": ("IN_FORCE", False, True, False),
        "F4": ("NO_DIRECTIVE", False, True, False),
        "F5": ("OTHER_SUBJECT", True, True, False),
        "F6": ("AFTER_WITHDRAWAL", False, True, True),
        "F7": ("IN_FORCE", False, False, False),
        "F8": ("AFTER_WITHDRAWAL", True, False, True),
        "F9": ("NO_DIRECTIVE", False, True, False),
        "L1": ("IN_FORCE", False, False, False),
        "L2": ("NO_DIRECTIVE", False, False, False),
    }


def test_acting_without_right_is_told_every_morning_of_its_day(answered: Any) -> None:
    receipts.watch()
    alert = json.loads((answered.home / "logs" / "alerts.jsonl").read_text("utf-8").splitlines()[-1])
    assert (alert["kind"], alert["subject"]) == ("answer", "punishment_feedback")
    assert alert["facts"] == ["[AFTER_WITHDRAWAL] 2 次 times", "[OTHER_SUBJECT] 1 次 times"]


def test_the_drop_folder_is_emptied_into_the_ledger_every_morning(answered: Any) -> None:
    drop = answered.home / "inbox" / receipts.DROP
    drop.mkdir(parents=True)
    unheard = resealed(good_receipt(answered), copy_id="0" * 16)
    (drop / "r.json").write_text(json.dumps(unheard), encoding="utf-8")
    receipts.watch()
    assert answered.rows("select count(*) from audit.feed_receipt where copy_id = %s", ["0" * 16]) == [(1,)]


def test_whether_the_unit_had_taken_the_withdrawal_is_said(answered: Any) -> None:
    ((taken, withdrawn, handled),) = answered.rows(
        "select withdrawal_taken_at, withdrawn_at, handled_at from marts.punishment_feedback"
        " where feedback_number = 'F2'"
    )
    assert withdrawn - timedelta(seconds=1) <= taken < handled


def test_no_mart_of_feedback_holds_a_whole_number(answered: Any) -> None:
    ((text,),) = answered.rows("select string_agg(t::text, ' ') from marts.punishment_feedback t")
    assert resident_id(4)[:10] in text and resident_id(4) not in text


def test_a_unit_answers_for_its_months(answered: Any) -> None:
    columns = (
        "unit, feedback_count, interceptions, considered, not_acted, without_directive, acted_after_withdrawal,"
        " acted_on_another"
    )
    march = {
        row[0]: row[1:]
        for row in answered.rows(
            f"select unit_code, {columns} from marts.unit_accountability where month = '2026-03-01'"
        )
    }
    assert march["cz"] == ("财政局", 6, 5, 1, 0, 1, 0, 1)
    assert march["fgj"] == ("发改局", 1, 1, 0, 0, 1, 0, 0)
    assert march["B66001"] == ("示例银行", 2, 2, 0, 0, 1, 0, 0)
    now = (datetime.now(BUSINESS_ZONE) + timedelta(hours=1)).date().replace(day=1)
    ((count, not_acted, alarms),) = answered.rows(
        "select feedback_count, not_acted, acted_after_withdrawal from marts.unit_accountability"
        " where unit_code = 'cz' and month = %s", [now]
    )  # fmt: skip
    assert (count, not_acted, alarms) == (3, 1, 2)


def test_a_unit_that_took_its_feed_is_told_from_one_that_did_not(answered: Any) -> None:
    """Three deliveries: the first taken by all, the removal taken by all the same day, the newest by nobody yet."""
    month = datetime.now(BUSINESS_ZONE).date().replace(day=1)
    ((sent, taken, removed, in_time),) = answered.rows(
        "select deliveries_sent, deliveries_taken, removals_sent, removals_in_time from marts.unit_accountability"
        " where unit_code = 'cz' and month = %s", [month]
    )  # fmt: skip
    assert (sent, taken, removed, in_time) == (3, 2, 1, 1)


def test_look_ups_are_counted_without_saying_of_whom(answered: Any) -> None:
    home = Home(answered.home.parent / "department")
    with home.copy(CZ) as copy:
        for hit in (True, False, False):
            copy.count_compare(hit=hit)
    pull(answered, CZ)
    assert take_in(answered).refused == []
    assert answered.rows("select sum(compares), sum(hits) from marts.unit_accountability where unit_code = 'cz'") == [
        (3, 1)
    ]


def test_the_effect_counts_what_came_after_the_listing(answered: Any) -> None:
    """a2 was revoked. a1, deleted as performed (X1), and a3 were listed on 9 February and heard of on 3 March."""
    assert answered.rows(
        "select court_name, month, listed, performed_after_listing, mean_days_to_performance, listings_with_amount,"
        " claimed_yuan::text, unpaid_yuan::text from marts.effect order by 1"
    ) == [
        ("杭州市上城区人民法院", date(2026, 2, 1), 3, 2, 22, 1, "1000", "250.50"),
        ("示例法院", date(2026, 2, 1), 1, 0, None, 0, None, None),
    ]  # fmt: skip


def test_the_report_shouts_of_feedback_without_right_and_names_nobody(answered: Any) -> None:
    page = write_report().read_text("utf-8")
    assert "2 次反馈：撤下之后仍据以惩戒" in page and "1 次反馈：指令所指为他人" in page
    section = page[page.index('id="feedback"') : page.index('id="court-questions"')]
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in re.findall(r"<tr>(.*?)</tr>", section, re.DOTALL)]
    told = {row[1]: row[2:-2] for row in rows if len(row) > 5 and row[1].isupper()}
    # Unit, acts, subjects, and acts after the unit had taken the withdrawal by its own receipt.
    assert told == {
        "AFTER_WITHDRAWAL": ["财政局", "cz", "2", "2", "2"], "OTHER_SUBJECT": ["财政局", "cz", "1", "1", "0"],
    }  # fmt: skip
    for person in (1, 2, 3, 4):
        assert name(person) not in page and resident_id(person) not in page


def test_broken_feedback_stops_neither_the_lane_nor_an_export(answered: Any) -> None:
    answered.execute("drop view marts.punishment_feedback cascade")
    answered.accept(TUESDAY, COURT, deletion("a4", "2026-03-03T18:00:00+08:00"))
    assert "exposure" in removals.run(TUESDAY).feeds
    assert export_build(answered.build(TUESDAY)) == {}
    assert answered.rows("select count(*) > 0 from marts.unit_accountability") == [(True,)]


# ---------- a consumer of the warehouse itself


def test_a_real_feed_is_followed_through_a_rotation_and_refused_when_touched(answered: Any, tmp_path: Path) -> None:
    following, _ = keys.rotate(timedelta(days=7))
    answered.execute("update audit.feed_key set in_use_from = clock_timestamp() where key_id = %s", [following])
    answered.accept(date(2026, 3, 4), COURT, listing("b1", 11))
    assert export_build(answered.build(date(2026, 3, 4))) == {}
    pull(answered, CZ)
    home = Home(answered.home.parent / "department")
    assert home.status(CZ, datetime.now().astimezone()).standing.key_id == following

    exports = tmp_path / "exports"
    shutil.copytree(answered.home / "exports", exports)
    step = max((exports / CZ).glob("0*"))
    (step / "full.jsonl").write_bytes((step / "full.jsonl").read_bytes()[:-1])
    first = json.loads((exports / CZ / "00000001" / "manifest.json").read_bytes())["key_id"]
    with pytest.raises(FeedRefused, match=r"\[FILE\]"):
        Home(tmp_path / "other").pull(FolderSource(exports), CZ, read_key(exports / "keys" / f"{first}.pub"))


def test_a_department_that_asked_gets_its_tables(answered: Any) -> None:
    """Declared as a row; the same lines, counted and hashed in the same manifest; a removal alone brings its own."""
    import csv
    import io

    answered.execute(
        "insert into core.feed_format (feed, format, encoding, valid_from) values (%s, 'csv', 'gb18030', %s)",
        [CZ, MONDAY],
    )
    answered.accept(date(2026, 3, 5), COURT, listing("b3", 13))
    assert export_build(answered.build(date(2026, 3, 5))) == {}
    step = max((answered.home / "exports" / CZ).glob("0*"))
    assert sorted(path.name for path in step.iterdir()) == [
        "delta.csv", "delta.jsonl", "full.csv", "full.jsonl", "manifest.json", "manifest.sig",
    ]  # fmt: skip
    files = {claim["name"]: claim for claim in json.loads((step / "manifest.json").read_bytes())["files"]}
    for lines, table in (("delta.jsonl", "delta.csv"), ("full.jsonl", "full.csv")):
        content = (step / table).read_bytes()
        assert files[table]["sha256"] == hashlib.sha256(content).hexdigest()
        rows = list(csv.DictReader(io.StringIO(content.decode("gb18030"), newline="")))
        assert files[table]["rows"] == files[lines]["rows"] + 1 == len(rows) + 1
    added = {row["directive_id"]: row for row in rows}
    sent_lines = map(json.loads, (step / "full.jsonl").read_text("utf-8").splitlines())
    assert added.keys() == {entry["directive_id"] for entry in sent_lines}
    assert {row["subject_name"] for row in rows} >= {name(13)}
    assert not any(value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())

    answered.accept(date(2026, 3, 5), COURT, deletion("b3", "2026-03-05T18:00:00+08:00"))
    removals.run(date(2026, 3, 5))
    step = max((answered.home / "exports" / CZ).glob("0*"))
    assert sorted(path.name for path in step.iterdir() if path.suffix == ".csv") == ["delta.csv"]
    removed = list(csv.DictReader(io.StringIO((step / "delta.csv").read_bytes().decode("gb18030"), newline="")))
    assert {(row["op"], row["reason"], row["subject_name"]) for row in removed} == {("REMOVE", "WITHDRAWN", "")}
    others = [path for path in (answered.home / "exports").rglob("*.csv") if path.parent.parent.name != CZ]
    assert others == []
    pull(answered, CZ)
    assert take_in(answered).refused == []
