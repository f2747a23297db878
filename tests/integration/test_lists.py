"""Lists, orders, objections: what hand-made deliveries of the newer sources become. Nobody in them exists."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

import providers
from credit_warehouse.declarations import load_source

MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
Row = dict[str, Any]


def columns(source: str) -> list[str]:
    return [column.name for column in load_source(source).columns]


def deliver(warehouse, source: str, day: date, *rows: Row) -> None:
    """Take one delivery into the record; columns that are not given are empty."""
    kind, encoding = load_source(source).ingest.format, load_source(source).ingest.encoding
    names = columns(source)
    filled = [{**dict.fromkeys(names, ""), **row} for row in rows]
    content = (
        providers.jsonl(*rows)
        if kind == "jsonl"
        else providers.workbook(*filled, columns=names)
        if kind == "xlsx"
        else providers.csv_file(*filled, columns=names, encoding=encoding)
    )
    warehouse.drop(source, f"{source}_{day:%Y%m%d}.{kind}", content)
    assert warehouse.ingest(day, [source])[source][-1] is None
    warehouse.build(day)


def entry(number: int, **changes: str) -> Row:
    return {
        "pripid": f"6601{number:08d}",
        "uniscid": providers.uscc(number),
        "entname": f"试样{number}有限公司",
        "abntime": "2025-07-01",
        "specause_cn": "通过登记的住所或者经营场所无法联系",
        **changes,
    }


def states(warehouse, source: str) -> dict[str, str]:
    return dict(
        warehouse.rows(
            f"select subject_name, status from core.credit_item where source = '{source}' and recorded_to = 'infinity'"
        )
    )


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (providers.resident_id(1), "person"),
        (providers.masked(providers.resident_id(1)), "person"),
        (providers.resident_id(1)[:17] + "?", None),
        (providers.uscc(1), "organisation"),
        (providers.org_code(1), "organisation"),
        # Fifteen digits may be a person of old, a registration number or a taxpayer's number.
        (providers.resident_id_15(1), None),
        ("12345", None),
        (None, None),
    ],
)
def test_a_number_that_could_be_either_tells_no_kind(warehouse, number: str | None, kind: str | None) -> None:
    assert warehouse.rows("select staging.identifier_kind(%s)", [number]) == [(kind,)]
    subject = warehouse.rows("select staging.subject_id(staging.identifier_kind(%s), %s) is null", [number, number])
    assert subject == [(kind is None or "*" in str(number),)]


def test_a_taxpayer_with_an_old_number_is_the_record_of_nobody(warehouse) -> None:
    row = {"nsrsbh": providers.resident_id_15(3), "nsrmc": "试样3有限公司", "pjnd": "2025", "xydj": "D",
           "pdsj": "2026-02-01"}  # fmt: skip
    deliver(warehouse, "tax_credit_ratings", MONDAY, row)
    assert warehouse.rows(
        "select subject_id, subject_kind, polarity from core.credit_item where source = 'tax_credit_ratings'"
    ) == [(None, None, "negative")]
    shown = warehouse.rows("select identifier_shown from core.credit_item")
    assert "****" in shown[0][0]


def test_an_entry_ends_in_three_ways(warehouse) -> None:
    source = "registry_abnormal"
    deliver(warehouse, source, MONDAY, *(entry(number) for number in range(1, 7)))
    deliver(
        warehouse,
        source,
        TUESDAY,
        entry(1, remdate="2026-03-03", ismove="1"),
        entry(2, remdate="2026-03-03", ismove="2"),
        entry(3, remdate="2026-03-03"),
        entry(4, ismove="3"),
        entry(5, remdate="2026-02-30", ismove="2"),
        entry(6),
    )
    names = [f"试样{number}有限公司" for number in range(1, 7)]
    # A row that cannot be read removes nothing.
    expected = ["DELETED", "REVOKED", "DELETED", "ACTIVE", "ACTIVE", "ACTIVE"]
    assert states(warehouse, source) == dict(zip(names, expected, strict=True))
    deliver(warehouse, source, WEDNESDAY, *(entry(number) for number in (4, 6, 7, 8)))
    # Left out: what had been revoked stays revoked; what was unreadable and is gone now has ended.
    expected = ["DELETED", "REVOKED", "DELETED", "ACTIVE", "DELETED", "ACTIVE"]
    found = states(warehouse, source)
    assert [found[name] for name in names] == expected


def order(number: int, at: str = "2026-03-02T09:00:00+08:00", **changes: Any) -> Row:
    """Person ``number`` is restricted for what organisation ``number`` owes."""
    return {
        "id": 1000 + number, "XM": providers.name(number), "XB": "男" if number % 2 else "女",
        "sfzhm": providers.resident_id(number), "QY_MC": f"试样{number}有限公司", "QY_DM": providers.uscc(number),
        "AH": f"（2026）浙0102执{number}号", "LASJStr": "2026年01月08日", "ZXFYMC": "杭州市上城区人民法院",
        "ryxz": "法定代表人", "infoActionType": "A", "updatedAt": at, **changes,
    }  # fmt: skip


def test_an_order_is_an_item_of_the_person_and_of_nobody_else(warehouse) -> None:
    lifted = {"id": 1003, "infoActionType": "D", "updatedAt": "2026-03-02T10:00:00+08:00"}
    deliver(warehouse, "court_consumption_limits", MONDAY, order(1), order(3), lifted)
    assert states(warehouse, "court_consumption_limits") == {
        providers.name(1): "ACTIVE",
        providers.name(3): "DELETED",
    }
    assert warehouse.rows("select subject_kind, count(*) from core.subject group by 1") == [("person", 2)]
    for table in ("marts.defaulter_listing", "exports.exposure_publication", "exports.punishment_directive"):
        assert warehouse.rows(f"select count(*) from {table}") == [(0,)]
    assert warehouse.rows(
        "select catalogue_class, defaulter_listing_count from marts.credit_record_item"
        " join marts.credit_record using (subject_id)"
    ) == [("司法裁判及执行信息", 0)]


def objection(number: str, **changes: Any) -> Row:
    return {
        "yybh": number, "sqrmc": providers.name(1), "zjhm": providers.resident_id(1), "yylx": "非本人",
        "dxid": "700000001", "sqsj": "2026-03-02 09:00:00", "cljg": None, "clsj": None, "cljgdm": None,
        "infoActionType": "A", **changes,
    }  # fmt: skip


def decided(number: str, result: str, at: str) -> Row:
    return objection(number, infoActionType="U", cljg=result, clsj=at)


def withdrawn(number: str, **changes: Any) -> Row:
    return {"yybh": number, "sqsj": "2026-03-02 09:00:00", "infoActionType": "D", **changes}


def test_the_latest_word_on_an_objection_counts_and_not_the_order_of_arrival(warehouse) -> None:
    def found() -> dict[str, str]:
        return dict(warehouse.rows("select objection_id, status from core.objection where recorded_to = 'infinity'"))

    deliver(
        warehouse,
        "objections",
        MONDAY,
        *(objection(number) for number in ("open", "late", "withdrawn", "corrected", "again", "decided")),
        decided("early", "成立", "2026-03-03 10:00:00"),
    )
    assert found() == {
        **dict.fromkeys(("open", "late", "withdrawn", "corrected", "again", "decided"), "OPEN"),
        "early": "UPHELD",
    }
    deliver(
        warehouse,
        "objections",
        TUESDAY,
        objection("early"),
        decided("late", "不成立", "2026-03-03 09:00:00"),
        *(withdrawn(number) for number in ("withdrawn", "corrected", "again", "decided")),
    )
    assert found() == {
        "open": "OPEN",
        "early": "UPHELD",
        "late": "DISMISSED",
        **dict.fromkeys(("withdrawn", "corrected", "again", "decided"), "WITHDRAWN"),
    }
    deliver(
        warehouse,
        "objections",
        WEDNESDAY,
        decided("late", "成立", "2026-03-04 09:00:00"),
        objection("corrected", infoActionType="U", yylx="信息不准"),
        objection("again", sqsj="2026-03-04 08:00:00"),
        decided("decided", "成立", "2026-03-04 09:00:00"),
    )
    last = {
        "open": "OPEN",
        "early": "UPHELD",
        "late": "UPHELD",
        "withdrawn": "WITHDRAWN",
        # A correction brings nothing back; filing again does, and so does the decision of the office.
        "corrected": "WITHDRAWN",
        "again": "OPEN",
        "decided": "UPHELD",
    }
    assert found() == last
    assert warehouse.rows(
        "select count(*) from core.objection where recorded_to = 'infinity' and contested_id <> '700000001'"
    ) == [(0,)]


def test_an_objection_stands_when_nobody_can_be_told_from_the_number(warehouse) -> None:
    deliver(warehouse, "objections", MONDAY, objection("old", zjhm=providers.resident_id_15(1)))
    assert warehouse.rows("select subject_id, status from core.objection") == [(None, "OPEN")]


def test_a_passport_is_no_key_of_a_person(warehouse) -> None:
    refusal = {"jgdm": "B66001", "jgmc": "示例银行", "ywlx": "贷款", "sjje": "5000", "jjrq": "2026-03-01"}
    deliver(
        warehouse,
        "bank_rejections",
        MONDAY,
        {**refusal, "lsh": "1", "ztmc": providers.name(1), "zjlx": "护照", "zjhm": "E12345678"},
        {**refusal, "lsh": "2", "ztmc": "试样2有限公司", "zjlx": "统一社会信用代码", "zjhm": providers.uscc(2)},
    )
    assert warehouse.rows(
        "select serial_number, subject_kind, subject_id is null from staging.stg_bank_rejections order by 1"
    ) == [("1", "person", True), ("2", "organisation", False)]


def test_a_repair_of_a_unit_is_not_one_of_its_representative(warehouse) -> None:
    row = {"jdwsh": "信修〔2026〕1号", "ztmc": "试样1有限公司", "tyshxydm": providers.uscc(1),
           "wsh": "税稽罚〔2025〕9号", "zjhm": providers.resident_id(1), "xfsx": "重大税收违法",
           "xfrq": "2026-03-01"}  # fmt: skip
    deliver(warehouse, "credit_repairs", MONDAY, row)
    assert warehouse.rows("select subject_kind, repaired_document from staging.stg_credit_repairs") == [
        ("organisation", "税稽罚(2025)9号")
    ]
    assert warehouse.rows("select subject_kind from core.subject") == [("organisation",)]
