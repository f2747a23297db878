"""XLSX: the first sheet, every cell as text; a number in an identifier column is refused, never rounded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from python_calamine import CalamineError, CalamineWorkbook

from credit_warehouse.load.target import Loaded, Target
from credit_warehouse.refusal import Refused

Cell = int | float | str | bool | time | date | datetime | timedelta


def load(target: Target) -> Loaded:
    """Load one workbook. Raises Refused when it is not a readable workbook."""
    try:
        sheet = CalamineWorkbook.from_path(str(target.path)).get_sheet_by_index(0)
        rows = sheet.to_python(skip_empty_area=False)
    except (CalamineError, OSError, ValueError) as error:
        raise Refused(
            "FILE_UNREADABLE",
            f"{target.file_name}：不是可读取的 XLSX 工作簿",
            f"{target.file_name}: not a readable XLSX workbook",
        ) from error
    header = [str(cell).strip() for cell in rows[0]] if rows else []
    extra = target.accept_header(header)
    identifiers = set(target.source.identifier_columns) | set(target.source.ingest.key)
    rejections: list[tuple[int, str, str]] = []

    def good() -> Iterator[tuple[int, list[str | None]]]:
        for row_no, cells in enumerate(rows[1:], start=2):
            if not any(cell != "" for cell in cells):
                continue
            numeric = [
                f"{name} ({_letter(index)}{row_no})"
                for index, (name, cell) in enumerate(zip(header, cells, strict=True))
                if name in identifiers and isinstance(cell, int | float) and not isinstance(cell, bool)
            ]
            if numeric:
                rejections.append((row_no, "ID_AS_NUMBER", numeric[0]))
            else:
                yield row_no, [_text(cell) for cell in cells]

    count = target.copy_rows(header, good())
    return Loaded(count, target.reject(rejections), "xlsx", extra)


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
