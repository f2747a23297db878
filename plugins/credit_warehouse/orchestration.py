"""What the DAG files wire: each function is the body of one task. Only here, in ``transports/sftp.py`` and, for an
object store, in ``archive.py`` is Airflow imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import (
    Asset,
    AssetAny,
    AssetOrTimeSchedule,
    AssetWatcher,
    Connection,
    CronTriggerTimetable,
    get_current_context,
)
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSkipException,
    DownstreamTasksSkipped,
)

from credit_warehouse import alerts, freshness, ledger, receipts
from credit_warehouse.build import BUSINESS_ZONE, open_build, run_build
from credit_warehouse.db import connect
from credit_warehouse.declarations import Source, load_source, load_sources
from credit_warehouse.export import export_build, issue, pending_build, removals
from credit_warehouse.gates import check_batch
from credit_warehouse.load import load_batch
from credit_warehouse.receive import note, receive
from credit_warehouse.refusal import Refused
from credit_warehouse.report import write_report
from credit_warehouse.settings import settings
from credit_warehouse.transports.delivery import Endpoint, service_endpoint
from credit_warehouse.watch import NewsTrigger

MARTS = Asset("marts")
INGEST = "ingest__"


def raw_asset(source: str) -> Asset:
    """The asset that says new accepted rows of a source lie in ``raw``."""
    return Asset(f"raw.{source}")


def clock(cron: str) -> Any:
    """A schedule in Chinese time; none where schedules are off and runs are asked for."""
    return CronTriggerTimetable(cron, timezone=str(BUSINESS_ZONE)) if settings().schedules == "on" else None


def arrivals_or_clock(cron: str, sources: Iterable[Source]) -> Any:
    """As soon as one of the sources has accepted something, and by the clock."""
    assets, timetable = AssetAny(*(raw_asset(source.name) for source in sources)), clock(cron)
    return AssetOrTimeSchedule(timetable=timetable, assets=assets) if timetable else assets


def ingest_schedule(source: Source) -> Any:
    """The declared cron, and for a watched service its news."""
    timetable, seconds = clock(source.ingest.schedule), source.ingest.transport.watch_seconds
    if timetable is None or seconds is None:
        return timetable
    watcher = AssetWatcher(name=f"news.{source.name}", trigger=NewsTrigger(source.name, seconds))
    return AssetOrTimeSchedule(timetable=timetable, assets=[Asset(f"news.{source.name}", watchers=[watcher])])


def business_date(context: Any) -> date:
    """The day asked for; else the newest day of the triggering events; else today in China."""
    asked = (context.get("params") or {}).get("business_date")
    if asked:
        return date.fromisoformat(asked)
    days = [
        event.extra["business_date"]
        for events in (context.get("triggering_asset_events") or {}).values()
        for event in events
        if event.extra.get("business_date")
    ]
    return date.fromisoformat(max(days)) if days else datetime.now(BUSINESS_ZONE).date()


def take_in(source_id: str) -> None:
    """Receive, load and gate; the asset event tells lane and build that something was accepted.

    Each step takes up what an interrupted one left, so a repetition does no work twice.
    """
    context = get_current_context()
    source, day, run_id = load_source(source_id), business_date(context), context["run_id"]
    landing = context["params"].get("landing")
    batches = receive(
        source, day, run_id, landing=Path(landing) if landing else None, endpoint=None if landing else _endpoint(source)
    )
    accepted = [
        batch_id
        for batch_id in batches
        if not _noted(load_batch(source, batch_id) or check_batch(source, batch_id), source_id, run_id, batch_id)
    ]
    if not accepted:
        tell_outcome(source_id)
        raise AirflowSkipException("nothing new was accepted")
    context["outlet_events"][raw_asset(source_id)].extra = {"business_date": day.isoformat()}
    if not _refusals(source_id, run_id):
        # Starting a process that has nothing to tell takes longer than most loads.
        raise DownstreamTasksSkipped(tasks=["tell_outcome"])


def tell_outcome(source_id: str) -> None:
    """Fail if something of a source was refused, naming file and rule.

    A task of its own where something was accepted, too: only a task that succeeds sends its event.
    """
    refused = _refusals(source_id, get_current_context()["run_id"])
    if refused:
        raise AirflowFailException("; ".join(f"{source_id} [{rule}] {zh} | {en}" for rule, zh, en in refused))


def _refusals(source_id: str, run_id: str) -> list[tuple[str, str, str]]:
    with connect() as connection:
        return connection.execute(
            "select coalesce(rule, outcome), detail_zh, detail_en from audit.ingest_outcome"
            " where run_id = %s and source = %s and outcome in ('refused', 'failed')",
            [run_id, source_id],
        ).fetchall()


def ingests_settled() -> bool:
    """Whether no ingest is under way, so that one build takes all of the day's arrivals."""
    instance: Any = get_current_context()["ti"]
    return not any(
        instance.get_dr_count(f"{INGEST}{source.name}", states=["running", "queued"]) for source in load_sources()
    )


