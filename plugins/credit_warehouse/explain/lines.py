"""The line of the original behind a row of evidence: masked for every reader, in full only with an entry in the log."""

from __future__ import annotations

import os
import pwd
from typing import Any

import psycopg
from psycopg import sql

from credit_warehouse.db import connect
from credit_warehouse.declarations import Source, load_source
from credit_warehouse.explain import queries
from credit_warehouse.load import row_as_received
from credit_warehouse.report.masking import masked, scrubbed

BOOKKEEPING = "_"
"""Columns that the loader adds start with it."""
ACTION = "explain --original"


def masked_line(cursor: psycopg.Cursor[dict[str, Any]], source: Source, row: dict[str, Any]) -> Any:
    """Shape of every field by column; of a row that was not loaded, of its text. None for no line (row 0)."""
    place = [row["batch_id"], row["row_no"]]
    query = sql.SQL(queries.RAW_LINE).format(raw=sql.Identifier(source.name))
    loaded = cursor.execute(query, place).fetchone()
    if loaded:
        return {
            name: _shown(source, name, str(value))
            for name, value in loaded.items()
            if value and not name.startswith(BOOKKEEPING)
        }
    kept = cursor.execute(queries.RAW_REJECTED_LINE, place).fetchone()
    return masked(kept["body"]) if kept else None


def original_line(row: dict[str, Any], item_id: str) -> str | None:
    """The line as it stands in the archived file. The reading is logged first, whether or not it succeeds.

    Raises ArchiveDamaged when the original is missing or is not what was received.
    """
    with connect() as connection:
        connection.execute(
            queries.LOG_ACCESS,
            {
                "os_user": os_user(),
                "action": ACTION,
                "batch": row["batch_id"],
                "row_no": row["row_no"],
                "item": item_id,
            },
        )
    return row_as_received(load_source(row["source"]), row["sha256"], row["row_no"])


def _shown(source: Source, name: str, value: str) -> str:
    """A key that is no personal data stays readable: it is what the provider is asked about."""
    declared = next((column for column in source.columns if column.name == name), None)
    if declared is not None and declared.pii == "birth_date":
        return "*" * len(value)  # other dates are shown whole
    is_plain_key = declared is not None and declared.pii == "none" and name in source.ingest.key
    return scrubbed(value) if is_plain_key else masked(value)


def os_user() -> str:
    """Who the kernel says it is; environment variables can say anything."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
