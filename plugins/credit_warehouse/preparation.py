"""Make a database ready: schemas, raw tables of every declared source, functions and rule seeds."""

from __future__ import annotations

from credit_warehouse import access, dictionary
from credit_warehouse.db import connect
from credit_warehouse.declarations import load_sources
from credit_warehouse.migrate import migrate
from credit_warehouse.transform import prepare_database


def prepare() -> None:
    """Idempotent; cheap when nothing changed."""
    with connect() as connection:
        migrate(connection, load_sources())
    prepare_database()
    with connect(tokens=False) as connection:
        access.install(connection)
        dictionary.comment(connection)