def build_record() -> int:
    """Take all accepted batches into the record; returns the build."""
    build_id = open_build(business_date(get_current_context()))
    if build_id is None:
        raise AirflowSkipException("everything accepted is in the record")
    run_build(build_id)
    return build_id


def export_products() -> None:
    """Write the feeds of the newest build; fails when a gate held additions back (removals have left then)."""
    build_id = pending_build()
    if build_id is None:
        raise AirflowSkipException("the newest build has left")
    held = export_build(build_id)
    ledger.seal_after_run()
    if held:
        rules = "; ".join(
            f"{product} [{check.rule}] {check.title}" for product, checks in held.items() for check in checks
        )
        raise AirflowException(f"additions held back, removals sent: {rules}")


def withdraw() -> None:
    """One pass of the removal lane. It needs no build, and no gate or source stops it."""
    done = removals.run(business_date(get_current_context()))
    ledger.seal_after_run()
    if not done.found and not done.feeds:
        raise AirflowSkipException("nobody has to leave")


def publish_bulletin() -> list[str]:
    """Make the bulletins that are due, and those anew from which somebody had to be taken; returns their feeds."""
    made = issue.publish(business_date(get_current_context()))
    if not made:
        raise AirflowSkipException("no bulletin is due")
    return sorted(made)


def report_quality() -> str:
    """Write the quality report; returns its file name."""
    return write_report().name


def watch_freshness() -> list[str]:
    """Alert about sources that are late, and about answers that are wrong; returns the sources that are overdue."""
    found = freshness.overdue(datetime.now(BUSINESS_ZONE).date())
    if found:
        alerts.send(alerts.overdue(found))
    receipts.watch()
    ledger.watch()
    return [source.source for source in found if source.is_error]


def alert_failure(context: Any) -> None:
    """Callback of every task that failed for good."""
    instance = context["task_instance"]
    dag_id, task_id, run_id = str(instance.dag_id), str(instance.task_id), str(instance.run_id)
    error = context.get("exception")
    if dag_id.startswith(INGEST):
        source = dag_id.removeprefix(INGEST)
        try:
            # Only tell_outcome fails for good at once; a task that broke off may have refused something before.
            if isinstance(error, AirflowFailException) or _refusals(source, run_id):
                alerts.send(alerts.refused(source, run_id))
            if isinstance(error, AirflowFailException):
                return
        except Exception:  # without the database, the failure itself is told
            pass
    alerts.send(
        alerts.failed(
            dag_id, task_id, run_id, int(instance.try_number), error if isinstance(error, BaseException) else None
        )
    )


def _endpoint(source: Any) -> Endpoint | None:
    name = source.ingest.transport.connection
    found = _connection(name) if name else None
    if found is None:
        return None
    if source.ingest.transport.kind == "http":
        return service_endpoint(found)
    if source.ingest.transport.kind == "sftp":
        return Endpoint(f"sftp://{found.host}")  # the hook reads the rest, and the keys, from the connection itself
    return Endpoint(found.get_uri().replace("postgres://", "postgresql://", 1))


def _connection(name: str) -> Any:
    """The Airflow connection, or None where nobody configured one."""
    try:
        return Connection.get(name)
    except AirflowNotFoundException:
        return None


def _noted(refusal: Refused | None, source_id: str, run_id: str, batch_id: int) -> bool:
    """Record a refusal that came after receipt under the file it concerns; whether there was one."""
    if refusal is None:
        return False
    with connect() as connection:
        row = connection.execute(
            "select file_name, business_date from audit.batch where batch_id = %s", [batch_id]
        ).fetchone()
        assert row
        note(connection, run_id, load_source(source_id), row[1], "refused",
             refusal=refusal, file_name=row[0], batch_id=batch_id)  # fmt: skip
    return True
