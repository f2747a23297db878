"""Splits and merges in a department's copy: they tell who was taken for whom, and restrict nobody themselves."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from credit_warehouse.cli import app
from credit_warehouse.feed_check import Answer, check
from credit_warehouse.feed_consumer import Copy, FeedRefused
from credit_warehouse.feed_home import FolderSource, Home
from feed_peer import Publisher, raw

KEY = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
NOW = datetime.now(timezone(timedelta(hours=8))).replace(microsecond=0)
FEED = "punishment-cz"
# Nobody has this number: no province has the number 66.
NUMBER, SHOWN = "660001198503040019", "6600011985****0019"
OWN, LINKED = "d1", "d2"


def entry(name: str, item: str, subject: str, tier: str = "T1") -> dict[str, Any]:
    return {
        "item_id": item, "directive_id": name, "subject_id": subject, "subject_kind": "person", "identity_tier": tier,
        "subject_name": "张试样", "identifier_shown": SHOWN, "measure_code": "QDSB-2-1", "measure_zh": "限制取得土地",
        "effect_type": "RESTRICT", "legal_basis": "依据", "since": "2026-01-01", "until": None,
    }  # fmt: skip


def line(op: str, held: dict[str, Any]) -> dict[str, Any]:
    gone = op == "REMOVE"
    return {"op": op, "id": held["directive_id"], "reason": "NO_VALID_IDENTIFIER" if gone else None,
            "entry": None if gone else held}  # fmt: skip


def event(op: str, number: int, item: str = "i2", subject: str | None = "zhang") -> dict[str, Any]:
    who = {"item_id": item, "subject_id": subject, "identity_tier": "T2"} if subject else {"item_id": item}
    return {"op": op, "id": f"link-{number}", "reason": "T2_PERSON_SEX_AGE", "entry": who}


OTHER = entry(LINKED, "i2", "zhang", "T2")


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    """A feed that holds an entry of somebody's own, in its first delivery."""
    feed = Publisher(tmp_path / "exports" / FEED, KEY, NOW - timedelta(days=5), id_field="directive_id")
    feed.publish_key()
    feed.send(line("ADD", entry(OWN, "i1", "zhang")))
    return feed


@pytest.fixture
def copy(publisher: Publisher) -> Any:
    with closing(Copy(":memory:", raw(KEY))) as held:
        held.catch_up(publisher.folder, publisher.keys)
        yield held


def content(copy: Copy) -> Any:
    return copy.standing(), list(copy.entries()), copy.events()


def test_a_link_comes_and_goes_and_leaves_the_set_as_it_was(publisher: Publisher, copy: Copy) -> None:
    before = copy.standing()
    publisher.send(line("ADD", OTHER), event("MERGE", 7))
    publisher.send(event("SPLIT", 8), line("REMOVE", OTHER), full=False)
    copy.catch_up(publisher.folder, publisher.keys)
    merged, split = copy.events()
    assert (merged.op, merged.held) == ("MERGE", [])
    assert (split.op, split.id, split.held) == ("SPLIT", "link-8", [OTHER])
    after = copy.standing()
    assert before and after and (after.set_hash, after.total) == (before.set_hash, before.total)
    for step in ("00000002", "00000003"):
        assert copy.take(publisher.folder / step, publisher.keys) is False
    assert copy.events() == [merged, split], "a repetition tells nothing twice"


def test_a_merge_alone_changes_no_answer(publisher: Publisher, copy: Copy) -> None:
    today = NOW.date()
    asked = [{"number": NUMBER, "name": "张试样"}, {"number": NUMBER, "name": "李试样"}, {"name": "张试样"}]
    before = [check(copy, today, **question) for question in asked]
    assert before[0].answer is Answer.RESTRICTED
    publisher.send(event("MERGE", 7, item="i1"))
    copy.catch_up(publisher.folder, publisher.keys)
    assert [check(copy, today, **question) for question in asked] == before
    assert check(copy, date(2020, 1, 1), number=NUMBER, name="张试样").answer is Answer.NONE


