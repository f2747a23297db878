"""Files made by hand in the published formats; every person and organisation in them is invented."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
# No province has the number 66: nobody can have this document.
REGION = "660101"


def resident_id(birth: date, order: int) -> str:
    """A resident identity number with a right check digit."""
    body = f"{REGION}{birth:%Y%m%d}{order:03d}"
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True)) % 11]


def listing(number: int, day: date, name: str = "欧阳试样") -> dict[str, Any]:
    """A new entry of an adult in the court's list."""
    person = resident_id(date(1985, 3, 4), number % 1000)
    return {
        "id": number, "iname": name, "caseCode": f"(2026)浙0102执{number}号", "age": 40,
        "sexy": "男性" if int(person[16]) % 2 else "女性", "cardNum": f"{person[:10]}****{person[14:]}",
        "businessEntity": "", "courtName": "杭州市上城区人民法院", "areaName": "浙江", "partyTypeName": "0",
        "gistId": f"（2025）浙0102民初{number}号", "regDate": "2026年01月08日", "gistUnit": "杭州市上城区人民法院",
        "duty": "支付货款10000元", "performance": "全部未履行", "performedPart": "", "unperformPart": "全部",
        "disruptTypeName": "有履行能力而拒不履行生效法律文书确定义务", "publishDate": "2026年02月09日", "qysler": [],
        "infoActionType": "A", "deleteReason": None, "cardNumFull": person, "birthDate": "1985-03-04",
        "decisionDate": "2026-02-08", "termMonths": 24, "publicity": "Y", "notifyUnit": None,
        "updatedAt": f"{day}T09:00:00+08:00",
    }  # fmt: skip


def withdrawal(message: dict[str, Any], day: date) -> dict[str, Any]:
    """The court takes ``message`` back."""
    return {**message, "infoActionType": "D", "deleteReason": "X1", "updatedAt": f"{day}T10:00:00+08:00"}


def court_messages(sandbox: Path) -> dict[str, dict[str, Any]]:
    """The last message of the sandbox's court about every listing, by its id."""
    return {
        str(message["id"]): message
        for path in sorted(sandbox.glob("*/court_defaulters/*.jsonl"))
        for message in map(json.loads, path.read_text(encoding="utf-8").splitlines())
        if message.get("id")
    }


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    """One object a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def put(folder: Path, name: str, content: bytes, *, flag_of: bytes | None = None, rows: int | None = None) -> Path:
    """Write a file, and with ``flag_of`` the ``.ok`` a provider would write for that content."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    if flag_of is not None:
        claims = {"sha256": hashlib.sha256(flag_of).hexdigest(), "bytes": len(flag_of), "rows": rows}
        path.with_name(f"{name}.ok").write_text(json.dumps({k: v for k, v in claims.items() if v is not None}))
    return path


def first_row(path: Path) -> dict[str, Any]:
    """The first object of a JSONL file."""
    with path.open(encoding="utf-8") as stream:
        return dict(json.loads(stream.readline()))
