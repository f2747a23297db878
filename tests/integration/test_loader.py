"""Loading: repetition, order, crashes and agreement of the two paths; single files are cases of test_hostile.py."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

import providers
from credit_warehouse.declarations import load_source
from credit_warehouse.load import load_batch
from credit_warehouse.receive import receive
from providers import arrears, csv_file, jsonl, listing, ok_file

DAY = date(2026, 3, 2)
TAX, COURT, BANK = "tax_arrears", "court_defaulters", "bank_credit_events"
SUFFIX = {TAX: "csv", COURT: "jsonl", BANK: "xlsx"}
HEADER = ",".join(providers.TAX_COLUMNS)
RARE = "䶮𬭎𠀀㛃·买买提"
runs = count(1)


@dataclass
class Received:
    """What became of one file."""

    status: str
    rule: str | None
    told: str
    encoding: str | None
    extra: list[str]
    raw: list[dict[str, Any]]
    rejected: list[tuple[int, str, str]]
    outcome: str

    @property
    def lines(self) -> list[int]:
        return [row["_row_no"] for row in self.raw]

    def column(self, name: str) -> list[str | None]:
        return [row[name] for row in self.raw]


Load = Callable[..., Received]


@pytest.fixture
def load(shared_warehouse, tmp_path: Path) -> Load:
    """Deliver one file, load it, and check that it adds up: ``rows`` = loaded + rejected."""

    def deliver(source: str, content: bytes, *, rows: int | None, ok: bytes | None = None, name: str = "") -> Received:
        run, name = f"load-{next(runs)}", name or f"{next(runs)}.{SUFFIX[source]}"
        path = tmp_path / source / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        if ok is not None:
            path.with_name(f"{name}.ok").write_bytes(ok)
        for batch in receive(load_source(source), DAY, run, landing=tmp_path):
            load_batch(load_source(source), batch)
        path.unlink()
        return told(shared_warehouse, run, source, name, rows)

    return deliver


def told(warehouse, run: str, source: str, name: str, rows: int | None) -> Received:
    ((outcome, batch),) = warehouse.rows(
        "select outcome, batch_id from audit.ingest_outcome where run_id = %s and file_name = %s", [run, name]
    )
    ((status, rule, zh, encoding, extra, rows_in, loaded, bad),) = warehouse.rows(
        "select status, refused_rule, refused_zh, encoding, extra_columns, rows_in, rows_loaded, rows_rejected"
        " from audit.batch where batch_id = %s",
        [batch],
    )
    raw = [
        row
        for (row,) in warehouse.rows(
            f"select to_jsonb(r) from raw.{source} r where _batch_id = %s order by _row_no", [batch]
        )
    ]
    rejected = warehouse.rows(
        "select row_no, rule, field from audit.rejected_row where batch_id = %s order by row_no", [batch]
    )
    if status == "refused":
        assert (raw, rejected, rows) == ([], [], None), "a refused file leaves nothing behind"
    else:
        assert (rows_in, loaded, bad) == (rows, len(raw), len(rejected))
        assert rows_in == len(raw) + len(rejected)
    return Received(status, rule, zh or "", encoding, extra, raw, rejected, outcome)


def number(first: int) -> list[dict[str, str]]:
    """Three rows nobody else delivers: the same bytes twice would be a duplicate."""
    return [arrears(first + offset) for offset in range(3)]


def test_the_slow_path_reads_gb18030_as_the_fast_one_does(load: Load) -> None:
    """GB 18030-2022 moved these out of the private use area, and decoders differ in age: ours have to agree."""
    moved = bytes.fromhex("FE59FE61FE66FE67FE6DFE7EFE90FEA0A6D9A6DAA6DBA6DCA6DDA6DEA6DFA6ECA6EDA6F3A8BC")
    good = csv_file(arrears(110, nsrmc="OLD")).replace(b"OLD", moved)
    slow = csv_file(arrears(111, nsrmc="OLD")).replace(b"OLD", moved) + b"1,2\r\n"
    fast_name = load(TAX, good, rows=1).column("nsrmc")
    assert load(TAX, slow, rows=2).column("nsrmc") == fast_name


@pytest.mark.parametrize("last", ["\r\n", ""], ids=["ends with a break", "ends without"])
@pytest.mark.parametrize("fault", ["", "x,y\r\n"], ids=["fast path", "slow path"])
def test_row_numbers_are_lines_of_the_original_where_fields_hold_line_breaks(load: Load, last: str, fault: str) -> None:
    first = 300 + 10 * len(fault) + len(last)
    rows = [arrears(first), arrears(first + 1, jydz="一楼\r\n二楼"), arrears(first + 2)]
    text = csv_file(*rows).decode("gb18030")
    content = (text.replace(HEADER + "\r\n", HEADER + "\r\n" + fault).removesuffix("\r\n") + last).encode("gb18030")
    found = load(TAX, content, rows=3 + bool(fault))
    in_file = content.decode("gb18030").split("\r\n")
    assert found.lines == [
        next(place for place, line in enumerate(in_file, start=1) if row["nsrsbh"] in line) for row in rows
    ]
    assert found.column("jydz")[1] == "一楼\r\n二楼"


def test_a_corrected_flag_lets_the_same_bytes_in(load: Load) -> None:
    content = csv_file(*number(710))
    assert load(TAX, content, ok=ok_file(content, rows=30), rows=None).rule == "OK_MISMATCH"
    assert load(TAX, content, ok=ok_file(content, rows=3), rows=3).status == "loaded"


@pytest.mark.parametrize("again", ["same.csv", "other.csv"], ids=["same name", "another name"])
def test_the_same_bytes_twice_change_nothing(load: Load, shared_warehouse, again: str) -> None:
    content = csv_file(*number(720 + len(again)))
    load(TAX, content, rows=3, name="same.csv")
    shared_warehouse.execute("update audit.batch set status = 'accepted' where status = 'loaded'")
    before = shared_warehouse.rows("select count(*), max(batch_id) from audit.batch, raw.tax_arrears")
    assert load(TAX, content, rows=3, name=again).outcome == "duplicate"
    assert shared_warehouse.rows("select count(*), max(batch_id) from audit.batch, raw.tax_arrears") == before


def test_partial_and_hidden_files_are_left_alone(shared_warehouse, tmp_path: Path) -> None:
    folder = tmp_path / TAX
    folder.mkdir()
    for name in ("a.csv.part", "b.csv.tmp", "c.csv.filepart", ".d.csv"):
        (folder / name).write_bytes(csv_file(arrears(740)))
    before = shared_warehouse.rows("select count(*) from audit.batch")
    receive(load_source(TAX), DAY, "partial", landing=tmp_path)
    assert shared_warehouse.rows("select count(*) from audit.batch") == before
    assert shared_warehouse.rows("select outcome from audit.ingest_outcome where run_id = 'partial'") == [("absent",)]


def test_a_file_that_still_grows_is_not_taken_until_it_rests(shared_warehouse, load: Load, tmp_path: Path) -> None:
    folder = tmp_path / TAX
    folder.mkdir()
    content = csv_file(*number(750))
    path = folder / "growing.csv"
    path.write_bytes(content[:100])
    stopped = threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as out:
            while not stopped.is_set():
                out.write(b"x")
                time.sleep(0.0005)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        receive(load_source(TAX), DAY, "growing", landing=tmp_path)
    finally:
        stopped.set()
        writer.join()
    assert shared_warehouse.rows("select outcome from audit.ingest_outcome where run_id = 'growing'") == [("absent",)]
    assert load(TAX, content, rows=3, name="growing.csv").status == "loaded"


def test_nested_persons_are_kept_as_they_came(load: Load) -> None:
    people = [{"iname": RARE, "cardNum": "6601011985****0012", "corporationtypename": "法定代表人"}]
    found = load(COURT, jsonl(listing("880", 1, qysler=people)), rows=1)
    assert json.loads(str(found.column("qysler")[0])) == people


def test_a_crash_in_the_middle_of_a_load_leaves_the_batch_received_and_loading_again_works(warehouse) -> None:
    warehouse.drop(TAX, "crash.csv", csv_file(*number(1000)))
    # The database fails at the second row, as a full disk would.
    warehouse.execute(
        "create function pg_temp_fail() returns trigger language plpgsql as $$ begin"
        " if new._row_no = 3 then raise 'disk full'; end if; return new; end $$;"
        "create trigger fail before insert on raw.tax_arrears for each row execute function pg_temp_fail()"
    )
    (batch,) = receive(load_source(TAX), DAY, "crash", landing=warehouse.landing)
    with pytest.raises(psycopg.errors.RaiseException):
        load_batch(load_source(TAX), batch)
    assert warehouse.rows("select status, rows_loaded from audit.batch") == [("received", None)]
    assert warehouse.rows("select count(*) from raw.tax_arrears") == [(0,)]

    warehouse.execute("drop trigger fail on raw.tax_arrears")
    assert receive(load_source(TAX), DAY, "again", landing=warehouse.landing) == [batch]
    assert load_batch(load_source(TAX), batch) is None
    assert load_batch(load_source(TAX), batch) is None, "loading a loaded batch changes nothing"
    assert warehouse.rows("select status, rows_in, rows_loaded, rows_rejected from audit.batch") == [
        ("loaded", 3, 3, 0)
    ]
    assert warehouse.rows("select count(*) from raw.tax_arrears") == [(3,)]


def test_the_original_is_kept_byte_for_byte_and_never_written_again(warehouse) -> None:
    content = csv_file(*number(1010))
    warehouse.drop(TAX, "kept.csv", content)
    receive(load_source(TAX), DAY, "kept", landing=warehouse.landing)
    ((sha256,),) = warehouse.rows("select sha256 from audit.batch")
    (kept,) = (path for path in (warehouse.home / "archive").rglob("*") if path.is_file())
    assert (kept.name, kept.read_bytes()) == (sha256, content)
    assert kept.stat().st_mode & 0o222 == 0
