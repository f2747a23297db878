"""Loading originals: every row of a delivery is either in raw or rejected with its line, and nothing else happens."""

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
from providers import arrears, bank_event, csv_file, jsonl, listing, ok_file, workbook

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


# ---------- CSV: encodings


def test_gb18030_keeps_characters_of_four_bytes_and_rare_ones(load: Load) -> None:
    content = csv_file(arrears(100, nsrmc=RARE), arrears(101))
    assert RARE.encode("gb18030") in content
    found = load(TAX, content, rows=2)
    assert found.column("nsrmc") == [RARE, "试样101有限公司"]
    assert found.encoding == "gb18030"
    assert found.lines == [2, 3]


def test_the_slow_path_reads_gb18030_as_the_fast_one_does(load: Load) -> None:
    """GB 18030-2022 moved these out of the private use area, and decoders differ in age: ours have to agree."""
    moved = bytes.fromhex("FE59FE61FE66FE67FE6DFE7EFE90FEA0A6D9A6DAA6DBA6DCA6DDA6DEA6DFA6ECA6EDA6F3A8BC")
    good = csv_file(arrears(110, nsrmc="OLD")).replace(b"OLD", moved)
    slow = csv_file(arrears(111, nsrmc="OLD")).replace(b"OLD", moved) + b"1,2\r\n"
    fast_name = load(TAX, good, rows=1).column("nsrmc")
    assert load(TAX, slow, rows=2).column("nsrmc") == fast_name


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["without BOM", "with BOM"])
def test_utf_8_is_recognised_though_gb18030_was_declared(load: Load, mark: bytes) -> None:
    content = mark + csv_file(arrears(120 + len(mark), nsrmc=RARE), encoding="utf-8")
    found = load(TAX, content, rows=1)
    assert found.column("nsrmc") == [RARE]
    assert found.encoding == "utf-8"


def test_a_gb18030_byte_order_mark_is_no_part_of_the_first_column(load: Load) -> None:
    found = load(TAX, b"\x84\x31\x95\x33" + csv_file(arrears(130)), rows=1)
    assert (found.extra, found.column("nsrsbh")) == ([], [providers.uscc(130)])


def test_one_undecodable_byte_costs_one_row_of_a_gb18030_file(load: Load) -> None:
    content = csv_file(arrears(140), arrears(141, nsrmc="BAD"), arrears(142, nsrmc=RARE)).replace(
        b"BAD", b"\xb2\xff\xb2"
    )
    found = load(TAX, content, rows=3)
    assert found.rejected == [(3, "ENCODING_INVALID", "nsrmc")]
    assert found.column("nsrmc") == ["试样140有限公司", RARE]


def test_one_undecodable_byte_costs_one_row_of_a_utf_8_file(load: Load) -> None:
    rows = csv_file(arrears(150), arrears(151, nsrmc="BAD"), arrears(152, nsrmc=RARE), encoding="utf-8")
    found = load(TAX, rows.replace(b"BAD", b"\xe8\xaf"), rows=3)
    assert found.encoding == "utf-8"
    assert found.rejected == [(3, "ENCODING_INVALID", "nsrmc")]
    assert found.column("nsrmc") == ["试样150有限公司", RARE]


# ---------- CSV: lines


@pytest.mark.parametrize(("end", "first"), [("\r\n", 200), ("\n", 210)], ids=["CRLF", "LF"])
def test_line_ends_of_either_kind(load: Load, end: str, first: int) -> None:
    found = load(TAX, csv_file(*number(first), end=end), rows=3)
    assert found.lines == [2, 3, 4]
    assert found.column("fbrq") == ["2026-02-20"] * 3


def test_line_ends_of_both_kinds_in_one_file(load: Load) -> None:
    crlf, lf = csv_file(*number(220)), csv_file(*number(223), end="\n")
    found = load(TAX, crlf + lf.partition(b"\n")[2], rows=6)
    assert found.lines == [2, 3, 4, 5, 6, 7]
    assert found.column("fbrq") == ["2026-02-20"] * 6


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


