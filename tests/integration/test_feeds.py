"""Feeds as a consumer sees them: numbered, chained, complete, and never with more of a person than may be shown."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from credit_warehouse.export import export_build, feed, pending_build
from credit_warehouse.identifiers import normalise
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
    "case_number", "court_name", "court_province", "basis_document", "basis_unit", "performance", "conduct",
    "filed_on", "published_on", "is_contested",
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


class Consumer:
    """Knows the published format and nothing of the warehouse: applies deltas in order, and checks every claim."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: dict[str, str] = {}
        self.previous: str | None = None
        self.sequence = 0

    def catch_up(self) -> list[dict[str, Any]]:
        manifests = []
        while (self.folder / f"{self.sequence + 1:08d}").exists():
            manifests.append(self._take(self.folder / f"{self.sequence + 1:08d}"))
        newest = json.loads((self.folder / "latest.json").read_text())
        assert newest["sequence"] == self.sequence
        return manifests

    def _take(self, step: Path) -> dict[str, Any]:
        text = (step / "manifest.json").read_bytes()
        manifest = json.loads(text)
        assert manifest["sequence"] == self.sequence + 1
        assert manifest["previous_manifest_sha256"] == self.previous
        for claim in manifest["files"]:
            content = (step / claim["name"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == claim["sha256"]
            assert (len(content), content.count(b"\n")) == (claim["bytes"], claim["rows"])
        counts = {"ADD": 0, "UPDATE": 0, "REMOVE": 0}
        for change in self._lines(step / "delta.jsonl"):
            counts[change["op"]] += 1
            assert (change["op"] == "ADD") == (change["id"] not in self.held)
            if change["op"] == "REMOVE":
                assert change["reason"]
                del self.held[change["id"]]
            else:
                assert change["reason"] is None
                self.held[change["id"]] = json.dumps(change["entry"], sort_keys=True)
        told = manifest["counts"]
        assert (told["added"], told["updated"], told["removed"]) == tuple(counts.values())
        assert told["total"] == len(self.held)
        # Removals alone bring no full set: it comes with the day's complete export.
        assert [claim["name"] for claim in manifest["files"][1:]] == ["full.jsonl"] * (manifest["scope"] == "all")
        if manifest["scope"] == "all":
            full = [json.dumps(entry, sort_keys=True) for entry in self._lines(step / "full.jsonl")]
            assert sorted(full) == sorted(self.held.values()), "the full set is what the deltas come to"
        self.previous = hashlib.sha256(text).hexdigest()
        self.sequence += 1
        return manifest

    @staticmethod
    def _lines(path: Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


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
    return sorted(path for path in (warehouse.home / "exports").iterdir() if path.is_dir())


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
    assert [change["op"] for change in second] == ["UPDATE", "REMOVE", "ADD"]
    (fourth,) = [json.loads(line) for line in (folder / "00000004" / "delta.jsonl").read_text().splitlines()]
    assert (fourth["op"], fourth["reason"], fourth["entry"]) == ("REMOVE", "REVOKED", None)


def test_a_missed_or_changed_step_is_noticed(exported, tmp_path: Path) -> None:
    import shutil

    for spoil in (lambda f: shutil.rmtree(f / "00000002"), lambda f: (f / "00000002" / "delta.jsonl").write_bytes(b"")):
        copy = tmp_path / f"copy-{len(list(tmp_path.iterdir()))}"
        shutil.copytree(exported.home / "exports" / "exposure", copy)
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
    entries = [json.loads(entry) for entry in consumer.held.values()]
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
    entries = [json.loads(entry) for entry in consumer.held.values()]
    assert {(entry["measure_code"], entry["department_code"]) for entry in entries} == own
    assert {entry["subject_kind"] for entry in entries} == {"person"}


def test_a_removal_leaves_through_a_red_gate_while_additions_wait(warehouse) -> None:
    export_build(send(warehouse, 0, *(listing(f"r{n}", n) for n in range(1, 5))))
    build = send(warehouse, 1, deletion("r1", "2026-03-03T09:00:00+08:00"), listing("r9", 9),
                 correction(listing("r2", 2), "2026-03-03T09:00:00+08:00", performance="部分未履行"))  # fmt: skip
    # A fault that no rule of the build sees: somebody's full number reaches the product.
    shown = "update exports.exposure_publication set identifier_shown = %s where listing_id = 'r9'"
    warehouse.execute(shown, [resident_id(9)])
    # And the product has lost somebody: a red product is no reason to take anyone down.
    lost = "exports.exposure_publication where listing_id = 'r3'"
    warehouse.execute(f"create table public.kept as select * from {lost}; delete from {lost}")
    held = export_build(build)
    assert [check.rule for check in held["exposure_publication"]] == ["EXPOSURE_PERSON_MASKED"]
    assert pending_build() == build, "what was held back is still to be sent"

    consumer = Consumer(warehouse.home / "exports" / "exposure")
    assert [manifest["scope"] for manifest in consumer.catch_up()] == ["all", "removals_only"]
    assert {json.loads(entry)["listing_id"] for entry in consumer.held.values()} == {"r2", "r3", "r4"}
    assert {json.loads(entry)["performance"] for entry in consumer.held.values()} == {"全部未履行"}

    warehouse.execute(shown, [masked(resident_id(9))])
    warehouse.execute("insert into exports.exposure_publication select * from public.kept")
    assert export_build(build) == {}
    (green,) = consumer.catch_up()
    assert (green["counts"]["added"], green["counts"]["updated"]) == (1, 1)


def test_a_crash_uses_no_number_twice_and_leaves_no_gap(warehouse, monkeypatch) -> None:
    build = send(warehouse, 0, listing("k1", 1))
    exposure = warehouse.home / "exports" / "exposure"
    with monkeypatch.context() as crash:  # before the ledger commits
        crash.setattr(feed, "_store", _power_cut)
        with pytest.raises(PowerCut):
            export_build(build)
    assert warehouse.rows("select count(*) from audit.export_ledger") == [(0,)]

    with monkeypatch.context() as crash:  # between the ledger and the name of the folder
        crash.setattr(os, "replace", _power_cut)
        with pytest.raises(PowerCut):
            export_build(build)
    assert warehouse.rows("select max(sequence) from audit.export_ledger where feed = 'exposure'") == [(1,)]
    assert not (exposure / "00000001").exists()

    assert export_build(build) == {}
    assert [manifest["counts"]["added"] for manifest in Consumer(exposure).catch_up()] == [1, 0]
    assert [path.name for path in exposure.iterdir() if path.name.endswith(".draft")] == []


class PowerCut(BaseException):
    """The machine stops here."""


def _power_cut(*_arguments: Any) -> None:
    raise PowerCut
