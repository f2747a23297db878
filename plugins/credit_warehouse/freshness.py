"""Which sources have not delivered for longer than they declare."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from credit_warehouse.db import connect
from credit_warehouse.declarations import Source, load_sources


@dataclass(frozen=True)
class Overdue:
    """A source that is late: since when, against which limit."""

    source: str
    days: int
    limit: int
    is_error: bool
    ever: bool
    """False where it never delivered; the days then count from the first delivery of anybody."""


def overdue(on: date) -> list[Overdue]:
    """Sources whose newest accepted delivery is older than their declared freshness on ``on``, worst first."""
    with connect() as connection:
        newest = dict(
            connection.execute(
                "select source, max(business_date) from audit.batch where status = 'accepted' group by source"
            ).fetchall()
        )
    begun = min(newest.values(), default=None)
    if begun is None:
        return []  # nobody delivered yet: the warehouse is being set up
    late = (_judge(source, newest.get(source.name), begun, on) for source in load_sources())
    return sorted((found for found in late if found), key=lambda found: (not found.is_error, -found.days, found.source))


def _judge(source: Source, newest: date | None, begun: date, on: date) -> Overdue | None:
    days = (on - (newest or begun)).days
    warn, error = source.freshness.warn_after.count, source.freshness.error_after.count
    if days <= warn:
        return None
    limit = error if days > error else warn
    return Overdue(source.name, days, limit, is_error=days > error, ever=newest is not None)
