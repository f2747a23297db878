"""The gate against what is out there: officers copied as defaulters, and more people at once than was declared."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from credit_warehouse.export import export_build, removals
from credit_warehouse.gates import check_product
from credit_warehouse.report import write_report
from providers import company_listing, deletion, listing, masked, name, resident_id, uscc

COURT, ORDERS = "court_defaulters", "court_consumption_limits"
MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2026, 3, day) for day in (2, 3, 4, 5))
EXPOSURE, DIRECTIVE, NOTICE = "exposure_publication", "punishment_directive", "restricted_notice"
UNIT = 30
CASE = f"（2026）浙0102执{UNIT}号"
COPIED = (41, 42)


def order(number: int, relation: str, order_id: str, **changes: Any) -> dict[str, Any]:
    """The court restricts person ``number`` in the case against the unit."""
    return {
        "id": order_id, "XM": name(number), "XB": "男" if number % 2 else "女", "sfzhm": resident_id(number),
        "QY_MC": f"试样{UNIT}有限公司", "QY_DM": uscc(UNIT), "AH": CASE, "LASJStr": "2026年01月08日",
        "ZXFYMC": "杭州市上城区人民法院", "ryxz": relation, "infoActionType": "A",
        "updatedAt": "2026-03-01T10:00:00+08:00", **changes,
    }  # fmt: skip


def sent(warehouse: Any) -> set[str]:
    """Listings in the public list and in any directive, which here are the same."""
    found = [
        {listing_id for (listing_id,) in warehouse.rows(
            "select distinct listing_id from exports.feed_entry join marts.defaulter_listing using (item_id)"
            f" where feed ~ '{which}'"
        )}
        for which in ("^exposure$", "^punishment-")
    ]  # fmt: skip
    assert found[0] == found[1]
    return found[0]


def stopped(warehouse: Any, day: date) -> dict[str, list[str]]:
    held = export_build(warehouse.build(day))
    return {product: [check.rule for check in checks] for product, checks in held.items()}


def declare(warehouse: Any, band: str, persons: int, share: float | None = None) -> None:
    warehouse.execute("update core.harm_band set persons = %s, share = %s where band = %s", [persons, share, band])


@pytest.mark.matrix
def test_additions_wait_until_nobody_is_harmed_and_removals_never(warehouse: Any) -> None:
    warehouse.accept(MONDAY, COURT, *(listing(f"p{n}", n) for n in range(1, 5)))
    assert stopped(warehouse, MONDAY) == {}

    # A provider has written the officers of a listed unit as defaulters of their own; the court's orders name offices.
    warehouse.accept(
        TUESDAY, COURT, deletion("p1", "2026-03-03T09:00:00+08:00"), listing("p5", 5),
        company_listing("unit", UNIT, caseCode=CASE), *(listing(f"o{n}", n, caseCode=CASE) for n in COPIED),
    )  # fmt: skip
    warehouse.accept(
        TUESDAY, ORDERS, order(41, "法定代表人", "9001"), order(42, "实际控制人", "9002"),
        # Officers of other cases, and those who are not listed at all, are no copies.
        order(5, "法定代表人", "9003", AH="（2026）浙0102执99号"), order(43, "主要负责人", "9004"),
    )  # fmt: skip
    assert stopped(warehouse, TUESDAY) == {EXPOSURE: ["EXPOSURE_OFFICER"], DIRECTIVE: ["DIRECTIVE_OFFICER"]}
    assert sent(warehouse) == {"p2", "p3", "p4"}
    assert warehouse.rows(
        "select target, subjects, newly, shown from audit.gate_harm where rule_id like '%%_OFFICER' order by 1", []
    ) == [
        (product, 2, 2, ["试** " + resident_id(41)[:4] + "*" * 14] * 2) for product in (EXPOSURE, DIRECTIVE)
    ]  # fmt: skip
    page = write_report().read_text("utf-8")
    assert "曝光清单：若放行将波及 2 个主体，其中 2 个为新增" in page
    assert "联合惩戒指令：若放行将波及 2 个主体，其中 2 个为新增" in page
    for number in (*COPIED, 5, 43):
        assert not {name(number), resident_id(number), masked(resident_id(number))} & set(page.split())
        assert resident_id(number) not in page and name(number) not in page

    # Who is a debtor of his own has an order of his own; one officer is, the listing of the other was revoked.
    warehouse.accept(WEDNESDAY, ORDERS, order(41, "本人", "9005"))
    warehouse.accept(WEDNESDAY, COURT, {"id": "o42", "infoActionType": "R", "updatedAt": "2026-03-04T09:00:00+08:00"})
    assert stopped(warehouse, WEDNESDAY) == {}
    assert sent(warehouse) == {"p2", "p3", "p4", "p5", "unit", "o41"}
    assert "若放行将波及" not in write_report().read_text("utf-8"), "what has left is no longer told of as held"

    # Three at once where two, or a tenth, were declared. Whoever returns or has another listing is nobody new.
    declare(warehouse, "SWING", 2, 0.1)
    warehouse.accept(
        THURSDAY, COURT, *(listing(f"s{n}", n) for n in (51, 52, 53)), listing("p2-again", 2),
        deletion("p3", "2026-03-05T09:00:00+08:00"), listing("quiet", 54, publicity="N", notifyUnit="示例局"),
    )  # fmt: skip
    build = warehouse.build(THURSDAY)
    assert {product: [check.rule for check in checks] for product, checks in export_build(build).items()} == {
        EXPOSURE: ["EXPOSURE_SWING"], DIRECTIVE: ["DIRECTIVE_SWING"],
    }  # fmt: skip
    assert sent(warehouse) == {"p2", "p4", "p5", "unit", "o41"}
    assert warehouse.rows(
        "select subjects, newly from audit.gate_harm where rule_id = 'EXPOSURE_SWING' order by harm_id desc limit 1"
    ) == [(3, 3)]
    # The lane asks no gate either.
    warehouse.accept(THURSDAY, COURT, deletion("p4", "2026-03-05T10:00:00+08:00"))
    removals.run(THURSDAY)
    assert sent(warehouse) == {"p2", "p5", "unit", "o41"}

    # A share of a small list is less than the number, of a large one more: the wider of the two counts.
    declare(warehouse, "SWING", 0, 0.9)
    assert export_build(build) == {}
    assert sent(warehouse) == {"p2", "p2-again", "p5", "unit", "o41", "s51", "s52", "s53"}


@pytest.mark.matrix
def test_a_first_load_has_a_ceiling_and_without_a_declaration_nobody_leaves(warehouse: Any) -> None:
    declare(warehouse, "FIRST_LOAD", 1)
    warehouse.accept(
        MONDAY, COURT, listing("f1", 1), listing("f2", 2),
        *(listing(f"n{n}", n, publicity="N", notifyUnit="示例局") for n in (3, 4)),
    )  # fmt: skip
    build = warehouse.build(MONDAY)
    expected = {EXPOSURE: ["EXPOSURE_SWING"], DIRECTIVE: ["DIRECTIVE_SWING"], NOTICE: ["NOTICE_SWING"]}

    def held() -> dict[str, list[str]]:
        return {product: [check.rule for check in checks] for product, checks in export_build(build).items()}

    assert held() == expected
    assert sent(warehouse) == set()
    warehouse.execute("update core.harm_band set valid_to = %s", [MONDAY])
    assert held() == expected
    warehouse.execute("update core.harm_band set valid_to = null, persons = 2")
    assert held() == {}
    assert sent(warehouse) == {"f1", "f2"}

    # What is out there only asks to consider; a delivery that would shut doors on the same people is a swing.
    warehouse.execute(
        "update exports.feed_entry"
        " set body = regexp_replace(body, '\"(RESTRICT|BLOCK|REVOKE_HONOUR)\"', '\"REFERENCE\"')"
    )
    warehouse.execute("insert into exports.unsent_item select distinct item_id, %s from exports.feed_entry", [build])
    declare(warehouse, "SWING", 1, 0)
    assert [check.rule for check in check_product(DIRECTIVE, build)] == ["DIRECTIVE_SWING"]
    assert check_product(EXPOSURE, build) == []
    declare(warehouse, "SWING", 2, 0)
    assert check_product(DIRECTIVE, build) == []


def test_the_declared_band_is_data_with_a_law_and_dates() -> None:
    import csv

    from credit_warehouse.settings import PROJECT_ROOT

    with (PROJECT_ROOT / "dbt_project" / "seeds" / "harm_band.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["band"], row["product"]) for row in rows} == {
        (band, product) for band in ("FIRST_LOAD", "SWING") for product in (EXPOSURE, DIRECTIVE, NOTICE)
    }
    assert all(row["legal_basis"] and row["valid_from"] and int(row["persons"]) > 0 for row in rows)
