"""The vault: whole numbers, encrypted outside the database, each bound to its token."""

from __future__ import annotations

import hashlib
import hmac
import os
import signal
import subprocess
import sys
from datetime import date

import psycopg
import pytest
from cryptography.exceptions import InvalidTag

from credit_warehouse import vault
from credit_warehouse.db import warehouse_dsn
from credit_warehouse.explain.lines import os_user
from credit_warehouse.secrets import token_key
from credit_warehouse.settings import PROJECT_ROOT, settings
from providers import arrears, company_listing, csv_file, jsonl, listing, org_code, resident_id, resident_id_15, uscc

DAY = date(2026, 3, 2)
WHY = "核对"
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
    vault.grant(os_user(), "主任甲", "试")
    return shared_warehouse


def test_every_valid_number_is_sealed_under_its_token_and_no_other(sealed) -> None:
    tokens = {found for (found,) in sealed.rows("select token from vault.identifier")}
    assert tokens == {token(text) for text in VALID}
    assert {vault.open_identifier(token(text), WHY) for text in VALID} == set(VALID.values())


def test_a_short_number_is_sealed_in_its_long_form(sealed) -> None:
    assert vault.open_identifier(token(f"resident_id:{resident_id(2)}"), WHY) == resident_id(2)


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
        vault.open_identifier(one, WHY)
    sealed.execute("update vault.identifier set ciphertext = %s where token = %s", [before, one])


def test_another_key_opens_nothing(sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    one, name = token(f"resident_id:{resident_id(1)}"), vault.key_id()
    monkeypatch.setenv("WAREHOUSE_VAULT_KEY", "11" * 32)
    settings.cache_clear()
    try:
        with pytest.raises(vault.KeyMissing, match=name):
            vault.open_identifier(one, WHY)
        assert vault.key_id() != name
        with pytest.raises(vault.KeyMissing, match=name):
            vault.rotate()
    finally:
        monkeypatch.delenv("WAREHOUSE_VAULT_KEY")
        settings.cache_clear()


def test_a_number_is_sealed_once(sealed) -> None:
    before = sealed.rows("select token, ciphertext, recorded_at from vault.identifier order by 1")
    assert vault.seal(sealed.sealed_build) == 0
    assert sealed.rows("select token, ciphertext, recorded_at from vault.identifier order by 1") == before


def test_what_is_not_there_is_a_key_error(sealed) -> None:
    with pytest.raises(KeyError):
        vault.open_identifier("0" * 32, WHY)


# ---------- who may read

READINGS = "select action, reason, token from audit.access_log where token is not null order by access_id"


def test_a_reading_is_logged_and_a_refusal_too(sealed) -> None:
    one = token(f"resident_id:{resident_id(1)}")
    before = len(sealed.rows(READINGS))
    vault.open_identifier(one, "诉讼保全")
    vault.grant(os_user(), "主任甲", "离岗", revoke=True)
    with pytest.raises(vault.NotGranted) as refused:
        vault.open_identifier(one, "好奇")
    vault.grant(os_user(), "主任甲", "返岗")
    assert sealed.rows(READINGS)[before:] == [
        ("identifier read", "诉讼保全", one),
        ("identifier refused", "好奇", one),
    ]
    assert one not in str(refused.value)


def test_without_a_reason_nothing_is_read(sealed) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        vault.open_identifier(token(f"resident_id:{resident_id(1)}"), " ")


def test_somebody_else_has_no_grant(sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "os_user", lambda: "somebody")
    with pytest.raises(vault.NotGranted):
        vault.open_identifier(token(f"resident_id:{resident_id(1)}"), WHY)


def test_grants_are_only_added_to(sealed) -> None:
    for statement in ("update vault.reader_grant set reason = ''", "delete from vault.reader_grant"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            sealed.execute(statement)


@pytest.mark.parametrize("query", ["select ciphertext from vault.identifier", "select vault.read_for('x', 'x', 'x')"])
def test_another_role_of_the_database_reaches_nothing_in_the_vault(sealed, query: str) -> None:
    role = f"visitor_{sealed.database}"
    sealed.execute(f"create role {role}")
    try:
        sealed.execute(f"grant {role} to current_user")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sealed.execute(f"set role {role}; {query}")
    finally:
        sealed.execute(f"drop role {role}")


# ---------- another key

VALUES = "select token, ciphertext, key_id from vault.identifier order by token"


def opened() -> set[str]:
    return {vault.open_identifier(token(text), WHY) for text in VALID}


def test_a_rotation_changes_every_value_and_no_subject(sealed) -> None:
    before, old = sealed.rows(VALUES), vault.key_id()
    subjects = sealed.rows("select subject_id from core.subject order by 1")
    done = vault.rotate()
    after = sealed.rows(VALUES)
    assert (done.rekeyed, done.unreadable, done.left) == (len(VALID), 0, {})
    assert [row[0] for row in after] == [row[0] for row in before]
    assert {row[1] for row in after}.isdisjoint(row[1] for row in before)
    assert {row[2] for row in after} == {done.key_id} != {old}
    assert sealed.rows("select subject_id from core.subject order by 1") == subjects
    assert opened() == set(VALID.values())
    # Put away: nothing needs it. The next number is sealed with the new one.
    (settings().secrets / "vault_key").unlink()
    assert opened() == set(VALID.values())
    assert vault.seal(sealed.sealed_build) == 0


KILLED = """
import signal, sys, os
from credit_warehouse import vault
from credit_warehouse.db import warehouse_dsn
vault.BATCH = 2
whole, batches = vault._rekey, []
def rekey(*given):
    batches.append(1)
    if len(batches) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(*given)
vault._rekey = rekey
vault.rotate()
"""


def test_a_rotation_that_was_killed_goes_on_with_the_same_key(sealed) -> None:
    old = vault.key_id()
    environment = {"PYTHONPATH": str(PROJECT_ROOT / "plugins"), "PATH": os.environ["PATH"],
                   "WAREHOUSE_HOME": str(sealed.home), "WAREHOUSE_DSN": warehouse_dsn()}  # fmt: skip
    ended = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    new = vault.key_id()
    assert vault.in_use() == {new: 4, old: 2} and new != old
    assert opened() == set(VALID.values()), "both keys are at hand"
    done = vault.rotate()
    assert (done.key_id, done.rekeyed, done.left) == (new, 2, {})
    assert opened() == set(VALID.values())


def test_a_value_that_does_not_open_is_counted_and_left_as_it_is(sealed) -> None:
    one = token(f"resident_id:{resident_id(1)}")
    ((before,),) = sealed.rows("select ciphertext from vault.identifier where token = %s", [one])
    sealed.execute("update vault.identifier set ciphertext = set_byte(ciphertext, 0, 255 - get_byte(ciphertext, 0))"
                   " where token = %s", [one])  # fmt: skip
    old = vault.key_id()
    done = vault.rotate()
    assert (done.rekeyed, done.unreadable, done.left) == (len(VALID) - 1, 1, {old: 1})
    sealed.execute("update vault.identifier set ciphertext = %s where token = %s", [before, one])
    assert (vault.rotate().rekeyed, vault.in_use()) == (1, {done.key_id: len(VALID)})


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
