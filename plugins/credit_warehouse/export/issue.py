"""The issue of the newspaper bulletin: made on its channel's day, taken back when somebody in it has to leave.

What lies in ``bulletins/<feed>.pdf`` may be printed now; whatever may not be printed any more is not there. Beside it,
``<feed>.json`` says of which delivery it was made.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from credit_warehouse.db import connect
from credit_warehouse.export import channels
from credit_warehouse.feed_consumer import FeedRefused
from credit_warehouse.feed_protocol import ALL
from credit_warehouse.settings import settings
from credit_warehouse.site.channel import BULLETIN

if TYPE_CHECKING:
    from credit_warehouse.site.bulletin import Bulletin

COPIES = "copies"
TRIES = 3


class NotIssued(RuntimeError):
    """Some bulletins could not be made, and nothing lies in their place; the message says why."""


@dataclass(frozen=True)
class Issue:
    """Of what a bulletin was made, in the words of the manifest."""

    business_date: str
    sequence: int
    valid_until: str

    def is_of_the_week_of(self, day: date) -> bool:
        """Whether it is the bulletin of the week (Monday to Sunday) in which ``day`` lies."""
        return date.fromisoformat(self.business_date).isocalendar()[:2] == day.isocalendar()[:2]


def publish(day: date) -> dict[str, Bulletin]:
    """Make the bulletins of ``day``, make those of this week again from which somebody had to be taken, remove others.

    Returns what was made, by feed. Only a feed that was written whole on the day gives an issue: where a gate held
    additions back, there is none. Raises NotIssued, after every other bulletin was made.
    """
    with connect(tokens=False) as connection:
        declared = channels.days(connection, day)
        feeds = _feeds(connection, declared)
        due = {feed for feed in feeds if declared.is_written(feed) and _is_written_whole(connection, feed, day)}
        for path in settings().bulletins.glob("*.pdf"):
            if path.stem not in feeds:
                path.unlink()
        made, failed = {}, []
        for feed in feeds:
            pdf, issue = settings().bulletins / f"{feed}.pdf", _issue(feed)
            if issue is None or _may_not_be_printed(connection, feed, issue):
                pdf.unlink(missing_ok=True)
            if feed in due or (issue and issue.is_of_the_week_of(day) and not pdf.exists()):
                try:
                    made[feed] = _make(connection, feed, pdf)
                except Exception as error:
                    pdf.unlink(missing_ok=True)
                    failed.append(f"{feed}: {type(error).__name__}: {error}")
    if failed:
        raise NotIssued("；".join(failed))
    return made


def _feeds(connection: psycopg.Connection, declared: channels.Days) -> list[str]:
    """Feeds of the format that were ever written whole and whose channel is in force."""
    begun = connection.execute(
        "select distinct feed from audit.export_ledger where product = 'exposure_publication' and scope = %s"
        " order by feed",
        [ALL],
    )
    rows = {feed: channels.channel_of(feed, declared.rows) for (feed,) in begun}
    return [feed for feed, row in rows.items() if row is not None and row["format"] == BULLETIN]


def _is_written_whole(connection: psycopg.Connection, feed: str, day: date) -> bool:
    return connection.execute(
        "select exists (select from audit.export_ledger where feed = %s and scope = %s and business_date = %s)",
        [feed, ALL, day],
    ).fetchone() == (True,)


def _issue(feed: str) -> Issue | None:
    """What is known of the newest bulletin of a feed; nothing before the first, or when that cannot be read."""
    try:
        return Issue(**json.loads((settings().bulletins / f"{feed}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _may_not_be_printed(connection: psycopg.Connection, feed: str, issue: Issue) -> bool:
    """Whether its feed has expired, or anybody left the feed since."""
    return datetime.fromisoformat(issue.valid_until) < datetime.now().astimezone() or connection.execute(
        "select exists (select from audit.export_ledger where feed = %s and sequence > %s and removed > 0)",
        [feed, issue.sequence],
    ).fetchone() == (True,)


def _make(connection: psycopg.Connection, feed: str, pdf: Path) -> Bulletin:
    from credit_warehouse.site.bulletin import write_bulletin  # fonts and pages, which other tasks need not load

    known = settings()
    if not known.centre:
        raise ValueError("WAREHOUSE_CENTRE 未设置：公告须载明发布单位 is not set: a bulletin says who publishes it")
    copies, beside = known.bulletins / COPIES, pdf.with_suffix(".json")

    def write(key: bytes | None) -> Bulletin:
        return write_bulletin(
            known.exports, feed, pdf, copies, key, centre=known.centre, contact=known.contact,
            font=Path(known.bulletin_font) if known.bulletin_font else None, only_new=known.bulletin_only_new,
        )  # fmt: skip

    for _ in range(TRIES):
        try:
            done = write(None if (copies / feed / "copy.db").exists() else _key(connection, feed))
        except FeedRefused as refused:
            # A key was replaced without announcement: the register knows the new one, and the copy begins again.
            if refused.rule != "KEY":
                raise
            shutil.rmtree(copies / feed)
            done = write(_key(connection, feed))
        issue = Issue(done.business_date, done.sequence, done.valid_until)
        draft = beside.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(issue)))
        draft.replace(beside)
        # Somebody may have had to leave while the pages were drawn.
        if not _may_not_be_printed(connection, feed, issue):
            return done
        pdf.unlink(missing_ok=True)
    raise NotIssued(f"清单仍在变动，请再运行 the feed goes on losing entries; run it again ({TRIES})")


def _key(connection: psycopg.Connection, feed: str) -> bytes:
    """The public key of the delivery with which a copy of the feed begins; from the register, not from the folder."""
    row = connection.execute(
        "select public_key from audit.export_ledger join audit.feed_key using (key_id)"
        " where feed = %s and scope = %s order by sequence desc limit 1",
        [feed, ALL],
    ).fetchone()
    assert row
    return bytes(row[0])
