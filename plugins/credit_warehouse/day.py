"""One business day through the real scheduler: trigger the ingests, follow build and export, say what failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import stamina

from credit_warehouse.db import connect
from credit_warehouse.declarations import load_sources
from credit_warehouse.export import pending_build, removals
from credit_warehouse.receive import note
from credit_warehouse.settings import settings
from credit_warehouse.stack.airflow_api import AirflowApi, AirflowRefused
from credit_warehouse.stack.waiting import wait_until

BUILD, EXPORT, WITHDRAW = "build_record", "export_products", "withdraw"
ENDED = {"success", "failed"}
UNDER_WAY = ("queued", "running")
DAY_TIMEOUT = 3600.0

Progress = Callable[[str, str], None]
"""Called with (DAG id, state) whenever a state changes."""


@dataclass
class DayResult:
    """What a business day came to."""

    business_date: date
    run_id: str
    failures: list[str] = field(default_factory=list)
    """One sentence a failure: stage, source, rule, log file."""
    missing: list[str] = field(default_factory=list)
    """Sources that delivered nothing."""


def dag_ids() -> list[str]:
    """Every DAG of this project."""
    return [*(f"ingest__{source.name}" for source in load_sources()), BUILD, EXPORT, WITHDRAW]


def run_day(api: AirflowApi, business_date: date, progress: Progress, *, landing: Path | None = None) -> DayResult:
    """Run one business day and wait for its end. A source that fails does not stop the others."""
    started = datetime.now(UTC)
    result = DayResult(business_date, run_id=f"day__{business_date}__{uuid4().hex[:8]}")
    conf = {"business_date": business_date.isoformat(), **({"landing": str(landing)} if landing else {})}
    # A folder that brings no file of a source needs no task to find that out.
    brought = [source for source in load_sources() if landing is None or any((landing / source.name).glob("*"))]
    with connect() as connection:
        for source in load_sources():
            if source not in brought:
                note(connection, result.run_id, source, business_date, "absent")
    ingests = [f"ingest__{source.name}" for source in brought]
    for dag_id in ingests:
        api.trigger(dag_id, result.run_id, conf)
    _await_runs(api, ingests, result.run_id, started, progress)
    _follow(api, WITHDRAW, removals.waiting, conf, started, progress)
    _follow(api, BUILD, lambda: _build_is_due(business_date), conf, started, progress)
    _follow(api, EXPORT, lambda: pending_build() is not None, {}, started, progress)
    result.failures = _failures(api, started)
    result.missing = _missing(result.run_id)
    return result


def end_leftovers(api: AirflowApi) -> int:
    """Fail the runs a killed stack left under way; what they did not finish is taken up by the next run."""
    leftovers = api.dag_runs(states=UNDER_WAY)
    for run in leftovers:
        # The new scheduler takes hold of the same runs at that moment; Airflow answers a deadlock with HTTP 500.
        for attempt in stamina.retry_context(on=AirflowRefused, attempts=5, timeout=30):
            with attempt:
                api.fail_run(run["dag_id"], run["dag_run_id"])
    return len(leftovers)


def _await_runs(api: AirflowApi, dag_ids: list[str], run_id: str, started: datetime, progress: Progress) -> None:
    states: dict[str, str] = {}

    def ended() -> bool:
        # One question for all: the server that answers shares two cores with the tasks.
        for run in api.dag_runs(since=started):
            dag_id, state = run["dag_id"], run["state"]
            if run["dag_run_id"] == run_id and states.get(dag_id) != state:
                progress(dag_id, state)
                states[dag_id] = state
        return all(states.get(dag_id) in ENDED for dag_id in dag_ids)

    wait_until(ended, timeout=DAY_TIMEOUT, what="the ingest DAGs", poll=0.5)


def _follow(
    api: AirflowApi,
    dag_id: str,
    is_due: Callable[[], bool],
    conf: dict[str, Any],
    started: datetime,
    progress: Progress,
) -> None:
    """Wait until the stage has no work left. Assets start it; if they did not (a crash between), it is asked for."""
    shown = ""
    asked = False

    def settled() -> bool:
        nonlocal shown, asked
        under_way = api.dag_runs(dag_id, states=UNDER_WAY)
        if under_way:
            if shown != under_way[-1]["state"]:
                shown = under_way[-1]["state"]
                progress(dag_id, shown)
            return False
        failed = api.dag_runs(dag_id, states=["failed"], since=started)
        if failed or not is_due():
            progress(dag_id, "failed" if failed else "success")
            return True
        if not asked:
            asked = True
            api.trigger(dag_id, f"asked__{uuid4().hex[:8]}", conf)
            return False
        return True

    wait_until(settled, timeout=DAY_TIMEOUT, what=dag_id, poll=0.5)


def _build_is_due(business_date: date) -> bool:
    with connect() as connection:
        row = connection.execute(
            "select exists (select from audit.batch left join audit.build using (build_id)"
            " where batch.status = 'accepted' and build.status is distinct from 'succeeded')"
            " or not exists (select from audit.build where status = 'succeeded' and business_date >= %s)",
            [business_date],
        ).fetchone()
    return bool(row and row[0])


def _failures(api: AirflowApi, started: datetime) -> list[str]:
    sentences: list[str] = []
    for run in api.dag_runs(states=["failed"], since=started):
        dag_id, run_id = run["dag_id"], run["dag_run_id"]
        for task in api.task_instances(dag_id, run_id, states=["failed"]):
            log = (
                settings().logs / "tasks" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task['task_id']}"
                / f"attempt={task['try_number']}.log"
            )  # fmt: skip
            sentences.append(f"{dag_id}.{task['task_id']}: {_reason(dag_id, run_id)} (log: {log})")
    return sentences


def _reason(dag_id: str, run_id: str) -> str:
    """The rules behind a failure, from the evidence tables; the task log has the rest."""
    with connect() as connection:
        if dag_id.startswith("ingest__"):
            rows = connection.execute(
                "select rule, detail_zh from audit.ingest_outcome"
                " where run_id = %s and source = %s and outcome in ('refused', 'failed')",
                [run_id, dag_id.removeprefix("ingest__")],
            ).fetchall()
        elif dag_id == EXPORT:
            rows = connection.execute(
                "select rule_id, target || '：' || title_zh from audit.quality_result"
                " where suite = 'exports' and not success and severity = 'stop'"
                " and build_id = (select max(build_id) from audit.build where status = 'succeeded')"
            ).fetchall()
        else:
            rows = connection.execute(
                "with newest as (select max(build_id) as build_id from audit.build)"
                " select rule_id, target || '：' || title_zh from audit.quality_result join newest using (build_id)"
                " where suite = 'inside' and not success and severity = 'stop' union all"
                " select unique_id, left(message, 200) from audit.dbt_result join newest using (build_id)"
                " where resource_type <> 'test' and status in ('error', 'fail')"
            ).fetchall()
    return "; ".join(f"[{rule}] {detail}" for rule, detail in dict.fromkeys(rows)) or "the task failed"


def _missing(run_id: str) -> list[str]:
    with connect() as connection:
        return [
            name
            for (name,) in connection.execute(
                "select source from audit.ingest_outcome where run_id = %s and outcome = 'absent' order by source",
                [run_id],
            )
        ]
