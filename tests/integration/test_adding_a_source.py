"""docs/adding-a-source.md is what a newcomer follows; this test follows it to the letter."""

from __future__ import annotations

import csv
import io
import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from credit_warehouse.identifiers import org_code_check, uscc_check
from credit_warehouse.preparation import prepare
from credit_warehouse.settings import PROJECT_ROOT, settings

PAGE = PROJECT_ROOT / "docs" / "adding-a-source.md"
FILE_BLOCK = re.compile(r"^`(dbt_project/[^`]+)`\n\n```(?:yaml|sql)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
HEADER = "pripid,uniscid,regno,entname,abntime,specause_cn,decorg_cn,pendecno,remdate,remexcpres_cn,redecorg_cn,ismove"


def code(number: int) -> str:
    """A USCC of a fictive division."""
    organisation = f"{number:08d}"
    first = f"91660101{organisation}{org_code_check(organisation)}"
    return first + uscc_check(first)


def snapshot(*rows: dict[str, str]) -> bytes:
    """A delivery in the format the page declares."""
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADER.split(","), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("gb18030")


def entry(number: int, **changes: str) -> dict[str, str]:
    """One row of the list."""
    row = dict.fromkeys(HEADER.split(","), "")
    row |= {
        "pripid": f"6601{number}",
        "uniscid": code(number),
        "entname": f"示例{number}有限公司",
        "abntime": "2025年07月01日",
        "specause_cn": "未按规定公示年度报告",
        "decorg_cn": "示例区市场监督管理局",
    }
    return row | changes


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
    item = "select item_title, status, valid_to::text from core.credit_item where source = 'registry_abnormal'"
    current = f"{item} and recorded_to = 'infinity' order by subject_name"
    source = ["registry_abnormal"]

    warehouse.drop("registry_abnormal", "a1.csv", snapshot(entry(1), entry(2), entry(3), entry(4, abntime="某日")))
    assert warehouse.ingest(date(2026, 3, 2), source) == {"registry_abnormal": [None]}
    warehouse.build(date(2026, 3, 2))
    assert warehouse.rows(current) == [("未按规定公示年度报告", "ACTIVE", None)] * 3
    assert warehouse.rows("select rule, field, row_no from audit.rejected_row") == [("DATE_INVALID", "abntime", 5)]
    assert warehouse.rows(
        "select subject_name, negative_item_count from marts.credit_record order by subject_name"
    ) == [(f"示例{number}有限公司", 1) for number in (1, 2, 3)]

    # The next day: 1 is gone from the snapshot, 2 was revoked, 3 stands.
    warehouse.drop("registry_abnormal", "a2.csv", snapshot(entry(2, remdate="2026-03-03", ismove="2"), entry(3)))
    assert warehouse.ingest(date(2026, 3, 3), source) == {"registry_abnormal": [None]}
    warehouse.build(date(2026, 3, 3))
    assert [status for _, status, _ in warehouse.rows(current)] == ["DELETED", "REVOKED", "ACTIVE"]
    assert warehouse.rows("select subject_name from marts.credit_record where negative_item_count > 0") == [
        ("示例3有限公司",)
    ]
