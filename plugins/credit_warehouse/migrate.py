"""Apply the numbered SQL files of ``migrations/`` once each, in order, and keep the source register in step."""

from __future__ import annotations

from importlib.resources import files

import psycopg
from psycopg import sql

from credit_warehouse.db import Lock
from credit_warehouse.declarations import Source


def migrate(connection: psycopg.Connection, sources: list[Source]) -> list[str]:
    """Bring the database to the newest schema; return the names of the files applied now.

    Safe to call at every start and from two processes at once (advisory lock).
    """
    connection.execute("select pg_advisory_xact_lock(%s)", [Lock.MIGRATION])
    connection.execute(
        "create table if not exists public.warehouse_migration"
        " (name text primary key, applied_at timestamptz not null default now())"
    )
    done = {name for (name,) in connection.execute("select name from public.warehouse_migration")}
    pending = sorted(
        (entry for entry in files("credit_warehouse.migrations").iterdir() if entry.name.endswith(".sql")),
        key=lambda entry: entry.name,
    )
    applied = [entry for entry in pending if entry.name not in done]
    for entry in applied:
        connection.execute(entry.read_text(encoding="utf-8").encode())
        connection.execute("insert into public.warehouse_migration (name) values (%s)", [entry.name])
    for source in sources:
        register(connection, source)
    connection.commit()
    return [entry.name for entry in applied]


def register(connection: psycopg.Connection, source: Source) -> None:
    """Write the declaration of one source into ``audit.source`` and create its raw table or missing columns."""
    item = source.ingest.item
    connection.execute(
        "insert into audit.source"
        " (source, label, publisher, legal_basis, delivery, catalogue_class, polarity, may_remove, fresh_days)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (source) do update set"
        " label = excluded.label, publisher = excluded.publisher, legal_basis = excluded.legal_basis,"
        " delivery = excluded.delivery, catalogue_class = excluded.catalogue_class, polarity = excluded.polarity,"
        " may_remove = excluded.may_remove, fresh_days = excluded.fresh_days",
        [
            source.name,
            source.label,
            source.publisher,
            source.legal_basis,
            source.ingest.delivery,
            item.catalogue_class if item else None,
            item.polarity if item else None,
            source.ingest.may_remove,
            source.freshness.warn_after.count,
        ],
    )
    table = sql.Identifier("raw", source.name)
    sequence = sql.Identifier("raw", f"{source.name}__row_no")
    connection.execute(sql.SQL("create sequence if not exists {}").format(sequence))
    # Bookkeeping comes from defaults, so that the original bytes can be copied straight into the table.
    connection.execute(
        sql.SQL(
            "create table if not exists {} ("
            " _batch_id bigint not null default current_setting('credit_warehouse.batch_id')::bigint,"
            " _row_no bigint not null default nextval({}),"
            " _loaded_at timestamptz not null default now())"
        ).format(table, sql.Literal(f"raw.{source.name}__row_no"))
    )
    connection.execute(
        sql.SQL("create index if not exists {} on {} (_batch_id)").format(
            sql.Identifier(f"{source.name}__batch"), table
        )
    )
    add_columns(connection, source.name, [column.name for column in source.columns])
    comment = sql.SQL("comment on table {} is {}").format(table, sql.Literal(f"{source.label} | {source.name}"))
    connection.execute(comment)


def add_columns(connection: psycopg.Connection, source: str, names: list[str]) -> None:
    """Give ``raw.<source>`` the text columns it lacks."""
    for name in names:
        connection.execute(
            sql.SQL("alter table {} add column if not exists {} text").format(
                sql.Identifier("raw", source), sql.Identifier(name)
            )
        )
