"""XML: one element a row, one child element a field (双公示: ``<ROWDATA><ROW>…``), read as a stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from credit_warehouse.declarations import Source
from credit_warehouse.load import xml_safe
from credit_warehouse.load.header import MAX_COLUMNS, Header
from credit_warehouse.load.rejections import Rejection
from credit_warehouse.load.target import FIELD_LIMIT, Loaded, Target
from credit_warehouse.refusal import Refused

HEAD = 1024


@dataclass
class _Row:
    """One row element and what was found in it."""

    line: int
    fields: dict[str, str] = field(default_factory=dict)
    fault: tuple[str, str] | None = None


def load(target: Target) -> Loaded:
    """Load one XML file. Raises Refused for a document that is not well-formed or declares a document type.

    It is read twice: the fields of all rows make the header, and nothing is written of a file that ends too early.
    """
    with target.path.open("rb") as stream:
        head = stream.read(HEAD)
    try:
        encoding = xml_safe.encoding_of(head, target.source.ingest.encoding)
    except xml_safe.UnknownEncoding as unknown:
        raise Refused(
            "FILE_UNREADABLE",
            f"{target.file_name}：XML 声明的编码 {unknown} 不受支持，整份拒收",
            f"{target.file_name}: the encoding {unknown} named by the document is not supported; refused whole",
        ) from unknown
    names: dict[str, None] = {}
    strays = _read(target, encoding, lambda row: names.update(dict.fromkeys(list(row.fields)[: MAX_COLUMNS + 1])))
    if strays:
        raise Refused(
            "XML_STRUCTURE",
            f"{target.file_name}：第 {strays[0]} 行有不属于任何 <{target.source.ingest.row_element}> 的内容，整份拒收",
            f"{target.file_name}: line {strays[0]} holds something outside every <{target.source.ingest.row_element}>;"
            " refused whole",
        )
    header = target.accept_header(list(names)) if names else Header([], [], [], target.source.ingest.version)
    rows = _copy(target, encoding, header) if names else _reject_empty(target, encoding)
    return target.loaded(rows, encoding, header)


def _reject_empty(target: Target, encoding: str) -> int:
    _read(target, encoding, lambda row: target.rejections.add(Rejection(row.line, "FIELD_COUNT")))
    return 0


def _copy(target: Target, encoding: str, header: Header) -> int:
    statement = target.copy_into(["_row_no", *header.columns], "format text")
    count = 0
    with target.connection.cursor().copy(statement) as copy:

        def take(row: _Row) -> None:
            nonlocal count
            values = [row.fields.get(name) or None for name in header.names]
            verdict = row.fault or _verdict(row)
            if verdict:
                text = json.dumps(row.fields, ensure_ascii=False)
                key = target.key_of(header.columns, values)
                target.rejections.add(Rejection(row.line, *verdict, text.replace(xml_safe.UNDECODABLE, "\ufffd"), key))
            else:
                copy.write_row([str(row.line), *values])
                count += 1

        _read(target, encoding, take)
    return count


def _verdict(row: _Row) -> tuple[str, str] | None:
    if not row.fields:
        return "FIELD_COUNT", ""
    for name, value in row.fields.items():
        if xml_safe.UNDECODABLE in value:
            return "ENCODING_INVALID", name
    return None


def row_as_received(path: Path, source: Source, row_no: int) -> str | None:
    """The fields of the row element that starts at line ``row_no``, as JSON; None where several start there."""
    found: list[dict[str, str]] = []
    with path.open("rb") as stream:
        encoding = xml_safe.encoding_of(stream.read(HEAD), source.ingest.encoding)
    reader = _Reader(
        source.ingest.row_element or "", lambda row: found.append(row.fields) if row.line == row_no else None
    )
    xml_safe.parse(_blocks(path), encoding, reader.start, reader.end, reader.text)
    return json.dumps(found[0], ensure_ascii=False) if len(found) == 1 else None


def _read(target: Target, encoding: str, take: Callable[[_Row], object]) -> list[int]:
    """Hand every row to ``take``; return the lines of elements that stand outside the rows."""
    reader = _Reader(target.source.ingest.row_element or "", take)
    try:
        xml_safe.parse(_blocks(target.path), encoding, reader.start, reader.end, reader.text)
    except xml_safe.Forbidden as forbidden:
        raise Refused(
            "XML_DTD",
            f"{target.file_name}：XML 含有 DTD 或实体声明，整份拒收",
            f"{target.file_name}: the document declares a document type or entities; refused whole",
        ) from forbidden
    except xml_safe.Malformed as broken:
        rule = "FILE_TRUNCATED" if broken.cut else "FILE_UNREADABLE"
        raise Refused(
            rule,
            f"{target.file_name}：XML 在第 {broken.line} 行不完整或不合语法，整份拒收",
            f"{target.file_name}: the XML is incomplete or malformed at line {broken.line}; refused whole",
        ) from broken
    return reader.strays


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(xml_safe.BLOCK):
            yield block


class _Reader:
    """Rows are the children of the root, fields the children of a row."""

    def __init__(self, row_element: str, take: Callable[[_Row], object]) -> None:
        self._row_element = row_element
        self._take = take
        self._row: _Row | None = None
        self._field: str | None = None
        self._parts: list[str] = []
        self._length = 0
        self._line = 1
        self.depth = 0
        self.strays: list[int] = []

    def start(self, name: str, attributes: dict[str, str], line: int) -> None:
        """An element opens."""
        self.depth += 1
        self._line = line
        if self.depth == 2:
            if name == self._row_element:
                self._row = _Row(line)
            elif not self.strays:
                self.strays.append(line)
        elif self._row is not None and self.depth == 3:
            self._field, self._parts, self._length = name, [], 0
            if name in self._row.fields:
                self._row.fault = self._row.fault or ("FIELD_TWICE", name)
            elif len(self._row.fields) > MAX_COLUMNS:
                self._row.fault = self._row.fault or ("FIELD_COUNT", "")
        elif self._row is not None and self._field is not None:
            self._row.fault = self._row.fault or ("FIELD_NESTED", self._field)

    def text(self, data: str) -> None:
        """Characters of a field; between fields only white space has a place."""
        if self._field is None or self._row is None:
            if not data.isspace() and self._row is not None:
                self._row.fault = self._row.fault or ("FIELD_NESTED", "")
            elif not data.isspace() and not self.strays:
                self.strays.append(self._line)
            return
        self._length += len(data)
        if self._length > FIELD_LIMIT:
            self._row.fault = self._row.fault or ("FIELD_TOO_LONG", self._field)
        else:
            self._parts.append(data)

    def end(self, name: str) -> None:
        """An element closes."""
        if self._row is not None and self.depth == 3 and self._field is not None:
            if len(self._row.fields) <= MAX_COLUMNS:
                self._row.fields[self._field] = "".join(self._parts)
            self._field = None
        elif self._row is not None and self.depth == 2:
            self._take(self._row)
            self._row = None
        self.depth -= 1
