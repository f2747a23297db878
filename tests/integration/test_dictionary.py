"""The dictionary: every column of what leaves the house has a Chinese label, in the page and in the database."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from credit_warehouse import dictionary
from credit_warehouse.declarations import load_source

CHINESE = re.compile(r"[\u4e00-\u9fff]")
COLUMNS = """
select nspname || '.' || relname, attname, coalesce(col_description(pg_class.oid, attnum), ''),
    coalesce(obj_description(pg_class.oid), '')
from pg_attribute join pg_class on pg_class.oid = attrelid join pg_namespace on pg_namespace.oid = relnamespace
where nspname = any(%s) and relkind in ('r', 'v') and attnum > 0 and not attisdropped
"""


@pytest.fixture(scope="module")
def page(shared_warehouse: Any) -> str:
    return dictionary.build().read_text(encoding="utf-8")


def test_every_table_and_column_of_marts_and_exports_has_a_chinese_label(shared_warehouse: Any) -> None:
    found = shared_warehouse.rows(COLUMNS, [["marts", "exports"]])
    assert len(found) > 250
    assert [f"{table}.{column}" for table, column, label, _ in found if not CHINESE.search(label)] == []
    assert {table for table, _, _, about in found if not CHINESE.search(about)} == set()


def test_declared_columns_of_raw_tables_are_commented(shared_warehouse: Any) -> None:
    said = {column: label for table, column, label, _ in shared_warehouse.rows(COLUMNS, [["raw"]])
            if table == "raw.tax_arrears"}  # fmt: skip
    assert {column.name: column.label for column in load_source("tax_arrears").columns}.items() <= said.items()


def test_the_page_has_every_table_of_the_database(shared_warehouse: Any, page: str) -> None:
    tables = {table for table, *_ in shared_warehouse.rows(
        COLUMNS, [["raw", "core", "vault", "marts", "analysis", "exports", "audit"]])}  # fmt: skip
    assert set(re.findall(r'<section id="([^"]+)" data-table>', page)) == tables
    assert "http://" not in page and "https://" not in page


def test_a_column_shows_type_values_and_whether_it_is_personal(page: str) -> None:
    listing = page.split('<section id="marts.defaulter_listing"')[1].split("</section>")[0]
    row = {cells[0]: cells[1:] for cells in (
        [re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line)]
        for line in re.findall(r"<tr>(.*?)</tr>", listing)
    )}  # fmt: skip
    assert row["status"][0] == "text" and row["status"][2].split(" / ") == [
        "ACTIVE", "SUPPRESSED", "EXPIRED", "DELETED", "REVOKED"
    ]  # fmt: skip
    assert row["subject_name"][3] == "personal" and row["court_name"][3] == ""
    assert row["listing_id"][4] == "是"


def test_sample_queries_run_and_show_nobody(shared_warehouse: Any, page: str) -> None:
    samples = [unescape(query) for query in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)]
    assert len(samples) > 100
    for query in samples:
        columns, _, relation = query.partition("\nfrom ")
        assert relation.startswith("analysis.") or not re.search(r"subject_name|name_key|identifier_shown", columns)
        shared_warehouse.rows(query)
