"""CSV: ``COPY`` of the original bytes; when PostgreSQL refuses them, row by row with the bad ones isolated."""

from __future__ import annotations

import codecs
import csv
import re
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

import psycopg

from credit_warehouse.declarations import Source
from credit_warehouse.load.header import Header
from credit_warehouse.load.rejections import Rejection
from credit_warehouse.load.target import FIELD_LIMIT, Loaded, Target
from credit_warehouse.refusal import Refused

BLOCK = 1 << 20
BOMS = {"utf-8": codecs.BOM_UTF8, "gb18030": b"\x84\x31\x95\x33"}
SERVER_ENCODING = {"utf-8": "UTF8", "gb18030": "GB18030"}
FIRST_ROW = 2  # line 1 is the header
RECORD_LIMIT = 1 << 24
"""Characters after which an open quotation mark counts as a stray one."""
REPLACEMENT = "\ufffd"
FIRST_OF_THREE_BYTES = "\u0800"
# Quotation marks and what may stand beside them, every other byte alike: one pass tells stray marks from quoting.
SHAPE = bytes(
    {ord('"'): ord("q"), ord(","): ord("d"), ord("\r"): ord("d"), ord("\n"): ord("d")}.get(byte, ord("x"))
    for byte in range(256)
)
csv.field_size_limit(sys.maxsize)


class _Doubtful(Exception):
    """COPY took the bytes, but may have read them as other rows than they are."""


def load(target: Target) -> Loaded:
    """Load one CSV file. Raises Refused for a file that cannot be read as a table at all."""
    encoding, skip = detect_encoding(target.path, target.source.ingest.encoding)
    header = target.accept_header(_header(target, encoding, skip))
    target.start_rows_at(FIRST_ROW)
    try:
        with target.connection.transaction():
            rows, breaks = _copy_bytes(target, header.columns, encoding, skip)
            if breaks + (not _ends_with_break(target.path)) > rows + 1:
                _number_by_line(target, rows, encoding, skip)
        return target.loaded(rows, encoding, header)
    except (psycopg.DataError, _Doubtful):
        return _row_by_row(target, header, encoding, skip)


def row_as_received(path: Path, source: Source, row_no: int) -> str | None:
    """The text of the record that starts at line ``row_no``, as it stands in the file."""
    encoding, skip = detect_encoding(path, source.ingest.encoding)
    for record in _records(path, encoding, skip):
        if record.line >= row_no:
            return record.text.rstrip("\r\n") if record.line == row_no else None
    return None


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
        head = stream.read(BLOCK)
    line = re.split(rb"[\r\n]", head, maxsplit=1)[0]
    try:
        if b"\0" in line or len(line) == BLOCK:
            raise csv.Error("no header line")
        return [name.strip() for name in next(csv.reader([line.decode(encoding)]))]
    except (UnicodeDecodeError, StopIteration, csv.Error) as error:
        raise Refused(
            "FILE_UNREADABLE",
            f"{target.file_name}：表头无法按 {encoding} 读取，整份拒收",
            f"{target.file_name}: the header cannot be read as {encoding}; refused whole",
        ) from error


def _copy_bytes(target: Target, columns: list[str], encoding: str, skip: int) -> tuple[int, int]:
    statement = target.copy_into(columns, f"format csv, header true, encoding '{SERVER_ENCODING[encoding]}'")
    cursor = target.connection.cursor()
    breaks = 0
    before = b"\n"
    with target.path.open("rb") as stream, cursor.copy(statement) as copy:
        stream.seek(skip)
        while block := stream.read(BLOCK):
            breaks += block.count(b"\n")
            _require_plain(before + block)
            before = block[-2:]
            copy.write(block)
    return cursor.rowcount, breaks


