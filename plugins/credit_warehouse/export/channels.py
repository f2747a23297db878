"""Channels of the exposure product: each is a feed, declared by one row of the seed exposure_channel.

What a channel may tell of whom is the view ``exports.exposure_entry``; here is what a feed of a channel is called, how
numbers become tokens that only their recipient can compare, and what was public from when to when.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg

from credit_warehouse.export import cadence
from credit_warehouse.feed_protocol import canonical
from credit_warehouse.gates import Checked
from credit_warehouse.rules import CHANNEL_DAYS, gate
from credit_warehouse.secrets import channel_key
from credit_warehouse.settings import settings

log = logging.getLogger(__name__)

TOKEN, TOKEN_ID = "number_token", "entry_id"


@dataclass(frozen=True)
class Channel:
    """What the declaration says of the feeds of a channel."""

    channel: str
    label: str
    fields: list[str]
    is_tokenised: bool

    @property
    def id_field(self) -> str:
        """The field that identifies an entry: where numbers are tokens, the item's own id would undo them."""
        return TOKEN_ID if self.is_tokenised else "item_id"

    @property
    def columns(self) -> list[str]:
        """Fields of an entry in their order."""
        return sorted([*self.fields, TOKEN, TOKEN_ID] if self.is_tokenised else self.fields)


@dataclass(frozen=True)
class Days:
    """What of the channels in force is written on a day, and what waits."""

    rows: list[Mapping[str, Any]]
    waiting: frozenset[str]
    """Channels that are written on another day."""
    problems: list[str]
    """Of which of them nobody can say when."""

    @property
    def checked(self) -> Checked:
        """The rule that every channel's day can be told, as the gate keeps its results."""
        (rule,) = (rule for rule in gate("exposure_publication") if rule.type == CHANNEL_DAYS)
        return Checked(
            rule=rule.rule,
            title=rule.title,
            basis=rule.basis,
            severity=rule.severity,
            owner=rule.owner,
            success=not self.problems,
            vacuous=False,
            expected=cadence.EXPECTED,
            observed="；".join(self.problems) or f"{len(self.rows)} / {len(self.rows)}",
        )

    @property
    def written(self) -> list[str]:
        """Channels whose day it is."""
        return sorted({row["channel"] for row in self.rows} - self.waiting)

    def is_written(self, feed: str) -> bool:
        """Whether additions and updates of ``feed`` leave."""
        row = channel_of(feed, self.rows)
        return row is None or row["channel"] not in self.waiting


NO_CHANNELS = Days([], frozenset(), [])


def days(connection: psycopg.Connection, day: date) -> Days:
    """Which channels, of those in force on ``day``, are written on it."""
    # Where the rules are being replaced there are no candidates either, and nobody is added to anything.
    if connection.execute("select to_regclass('core.exposure_channel') is null").fetchone() == (True,):
        return NO_CHANNELS
    declared = [
        row
        for (row,) in connection.execute(
            # The row as it is: a table that was made before the column came says that it has no weekday.
            "select to_jsonb(declared) from core.exposure_channel as declared where is_enabled"
            " and valid_from <= %(day)s and (valid_to is null or %(day)s < valid_to) order by channel, valid_from",
            {"day": day},
        )
    ]
    worked = _worked(connection, day)
    waiting, problems = set(), []
    for row in declared:
        try:
            if not cadence.is_its_day(row, day, worked):
                waiting.add(row["channel"])
        except cadence.CadenceProblem as problem:
            waiting.add(row["channel"])
            problems.append(str(problem))
    return Days(declared, frozenset(waiting), problems)


def _worked(connection: psycopg.Connection, day: date) -> dict[date, bool]:
    """Of the days up to ``day`` that the calendar has, which were worked."""
    if connection.execute("select to_regclass('core.dim_calendar') is null").fetchone() == (True,):
        return {}
    return dict(
        connection.execute(
            "select day, is_working_day from core.dim_calendar where day between %(day)s::date - %(back)s and %(day)s",
            {"day": day, "back": cadence.LOOKED_BACK},
        ).fetchall()
    )


