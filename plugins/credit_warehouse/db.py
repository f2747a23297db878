"""The one place that opens a connection to the warehouse."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from credit_warehouse.secrets import secret, token_key
from credit_warehouse.settings import settings


class Lock(IntEnum):
    """Keys of the advisory locks, side by side so that no two are the same."""

    MIGRATION = 4_207_001
    BUILD = 4_207_002
    FEED = 4_207_003
    """With the hash of a feed's name: one writer a feed."""
    REMOVALS = 4_207_004
    KEYS = 4_207_005
    LINKS = 4_207_013
    """Taken by the ledger of links itself (migration 0013)."""
    VAULT = 4_207_007
    """Shared by whoever seals; alone while a new key of the vault begins to count."""
    LEDGER = 4_207_008
    """Held by whoever chains the ledger (migration 0025) and writes its anchor."""
    PRODUCTS = 4_207_006
    """Held by whoever changes the products or sends them: what leaves is of one build, the one that was gated."""


DATABASE = "warehouse"
USER = "warehouse"
ZONE = "-c timezone=Asia/Shanghai"


class NoDatabase(RuntimeError):
    """The warehouse database is not configured or not running."""


def warehouse_dsn(database: str = DATABASE) -> str:
    """Return the libpq URI of the warehouse: ``WAREHOUSE_DSN``, else the embedded server of this home.

    Raises NoDatabase when neither exists; the message names the command that starts one.
    """
    given = settings().dsn
    if given:
        return given.get_secret_value()
    port_file = settings().run / "postgres.port"
    if not port_file.exists():
        raise NoDatabase(f"no database is running for {settings().home}; start one with: credit-warehouse start")
    password = quote(secret("postgres_password"))
    return f"postgresql://{USER}:{password}@127.0.0.1:{port_file.read_text().strip()}/{database}"


def sqlalchemy_url(driver: str = "psycopg") -> str:
    """Same server for SQLAlchemy, the driver spelled out (a bare ``postgresql://`` changed meaning in 2.1)."""
    return warehouse_dsn().replace("postgresql://", f"postgresql+{driver}://", 1)


def session_options() -> str:
    """libpq ``options`` of every session: business time zone, and the two HMAC pads of the token key.

    The key never becomes a statement, so it reaches no log and no pg_stat_activity; ``vault.token`` reads it.
    """
    block = token_key().ljust(hashlib.sha256().block_size, b"\0")
    inner = bytes(byte ^ 0x36 for byte in block).hex()
    outer = bytes(byte ^ 0x5C for byte in block).hex()
    pads = f"-c credit_warehouse.token_ipad={inner} -c credit_warehouse.token_opad={outer}"
    return f"{ZONE} {pads}"


def dsn_parts() -> dict[str, str]:
    """The DSN as libpq keywords (host, port, user, password, dbname)."""
    return {key: str(value) for key, value in conninfo_to_dict(warehouse_dsn()).items() if value is not None}


@contextmanager
def connect(*, autocommit: bool = False, tokens: bool = True) -> Iterator[psycopg.Connection]:
    """Open a connection; commits on success, rolls back on error.

    It can compute tokens unless told otherwise: who only counts needs no key, and on a server has none.
    """
    options = session_options() if tokens else ZONE
    with psycopg.connect(warehouse_dsn(), autocommit=autocommit, options=options) as connection:
        yield connection


@contextmanager
def turn(lock: Lock) -> Iterator[None]:
    """Wait until nobody else holds ``lock``, then hold it. A process that dies gives it up with its connection."""
    with connect(autocommit=True, tokens=False) as connection:
        connection.execute("select pg_advisory_lock(%s)", [lock])
        yield
