"""docs/adding-a-source.md is what a newcomer follows; this test follows it to the letter."""

from __future__ import annotations

import csv
import io
import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from credit_warehouse.identifiers import org_code_check, resident_id_check, uscc_check
from credit_warehouse.preparation import prepare
from credit_warehouse.settings import PROJECT_ROOT, settings

PAGE = PROJECT_ROOT / "docs" / "adding-a-source.md"
FILE_BLOCK = re.compile(r"^`(dbt_project/[^`]+)`\n\n```(?:yaml|sql)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COLUMN = re.compile(r"^ {10}- \{name: (\w+)", re.MULTILINE)
SOURCE = "penalty_decisions"


def code(number: int) -> str:
    """A USCC of a fictive division."""
    organisation = f"{number:08d}"
    first = f"91660101{organisation}{org_code_check(organisation)}"
    return first + uscc_check(first)


def delivery(*rows: dict[str, str]) -> bytes:
    """A delivery in the format the page declares."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMN.findall(PAGE.read_text(encoding="utf-8")), lineterminator="\r\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


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
    "KEY_MISSING:CF_CFJGDM": {"CF_CFJGDM": "暂无"},
    "KEY_MISSING:CF_WSH": {"CF_WSH": "无"},
    "PARTY_TYPE_UNKNOWN:CF_XDR_LB": {"CF_XDR_LB": "其他"},
    "NAME_MISSING:CF_XDR_MC": {"CF_XDR_MC": ""},
    "DATE_INVALID:CF_JDRQ": {"CF_JDRQ": "某日"},
    "DATE_INVALID:CF_GSJZQ": {"CF_GSJZQ": "2026-02-30"},
    "AMOUNT_INVALID:CF_NR_FK": {"CF_NR_FK": "约两千"},
    "AMOUNT_INVALID:CF_NR_WFFF": {"CF_NR_WFFF": "若干"},
}
"""Every rule of the page, and what breaks it."""


@pytest.fixture
def project_with_the_source(warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
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
    return project


def test_a_source_is_added_by_the_two_files_of_the_page(warehouse, project_with_the_source: Path) -> None:
    current = (
        "select subject_name, item_title, amount_yuan::int, valid_to::text, status from core.credit_item"
        f" where source = '{SOURCE}' and recorded_to = 'infinity' order by subject_name"
    )
    standing = ("罚款", 2000, None, "ACTIVE")

    # Enough good rows beside the broken ones: a column that is mostly empty refuses the file.
    good = [decision(number) for number in range(1, 31)]
    bad = [decision(100 + number, **change) for number, change in enumerate(BROKEN.values())]
    warehouse.drop(SOURCE, "a1.csv", delivery(*good, *bad))
    assert warehouse.ingest(date(2026, 3, 2), [SOURCE]) == {SOURCE: [None]}
    warehouse.build(date(2026, 3, 2))
    assert {row[1:] for row in warehouse.rows(current)} == {standing}
    found = warehouse.rows("select rule || ':' || field from audit.rejected_row order by row_no")
    assert [rule for (rule,) in found] == list(BROKEN)
    negative = "select count(*) from marts.credit_record where negative_item_count = 1"
    assert warehouse.rows(negative) == [(30,)]

    # The next day one decision comes again with another fine and an end of its publication; a person is new.
    person = {
        "CF_XDR_MC": "示例人",
        "CF_XDR_LB": "自然人",
        "CF_XDR_SHXYM": "",
        "CF_XDR_ZJLX": "身份证",
        "CF_XDR_ZJHM": f"66010119900307001{resident_id_check('66010119900307001')}",
    }
    warehouse.drop(
        SOURCE,
        "a2.csv",
        delivery(
            decision(1, CF_NR_FK="0.5", CF_NR_WFFF="1.25", CF_GSJZQ="2026-05-20", CF_WSH="示市监罚(2026)1号"),
            decision(31, **person),
        ),
    )
    assert warehouse.ingest(date(2026, 3, 3), [SOURCE]) == {SOURCE: [None]}
    warehouse.build(date(2026, 3, 3))
    found = {name: values for name, *values in warehouse.rows(current)}
    assert found.pop("示例1有限公司") == ["罚款", 17500, "2026-05-20", "ACTIVE"]
    assert set(map(tuple, found.values())) == {standing}
    assert len(found) == 30
    assert warehouse.rows(
        "select subject_kind, identifier_shown from marts.credit_record where subject_name = '示例人'"
    ) == [("person", f"6601011990****{person['CF_XDR_ZJHM'][14:]}")]
