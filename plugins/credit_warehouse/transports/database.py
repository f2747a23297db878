"""Front-end database (前置库): rows changed since the last watermark, re-read with an overlap for late commits."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql

from credit_warehouse.declarations import Source
from credit_warehouse.transports.delivery import Delivery, Endpoint


def collect(
    source: Source, endpoint: Endpoint, business_date: date, folder: Path, high_water: str | None
) -> Delivery | None:
    """Write the rows changed up to the end of ``business_date`` into ``folder``, one JSON object a line.

    ``high_water`` is the watermark of the business day before. Ordered by key, so that asking twice gives the
    same bytes. None when nothing changed.
    """
    transport = source.ingest.transport
    assert transport.table is not None, "the declaration model requires it for this kind"
    assert transport.watermark is not None, "likewise"
    target = folder / f"{source.name}_{business_date:%Y%m%d}_database.jsonl"
    watermark = sql.Identifier(transport.watermark)
    since = (
        datetime.fromisoformat(high_water) - timedelta(minutes=transport.overlap_minutes)
        if high_water
        else datetime.min.replace(year=1900)
    )
    query = sql.SQL(
        "select row_to_json(t)::text, {watermark}::timestamp"
        " from (select {columns} from {table} where {watermark}::timestamp >= %s and {watermark}::timestamp < %s) t"
        " order by {key}"
    ).format(
        watermark=watermark,
        columns=sql.SQL(", ").join(sql.Identifier(column.name) for column in source.columns),
        table=sql.Identifier(*transport.table.split(".")),
        key=sql.SQL(", ").join(sql.Identifier(name) for name in source.ingest.key),
    )
    newest: datetime | None = None
    rows = 0
    with psycopg.connect(endpoint.url) as connection, target.open("w", encoding="utf-8", newline="\n") as out:
        with connection.cursor(name=f"extract_{source.name}") as cursor:
            cursor.execute(query, [since, datetime.combine(business_date, datetime.min.time()) + timedelta(days=1)])
            for line, changed_at in cursor:
                out.write(f"{line}\n")
                newest = changed_at if newest is None else max(newest, changed_at)
                rows += 1
    if newest is None:
        return None
    return Delivery(
        path=target,
        file_name=target.name,
        mode=source.ingest.delivery,
        business_date=business_date,
        provider=source.publisher,
        declared={"rows": rows},
        high_water=newest.isoformat(),
        owned=True,
    )
