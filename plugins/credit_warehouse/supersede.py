"""Rejected rows that a later delivery settled: a good row of the same key, the same file again, a newer snapshot."""

from __future__ import annotations

import psycopg
from psycopg import sql

from credit_warehouse.db import connect
from credit_warehouse.declarations import Source, load_sources

# A batch counts once it is in the record; a later one is one that speaks of a later day, or came later for that day.
LATER = (
    "later.source = earlier.source and later.status = 'accepted' and later.build_id is not null"
    " and (later.business_date, later.batch_id) > (earlier.business_date, earlier.batch_id)"
    # What stood in the record before this build was compared when it came in.
    " and (%(build)s::bigint is null or %(build)s in (later.build_id, earlier.build_id))"
)
OPEN = (
    "select j.batch_id, j.row_no, j.rule, j.field from audit.rejected_row j"
    " join audit.batch b on b.batch_id = j.batch_id where b.source = %(source)s"
    " and not exists (select from audit.rejection_superseded s where s.batch_id = j.batch_id"
    " and s.row_no = j.row_no and s.rule = j.rule and s.field = j.field)"
)


def mark_superseded(build_id: int | None) -> int:
    """Say of every open rejection whether a batch that ``build_id`` took in settled it; return how many it did.

    Without a build, all batches in the record are compared.
    """
    marked = 0
    with connect() as connection:
        for source in load_sources():
            still_open = connection.execute(f"select exists ({OPEN})".encode(), {"source": source.name}).fetchone()
            if still_open == (True,):
                marked += _by_delivery(connection, source, build_id) + _by_key(connection, source, build_id)
    return marked


def _by_delivery(connection: psycopg.Connection, source: Source, build_id: int | None) -> int:
    """A newer snapshot says anew what is; a file sent again under its name for the same day replaces itself."""
    return connection.execute(
        (
            "insert into audit.rejection_superseded (batch_id, row_no, rule, field, superseded_by, ground)"
            " select distinct on (o.batch_id, o.row_no, o.rule, o.field)"
            " o.batch_id, o.row_no, o.rule, o.field, later.batch_id,"
            " case when later.file_name = earlier.file_name and later.business_date = earlier.business_date"
            " then 'file' else 'snapshot' end"
            f" from ({OPEN}) o join audit.batch earlier on earlier.batch_id = o.batch_id"
            f" join audit.batch later on {LATER} and later.sha256 <> earlier.sha256"
            " and (later.mode = 'full' and earlier.mode = 'full'"
            " or later.file_name = earlier.file_name and later.business_date = earlier.business_date)"
            " order by o.batch_id, o.row_no, o.rule, o.field, later.business_date, later.batch_id"
        ).encode(),
        {"source": source.name, "build": build_id},
    ).rowcount


def _by_key(connection: psycopg.Connection, source: Source, build_id: int | None) -> int:
    """A row of the same key that staging found good. Keys of rows that could not be read are unknown and match none."""
    raw = sql.Identifier("raw", source.name)
    staged = sql.Identifier("staging", f"stg_{source.name}")
    return connection.execute(
        sql.SQL(
            "with open as materialized ({open}),"
            " keyed as materialized ("
            " select o.*, r.key from open o join raw._rejected_row r using (batch_id, row_no, rule, field)"
            " where r.key is not null"
            " union all select o.*, array[{old_key}] from open o"
            " join {raw} old on old._batch_id = o.batch_id and old._row_no = o.row_no)"
            " insert into audit.rejection_superseded (batch_id, row_no, rule, field, superseded_by, ground)"
            " select distinct on (k.batch_id, k.row_no, k.rule, k.field)"
            " k.batch_id, k.row_no, k.rule, k.field, later.batch_id, 'key'"
            " from keyed k join audit.batch earlier on earlier.batch_id = k.batch_id"
            " join audit.batch later on {later}"
            " join {raw} new on new._batch_id = later.batch_id and array[{new_key}] = k.key"
            " join {staged} good on good._batch_id = new._batch_id and good._row_no = new._row_no"
            " and good.reject_rule is null"
            " order by k.batch_id, k.row_no, k.rule, k.field, later.business_date, later.batch_id"
        ).format(
            open=sql.SQL(OPEN),
            raw=raw,
            staged=staged,
            later=sql.SQL(LATER),
            old_key=sql.SQL(", ").join(sql.Identifier("old", name) for name in source.ingest.key),
            new_key=sql.SQL(", ").join(sql.Identifier("new", name) for name in source.ingest.key),
        ),
        {"source": source.name, "build": build_id},
    ).rowcount
