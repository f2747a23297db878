"""Pages for screens that roll through a list: one small file a page, and an index that says how long each stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import ceil
from pathlib import Path

from credit_warehouse.site.channel import declared
from credit_warehouse.site.folder import made_anew
from credit_warehouse.site.held import held
from credit_warehouse.site.shards import newest_first, write_json


@dataclass(frozen=True)
class Pages:
    """What was written."""

    pages: int
    entries: int
    seconds: int
    """How long one round takes."""


def declared_pages(feed: str) -> tuple[int, int] | None:
    """Entries a page and seconds a page, as the newest row of the seed declares them for this feed."""
    found = [
        (int(row["page_length"]), int(row["dwell_seconds"]))
        for row in declared(feed)
        if row["page_length"] and row["dwell_seconds"]
    ]
    return found[-1] if found else None


def write_pages(
    exports: Path, feed: str, out: Path, copies: Path, key: bytes | None, *, page_length: int, dwell_seconds: int,
    now: datetime | None = None,
) -> Pages:  # fmt: skip
    """Write the pages of what ``feed`` holds; a screen shows none after ``valid_until`` of the index.

    Raises what ``held`` raises.
    """
    entries, standing, _ = held(exports, feed, copies, key, now)
    entries = newest_first(entries)
    pages = ceil(len(entries) / page_length)
    with made_anew(out) as folder:
        for number in range(pages):
            shown = entries[number * page_length : (number + 1) * page_length]
            write_json(folder / f"page-{number + 1:04d}.json", shown)
        write_json(
            folder / "index.json",
            {
                "feed": feed, "sequence": standing.sequence, "business_date": standing.business_date,
                "valid_until": standing.valid_until, "pages": pages, "dwell_seconds": dwell_seconds,
                "entries": len(entries),
            },
        )  # fmt: skip
    return Pages(pages, len(entries), pages * dwell_seconds)
