"""A build takes the accepted batches into the record: opened, run by dbt, closed; a failed one is taken up again."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from credit_warehouse import access, dictionary, transform, vault
from credit_warehouse.db import Lock, connect, turn
from credit_warehouse.likeness.propose import propose
from credit_warehouse.supersede import mark_superseded

BUSINESS_ZONE = ZoneInfo("Asia/Shanghai")


class FutureDate(ValueError):
    """A business date that has not come yet."""


def open_build(business_date: date | None, *, anew: bool = False) -> int | None:
    """Claim every accepted batch that no successful build holds; return the build, or None if there is no work.

    A new business date is work even without batches: terms end on it. It comes from whoever asks, never from a file,
    and never moves backwards, so a late run cannot revive what has expired. Raises FutureDate. A build left running
    by a killed process counts as failed. ``anew`` opens one even without work, for a rebuild from the archive.
    """
    if business_date and business_date > datetime.now(BUSINESS_ZONE).date() + timedelta(days=1):
        raise FutureDate(f"{business_date} is in the future: every term that ends before it would be taken for ended")
    with connect() as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [Lock.BUILD])
        connection.execute(
            "update audit.build set status = 'failed', finished_at = clock_timestamp() where status = 'running'"
        )
        row = connection.execute(
            "with last as (select max(business_date) as day from audit.build where status = 'succeeded')"
            " select greatest(last.day, %s::date), last.day,"
            " exists (select from audit.batch left join audit.build using (build_id)"
            " where batch.status = 'accepted' and (build.build_id is null or build.status = 'failed'))"
            " or exists (select from audit.preparation where not rebuilt)"
            # A reviewer's word changes records without any delivery.
            " or exists (select from core.subject_link where decided_by = 'reviewer' and decided_at >"
            " (select max(started_at) from audit.build where status = 'succeeded')) from last",
            [business_date],
        ).fetchone()
        assert row
        day, last_day, pending = row
        if day is None or not (pending or anew or day != last_day):
            return None
        opened = connection.execute(
            "insert into audit.build (business_date) values (%s) returning build_id", [day]
        ).fetchone()
        assert opened
        connection.execute(
            "update audit.batch set build_id = %s where status = 'accepted' and"
            " (build_id is null or build_id in (select build_id from audit.build where status = 'failed'))",
            [opened[0]],
        )
        return int(opened[0])


def run_build(build_id: int, *, anew: bool = False) -> int:
    """Seal identifiers, run dbt, close the build. Returns the number of dbt nodes; a failure closes it as failed.

    ``anew`` builds every table from all accepted batches instead of following what changed.
    """
    try:
        with turn(Lock.PRODUCTS):
            vault.seal(build_id)
            # Rules changed: incremental models look at changed items only, and a new rule concerns all of them.
            anew = anew or _rules_changed()
            nodes = transform.build_models(build_id, anew=anew)
            access.apply_to_new()
            dictionary.comment_new()
            mark_superseded(None if anew else build_id)
            propose(build_id)
            _note_unsent(build_id, anew)
    except BaseException:
        _close(build_id, "failed")
        raise
    _close(build_id, "succeeded")
    return nodes


def _rules_changed() -> bool:
    with connect() as connection:
        found = connection.execute("select exists (select from audit.preparation where not rebuilt)").fetchone()
    return found == (True,)


def _note_unsent(build_id: int, anew: bool) -> None:
    """Which items the feeds have to be told of: what this build changed, or all there are."""
    changed = (
        "select item_id from exports.listing_decision union select item_id from exports.punishment_directive"
        " union select item_id from exports.feed_entry"
        if anew
        else "select item_id from core.changed_item"
    )
    with connect() as connection:
        connection.execute(
            f"insert into exports.unsent_item (item_id, build_id) select item_id, %s from ({changed}) as changed"
            " on conflict (item_id) do update set build_id = excluded.build_id".encode(),
            [build_id],
        )
        if anew:
            connection.execute("update audit.preparation set rebuilt = true")


def _close(build_id: int, status: str) -> None:
    with connect() as connection:
        connection.execute(
            "update audit.build set status = %s, finished_at = clock_timestamp() where build_id = %s",
            [status, build_id],
        )
