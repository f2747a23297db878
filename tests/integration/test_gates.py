"""The two borders: every rule of every suite is made to fail once, and passes where nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
import yaml

from credit_warehouse.declarations import load_source
from credit_warehouse.export import export_build
from credit_warehouse.gates import EXPECTATIONS, check_batch, check_product
from credit_warehouse.load import load_batch
from credit_warehouse.receive import receive
from providers import arrears, company_listing, csv_file, jsonl, listing, uscc

DAY = date(2026, 3, 2)
TAX, COURT = "tax_arrears", "court_defaulters"
EXPOSURE, DIRECTIVE = "exposure_publication", "punishment_directive"


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
    """Six listings published and sent."""
    rows = [*(listing(f"p{n}", n) for n in range(1, 5)), company_listing("c1", 11), company_listing("c2", 12)]
    rows.append(listing("nameless", 9, cardNum=None, cardNumFull=None))
    shared_warehouse.drop(COURT, "products.jsonl", jsonl(*rows))
    shared_warehouse.ingest(DAY, [COURT])
    build = shared_warehouse.build(DAY)
    assert export_build(build) == {}
    assert shared_warehouse.rows("select count(*) from exports.exposure_publication") == [(6,)]
    shared_warehouse.gated = build
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
    "EXPOSURE_NAMESAKES": "update exports.exposure_publication set item_id = vault.token('court_defaulters:nameless')"
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
    "DIRECTIVE_NAMESAKES": "update exports.punishment_directive set item_id = vault.token('court_defaulters:nameless')"
    " where department_code = 'mz'",
    "DIRECTIVE_ONCE": "update exports.punishment_directive set directive_id = 'same' where ctid in"
    " (select min(ctid) from exports.punishment_directive union select max(ctid) from exports.punishment_directive)",
}


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


def test_a_minor_by_year_of_birth_is_stopped_even_when_the_age_says_otherwise(products) -> None:
    change = (
        "update exports.exposure_publication set identifier_shown = '6601012010****0017', age = 40"
        " where listing_id = 'p1'"
    )
    with broken(products, EXPOSURE, change) as stopped:
        assert stopped == ["EXPOSURE_ADULT"]


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
    assert rules(f"exports/{EXPOSURE}.yml") == set(SPOILT_EXPOSURE)
    assert rules(f"exports/{DIRECTIVE}.yml") == set(SPOILT_DIRECTIVE)
