"""The data dictionary, from declarations, model files and the database: there is no second place to keep in step.

As Markdown (``render``), as comments in PostgreSQL (``comment``), and as one HTML page with a search (``build``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg import sql

from credit_warehouse.access import PERSONAL
from credit_warehouse.db import connect
from credit_warehouse.declarations import load_sources
from credit_warehouse.settings import settings
from credit_warehouse.transform import dbt_project

TEMPLATE = "dictionary.html.j2"
PERSONAL_CLASS = "personal"
PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
"""A name that SQL takes without quotation marks."""


@dataclass
class Column:
    """One column; ``codes`` are the values it may hold, where they are declared."""

    name: str
    data_type: str = ""
    label: str = ""
    pii: str = ""
    required: bool = False
    codes: list[str] = field(default_factory=list)


@dataclass
class Table:
    """One table, view or seed."""

    name: str
    label: str
    english: str = ""
    source: str = ""
    columns: list[Column] = field(default_factory=list)

    @property
    def grain(self) -> str:
        """What one row is, in the words of the description."""
        return self.english[self.english.index("one row per") :].rstrip(".") if "one row per" in self.english else ""

    @property
    def sample(self) -> str:
        """A first query, which shows no person: names and numbers are left out."""
        names = [column.name for column in self.columns if column.pii in ("", "none")][:6]
        shown = [name if PLAIN.fullmatch(name) else f'"{name}"' for name in names]
        return f"select {', '.join(shown) or 'count(*)'}\nfrom {self.name}\nlimit 10"


def declared() -> list[Table]:
    """Every raw table and every model and seed with a description."""
    return [*_raw(), *_models()]


def render() -> str:
    """Markdown: every declared table with its columns."""
    return "\n".join(line for table in declared() for line in _markdown(table)) + "\n"


def comment(connection: psycopg.Connection) -> None:
    """Write labels as comments on the tables and columns that are there."""
    there = _catalogue(connection)
    statements: list[sql.Composable] = []
    for table in declared():
        if table.name not in there:
            continue
        relation = sql.Identifier(*table.name.split("."))
        kind = sql.SQL("view" if there[table.name].is_view else "table")
        words = f"{table.label} | {table.english}" if table.english else table.label
        statements.append(sql.SQL("comment on {} {} is {}").format(kind, relation, sql.Literal(words)))
        names = {column.name for column in there[table.name].columns}
        statements += [
            sql.SQL("comment on column {}.{} is {}").format(
                relation, sql.Identifier(column.name), sql.Literal(column.label)
            )
            for column in table.columns
            if column.label and column.name in names
        ]
    if statements:
        connection.execute(sql.SQL(";").join(statements))


def comment_new() -> None:
    """``comment``, where a build has made a table anew; else one look."""
    with connect(tokens=False) as connection:
        row = connection.execute(
            "select exists (select from pg_class join pg_namespace on pg_namespace.oid = relnamespace"
            " where nspname in ('marts', 'exports') and relkind in ('r', 'v')"
            " and obj_description(pg_class.oid) is null)"
        ).fetchone()
        if row == (True,):
            comment(connection)


def build() -> Path:
    """Write the page of everything that is in the database; return its path."""
    from credit_warehouse.report.page import environment

    with connect(tokens=False) as connection:
        tables = list(_described(connection))
    page = environment().get_template(TEMPLATE).render(tables=tables)
    folder = settings().home / "dictionary"
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".index.{os.getpid()}"
    draft.write_text(page, encoding="utf-8")
    return draft.replace(folder / "index.html")


@dataclass
class _Found:
    is_view: bool
    comment: str
    columns: list[Column]


def _catalogue(connection: psycopg.Connection) -> dict[str, _Found]:
    """Tables and columns of the database, with types and comments."""
    found: dict[str, _Found] = {}
    for relation, kind, about, column, data_type, label, required in connection.execute(
        "select nspname || '.' || relname, relkind, coalesce(obj_description(pg_class.oid), ''), attname,"
        " format_type(atttypid, atttypmod), coalesce(col_description(pg_class.oid, attnum), ''), attnotnull"
        " from pg_attribute join pg_class on pg_class.oid = attrelid"
        " join pg_namespace on pg_namespace.oid = relnamespace"
        " where nspname in ('raw', 'core', 'vault', 'marts', 'analysis', 'exports', 'audit')"
        " and relkind in ('r', 'v') and attnum > 0 and not attisdropped order by 1, attnum"
    ):
        table = found.setdefault(relation, _Found(kind == "v", about, []))
        table.columns.append(Column(column, data_type, label, _pii(relation, column), required))
    return found


def _described(connection: psycopg.Connection) -> Iterator[Table]:
    """Every table of the database, in the words of its declaration, else of its comment."""
    known = {table.name: table for table in declared()}
    for name, found in _catalogue(connection).items():
        said = known.get(name)
        label, _, english = found.comment.partition(" | ")
        twin = known.get(name.replace("analysis.", "marts.", 1)) if name.startswith("analysis.") else None
        if twin and not said:
            label, english = f"{twin.label}（遮蔽视图）", twin.english
        table = Table(name, label, english)
        if said:
            table = Table(name, said.label, said.english, said.source)
        told = {column.name: column for column in (said or twin or table).columns}
        for column in found.columns:
            about = told.get(column.name)
            if about:
                column.label, column.codes = about.label or column.label, about.codes
                column.pii = about.pii or column.pii
            table.columns.append(column)
        yield table


def _raw() -> Iterator[Table]:
    for source in load_sources():
        yield Table(
            f"raw.{source.name}",
            f"{source.label}：{source.description}",
            source.name,
            f"{source.publisher}；{source.legal_basis}",
            [Column(column.name, "text", column.label, column.pii, column.required) for column in source.columns],
        )


def _models() -> Iterator[Table]:
    for path in sorted([*dbt_project().glob("models/*/_*.yml"), *dbt_project().glob("seeds/_*.yml")]):
        document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        schema = "core" if path.parent.name == "seeds" else path.parent.name
        for model in [*document.get("models", []), *document.get("seeds", [])]:
            name = f"{schema}.{model['name']}"
            label, _, english = model["description"].partition(" | ")
            yield Table(name, label, english, columns=[_column(name, column) for column in model.get("columns", [])])


def _column(relation: str, said: dict[str, Any]) -> Column:
    codes = [
        str(value)
        for test in said.get("data_tests", [])
        if isinstance(test, dict)
        for value in test.get("accepted_values", {}).get("arguments", {}).get("values", [])
    ]
    return Column(
        said["name"],
        said.get("data_type", ""),
        said.get("description", ""),
        _pii(relation, said["name"]),
        any(constraint.get("type") == "not_null" for constraint in said.get("constraints", [])),
        codes,
    )


def _pii(relation: str, column: str) -> str:
    """Class of what is derived: what no analyst sees is personal. Raw columns have a declared class."""
    return PERSONAL_CLASS if column in PERSONAL and not relation.startswith(("raw.", "analysis.")) else ""


def _markdown(table: Table) -> Iterator[str]:
    yield f"## {table.name}\n\n{table.label}{' | ' + table.english if table.english else ''}"
    yield f"（{table.source}）\n" if table.source else ""
    labelled = [column for column in table.columns if column.label]
    if labelled:
        yield "| 列 column | 类型 type | 说明 meaning | 个人信息 PII | 必有 required |\n|---|---|---|---|---|"
    for column in labelled:
        codes = f"（{' / '.join(column.codes)}）" if column.codes and column.codes[0] not in column.label else ""
        yield (
            f"| `{column.name}` | {column.data_type} | {column.label}{codes} | {column.pii} |"
            f" {'是' if column.required else '否'} |"
        )
    yield ""
