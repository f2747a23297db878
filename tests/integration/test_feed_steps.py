"""Between two deliveries of a feed: a rotated key, a red gate, a crash."""

from __future__ import annotations

import hashlib
import os
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from credit_warehouse.export import export_build, feed, keys, pending_build
from credit_warehouse.feed_consumer import Copy, FeedRefused, verify
from credit_warehouse.settings import settings
from feed_peer import Consumer, public_of
from providers import correction, deletion, listing, masked, resident_id

COURT = "court_defaulters"
DAYS = [date(2026, 3, day) for day in (2, 3, 4)]


def send(warehouse: Any, number: int, *messages: dict[str, Any]) -> int:
    warehouse.accept(DAYS[number], COURT, *messages)
    build = warehouse.build(DAYS[number])
    assert build is not None
    return build


@pytest.fixture(scope="module")
def first_day(other_warehouse: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with other_warehouse(tmp_path_factory.mktemp("first_day")) as warehouse:
        assert export_build(send(warehouse, 0, *(listing(f"r{n}", n) for n in range(1, 5)))) == {}
        yield warehouse


@pytest.fixture
def begun(first_day: Any, other_warehouse: Any, tmp_path: Path) -> Any:
    """A warehouse that has listed r1 to r4 and sent its first delivery."""
    with other_warehouse(tmp_path, like=first_day) as copy:
        yield copy


def test_a_feed_begun_before_sums_were_kept_goes_on(begun) -> None:
    begun.execute("delete from exports.feed_sum")
    export_build(send(begun, 1, deletion("r1", "2026-03-03T09:00:00+08:00")))
    assert [manifest["counts"]["total"] for manifest in Consumer(begun.home / "exports" / "exposure").catch_up()] \
        == [4, 3]  # fmt: skip


def test_a_rotated_key_is_announced_waits_its_overlap_and_is_followed(begun) -> None:
    exposure = begun.home / "exports" / "exposure"
    following, starts = keys.rotate(timedelta(days=7))
    with pytest.raises(keys.KeyProblem, match="not yet in use"):
        keys.rotate(timedelta(days=7))
    export_build(send(begun, 1, listing("t2", 12)))
    consumer = Consumer(exposure)
    assert len({manifest["key_id"] for manifest in consumer.catch_up()} - {following}) == 1
    assert (starts - datetime.now().astimezone()).days == 6

    # A week passes.
    begun.execute("update audit.feed_key set in_use_from = clock_timestamp() where key_id = %s", [following])
    export_build(send(begun, 2, listing("t3", 13)))
    assert [manifest["key_id"] for manifest in consumer.catch_up()] == [following]
    with closing(verify(exposure, exposure.parent / "keys", Consumer(exposure).public)) as copy:
        assert copy.standing().key_id == following
    assert begun.rows("select distinct key_id from audit.export_ledger where sequence = 3") == [(following,)]


def test_a_key_that_nobody_announced_is_refused_until_it_is_given_by_hand(begun) -> None:
    exposure = begun.home / "exports" / "exposure"
    (begun.home / "secrets" / "feed_key_1").unlink()
    build = send(begun, 1, listing("u2", 12))
    with pytest.raises(keys.KeyProblem, match="rotate --unannounced"):
        export_build(build)
    following, _ = keys.rotate(timedelta(), announced=False)
    assert export_build(build) == {}

    published = exposure.parent / "keys"
    with closing(Copy(":memory:", Consumer(exposure).public)) as copy:
        with pytest.raises(FeedRefused, match=r"\[KEY\] exposure 00000002"):
            copy.catch_up(exposure, published)
        assert copy.standing().sequence == 1
    with closing(verify(exposure, published, public_of(published / f"{following}.pub"), start=2)) as copy:
        assert copy.standing().sequence == 2


def test_keys_of_the_setting_sign_and_the_appended_one_comes_next(warehouse, monkeypatch) -> None:
    monkeypatch.setenv("WAREHOUSE_FEED_KEY", "11" * 32)
    settings.cache_clear()
    export_build(send(warehouse, 0, listing("v1", 1)))
    assert not list((warehouse.home / "secrets").glob("feed_key*"))
    with pytest.raises(keys.KeyProblem, match="append the new key"):
        keys.rotate(timedelta())
    monkeypatch.setenv("WAREHOUSE_FEED_KEY", f"{'11' * 32} {'22' * 32}")
    settings.cache_clear()
    following, _ = keys.rotate(timedelta())
    export_build(send(warehouse, 1, listing("v2", 2)))
    assert Consumer(warehouse.home / "exports" / "exposure").catch_up()[-1]["key_id"] == following
    public = Ed25519PrivateKey.from_private_bytes(b"\x22" * 32).public_key().public_bytes_raw()
    assert following == hashlib.sha256(public).hexdigest()[:16]


def test_a_removal_under_a_red_gate_shows_nothing_of_the_row_it_removes(begun) -> None:
    build = send(begun, 1, deletion("r1", "2026-03-03T09:00:00+08:00"))
    # The product still holds who has left, with a number that nobody may see.
    begun.execute(
        "insert into exports.exposure_publication"
        " select (jsonb_populate_record(null::exports.exposure_publication, body::jsonb"
        " || jsonb_build_object('identifier_shown', %s::text))).* from exports.feed_entry"
        " where feed = 'exposure' and body::json ->> 'listing_id' = 'r1'",
        [resident_id(1)],
    )
    assert "exposure_publication" in export_build(build)
    delta = (begun.home / "exports" / "exposure" / "00000002" / "delta.jsonl").read_text("utf-8")
    assert resident_id(1) not in delta
    Consumer(begun.home / "exports" / "exposure").catch_up()


def test_a_removal_leaves_through_a_red_gate_while_additions_wait(begun) -> None:
    build = send(begun, 1, deletion("r1", "2026-03-03T09:00:00+08:00"), listing("r9", 9),
                 correction(listing("r2", 2), "2026-03-03T09:00:00+08:00", performance="部分未履行"))  # fmt: skip
    # A fault that no rule of the build sees: somebody's full number reaches the product.
    shown = "update exports.exposure_publication set identifier_shown = %s where listing_id = 'r9'"
    begun.execute(shown, [resident_id(9)])
    # And the product has lost somebody: a red product is no reason to take anyone down.
    lost = "exports.exposure_publication where listing_id = 'r3'"
    begun.execute(f"create table public.kept as select * from {lost}; delete from {lost}")
    held = export_build(build)
    # Nor is it the number that the record shows of anybody.
    assert [check.rule for check in held["exposure_publication"]] == ["EXPOSURE_PERSON_MASKED", "EXPOSURE_IDENTIFIED"]
    assert pending_build() == build, "what was held back is still to be sent"

    consumer = Consumer(begun.home / "exports" / "exposure")
    assert [manifest["scope"] for manifest in consumer.catch_up()] == ["all", "removals_only"]
    assert {entry["listing_id"] for entry in consumer.held.values()} == {"r2", "r3", "r4"}
    assert {entry["performance"] for entry in consumer.held.values()} == {"全部未履行"}

    begun.execute(shown, [masked(resident_id(9))])
    begun.execute("insert into exports.exposure_publication select * from public.kept")
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
