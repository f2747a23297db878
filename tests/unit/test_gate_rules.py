"""Rules of a gate before they meet a database: bounds and columns come from the declaration of the source."""

from __future__ import annotations

from typing import Any

from credit_warehouse.gates import fill
from credit_warehouse.rules import Gate


def rule(kwargs: dict[str, Any], **more: Any) -> Gate:
    return Gate(rule="R", title="规则", basis="b", severity="stop", owner="o", type="x", kwargs=kwargs, **more)


def filled(rules: list[Gate], values: dict[str, Any], columns: dict[str, list[str]]) -> list[dict[str, Any]]:
    return [found.kwargs for found in fill(rules, values, columns)]


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
    assert rules[0].kwargs == {"min_value": "{rows_min}"}
