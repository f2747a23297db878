"""Gate rules before they meet a database: every rule is complete, and takes its bounds from the declaration."""

from __future__ import annotations

from pathlib import Path

import pytest

from credit_warehouse.gates import EXPECTATIONS, fill, load_rules

SUITES = sorted(EXPECTATIONS.rglob("*.yml"))


def rule(kwargs: dict[str, object], **more: object) -> dict[str, object]:
    return {"rule": "R", "title": "t", "basis": "b", "severity": "stop", "type": "x", "kwargs": kwargs, **more}


def filled(rules: list[dict[str, object]], values: dict[str, object], columns: dict[str, list[str]]) -> list[object]:
    return [found["kwargs"] for found in fill(rules, values, columns)]


def test_a_bound_comes_from_the_declaration_with_its_type() -> None:
    assert filled([rule({"min_value": "{rows_min}"})], {"rows_min": 0}, {}) == [{"min_value": 0}]


def test_a_rule_whose_bound_the_declaration_leaves_out_falls_away() -> None:
    assert filled([rule({"max_value": "{rows_max}"})], {"rows_max": None}, {}) == []


def test_a_rule_for_each_column_becomes_one_rule_a_column() -> None:
    found = filled([rule({"column": "{column}", "mostly": 0.9}, for_each="key")], {}, {"key": ["a", "b"]})
    assert found == [{"column": "a", "mostly": 0.9}, {"column": "b", "mostly": 0.9}]


def test_a_rule_for_columns_the_source_has_not_falls_away() -> None:
    assert filled([rule({"column": "{column}"}, for_each="names")], {}, {"names": []}) == []


def test_braces_inside_a_query_are_left_to_great_expectations() -> None:
    query = "select 1 from {batch} where x !~ '^[0-9]{{10}}$'"
    assert filled([rule({"unexpected_rows_query": query})], {}, {}) == [{"unexpected_rows_query": query}]


def test_filling_leaves_the_rules_as_they_were() -> None:
    rules = [rule({"min_value": "{rows_min}"})]
    fill(rules, {"rows_min": 7}, {})
    assert rules[0]["kwargs"] == {"min_value": "{rows_min}"}


@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.stem)
def test_a_shipped_rule_says_what_it_checks_in_chinese_on_what_basis_and_what_follows(suite: Path) -> None:
    rules = load_rules(suite)
    assert rules
    for found in rules:
        assert set(found) - {"for_each"} == {"rule", "title", "basis", "severity", "type", "kwargs"}
        assert found["severity"] in {"stop", "warn"}
        assert any("一" <= char <= "龥" for char in found["title"])
        assert found["basis"].strip()


def test_a_rule_name_is_used_once() -> None:
    names = [found["rule"] for suite in SUITES for found in load_rules(suite)]
    assert len(set(names)) == len(names)
