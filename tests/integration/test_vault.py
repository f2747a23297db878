"""The vault: whole numbers, encrypted outside the database, each bound to its token."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date

import pytest
from cryptography.exceptions import InvalidTag

from credit_warehouse import vault
from credit_warehouse.secrets import token_key
from credit_warehouse.settings import settings
from providers import arrears, company_listing, csv_file, jsonl, listing, org_code, resident_id, resident_id_15, uscc

DAY = date(2026, 3, 2)
COURT, TAX = "court_defaulters", "tax_arrears"
VALID = {
    f"resident_id:{resident_id(1)}": resident_id(1),
    f"resident_id:{resident_id(2)}": resident_id(2),
    f"org_code:{org_code(3)}": uscc(3),
    f"org_code:{org_code(4)}": org_code(4),
    f"org_code:{org_code(5)}": uscc(5),
    f"resident_id:{resident_id(5)}": resident_id(5),  # the legal representative in the tax file
}


def token(text: str) -> str:
    return hmac.new(token_key(), text.encode(), hashlib.sha256).hexdigest()[:32]


@pytest.fixture(scope="module")
def sealed(shared_warehouse):
    wrong = resident_id(6)[:17] + ("0" if resident_id(6)[17] != "0" else "1")
    shared_warehouse.drop(COURT, "v.jsonl", jsonl(
        listing("1", 1), listing("2", 2, cardNumFull=resident_id_15(2)), listing("2b", 2), company_listing("3", 3),
        company_listing("4", 4, cardNum=org_code(4)), listing("6", 6, cardNumFull=wrong),
        listing("7", 7, cardNumFull=None), listing("8", 8, cardNumFull="暂无", cardNum="无"),
    ))  # fmt: skip
    shared_warehouse.drop(TAX, "v.csv", csv_file(arrears(5)))
    shared_warehouse.ingest(DAY, [COURT, TAX])
    shared_warehouse.sealed_build = shared_warehouse.build(DAY)
    return shared_warehouse


def test_every_valid_number_is_sealed_under_its_token_and_no_other(sealed) -> None:
    tokens = {found for (found,) in sealed.rows("select token from vault.identifier")}
    assert tokens == {token(text) for text in VALID}
    assert {vault.open_identifier(token(text)) for text in VALID} == set(VALID.values())


def test_a_short_number_is_sealed_in_its_long_form(sealed) -> None:
    assert vault.open_identifier(token(f"resident_id:{resident_id(2)}")) == resident_id(2)


def test_no_number_can_be_read_from_the_table(sealed) -> None:
    for token_, kind, data, key_id in sealed.rows(
        "select token, identifier_type, ciphertext, key_id from vault.identifier"
    ):
        for number in VALID.values():
            assert number.encode() not in bytes(data)
            assert number not in token_ + kind + key_id


def test_equal_numbers_do_not_look_equal(sealed) -> None:
    """Every value has a nonce of its own."""
    nonces = [bytes(data)[:12] for (data,) in sealed.rows("select ciphertext from vault.identifier")]
    assert len(set(nonces)) == len(nonces) == len(VALID)


def test_a_value_moved_to_another_token_does_not_open(sealed) -> None:
    one, other = token(f"resident_id:{resident_id(1)}"), token(f"resident_id:{resident_id(2)}")
    swap = (
        "update vault.identifier t set ciphertext = o.ciphertext from vault.identifier o"
        " where t.token = %s and o.token = %s"
    )
    ((before,),) = sealed.rows("select ciphertext from vault.identifier where token = %s", [one])
    sealed.execute(swap, [one, other])
    with pytest.raises(InvalidTag):
        vault.open_identifier(one)
    sealed.execute("update vault.identifier set ciphertext = %s where token = %s", [before, one])


def test_another_key_opens_nothing(sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    one, name = token(f"resident_id:{resident_id(1)}"), vault.key_id()
    monkeypatch.setenv("WAREHOUSE_VAULT_KEY", "11" * 32)
    settings.cache_clear()
    try:
        with pytest.raises(InvalidTag):
            vault.open_identifier(one)
        assert vault.key_id() != name
    finally:
        monkeypatch.delenv("WAREHOUSE_VAULT_KEY")
        settings.cache_clear()


def test_a_number_is_sealed_once(sealed) -> None:
    before = sealed.rows("select token, ciphertext, recorded_at from vault.identifier order by 1")
    assert vault.seal(sealed.sealed_build) == 0
    assert sealed.rows("select token, ciphertext, recorded_at from vault.identifier order by 1") == before


def test_what_is_not_there_is_a_key_error(sealed) -> None:
    with pytest.raises(KeyError):
        vault.open_identifier("0" * 32)


def test_no_whole_number_of_a_person_is_anywhere_outside_raw(sealed) -> None:
    tables = sealed.rows(
        "select table_schema, table_name from information_schema.tables"
        " where table_schema in ('staging', 'core', 'marts', 'exports', 'audit', 'vault')"
    )
    assert len(tables) > 30
    numbers = "|".join([*(resident_id(n) for n in range(1, 9)), *(resident_id_15(n) for n in range(1, 9))])
    leaks = [
        f"{schema}.{table}"
        for schema, table in tables
        if sealed.rows(f'select count(*) from {schema}."{table}" t where t::text ~ %s', [numbers]) != [(0,)]
    ]
    assert leaks == []
