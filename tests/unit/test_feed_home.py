"""A department's own copy: fetched, refused, begun again, asked; every refusal is provoked once."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from credit_warehouse.cli import app
from credit_warehouse.feed_check import Answer, Basis, Found, InvalidNumber, check
from credit_warehouse.feed_consumer import FeedRefused
from credit_warehouse.feed_home import FolderSource, Home, HttpSource, Pulled, SourceProblem
from feed_peer import Publisher, line_of, raw, set_hash

KEY, NEXT = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (7, 8))
NOW = datetime.now(timezone(timedelta(hours=8))).replace(microsecond=0)
FEED = "punishment-cz"
# Written by hand. Nobody has these numbers: no province has the number 66.
ZHANG, ZHANG_MASKED = "660001198503040019", "6600011985****0019"
OTHER_BIRTHDAY = "660001198507180019"
LI = "660001198503040027"
FIRM, FIRM_CODE, OTHER_FIRM = "91660101000000051G", "000000051", "9166010100000006X8"


def entry(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "item_id": f"d{number}", "directive_id": f"d{number}", "subject_id": "token-zhang", "subject_kind": "person",
        "subject_name": "张试样", "identifier_shown": ZHANG_MASKED, "measure_code": "QDSB-2-1",
        "measure_zh": "限制取得政府供应土地", "effect_type": "RESTRICT", "legal_basis": "依据", "since": "2026-01-01",
        "until": None, "is_contested": False, "awaits_court_confirmation": False, **changes,
    }  # fmt: skip


def add(number: int, **changes: Any) -> dict[str, Any]:
    return {"op": "ADD", "id": f"d{number}", "reason": None, "entry": entry(number, **changes)}


def remove(number: int) -> dict[str, Any]:
    return {"op": "REMOVE", "id": f"d{number}", "reason": "WITHDRAWN", "entry": None}


class Exports:
    """A publisher's exports and a department's home beside them."""

    def __init__(self, folder: Path, begun: datetime = NOW - timedelta(days=5)) -> None:
        self.root, self.home = folder / "exports", Home(folder / "home")
        self.publisher = Publisher(self.root / FEED, KEY, begun)
        self.publisher.publish_key()

    def send(self, *changes: dict[str, Any], full: bool = True) -> Path:
        return self.publisher.send(*changes, full=full)

    def pull(self, *, resync: bool = False, by_hand: Ed25519PrivateKey | None = None) -> Pulled:
        key = by_hand or (None if self.home.feeds() else KEY)
        return self.home.pull(FolderSource(self.root), FEED, raw(key) if key else None, resync=resync)

    def refused(self, *, resync: bool = False) -> tuple[int, str]:
        with pytest.raises(FeedRefused) as refused:
            self.pull(resync=resync)
        return refused.value.sequence, refused.value.rule

    def held(self) -> set[str]:
        with self.home.copy(FEED) as copy:
            return {found["item_id"] for found in copy.entries()}

    def receipts(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_bytes()) for path in sorted((self.home.folder / FEED / "receipts").iterdir())]

    def ask(self, **question: Any) -> Found:
        with self.home.copy(FEED) as copy:
            return check(copy, date(2026, 3, 2), **question)


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    """Two deliveries: one entry, then a second one."""
    made = Exports(tmp_path)
    made.send(add(1))
    made.send(add(2, measure_code="QDSB-3-1"))
    return made


def test_a_home_begins_with_the_newest_full_set_and_goes_on_with_what_is_new(exports: Exports) -> None:
    assert exports.pull().taken == [2]
    exports.send(remove(1), full=False)
    exports.send(add(3))
    done = exports.pull()
    assert (done.taken, done.anew, done.standing.sequence, done.standing.total) == ([3, 4], None, 4, 2)
    assert exports.held() == {"d2", "d3"}
    assert exports.pull().taken == []


def test_nothing_that_was_fetched_stays_beside_the_copy(exports: Exports) -> None:
    exports.pull()
    assert sorted(path.name for path in (exports.home.folder / FEED).iterdir()) == ["copy.db", "receipts"]


def test_a_gap_names_what_is_missing_and_where_one_can_begin_again(exports: Exports) -> None:
    exports.pull()
    exports.send(add(3))
    exports.send(add(4))
    shutil.rmtree(exports.root / FEED / "00000003")
    with pytest.raises(FeedRefused, match=r"\[GAP\] punishment-cz 00000003: .*00000004") as refused:
        exports.pull()
    assert refused.value.sequence == 3 and "--resync" in str(refused.value)
    assert exports.held() == {"d1", "d2"}


def test_after_a_gap_a_copy_begins_again_with_a_later_full_set(exports: Exports) -> None:
    exports.pull()
    exports.send(remove(1))
    exports.send(add(3))
    exports.send(add(4))
    exports.send(remove(2), full=False)
    shutil.rmtree(exports.root / FEED / "00000003")
    done = exports.pull(resync=True)
    assert (done.taken, done.anew) == ([5, 6], 5)
    assert exports.held() == {"d3", "d4"}, "who was removed in the missing delivery is gone"
    assert [(receipt["sequence"], receipt["took"]) for receipt in exports.receipts()] == [
        (2, "full"), (5, "full"), (6, "delta"),
    ]  # fmt: skip


def test_without_a_later_full_set_a_gap_stays_a_gap(exports: Exports) -> None:
    exports.pull()
    exports.send(remove(1), full=False)
    exports.send(remove(2), full=False)
    shutil.rmtree(exports.root / FEED / "00000003")
    assert exports.refused(resync=True) == (3, "GAP")
    assert exports.held() == {"d1", "d2"}


def test_beginning_again_believes_no_unsigned_set(exports: Exports) -> None:
    exports.pull()
    exports.send(add(3))
    step = exports.send(add(4))
    shutil.rmtree(exports.root / FEED / "00000003")
    (step / "manifest.sig").write_bytes(bytes(64))
    assert exports.refused(resync=True) == (4, "SIGNATURE")
    assert exports.held() == {"d1", "d2"}


def test_a_changed_line_is_refused_and_the_copy_stays(exports: Exports) -> None:
    exports.pull()
    step = exports.send(add(3))
    text = (step / "delta.jsonl").read_bytes()
    (step / "delta.jsonl").write_bytes(text.replace("张".encode(), "李".encode()))
    assert exports.refused() == (3, "FILE")
    assert exports.held() == {"d1", "d2"}


CHANGED = {
    "format": "credit-warehouse-feed/3", "feed": "punishment-fgj", "product": "other", "label": "其他",
    "id_field": "subject_id", "sequence": 4, "business_date": "2030-01-01", "scope": "removals_only",
    "counts": {"added": 0, "updated": 0, "removed": 0, "total": 2}, "files": [], "set_hash": "0" * 64,
    "previous_manifest_sha256": "0" * 64, "produced_at": "2030-01-01T00:00:00+08:00",
    "valid_until": "2099-01-01T00:00:00+08:00", "key_id": "0" * 16,
}  # fmt: skip


def test_every_field_of_a_manifest_is_tried(exports: Exports) -> None:
    manifest = json.loads((exports.root / FEED / "00000002" / "manifest.json").read_bytes())
    assert CHANGED.keys() == manifest.keys()


@pytest.mark.parametrize("field", CHANGED)
def test_a_changed_field_of_a_manifest_is_refused(exports: Exports, field: str) -> None:
    exports.pull()
    step = exports.send(add(3))
    manifest = json.loads((step / "manifest.json").read_bytes())
    assert manifest[field] != CHANGED[field]
    (step / "manifest.json").write_text(json.dumps({**manifest, field: CHANGED[field]}), encoding="utf-8")
    first_noticed = {"format": "FORMAT", "files": "FORMAT", "scope": "FORMAT", "feed": "MISPLACED",
                     "sequence": "MISPLACED", "key_id": "KEY"}  # fmt: skip
    assert exports.refused() == (3, first_noticed.get(field, "SIGNATURE"))
    assert exports.held() == {"d1", "d2"}


def test_a_delivery_out_of_its_order_is_refused(exports: Exports) -> None:
    exports.pull()
    exports.send(add(3))
    shutil.rmtree(exports.root / FEED / "00000003")
    shutil.copytree(exports.root / FEED / "00000002", exports.root / FEED / "00000003")
    assert exports.refused() == (3, "MISPLACED")


def test_a_source_that_went_back_is_a_replay_and_says_what_is_needed(exports: Exports, tmp_path: Path) -> None:
    shutil.copytree(exports.root, tmp_path / "yesterday")
    for number in (3, 4):
        exports.send(add(number))
    exports.pull()
    exports.root = tmp_path / "yesterday"
    with pytest.raises(FeedRefused, match=r"\[REPLAY\] punishment-cz 00000004: .*00000005"):
        exports.pull()


def test_a_number_with_two_contents_is_a_fork(exports: Exports, tmp_path: Path) -> None:
    exports.pull()
    other = Exports(tmp_path / "other")
    other.send(add(1))
    other.send(add(9))
    exports.root = other.root
    assert exports.refused() == (2, "FORK")


def test_a_pointer_to_what_was_not_taken_is_refused(exports: Exports) -> None:
    latest = exports.root / FEED / "latest.json"
    latest.write_bytes(latest.read_bytes() + b" ")
    assert exports.refused() == (2, "LATEST")
    latest.unlink()
    assert exports.refused() == (1, "FILE")


def test_a_month_offline_is_caught_up_in_order(tmp_path: Path) -> None:
    exports = Exports(tmp_path, NOW - timedelta(days=35))
    exports.send(add(1))
    assert exports.pull().taken == [1]
    for number in range(2, 33):
        exports.send(add(number))
    exports.send(remove(1))
    done = exports.pull()
    assert done.taken == list(range(2, 34))
    assert not exports.home.status(FEED, NOW).is_stale
    assert len(exports.receipts()) == 33 and "d1" not in exports.held()


def test_two_rotations_while_away_are_followed(exports: Exports) -> None:
    exports.pull()
    exports.publisher.rotate(NEXT)
    exports.send(add(3))
    exports.publisher.rotate(Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32))
    exports.send(add(4))
    assert exports.pull().taken == [3, 4]


def test_a_key_that_nobody_announced_waits_for_the_telephone(exports: Exports) -> None:
    exports.pull()
    exports.publisher.key = NEXT
    exports.publisher.publish_key()
    exports.send(add(3))
    assert exports.refused() == (3, "KEY")
    assert exports.pull(by_hand=NEXT).taken == [3]


def test_a_receipt_says_what_was_taken_and_is_written_once(exports: Exports) -> None:
    exports.pull()
    exports.pull()
    (receipt,) = exports.receipts()
    manifest = (exports.root / FEED / "00000002" / "manifest.json").read_bytes()
    lines = [line_of(entry(1)), line_of(entry(2, measure_code="QDSB-3-1"))]
    claimed = receipt.pop("sha256")
    assert (
        claimed
        == hashlib.sha256(
            json.dumps(receipt, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        ).hexdigest()
    )
    assert abs(datetime.fromisoformat(receipt.pop("applied_at")) - datetime.now().astimezone()).seconds < 60
    assert len(receipt.pop("copy_id")) == 16
    assert receipt == {
        "format": "credit-warehouse-receipt/1", "feed": FEED, "sequence": 2, "took": "full",
        "manifest_sha256": hashlib.sha256(manifest).hexdigest(), "set_hash": set_hash(lines),
        "counts": {"added": 1, "updated": 0, "removed": 0, "total": 2}, "compares": 0, "hits": 0,
    }  # fmt: skip


def test_a_refused_delivery_has_no_receipt_and_those_before_it_have(exports: Exports) -> None:
    exports.pull()
    exports.send(add(3))
    step = exports.send(add(4))
    (step / "manifest.sig").write_bytes(bytes(64))
    assert exports.refused() == (4, "SIGNATURE")
    assert [receipt["sequence"] for receipt in exports.receipts()] == [2, 3]


def test_a_receipt_that_was_not_written_is_written_by_the_next_pull(exports: Exports, monkeypatch: Any) -> None:
    with monkeypatch.context() as crash:
        crash.setattr(Home, "_hand_over_receipts", lambda *_: None)
        exports.pull()
    assert not (exports.home.folder / FEED / "receipts").exists()
    exports.pull()
    assert [receipt["sequence"] for receipt in exports.receipts()] == [2]


def test_a_web_server_is_as_good_as_a_folder(exports: Exports) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        path = exports.root / request.url.path.removeprefix("/feeds/")
        return httpx.Response(200, content=path.read_bytes()) if path.is_file() else httpx.Response(404)

    place = HttpSource("https://centre.example/feeds")
    place.client = httpx.Client(base_url="https://centre.example/feeds/", transport=httpx.MockTransport(answer))
    exports.publisher.rotate(NEXT)
    exports.send(add(3))
    done = exports.home.pull(place, FEED, raw(KEY))
    assert (done.taken, done.standing.total) == ([3], 3)
    assert f"/feeds/{FEED}/00000003/full.jsonl" in asked

    moved = httpx.MockTransport(lambda request: httpx.Response(302, headers={"location": "https://elsewhere.example"}))
    place.client = httpx.Client(base_url="https://centre.example/feeds/", transport=moved)
    with pytest.raises(SourceProblem, match="HTTP 302"):
        exports.home.pull(place, FEED)


@pytest.mark.parametrize("name", ["../other", "keys", "", "a/b", "A"])
def test_a_feed_has_a_plain_name(exports: Exports, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a feed"):
        exports.home.pull(FolderSource(exports.root), name, raw(KEY))


# ---------- questions


def test_a_person_is_restricted_when_mask_and_name_agree(exports: Exports) -> None:
    exports.pull()
    found = exports.ask(number=ZHANG, name="张 试样", measure="QDSB-2-1")
    assert (found.answer, found.basis) == (Answer.RESTRICTED, Basis.MASK_AND_NAME)
    assert [held["directive_id"] for held in found.entries] == ["d1"]
    assert "not an identity check" in found.basis


def test_another_birthday_under_the_same_mask_is_still_only_a_mask_match(exports: Exports) -> None:
    """What a mask cannot tell is said with the answer, and the name alone keeps a stranger out."""
    exports.pull()
    assert exports.ask(number=OTHER_BIRTHDAY, name="张试样").basis is Basis.MASK_AND_NAME
    stranger = exports.ask(number=OTHER_BIRTHDAY, name="李试样")
    assert (stranger.answer, stranger.basis) == (Answer.UNDECIDED, Basis.NAME_DIFFERS)


def test_without_a_name_a_mask_decides_nothing(exports: Exports) -> None:
    exports.pull()
    found = exports.ask(number=ZHANG)
    assert (found.answer, found.basis, found.candidates) == (Answer.UNDECIDED, Basis.MASK_ONLY, (ZHANG_MASKED,))


def test_two_people_under_one_name_and_mask_are_nobody(exports: Exports) -> None:
    exports.send(add(3, subject_id="token-other"))
    exports.pull()
    found = exports.ask(number=ZHANG, name="张试样")
    assert (found.answer, found.basis) == (Answer.UNDECIDED, Basis.MASK_SHARED)
    assert found.candidates == (ZHANG_MASKED, ZHANG_MASKED)


def test_a_name_alone_is_answered_with_how_many_share_it(exports: Exports) -> None:
    exports.send(add(3, subject_id="token-other", identifier_shown="6600011990****0038"), add(4))
    exports.pull()
    found = exports.ask(name="张试样")
    assert (found.answer, found.basis, found.entries) == (Answer.UNDECIDED, Basis.NAME_ONLY, ())
    assert found.candidates == (ZHANG_MASKED, "6600011990****0038")
    nobody = exports.ask(name="无此人")
    assert (nobody.answer, nobody.candidates) == (Answer.UNDECIDED, ())


def test_whoever_is_not_held_is_not_restricted(exports: Exports) -> None:
    exports.pull()
    assert exports.ask(number=LI, name="张试样").answer is Answer.NONE


def test_who_was_taken_down_is_free_at_once(exports: Exports) -> None:
    exports.pull()
    exports.send(remove(1), remove(2), full=False)
    exports.pull()
    assert exports.ask(number=ZHANG, name="张试样").answer is Answer.NONE


def test_another_measure_is_not_this_measure(exports: Exports) -> None:
    exports.pull()
    assert exports.ask(number=ZHANG, name="张试样", measure="QDSB-9-9").answer is Answer.NONE
    assert exports.ask(number=ZHANG, name="张试样", matter="供应土地").answer is Answer.RESTRICTED
    found = exports.ask(number=ZHANG, name="张试样", matter="出让")
    assert (found.answer, found.basis) == (Answer.UNDECIDED, Basis.OTHER_MEASURES)


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"until": "2026-03-02"}, Answer.NONE),
        ({"until": "2026-03-03"}, Answer.RESTRICTED),
        ({"since": "2026-03-03"}, Answer.NONE),
        ({"effect_type": "REFERENCE"}, Answer.CONSIDER),
        ({"effect_type": "REVIEW"}, Answer.CONSIDER),
        ({"effect_type": "BLOCK"}, Answer.RESTRICTED),
    ],
)
def test_a_term_and_an_effect_are_respected(tmp_path: Path, changes: dict[str, Any], answer: Answer) -> None:
    exports = Exports(tmp_path)
    exports.send(add(1, **changes))
    exports.pull()
    assert exports.ask(number=ZHANG, name="张试样").answer is answer


def test_an_organisation_is_found_under_its_number_whatever_its_name(tmp_path: Path) -> None:
    exports = Exports(tmp_path)
    firm = {"subject_kind": "organisation", "subject_id": "token-firm", "subject_name": "试样有限公司"}
    exports.send(add(1, **firm, identifier_shown=FIRM))
    exports.pull()
    for number in (FIRM, FIRM_CODE):
        found = exports.ask(number=number, name="改名后有限公司")
        assert (found.answer, found.basis) == (Answer.RESTRICTED, Basis.NUMBER)
    assert exports.ask(number=OTHER_FIRM).answer is Answer.NONE


@pytest.mark.parametrize("number", [ZHANG_MASKED, "660001198503040018", "12", "护照"])
def test_half_a_number_is_no_question(exports: Exports, number: str) -> None:
    exports.pull()
    with pytest.raises(InvalidNumber) as refused:
        exports.ask(number=number, name="张试样")
    assert number not in str(refused.value)


def test_a_copy_made_before_there_were_lookups_can_be_asked(exports: Exports) -> None:
    import sqlite3
    from contextlib import closing

    exports.pull()
    with closing(sqlite3.connect(exports.home.folder / FEED / "copy.db")) as database, database:
        database.executescript("drop table lookup; drop table receipt; drop table register; pragma user_version = 0")
    assert exports.ask(number=ZHANG, name="张试样").answer is Answer.RESTRICTED


def test_a_question_is_answered_while_a_delivery_is_being_taken(exports: Exports) -> None:
    import sqlite3
    from contextlib import closing

    exports.pull()
    home = ["--home", str(exports.home.folder)]
    with closing(sqlite3.connect(exports.home.folder / FEED / "copy.db", isolation_level=None)) as taking:
        taking.execute("begin immediate")
        taking.execute("delete from entry")
        assert run("check", *home, "--id", ZHANG, "--name", "张试样")[0] == 3
        exports.send(add(3))
        code, said = run("pull", str(exports.root), *home)
        assert code == 1 and "in use by another process" in said
        taking.execute("rollback")
    assert run("pull", str(exports.root), *home)[0] == 0


# ---------- commands


def run(*arguments: str, **options: Any) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["feed", *arguments], **options)
    return done.exit_code, done.output


def test_a_department_without_a_system_works_with_four_commands(exports: Exports) -> None:
    home, (key,) = ["--home", str(exports.home.folder)], exports.publisher.keys.glob("*.pub")
    assert run("status", *home)[0] == 1
    code, said = run("pull", str(exports.root), *home)
    assert code == 1 and "--feed" in said
    code, said = run("pull", str(exports.root), "--feed", FEED, *home)
    assert code == 1 and "--key" in said
    code, said = run("pull", str(exports.root), "--feed", FEED, "--key", str(key), *home)
    assert code == 0 and "1 份" in said
    code, said = run("status", *home)
    assert code == 0 and "00000002" in said and "2 条" in said

    asked = ["check", *home, "--name", "张试样"]
    code, said = run(*asked, "--id", ZHANG, "--measure", "QDSB-2-1")
    assert code == 3 and said.startswith("限制") and "QDSB-2-1" in said
    assert run(*asked, "--id", "-", input=ZHANG + "\n")[0] == 3
    assert run(*asked, "--id", LI)[0] == 0
    code, said = run(*asked)
    assert code == 4 and "1 人" in said and ZHANG_MASKED in said
    assert run("check", *home)[0] == 1
    assert run(*asked, "--id", "12")[0] == 1

    exports.send(add(3))
    assert run("pull", str(exports.root), *home)[0] == 0
    newest = exports.receipts()[-1]
    assert (newest["sequence"], newest["compares"], newest["hits"]) == (3, 4, 2)


def test_no_answer_repeats_a_whole_number(exports: Exports) -> None:
    exports.pull()
    home = ["--home", str(exports.home.folder)]
    for question in (["--id", ZHANG], ["--id", ZHANG, "--name", "张试样"], ["--id", ZHANG[:-1] + "8"]):
        assert ZHANG[:14] not in run("check", *home, *question)[1]
    for path in exports.home.folder.rglob("*"):
        assert path.is_dir() or ZHANG.encode() not in path.read_bytes()


def test_an_expired_copy_is_taken_and_answers_nobody(tmp_path: Path) -> None:
    exports = Exports(tmp_path, NOW - timedelta(days=30))
    exports.send(add(1))
    (key,) = exports.publisher.keys.glob("*.pub")
    home = ["--home", str(exports.home.folder)]
    code, said = run("pull", str(exports.root), "--feed", FEED, "--key", str(key), *home)
    assert code == 1 and "[EXPIRED] punishment-cz 00000001" in said
    code, said = run("status", *home)
    assert code == 1 and "EXPIRED" in said
    code, said = run("check", *home, "--id", ZHANG, "--name", "张试样")
    assert code == 1 and "EXPIRED" in said and "限制" not in said


def test_a_copy_is_readable_by_its_owner_alone(exports: Exports) -> None:
    exports.pull()
    assert stat.S_IMODE(exports.home.folder.stat().st_mode) == 0o700
