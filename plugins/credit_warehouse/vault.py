"""The vault: full identifiers, encrypted with AES-256-GCM before they reach the database, found by token.

Each value names the key it needs. A new key is put in use at once and the values follow in batches; the token, and so
every ``subject_id``, is made with another key and stays. Whoever reads a value needs a grant and is logged.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import sql

from credit_warehouse.db import Lock, connect
from credit_warehouse.declarations import load_sources
from credit_warehouse.explain.lines import os_user
from credit_warehouse.secrets import add_vault_key, vault_key, vault_keys
from credit_warehouse.settings import settings

NONCE_BYTES = 12
BATCH = 5_000


class NotGranted(PermissionError):
    """Who asked may not read full identifiers."""


class KeyMissing(LookupError):
    """A value needs a key that is not at hand; the message names its id."""


@dataclass
class Rotation:
    """What a re-keying has done."""

    key_id: str
    rekeyed: int = 0
    unreadable: int = 0
    """Values that their own key does not open: changed, or moved to another token."""
    left: dict[str, int] = field(default_factory=dict)
    """Values under other keys, by key."""


def key_id(key: bytes | None = None) -> str:
    """Short name of a key, by default of the one that encrypts; tells which key a value needs, nothing about it."""
    return hashlib.sha256(b"key id" + (key or vault_key())).hexdigest()[:16]


def seal(build_id: int) -> int:
    """Encrypt every valid identifier of the build's batches that the vault does not hold yet; return how many."""
    sealed = 0
    with connect() as connection:
        # Until this is committed, nobody who makes a new key can believe that the old one is not used any more.
        connection.execute("select pg_advisory_xact_lock_shared(%s)", [Lock.VAULT])
        key = vault_key()
        name = key_id(key)
        brought = {
            source for (source,) in connection.execute("select source from audit.batch where build_id = %s", [build_id])
        }
        for source in load_sources():
            if not source.identifier_columns or source.name not in brought:
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
                    copy.write_row((token, kind, _closed(key, token, value.encode()), name))
            sealed += len(new)
    return sealed


def open_identifier(token: str, reason: str) -> str:
    """Return the full identifier behind a token to whom it is granted; the reading is logged before, a refusal too.

    Raises NotGranted, KeyError when the vault does not hold the token, KeyMissing when the key of the value is gone.
    """
    with connect() as connection:
        row = connection.execute(
            "select is_granted, ciphertext, key_id from vault.read_for(%s, %s, %s)", [token, os_user(), reason]
        ).fetchone()
    # Only now, with the log committed.
    assert row
    is_granted, data, name = row
    if not is_granted:
        raise NotGranted(f"{os_user()} 未获授权查阅完整号码 has no grant to read full identifiers")
    if data is None:
        raise KeyError(token)
    return _opened(_ring(), name, token, bytes(data)).decode()


def open_for_tokens(connection: psycopg.Connection, tokens: set[str], reason: str) -> dict[str, str]:
    """Full identifiers of these tokens, for a keyed hash that leaves in their place; one row of the log for each.

    For the export itself, which no person reads over: nothing of it may be written anywhere. What the vault does not
    hold is left out; raises KeyMissing when the key of a value is gone.
    """
    found = connection.execute(
        "with asked as (select token, ciphertext, key_id from vault.identifier where token = any(%s)),"
        " logged as (insert into audit.access_log (os_user, action, token, reason)"
        " select %s, 'identifier hashed', token, %s from asked)"
        " select token, ciphertext, key_id from asked",
        [sorted(tokens), os_user(), reason],
    ).fetchall()
    ring = _ring()
    return {token: _opened(ring, name, token, bytes(data)).decode() for token, data, name in found}


def grant(user: str, decided_by: str, reason: str, *, revoke: bool = False) -> None:
    """Let a user of the operating system read full identifiers, or end it."""
    with connect() as connection:
        connection.execute(
            "insert into vault.reader_grant (os_user, action, decided_by, reason) values (%s, %s, %s, %s)",
            [user, "REVOKE" if revoke else "GRANT", decided_by, reason],
        )


def in_use() -> dict[str, int]:
    """How many values need which key."""
    with connect() as connection:
        return dict(connection.execute("select key_id, count(*) from vault.identifier group by key_id").fetchall())


def rotate() -> Rotation:
    """Make a new key and re-encrypt every value with it; where an earlier run broke off, go on with that one.

    Batches are committed one by one, so that a kill loses at most one and readers never wait for more. A value that
    does not open stays as it is and is counted; the old keys are needed as long as ``left`` names them.
    Raises KeyMissing before anything is changed.
    """
    key = _newest()
    done = Rotation(key_id(key))
    ring = _ring()
    last: str | None = ""
    while last is not None:
        last = _rekey(ring, key, last, done)
    done.left = {name: count for name, count in in_use().items() if name != done.key_id}
    return done


def _newest() -> bytes:
    """The key to re-key to: the newest one while values wait for it, else a new one."""
    with connect() as connection:
        # Alone: whoever seals has committed, and whoever seals next reads the new key.
        connection.execute("select pg_advisory_xact_lock(%s)", [Lock.VAULT])
        needed = {name for (name,) in connection.execute("select distinct key_id from vault.identifier")}
        if missing := sorted(needed - _ring().keys()):
            raise KeyMissing(f"缺少旧密钥 values need keys that are not at hand: {', '.join(missing)}")
        if needed <= {key_id()} and not settings().vault_key:
            add_vault_key()
        return vault_key()


def _rekey(ring: dict[str, bytes], key: bytes, after: str, done: Rotation) -> str | None:
    """One batch, in the order of tokens; the last token of it, None when there was nothing left."""
    with connect() as connection:
        found = connection.execute(
            "select token, ciphertext, key_id from vault.identifier where token > %s and key_id <> %s"
            " order by token limit %s for update",
            [after, done.key_id, BATCH],
        ).fetchall()
        changed = []
        for token, data, name in found:
            try:
                changed.append((token, _closed(key, token, _opened(ring, name, token, bytes(data)))))
            except InvalidTag:
                done.unreadable += 1
        connection.execute(
            "update vault.identifier as known set ciphertext = new.ciphertext, key_id = %s"
            " from unnest(%s::text[], %s::bytea[]) as new (token, ciphertext) where known.token = new.token",
            [done.key_id, [token for token, _ in changed], [data for _, data in changed]],
        )
    done.rekeyed += len(changed)
    return found[-1][0] if found else None


def _ring() -> dict[str, bytes]:
    return {key_id(key): key for key in vault_keys()}


def _closed(key: bytes, token: str, value: bytes) -> bytes:
    """Encrypt; the token is authenticated with the value, so that a row moved to another token does not open."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, value, token.encode())


def _opened(ring: dict[str, bytes], name: str, token: str, data: bytes) -> bytes:
    if name not in ring:
        raise KeyMissing(f"缺少密钥 the value needs key {name}, which is not at hand")
    return AESGCM(ring[name]).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], token.encode())
