"""XLSX: the first sheet, every cell as text; what may have been computed or rounded is refused, never guessed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetVisibleEnum

from credit_warehouse.declarations import Source
from credit_warehouse.load import package, xml_safe
from credit_warehouse.load.header import Header
from credit_warehouse.load.rejections import Rejection
from credit_warehouse.load.target import FIELD_LIMIT, Loaded, Target
from credit_warehouse.refusal import Refused

Cell = int | float | str | bool | time | date | datetime | timedelta


def load(target: Target) -> Loaded:
    """Load one workbook. Raises Refused when it is not a readable, harmless workbook of one sheet."""
    package.require_harmless(target.path, target.file_name)
    try:
        book = CalamineWorkbook.from_path(str(target.path))
        _require_one_sheet(target, book)
        sheet = book.get_sheet_by_index(0)
        rows = sheet.to_python(skip_empty_area=False)
        formulas = package.formula_cells(target.path)
    except (CalamineError, OSError, ValueError, IndexError, xml_safe.Malformed, xml_safe.Forbidden) as error:
        raise Refused(
            "FILE_UNREADABLE",
            f"{target.file_name}：不是可读取的 XLSX 工作簿，整份拒收",
            f"{target.file_name}: not a readable XLSX workbook; refused whole",
        ) from error
    names = [str(cell).strip() for cell in rows[0]] if rows else []
    # Cells that were formatted and then cleared leave empty columns behind.
    while names and not names[-1] and all(row[len(names) - 1] == "" for row in rows):
        names.pop()
    header = target.accept_header(names)
    judge = _Judge(target, header, formulas, _merged(target, sheet, len(rows), len(names)))

    def good() -> Iterator[tuple[int, list[str | None]]]:
        for row_no, padded in enumerate(rows[1:], start=2):
            cells = padded[: len(names)]
            if not any(cell != "" for cell in padded):
                continue
            verdict = judge(row_no, cells)
            values = [_text(cell) for cell in cells]
            if verdict is None and any(cell != "" for cell in padded[len(names) :]):
                verdict = "FIELD_COUNT", ""
            if verdict:
                text = json.dumps(values, ensure_ascii=False)
                target.rejections.add(Rejection(row_no, *verdict, text, target.key_of(header.columns, values)))
            else:
                yield row_no, values

    count = target.copy_rows(header.columns, good())
    return target.loaded(count, "xlsx", header)


def row_as_received(path: Path, _source: Source, row_no: int) -> str | None:
    """The cells of row ``row_no`` of the first sheet, as JSON."""
    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python(skip_empty_area=False)
    if not 1 <= row_no <= len(rows):
        return None
    return json.dumps([_text(cell) for cell in rows[row_no - 1]], ensure_ascii=False)


class _Judge:
    """Says which rule a row breaks, and in which cell."""

    def __init__(self, target: Target, header: Header, formulas: set[str], merged: set[tuple[int, int]]) -> None:
        source = target.source
        self._columns = header.columns
        self._numbers = set(source.identifier_columns) | set(source.ingest.key)
        self._exact = source.exact_columns
        self._formulas = formulas
        self._merged = merged

    def __call__(self, row_no: int, cells: list[Cell]) -> tuple[str, str] | None:
        for index, (name, cell) in enumerate(zip(self._columns, cells, strict=True)):
            place = f"{_letter(index)}{row_no}"
            rule = self._rule(row_no, index, name, place, cell)
            if rule:
                return rule, f"{name} ({place})"
        return None

    def _rule(self, row_no: int, index: int, name: str, place: str, cell: Cell) -> str | None:
        if (row_no, index) in self._merged:
            return "CELL_MERGED"
        if place in self._formulas and (name in self._exact or cell == ""):
            # What a formula showed when it was saved is no number somebody wrote; without it there is nothing.
            return "FORMULA"
        if name in self._numbers and not isinstance(cell, str):
            return "ID_AS_NUMBER"
        if isinstance(cell, str) and len(cell) > FIELD_LIMIT:
            return "FIELD_TOO_LONG"
        if isinstance(cell, str) and "\0" in cell:
            return "NUL_BYTE"
        return None


def _require_one_sheet(target: Target, book: CalamineWorkbook) -> None:
    """A second sheet of rows, or a hidden one, would be lost without a word. Notes beside the data are ignored."""
    key = set(target.source.ingest.key)
    for index, about in enumerate(book.sheets_metadata):
        hidden = about.visible != SheetVisibleEnum.Visible
        if index == 0 and not hidden:
            continue
        first = next(iter(book.get_sheet_by_index(index).iter_rows()), [])
        if index == 0 or key <= {str(cell).strip() for cell in first}:
            rule = "SHEET_HIDDEN" if hidden else "SHEET_SECOND"
            raise Refused(
                rule,
                f"{target.file_name}：第 {index + 1} 个工作表{'被隐藏' if hidden else '也含数据'}，整份拒收",
                f"{target.file_name}: sheet {index + 1} {'is hidden' if hidden else 'holds rows as well'};"
                " refused whole",
            )


def _merged(target: Target, sheet: CalamineSheet, height: int, width: int) -> set[tuple[int, int]]:
    """Cells of data rows (row number, column) that lie under a merged one: whether its value holds there is unknown."""
    found: set[tuple[int, int]] = set()
    looked_at = 0
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or []:
        bottom, right = min(bottom, height - 1), min(right, width - 1)
        looked_at += max(bottom - top + 1, 1) * max(right - left + 1, 1)
        if looked_at > package.MAX_MERGED:
            raise package.too_large(target.file_name, height)
        found.update(
            (row + 1, column)
            for row in range(max(top, 1), bottom + 1)
            for column in range(left, right + 1)
            if (row, column) != (top, left)
        )
    return found


def _text(cell: Cell) -> str | None:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, date | datetime | time):
        return cell.isoformat()
    return str(cell) if cell != "" else None


def _letter(index: int) -> str:
    """Column letter of a zero-based index: 0 -> A, 26 -> AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
