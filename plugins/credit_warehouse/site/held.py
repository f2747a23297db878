"""What a feed holds, as its reference consumer sees it: every delivery verified, and not yet expired."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from credit_warehouse.feed_consumer import Standing
from credit_warehouse.feed_home import FolderSource, Home
from credit_warehouse.site.statistics import Statistics, statistics


class StaleFeed(RuntimeError):
    """The newest delivery does not vouch for the list any more; what is made of it could show who was taken off."""


def held(
    exports: Path, feed: str, copies: Path, key: bytes | None, now: datetime | None = None
) -> tuple[list[dict[str, Any]], Standing, Statistics]:
    """Take what is new of ``feed`` into its copy under ``copies``; return the entries, where the copy is, and numbers.

    ``key`` is the public key received by hand, needed the first time. Raises FeedRefused when a delivery is not what
    it claims, StaleFeed when the feed has expired, ValueError without a key the first time.
    """
    home = Home(copies)
    standing = home.pull(FolderSource(exports), feed, key).standing
    if (now or datetime.now().astimezone()) > datetime.fromisoformat(standing.valid_until):
        raise StaleFeed(f"{feed}：清单有效期已过 the feed has expired ({standing.valid_until}); nothing is made of it")
    with home.copy(feed) as copy:
        entries = list(copy.entries())
        return entries, standing, statistics(copy, exports / feed, entries)
