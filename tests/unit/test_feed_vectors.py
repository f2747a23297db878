"""The test vectors of the protocol: what they say is what the document, the peer and the project come to."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import feed_vectors
from credit_warehouse.feed_consumer import FeedRefused, verify
from credit_warehouse.feed_protocol import SetHash, canonical, key_id, pem, read_key
from feed_peer import Verifier, public_of

VECTORS = Path(__file__).resolve().parents[1] / "samples" / "feed-vectors"
FEED, KEYS = VECTORS / "exposure", VECTORS / "keys"
KEY = KEYS / "34750f98bd59fcfc.pub"
PRIMITIVES = json.loads((VECTORS / "primitives.json").read_text("utf-8"))
REFUSED = json.loads((VECTORS / "refused.json").read_text("utf-8"))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_vectors_are_what_their_script_makes(tmp_path: Path) -> None:
    feed_vectors.make(tmp_path)
    assert files(tmp_path) == {name: text for name, text in files(VECTORS).items() if name != "refused.json"}


def test_lines_and_hashes() -> None:
    lines = {told["entry"]["item_id"]: canonical(told["entry"]) for told in PRIMITIVES["lines"]}
    for told in PRIMITIVES["lines"]:
        assert lines[told["entry"]["item_id"]].hex() == told["line_hex"]
        single = SetHash()
        single.add(bytes.fromhex(told["line_hex"]))
        assert single.entry_sum.hex() == told["number_hex"]
    for names, expected in PRIMITIVES["set_hash"].items():
        forwards, backwards = SetHash(), SetHash()
        members = [lines[name] for name in names.split() if name in lines]
        for line in members:
            forwards.add(line)
        for line in lines.values():  # all in, and out again what is not of it
            backwards.add(line)
        for line in lines.values():
            if line not in members:
                backwards.remove(line)
        assert forwards.hexdigest() == backwards.hexdigest() == expected


def test_the_peer_follows_the_vectors() -> None:
    verifier = Verifier(FEED, public_of(KEY))
    assert [manifest["counts"]["total"] for manifest in verifier.catch_up()] == [2, 3, 2, 2, 3]


def test_the_project_follows_the_vectors() -> None:
    with closing(verify(FEED, KEYS, read_key(KEY))) as copy:
        standing = copy.standing()
        assert standing and (standing.sequence, standing.total) == (5, 3)
        assert standing.key_id == "6a3803d5f059902a"
        assert [entry["item_id"] for entry in copy.entries()] == ["a1", "b2", "c3"]
        copy.check_fresh(datetime.fromisoformat("2026-03-13T17:59:00+08:00"))
        with pytest.raises(FeedRefused, match="EXPIRED"):
            copy.check_fresh(datetime.fromisoformat("2026-03-13T18:01:00+08:00"))


LINKED = VECTORS / "punishment-cz"


def test_both_follow_a_link_that_is_moved_and_undone() -> None:
    verifier = Verifier(LINKED, public_of(KEY))
    manifests = verifier.catch_up()
    assert [manifest["format"][-1] for manifest in manifests] == ["2", "3", "3", "3", "2"]
    assert [(event["id"], event["op"], event["subject_id"]) for event in verifier.events] == [
        ("link-7", "MERGE", "s2"), ("link-9", "SPLIT", "s2"), ("link-10", "MERGE", "s3"), ("link-12", "SPLIT", "s3"),
    ]  # fmt: skip
    with closing(verify(LINKED, KEYS, read_key(KEY))) as copy:
        held = {event.id: sorted(entry["directive_id"] for entry in event.held) for event in copy.events()}
        assert held == {"link-7": [], "link-9": ["d2", "d3"], "link-10": [], "link-12": ["d2", "d3"]}
        assert [entry["directive_id"] for entry in copy.entries()] == ["d1"]
    # As if it had never been: events are no part of the set.
    assert manifests[0]["set_hash"] == manifests[4]["set_hash"] == manifests[3]["set_hash"]


def test_a_copy_that_begins_after_a_merge_takes_its_split() -> None:
    with closing(verify(LINKED, KEYS, read_key(KEY), start=3)) as copy:
        (split,) = copy.events()
        assert (split.id, [entry["directive_id"] for entry in split.held]) == ("link-12", ["d2", "d3"])
        assert [entry["directive_id"] for entry in copy.entries()] == ["d1"]


def test_the_project_begins_at_a_full_set() -> None:
    with closing(verify(FEED, KEYS, read_key(KEY), start=2)) as copy:
        assert [entry["item_id"] for entry in copy.entries()] == ["a1", "b2", "c3"]


@pytest.mark.parametrize("case", REFUSED, ids=[case["what"] for case in REFUSED])
def test_what_has_to_be_refused_is(case: dict[str, Any], tmp_path: Path) -> None:
    shutil.copytree(VECTORS, tmp_path / "v")
    path = tmp_path / "v" / (case.get("remove") or case["file"])
    if "remove" in case:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    else:
        before = path.read_bytes()
        path.write_bytes(before.replace(case["from"].encode(), case["to"].encode()))
        assert path.read_bytes() != before
    feed = tmp_path / "v" / Path(case.get("remove") or case["file"]).parts[0]
    feed = feed if (feed / "latest.json").exists() else tmp_path / "v" / "exposure"
    with pytest.raises(FeedRefused) as refused:
        verify(feed, feed.parent / "keys", read_key(KEY))
    assert (refused.value.sequence, refused.value.rule) == (case["sequence"], case["rule"])
    if case["rule"] not in ("LATEST",):  # the peer reads no more of latest.json than its number
        with pytest.raises((AssertionError, FileNotFoundError)):
            Verifier(feed, public_of(KEY)).catch_up()


def test_a_public_key_file_is_what_openssl_reads(tmp_path: Path) -> None:
    assert pem(read_key(KEY)) == KEY.read_bytes()
    assert key_id(read_key(KEY)) == KEY.stem
    if shutil.which("openssl"):
        step = FEED / "00000001"
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(KEY), "-rawin", "-in",
                   str(step / "manifest.json"), "-sigfile", str(step / "manifest.sig")]  # fmt: skip
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0
