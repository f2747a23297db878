"""What the seed of channels declares of a feed, for those who make something of the feed and have no database."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from credit_warehouse.settings import PROJECT_ROOT

BULLETIN = "bulletin"
"""Format of the channels whose feeds are printed."""
SEED = PROJECT_ROOT / "dbt_project" / "seeds" / "exposure_channel.csv"


def every_row() -> Iterator[tuple[int, dict[str, str]]]:
    """(line of the file, row) of every channel and period."""
    with SEED.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        for row in reader:
            yield reader.line_num, row


def declared(feed: str) -> list[dict[str, str]]:
    """Rows of the channel that ``feed`` belongs to, oldest first; none for a feed of another product."""
    rows = [
        row for _, row in every_row() if row["feed"] == feed or (row["split_by"] and feed.startswith(f"{row['feed']}-"))
    ]
    return sorted(rows, key=lambda row: (len(row["feed"]), row["valid_from"]))


def declared_on(feed: str, day: str) -> dict[str, str] | None:
    """The row in force on ``day`` (ISO date)."""
    rows = [row for row in declared(feed) if row["valid_from"] <= day < (row["valid_to"] or "9999")]
    return rows[-1] if rows else None