def test_columns_may_come_in_another_order(load: Load) -> None:
    found = load(TAX, csv_file(*number(400), columns=providers.TAX_COLUMNS[::-1]), rows=3)
    assert found.column("nsrsbh") == [providers.uscc(400), providers.uscc(401), providers.uscc(402)]
    assert found.column("fbrq") == ["2026-02-20"] * 3


def test_an_extra_column_is_loaded_and_reported(load: Load) -> None:
    rows = [{**arrears(410), "备用 列": "甲"}, {**arrears(411), "备用 列": ""}]
    found = load(TAX, csv_file(*rows, columns=["备用 列", *providers.TAX_COLUMNS]), rows=2)
    assert found.extra == ["备用 列"]
    assert found.column("备用 列") == ["甲", None]


def test_a_renamed_column_refuses_the_file_and_names_both(load: Load) -> None:
    content = csv_file(*number(420)).replace(b"qsye", b"qsye_new", 1)
    found = load(TAX, content, rows=None)
    assert found.rule == "COLUMN_MISSING"
    assert "qsye;" in found.told.replace("；", ";") and "qsye_new" in found.told


def test_a_missing_column_refuses_the_file(load: Load) -> None:
    columns = [column for column in providers.TAX_COLUMNS if column != "fbrq"]
    rows = [{column: row[column] for column in columns} for row in number(430)]
    found = load(TAX, csv_file(*rows, columns=columns), rows=None)
    assert found.rule == "COLUMN_MISSING" and "fbrq" in found.told


def test_a_header_that_names_a_column_twice_refuses_the_file(load: Load) -> None:
    found = load(TAX, csv_file(*number(440)).replace(b"xqs", b"qsye", 1), rows=None)
    assert found.rule == "HEADER_DUPLICATE"


def test_a_header_that_cannot_be_read_refuses_the_file(load: Load) -> None:
    assert load(TAX, b"\xff\xfe" + csv_file(*number(450)), rows=None).rule == "FILE_UNREADABLE"


@pytest.mark.parametrize(("line", "first"), [("1,2,3", 500), (",".join("1234567890ab"), 510)], ids=["few", "many"])
def test_a_row_with_a_wrong_number_of_fields_is_rejected_alone(load: Load, line: str, first: int) -> None:
    whole = csv_file(*number(first))
    head, middle = whole[: len(HEADER) + 2], whole[len(HEADER) + 2 :]
    found = load(TAX, head + line.encode() + b"\r\n" + middle, rows=4)
    assert found.rejected == [(2, "FIELD_COUNT", "")]
    assert found.lines == [3, 4, 5]


def test_a_nul_byte_is_rejected_alone(load: Load) -> None:
    content = csv_file(arrears(520), arrears(521, fbjg="NUL"), arrears(522)).replace(b"NUL", b"a\0b")
    found = load(TAX, content, rows=3)
    assert found.rejected == [(3, "NUL_BYTE", "fbjg")]
    assert found.lines == [2, 4]


def test_blank_lines_are_no_rows(load: Load) -> None:
    found = load(TAX, csv_file(*number(530)) + b"\r\n\r\n", rows=3)
    assert found.rejected == []


def test_an_empty_file_is_refused(load: Load) -> None:
    assert load(TAX, b"", rows=None).rule == "COLUMN_MISSING"


def test_a_file_of_a_header_alone_has_no_rows(load: Load) -> None:
    assert load(TAX, csv_file(), rows=0).status == "loaded"


def test_a_file_cut_in_the_middle_of_a_row_is_refused_without_a_flag(load: Load) -> None:
    whole = csv_file(*number(540))
    assert load(TAX, whole[: whole.index(b"540")] + whole[-60:-30], rows=None).rule == "FILE_TRUNCATED"


def test_a_file_cut_inside_quotes_is_refused_without_a_flag(load: Load) -> None:
    """All fields are there: only the open quotation mark tells."""
    whole = csv_file(arrears(550), arrears(551, fbrq="2026-02-20\r\n补发"))
    assert load(TAX, whole[: whole.rindex("补".encode("gb18030"))], rows=None).rule == "FILE_TRUNCATED"


def test_a_stray_quotation_mark_does_not_swallow_the_rows_after_it(load: Load) -> None:
    content = csv_file(arrears(560, fbjg="QUOTE"), arrears(561), arrears(562)).replace(b"QUOTE", b'"')
    assert load(TAX, content, rows=None).rule == "FILE_TRUNCATED"


