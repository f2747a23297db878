"""From a withdrawal on the court's service to its tombstone in every feed, with the long-running stack.

``python tests/bench/takedown.py 100000`` loads that many listings, waits until they have left, and then lets the court
withdraw two of them: one while nothing else happens, one while the day's build runs and the tax source fails. Each is
timed from the moment the service has the message to the last feed that tells it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import providers
from credit_warehouse.build import BUSINESS_ZONE
from credit_warehouse.stack.waiting import wait_until
from e2e.homes import Home

COURT = "court_defaulters"
LONGEST = 60.0


class AwakeHome(Home):
    """A home that follows its schedules, as a server does."""

    def environment(self) -> dict[str, str]:
        """See Home."""
        return {**super().environment(), "WAREHOUSE_SCHEDULES": "on"}


def listings(count: int) -> Iterator[dict[str, Any]]:
    """As many adults, each listed in a case of their own."""
    today = datetime.now(BUSINESS_ZONE).date()
    for number in range(count):
        yield providers.listing(
            f"8{number:08d}",
            number % 100_000,
            f"{today - timedelta(days=2)}T09:00:00+08:00",
            publishDate=str(today - timedelta(days=30)),
            decisionDate=str(today - timedelta(days=31)),
            regDate=str(today - timedelta(days=90)),
        )


def put(path: Path, rows: Any) -> None:
    """Write rows as JSON lines, complete at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}")
    with draft.open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    draft.rename(path)


def withdrawn_after(home: Home, listing_id: str, number: int) -> tuple[float, int]:
    """Let the court withdraw a listing; seconds until the last feed that held it has told so, and how many did."""
    ((item_id,),) = home.rows(f"select item_id from marts.defaulter_listing where listing_id = '{listing_id}'")
    held = {feed for (feed,) in home.rows(f"select distinct feed from exports.feed_entry where item_id = '{item_id}'")}
    now = datetime.now(BUSINESS_ZONE)
    folder = home.path / "sandbox" / str(now.date()) / COURT
    put(folder / f"withdrawal_{number}.jsonl", [providers.deletion(listing_id, now.isoformat(timespec="seconds"))])
    begun = time.monotonic()

    def gone() -> bool:
        left = home.rows(f"select count(*) from exports.feed_entry where item_id = '{item_id}'")[0][0]
        return not left and told(home, held, item_id)

    wait_until(gone, timeout=600, what="the tombstones", poll=0.1)
    return time.monotonic() - begun, len(held)


def told(home: Home, feeds: set[str], item_id: str) -> bool:
    """Whether the file with the tombstone lies in every feed that held the item."""
    found = dict(
        home.rows(f"select feed, max(sequence) from exports.feed_tombstone where item_id = '{item_id}' group by 1")
    )
    return all((home.path / "exports" / feed / f"{found.get(feed, 0):08d}" / "delta.jsonl").exists() for feed in feeds)


def main(count: int) -> int:
    """Print both times; 1 when one exceeds a minute."""
    with tempfile.TemporaryDirectory() as folder:
        home = AwakeHome(Path(folder) / "home")
        try:
            return measure(home, Path(folder), count)
        finally:
            home.run("stop")
            home.kill()


def measure(home: Home, folder: Path, count: int) -> int:
    """The two withdrawals."""
    say(f"{count} listings")
    begun = home.run("start", "--sandbox", "--subjects", "300", "--days", "1")
    assert begun.returncode == 0, begun.stdout
    yesterday = datetime.now(BUSINESS_ZONE).date() - timedelta(days=1)
    # So many at once stop at the gate unless they were declared.
    home.rows("update core.harm_band set persons = 10000000 where band = 'SWING' returning band")
    put(folder / "all" / COURT / "all.jsonl", listings(count))
    started = time.monotonic()
    loaded = home.run("run", "--landing", str(folder / "all"), "--date", str(yesterday))
    assert loaded.returncode == 0, loaded.stdout
    rows = dict(home.rows("select feed, total from audit.export_ledger order by sequence"))
    say(
        f"loaded, built and sent in {time.monotonic() - started:.0f} s: {sum(rows.values())} entries, {len(rows)} feeds"
    )

    quiet, feeds = withdrawn_after(home, "800000001", 1)
    say(f"while nothing else happens: {quiet:.1f} s to {feeds} feeds")

    broken = home.path / "inbox" / "tax_arrears" / "broken.csv"
    broken.parent.mkdir(parents=True, exist_ok=True)
    broken.write_bytes(b"nsrsbh,nsrmc\r\n1,2")
    (folder / "new" / "tax_arrears").mkdir(parents=True)
    broken.rename(folder / "new" / "tax_arrears" / "broken.csv")
    put(folder / "new" / "registry_entities" / "new.jsonl", (providers.entity(number) for number in range(5 * count)))
    day = threading.Thread(
        target=home.run, args=("run", "--landing", str(folder / "new"), "--date", str(yesterday)), daemon=True
    )
    day.start()
    wait_until(
        lambda: bool(home.rows("select from audit.build where status = 'running'")),
        timeout=600,
        what="a build",
        poll=0.1,
    )
    busy, feeds = withdrawn_after(home, "800000002", 2)
    still = "still running" if home.rows("select from audit.build where status = 'running'") else "ended meanwhile"
    refused = home.rows("select count(*) from audit.batch where source = 'tax_arrears' and status = 'refused'")[0][0]
    say(f"while the build runs ({still}) and {refused} tax file is refused: {busy:.1f} s to {feeds} feeds")
    day.join()
    return int(max(quiet, busy) > LONGEST)


def say(text: str) -> None:
    """One line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
