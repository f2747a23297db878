"""Front-end database (前置库): rows changed since the last watermark, re-read with an overlap for late commits."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import errors, sql

from credit_warehouse.declarations import Source
from credit_warehouse.refusal import Refused
from credit_warehouse.settings import settings
from credit_warehouse.transports import patience
from credit_warehouse.transports.delivery import Delivery, Endpoint

FETCHED_AT_ONCE = 5000
# A server that refuses a login gives no code through libpq, only its words.
REFUSED_LOGIN = re.compile(r"authentication failed|认证失败|pg_hba\.conf|role .* does not exist|permission denied")


def collect(
    source: Source, endpoint: Endpoint, business_date: date, folder: Path, high_water: str | None
) -> Delivery | None:
    """Write the rows changed up to the end of ``business_date`` into ``folder``, one JSON object a line.

    ``high_water`` is the watermark of the business day before. All rows are of one moment (repeatable read), ordered
    by key, so that asking twice gives the same bytes. A broken connection starts the read over. None when nothing
    changed. Raises Refused.
    """
    connection = source.ingest.transport.connection
    target = folder / f"{source.name}_{business_date:%Y%m%d}_database.jsonl"
    part = target.with_name(f"{target.name}.part")
    rows, newest = _patiently(source, endpoint, business_date, part, high_water, connection)
    if newest is None:
        part.unlink()
        return None
    part.replace(target)
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


def _patiently(
    source: Source, endpoint: Endpoint, business_date: date, part: Path, high_water: str | None, connection: str | None
) -> tuple[int, datetime | None]:
    table = source.ingest.transport.table
    try:
        for attempt in patience.attempts(_passing):
            with attempt:
                return _read(source, endpoint, business_date, part, high_water)
    except errors.QueryCanceled:
        raise patience.timed_out(connection, settings().provider_budget_seconds) from None
    except errors.ConnectionTimeout:
        raise patience.timed_out(connection, settings().provider_timeout_seconds) from None
    except errors.InsufficientPrivilege:
        raise patience.denied(connection, f"{table}") from None
    except psycopg.OperationalError as error:
        if _login_refused(error):
            raise patience.denied(connection, "login") from None
        raise patience.unreachable(connection, type(error).__name__) from None
    except psycopg.Error as error:
        raise patience.unusable(
            connection,
            f"{table} 无法按声明读取（{type(error).__name__}）",
            f"{table} cannot be read as declared ({type(error).__name__})",
        ) from None
    raise AssertionError("the last attempt returns or raises")


def _passing(error: Exception) -> bool:
    """Whether reading again may help: a lost connection or a conflict on a standby yes, a slow statement no."""
    if isinstance(error, errors.QueryCanceled) or not isinstance(error, psycopg.OperationalError):
        return False
    return not _login_refused(error)


def _login_refused(error: psycopg.OperationalError) -> bool:
    return error.sqlstate is None and REFUSED_LOGIN.search(str(error)) is not None


def _read(
    source: Source, endpoint: Endpoint, business_date: date, part: Path, high_water: str | None
) -> tuple[int, datetime | None]:
    newest: datetime | None = None
    rows = 0
    with _connect(endpoint) as connection, part.open("w", encoding="utf-8", newline="\n") as out:
        query = _query(source, _columns(connection, source))
        since = (
            datetime.fromisoformat(high_water) - timedelta(minutes=source.ingest.transport.overlap_minutes)
            if high_water
            else datetime.min.replace(year=1900)
        )
        until = datetime.combine(business_date, datetime.min.time()) + timedelta(days=1)
        with connection.cursor(name=f"extract_{source.name}") as cursor:
            cursor.itersize = FETCHED_AT_ONCE
            cursor.execute(query, [since, until])
            for line, changed_at in cursor:
                out.write(f"{line}\n")
                newest = changed_at if newest is None else max(newest, changed_at)
                rows += 1
    return rows, newest


def _connect(endpoint: Endpoint) -> psycopg.Connection:
    seconds = settings().provider_timeout_seconds
    connection = psycopg.connect(
        endpoint.url,
        # libpq counts whole seconds and takes 1 for 2.
        connect_timeout=max(2, round(seconds)),
        client_encoding="utf8",
        # A server that vanished, without a word or in the middle of one.
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=round(seconds * 1000),
    )
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    # Through a pool of the provider, options of the connection may not arrive; statements do.
    connection.execute(
        sql.SQL("set local statement_timeout = {}").format(round(settings().provider_budget_seconds * 1000))
    )
    # A watermark with a time zone is cut into days of ours, whatever the provider's server thinks.
    connection.execute("set local timezone = 'Asia/Shanghai'")
    return connection


def _columns(connection: psycopg.Connection, source: Source) -> list[str]:
    """The declared columns the provider's table has. Raises Refused when a required one is missing."""
    transport = source.ingest.transport
    assert transport.table is not None, "the declaration model requires it for this kind"
    assert transport.watermark is not None, "likewise"
    found = [
        name
        for (name,) in connection.execute(
            "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped"
            " order by attnum",
            [sql.Identifier(*transport.table.split(".")).as_string(connection)],
        )
    ]
    if not found:
        raise patience.unusable(
            transport.connection, f"表 {transport.table} 不存在", f"table {transport.table} does not exist"
        )
    declared = [column.name for column in source.columns]
    needed = {column.name for column in source.columns if column.required} | {*source.ingest.key, transport.watermark}
    missing = sorted(needed - set(found))
    if missing:
        unknown = ", ".join(name for name in found if name not in declared)
        raise Refused(
            "COLUMN_MISSING",
            f"{transport.table} 缺少字段 {', '.join(missing)}；未声明字段 {unknown or '无'}，未取任何数据",
            f"{transport.table}: columns {', '.join(missing)} are missing; unknown: {unknown or 'none'};"
            " nothing was read",
        )
    return [name for name in declared if name in found]


def _query(source: Source, columns: list[str]) -> sql.Composed:
    transport = source.ingest.transport
    assert transport.table is not None and transport.watermark is not None
    return sql.SQL(
        "select row_to_json(t)::text, {watermark}::timestamp"
        " from (select {columns} from {table} where {watermark}::timestamp >= %s and {watermark}::timestamp < %s) t"
        " order by {key}"
    ).format(
        watermark=sql.Identifier(transport.watermark),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        table=sql.Identifier(*transport.table.split(".")),
        key=sql.SQL(", ").join(map(sql.Identifier, source.ingest.key)),
    )
