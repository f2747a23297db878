"""What makes each rule of a gate fail, and one rule of a gate by itself, so that a test of a rule costs that rule.

Which rules fail is written here by hand; tests/unit/test_rules.py holds that none of those declared is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from credit_warehouse.db import connect
from credit_warehouse.gates import fill, published_fields, validate
from credit_warehouse.rules import gate
from providers import arrears, csv_file, masked, resident_id

DAY = date(2026, 3, 2)
EXPOSURE, DIRECTIVE, NOTICE = "exposure_publication", "punishment_directive", "restricted_notice"


def many(first: int, count: int = 10, **changes: str) -> list[dict[str, Any]]:
    """Rows of the tax office about different units."""
    return [arrears(first + n, **changes) for n in range(count)]


@dataclass(frozen=True)
class Delivery:
    """Files of the tax office in turn; the last one breaks a rule."""

    deliveries: tuple[bytes, ...]
    refuses: bool
    declared: dict[str, Any] = field(default_factory=dict)
    """Bounds other than the shipped declaration has."""
    told: tuple[str, ...] = ()


RAW_BREAKS = {
    "RAW_REJECTS": Delivery((csv_file(*many(600)) + b"1,2\r\n",), refuses=False),
    "RAW_ROW_FLOOR": Delivery((csv_file(),), refuses=True, told=("min_value=1", "0")),
    "RAW_SHRINK": Delivery((csv_file(*many(620)), csv_file(*many(620, 4))), refuses=True),
    "RAW_ROW_CEILING": Delivery((csv_file(*many(520)),), refuses=False, declared={"max": 9}),
    "RAW_KEY_PRESENT": Delivery((csv_file(*many(400, 8), *many(410, 2, nsrsbh="")),), refuses=True, told=("nsrsbh",)),
    "RAW_NAME_FILLED": Delivery((csv_file(*many(500, nsrmc="")),), refuses=False),
}
"""Of the gate of raw tables."""

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
SPOILT_EXPOSURE = {
    "EXPOSURE_SHRINK": "delete from exports.exposure_publication where listing_id not in ('p1', 'p2')",
    "EXPOSURE_FIELDS": "alter table exports.exposure_publication add column address text",
    "EXPOSURE_PERSON_MASKED": "update exports.exposure_publication set identifier_shown = '660101198503040017'"
    " where listing_id = 'p1'",
    "EXPOSURE_ADULT": "update exports.exposure_publication set age = 17 where listing_id = 'p1'",
    "EXPOSURE_IN_FORCE": "update exports.exposure_publication set item_id = 'unknown' where listing_id = 'p1'",
    "EXPOSURE_NAME_ALONE": "update exports.exposure_publication set item_id = vault.token('court_defaulters:nameless')"
    " where listing_id = 'p1'",
    "EXPOSURE_ONCE": "insert into exports.exposure_publication"
    " (item_id, listing_id, subject_kind, subject_name, identifier_shown, is_contested)"
    " select 'twice', listing_id, subject_kind, subject_name, identifier_shown, is_contested"
    " from exports.exposure_publication where listing_id = 'p1'",
    "EXPOSURE_NAMED": "alter table exports.exposure_publication alter subject_name drop not null;"
    "update exports.exposure_publication set subject_name = null where listing_id = 'p1'",
}
SPOILT_DIRECTIVE = {
    "DIRECTIVE_SHRINK": "delete from exports.punishment_directive where department_code <> 'fgj'",
    "DIRECTIVE_EFFECT": "update exports.punishment_directive set effect_type = 'BLOCK' where effect_type = 'REFERENCE'",
    "DIRECTIVE_OWN_MEASURE": "update exports.punishment_directive set department_code = 'ly'"
    " where department_code = 'mz'",
    "DIRECTIVE_COURT_ORDER": "update exports.punishment_directive set measure_code = 'QDSB-7-1'"
    " where measure_code = 'QDSB-6-2'",
    "DIRECTIVE_SERVED": "update exports.punishment_directive set measure_code = 'JZ-16-1'"
    " where measure_code = 'QDSB-6-3'",
    "DIRECTIVE_IN_FORCE": "update exports.punishment_directive set subject_id = 'someone else'",
    "DIRECTIVE_TIER": "update exports.punishment_directive set identity_tier = 'T2' where department_code = 'mz'",
    "DIRECTIVE_NAME_ALONE": "update exports.punishment_directive set item_id = vault.token('court_defaulters:nameless')"
    " where department_code = 'mz'",
    "DIRECTIVE_ONCE": "update exports.punishment_directive set directive_id = 'same' where ctid in"
    " (select min(ctid) from exports.punishment_directive union select max(ctid) from exports.punishment_directive)",
}
MORE_SPOILT: dict[str, dict[str, str]] = {
    EXPOSURE: {
        "EXPOSURE_IDENTIFIED": f"update exports.exposure_publication set identifier_shown = '{masked(resident_id(77))}'"
        " where listing_id = 'p1'",
        "EXPOSURE_PARTY": "update exports.exposure_publication set subject_name = legal_representative"
        " where listing_id = 'c1'",
    },
    DIRECTIVE: {
        "DIRECTIVE_PERSON_MASKED": f"update exports.punishment_directive set identifier_shown = '{resident_id(1)}'"
        f" where identifier_shown = '{masked(resident_id(1))}'",
        "DIRECTIVE_ADULT": "update exports.punishment_directive set identifier_shown = '6601012015****0017'"
        " where subject_kind = 'person'",
        "DIRECTIVE_IDENTIFIED": "update exports.punishment_directive"
        f" set identifier_shown = '{masked(resident_id(77))}'"
        f" where identifier_shown = '{masked(resident_id(1))}'",
        "DIRECTIVE_PARTY": "update exports.punishment_directive set subject_kind = 'person'"
        " where subject_kind = 'organisation'",
        "DIRECTIVE_RELATED": "update exports.punishment_directive set related_role = 'legal_rep', court_order = '令'"
        " where subject_kind = 'person'",
        "DIRECTIVE_RETAINED": "update exports.punishment_directive set is_retained = true, until = '2099-01-01'",
    },
    NOTICE: {
        "NOTICE_PERSON_MASKED": f"update exports.restricted_notice set identifier_shown = '{resident_id(21)}'",
        "NOTICE_NOT_EXPOSED": "update exports.restricted_notice set item_id ="
        " (select item_id from exports.exposure_publication where listing_id = 'p1')",
        "NOTICE_UNIT_NAMED": "alter table exports.restricted_notice alter notify_unit drop not null;"
        "update exports.restricted_notice set notify_unit = null",
        "NOTICE_ADULT": "update exports.restricted_notice set identifier_shown = '6601012015****0017'",
        "NOTICE_IN_FORCE": "update exports.restricted_notice set item_id = 'unknown'",
        "NOTICE_IDENTIFIED": f"update exports.restricted_notice set identifier_shown = '{masked(resident_id(77))}'",
        "NOTICE_PARTY": "update exports.restricted_notice set subject_name = '别人'",
    },
}
ITEM = "(select item_id from marts.defaulter_listing where listing_id = '{}')"
TWIN = (
    "insert into core.subject_identifier (subject_id, identifier_shown) select 'twin', identifier_shown"
    " from marts.defaulter_listing where listing_id = 'p1';"
    "insert into core.subject_name (subject_id, name_key) select 'twin', staging.name_key(subject_name)"
    " from marts.defaulter_listing where listing_id = 'p1'"
)
NO_TWIN = (
    "delete from core.subject_identifier where subject_id = 'twin';"
    "delete from core.subject_name where subject_id = 'twin'"
)
# The court names p1 with an office in a unit that is listed in the same case, and nowhere as a debtor.
OFFICER = (
    "insert into staging.stg_court_consumption_limits (_batch_id, _row_no, subject_id, case_number, relation)"
    " select 0, 1, subject_id, case_number, '法定代表人' from marts.defaulter_listing where listing_id = 'p1';"
    "insert into core.credit_item (item_id, source, status, recorded_from, recorded_to, content_batch_id,"
    " content_row_no) values ('order', 'court_consumption_limits', 'ACTIVE', now(), 'infinity', 0, 1);"
    "update marts.defaulter_listing as unit set case_number = listing.case_number from marts.defaulter_listing as"
    " listing where unit.listing_id = 'c1' and listing.listing_id = 'p1'"
)
NO_OFFICER = (
    "delete from staging.stg_court_consumption_limits where _batch_id = 0;"
    "delete from core.credit_item where item_id = 'order';"
    "update marts.defaulter_listing set case_number = '(2026)浙0102执11号' where listing_id = 'c1'"
)
# Nobody holds anything any more, and all are to be told at once.
SWING = (
    "update exports.feed_entry set feed = 'kept-' || feed;"
    "insert into exports.unsent_item select distinct item_id, 1 from exports.feed_entry;"
    "update core.harm_band set persons = 0, share = 0.5 where band = 'SWING'"
)
NO_SWING = (
    "update exports.feed_entry set feed = substr(feed, 6);"
    "truncate exports.unsent_item;"
    "update core.harm_band set persons = 200, share = 0.2 where band = 'SWING'"
)
PAID = "update marts.defaulter_listing set is_performed = {} where listing_id = '{}'"
# The product is as the build made it, and the record, the catalogue or the centre says otherwise by now.
OVERTAKEN: dict[str, tuple[str, str, str]] = {
    "EXPOSURE_UNPERFORMED": (EXPOSURE, PAID.format("true", "p1"), PAID.format("false", "p1")),
    "NOTICE_UNPERFORMED": (NOTICE, PAID.format("true", "n1"), PAID.format("false", "n1")),
    "DIRECTIVE_UNCONFIRMED": (DIRECTIVE, PAID.format("true", "p1"), PAID.format("false", "p1")),
    "EXPOSURE_NAMESAKE": (EXPOSURE, TWIN, NO_TWIN),
    "DIRECTIVE_NAMESAKE": (DIRECTIVE, TWIN, NO_TWIN),
    "EXPOSURE_OFFICER": (EXPOSURE, OFFICER, NO_OFFICER),
    "DIRECTIVE_OFFICER": (DIRECTIVE, OFFICER, NO_OFFICER),
    "EXPOSURE_SWING": (EXPOSURE, SWING, NO_SWING),
    "DIRECTIVE_SWING": (DIRECTIVE, SWING, NO_SWING),
    "NOTICE_SWING": (NOTICE, SWING, NO_SWING),
}
EXPIRED = f"update core.credit_item set valid_to = {{}} where item_id = {ITEM}"
BORN = (
    "update staging.stg_court_defaulters set birth_date = (listed_on - interval '{} years')::date + {}"
    " where listing_id = '{}'"
)
MORE_OVERTAKEN: list[tuple[str, tuple[str, str, str]]] = [
    *((rule, (product, EXPIRED.format(f"'{DAY}'", listed), EXPIRED.format("'2028-02-08'", listed)))
      for rule, product, listed in (("EXPOSURE_IN_FORCE", EXPOSURE, "p1"), ("DIRECTIVE_IN_FORCE", DIRECTIVE, "p1"),
                                    ("NOTICE_IN_FORCE", NOTICE, "n1"))),
    *((rule, (product, BORN.format(18, 1, listed), BORN.format(41, 0, listed)))
      for rule, product, listed in (("EXPOSURE_ADULT", EXPOSURE, "p1"), ("DIRECTIVE_ADULT", DIRECTIVE, "p1"),
                                    ("NOTICE_ADULT", NOTICE, "n1"))),
    ("DIRECTIVE_OWN_MEASURE", (DIRECTIVE, f"update core.department set valid_to = '{DAY}' where department_code = 'mz'",
                               "update core.department set valid_to = null where department_code = 'mz'")),
    ("DIRECTIVE_OWN_MEASURE", (DIRECTIVE, f"update core.measure set valid_to = '{DAY}' where measure_code = 'QDSB-2-1'",
                               "update core.measure set valid_to = null where measure_code = 'QDSB-2-1'")),
    ("DIRECTIVE_OWN_MEASURE", (
        DIRECTIVE, "update core.department set department = '并入他局' where department_code = 'mz'",
        "update core.department set department = '民政局' where department_code = 'mz'")),
]  # fmt: skip


def fails(product: str, rule_id: str) -> bool:
    """Whether the product as it stands breaks the rule: by its rows, not because the rule cannot be evaluated."""
    (rule,) = [rule for rule in gate(product) if rule.rule == rule_id]
    with connect() as connection:
        (rule,) = fill([rule], {"published_fields": published_fields(connection)}, {})
    (result,) = validate(f'select * from exports."{product}"', [rule])
    assert not result.observed.startswith("error"), result.observed
    return not result.success
