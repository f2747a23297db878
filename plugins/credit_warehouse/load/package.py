"""An XLSX file before it is opened: a ZIP archive of XML parts that may be made to exhaust memory."""

from __future__ import annotations

import posixpath
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from credit_warehouse.load import xml_safe
from credit_warehouse.refusal import Refused

MAX_PARTS = 1000
MAX_UNPACKED = 1 << 29
MAX_RATIO = 200
RATIO_COUNTS_FROM = 1 << 24
MAX_CELLS = 40_000_000
"""Cells of the rectangle around a sheet: readers keep all of it in memory, however few cells are filled."""
MAX_MERGED = 1_000_000
BLOCK = 1 << 20
WORKBOOK, RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
ROW_NUMBER = re.compile(rb"<(?:\w+:)?row\b[^>]{0,300}?\br\s*=\s*[\"'](\d{1,9})")
FAR_COLUMN = re.compile(rb"\br\s*=\s*[\"']([A-Z]{2,9})\d")
FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
OVERLAP = 512


def require_harmless(path: Path, file_name: str) -> None:
    """Raises Refused (FILE_UNREADABLE, ZIP_BOMB, SHEET_TOO_LARGE, XML_DTD).

    Sizes in the directory of an archive may lie: every part is unpacked once, and what comes out is counted.
    """
    try:
        with ZipFile(path) as archive:
            parts = archive.infolist()
            if WORKBOOK not in archive.namelist():
                raise _unreadable(file_name)
            if len(parts) > MAX_PARTS:
                raise _bomb(file_name)
            total = 0
            allowed = min(MAX_UNPACKED, max(RATIO_COUNTS_FROM, MAX_RATIO * path.stat().st_size))
            for part in parts:
                total += _unpacked(archive, part, file_name, allowed - total)
    # zipfile raises NotImplementedError for a compression it does not know, RuntimeError for an encrypted part.
    except (BadZipFile, NotImplementedError, RuntimeError, OSError, zlib.error, EOFError) as error:
        raise _unreadable(file_name) from error


def formula_cells(path: Path) -> set[str]:
    """Cells of the first sheet that hold a formula, such as ``G3``."""
    with ZipFile(path) as archive:
        name = _first_sheet(archive)
        if name is None or not any(FORMULA.search(block) for block in _overlapping(archive, name)):
            return set()
        found: set[str] = set()
        cell = ""

        def start(tag: str, attributes: dict[str, str], line: int) -> None:
            nonlocal cell
            local = tag.rpartition(":")[2]
            if local == "c":
                cell = attributes.get("r", "")
            elif local == "f":
                found.add(cell)

        _parse(archive, name, start)
        return found


def _unpacked(archive: ZipFile, part: ZipInfo, file_name: str, allowed: int) -> int:
    """Bytes of one part, as they are and not as the directory says; more than ``allowed`` are refused."""
    if part.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise _unreadable(file_name)
    part.file_size = MAX_UNPACKED + 1  # how far the library reads at most
    sheet = part.filename.startswith("xl/worksheets/") and part.filename.endswith(".xml")
    size = 0
    last_row = width = 0
    tail = b""
    with archive.open(part) as stream:
        while block := stream.read(BLOCK):
            size += len(block)
            if size > allowed:
                raise _bomb(file_name)
            seen = tail + block
            if part.filename.endswith((".xml", ".rels")) and b"<!DOCTYPE" in seen:
                raise Refused(
                    "XML_DTD",
                    f"{file_name}：工作簿内含 DTD，整份拒收",
                    f"{file_name}: a part of the workbook declares a document type; refused whole",
                )
            if sheet:
                last_row = max([last_row, *(int(found) for found in ROW_NUMBER.findall(seen))])
                width = max([width, *(_number(found) for found in set(FAR_COLUMN.findall(seen)))])
            tail = seen[-OVERLAP:]
    if sheet and last_row * max(width, 26) > MAX_CELLS:
        raise too_large(file_name, last_row)
    return size


def _number(letters: bytes) -> int:
    """Number of a column: A is 1, AA is 27."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _overlapping(archive: ZipFile, name: str) -> Iterator[bytes]:
    tail = b""
    with archive.open(name) as stream:
        while block := stream.read(BLOCK):
            yield tail + block
            tail = block[-OVERLAP:]


def _first_sheet(archive: ZipFile) -> str | None:
    identifiers: list[str] = []
    targets: dict[str, str] = {}

    def sheet(tag: str, attributes: dict[str, str], line: int) -> None:
        if tag.rpartition(":")[2] == "sheet":
            identifiers.extend(value for name, value in attributes.items() if name.rpartition(":")[2] == "id")

    def relation(tag: str, attributes: dict[str, str], line: int) -> None:
        if tag.rpartition(":")[2] == "Relationship":
            targets[attributes.get("Id", "")] = attributes.get("Target", "")

    _parse(archive, WORKBOOK, sheet)
    if RELATIONS in archive.namelist():
        _parse(archive, RELATIONS, relation)
    target = targets.get(identifiers[0], "") if identifiers else ""
    name = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join("xl", target))
    return name if name in archive.namelist() else None


def _parse(archive: ZipFile, name: str, start: xml_safe.Start) -> None:
    with archive.open(name) as stream:
        blocks = iter(lambda: stream.read(BLOCK), b"")
        xml_safe.parse(blocks, "utf-8", start, _nothing, _nothing)


def _nothing(_: str) -> None:
    """Neither ends nor texts of elements matter here."""


def too_large(file_name: str, rows: int) -> Refused:
    """The refusal of a sheet that would fill the memory."""
    return Refused(
        "SHEET_TOO_LARGE",
        f"{file_name}：工作表或合并单元格范围过大（{rows} 行），整份拒收",
        f"{file_name}: the sheet or its merged cells span too many cells ({rows} rows); refused whole",
    )


def _unreadable(file_name: str) -> Refused:
    return Refused(
        "FILE_UNREADABLE",
        f"{file_name}：不是可读取的 XLSX 工作簿，整份拒收",
        f"{file_name}: not a readable XLSX workbook; refused whole",
    )


def _bomb(file_name: str) -> Refused:
    return Refused(
        "ZIP_BOMB",
        f"{file_name}：解压后的体积或压缩比超出限制，整份拒收",
        f"{file_name}: unpacks to more than is allowed, in size or in ratio; refused whole",
    )
