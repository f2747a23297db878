"""What a consumer must notice, whatever the feed says: properties over feeds of the independent peer."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from credit_warehouse.cli import app
from credit_warehouse.feed_consumer import Copy, FeedRefused, verify
from feed_peer import Publisher, line_of, raw, set_hash

KEY, NEXT = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (7, 8))
IDS = st.sampled_from("abcdefgh")
WORDS = st.text(max_size=5)
DAYS = st.lists(st.dictionaries(IDS, st.none() | WORDS, max_size=6), min_size=2, max_size=5)
FEW = settings(max_examples=60, deadline=None)


def changes(held: dict[str, Any], day: dict[str, str | None]) -> list[dict[str, Any]]:
    """A right delta: None takes an entry down if it is held."""
    found = []
    for name, words in day.items():
        if words is None and name in held:
            found.append({"op": "REMOVE", "id": name, "reason": "WITHDRAWN", "entry": None})
        elif words is not None:
            found.append({"op": "UPDATE" if name in held else "ADD", "id": name, "reason": None,
                          "entry": {"item_id": name, "words": words, "length": len(words)}})  # fmt: skip
    return found


@contextmanager
def feed(days: list[dict[str, str | None]], *, rotate: bool = False) -> Iterator[Publisher]:
    with tempfile.TemporaryDirectory() as folder:
        start = datetime.now(timezone(timedelta(hours=8))).replace(microsecond=0) - timedelta(days=len(days))
        publisher = Publisher(Path(folder) / "exposure", KEY, start)
        publisher.publish_key()
        for number, day in enumerate(days):
            if rotate and number == 1:
                publisher.rotate(NEXT)
            publisher.send(*changes(publisher.held, day))
        yield publisher


def follow(publisher: Publisher) -> Copy:
    return verify(publisher.folder, publisher.keys, raw(KEY))


def content(copy: Copy) -> tuple[object, list[dict[str, Any]]]:
    return copy.standing(), list(copy.entries())


@FEW
@given(DAYS, st.booleans())
def test_a_copy_is_what_the_publisher_holds(days: list[dict[str, str | None]], rotate: bool) -> None:
    with feed(days, rotate=rotate) as publisher, closing(follow(publisher)) as copy:
        standing, entries = content(copy)
        assert {entry["item_id"]: entry for entry in entries} == publisher.held
        assert standing.set_hash == set_hash([line_of(entry) for entry in publisher.held.values()])


@FEW
@given(DAYS, st.data())
def test_a_missed_delivery_is_noticed_and_the_copy_stays_where_it_was(days: Any, data: st.DataObject) -> None:
    with feed(days) as publisher:
        missed = data.draw(st.integers(1, len(days)))
        shutil.move(publisher.folder / f"{missed:08d}", publisher.keys)
        with closing(Copy(":memory:", raw(KEY))) as copy:
            with pytest.raises(FeedRefused) as refused:
                copy.catch_up(publisher.folder, publisher.keys)
            assert refused.value.rule == "GAP"
            assert (copy.standing().sequence if copy.standing() else 0) == missed - 1
            shutil.move(publisher.keys / f"{missed:08d}", publisher.folder)
            assert copy.catch_up(publisher.folder, publisher.keys) == list(range(missed, len(days) + 1))
            assert {entry["item_id"]: entry for entry in copy.entries()} == publisher.held


@FEW
@given(DAYS, st.lists(st.integers(1, 5), min_size=1, max_size=8), st.booleans())
def test_a_replayed_delivery_harms_nobody(days: Any, again: list[int], rotate: bool) -> None:
    with feed(days, rotate=rotate) as publisher, closing(follow(publisher)) as copy:
        before = content(copy)
        for number in again:
            if number <= len(days):
                assert copy.take(publisher.folder / f"{number:08d}", publisher.keys) is False
        assert content(copy) == before


@settings(max_examples=100, deadline=None)
@given(DAYS, st.data())
def test_a_changed_byte_anywhere_is_found(days: Any, data: st.DataObject) -> None:
    with feed(days, rotate=True) as publisher:
        path = data.draw(st.sampled_from(proofs(publisher)))
        text = bytearray(path.read_bytes())
        text[data.draw(st.integers(0, len(text) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(text)
        with pytest.raises(FeedRefused):
            follow(publisher)


@FEW
@given(DAYS, st.data())
def test_a_truncated_file_is_found(days: Any, data: st.DataObject) -> None:
    with feed(days, rotate=True) as publisher:
        path = data.draw(st.sampled_from(proofs(publisher)))
        text = path.read_bytes()
        path.write_bytes(text[: data.draw(st.integers(0, len(text) - 1))])
        with pytest.raises(FeedRefused):
            follow(publisher)


def proofs(publisher: Publisher) -> list[Path]:
    """Every file that a consumer reads, but the empty ones."""
    files = [*publisher.folder.rglob("*"), *publisher.keys.glob("*.json"), *publisher.keys.glob("*.sig")]
    return sorted(path for path in files if path.is_file() and path.stat().st_size)


@FEW
@given(DAYS, WORDS, st.sampled_from(["ADD", "UPDATE", "REMOVE"]))
def test_a_change_that_does_not_fit_what_is_held_is_refused(days: Any, words: str, op: str) -> None:
    with feed([*days, {"held": "x"}]) as publisher, closing(follow(publisher)) as copy:
        before = content(copy)
        name = "held" if op == "ADD" else "never heard of"
        entry = None if op == "REMOVE" else {"item_id": name, "words": words}
        publisher.send({"op": op, "id": name, "reason": "WITHDRAWN" if op == "REMOVE" else None, "entry": entry})
        with pytest.raises(FeedRefused, match="DELTA"):
            copy.catch_up(publisher.folder, publisher.keys)
        assert content(copy) == before, "nothing of a refused delivery stays"


def lie(step: Path, publisher: Publisher, **fields: Any) -> None:
    """The publisher itself says something untrue, and signs it."""
    manifest = {**json.loads((step / "manifest.json").read_bytes()), **fields}
    text = json.dumps(manifest).encode()
    for path in (step / "manifest.json", publisher.folder / "latest.json"):
        path.write_bytes(text)
    (step / "manifest.sig").write_bytes(publisher.key.sign(text))


COUNTS = {"added": 1, "updated": 0, "removed": 0, "total": 2}


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"set_hash": "0" * 64}, "SET_HASH"),
        ({"counts": {**COUNTS, "total": 3}}, "COUNTS"),
        ({"counts": {**COUNTS, "added": 2}}, "COUNTS"),
        ({"counts": {**COUNTS, "added": True}}, "FORMAT"),
        ({"previous_manifest_sha256": "0" * 64}, "CHAIN"),
        ({"sequence": 3}, "MISPLACED"),
        ({"feed": "punishment-x"}, "MISPLACED"),
        ({"id_field": "words"}, "DELTA"),
        ({"files": []}, "FORMAT"),
        ({"files": [{"name": "../../delta.jsonl"}, {"name": "full.jsonl"}]}, "FORMAT"),
        ({"scope": "removals_only"}, "FORMAT"),
        ({"scope": "some"}, "FORMAT"),
        ({"key_id": "0" * 16}, "KEY"),
        ({"valid_until": "2026-03-01T00:00:00"}, "FORMAT"),
        ({"produced_at": "yesterday"}, "FORMAT"),
        ({"more": 1}, "FORMAT"),
    ],
)
def test_a_signed_manifest_is_not_believed_what_can_be_checked(fields: dict[str, Any], rule: str) -> None:
    with feed([{"a": "x"}, {"b": "y"}]) as publisher:
        lie(publisher.folder / "00000002", publisher, **fields)
        with pytest.raises(FeedRefused) as refused:
            follow(publisher)
        assert (refused.value.sequence, refused.value.rule) == (2, rule)


def test_removals_alone_bring_nobody_in() -> None:
    with feed([{"a": "x"}]) as publisher:
        publisher.send(*changes(publisher.held, {"b": "y"}), full=False)
        with pytest.raises(FeedRefused, match="DELTA"):
            follow(publisher)


def test_a_number_with_two_contents_is_a_fork() -> None:
    with feed([{"a": "x"}, {"b": "y"}]) as publisher, closing(follow(publisher)) as copy:
        lie(publisher.folder / "00000002", publisher, business_date="2026-01-01")
        with pytest.raises(FeedRefused, match="FORK"):
            copy.catch_up(publisher.folder, publisher.keys)


def test_what_a_retired_key_signs_is_not_believed() -> None:
    with feed([{"a": "x"}, {"b": "y"}], rotate=True) as publisher, closing(follow(publisher)) as copy:
        publisher.key = KEY
        publisher.send()
        with pytest.raises(FeedRefused, match="KEY"):
            copy.catch_up(publisher.folder, publisher.keys)


def test_a_department_keeps_its_copy_with_two_commands(tmp_path: Path) -> None:
    with feed([{"a": "x"}, {"b": "y"}]) as publisher:
        (key,) = publisher.keys.glob("*.pub")
        state = tmp_path / "copy.db"

        def run(*arguments: str) -> tuple[int, str]:
            done = CliRunner().invoke(app, ["feed", *arguments])
            return done.exit_code, done.output

        folder = str(publisher.folder)
        code, said = run("apply", folder, "--state", str(state))
        assert code == 1 and "--key" in said
        code, said = run("apply", folder, "--state", str(state), "--key", str(key))
        assert code == 0 and "1 份" in said, "begins with the newest full set"
        publisher.send(*changes(publisher.held, {"a": None}))
        assert run("apply", folder, "--state", str(state))[0] == 0
        code, said = run("apply", folder, "--state", str(state))
        assert code == 0 and "0 份" in said and "00000003" in said
        assert run("verify", folder, "--key", str(key))[0] == 0
        assert run("verify", folder)[0] == 0

        code, said = run("verify", folder, "--key", str(key), "--at", "2099-01-01")
        assert code == 1 and "EXPIRED" in said
        (publisher.folder / "00000002" / "delta.jsonl").write_bytes(b"")
        code, said = run("verify", folder, "--key", str(key))
        assert code == 1 and "[FILE] exposure 00000002" in said
