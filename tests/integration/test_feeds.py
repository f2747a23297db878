"""Feeds as a consumer sees them: numbered, chained, complete, and never with more of a person than may be shown."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from credit_warehouse.export import export_build, pending_build
from credit_warehouse.feed_consumer import verify
from credit_warehouse.feed_protocol import canonical
from credit_warehouse.identifiers import normalise
from feed_peer import Consumer, line_of, set_hash
from providers import (
    company_listing,
    correction,
    deletion,
    jsonl,
    listing,
    masked,
    name,
    officer,
    resident_id,
    resident_id_15,
    revocation,
    uscc,
)

COURT = "court_defaulters"
DAYS = [date(2026, 3, day) for day in (2, 3, 4, 5)]
# Art. 6 (法释〔2013〕17号, 2017 revision) as read in domain.md R7, with the two ids that make a row traceable.
MAY_BE_SHOWN = {
    "item_id", "listing_id", "subject_kind", "subject_name", "identifier_shown", "sex", "age", "legal_representative",
    "case_number", "court_name", "court_province", "court_division", "basis_document", "basis_unit", "duty_summary",
    "performance", "conduct", "filed_on", "published_on", "is_contested",
}  # fmt: skip
PEOPLE = range(1, 9)
STORY: list[list[dict[str, Any]]] = [
    [*(listing(f"a{n}", n, duty=f"向{name(90)}（{resident_id(90)}）支付") for n in PEOPLE),
     listing("short", 20, cardNumFull=resident_id_15(20)),
     listing("unmasked", 21, cardNum=resident_id(21)),
     listing("starred", 22, cardNumFull=resident_id(22) + "*"),
     company_listing("firm", 30, qysler=[{"iname": name(31), "cardNum": resident_id(31)}])],
    [correction(listing("a1", 1), "2026-03-03T09:00:00+08:00", performance="部分未履行"),
     deletion("a2", "2026-03-03T09:00:00+08:00"), listing("new", 40)],
    [],
    [revocation("a3", "2026-03-05T09:00:00+08:00")],
]  # fmt: skip


def send(warehouse: Any, number: int, *messages: dict[str, Any], sources: tuple[str, ...] = (COURT,)) -> int:
    warehouse.drop(COURT, f"{number}.jsonl", jsonl(*messages))
    warehouse.ingest(DAYS[number], list(sources))
    build = warehouse.build(DAYS[number])
    assert build is not None
    return build


@pytest.fixture(scope="module")
def exported(shared_warehouse) -> Any:
    shared_warehouse.drop("registry_persons", "p.jsonl", jsonl(officer(30, cerno=resident_id(31))))
    for number, messages in enumerate(STORY):
        build = send(shared_warehouse, number, *messages, sources=(COURT, "registry_persons"))
        assert export_build(build) == {}
        assert pending_build() is None
    return shared_warehouse


def feeds(warehouse: Any) -> list[Path]:
    return sorted(path.parent for path in (warehouse.home / "exports").glob("*/latest.json"))


def test_every_feed_can_be_followed_from_the_first_sequence_to_the_last(exported) -> None:
    names = [folder.name for folder in feeds(exported)]
    assert "exposure" in names and "punishment-zzb" in names
    for folder in feeds(exported):
        consumer = Consumer(folder)
        assert [manifest["sequence"] for manifest in consumer.catch_up()] == [1, 2, 3, 4]


def test_the_exposure_feed_tells_what_happened_on_each_day(exported) -> None:
    consumer = Consumer(exported.home / "exports" / "exposure")
    counts = [manifest["counts"] for manifest in consumer.catch_up()]
    assert counts == [
        {"added": 11, "updated": 0, "removed": 0, "total": 11},
        {"added": 1, "updated": 1, "removed": 1, "total": 11},
        {"added": 0, "updated": 0, "removed": 0, "total": 11},
        {"added": 0, "updated": 0, "removed": 1, "total": 10},
    ]


def test_the_projects_own_consumer_finds_every_feed_good(exported) -> None:
    for folder in feeds(exported):
        with closing(verify(folder, folder.parent / "keys", Consumer(folder).public)) as copy:
            standing = copy.standing()
            assert standing and standing.sequence == 4
            copy.check_fresh(datetime.now().astimezone())


def test_the_sum_kept_in_the_database_is_that_of_the_entries_held(exported) -> None:
    for folder in feeds(exported):
        consumer = Consumer(folder)
        newest = consumer.catch_up()[-1]
        assert newest["set_hash"] == set_hash([line_of(entry) for entry in consumer.held.values()])
        ((total,),) = exported.rows("select entry_sum from exports.feed_sum where feed = %s", [folder.name])
        assert hashlib.sha256(total).hexdigest() == newest["set_hash"]


def test_the_database_writes_a_line_as_the_protocol_asks(exported) -> None:
    """Every character that JSON escapes or a library might, as PostgreSQL and as the peer write it."""
    words = "".join(map(chr, [*range(1, 0x100), 0x2028, 0x2029, 0xFEFF, 0xFFFF, 0x20BB7, 0x1F600]))
    entry = {"age": 40, "is_contested": False, "sex": None, "subject_name": words, "zero": -(2**53 - 1)}
    ((line,),) = exported.rows(
        "select row_to_json(r)::text from (select 40 as age, false as is_contested, null::text as sex,"
        " %s::text as subject_name, %s::bigint as zero) r",
        [words, entry["zero"]],
    )
    assert line.encode() == line_of(entry) == canonical(entry)


def test_a_day_without_news_is_a_heartbeat(exported) -> None:
    step = exported.home / "exports" / "exposure" / "00000003"
    assert (step / "delta.jsonl").read_bytes() == b""
    assert json.loads((step / "manifest.json").read_text())["business_date"] == str(DAYS[2])


def test_changed_content_is_an_update_with_the_new_words(exported) -> None:
    lines = (exported.home / "exports" / "exposure" / "00000002" / "delta.jsonl").read_text().splitlines()
    (update,) = (change for change in map(json.loads, lines) if change["op"] == "UPDATE")
    assert (update["entry"]["listing_id"], update["entry"]["performance"]) == ("a1", "部分未履行")


def test_removals_come_first_and_say_why(exported) -> None:
    folder = exported.home / "exports" / "exposure"
    second = [json.loads(line) for line in (folder / "00000002" / "delta.jsonl").read_text().splitlines()]
    assert [change["op"] for change in second] == ["REMOVE", "UPDATE", "ADD"]
    (fourth,) = [json.loads(line) for line in (folder / "00000004" / "delta.jsonl").read_text().splitlines()]
    assert (fourth["op"], fourth["reason"], fourth["entry"]) == ("REMOVE", "REVOKED", None)


def test_a_missed_or_changed_step_is_noticed(exported, tmp_path: Path) -> None:
    import shutil

    for spoil in (lambda f: shutil.rmtree(f / "00000002"), lambda f: (f / "00000002" / "delta.jsonl").write_bytes(b"")):
        copy = tmp_path / f"copy-{len(list(tmp_path.iterdir()))}" / "exposure"
        for folder in ("exposure", "keys"):
            shutil.copytree(exported.home / "exports" / folder, copy.parent / folder)
        Consumer(copy).catch_up()
        spoil(copy)
        with pytest.raises(AssertionError):
            Consumer(copy).catch_up()


def test_the_ledger_holds_the_hashes_of_the_files(exported) -> None:
    rows = exported.rows("select feed, sequence, manifest_sha256, full_sha256 from audit.export_ledger")
    assert len(rows) == 4 * len(feeds(exported))
    for feed_name, sequence, manifest, full in rows:
        step = exported.home / "exports" / feed_name / f"{sequence:08d}"
        assert hashlib.sha256((step / "manifest.json").read_bytes()).hexdigest() == manifest
        assert hashlib.sha256((step / "full.jsonl").read_bytes()).hexdigest() == full


def test_the_exposure_shows_exactly_what_the_law_lists(exported) -> None:
    consumer = Consumer(exported.home / "exports" / "exposure")
    consumer.catch_up()
    entries = list(consumer.held.values())
    assert {frozenset(entry) for entry in entries} == {frozenset(MAY_BE_SHOWN)}
    by_listing = {entry["listing_id"]: entry for entry in entries}
    assert by_listing["a4"]["identifier_shown"] == masked(resident_id(4))
    assert by_listing["short"]["identifier_shown"] == masked(resident_id(20))
    assert by_listing["firm"]["identifier_shown"] == uscc(30)
    assert by_listing["firm"]["age"] is by_listing["firm"]["sex"] is by_listing["a4"]["legal_representative"] is None


def test_no_byte_of_any_feed_holds_a_persons_whole_number(exported) -> None:
    numbers = [*PEOPLE, 20, 21, 22, 31, 40, 90]
    whole = {resident_id(number).encode() for number in numbers} | {
        resident_id_15(number).encode() for number in numbers
    }
    files = [path for path in (exported.home / "exports").rglob("*") if path.is_file()]
    assert len(files) > 50
    assert [path for path in files for number in whole if number in path.read_bytes()] == []
    marts = exported.rows("select string_agg(t::text, ' ') from marts.defaulter_listing t")
    assert not any(number.decode() in normalise(text) for (text,) in marts for number in whole)


def test_a_department_hears_only_of_its_own_measures(exported) -> None:
    own = {(f"QDSB-3-{number}", "zzb") for number in ("1", "2", "5", "5b", "6", "7")}
    consumer = Consumer(exported.home / "exports" / "punishment-zzb")
    consumer.catch_up()
    entries = list(consumer.held.values())
    assert {(entry["measure_code"], entry["department_code"]) for entry in entries} == own
    assert {entry["subject_kind"] for entry in entries} == {"person"}
