"""The policy of publication as rows: nothing is shown without one, and every row says what allows it."""

from __future__ import annotations

import csv
from typing import Any

import pytest
import yaml

from credit_warehouse.settings import PROJECT_ROOT

DBT = PROJECT_ROOT / "dbt_project"
# Art. 6 of 法释〔2013〕17号 (2017), read apart: what of whom, and what platforms showed without it.
PERSON = {"subject_name", "sex", "age", "identifier_shown"}
ORGANISATION = {"subject_name", "identifier_shown", "legal_representative"}
NEVER = {"address", "photo", "phone", "family", "duty", "birth_date", "applicant"}


def seed(name: str) -> list[dict[str, str]]:
    with (DBT / "seeds" / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


FIELDS, CHANNELS = seed("publication_field"), seed("exposure_channel")
SHOWN = {row["field"] for row in FIELDS if row["is_shown"] == "true"}


def contract(model: str) -> list[dict[str, Any]]:
    models = yaml.safe_load((DBT / "models" / "exports" / "_exports.yml").read_text(encoding="utf-8"))["models"]
    return next(found["columns"] for found in models if found["name"] == model)


def test_the_product_has_a_column_for_every_rule_and_a_rule_for_every_column() -> None:
    assert {column["name"] for column in contract("exposure_publication")} == SHOWN


def test_what_the_article_does_not_name_is_off() -> None:
    assert {row["field"] for row in FIELDS if row["is_shown"] == "false"} == NEVER
    of = {row["field"]: set(row["subject_kinds"].split("|")) for row in FIELDS}
    assert {field for field in PERSON | ORGANISATION if "person" in of[field]} == PERSON
    assert {field for field in PERSON | ORGANISATION if "organisation" in of[field]} == ORGANISATION


@pytest.mark.parametrize(
    "row", FIELDS + CHANNELS + seed("publication_jurisdiction"), ids=lambda row: next(iter(row.values()))
)
def test_every_row_names_its_basis_and_the_day_it_begins(row: dict[str, str]) -> None:
    assert row["legal_basis"].strip() and row["valid_from"]


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda row: row["channel"])
def test_a_channel_shows_no_more_than_the_rules_allow(channel: dict[str, str]) -> None:
    fields = set(channel["fields"].split("|"))
    assert fields <= SHOWN
    assert channel["is_tokenised"] == "true" or "item_id" in fields
    # Tokens stand for a number that is not shown, and nothing that names its holder stands beside them.
    assert channel["is_tokenised"] == "false" or not fields & {"identifier_shown", "subject_name", "item_id"}
    assert channel["subject_kinds"] == "organisation" or channel["is_tokenised"] == "true" or channel["min_birthdays"]


def test_only_the_public_list_is_on_until_a_centre_says_so() -> None:
    assert [row["channel"] for row in CHANNELS if row["is_enabled"] == "true"] == ["query"]
    assert len({row["feed"] for row in CHANNELS}) == len(CHANNELS)
