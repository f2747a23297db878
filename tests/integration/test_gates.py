"""The two borders: every rule of every suite is made to fail once, and passes where nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
import yaml

from credit_warehouse.build import open_build
from credit_warehouse.declarations import load_source
from credit_warehouse.export import export_build
from credit_warehouse.gates import EXPECTATIONS, check_batch, check_product
from credit_warehouse.load import load_batch
from credit_warehouse.receive import receive
from gate_rules import CHANNEL_BREAKS, fails
from providers import arrears, company_listing, csv_file, jsonl, listing, masked, resident_id, uscc

DAY = date(2026, 3, 2)
TAX, COURT = "tax_arrears", "court_defaulters"
EXPOSURE, DIRECTIVE, NOTICE = "exposure_publication", "punishment_directive", "restricted_notice"


def rules(path: str) -> set[str]:
    return {rule["rule"] for rule in yaml.safe_load((EXPECTATIONS / path).read_text(encoding="utf-8"))}


def gate(warehouse: Any, name: str, content: bytes, source: str = TAX, **declared: Any) -> tuple[Any, dict[str, bool]]:
    """Take one file to the gate; returns the refusal and the rules that were checked with their success."""
    found = load_source(source)
    if declared:
        bounds = found.ingest.rows.model_copy(update=declared)
        found = found.model_copy(update={"ingest": found.ingest.model_copy(update={"rows": bounds})})
    warehouse.drop(source, name, content)
    (batch,) = receive(found, DAY, f"gate-{name}", landing=warehouse.landing)
    assert load_batch(found, batch) is None
    refusal = check_batch(found, batch)
    (warehouse.landing / source / name).unlink()
    checked = warehouse.rows(
        "select rule_id, bool_and(success) from audit.quality_result where batch_id = %s group by 1", [batch]
    )
    status = warehouse.rows("select status from audit.batch where batch_id = %s", [batch])
    assert status == [("refused" if refusal else "accepted",)]
    return refusal, dict(checked)


def many(first: int, count: int = 10, **changes: str) -> list[dict[str, Any]]:
    return [arrears(first + n, **changes) for n in range(count)]


# ---------- raw


def test_a_good_snapshot_passes_every_rule_that_applies(shared_warehouse) -> None:
    refusal, checked = gate(shared_warehouse, "good.csv", csv_file(*many(100)))
    assert refusal is None
    assert checked == {"RAW_REJECTS": True, "RAW_ROW_FLOOR": True, "RAW_KEY_PRESENT": True, "RAW_NAME_FILLED": True}


def test_a_snapshot_of_no_rows_is_refused(shared_warehouse) -> None:
    refusal, _ = gate(shared_warehouse, "empty.csv", csv_file())
    assert refusal.rule == "RAW_ROW_FLOOR"
    assert "min_value=1" in refusal.en and "0" in refusal.en


def test_a_snapshot_may_shrink_as_far_as_declared_and_no_further(shared_warehouse) -> None:
    assert gate(shared_warehouse, "whole.csv", csv_file(*many(200)))[0] is None
    assert gate(shared_warehouse, "six.csv", csv_file(*many(200, 6)))[0] is None
    assert gate(shared_warehouse, "whole-again.csv", csv_file(*many(210)))[0] is None
    refusal, _ = gate(shared_warehouse, "five.csv", csv_file(*many(210, 5)))
    assert refusal.rule == "RAW_SHRINK"


def test_a_refused_snapshot_does_not_lower_the_floor_for_the_next(shared_warehouse) -> None:
    gate(shared_warehouse, "ten.csv", csv_file(*many(300)))
    for size in (5, 4):
        refusal, _ = gate(shared_warehouse, f"{size}.csv", csv_file(*many(320, size)))
        assert refusal.rule == "RAW_SHRINK"


def test_a_file_where_keys_are_missing_is_refused(shared_warehouse) -> None:
    content = csv_file(*many(400, 8), *many(410, 2, nsrsbh=""))
    refusal, _ = gate(shared_warehouse, "keys.csv", content)
    assert refusal.rule == "RAW_KEY_PRESENT"
    assert "nsrsbh" in refusal.en and uscc(400) not in refusal.en


def test_a_single_missing_key_is_left_to_the_row(shared_warehouse) -> None:
    assert gate(shared_warehouse, "one-key.csv", csv_file(*many(420, 9), arrears(430, nsrsbh="")))[0] is None


def test_a_warning_is_kept_and_stops_nothing(shared_warehouse) -> None:
    refusal, checked = gate(shared_warehouse, "names.csv", csv_file(*many(500, nsrmc="")))
    assert refusal is None
    assert checked["RAW_NAME_FILLED"] is False
    refusal, checked = gate(shared_warehouse, "ceiling.csv", csv_file(*many(520)), max=9)
    assert refusal is None
    assert checked["RAW_ROW_CEILING"] is False


def test_a_delta_may_be_empty(shared_warehouse) -> None:
    assert gate(shared_warehouse, "empty.jsonl", b"", COURT)[0] is None


# ---------- products


@pytest.fixture(scope="module")
def products(shared_warehouse) -> Any:
    """Six listings published and sent, one told to a unit alone, and one without a number."""
    rows = [*(listing(f"p{n}", n) for n in range(1, 5)), company_listing("c1", 11), company_listing("c2", 12),
            listing("n1", 21, publicity="N", notifyUnit="示例局"),
            listing("nameless", 9, cardNum=None, cardNumFull=None)]  # fmt: skip
    shared_warehouse.drop(COURT, "products.jsonl", jsonl(*rows))
    shared_warehouse.ingest(DAY, [COURT])
    build = shared_warehouse.build(DAY)
    assert export_build(build) == {}
    assert shared_warehouse.rows("select count(*) from exports.exposure_publication") == [(6,)]
    # The gate is asked for the build after it.
    shared_warehouse.gated = open_build(DAY + timedelta(days=1))
    return shared_warehouse


@contextmanager
def broken(warehouse: Any, product: str, statement: str) -> Iterator[list[str]]:
    """The rules that stop ``product`` while ``statement`` has spoilt it."""
    warehouse.execute(f"create table public.kept as select * from exports.{product}")
    warehouse.execute(statement)
    try:
        stopped = [check.rule for check in check_product(product, warehouse.gated)]
        yield stopped
    finally:
        warehouse.execute(f"alter table exports.{product} drop column if exists address")
        warehouse.execute(f"truncate exports.{product}; insert into exports.{product} select * from public.kept;")
        warehouse.execute("drop table public.kept")
    assert check_product(product, warehouse.gated) == []


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


def without_unique_indexes(warehouse: Any, product: str) -> None:
    for (index,) in warehouse.rows(
        "select indexname from pg_indexes where schemaname = 'exports' and tablename = %s and indexdef ~ 'UNIQUE'",
        [product],
    ):
        warehouse.execute(f'drop index exports."{index}"')


@pytest.mark.parametrize("rule", SPOILT_EXPOSURE)
def test_a_spoilt_exposure_is_stopped_by_its_rule(products, rule: str) -> None:
    with broken(products, EXPOSURE, SPOILT_EXPOSURE[rule]) as stopped:
        assert rule in stopped


@pytest.mark.parametrize("rule", SPOILT_DIRECTIVE)
def test_a_spoilt_directive_is_stopped_by_its_rule(products, rule: str) -> None:
    without_unique_indexes(products, DIRECTIVE)
    with broken(products, DIRECTIVE, SPOILT_DIRECTIVE[rule]) as stopped:
        assert rule in stopped


@pytest.mark.parametrize(
    ("product", "rule"), [(product, rule) for product, spoilt in MORE_SPOILT.items() for rule in spoilt]
)
def test_a_spoilt_product_breaks_its_rule(products, product: str, rule: str) -> None:
    assert not fails(product, rule)
    products.execute(f"create table public.kept as select * from exports.{product}")
    products.execute(MORE_SPOILT[product][rule])
    try:
        assert fails(product, rule)
    finally:
        products.execute(f"truncate exports.{product}; insert into exports.{product} select * from public.kept")
        products.execute("drop table public.kept")


@pytest.mark.parametrize(
    ("rule", "change"), [*OVERTAKEN.items(), *MORE_OVERTAKEN],
    ids=[*OVERTAKEN, *(f"{rule}-{number}" for number, (rule, _) in enumerate(MORE_OVERTAKEN))],
)  # fmt: skip
def test_what_is_known_by_now_counts_at_the_door(products, rule: str, change: tuple[str, str, str]) -> None:
    product, statement, undo = change
    products.execute(statement)
    try:
        assert fails(product, rule)
    finally:
        products.execute(undo)
    assert not fails(product, rule)


def test_a_namesake_with_the_same_mask_is_told_of_and_stops_nobody(products) -> None:
    """It is no fault of the entry; whoever looks it up has to be told apart by the centre."""
    products.execute(TWIN)
    try:
        assert check_product(EXPOSURE, products.gated) == []
    finally:
        products.execute(NO_TWIN)
    assert products.rows(
        "select severity, success from audit.quality_result where rule_id = 'EXPOSURE_NAMESAKE'"
        " order by result_id desc limit 1"
    ) == [("warn", False)]


def test_a_minor_by_year_of_birth_is_stopped_even_when_the_age_says_otherwise(products) -> None:
    # Of 2026, whoever was born in 2009 is seventeen at the most.
    change = (
        "update exports.exposure_publication set identifier_shown = '6601012009****0017', age = 40"
        " where listing_id = 'p1'"
    )
    with broken(products, EXPOSURE, change) as stopped:
        assert set(stopped) == {"EXPOSURE_ADULT", "EXPOSURE_IDENTIFIED"}


def test_whom_a_product_would_have_hit_is_counted_and_shown_masked(products) -> None:
    with broken(products, DIRECTIVE, MORE_SPOILT[DIRECTIVE]["DIRECTIVE_PERSON_MASKED"]):
        ((entries, subjects, newly, shown),) = products.rows(
            "select entries, subjects, newly, shown from audit.gate_harm where rule_id = 'DIRECTIVE_PERSON_MASKED'"
            " order by harm_id desc limit 1"
        )
    assert (entries, subjects, newly) == (products.rows(
        "select count(*) from exports.punishment_directive where identifier_shown = %s", [masked(resident_id(1))]
    )[0][0], 1, 0)  # fmt: skip
    assert shown == ["试** " + resident_id(1)[:4] + "*" * 14]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        products.execute("delete from audit.gate_harm")


def test_a_listing_removed_in_the_record_is_stopped_at_the_door(products) -> None:
    """The product says ACTIVE, the record has moved on: the gate asks the record."""
    item = "(select item_id from exports.exposure_publication where listing_id = 'p2')"
    products.execute(f"update core.credit_item set status = 'DELETED' where item_id = {item}")
    try:
        assert [check.rule for check in check_product(EXPOSURE, products.gated)] == ["EXPOSURE_IN_FORCE"]
        assert [check.rule for check in check_product(DIRECTIVE, products.gated)] == ["DIRECTIVE_IN_FORCE"]
    finally:
        products.execute(f"update core.credit_item set status = 'ACTIVE' where item_id = {item}")


def test_an_observation_never_repeats_a_persons_data(products) -> None:
    with broken(products, EXPOSURE, SPOILT_EXPOSURE["EXPOSURE_PERSON_MASKED"]):
        told = products.rows("select coalesce(expected, '') || coalesce(observed, '') from audit.quality_result")
        assert told
        assert not any("660101198503040017" in text for (text,) in told)


def test_every_rule_of_every_suite_has_a_test_that_makes_it_fail() -> None:
    at_the_raw_gate = {"RAW_ROW_FLOOR", "RAW_SHRINK", "RAW_KEY_PRESENT", "RAW_NAME_FILLED", "RAW_ROW_CEILING"}
    assert rules("raw.yml") == at_the_raw_gate
    overtaken = {
        product: {rule for rule, change in OVERTAKEN.items() if change[0] == product} for product in MORE_SPOILT
    }
    for product, spoilt in (
        (EXPOSURE, {**SPOILT_EXPOSURE, **CHANNEL_BREAKS}),
        (DIRECTIVE, SPOILT_DIRECTIVE),
        (NOTICE, {}),
    ):
        assert rules(f"exports/{product}.yml") == set(spoilt) | set(MORE_SPOILT[product]) | overtaken[product]
