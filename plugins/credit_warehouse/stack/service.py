"""The whole stack of one home: start it, stop it, say what runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from credit_warehouse.settings import settings
from credit_warehouse.stack import airflow, ports, postgres
from credit_warehouse.stack.airflow_api import AirflowApi
from credit_warehouse.stack.airflow_environment import base_url
from credit_warehouse.stack.lock import home_lock
from credit_warehouse.stack.processes import Processes

Step = Callable[[Processes], None]


@dataclass(frozen=True)
class Status:
    """What runs in a home."""

    home: Path
    processes: dict[str, bool]  # name -> whether it runs
    url: str | None  # UI and REST API of Airflow, where it runs

    @property
    def running(self) -> bool:
        """Whether everything that was started runs."""
        return bool(self.processes) and all(self.processes.values())


def processes() -> Processes:
    """The recorded processes of this home."""
    return Processes(settings().run, settings().logs)


def start(
    connections: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None,
    *,
    dag_ids: Collection[str] = (),
    bootstrap: Collection[Step] = (),
    dags: Path | None = None,
    timeout: float = 180,
) -> AirflowApi:
    """Start database and Airflow and return when both are healthy and serve ``dag_ids``.

    What an earlier start left is stopped first, except a database that runs well. Each step of ``bootstrap``
    runs once the database answers, in parallel with Airflow's migration: to create schemas, or to start
    further recorded processes. A callable ``connections`` is asked when they are done. On failure everything
    is stopped again.
    """
    family = processes()
    with home_lock(settings().run):
        try:
            _stop_all_but_the_database(family)
            postgres.start(family)
            with ThreadPoolExecutor() as pool:
                steps = [pool.submit(step, family) for step in (airflow.migrate, *bootstrap)]
            for step in steps:
                step.result()
            given = connections() if callable(connections) else connections
            api = airflow.start(family, given, dags=dags)
            airflow.wait_healthy(family, dag_ids, timeout=timeout)
        except BaseException:
            _stop(family)
            raise
    return api


def stop() -> None:
    """Stop everything that was started in this home."""
    with home_lock(settings().run):
        _stop(processes())


def status() -> Status:
    """Say what was started in this home and whether it runs."""
    family = processes()
    running: dict[str, bool] = {record.name: family.is_running(record) for record in family.records()}
    port = ports.known(settings().run, airflow.PORT)
    return Status(settings().home, running, base_url(port) if port and running.get("api-server") else None)


def _stop(family: Processes) -> None:
    _stop_all_but_the_database(family)
    postgres.stop(family)


def _stop_all_but_the_database(family: Processes) -> None:
    airflow.stop(family)
    family.stop([record.name for record in family.records() if record.name != postgres.NAME], grace=5)
