"""One rule of a product's gate by itself, so that a test of a rule costs that rule."""

from __future__ import annotations

from credit_warehouse.db import connect
from credit_warehouse.gates import EXPECTATIONS, fill, load_rules, published_fields, validate


def fails(product: str, rule_id: str) -> bool:
    """Whether the product as it stands breaks the rule: by its rows, not because the rule cannot be evaluated."""
    (rule,) = [rule for rule in load_rules(EXPECTATIONS / "exports" / f"{product}.yml") if rule["rule"] == rule_id]
    with connect() as connection:
        (rule,) = fill([rule], {"published_fields": published_fields(connection)}, {})
    (result,) = validate(f'select * from exports."{product}"', [rule])
    assert not result.observed.startswith("error"), result.observed
    return not result.success
