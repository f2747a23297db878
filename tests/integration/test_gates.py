"""The two borders: every rule of every suite is made to fail once, and passes where nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from credit_warehouse.build import open_build
from credit_warehouse.declarations import load_source
from credit_warehouse.export import export_build
from credit_warehouse.gates import check_batch, check_product
from credit_warehouse.load import load_batch
from credit_warehouse.receive import receive
from gate_rules import (
    DAY,
    DIRECTIVE,
    EXPOSURE,
    MORE_OVERTAKEN,
    MORE_SPOILT,
    NO_TWIN,
    OVERTAKEN,
    RAW_BREAKS,
    SPOILT_DIRECTIVE,
    SPOILT_EXPOSURE,
    TWIN,
    fails,
    many,
)
from providers import arrears, company_listing, csv_file, jsonl, listing, masked, resident_id, uscc

TAX, COURT = "tax_arrears", "court_defaulters"


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


# ---------- raw


def test_a_good_snapshot_passes_every_rule_that_applies(shared_warehouse) -> None:
    refusal, checked = gate(shared_warehouse, "good.csv", csv_file(*many(100)))
    assert refusal is None
    assert checked == {"RAW_REJECTS": True, "RAW_ROW_FLOOR": True, "RAW_KEY_PRESENT": True, "RAW_NAME_FILLED": True}


@pytest.mark.parametrize("rule", RAW_BREAKS)
def test_a_delivery_breaks_its_rule(shared_warehouse, rule: str) -> None:
    *before, last = RAW_BREAKS[rule].deliveries
    for number, content in enumerate(before):
        assert gate(shared_warehouse, f"{rule}-{number}.csv", content)[0] is None
    refusal, checked = gate(shared_warehouse, f"{rule}.csv", last, **RAW_BREAKS[rule].declared)
    assert checked[rule] is False
    # What only warns is kept and stops nothing.
    assert (refusal.rule if refusal else None) == (rule if RAW_BREAKS[rule].refuses else None)
    for word in RAW_BREAKS[rule].told:
        assert word in refusal.en
    assert not refusal or uscc(400) not in refusal.en


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


def test_a_single_missing_key_is_left_to_the_row(shared_warehouse) -> None:
    assert gate(shared_warehouse, "one-key.csv", csv_file(*many(420, 9), arrears(430, nsrsbh="")))[0] is None


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
