"""How many unreadable rows a file may have before it is not believed."""

from __future__ import annotations

from typing import Literal

import psycopg
from psycopg import sql

from credit_warehouse.declarations import Removals, Source
from credit_warehouse.refusal import Refused

Scope = Literal["all", "removals_only"]
RULE = "REJECTS_EXCEEDED"


def scope_of(source: Source, file_name: str, rows: int, rejected: int) -> Scope:
    """What of a file may take effect. Raises Refused when nothing may.

    A snapshot is refused whole: rows it seems to lack may be among those that cannot be read, and would be taken for
    removed. A delta whose removals are declared keeps them: to hold back a withdrawal because other rows of its file
    are broken would keep somebody listed.
    """
    bounds = source.ingest.rejects
    total = rows + rejected
    if rejected < bounds.at_least or rejected <= bounds.refuse * total:
        return "all"
    if source.ingest.removals == "all":
        return "all"
    if isinstance(source.ingest.removals, Removals):
        return "removals_only"
    raise Refused(
        RULE,
        f"{file_name}：{total} 行中有 {rejected} 行无法读取，超过声明的上限 {bounds.refuse:.0%}，整份拒收",
        f"{file_name}: {rejected} of {total} rows cannot be read, above the declared {bounds.refuse:.0%};"
        " refused whole",
    )


def keep_removals(connection: psycopg.Connection, source: Source, batch_id: int) -> int:
    """Quarantine every loaded row of a batch that is no removal; return how many."""
    removals = source.ingest.removals
    assert isinstance(removals, Removals)
    moved = connection.execute(
        sql.SQL(
            "with moved as (delete from {table} where _batch_id = %s and coalesce(btrim({column}), '') <> all(%s)"
            " returning *),"
            " noted as (insert into audit.rejected_row (batch_id, row_no, stage, rule, field)"
            " select _batch_id, _row_no, 'load', {rule}, '' from moved returning batch_id)"
            " insert into raw._rejected_row (batch_id, row_no, rule, field, body, key)"
            " select _batch_id, _row_no, {rule}, '',"
            " left((to_jsonb(moved) - '{{_batch_id,_row_no,_loaded_at}}'::text[])::text, 65536), array[{key}]"
            " from moved where exists (select from noted)"
        ).format(
            table=sql.Identifier("raw", source.name),
            column=sql.Identifier(removals.column),
            rule=sql.Literal(RULE),
            key=sql.SQL(", ").join(sql.Identifier(name) for name in source.ingest.key),
        ),
        [batch_id, removals.values],
    )
    return moved.rowcount