WRONG: dict[str, list[dict[str, Any]]] = {
    "somebody is added before another is split off": [line("ADD", entry("d3", "i3", "li")), event("SPLIT", 8)],
    "a merge stands before its entry": [event("MERGE", 8, "i3", "li"), line("ADD", entry("d3", "i3", "li", "T2"))],
    "a removal follows an addition": [line("ADD", entry("d3", "i3", "li")), line("REMOVE", OTHER), event("SPLIT", 8)],
    "what was split off is held still": [event("SPLIT", 8)],
    "what was split off comes back with it": [event("SPLIT", 8), line("UPDATE", OTHER)],
    "a merge without an entry": [event("MERGE", 8, "i3")],
    "a merge with another's entry": [event("MERGE", 8, "i1", "li")],
    "a merge told before, of another": [event("MERGE", 7, "i1")],
    "a split without a reason": [{**event("SPLIT", 8), "reason": None}, line("REMOVE", OTHER)],
    "a split of nobody": [{**event("SPLIT", 8), "entry": None}, line("REMOVE", OTHER)],
    "a split with more than it may say": [
        {**event("SPLIT", 8), "entry": {**event("SPLIT", 8)["entry"], "name": "张"}}, line("REMOVE", OTHER)],
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_events_that_do_not_fit_are_refused_and_nothing_stays(publisher: Publisher, copy: Copy, case: str) -> None:
    publisher.send(line("ADD", OTHER), event("MERGE", 7))
    copy.catch_up(publisher.folder, publisher.keys)
    before = content(copy)
    publisher.send(*WRONG[case])
    with pytest.raises(FeedRefused, match="DELTA"):
        copy.catch_up(publisher.folder, publisher.keys)
    assert content(copy) == before


def test_a_delivery_of_removals_alone_merges_nobody(publisher: Publisher, copy: Copy) -> None:
    publisher.send(event("MERGE", 7, item="i1"), full=False)
    with pytest.raises(FeedRefused, match="removals_only"):
        copy.catch_up(publisher.folder, publisher.keys)


def test_an_event_told_again_with_the_same_words_does_no_harm(publisher: Publisher, copy: Copy) -> None:
    publisher.send(line("ADD", OTHER), event("MERGE", 7))
    publisher.send(event("MERGE", 7))
    copy.catch_up(publisher.folder, publisher.keys)
    assert [found.sequence for found in copy.events()] == [2]


def test_where_entries_do_not_name_their_subject_events_do_not_either(tmp_path: Path) -> None:
    feed = Publisher(tmp_path / "exposure", KEY, NOW - timedelta(days=5))
    feed.publish_key()
    shown = {"item_id": "i2", "subject_name": "张试样"}
    feed.send({"op": "ADD", "id": "i2", "reason": None, "entry": shown}, event("MERGE", 7, subject=None))
    # The same words are somebody else's now: nothing of the entry changes.
    feed.send(event("SPLIT", 8, subject=None), event("MERGE", 9, subject=None))
    with closing(Copy(":memory:", raw(KEY))) as copy:
        copy.catch_up(feed.folder, feed.keys)
        assert [(found.op, found.held) for found in copy.events()] == [("MERGE", []), ("SPLIT", [shown]), ("MERGE", [])]


def test_a_department_reads_what_it_has_to_undo_and_says_when_it_is_done(publisher: Publisher, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.pull(FolderSource(publisher.folder.parent), FEED, raw(KEY))
    publisher.send(line("ADD", OTHER), event("MERGE", 7))
    publisher.send(event("SPLIT", 8), line("REMOVE", OTHER), full=False)

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["feed", *words, "--home", str(home.folder)])
        return done.exit_code, done.output

    assert run("pull", str(publisher.folder.parent))[0] == 0
    assert "splits to settle: 1" in run("status")[1]
    code, said = run("events")
    assert code == 0 and "SPLIT 误认" in said and SHOWN in said and LINKED in said and "MERGE 并认" in said
    assert run("events", "--settle", "link-99")[0] == 1
    assert run("events", "--settle", "link-8")[0] == 0
    assert "SPLIT" not in run("events")[1] and "splits to settle" not in run("status")[1]
    with closing(sqlite3.connect(home.folder / FEED / "copy.db")) as database:
        assert database.execute("select held from event where id = 'link-8'").fetchone() == ("[]",)


def test_a_copy_made_before_there_were_events_goes_on(publisher: Publisher, tmp_path: Path) -> None:
    state = tmp_path / "copy.db"
    with closing(Copy(state, raw(KEY))) as copy:
        copy.catch_up(publisher.folder, publisher.keys)
    with closing(sqlite3.connect(state)) as database:
        database.executescript(
            "drop table event; drop table lookup;"
            "create table lookup (id text primary key, number text, name text) without rowid;"
            "create index lookup_by_number on lookup (number); create index lookup_by_name on lookup (name);"
            "pragma user_version = 1"
        )
    publisher.send(event("MERGE", 7, item="i1"))
    with closing(Copy(state)) as copy:
        assert check(copy, NOW.date(), number=NUMBER, name="张试样").answer is Answer.RESTRICTED
        assert copy.catch_up(publisher.folder, publisher.keys) == [2]
