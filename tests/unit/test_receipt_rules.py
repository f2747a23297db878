"""Every rule of a receipt, one by one: what is true passes, and each untrue word alone is found."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from credit_warehouse import receipts

SENT_AT = datetime.now().astimezone().replace(microsecond=0) - timedelta(hours=1)
MANIFEST, SET_HASH = "a" * 64, "b" * 64
COUNTS = {"added": 1, "updated": 2, "removed": 3, "total": 4}


def ledger(feed: str, sequence: int) -> receipts.Sent | None:
    """What was sent: one delivery of one feed."""
    return receipts.Sent(MANIFEST, SET_HASH, SENT_AT, COUNTS) if (feed, sequence) == ("punishment-cz", 7) else None


def line(told: dict[str, Any]) -> bytes:
    """Section 4 of the protocol by hand: names in order, no blanks, no escapes."""
    return ("{" + ",".join(f"{json.dumps(name)}:{_value(told[name])}" for name in sorted(told)) + "}").encode()


def _value(value: Any) -> str:
    return line(value).decode() if isinstance(value, dict) else json.dumps(value, ensure_ascii=False)


def receipt(**changes: Any) -> dict[str, Any]:
    told = {
        "format": "credit-warehouse-receipt/1", "feed": "punishment-cz", "sequence": 7, "manifest_sha256": MANIFEST,
        "set_hash": SET_HASH, "counts": COUNTS, "took": "delta",
        "applied_at": (SENT_AT + timedelta(minutes=30)).isoformat(), "copy_id": "0123456789abcdef", "compares": 5,
        "hits": 2, **changes,
    }  # fmt: skip
    return {**told, "sha256": hashlib.sha256(line(told)).hexdigest()}


def without(name: str) -> dict[str, Any]:
    told = {field: value for field, value in receipt().items() if field not in (name, "sha256")}
    return told if name == "sha256" else {**told, "sha256": hashlib.sha256(line(told)).hexdigest()}


def fault(told: dict[str, Any]) -> str | None:
    return receipts.fault(told, ledger)


@pytest.mark.parametrize("took", ["delta", "full"])
def test_what_is_true_is_believed(took: str) -> None:
    assert fault(receipt(took=took)) is None
    assert fault(receipt(compares=0, hits=0)) is None
    assert fault(receipt(compares=2**53 - 1, hits=2**53 - 1)) is None


@pytest.mark.parametrize("name", [*receipt()])
def test_a_field_that_is_missing_is_no_receipt(name: str) -> None:
    assert fault(without(name)) == "RECEIPT_FORMAT"


@pytest.mark.parametrize("name", [*receipt()])
@pytest.mark.parametrize("value", [None, True, 1.5, ["x"]], ids=["null", "true", "fraction", "list"])
def test_a_field_of_another_type_is_no_receipt(name: str, value: Any) -> None:
    told = receipt(**{name: value})
    if name == "sha256":
        told["sha256"] = value
    assert fault(told) == "RECEIPT_FORMAT"


@pytest.mark.parametrize("changes", [
    {"more": 1}, {"format": "credit-warehouse-receipt/2"}, {"format": "credit-warehouse-feed/2"},
    {"sequence": "7"}, {"sequence": -1}, {"sequence": 2**53}, {"compares": -1, "hits": -2}, {"compares": 2**53},
    {"hits": -1}, {"compares": 2, "hits": 3}, {"compares": 0, "hits": 1}, {"compares": 2**53, "hits": 2**53},
    {"feed": "punishment\0cz"}, {"copy_id": "0123456789abcde"}, {"copy_id": "0123456789abcdef0"},
    {"copy_id": "0123456789ABCDEF"}, {"copy_id": "0123456789abcdef\n"}, {"took": "half"}, {"took": ""},
    {"applied_at": "yesterday"}, {"applied_at": ""}, {"applied_at": "2026-03-02T10:00:00"}, {"counts": []},
], ids=str)  # fmt: skip
def test_a_word_outside_the_format_is_no_receipt(changes: dict[str, Any]) -> None:
    assert fault(receipt(**changes)) == "RECEIPT_FORMAT"


@pytest.mark.parametrize("name", [name for name in receipt() if name not in ("sha256", "format")])
def test_a_field_changed_on_the_way_is_damage(name: str) -> None:
    """Whatever else is wrong with it: its own hash does not fit, and nothing that it says is repeated."""
    other: dict[str, Any] = {
        "feed": "exposure", "sequence": 8, "manifest_sha256": "c" * 64, "set_hash": "c" * 64,
        "counts": {**COUNTS, "total": 5}, "took": "full", "applied_at": SENT_AT.isoformat(),
        "copy_id": "f" * 16, "compares": 6, "hits": 1,
    }  # fmt: skip
    assert fault({**receipt(), name: other[name]}) == "RECEIPT_DAMAGED"
    assert fault({**receipt(), "sha256": "0" * 64}) == "RECEIPT_DAMAGED"


@pytest.mark.parametrize("changes", [{"feed": "punishment-mz"}, {"sequence": 8}, {"sequence": 0}], ids=str)
def test_what_was_never_sent_was_never_taken(changes: dict[str, Any]) -> None:
    assert fault(receipt(**changes)) == "RECEIPT_UNKNOWN"


def test_another_manifest_under_the_number_is_told_before_what_follows_from_it() -> None:
    assert fault(receipt(manifest_sha256="c" * 64)) == "RECEIPT_MANIFEST"
    assert fault(receipt(manifest_sha256="c" * 64, set_hash="c" * 64, counts={})) == "RECEIPT_MANIFEST"


def test_another_set_is_told_before_its_counts() -> None:
    assert fault(receipt(set_hash="c" * 64)) == "RECEIPT_SET_HASH"
    assert fault(receipt(set_hash=SET_HASH.upper(), counts={})) == "RECEIPT_SET_HASH"


@pytest.mark.parametrize("name", [*COUNTS])
def test_each_count_is_compared(name: str) -> None:
    assert fault(receipt(counts={**COUNTS, name: 0})) == "RECEIPT_COUNTS"
    assert fault(receipt(counts={other: count for other, count in COUNTS.items() if other != name})) == "RECEIPT_COUNTS"
    assert fault(receipt(counts={**COUNTS, "more": 0})) == "RECEIPT_COUNTS"


def test_ten_minutes_are_allowed_to_clocks_and_no_more() -> None:
    def at(moment: datetime) -> str | None:
        return fault(receipt(applied_at=moment.isoformat()))

    now = datetime.now().astimezone()
    assert at(SENT_AT) is None
    assert at(SENT_AT - timedelta(minutes=9)) is None
    assert at(SENT_AT - timedelta(minutes=11)) == "RECEIPT_CLOCK"
    assert at(now + timedelta(minutes=9)) is None
    assert at(now + timedelta(minutes=11)) == "RECEIPT_CLOCK"


def test_every_rule_has_its_words() -> None:
    assert set(receipts.REASONS) == {
        "RECEIPT_FORMAT", "RECEIPT_DAMAGED", "RECEIPT_UNKNOWN", "RECEIPT_MANIFEST", "RECEIPT_SET_HASH",
        "RECEIPT_COUNTS", "RECEIPT_CLOCK",
    }  # fmt: skip
    assert all(any("一" <= char <= "龥" for char in zh) and en for zh, en in receipts.REASONS.values())