def _require_plain(block: bytes) -> None:
    """Raises _Doubtful for bytes that COPY reads otherwise than RFC 4180, or that hold an oversized field.

    PostgreSQL opens a quotation at any mark: two stray ones in different rows would make one row of all between.
    """
    if b'"' in block and b"xqx" in block.translate(SHAPE):
        raise _Doubtful
    # psql's end-of-data mark: servers before 18 stop there and drop the rest.
    if b"\n\\." in block:
        raise _Doubtful
    # A field beyond the limit leaves a stretch of that many bytes without a line end.
    for start in range(0, len(block) - FIELD_LIMIT // 2 + 1, FIELD_LIMIT // 2):
        if block.find(b"\n", start, start + FIELD_LIMIT // 2) < 0:
            raise _Doubtful


def _number_by_line(target: Target, rows: int, encoding: str, skip: int) -> None:
    """Fields hold line breaks: move ``_row_no`` from the count of records to the line where each record starts.

    Raises _Doubtful when the records are not those that COPY found.
    """
    target.connection.execute("create temp table line_of (record bigint, line bigint) on commit drop")
    count = 0
    with target.connection.cursor().copy("copy line_of from stdin") as copy:
        for count, record in enumerate(_records(target.path, encoding, skip), start=1):
            if record.fields is None or len(record.text) > FIELD_LIMIT:
                raise _Doubtful
            if record.line != count + FIRST_ROW - 1:
                copy.write_row((count + FIRST_ROW - 1, record.line))
    if count != rows:
        raise _Doubtful
    target.connection.execute(
        f'update raw."{target.source.name}" r set _row_no = l.line from line_of l'
        " where r._batch_id = %s and r._row_no = l.record",
        [target.batch_id],
    )
    target.connection.execute("drop table line_of")


@dataclass(frozen=True)
class _Record:
    """One record; ``fields`` is None where a quotation mark opens and nothing sensible closes it."""

    line: int
    text: str
    fields: list[str] | None


def _records(path: Path, encoding: str, skip: int) -> Iterator[_Record]:
    """Yield every data record; undecodable bytes become lone surrogates, blank lines are no records."""
    with path.open("rb") as binary:
        binary.seek(skip)
        text = TextIOWrapper(binary, encoding=encoding, errors="surrogateescape", newline="")
        lines = _Lines(enumerate(text, start=1))
        lines.take()
        while (first := lines.take()) is not None:
            line, content = first
            if content.strip("\r\n"):
                yield _Record(line, *_fields(content, lines))


class _Lines:
    """Physical lines that can be given back."""

    def __init__(self, source: Iterator[tuple[int, str]]) -> None:
        self._source = source
        self._returned: deque[tuple[int, str]] = deque()

    def take(self) -> tuple[int, str] | None:
        return self._returned.popleft() if self._returned else next(self._source, None)

    def give_back(self, lines: list[tuple[int, str]]) -> None:
        self._returned.extendleft(reversed(lines))


def _fields(content: str, lines: _Lines) -> tuple[str, list[str] | None]:
    """Fields of the record that starts with ``content``, with as many further lines as its quotation needs."""
    if '"' not in content:
        return content, content.rstrip("\r\n").split(",")
    taken: list[tuple[int, str]] = []

    def text() -> Iterator[str]:
        yield content
        size = len(content)
        while size < RECORD_LIMIT and (following := lines.take()) is not None:
            taken.append(following)
            size += len(following[1])
            yield following[1]

    try:
        fields = next(csv.reader(text(), strict=True))
    except csv.Error as error:
        # Nothing sensible closes the mark: it was a stray one, and the lines after it are rows of their own.
        lines.give_back(taken)
        is_open = bool(taken) or "unexpected end of data" in str(error)
        return content, None if is_open else next(csv.reader([content]))
    return content + "".join(line for _, line in taken), fields


def _row_by_row(target: Target, header: Header, encoding: str, skip: int) -> Loaded:
    rejections = target.rejections
    last: _Record | None = None
    opened: int | None = None

    def good() -> Iterator[tuple[int, list[str | None]]]:
        nonlocal last, opened
        for record in _records(target.path, encoding, skip):
            last = record
            verdict = _verdict(header.columns, record)
            if record.fields is None:
                opened = record.line
            elif opened is not None and len(record.fields) == len(header.columns):
                opened = None  # whole rows follow the mark: it was a stray one
            if verdict is None and record.fields is not None:
                yield record.line, [value or None for value in record.fields]
            elif verdict is not None:
                whole = record.fields is not None and len(record.fields) == len(header.columns)
                key = target.key_of(header.columns, record.fields or []) if whole else None
                rejections.add(Rejection(record.line, *verdict, record.text.rstrip("\r\n"), key))

    rows = target.copy_rows(header.columns, good())
    if opened is not None:
        raise Refused(
            "FILE_TRUNCATED",
            f"{target.file_name}：第 {opened} 行起的引号没有闭合，后面的行无法区分，整份拒收",
            f"{target.file_name}: the quotation mark opened at line {opened} is never closed; refused whole",
        )
    if last and rejections.last_row == last.line and not _ends_with_break(target.path):
        raise Refused(
            "FILE_TRUNCATED",
            f"{target.file_name}：第 {last.line} 行残缺且文件末尾没有换行，疑似传输中断，整份拒收",
            f"{target.file_name}: line {last.line} is incomplete and the file does not end with a line break;"
            " refused whole",
        )
    return target.loaded(rows, encoding, header)


def _verdict(columns: list[str], record: _Record) -> tuple[str, str] | None:
    if record.fields is None:
        return "QUOTE_UNCLOSED", ""
    if len(record.fields) != len(columns):
        return "FIELD_COUNT", ""
    for name, value in zip(columns, record.fields, strict=True):
        if "\0" in value:
            return "NUL_BYTE", name
        if len(value) > FIELD_LIMIT:
            return "FIELD_TOO_LONG", name
        if not value.isascii() and any("\udc80" <= char <= "\udcff" for char in value):
            return "ENCODING_INVALID", name
    return None


def _ends_with_break(path: Path) -> bool:
    with path.open("rb") as stream:
        if not stream.seek(0, 2):
            return True
        stream.seek(-1, 2)
        return stream.read(1) in b"\r\n"
