"""One rule of a product's gate by itself, so that a test of a rule costs that rule."""

from __future__ import annotations

from credit_warehouse.db import connect
from credit_warehouse.gates import EXPECTATIONS, fill, load_rules, published_fields, validate

CHANNEL_BREAKS = {
    "EXPOSURE_FIELD_ALLOWED": "update core.publication_field set valid_to = '2026-03-02' where field = 'conduct'",
    "EXPOSURE_CHANNEL_FIELDS": "update core.publication_field set subject_kinds = 'person' where field = 'conduct'",
    "EXPOSURE_DUTY_SAFE": "update exports.exposure_publication set duty_summary = '支付给张三5000元'"
    " where listing_id = '1'",
    "EXPOSURE_REIDENTIFIED": "update core.exposure_channel set min_birthdays = 40,"
    " fields = replace(fields, '|age', '')",
    "EXPOSURE_ALIKE": "update core.exposure_channel set min_alike = 2 where channel = 'screen'",
}
"""What makes the rules about channels fail where every channel is on (test_exposure.py)."""


def fails(product: str, rule_id: str) -> bool:
    """Whether the product as it stands breaks the rule: by its rows, not because the rule cannot be evaluated."""
    (rule,) = [rule for rule in load_rules(EXPECTATIONS / "exports" / f"{product}.yml") if rule["rule"] == rule_id]
    with connect() as connection:
        (rule,) = fill([rule], {"published_fields": published_fields(connection)}, {})
    (result,) = validate(f'select * from exports."{product}"', [rule])
    assert not result.observed.startswith("error"), result.observed
    return not result.success
