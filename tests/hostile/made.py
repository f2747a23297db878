"""What the cases are made of, beside the providers' own formats: archives, sheets and documents that mean harm."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any
from xml.sax.saxutils import escape

import xlsxwriter

from providers import BANK_COLUMNS, uscc

Row = dict[str, Any]
CONTENT_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>'
)
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def book(
    *rows: Row,
    columns: list[str] | None = None,
    formulas: dict[str, tuple[str, Any]] | None = None,
    merged: str = "",
    second: list[list[str]] | None = None,
    hidden: tuple[int, ...] = (),
) -> bytes:
    """A workbook of bank events with formulas (cell: formula and saved result), merged cells or a second sheet."""
    columns = columns or BANK_COLUMNS
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet("数据")
        sheets = [sheet]
        sheet.write_row(0, 0, columns)
        for line, row in enumerate(rows, start=1):
            for place, column in enumerate(columns):
                sheet.write(line, place, row[column]) if not isinstance(row[column], str) else sheet.write_string(
                    line, place, row[column]
                )
        for cell, (formula, result) in (formulas or {}).items():
            sheet.write_formula(cell, formula, None, result)
        if merged:
            sheet.merge_range(merged, "合并")
        if second is not None:
            other = workbook.add_worksheet("另一张")
            sheets.append(other)
            for line, cells in enumerate(second):
                other.write_row(line, 0, cells)
        if 0 in hidden and len(sheets) > 1:
            sheets[1].activate()
            sheets[1].set_first_sheet()
        for index in hidden:
            sheets[index].hide()
    return memory.getvalue()


def package(sheet: str | bytes, *, extra: dict[str, bytes] | None = None) -> bytes:
    """The smallest XLSX around the XML of one sheet."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", CONTENT_TYPES)
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1" Type="{RELATIONS}/officeDocument"'
            ' Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets>'
            "</workbook>",
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1" Type="{RELATIONS}/worksheet"'
            ' Target="worksheets/sheet1.xml"/></Relationships>',
        )
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
        for name, content in (extra or {}).items():
            archive.writestr(name, content)
    return memory.getvalue()


def sheet_xml(*cells: str, prolog: str = "") -> str:
    """A sheet of one text cell for each ``A1=text``; a row element of its own for each."""
    rows = []
    for cell in cells:
        place, _, text = cell.partition("=")
        number = place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        rows.append(f'<row r="{number}"><c r="{place}" t="inlineStr"><is><t>{escape(text)}</t></is></c></row>')
    return f'{prolog}<worksheet xmlns="{MAIN}"><sheetData>{"".join(rows)}</sheetData></worksheet>'


def lying_about_its_size(archive: bytes, name: str) -> bytes:
    """The same archive with the directory claiming that ``name`` unpacks to ten bytes."""
    changed = bytearray(archive)
    for signature, offset, name_at in ((b"PK\x01\x02", 24, 46), (b"PK\x03\x04", 22, 30)):
        place = changed.find(signature)
        while place >= 0:
            if changed[place + name_at :].startswith(name.encode()):
                struct.pack_into("<I", changed, place + offset, 10)
            place = changed.find(signature, place + 4)
    return bytes(changed)


def zeros(megabytes: int) -> bytes:
    """Bytes that compress a thousandfold."""
    return bytes(megabytes << 20)


def gzip_of(content: bytes) -> bytes:
    """What a provider sends who compresses without saying so."""
    packer = zlib.compressobj(wbits=31)
    return packer.compress(content) + packer.flush()


def penalty(number: int, **changes: str) -> Row:
    """One decision on a penalty in the layout of 2019, with the fields a loader looks at."""
    return {
        "CF_XDR_MC": f"示例{number}有限公司", "CF_XDR_LB": "法人及非法人组织", "CF_XDR_SHXYM": uscc(number),
        "CF_WSH": f"示市监罚〔2026〕{number}号", "CF_CFJG": "示例区市场监督管理局", **changes,
    }  # fmt: skip


def element(row: Row, columns: list[str] | None = None) -> str:
    """``<ROW>`` of a decision; columns it does not name are empty."""
    names = columns or PENALTY_COLUMNS
    return "<ROW>" + "".join(f"<{name}>{escape(str(row.get(name, '')))}</{name}>" for name in names) + "</ROW>"


def document(*rows: str, prolog: str = '<?xml version="1.0" encoding="UTF-8"?>', encoding: str = "utf-8") -> bytes:
    """A document with one row a line, starting at line 3."""
    return "\n".join([prolog, "<ROWDATA>", *rows, "</ROWDATA>", ""]).encode(encoding)


PENALTY_COLUMNS = [
    "CF_XDR_MC", "CF_XDR_LB", "CF_XDR_SHXYM", "CF_XDR_GSZC", "CF_XDR_ZZJG", "CF_XDR_SWDJ", "CF_XDR_SYDW", "CF_XDR_SHZZ",
    "CF_FRDB", "CF_FR_ZJLX", "CF_FR_ZJHM", "CF_XDR_ZJLX", "CF_XDR_ZJHM", "CF_WSH", "CF_WFXW", "CF_SY", "CF_YJ",
    "CF_CFLB", "CF_NR", "CF_NR_FK", "CF_NR_WFFF", "CF_NR_ZKDX", "CF_JDRQ", "CF_YXQ", "CF_GSJZQ", "CF_CFJG",
    "CF_CFJGDM", "CF_SJLY", "CF_SJLYDM", "BZ",
]  # fmt: skip
OLD_PENALTY_COLUMNS = [
    "CF_WSH", "CF_CFMC", "CF_CFLB1", "CF_CFLB2", "CF_SY", "CF_YJ", "CF_XDR_MC", "CF_XDR_SHXYM", "CF_XDR_ZDM",
    "CF_XDR_GSDJ", "CF_XDR_SWDJ", "CF_XDR_SFZ", "CF_FR", "CF_JG", "CF_JDRQ", "CF_XZJG", "CF_ZT", "DFBM", "SJC", "BZ",
    "GSQX", "CF_AJMC", "CF_JZRQ",
]  # fmt: skip
BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
