"""Deliveries made by hand in the formats of the providers; nobody in them exists (no province has the number 66)."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import date
from typing import Any

import xlsxwriter

from credit_warehouse.identifiers import org_code_check, resident_id_check, uscc_check

Row = dict[str, Any]
TAX_COLUMNS = ["nsrsbh", "nsrmc", "fddbrxm", "zjhm", "jydz", "sz", "qsye", "xqs", "nsrlx", "fbjg", "fbrq"]
BANK_COLUMNS = [
    "jgdm",
    "jgmc",
    "lsh",
    "ztlx",
    "ztmc",
    "zjlx",
    "zjhm",
    "sjlx",
    "fsrq",
    "jsrq",
    "yqts",
    "yqje",
    "wjfl",
    "sqbh",
]
ADULT = date(1985, 3, 4)


def resident_id(number: int, birth: date = ADULT) -> str:
    """The document of fictive person ``number``: a man when it is odd, a woman when it is even."""
    first17 = f"66{number // 1000:02d}01{birth:%Y%m%d}{number % 1000:03d}"
    return first17 + resident_id_check(first17)


def resident_id_15(number: int, birth: date = ADULT) -> str:
    """The same document as it was written before 1999."""
    full = resident_id(number, birth)
    return full[:6] + full[8:17]


def masked(document: str) -> str:
    """The way the court shows it."""
    return f"{document[:10]}****{document[14:]}"


def uscc(number: int) -> str:
    """The unified code of fictive organisation ``number``."""
    first17 = f"91660101{org_code(number)}"
    return first17 + uscc_check(first17)


def org_code(number: int) -> str:
    """The organisation code inside that unified code."""
    return f"{number:08d}{org_code_check(f'{number:08d}')}"


def name(number: int) -> str:
    """A name that no other number has."""
    more, less = divmod(number, 20_000)
    return f"试{chr(0x4E00 + less)}{chr(0x4E00 + more) if more else ''}样"


def listing(listing_id: str, number: int, at: str = "2026-03-01T09:00:00+08:00", **changes: Any) -> Row:
    """The court lists adult ``number``; every field may be changed."""
    document = resident_id(number)
    return {
        "id": listing_id, "iname": name(number), "caseCode": f"（2026）浙0102执{number}号", "age": 40,
        "sexy": "男性" if number % 2 else "女性", "cardNum": masked(document), "businessEntity": "",
        "courtName": "杭州市上城区人民法院", "areaName": "浙江", "partyTypeName": "0",
        "gistId": f"（2025）浙0102民初{number}号", "regDate": "2026年01月08日", "gistUnit": "杭州市上城区人民法院",
        "duty": "支付货款", "performance": "全部未履行", "performedPart": "暂无", "unperformPart": "暂无",
        "disruptTypeName": "违反财产报告制度", "publishDate": "2026年02月09日", "qysler": [], "infoActionType": "A",
        "deleteReason": None, "cardNumFull": document, "birthDate": None, "decisionDate": "2026-02-08",
        "termMonths": 24, "publicity": "Y", "notifyUnit": None, "updatedAt": at, **changes,
    }  # fmt: skip


def company_listing(listing_id: str, number: int, at: str = "2026-03-01T09:00:00+08:00", **changes: Any) -> Row:
    """The court lists organisation ``number``."""
    known = {"iname": f"试样{number}有限公司", "partyTypeName": "1", "cardNum": uscc(number), "cardNumFull": None,
             "age": 0, "sexy": "", "businessEntity": name(number)}  # fmt: skip
    return listing(listing_id, number, at, **{**known, **changes})


def correction(message: Row, at: str, **changes: Any) -> Row:
    """The court corrects a listing."""
    return {**message, "infoActionType": "U", "updatedAt": at, **changes}


def deletion(listing_id: str, at: str, reason: str = "X1") -> Row:
    """The court deletes a listing and says no more than the number."""
    return {"id": listing_id, "infoActionType": "D", "deleteReason": reason, "updatedAt": at}


def revocation(listing_id: str, at: str) -> Row:
    """The court revokes a listing that should never have been."""
    return {"id": listing_id, "infoActionType": "R", "updatedAt": at}


def arrears(number: int, tax: str = "增值税", **changes: str) -> Row:
    """Organisation ``number`` owes a tax."""
    return {
        "nsrsbh": uscc(number), "nsrmc": f"试样{number}有限公司", "fddbrxm": name(number),
        "zjhm": resident_id(number), "jydz": "示例路1号", "sz": tax, "qsye": "1000.50", "xqs": "0", "nsrlx": "企业",
        "fbjg": "示例区税务局", "fbrq": "2026-02-20", **changes,
    }  # fmt: skip


def entity(number: int, at: str = "2026-03-01 09:00:00", **changes: Any) -> Row:
    """The business register on organisation ``number``."""
    return {
        "pripid": f"6601{number:08d}", "uniscid": uscc(number), "regno": "", "entname": f"试样{number}有限公司",
        "enttype": "有限责任公司", "regstate": "存续", "name": name(number), "dom": "示例路1号",
        "domdistrict": "660101000", "industryco": "F", "regcap": "100", "regcapcur": "人民币", "estdate": "2015-06-01",
        "opfrom": "2015-06-01", "opto": "9999-09-09", "apprdate": "2015-06-01", "regorg": "示例区市场监督管理局",
        "opscope": "批发", "update_time": at, **changes,
    }  # fmt: skip


def officer(number: int, at: str = "2026-03-01 09:00:00", **changes: Any) -> Row:
    """Person ``number`` as legal representative of organisation ``number``."""
    return {
        "pripid": f"6601{number:08d}", "personid": "1", "name": name(number), "position": "431A",
        "position_cn": "执行董事", "lerepsign": "1", "certype": "10", "cerno": resident_id(number),
        "sex": "1" if number % 2 else "2", "arrdate": "2015-06-01", "remdate": "", "update_time": at, **changes,
    }  # fmt: skip


def bank_event(number: int, **changes: Any) -> Row:
    """A bank reports person ``number``, who gave written consent."""
    return {
        "jgdm": "B66001", "jgmc": "示例银行", "lsh": f"L{number:06d}", "ztlx": "自然人", "ztmc": name(number),
        "zjlx": "身份证", "zjhm": resident_id(number), "sjlx": "逾期", "fsrq": "2026-01-15", "jsrq": "", "yqts": "30",
        "yqje": "5000", "wjfl": "关注", "sqbh": f"SQ{number:06d}", **changes,
    }  # fmt: skip


def jsonl(*rows: Any) -> bytes:
    """One value a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def csv_file(*rows: Row, columns: list[str] | None = None, encoding: str = "gb18030", end: str = "\r\n") -> bytes:
    """A file with its header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns or TAX_COLUMNS, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def workbook(*rows: Row, columns: list[str] | None = None) -> bytes:
    """A workbook with its header; text is written as text, numbers and dates as Excel has them."""
    columns = columns or BANK_COLUMNS
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory, {"in_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, columns)
        for line, row in enumerate(rows, start=1):
            for place, column in enumerate(columns):
                value = row[column]
                if isinstance(value, date):
                    sheet.write_datetime(line, place, value)
                elif isinstance(value, str):
                    sheet.write_string(line, place, value)
                else:
                    sheet.write(line, place, value)
    return memory.getvalue()


def ok_file(content: bytes, **claims: Any) -> bytes:
    """What a provider writes beside ``content``; claims may be changed, or left out with None."""
    told = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), **claims}
    return json.dumps({claim: value for claim, value in told.items() if value is not None}).encode()
