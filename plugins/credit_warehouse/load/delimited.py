"""CSV: ``COPY`` of the original bytes; when PostgreSQL refuses them, row by row with the bad ones isolated."""

from __future__ import annotations

import codecs
import csv
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import islice
from pathlib import Path

import psycopg

from credit_warehouse.load.target import Loaded, Target
from credit_warehouse.refusal import Refused

BLOCK = 1 << 20
BOMS = {"utf-8": codecs.BOM_UTF8, "gb18030": b"\x84\x31\x95\x33"}
SERVER_ENCODING = {"utf-8": "UTF8", "gb18030": "GB18030"}
FIRST_ROW = 2  # line 1 is the header
REPLACEMENT = "\ufffd"
FIRST_OF_THREE_BYTES = "\u0800"
csv.field_size_limit(sys.maxsize)


def load(target: Target) -> Loaded:
    """Load one CSV file. Raises Refused for a file that cannot be read as a table at all."""
    encoding, skip = detect_encoding(target.path, target.source.ingest.encoding)
    header = _header(target, encoding, skip)
    extra = target.accept_header(header)
    target.start_rows_at(FIRST_ROW)
    try:
        with target.connection.transaction():
            rows, breaks = _copy_bytes(target, header, encoding, skip)
            if breaks + (not _ends_with_break(target.path)) > rows + 1:
                _number_by_line(target, encoding, skip)
        return Loaded(rows=rows, rejected=0, encoding=encoding, extra_columns=extra)
    except psycopg.DataError:
        return _row_by_row(target, header, encoding, skip, extra)


def detect_encoding(path: Path, declared: str) -> tuple[str, int]:
    """Return (encoding, bytes of byte-order mark): a BOM, else what the first block reads as, else as declared.

    Chinese text in GB18030 holds practically no valid three-byte sequence of UTF-8; UTF-8 with a few broken bytes
    is still full of them, and read as GB18030 it would turn into other characters without an error.
    """
    with path.open("rb") as stream:
        head = stream.read(BLOCK)
    for encoding, bom in BOMS.items():
        if head.startswith(bom):
            return encoding, len(bom)
    if head.isascii():
        return declared, 0
    # final=False: the block may end inside a character
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head, final=False)
    broken = text.count(REPLACEMENT)
    intact = sum(char >= FIRST_OF_THREE_BYTES for char in text) - broken
    return ("utf-8" if broken == 0 or intact > broken else "gb18030"), 0


def _header(target: Target, encoding: str, skip: int) -> list[str]:
    with target.path.open("rb") as stream:
        stream.seek(skip)
        line = stream.readline(BLOCK)
    try:
        return [name.strip() for name in next(csv.reader([line.decode(encoding)]))]
    except (UnicodeDecodeError, StopIteration, csv.Error) as error:
        raise Refused(
            "FILE_UNREADABLE",
            f"{target.file_name}：表头无法按 {encoding} 解码",
            f"{target.file_name}: the header cannot be decoded as {encoding}",
        ) from error


def _copy_bytes(target: Target, header: list[str], encoding: str, skip: int) -> tuple[int, int]:
    statement = target.copy_into(header, f"format csv, header true, encoding '{SERVER_ENCODING[encoding]}'")
    cursor = target.connection.cursor()
    breaks = 0
    with target.path.open("rb") as stream, cursor.copy(statement) as copy:
        stream.seek(skip)
        while block := stream.read(BLOCK):
            breaks += block.count(b"\n")
            copy.write(block)
    return cursor.rowcount, breaks


def _number_by_line(target: Target, encoding: str, skip: int) -> None:
    """Fields hold line breaks: move ``_row_no`` from the count of records to the line where each record starts."""
    target.connection.execute("create temp table line_of (record bigint, line bigint) on commit drop")
    with target.connection.cursor().copy("copy line_of from stdin") as copy:
        for record, (line, _fields) in enumerate(_records(target.path, encoding, skip), start=FIRST_ROW):
            if line != record:
                copy.write_row((record, line))
    target.connection.execute(
        f'update raw."{target.source.name}" r set _row_no = l.line from line_of l'
        " where r._batch_id = %s and r._row_no = l.record",
        [target.batch_id],
    )
    target.connection.execute("drop table line_of")


def _records(path: Path, encoding: str, skip: int) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, fields) of every data record; undecodable bytes become lone surrogates."""
    with path.open("rb") as binary:
        binary.seek(skip)
        reader = csv.reader(TextIOWrapper(binary, encoding=encoding, errors="surrogateescape", newline=""))
        next(reader)
        line = reader.line_num + 1
        for fields in reader:
            yield line, fields
            line = reader.line_num + 1


def _row_by_row(target: Target, header: list[str], encoding: str, skip: int, extra: list[str]) -> Loaded:
    rejections: list[tuple[int, str, str]] = []
    last_line = 0

    def good() -> Iterator[tuple[int, list[str | None]]]:
        nonlocal last_line
        for line, fields in _records(target.path, encoding, skip):
            if not fields:
                continue
            last_line = line
            verdict = _verdict(header, fields)
            if verdict:
                rejections.append((line, *verdict))
            else:
                yield line, [value or None for value in fields]

    rows = target.copy_rows(header, good())
    if _ends_inside_quotes(target.path, encoding, skip, last_line):
        raise Refused(
            "FILE_TRUNCATED",
            f"{target.file_name}：第 {last_line} 行起的引号没有闭合，后面的行无法区分，整份拒收",
            f"{target.file_name}: the quotation mark opened at line {last_line} is never closed; refused whole",
        )
    if rejections and rejections[-1][0] == last_line and not _ends_with_break(target.path):
        raise Refused(
            "FILE_TRUNCATED",
            f"{target.file_name}：第 {last_line} 行残缺且文件末尾没有换行，疑似传输中断，整份拒收",
            f"{target.file_name}: line {last_line} is incomplete and the file does not end with a line break;"
            " refused whole",
        )
    return Loaded(rows, target.reject(rejections), encoding, extra)


def _ends_inside_quotes(path: Path, encoding: str, skip: int, last_line: int) -> bool:
    """Whether the last record, which starts at ``last_line``, is still quoted where the file ends."""
    with path.open("rb") as binary:
        binary.seek(skip)
        text = TextIOWrapper(binary, encoding=encoding, errors="surrogateescape", newline="")
        try:
            list(csv.reader(islice(text, max(last_line - 1, 0), None), strict=True))
        except csv.Error as error:
            return "unexpected end of data" in str(error)
    return False


def _verdict(header: list[str], fields: list[str]) -> tuple[str, str] | None:
    if len(fields) != len(header):
        return "FIELD_COUNT", ""
    for name, value in zip(header, fields, strict=True):
        if "\0" in value:
            return "NUL_BYTE", name
        if any("\udc80" <= char <= "\udcff" for char in value):
            return "ENCODING_INVALID", name
    return None


def _ends_with_break(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(-1, 2)
        return stream.read(1) == b"\n"
