"""Three sandbox days through the real scheduler, compared with the sandbox's truth and with the law."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

import httpx
import psutil
import pytest

import oracle
from credit_warehouse.stack.airflow_environment import ADMIN
from e2e.homes import Manifest, deliveries
from e2e.stacks import DAYS, Line

COURT, NOTICE = "court_defaulters", "restricted-notice"
OPERATIONS = {"ADD": "added", "UPDATE": "updated", "REMOVE": "removed"}
NUMBERS = re.compile(rb"[0-9]{14,}[0-9Xx]?")


def feeds(line: Line) -> list[Path]:
    return sorted(latest.parent for latest in line.exports.glob("*/latest.json"))


def openly(line: Line) -> list[Path]:
    """Feeds of those who may know; the unit of somebody unfit for publication is told of him and nobody else."""
    return [feed for feed in feeds(line) if feed.name != NOTICE]


def full_sets(feed: Path) -> list[Manifest]:
    """The deliveries that bring the full set: one a day."""
    return [delivery for delivery in deliveries(feed) if (delivery.folder / "full.jsonl").exists()]


def feed_items(delivery: Manifest) -> dict[str, set[str]]:
    """item_id -> ids of its entries in the full set of one delivery."""
    key = "directive_id" if delivery.content["feed"].startswith("punishment-") else "item_id"
    found: dict[str, set[str]] = {}
    for entry in delivery.lines("full.jsonl"):
        found.setdefault(entry["item_id"], set()).add(entry[key])
    return found


def items_barred(line: Line, day: date, reason: str) -> set[str]:
    """item_ids of the listings that must not be shown at the end of ``day`` because of ``reason``."""
    key = line.key()
    return {
        oracle._item_id(key, COURT, row["court_id"])
        for row in oracle.read(line.truth, "exposure", day.isoformat())
        if reason in row["reason"].split("|")
    }


def test_every_day_ends_without_a_failure(line: Line) -> None:
    assert [result.failures for result in [*line.results, *line.repeated]] == [[]] * 4


def test_a_source_that_did_not_deliver_is_named(line: Line) -> None:
    delivered = {(row["delivered_on"], row["source"]) for row in oracle.read(line.truth, "deliveries")}
    sources = {source for _, source in delivered}
    expected = [sorted(sources - {s for on, s in delivered if on == day.isoformat()}) for day in DAYS]
    assert [result.missing for result in line.results] == expected
    assert any(expected)


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_the_warehouse_equals_the_truth(line: Line, day: date) -> None:
    assert line.differences[day] == []


def test_what_was_withdrawn_on_the_third_day_is_gone_from_every_feed(line: Line) -> None:
    withdrawn = items_barred(line, DAYS[2], "WITHDRAWN") - items_barred(line, DAYS[1], "WITHDRAWN")
    gone: dict[str, int] = {}
    for feed in feeds(line):
        before, after = full_sets(feed)[-2:]
        assert [delivery.content["business_date"] for delivery in (before, after)] == [str(day) for day in DAYS[1:]]
        held = {entry for item, ids in feed_items(before).items() if item in withdrawn for entry in ids}
        third_day = [step for step in deliveries(feed) if step.content["business_date"] == str(DAYS[2])]
        changes = [row for step in third_day for row in step.lines("delta.jsonl")]
        removed = {row["id"]: row["reason"] for row in changes if row["op"] == "REMOVE"}
        assert {entry: removed.get(entry) for entry in held} == dict.fromkeys(held, "WITHDRAWN"), feed.name
        assert not withdrawn & feed_items(after).keys(), feed.name
        gone[feed.name] = len(held)
    assert gone["exposure"] and sum(gone.values()) > gone["exposure"], "nothing was withdrawn: nothing was tested"


@pytest.mark.parametrize("reason", ["MINOR", "NOT_PUBLIC", "NO_VALID_IDENTIFIER", "IDENTITY_CONFLICT", "REVOKED"])
def test_who_must_not_be_named_is_in_no_feed(line: Line, reason: str) -> None:
    barred = items_barred(line, DAYS[-1], reason)
    assert barred
    for feed in openly(line):
        assert not barred & feed_items(full_sets(feed)[-1]).keys(), feed.name


@pytest.mark.parametrize("reason", ["MINOR", "NOT_PUBLIC"])
def test_who_may_never_be_named_was_never_in_a_feed(line: Line, reason: str) -> None:
    barred = set.intersection(*(items_barred(line, day, reason) for day in DAYS))
    assert barred
    for delivery in (delivery for feed in openly(line) for delivery in full_sets(feed)):
        assert not barred & feed_items(delivery).keys(), delivery.folder


def test_no_full_identifier_of_a_person_leaves_or_is_logged(line: Line) -> None:
    persons = [row["identifier"].encode() for row in oracle.read(line.truth, "subjects") if row["kind"] == "person"]
    known = {*persons, *(number[:6] + number[8:17] for number in persons)}
    assert known & set(numbers(line.home.path.rglob("sandbox/*/registry_persons/*.jsonl"))), "the search finds nothing"
    places = [line.home.path / name for name in ("exports", "logs", "reports")]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert {path.relative_to(line.home.path).parts[0] for path in files} == {"exports", "logs", "reports"}
    assert {path for path in files if known & set(numbers([path]))} == set()


def numbers(paths: Iterable[Path]) -> Iterator[bytes]:
    """Every run of 15 and of 18 characters that could be an identity number."""
    for path in paths:
        for run in NUMBERS.findall(path.read_bytes()):
            for length in (15, 18):
                yield from (run[start : start + length].upper() for start in range(len(run) - length + 1))


def test_every_manifest_tells_the_truth_and_names_its_predecessor(line: Line) -> None:
    for feed in feeds(line):
        previous, total = None, 0
        for number, delivery in enumerate(deliveries(feed), start=1):
            manifest = delivery.content
            assert delivery.folder.name == f"{number:08d}"
            assert (manifest["sequence"], manifest["feed"]) == (number, feed.name)
            assert manifest["previous_manifest_sha256"] == previous
            names = {"delta.jsonl"} | ({"full.jsonl"} if manifest["scope"] == "all" else set())
            assert {file["name"] for file in manifest["files"]} == names
            for file in manifest["files"]:
                content = (delivery.folder / file["name"]).read_bytes()
                found = (content.count(b"\n"), len(content), hashlib.sha256(content).hexdigest())
                assert (file["rows"], file["bytes"], file["sha256"]) == found, delivery.folder
            done = [row["op"] for row in delivery.lines("delta.jsonl")]
            counted = {name: done.count(op) for op, name in OPERATIONS.items()}
            total += counted["added"] - counted["removed"]
            assert manifest["counts"] == {**counted, "total": total}
            previous = delivery.sha256
        assert (feed / "latest.json").read_bytes() == (deliveries(feed)[-1].folder / "manifest.json").read_bytes()


def test_the_deltas_add_up_to_the_full_set(line: Line) -> None:
    for feed in feeds(line):
        held: dict[str, object] = {}
        for delivery in deliveries(feed):
            for row in delivery.lines("delta.jsonl"):
                if row["op"] == "REMOVE":
                    del held[row["id"]]
                else:
                    assert (row["op"] == "UPDATE") == (row["id"] in held)
                    held[row["id"]] = row["entry"]
            if delivery in full_sets(feed):
                key = "directive_id" if feed.name.startswith("punishment-") else "item_id"
                assert held == {entry[key]: entry for entry in delivery.lines("full.jsonl")}, delivery.folder


def test_the_feeds_prove_themselves_to_a_consumer(line: Line) -> None:
    for feed in (feeds(line)[0], feeds(line)[-1]):
        manifest = deliveries(feed)[0].content
        key = feed.parent / "keys" / f"{manifest['key_id']}.pub"
        told = line.home.run("feed", "verify", str(feed), "--key", str(key))
        assert told.returncode == 0, told.stdout


def test_the_evidence_of_every_run_is_sealed_and_fits(line: Line) -> None:
    """Entered by triggers of every process of the stack, chained and anchored by its tasks."""
    told = line.home.run("ledger", "verify")
    assert told.returncode == 0 and "异常 findings 0" in told.stdout, told.stdout
    sealed = [json.loads(text) for path in (line.home.path / "ledger").glob("*.jsonl") for text in path.open()]
    assert len(sealed) > len(DAYS)


def test_the_same_deliveries_again_change_nothing(line: Line) -> None:
    assert {"marts.credit_record", "exports.exposure_publication", "exports.feed_entry"} <= line.first_pass.keys()
    assert line.second_pass == line.first_pass


def test_the_ui_asks_for_a_password(line: Line) -> None:
    password = line.home.run("password").stdout.strip()
    with httpx.Client(base_url=address(line), trust_env=False) as visitor:
        assert visitor.get("/api/v2/dags").status_code == httpx.codes.UNAUTHORIZED
        right = visitor.post("/auth/token", json={"username": ADMIN, "password": password})
        wrong = visitor.post("/auth/token", json={"username": ADMIN, "password": password[::-1]})
        assert right.is_success and wrong.status_code == httpx.codes.UNAUTHORIZED
        bearer = {"Authorization": f"Bearer {right.json()['access_token']}"}
        assert visitor.get("/api/v2/dags", headers=bearer).is_success


def test_nothing_listens_beyond_loopback(line: Line) -> None:
    pids = {process.pid for process in line.home.processes()}
    listening = {item.laddr for item in psutil.net_connections("inet") if item.status == "LISTEN" and item.pid in pids}
    assert int(httpx.URL(address(line)).port or 0) in {at.port for at in listening}
    assert {at.ip for at in listening} == {"127.0.0.1"}


def address(line: Line) -> str:
    found = re.search(r"http://\S+", line.home.run("status").stdout)
    assert found
    return found.group()
