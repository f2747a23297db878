"""The vault: full identifiers, encrypted with AES-256-GCM before they reach the database, found by token."""

from __future__ import annotations

import hashlib
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import sql

from credit_warehouse.db import connect
from credit_warehouse.declarations import load_sources
from credit_warehouse.secrets import vault_key

NONCE_BYTES = 12


def key_id() -> str:
    """Short name of the key in use; tells which key a value needs, and nothing about the key."""
    return hashlib.sha256(b"key id" + vault_key()).hexdigest()[:16]


def seal(build_id: int) -> int:
    """Encrypt every valid identifier of the build's batches that the vault does not hold yet; return how many."""
    cipher, name = AESGCM(vault_key()), key_id()
    sealed = 0
    with connect() as connection:
        for source in load_sources():
            if not source.identifier_columns:
                continue
            # One pass over the batch however many identifier columns it has.
            columns = sql.SQL(", ").join(sql.Identifier("r", column) for column in source.identifier_columns)
            query = sql.SQL(
                "with sent as materialized ("
                " select distinct staging.identifier_text(v.value) as value"
                " from raw.{table} r cross join lateral unnest(array[{columns}]) as v(value)"
                " where r._batch_id in (select batch_id from audit.batch where build_id = %s and source = %s)),"
                " known as (select staging.subject_id('person', value) as person,"
                " staging.subject_id('organisation', value) as organisation, value from sent),"
                " tokens as (select person as token, 'resident_id' as kind, staging.resident_id_18(value) as value"
                " from known where person is not null"
                " union select organisation, case length(value) when 18 then 'uscc' else 'org_code' end, value"
                " from known where organisation is not null)"
                " select distinct on (token) token, kind, value from tokens"
                " where not exists (select from vault.identifier i where i.token = tokens.token)"
                " order by token, length(value) desc"
            ).format(table=sql.Identifier(source.name), columns=columns)
            new = connection.execute(query, [build_id, source.name]).fetchall()
            with connection.cursor().copy(
                "copy vault.identifier (token, identifier_type, ciphertext, key_id) from stdin"
            ) as copy:
                for token, kind, value in new:
                    nonce = os.urandom(NONCE_BYTES)
                    # The token is authenticated with the value: a row moved to another token does not open.
                    copy.write_row((token, kind, nonce + cipher.encrypt(nonce, value.encode(), token.encode()), name))
            sealed += len(new)
    return sealed


def open_identifier(token: str) -> str:
    """Return the full identifier behind a token. Raises KeyError when the vault does not hold it."""
    with connect() as connection:
        row = connection.execute("select ciphertext from vault.identifier where token = %s", [token]).fetchone()
    if row is None:
        raise KeyError(token)
    data = bytes(row[0])
    return AESGCM(vault_key()).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], token.encode()).decode()