# ---------- flags and repetition


def test_a_file_as_its_flag_says_is_loaded(load: Load) -> None:
    content = csv_file(*number(600))
    assert load(TAX, content, ok=ok_file(content, rows=3), rows=3).status == "loaded"


@pytest.mark.parametrize("claims", [{"sha256": "0" * 64}, {"bytes": 1}, {"rows": 4}], ids=["sha256", "bytes", "rows"])
def test_a_file_that_contradicts_its_flag_is_refused_naming_the_difference(load: Load, claims: dict[str, Any]) -> None:
    content = csv_file(*number(610 + len(str(claims))))
    found = load(TAX, content, ok=ok_file(content, **claims), rows=None)
    assert found.rule == "OK_MISMATCH"
    ((_, claim),) = claims.items()
    assert str(claim) in found.told


def test_a_file_cut_between_rows_is_refused_by_its_flag(load: Load) -> None:
    whole = csv_file(*number(700))
    cut = whole[: whole.rindex(providers.uscc(702).encode())]
    assert load(TAX, cut, ok=ok_file(whole, rows=3), rows=None).rule == "OK_MISMATCH"


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


# ---------- JSON lines


def test_an_invalid_line_is_isolated(load: Load) -> None:
    content = jsonl(listing("800", 1)) + b'{"id": "801", \n' + jsonl(listing("802", 2))
    found = load(COURT, content, rows=3)
    assert found.rejected == [(2, "JSON_INVALID", "")]
    assert (found.column("id"), found.lines) == (["800", "802"], [1, 3])


@pytest.mark.parametrize("line", [b"17", b'"text"', b"null", b"true"])
def test_a_line_that_is_json_but_no_record_is_isolated(load: Load, line: bytes) -> None:
    found = load(COURT, jsonl(listing(f"81{line!r}", 1)) + line + b"\n", rows=2)
    assert found.rejected == [(2, "JSON_INVALID", "")]


@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800"])
def test_an_escape_that_is_no_character_is_isolated(load: Load, escape: str) -> None:
    bad = json.dumps(listing("X", 1, duty="ESCAPE")).replace("ESCAPE", escape).encode()
    found = load(COURT, jsonl(listing(f"82{escape}", 2)) + bad + b"\n", rows=2)
    assert found.rejected == [(2, "JSON_INVALID", "")]


@pytest.mark.parametrize(
    ("bad", "rule"), [(b"\xff", "ENCODING_INVALID"), (b"\0", "NUL_BYTE"), (b"\x02", "JSON_INVALID")]
)
def test_a_byte_that_is_no_text_costs_one_line(load: Load, bad: bytes, rule: str) -> None:
    lines = [jsonl(listing(f"83{bad!r}{place}", place)) for place in range(3)]
    lines[1] = lines[1].replace("支付货款".encode(), bad)
    found = load(COURT, b"".join(lines), rows=3)
    assert found.rejected == [(2, rule, "")]
    assert found.lines == [1, 3]


@pytest.mark.parametrize("ends", [(b"\r\n", b"\r\n"), (b"\n", b"\r\n")], ids=["CRLF", "mixed"])
def test_lines_may_end_with_carriage_returns_and_start_with_a_byte_order_mark(load: Load, ends: Any) -> None:
    lines = [jsonl(listing(f"84{ends[0]!r}{place}", place)).rstrip() + ends[place] for place in range(2)]
    found = load(COURT, b"\xef\xbb\xbf" + b"".join(lines), rows=2)
    assert found.lines == [1, 2]


def test_service_pages_are_taken_apart(load: Load) -> None:
    pages = [
        {"total": 3, "page": 1, "items": [listing("850", 1), listing("851", 2)]},
        {"total": 3, "page": 2, "items": [listing("852", 3)]},
        {"total": 3, "page": 3, "items": []},
    ]
    found = load(COURT, jsonl(*pages), rows=3)
    assert (found.column("id"), found.lines) == (["850", "851", "852"], [1, 2, 3])


