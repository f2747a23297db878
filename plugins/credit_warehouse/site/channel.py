"""What the seed of channels declares of a feed, for those who make something of the feed and have no database."""

from __future__ import annotations

import csv

from credit_warehouse.settings import PROJECT_ROOT


def declared(feed: str) -> list[dict[str, str]]:
    """Rows of the channel that ``feed`` belongs to, oldest first; none for a feed of another product."""
    with (PROJECT_ROOT / "dbt_project" / "seeds" / "exposure_channel.csv").open(encoding="utf-8") as lines:
        rows = [
            line
            for line in csv.DictReader(lines)
            if line["feed"] == feed or (line["split_by"] and feed.startswith(f"{line['feed']}-"))
        ]
    return sorted(rows, key=lambda row: (len(row["feed"]), row["valid_from"]))


def declared_on(feed: str, day: str) -> dict[str, str] | None:
    """The row in force on ``day`` (ISO date)."""
    rows = [row for row in declared(feed) if row["valid_from"] <= day < (row["valid_to"] or "9999")]
    return rows[-1] if rows else None
