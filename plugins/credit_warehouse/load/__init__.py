"""From an archived original to ``raw.<source>``: COPY of the bytes, and a slow path that isolates bad rows."""

from __future__ import annotations

from psycopg import sql

from credit_warehouse import archive
from credit_warehouse.db import connect
from credit_warehouse.declarations import Source
from credit_warehouse.load import delimited, jsonlines, threshold, workbook, xml_rows
from credit_warehouse.load.target import Loaded, Target
from credit_warehouse.receive import refuse
from credit_warehouse.refusal import Refused

READERS = {"csv": delimited, "jsonl": jsonlines, "xlsx": workbook, "xml": xml_rows}


def load_batch(source: Source, batch_id: int) -> Refused | None:
    """Load one batch in one transaction; return the refusal if the file is refused whole.

    A crash rolls back to the state 'received', from which the load starts again. Loading a loaded batch is
    a no-op.
    """
    with connect() as connection:
        connection.execute("select pg_advisory_xact_lock(hashtext('load:' || %s))", [source.name])
        row = connection.execute(
            "select sha256, file_name, business_date, rows_in, status, scope from audit.batch where batch_id = %s",
            [batch_id],
        ).fetchone()
        assert row, f"batch {batch_id} does not exist"
        sha256, file_name, business_date, declared_rows, status, scope = row
        if status != "received":
            return None
        try:
            with connection.transaction(), archive.original(source.name, sha256) as path:
                target = Target(connection, source, path, batch_id, file_name, business_date)
                loaded = _copy(target)
                _reconcile(file_name, declared_rows, loaded)
                # A batch that is loaded again, from the archive, keeps the scope it was given on the day.
                scope = scope or threshold.scope_of(source, file_name, loaded.rows, loaded.rejected)
                held = threshold.keep_removals(connection, source, batch_id) if scope == "removals_only" else 0
        except Refused as refusal:
            refuse(connection, batch_id, refusal)
            return refusal
        connection.execute(
            "update audit.batch set status = 'loaded', encoding = %s, rows_in = %s, rows_loaded = %s,"
            " rows_rejected = %s, extra_columns = %s, layout = %s, scope = %s where batch_id = %s",
            [
                loaded.encoding,
                loaded.rows + loaded.rejected,
                loaded.rows - held,
                loaded.rejected + held,
                loaded.header.extra,
                loaded.header.layout,
                scope,
                batch_id,
            ],
        )
    return None


def row_as_received(source: Source, sha256: str, row_no: int) -> str | None:
    """One row of an archived original: its text where a row is text, else its fields as JSON; None without such a row.

    Raises ArchiveDamaged when the original is missing or is not what was received.
    """
    with archive.original(source.name, sha256) as path:
        if not path.exists() or archive.sha256_of(path) != sha256:
            raise archive.ArchiveDamaged(f"{source.name} ({sha256[:12]}…): the original is missing or was changed")
        found: str | None = READERS[source.ingest.format].row_as_received(path, source, row_no)
    return found.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") if found is not None else None


def _copy(target: Target) -> Loaded:
    connection = target.connection
    connection.execute("select set_config('credit_warehouse.batch_id', %s, true)", [str(target.batch_id)])
    loaded: Loaded = READERS[target.source.ingest.format].load(target)
    # Fresh statistics: the gate and the first build meet a table the planner knows nothing of otherwise.
    connection.execute(sql.SQL("analyze {}").format(target.table))
    return loaded


def _reconcile(file_name: str, declared_rows: int | None, loaded: Loaded) -> None:
    found = loaded.rows + loaded.rejected
    if declared_rows is not None and declared_rows != found:
        raise Refused(
            "OK_MISMATCH",
            f"{file_name}：声明 {declared_rows} 行，实际 {found} 行，整份拒收",
            f"{file_name}: {declared_rows} rows were declared, {found} found; refused whole",
        )
