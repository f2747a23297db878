"""The quality report: one HTML file that stands alone, for auditors, operators and managers.

``queries`` reads the facts, ``attention`` says which matter, ``charts`` draws, ``page`` and the template print.
Nothing in it names a person; ``masking`` sees to what comes from the data itself.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

from credit_warehouse.db import connect
from credit_warehouse.declarations import load_sources
from credit_warehouse.report import month
from credit_warehouse.report.page import render
from credit_warehouse.report.queries import Reader
from credit_warehouse.rules import load_book
from credit_warehouse.settings import settings

LATEST = "quality_latest.html"


def write_report() -> Path:
    """Write the report of the newest build and point ``quality_latest.html`` to it; return its path.

    Works on an empty database too. Both files are replaced in one step: a reader never meets half a report.
    """
    sources, book = load_sources(), load_book()
    with connect() as connection:
        # One snapshot: figures of two tables must not differ because a run goes on meanwhile.
        connection.execute("set transaction isolation level repeatable read read only")
        facts = Reader(connection, sources).read(book)
    return _put(
        render(facts, sources, book), f"quality_{facts.period.business_date}_{facts.period.build_id or 0}.html", LATEST
    )


def write_month(first: date) -> Path:
    """Write the report of the month that begins on ``first``; return its path. Raises LookupError before any build."""
    sources = load_sources()
    with connect(tokens=False) as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        found = month.read(connection, sources, first)
    return _put(month.render(found, load_book()), f"month_{first:%Y-%m}.html")


def _put(page: str, *names: str) -> Path:
    """Replace files of the reports in one step each; return the first."""
    folder = settings().reports
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        draft = folder / f".{name}.{os.getpid()}"
        draft.write_text(page, encoding="utf-8")
        draft.replace(folder / name)
    return folder / names[0]
