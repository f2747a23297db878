"""Three sandbox days of every source, from file to feed on real PostgreSQL, against the sandbox's truth."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

import oracle
from credit_warehouse.declarations import load_sources
from credit_warehouse.export import export_build
from credit_warehouse.sandbox import generate
from credit_warehouse.sandbox.court_orders import LIMIT_BREAKS, PERSON_BREAKS, UNIT_BREAKS
from credit_warehouse.sandbox.lists import BREAKS as LIST_BREAKS
from credit_warehouse.sandbox.responses import BREAKS as RESPONSE_BREAKS
from credit_warehouse.sandbox.responses import DECIDED_BREAKS
from credit_warehouse.secrets import token_key

DAYS = (date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4))
BROKEN = {
    "court_consumption_limits": LIMIT_BREAKS,
    "court_closed_cases": PERSON_BREAKS + UNIT_BREAKS,
    **LIST_BREAKS,
    **RESPONSE_BREAKS,
    "objections": RESPONSE_BREAKS["objections"] + DECIDED_BREAKS,
}
STATES = {"OPENED": "OPEN", "UPHELD": "UPHELD", "DISMISSED": "DISMISSED", "WITHDRAWN": "WITHDRAWN"}


@dataclass
class Played:
    """What three days left behind."""

    warehouse: object
    truth: Path
    key: bytes
    differences: dict[date, list[str]] = field(default_factory=dict)
    refused: list[object] = field(default_factory=list)
    held: list[object] = field(default_factory=list)
    objections: dict[date, dict[str, str]] = field(default_factory=dict)

    def rows(self, query: str) -> list[tuple]:
        return self.warehouse.rows(query)

    def planted(self, label: str, until: date = DAYS[-1]) -> list[dict[str, str]]:
        return [
            row
            for row in oracle.read(self.truth, "planted")
            if row["label"] == label and row["business_date"] <= str(until)
        ]

    def items(self, label: str) -> set[str]:
        """item_ids of what was planted under a label."""
        return {oracle._item_id(self.key, row["source"], row["source_key"]) for row in self.planted(label)}


@pytest.fixture(scope="module")
def played(shared_warehouse, tmp_path_factory: pytest.TempPathFactory) -> Played:
    out = generate(tmp_path_factory.mktemp("sandbox"), subjects=600).out
    found = Played(shared_warehouse, out / "truth", token_key())
    for day in DAYS:
        shared_warehouse.landing = out / str(day)
        found.refused += [refusal for refusals in shared_warehouse.ingest(day).values() for refusal in refusals]
        build = shared_warehouse.build(day)
        assert build
        found.held += export_build(build).values()
        found.differences[day] = oracle.differences(shared_warehouse.rows, found.truth, str(day), found.key)
        found.objections[day] = dict(
            shared_warehouse.rows("select objection_id, status from core.objection where recorded_to = 'infinity'")
        )
    return found


def test_every_declared_source_takes_part(played: Played) -> None:
    delivered = {row["source"] for row in oracle.read(played.truth, "deliveries")}
    assert delivered == {source.name for source in load_sources()}
    assert set(played.refused) == {None}
    assert played.held == []


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_the_warehouse_equals_the_truth(played: Played, day: date) -> None:
    assert played.differences[day] == []


@pytest.mark.parametrize("source", sorted(BROKEN))
def test_every_rule_of_a_staging_model_is_broken_by_a_row(played: Played, source: str) -> None:
    written = next(found.path.parent for found in load_sources() if found.name == source) / f"stg_{source}.sql"
    rules = set(re.findall(r"'([A-Z_]+:\w+)'", written.read_text(encoding="utf-8")))
    assert rules == set(BROKEN[source])
    found = played.rows(
        "select rule || ':' || field from audit.rejected_row join audit.batch using (batch_id)"
        f" where source = '{source}'"
    )
    assert {rule for (rule,) in found} == rules


def test_every_reject_rule_is_described(played: Played) -> None:
    missing = "select distinct rule from audit.rejected_row where rule not in (select rule from core.reject_rule)"
    assert played.rows(missing) == []


@pytest.mark.parametrize("reason", ["OBJECTION_UPHELD", "REPAIRED", "EXPIRED", "PUBLICITY_UNSTATED"])
def test_a_listing_stays_in_for_this_reason_alone(played: Played, reason: str) -> None:
    """Days that hold none of a kind would agree about it too."""
    assert reason in {row["reason"] for row in oracle.read(played.truth, "exposure")}


def test_what_leaves_is_what_the_truth_allows(played: Played) -> None:
    shown = {listing for (listing,) in played.rows(
        "select listing_id from exports.feed_entry join marts.defaulter_listing using (item_id)"
        " where feed = 'exposure'"
    )}  # fmt: skip
    expected = {
        row["court_id"] for row in oracle.read(played.truth, "exposure", str(DAYS[-1])) if row["expected"] == "yes"
    }
    assert shown == expected


def test_only_the_list_of_defaulters_lists_anybody(played: Played) -> None:
    for table in ("marts.defaulter_listing", "exports.listing_decision"):
        assert played.rows(
            f"select distinct item.source from {table} join core.credit_item as item using (item_id)"
        ) == [("court_defaulters",)]
    assert played.rows(
        "select count(*) from exports.exposure_publication as shown join core.credit_item as item using (item_id)"
        " where item.source <> 'court_defaulters'"
    ) == [(0,)]


@pytest.mark.parametrize("label", ["LIMIT_OFFICER", "CLOSED_CASE_NOT_LISTED"])
def test_who_is_only_restricted_or_only_unable_to_pay_is_no_defaulter(played: Played, label: str) -> None:
    ids = oracle.subject_ids(played.truth, played.key)
    subjects = {ids[row["subject_no"]] for row in played.planted(label)}
    assert subjects
    with_items = {subject for (subject,) in played.rows("select subject_id from marts.credit_record_item")}
    listed = {subject for (subject,) in played.rows("select subject_id from marts.defaulter_listing")}
    counted = {
        s for (s,) in played.rows("select subject_id from marts.credit_record where defaulter_listing_count > 0")
    }
    assert subjects <= with_items
    assert not subjects & (listed | counted)


def test_a_closed_case_speaks_against_nobody(played: Played) -> None:
    assert played.rows("select distinct polarity from core.credit_item where source = 'court_closed_cases'") == [
        ("neutral",)
    ]


def test_an_order_stays_with_whom_it_names_when_the_registry_replaces_the_representative(played: Played) -> None:
    ids = oracle.subject_ids(played.truth, played.key)
    planted = played.planted("LIMIT_NOT_SWAPPED")
    assert planted
    for row in planted:
        item = oracle._item_id(played.key, row["source"], row["source_key"])
        found = played.rows(f"select distinct subject_id, status from core.credit_item where item_id = '{item}'")
        assert found == [(ids[row["subject_no"]], "ACTIVE")]
    units = played.rows(
        "select count(*) from staging.stg_court_consumption_limits as said"
        " join core.credit_item as item using (item_id)"
        " where said.unit_code is not null and item.subject_kind <> 'person'"
    )
    assert units == [(0,)]


@pytest.mark.parametrize("label", ["LIMIT_MASKED", "CLOSED_CASE_MASKED"])
def test_a_masked_number_is_the_record_of_nobody(played: Played, label: str) -> None:
    items = played.items(label)
    found = dict(played.rows("select item_id, subject_id from core.credit_item"))
    assert items and {found[item] for item in items} == {None}


def test_the_level_decides_what_a_rating_says(played: Played) -> None:
    found = played.rows(
        "select distinct right(item_title, 2), polarity from core.credit_item where source = 'tax_credit_ratings'"
    )
    assert dict(found) == {
        "A级": "positive",
        "B级": "positive",
        "M级": "neutral",
        "C级": "neutral",
        "D级": "negative",
    }
    assert len(found) == len(dict(found))


def test_a_listed_company_may_be_well_rated(played: Played) -> None:
    ids = oracle.subject_ids(played.truth, played.key)
    listed = {subject for (subject,) in played.rows("select subject_id from marts.defaulter_listing")}
    assert {ids[row["subject_no"]] for row in played.planted("A_RATED_LISTED")} <= listed


def test_a_revoked_entry_held_at_no_time_also_after_the_list_drops_it(played: Played) -> None:
    gone = {row["source_key"] for row in played.planted("ENTRY_REVOKED", DAYS[1])}
    assert gone
    for key in gone:
        item = oracle._item_id(played.key, "registry_abnormal", key)
        assert played.rows(
            "select status, valid_from = valid_to from core.credit_item"
            f" where item_id = '{item}' and recorded_to = 'infinity'"
        ) == [("REVOKED", True)]


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_objections_are_in_their_latest_state(played: Played, day: date) -> None:
    expected = {
        row["source_key"]: STATES[row["label"].removeprefix("OBJECTION_")]
        for row in oracle.read(played.truth, "planted")
        if row["label"].startswith("OBJECTION_") and row["business_date"] <= str(day)
    }
    assert played.objections[day] == expected


def test_a_decided_objection_still_names_what_it_contests(played: Played) -> None:
    assert played.rows(
        "select count(*) from core.objection where contested_id is null or objection_kind is null or filed_at is null"
    ) == [(0,)]
    orphans = played.rows(
        "select count(*) from core.objection where not exists (select from marts.defaulter_listing as listing"
        " where listing.listing_id = contested_id)"
    )
    assert orphans == [(0,)]


def test_a_measure_nobody_knows_is_no_reason_to_lose_feedback(played: Played) -> None:
    found = {number for (number,) in played.rows(
        "select department_code || '|' || feedback_number from staging.stg_punishment_feedback"
        " where reject_rule is null and measure_code not in (select measure_code from core.measure)"
    )}  # fmt: skip
    assert found == {row["source_key"] for row in played.planted("MEASURE_UNKNOWN")}


@pytest.mark.parametrize("source", ["bank_rejections", "punishment_feedback", "objections", "credit_repairs"])
def test_responses_are_staged_and_are_no_items(played: Played, source: str) -> None:
    (kept,) = played.rows(f"select count(*), count(subject_id) from staging.stg_{source} where reject_rule is null")
    assert kept[0] and kept[1]
    assert played.rows(f"select count(*) from core.credit_item where source = '{source}'") == [(0,)]
