"""The drop folder: which files are complete, and what their flags say."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from credit_warehouse.declarations import load_source
from credit_warehouse.refusal import Refused
from credit_warehouse.settings import settings
from credit_warehouse.transports import drop
from credit_warehouse.transports.delivery import Delivery

DAY = date(2026, 3, 2)


@pytest.fixture
def folder(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WAREHOUSE_OK_WAIT_SECONDS", "0")
    settings.cache_clear()
    return tmp_path / "inbox"


def collect(folder: Path) -> list[Delivery | Refused]:
    return list(drop.collect(load_source("tax_arrears"), folder, DAY, owned=True))


def put(folder: Path, name: str, ok: Any = None) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"x")
    if ok is not None:
        (folder / f"{name}.ok").write_text(ok if isinstance(ok, str) else json.dumps(ok), encoding="utf-8")


def test_a_folder_that_does_not_exist_holds_nothing(folder: Path) -> None:
    assert collect(folder) == []


def test_files_come_in_the_order_of_their_names_without_flags_drafts_and_folders(folder: Path) -> None:
    for name in ("b.csv", "a.csv", "c.csv.part", "d.csv.tmp", "e.csv.filepart", ".hidden"):
        put(folder, name)
    put(folder, "f.csv", {"rows": 1})
    (folder / "sub").mkdir()
    assert [found.file_name for found in collect(folder)] == ["a.csv", "b.csv", "f.csv"]


def test_without_a_flag_the_declaration_and_the_asked_day_hold(folder: Path) -> None:
    put(folder, "a.csv")
    (found,) = collect(folder)
    assert (found.mode, found.business_date, found.provider, found.declared) == ("full", DAY, "税务局", {})


def test_a_flag_names_day_provider_and_claims(folder: Path) -> None:
    claims = {"sha256": "ab", "bytes": 1, "rows": 3}
    put(folder, "a.csv", {**claims, "mode": "full", "business_date": "2026-02-27", "provider": "示例区税务局"})
    (found,) = collect(folder)
    assert (found.business_date, found.provider, found.declared) == (date(2026, 2, 27), "示例区税务局", claims)


def test_a_flag_may_start_with_a_byte_order_mark(folder: Path) -> None:
    put(folder, "a.csv", "\ufeff" + json.dumps({"rows": 3}))
    assert collect(folder)[0].declared == {"rows": 3}


@pytest.mark.parametrize(
    "flag",
    ["", "no json", "[]", '"text"', '{"business_date": "someday"}', '{"mode": "sideways"}', '{"rows": "many"}',
     '{"bytes": []}'],
)  # fmt: skip
def test_a_flag_that_cannot_be_read_refuses_its_file_and_no_other(folder: Path, flag: str) -> None:
    put(folder, "a.csv", flag)
    put(folder, "b.csv", {"rows": 1})
    refusal, good = collect(folder)
    assert isinstance(refusal, Refused) and refusal.rule == "OK_UNREADABLE" and "a.csv" in refusal.en
    assert isinstance(good, Delivery)


def test_a_file_dated_after_the_day_that_is_processed_is_refused(folder: Path) -> None:
    put(folder, "a.csv", {"business_date": "2062-03-02"})
    (refusal,) = collect(folder)
    assert isinstance(refusal, Refused) and refusal.rule == "DATE_AHEAD" and "2062-03-02" in refusal.en


def test_a_delta_where_snapshots_are_declared_is_refused(folder: Path) -> None:
    """Read as a snapshot, it would close everything it does not mention."""
    put(folder, "a.csv", {"mode": "delta"})
    (refusal,) = collect(folder)
    assert isinstance(refusal, Refused) and refusal.rule == "OK_MISMATCH"
    assert "delta" in refusal.en and "full" in refusal.en
