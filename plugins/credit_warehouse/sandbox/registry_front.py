"""The registry's front-end database (前置库): tables that hold its current state as of a business day."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import psycopg
from psycopg import sql

from credit_warehouse.sandbox.rows import COLUMNS

SCHEMA = "front"
KEYS = {"registry_entities": ("pripid",), "registry_persons": ("pripid", "personid")}
WATERMARK = "update_time"


def publish(dsn: str, data: Path, business_date: date) -> None:
    """Make ``front.registry_entities`` and ``front.registry_persons`` in ``dsn`` show the state of ``business_date``.

    Built from all files of days up to and including it, in one transaction; calling it again, also for an earlier
    day, gives the same tables. Raises FileNotFoundError when ``data`` holds no such day.
    """
    days = sorted(
        folder for folder in data.iterdir() if _is_day(folder.name) and folder.name <= business_date.isoformat()
    )
    if not days:
        raise FileNotFoundError(f"no day up to {business_date} in {data}")
    with psycopg.connect(dsn) as connection:
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(SCHEMA)))
        for table, key in KEYS.items():
            _reset(
                connection,
                table,
                key,
                [path for day in days for path in sorted((day / table).glob("*.jsonl"))],
            )


def _reset(connection: psycopg.Connection, table: str, key: Sequence[str], paths: Sequence[Path]) -> None:
    columns = COLUMNS[table]
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    keys = sql.SQL(", ").join(map(sql.Identifier, key))
    target = sql.Identifier(SCHEMA, table)
    definition = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL("timestamp" if name == WATERMARK else "text"))
        for name in columns
    )
    connection.execute(sql.SQL("create table if not exists {} ({}, primary key ({}))").format(target, definition, keys))
    connection.execute(
        sql.SQL("create temp table incoming ({}, line bigint generated always as identity) on commit drop").format(
            definition
        )
    )
    copy_in = sql.SQL("copy incoming ({}) from stdin").format(names)
    with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
        for row in _rows(paths, columns):
            copy.write_row(row)
    connection.execute(sql.SQL("truncate {}").format(target))
    connection.execute(
        sql.SQL(
            "insert into {target} ({names}) select distinct on ({keys}) {names} from incoming"
            " order by {keys}, {watermark} desc, line desc"
        ).format(target=target, names=names, keys=keys, watermark=sql.Identifier(WATERMARK))
    )
    connection.execute("drop table incoming")
    connection.execute(sql.SQL("analyze {}").format(target))


def _rows(paths: Sequence[Path], columns: Sequence[str]) -> Iterator[list[str | None]]:
    for path in paths:
        with path.open(encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                yield [row[name] for name in columns]


def _is_day(name: str) -> bool:
    try:
        date.fromisoformat(name)
    except ValueError:
        return False
    return True
