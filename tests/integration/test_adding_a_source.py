"""docs/adding-a-source.md is what a newcomer follows; this test follows it to the letter."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from credit_warehouse.identifiers import org_code_check, resident_id_check, uscc_check
from credit_warehouse.preparation import prepare
from credit_warehouse.settings import PROJECT_ROOT, settings
from hostile import made

PAGE = PROJECT_ROOT / "docs" / "adding-a-source.md"
FILE_BLOCK = re.compile(r"^`(dbt_project/[^`]+)`\n\n```(?:yaml|sql)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COLUMN = re.compile(r"^ {10}- \{name: (\w+)", re.MULTILINE)
SOURCE = "penalty_decisions"
PERSON = f"66010119900307001{resident_id_check('66010119900307001')}"
LAYOUT_OF_2016 = made.OLD_PENALTY_COLUMNS
"""The columns of 行政处罚 as published in 2016."""


def code(number: int) -> str:
    """A USCC of a fictive division."""
    organisation = f"{number:08d}"
    first = f"91660101{organisation}{org_code_check(organisation)}"
    return first + uscc_check(first)


def delivery(*rows: dict[str, str], layout: list[str] | None = None) -> bytes:
    """A delivery in the format the page declares, in its own layout or with the given columns."""
    columns = COLUMN.findall(PAGE.read_text(encoding="utf-8"))
    lines = [
        "".join(f"<{column}>{escape(row.get(column, ''))}</{column}>" for column in (layout or columns)) for row in rows
    ]
    body = "".join(f"<ROW>{line}</ROW>\n" for line in lines)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<ROWDATA>\n{body}</ROWDATA>\n'.encode()


def decision(number: int, **changes: str) -> dict[str, str]:
    """One decision against one company."""
    row = {
        "CF_XDR_MC": f"示例{number}有限公司",
        "CF_XDR_LB": "法人及非法人组织",
        "CF_XDR_SHXYM": code(number),
        "CF_WSH": f"示市监罚〔2026〕{number}号",
        "CF_CFLB": "罚款",
        "CF_NR_FK": "0.2",
        "CF_JDRQ": "2026/02/20",
        "CF_GSJZQ": "2099-12-31",
        "CF_CFJG": "示例区市场监督管理局",
        "CF_CFJGDM": "11660101MB0000000X",
    }
    return row | changes


BROKEN = {
    "KEY_MISSING:CF_CFJG": {"CF_CFJG": "暂无"},
    "KEY_MISSING:CF_WSH": {"CF_WSH": "无"},
    "PARTY_TYPE_UNKNOWN:CF_XDR_LB": {"CF_XDR_LB": "其他"},
    "NAME_MISSING:CF_XDR_MC": {"CF_XDR_MC": ""},
    "DATE_INVALID:CF_JDRQ": {"CF_JDRQ": "某日"},
    "DATE_INVALID:CF_GSJZQ": {"CF_GSJZQ": "2026-02-30"},
    "AMOUNT_INVALID:CF_NR_FK": {"CF_NR_FK": "约两千"},
    "AMOUNT_INVALID:CF_NR_WFFF": {"CF_NR_WFFF": "若干"},
}
"""Every rule of the page, and what breaks it."""


@pytest.fixture(scope="module")
def prepared(other_warehouse, tmp_path_factory: pytest.TempPathFactory):
    """A warehouse whose project has the two files of the page."""
    folder = tmp_path_factory.mktemp("sixteenth")
    with other_warehouse(folder) as warehouse, pytest.MonkeyPatch.context() as patch:
        add_the_source(folder, patch)
        yield warehouse


@pytest.fixture
def with_the_source(prepared, other_warehouse, tmp_path: Path):
    with other_warehouse(tmp_path, like=prepared) as copy:
        yield copy


def add_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "dbt_project"
    shutil.copytree(PROJECT_ROOT / "dbt_project", project)
    files = FILE_BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    for name, content in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    assert len(files) == 2
    added = {path.relative_to(project) for path in project.rglob("*") if path.is_file()} - {
        path.relative_to(PROJECT_ROOT / "dbt_project")
        for path in (PROJECT_ROOT / "dbt_project").rglob("*")
        if path.is_file()
    }
    assert len(added) == 2
    monkeypatch.setenv("WAREHOUSE_SOURCES", str(project / "models" / "staging"))
    settings.cache_clear()
    prepare()


def test_a_source_is_added_by_the_two_files_of_the_page(with_the_source) -> None:
    current = (
        "select subject_name, item_title, amount_yuan::int, valid_to::text, status from core.credit_item"
        f" where source = '{SOURCE}' and recorded_to = 'infinity' order by subject_name"
    )
    standing = ("罚款", 2000, None, "ACTIVE")

    # Enough good rows beside the broken ones: a column that is mostly empty refuses the file.
    good = [decision(number) for number in range(1, 31)]
    bad = [decision(100 + number, **change) for number, change in enumerate(BROKEN.values())]
    with_the_source.drop(SOURCE, "a1.csv", delivery(*good, *bad))
    assert with_the_source.ingest(date(2026, 3, 2), [SOURCE]) == {SOURCE: [None]}
    with_the_source.build(date(2026, 3, 2))
    assert {row[1:] for row in with_the_source.rows(current)} == {standing}
    found = with_the_source.rows("select rule || ':' || field from audit.rejected_row order by row_no")
    assert [rule for (rule,) in found] == list(BROKEN)
    negative = "select count(*) from marts.credit_record where negative_item_count = 1"
    assert with_the_source.rows(negative) == [(30,)]

    # The next day one decision comes again with another fine and an end of its publication; a person is new.
    person = {
        "CF_XDR_MC": "示例人",
        "CF_XDR_LB": "自然人",
        "CF_XDR_SHXYM": "",
        "CF_XDR_ZJLX": "身份证",
        "CF_XDR_ZJHM": PERSON,
    }
    with_the_source.drop(
        SOURCE,
        "a2.csv",
        delivery(
            decision(1, CF_NR_FK="0.5", CF_NR_WFFF="1.25", CF_GSJZQ="2026-05-20", CF_WSH="示市监罚(2026)1号"),
            decision(31, **person),
        ),
    )
    assert with_the_source.ingest(date(2026, 3, 3), [SOURCE]) == {SOURCE: [None]}
    with_the_source.build(date(2026, 3, 3))
    found = {name: values for name, *values in with_the_source.rows(current)}
    assert found.pop("示例1有限公司") == ["罚款", 17500, "2026-05-20", "ACTIVE"]
    assert set(map(tuple, found.values())) == {standing}
    assert len(found) == 30
    assert with_the_source.rows(
        "select subject_kind, identifier_shown from marts.credit_record where subject_name = '示例人'"
    ) == [("person", f"6601011990****{PERSON[14:]}")]


def old_decision(number: int, **changes: str) -> dict[str, str]:
    """The same decision as an office sends it that still uses the layout of 2016."""
    return {
        "CF_WSH": f"示市监罚〔2026〕{number}号",
        "CF_CFLB1": "罚款",
        "CF_XDR_MC": f"示例{number}有限公司",
        "CF_XDR_SHXYM": code(number),
        "CF_JDRQ": "2026/02/20",
        "CF_XZJG": "示例区市场监督管理局",
        **changes,
    }


def test_the_older_layout_is_read_until_its_last_day(with_the_source) -> None:
    person = {"CF_XDR_MC": "示例人", "CF_XDR_SHXYM": "", "CF_XDR_SFZ": PERSON}
    either = {"CF_XDR_SFZ": PERSON}
    old = delivery(old_decision(1), old_decision(2, **person), old_decision(3, **either), layout=LAYOUT_OF_2016)
    with_the_source.drop(SOURCE, "b1.xml", old)
    with_the_source.drop(SOURCE, "b2.xml", delivery(decision(4)))
    assert with_the_source.ingest(date(2026, 6, 30), [SOURCE]) == {SOURCE: [None, None]}
    assert with_the_source.rows("select layout, extra_columns from audit.batch order by batch_id") == [
        ("2016", []),
        ("2019", []),
    ]
    with_the_source.build(date(2026, 6, 30))
    assert with_the_source.rows(
        f"select subject_name, subject_kind, item_title, authority from staging.stg_{SOURCE}"
        " where reject_rule is null order by 1"
    ) == [
        ("示例1有限公司", "organisation", "罚款", "示例区市场监督管理局"),
        ("示例4有限公司", "organisation", "罚款", "示例区市场监督管理局"),
        ("示例人", "person", "罚款", "示例区市场监督管理局"),
    ]
    assert with_the_source.rows("select row_no, rule from audit.rejected_row") == [(5, "PARTY_TYPE_UNKNOWN")]

    with_the_source.landing = with_the_source.landing.with_name("july")
    with_the_source.drop(SOURCE, "b3.xml", delivery(old_decision(5), layout=LAYOUT_OF_2016))
    ((refusal,),) = with_the_source.ingest(date(2026, 7, 1), [SOURCE]).values()
    assert refusal and refusal.rule == "COLUMN_MISSING"
    assert "CF_CFJG" in refusal.zh and "CF_XZJG" in refusal.zh and "2019" in refusal.zh