def test_a_page_may_be_a_bare_array(load: Load) -> None:
    found = load(COURT, jsonl([listing("860", 1), listing("861", 2)], [listing("862", 3)]), rows=3)
    assert (found.column("id"), found.lines) == (["860", "861", "862"], [1, 2, 3])


def test_a_page_without_records_among_pages_is_not_lost_silently(load: Load) -> None:
    pages = jsonl({"items": [listing("870", 1)]}, {"error": "timeout"}, {"items": [listing("871", 2)]})
    found = load(COURT, pages, rows=3)
    assert found.rejected == [(2, "JSON_INVALID", "")]
    assert found.column("id") == ["870", "871"]


def test_nested_persons_are_kept_as_they_came(load: Load) -> None:
    people = [{"iname": RARE, "cardNum": "6601011985****0012", "corporationtypename": "法定代表人"}]
    found = load(COURT, jsonl(listing("880", 1, qysler=people)), rows=1)
    assert json.loads(str(found.column("qysler")[0])) == people


def test_numbers_keep_their_digits(load: Load) -> None:
    content = jsonl(listing("890", 1, age=40)).replace(b'"890"', b"12345678901234567890")
    assert load(COURT, content, rows=1).column("id") == ["12345678901234567890"]


def test_a_new_member_is_loaded_and_reported(load: Load) -> None:
    found = load(COURT, jsonl(listing("900", 1, riskLevel="高"), listing("901", 2)), rows=2)
    assert (found.extra, found.column("riskLevel")) == (["riskLevel"], ["高", None])


def test_a_renamed_key_refuses_the_file_and_names_both(load: Load) -> None:
    found = load(COURT, jsonl(listing("910", 1)).replace(b'"id"', b'"recordId"'), rows=None)
    assert found.rule == "COLUMN_MISSING"
    assert "id" in found.told and "recordId" in found.told


def test_a_last_line_that_is_cut_refuses_the_file(load: Load) -> None:
    content = jsonl(listing("920", 1), listing("921", 2))
    assert load(COURT, content[:-20], rows=None).rule == "FILE_TRUNCATED"


def test_an_empty_delta_is_a_delivery_of_no_rows(load: Load) -> None:
    assert load(COURT, b"", rows=0).status == "loaded"


# ---------- workbooks


def test_a_document_stored_as_a_number_is_rejected_and_its_cell_named(load: Load) -> None:
    bad = bank_event(2, zjhm=660101198503040028.0)
    found = load(BANK, workbook(bank_event(1), bad, bank_event(3)), rows=3)
    assert found.rejected == [(3, "ID_AS_NUMBER", "zjhm (G3)")]
    assert found.column("zjhm") == [providers.resident_id(1), providers.resident_id(3)]
    assert found.lines == [2, 4]


def test_dates_and_numbers_of_a_workbook_become_plain_text(load: Load) -> None:
    found = load(BANK, workbook(bank_event(4, fsrq=date(2026, 1, 15), yqts=30, yqje=1234.5, wjfl=RARE)), rows=1)
    (row,) = found.raw
    assert (row["fsrq"][:10], row["yqts"], row["yqje"], row["wjfl"]) == ("2026-01-15", "30", "1234.5", RARE)


def test_empty_rows_of_a_workbook_are_no_rows(load: Load) -> None:
    empty = dict.fromkeys(providers.BANK_COLUMNS, "")
    assert load(BANK, workbook(bank_event(5), empty, bank_event(6)), rows=2).lines == [2, 4]


def test_a_file_that_is_no_workbook_is_refused(load: Load) -> None:
    assert load(BANK, b"jgdm,jgmc\r\n1,2\r\n", rows=None).rule == "FILE_UNREADABLE"


def test_a_workbook_that_was_cut_is_refused(load: Load) -> None:
    assert load(BANK, workbook(bank_event(7))[:-200], rows=None).rule == "FILE_UNREADABLE"


def test_a_workbook_without_a_required_column_is_refused(load: Load) -> None:
    columns = [column for column in providers.BANK_COLUMNS if column != "sqbh"]
    found = load(BANK, workbook(bank_event(8), columns=columns), rows=None)
    assert found.rule == "COLUMN_MISSING" and "sqbh" in found.told


# ---------- crashes


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
