"""Airflow as four recorded processes: api-server, scheduler, dag-processor and triggerer."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Collection, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from credit_warehouse.settings import settings
from credit_warehouse.stack import airflow_database, ports
from credit_warehouse.stack.airflow_api import AirflowApi
from credit_warehouse.stack.airflow_environment import (
    ADMIN,
    admin_password,
    airflow_environment,
    airflow_home,
    base_url,
    passwords_file,
)
from credit_warehouse.stack.files import write_atomically
from credit_warehouse.stack.processes import Processes
from credit_warehouse.stack.waiting import NotInTime, wait_until

PORT = "airflow-api"
# Log servers only matter where components run on several machines; off, they need no port.
COMPONENTS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
HEARTBEATS = {"scheduler": "scheduler", "dag_processor": "dag-processor", "triggerer": "triggerer"}


def command(*arguments: str) -> list[str]:
    """Return the command line of the Airflow CLI; -P keeps the working folder off the import path."""
    return [sys.executable, "-P", "-m", "airflow", *arguments]


def environment(*, dags: Path | None = None, connections: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for an Airflow command in this home; the database must run."""
    port = ports.known(settings().run, PORT) or ports.claim(settings().run, PORT)
    return airflow_environment(airflow_database.metadata_url(), port, dags=dags, connections=connections)


def migrate(processes: Processes) -> None:
    """Bring the metadata database to the installed Airflow version; skip that if it is there already."""
    metadata, wanted = airflow_database.metadata_url(), version("apache-airflow-core")
    if airflow_database.migrated_version(metadata) == wanted:
        return
    airflow_home().mkdir(parents=True, exist_ok=True)
    processes.run("airflow-migrate", command("db", "migrate"), environment(), timeout=300)
    airflow_database.note_migrated_version(metadata, wanted)


def start(
    processes: Processes, connections: Mapping[str, str] | None = None, *, dags: Path | None = None
) -> AirflowApi:
    """Start the four components on a migrated database; return a client, before they are healthy."""
    stop(processes)
    airflow_database.end_jobs_of_stopped_processes(airflow_database.metadata_url())
    write_atomically(passwords_file(), json.dumps({ADMIN: admin_password()}), mode=0o600)
    ports.claim(settings().run, PORT)
    env = environment(dags=dags, connections=connections)
    for name, arguments in COMPONENTS.items():
        # The triggerer waits 10 s for its child, yet its triggers are in the database: nothing is lost.
        end = signal.SIGKILL if name == "triggerer" else signal.SIGTERM
        # A scheduler told to end lets its tasks finish. What is killed after the grace runs again at the next
        # start, while a task that is only interrupted would count as failed, or even as done.
        alone = name == "scheduler"
        processes.start(name, command(*arguments), env, cwd=airflow_home(), stop_signal=end, leader_only=alone)
    return client()


def stop(processes: Processes) -> None:
    """Stop the four components and every task they run; the scheduler first, so that tasks can report."""
    processes.stop(["scheduler"], grace=5)
    processes.stop(COMPONENTS, grace=5)


def client() -> AirflowApi:
    """Return a client for the Airflow of this home."""
    port = ports.known(settings().run, PORT)
    if port is None:
        raise NotInTime(f"Airflow was never started in {settings().home}; start it with: credit-warehouse start")
    return AirflowApi(base_url(port), ADMIN, admin_password())


def wait_healthy(processes: Processes, dag_ids: Collection[str] = (), *, timeout: float = 120) -> None:
    """Return when all four components are alive and every DAG of ``dag_ids`` is served.

    Raises ProcessFailed, naming the log, when a component dies, and NotInTime with what is missing.
    """
    api = client()
    started = {record.name: record.started for record in processes.records()}
    missing: list[str] = []

    def healthy() -> bool:
        processes.require_running()
        missing[:] = _unhealthy(api.health(), started) or sorted(set(dag_ids) - _served(api, dag_ids))
        return not missing

    try:
        wait_until(healthy, timeout=timeout, what="Airflow", poll=0.2)
    except NotInTime as late:
        broken = [f"{item['filename']}: {item['stack_trace']}" for item in _import_errors(api)]
        raise NotInTime("\n".join([f"{late}; missing: {', '.join(missing)}; see {settings().logs}", *broken])) from None


def _unhealthy(health: Mapping[str, Any] | None, started: Mapping[str, float]) -> list[str]:
    """Return the components that did not report since they were started."""
    if health is None:
        return ["api-server"]
    silent = [name for name in ("metadatabase", *HEARTBEATS) if health.get(name, {}).get("status") != "healthy"]
    for name, process in HEARTBEATS.items():
        last = health.get(name, {}).get(f"latest_{name}_heartbeat")
        if last and datetime.fromisoformat(last).timestamp() < started.get(process, 0):
            silent.append(name)
    return silent


def _served(api: AirflowApi, dag_ids: Collection[str]) -> set[str]:
    return {dag["dag_id"] for dag in api.dags()} if dag_ids else set()


def _import_errors(api: AirflowApi) -> list[dict[str, Any]]:
    return api.import_errors() if api.health() else []
