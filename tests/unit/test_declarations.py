"""Declarations: what the project ships is complete, and every slip of the pen is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from credit_warehouse.declarations import DeclarationError, load_sources, read_declaration
from credit_warehouse.settings import PROJECT_ROOT

SHIPPED = PROJECT_ROOT / "dbt_project" / "models" / "staging" / "tax_arrears" / "_tax_arrears.yml"
Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def declare(tmp_path: Path) -> Callable[..., Path]:
    """Write the shipped declaration of a source, changed, into a folder."""

    def write(change: Change, folder: str = "tax_arrears") -> Path:
        document = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
        change(document["sources"][0])
        path = tmp_path / folder / f"_{folder}.yml"
        path.parent.mkdir()
        path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        return path

    return write


def meta(source: dict[str, Any]) -> dict[str, Any]:
    return source["config"]["meta"]


def ingest(source: dict[str, Any]) -> dict[str, Any]:
    return meta(source)["ingest"]


def test_an_unchanged_declaration_says_what_the_file_says(declare) -> None:
    source = read_declaration(declare(lambda source: None))
    assert (source.name, source.ingest.encoding, source.ingest.delivery) == ("tax_arrears", "gb18030", "full")
    assert source.ingest.key == ["nsrsbh", "sz"]
    assert source.identifier_columns == ["nsrsbh", "zjhm"]
    assert [column.label for column in source.columns if column.pii == "address"] == ["经营地址"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: meta(s).update(publsher="x"), "publsher"),
        (lambda s: ingest(s).update(encodng="utf-8"), "encodng"),
        (lambda s: ingest(s)["transport"].update(port=22), "port"),
        (lambda s: ingest(s)["rows"].update(minimum=1), "minimum"),
        (lambda s: ingest(s)["item"].update(colour="red"), "colour"),
        (lambda s: s["tables"][0]["columns"][0]["config"]["meta"].update(pi="name"), "pi"),
    ],
    ids=["meta", "ingest", "transport", "rows", "item", "column"],
)
def test_an_unknown_key_is_an_error_wherever_it_stands(declare, change: Change, told: str) -> None:
    with pytest.raises(DeclarationError, match=rf"_tax_arrears\.yml(?s:.*)\b{told}\b(?s:.*)Extra inputs"):
        read_declaration(declare(change))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: ingest(s).update(encoding="gbk"), "gb18030"),
        (lambda s: ingest(s).update(delivery="weekly"), "delta"),
        (lambda s: ingest(s).update(format="pdf"), "jsonl"),
        (lambda s: ingest(s).update(key=[]), "at least 1"),
        (lambda s: ingest(s).update(key=["nsrsbh", "steuer"]), "steuer"),
        (lambda s: ingest(s)["rows"].update(min=-1), "greater than or equal to 0"),
        (lambda s: ingest(s)["rows"].update(max_shrink=1.5), "less than or equal to 1"),
        (lambda s: ingest(s).update(transport={"kind": "http"}), "needs a connection"),
        (lambda s: ingest(s).update(transport={"kind": "database", "connection": "x"}), "table and watermark"),
        (lambda s: ingest(s)["item"].update(polarity="bad"), "negative"),
        (lambda s: s["tables"][0]["columns"][0].update(name="名称"), "columns"),
        (lambda s: s["tables"][0].update(columns=[]), "at least 1"),
        (lambda s: meta(s).pop("legal_basis"), "legal_basis"),
        (lambda s: ingest(s).pop("key"), "key"),
        (lambda s: s.pop("tables"), "tables"),
    ],
)
def test_a_wrong_or_missing_value_is_an_error_that_names_it(declare, change: Change, told: str) -> None:
    with pytest.raises(DeclarationError, match=told):
        read_declaration(declare(change))


@pytest.mark.parametrize(
    ("change", "folder"),
    [
        (lambda s: s.update(name="tax_arears"), "tax_arrears"),
        (lambda s: s["tables"][0].update(name="arrears"), "tax_arrears"),
        (lambda s: None, "other"),
    ],
    ids=["source", "table", "folder"],
)
def test_folder_file_source_and_table_carry_one_name(declare, change: Change, folder: str) -> None:
    with pytest.raises(DeclarationError, match="must carry the same name"):
        read_declaration(declare(change, folder))


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x" / "_x.yml"
    path.parent.mkdir()
    path.write_text("sources: [", encoding="utf-8")
    with pytest.raises(DeclarationError, match=r"_x\.yml"):
        read_declaration(path)


@pytest.mark.parametrize("source", load_sources(), ids=lambda source: source.name)
def test_a_shipped_source_has_its_two_files_and_chinese_labels(source) -> None:
    assert {path.name for path in source.path.parent.iterdir() if not path.name.endswith("_unit_tests.yml")} == {
        f"_{source.name}.yml",
        f"stg_{source.name}.sql",
    }
    texts = [source.label, *(column.label for column in source.columns)]
    assert [text for text in texts if not any("一" <= char <= "龥" for char in text)] == []


@pytest.mark.parametrize("source", load_sources(), ids=lambda source: source.name)
def test_a_shipped_source_is_a_source_of_the_published_page_with_its_columns_and_key(source) -> None:
    """Names and keys as in sources.md, which is what a provider reads."""
    published = {
        "court_defaulters": ("delta", ["id"], 29),
        "tax_arrears": ("full", ["nsrsbh", "sz"], 11),
        "registry_entities": ("delta", ["pripid"], 19),
        "registry_persons": ("delta", ["pripid", "personid"], 12),
        "bank_credit_events": ("delta", ["jgdm", "lsh"], 14),
    }
    if source.name in published:
        assert (source.ingest.delivery, source.ingest.key, len(source.columns)) == published[source.name]
