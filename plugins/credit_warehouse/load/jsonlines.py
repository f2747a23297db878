"""JSON lines: every line is copied as it stands, then taken apart by PostgreSQL; a line may be a service page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from psycopg import sql

from credit_warehouse.load.target import Loaded, Target
from credit_warehouse.refusal import Refused

BLOCK = 1 << 20
PAGE_KEYS = ("items", "data", "rows", "records")


def load(target: Target) -> Loaded:
    """Load one JSONL file of records or of service pages. ``_row_no`` counts records from 1."""
    first = _first_object(target)
    page_key = next((key for key in PAGE_KEYS if isinstance(first.get(key), list)), None)
    sample = next(iter(first[page_key]), {}) if page_key else first
    extra = _unknown(target, sample)
    db = target.connection
    db.execute("create temp table line (line_no bigint generated always as identity, body text) on commit drop")
    # Control characters cannot stand unescaped in JSON, so as delimiter and quote they never meet data.
    with (
        target.path.open("rb") as stream,
        db.cursor().copy(
            "copy line (body) from stdin with (format csv, delimiter e'\\x01', quote e'\\x02', encoding 'UTF8')"
        ) as copy,
    ):
        while block := stream.read(BLOCK):
            copy.write(block)
    bad = [
        line_no
        for (line_no,) in db.execute(
            "select line_no from line where body is not null and not pg_input_is_valid(body, 'json') order by line_no"
        )
    ]
    newest = db.execute("select max(line_no) from line where body is not null").fetchone()
    if bad and newest and bad[-1] == newest[0] and not _ends_with_break(target.path):
        raise Refused(
            "FILE_TRUNCATED",
            f"{target.file_name}：第 {bad[-1]} 行残缺，疑似传输中断，整份拒收",
            f"{target.file_name}: line {bad[-1]} is incomplete, the transfer seems cut; refused whole",
        )
    rows = _take_apart(target, page_key, extra)
    db.execute("drop table line")
    rejected = target.reject((line_no, "JSON_INVALID", "") for line_no in bad)
    return Loaded(rows, rejected, "utf-8", extra)


def _first_object(target: Target) -> dict[str, Any]:
    with target.path.open("rb") as stream:
        for line in stream:
            if line.strip():
                try:
                    found = json.loads(line)
                except ValueError:
                    continue
                if isinstance(found, dict):
                    return found
    return {}


def _unknown(target: Target, sample: object) -> list[str]:
    """Check the first record: the key must be there, new members are kept as columns."""
    if not isinstance(sample, dict) or not sample:
        return []
    missing = [name for name in target.source.ingest.key if name not in sample]
    declared = {column.name for column in target.source.columns}
    extra = [name for name in sample if name not in declared]
    if missing:
        raise Refused(
            "COLUMN_MISSING",
            f"{target.file_name}：缺少主键字段 {', '.join(missing)}；未声明字段 {', '.join(extra) or '无'}，整份拒收",
            f"{target.file_name}: key {', '.join(missing)} is missing; unknown: {', '.join(extra) or 'none'};"
            " refused whole",
        )
    target.accept_header([*declared, *extra])
    return extra


def _take_apart(target: Target, page_key: str | None, extra: list[str]) -> int:
    names = [*(column.name for column in target.source.columns), *extra]
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in names)
    typed = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in names)
    records = (
        sql.SQL(
            "select row_number() over (order by l.line_no, e.ordinality) as row_no, e.value as record"
            " from valid l, json_array_elements(l.body::json -> {key}) with ordinality e"
        ).format(key=sql.Literal(page_key))
        if page_key
        else sql.SQL("select l.line_no as row_no, l.body::json as record from valid l")
    )
    cursor = target.connection.execute(
        sql.SQL(
            "with valid as materialized ("
            " select line_no, body from line where body is not null and pg_input_is_valid(body, 'json')),"
            " records as ({records})"
            " insert into {table} (_row_no, {columns})"
            " select r.row_no, {columns} from records r, json_to_record(r.record) as t({typed})"
        ).format(records=records, table=target.table, columns=columns, typed=typed)
    )
    return cursor.rowcount


def _ends_with_break(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(-1, 2)
        return stream.read(1) == b"\n"
