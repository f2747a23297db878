"""Files as providers write them: JSONL, CSV in GB18030 or UTF-8, XLSX, and the ``.ok`` beside them."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter


@dataclass(frozen=True, slots=True)
class Written:
    """A finished file."""

    path: Path
    source: str
    business_date: date
    sha256: str
    size: int
    rows: int


Row = Mapping[str, Any]


def write_jsonl(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """One object a line, UTF-8, keys in column order."""
    count = 0
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(encode({column: row[column] for column in columns}) + "\n")
            count += 1
    return count


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Row], encoding: str = "gb18030") -> int:
    """CRLF, RFC 4180 quoting."""
    count = 0
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([row[column] for column in columns])
            count += 1
    return count


def write_xlsx(path: Path, columns: Sequence[str], rows: Iterable[Row], created: date) -> int:
    """One sheet of text cells, so that no spreadsheet turns an identifier into a number."""
    count = 0
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    book.set_properties({"created": datetime.combine(created, datetime.min.time())})
    text = book.add_format({"num_format": "@"})
    sheet = book.add_worksheet("信用事件")
    for number, column in enumerate(columns):
        sheet.write_string(0, number, column)
    for count, row in enumerate(rows, start=1):
        for number, column in enumerate(columns):
            if row[column]:
                sheet.write_string(count, number, row[column], text)
    book.close()
    return count


def finish(
    path: Path, *, source: str, business_date: date, rows: int, mode: str, provider: str, with_ok: bool = True
) -> Written:
    """Describe a written file and put its ``.ok`` beside it."""
    content = path.read_bytes()
    written = Written(path, source, business_date, hashlib.sha256(content).hexdigest(), len(content), rows)
    if with_ok:
        claims = {
            "sha256": written.sha256,
            "bytes": written.size,
            "rows": rows,
            "mode": mode,
            "business_date": business_date.isoformat(),
            "provider": provider,
        }
        text = json.dumps(claims, ensure_ascii=False, indent=2)
        path.with_name(f"{path.name}.ok").write_text(f"{text}\n", encoding="utf-8")
    return written
