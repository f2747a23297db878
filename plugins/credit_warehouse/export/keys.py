"""The keys that sign the feeds: one in use, perhaps a next one that is announced, all of them published.

The private halves come from the setting, else they are files ``secrets/feed_key_<generation>``; the register of the
public halves is ``audit.feed_key``. A new key is announced under the signature of the old one and used after an
overlap, so that a consumer that looks in once a week still meets the announcement before the first use.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from credit_warehouse.db import Lock, connect
from credit_warehouse.feed_protocol import KEY_FORMAT, KEYS, document, key_id, pem
from credit_warehouse.secrets import secret
from credit_warehouse.settings import settings

FILE = "feed_key_{}"


class KeyProblem(RuntimeError):
    """No manifest can be signed, or no key announced; the message says what is missing."""


def signing(connection: psycopg.Connection) -> tuple[str, Ed25519PrivateKey]:
    """Id and private half of the key in use; the first call of a home makes the first key. Publishes what is due."""
    row = _in_use(connection)
    if row is None:
        connection.execute("select pg_advisory_xact_lock(%s)", [Lock.KEYS])
        row = _in_use(connection)
    if row is None:
        _register(connection, 1, _private(1), datetime.now(UTC), None, None)
        row = _in_use(connection)
    assert row
    _publish(connection)
    name, generation = row
    private = _ring(generation).get(name)
    if private is None:
        raise KeyProblem(
            f"签名私钥缺失 the private half of feed key {name} is not in WAREHOUSE_FEED_KEY nor in"
            f" secrets/{FILE.format(generation)}; if it is lost: credit-warehouse feed key rotate --unannounced"
        )
    return name, private


def rotate(overlap: timedelta, *, announced: bool = True) -> tuple[str, datetime]:
    """Make and announce the next key; return its id and the moment from which it signs.

    ``announced=False`` is for an old key that is lost or stolen: the next one is used at once, nothing vouches for it,
    and every consumer has to be given it by hand.
    """
    with connect() as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [Lock.KEYS])
        newest = connection.execute(
            "select generation, key_id, in_use_from from audit.feed_key order by generation desc limit 1"
        ).fetchone()
        if newest is None:
            raise KeyProblem("尚无签名密钥 there is no feed key yet; the first export makes one")
        generation, old, since = newest
        exactly = datetime.now(UTC)
        now = exactly.replace(microsecond=0)
        if announced and since > exactly:
            raise KeyProblem(f"上一次轮换尚未生效 key {old} is announced and not yet in use (from {since.isoformat()})")
        private = _private(generation + 1)
        public = private.public_key().public_bytes_raw()
        if connection.execute("select 1 from audit.feed_key where key_id = %s", [key_id(public)]).fetchone():
            raise KeyProblem("WAREHOUSE_FEED_KEY 中没有新密钥 append the new key to WAREHOUSE_FEED_KEY first")
        starts = now + overlap if announced else now
        announcement = signature = None
        if announced:
            old_name, old_private = signing(connection)
            announcement = document(
                {
                    "format": KEY_FORMAT,
                    "key_id": key_id(public),
                    "public_key": public.hex(),
                    "previous_key_id": old_name,
                    "announced_at": now.isoformat(),
                    "in_use_from": starts.isoformat(),
                }
            )
            signature = old_private.sign(announcement)
        _register(connection, generation + 1, private, starts, announcement, signature)
        connection.commit()
        _publish(connection)
    return key_id(public), starts


def _in_use(connection: psycopg.Connection) -> tuple[str, int] | None:
    row = connection.execute(
        "select key_id, generation from audit.feed_key where in_use_from <= clock_timestamp()"
        " order by generation desc limit 1"
    ).fetchone()
    return (row[0], row[1]) if row else None


def _register(
    connection: psycopg.Connection,
    generation: int,
    private: Ed25519PrivateKey,
    starts: datetime,
    announcement: bytes | None,
    signature: bytes | None,
) -> None:
    public = private.public_key().public_bytes_raw()
    connection.execute(
        "insert into audit.feed_key (generation, key_id, public_key, in_use_from, announcement, signature)"
        " values (%s, %s, %s, %s, %s, %s)",
        [generation, key_id(public), public, starts, announcement, signature],
    )


def _publish(connection: psycopg.Connection) -> None:
    """Put every registered key beside the feeds, where it is not there as registered."""
    folder = settings().exports / KEYS
    folder.mkdir(parents=True, exist_ok=True)
    for name, public, announcement, signature in connection.execute(
        "select key_id, public_key, announcement, signature from audit.feed_key order by generation"
    ).fetchall():
        files = {f"{name}.pub": pem(public), f"{name}.sig": signature, f"{name}.json": announcement}
        for file, content in files.items():
            path = folder / file
            if content is not None and not (path.exists() and path.read_bytes() == content):
                draft = path.with_name(f".{file}.{os.getpid()}.draft")
                draft.write_bytes(content)
                draft.replace(path)


def _given() -> list[Ed25519PrivateKey]:
    """Keys of the setting, oldest first."""
    given = settings().feed_key
    try:
        seeds = [bytes.fromhex(text) for text in given.get_secret_value().split()] if given else []
        return [Ed25519PrivateKey.from_private_bytes(seed) for seed in seeds]
    except ValueError:
        # The words of the library could repeat a part of the key.
        raise KeyProblem("WAREHOUSE_FEED_KEY 应为 64 位十六进制 must be 64 hex digits a key, blanks between") from None


def _private(generation: int) -> Ed25519PrivateKey:
    """The key to begin this generation with: of the setting the first or the last one, else a generated one."""
    if given := _given():
        return given[0 if generation == 1 else -1]
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret(FILE.format(generation))))


def _ring(generation: int) -> dict[str, Ed25519PrivateKey]:
    """Private keys at hand, by id."""
    keys = _given()
    if not keys and (settings().secrets / FILE.format(generation)).exists():
        keys = [_private(generation)]
    return {key_id(key.public_key().public_bytes_raw()): key for key in keys}