def channel_of(feed: str, rows: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The row that declares ``feed``, or the feed of which it is the part of a county; the longest name counts."""
    found = [row for row in rows if feed == row["feed"] or (row["split_by"] and feed.startswith(f"{row['feed']}-"))]
    return max(found, key=lambda row: len(row["feed"]), default=None)


def concern(connection: psycopg.Connection, day: Days) -> None:
    """Make the table ``concerned``: items that changed, and those that have waited for the day of a channel.

    What changed now begins to wait for the channels that are not written today.
    """
    connection.execute(
        "insert into exports.waiting_item (channel, item_id)"
        " select channel, item_id from unnest(%s::text[]) as channel cross join exports.unsent_item"
        " on conflict do nothing",
        [sorted(day.waiting)],
    )
    connection.execute(
        "create temp table concerned as select item_id from exports.unsent_item"
        " union select item_id from exports.waiting_item where channel = any(%s)",
        [day.written],
    )


def have_written(connection: psycopg.Connection, day: Days) -> None:
    """Nothing waits any more for the channels that were written today, nor for those that are none any more."""
    connection.execute("delete from exports.waiting_item where channel <> all(%s)", [sorted(day.waiting)])


def take_back(feed: str) -> None:
    """Remove the bulletin that was made of ``feed``: somebody in it may have left. A tombstone waits for no disk."""
    try:
        (settings().bulletins / f"{feed}.pdf").unlink(missing_ok=True)
    except OSError as error:
        log.error("the bulletin of %s cannot be taken back: %s", feed, type(error).__name__)


def of_feed(connection: psycopg.Connection, feed: str) -> Channel | None:
    """The newest declaration of the channel that ``feed`` belongs to, switched on or not; None for other products."""
    # A database that was not prepared since has no such table, and its removals leave all the same.
    if connection.execute("select to_regclass('core.exposure_channel') is null").fetchone() == (True,):
        return None
    row = connection.execute(
        "select channel, channel_zh, string_to_array(fields, '|'), is_tokenised from core.exposure_channel"
        " where feed = %(feed)s or split_by is not null and %(feed)s like feed || '-%%'"
        " order by length(feed) desc, is_enabled desc, valid_from desc limit 1",
        {"feed": feed},
    ).fetchone()
    return Channel(*row) if row else None


def compute_candidates(connection: psycopg.Connection) -> bool:
    """What the channels may tell now of the items that changed; False while the rules are being replaced.

    Between a change of the rules and the build that follows it nobody can say what may be shown, and nobody is added.
    """
    ready = connection.execute("select to_regclass('exports.exposure_entry') is not null").fetchone() == (True,)
    connection.execute(
        "create temp table candidate as select feed, item_id as entry_id, item_id, md5(body) as content_hash, body,"
        " channel, is_tokenised from exports.exposure_entry"
        " where item_id in (select item_id from concerned)"
        if ready
        else "create temp table candidate (feed text, entry_id text, item_id text, content_hash text, body text,"
        " channel text, is_tokenised boolean)"
    )
    _tokenise(connection)
    return ready


def declared_feeds(connection: psycopg.Connection) -> list[str]:
    """Feeds that exist because their place does, whether it has entries or not."""
    return [feed for (feed,) in connection.execute("select feed from exports.exposure_region order by 1")]


def _tokenise(connection: psycopg.Connection) -> None:
    """Put tokens where numbers would be: HMAC-SHA256 under the key of the recipient, and of nobody else."""
    found = connection.execute(
        "select candidate.channel, candidate.feed, candidate.item_id, candidate.body, listing.subject_id"
        " from candidate join marts.defaulter_listing as listing using (item_id) where candidate.is_tokenised"
    ).fetchall()
    if not found:
        return
    from credit_warehouse import vault  # a log of readings that knows the exports

    numbers = vault.open_for_tokens(connection, {subject for *_, subject in found}, "exposure channel")
    rows: list[tuple[str, str, str, str, str]] = []
    for channel, feed, item_id, body, subject in found:
        # Whoever has no number in the vault cannot be compared by anybody.
        if subject in numbers:
            entry = {
                **json.loads(body),
                TOKEN: token(channel, numbers[subject]),
                TOKEN_ID: token(channel, item_id),
            }
            line = canonical(entry).decode()
            rows.append((feed, item_id, entry[TOKEN_ID], hashlib.md5(line.encode()).hexdigest(), line))
    connection.execute("create temp table tokenised (feed text, item_id text, entry_id text, hash text, line text)")
    with connection.cursor().copy("copy tokenised from stdin") as copy:
        for row in rows:
            copy.write_row(row)
    connection.execute(
        "update candidate set entry_id = tokenised.entry_id, content_hash = tokenised.hash, body = tokenised.line"
        " from tokenised where tokenised.feed = candidate.feed and tokenised.item_id = candidate.item_id"
    )
    connection.execute("delete from candidate where is_tokenised and entry_id = item_id")
    connection.execute("drop table tokenised")


def token(channel: str, value: str) -> str:
    """What the recipient of ``channel`` computes of a number on its own side (64 hex digits)."""
    return hmac.new(channel_key(channel), value.encode(), hashlib.sha256).hexdigest()


def keep_history(connection: psycopg.Connection, feed: str, sequence: int) -> None:
    """Enter the table ``change`` as what became public with this delivery, and what ceased to be."""
    connection.execute(
        "update exports.exposure_period as shown set until_sequence = %s,"
        " ended_by = case change.op when 'REMOVE' then change.reason else 'REPLACED' end"
        " from change where change.feed = %s and change.op in ('UPDATE', 'REMOVE') and shown.feed = change.feed"
        " and shown.entry_id = change.entry_id and shown.until_sequence is null",
        [sequence, feed],
    )
    added: Any = connection.execute(
        "select exists (select from change where feed = %s and op <> 'REMOVE')", [feed]
    ).fetchone()
    if not added[0]:
        return
    # The rules are kept with what was shown under them.
    connection.execute(
        "insert into exports.policy_version (policy_version, channel, content)"
        " select policy_version, channel, content from exports.exposure_policy"
        " where channel in (select channel from candidate where feed = %s) on conflict do nothing",
        [feed],
    )
    connection.execute(
        "insert into exports.exposure_period (feed, entry_id, item_id, content_hash, policy_version, since_sequence)"
        " select change.feed, change.entry_id, change.item_id, change.content_hash, policy.policy_version, %s"
        " from change join exports.exposure_policy as policy"
        " on policy.channel in (select channel from candidate where feed = %s)"
        " where change.feed = %s and change.op <> 'REMOVE'",
        [sequence, feed, feed],
    )
