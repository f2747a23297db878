"""A rehearsal: simulated providers deliver a synthetic population day by day through the real DAGs."""

from __future__ import annotations

import os
import sys
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import httpx

from credit_warehouse.db import warehouse_dsn
from credit_warehouse.declarations import load_sources
from credit_warehouse.preparation import prepare
from credit_warehouse.sandbox import delivery, generate, registry_front
from credit_warehouse.secrets import secret
from credit_warehouse.settings import PROJECT_ROOT, settings
from credit_warehouse.stack import ports
from credit_warehouse.stack.processes import Processes
from credit_warehouse.stack.service import Step
from credit_warehouse.stack.waiting import wait_until

FIRST_DAY = date(2026, 3, 2)
SEED = 20260302
COURT = "court-service"
FRONT_DATABASE = "registry_front"


def data_folder() -> Path:
    """What the simulated providers have to deliver."""
    return settings().home / "sandbox"


def business_days(days: int) -> list[date]:
    """The days of a rehearsal."""
    return [FIRST_DAY + timedelta(days=offset) for offset in range(days)]


def steps(subjects: int, days: int) -> list[Step]:
    """What has to be ready before Airflow starts: database, population, court service."""
    return [lambda _processes: prepare(), partial(_serve_court, subjects, days)]


def connections() -> dict[str, str]:
    """Airflow connections to the simulated providers."""
    service = f"http://:{secret('court_service_token')}@{ports.HOST}:{ports.known(settings().run, COURT)}"
    return {
        "court_service": service,
        # Another provider in life; here one process plays both.
        "credit_platform": service,
        "registry_front": warehouse_dsn(FRONT_DATABASE).replace("postgresql://", "postgres://", 1),
    }


def deliver(day: date) -> None:
    """Let every provider have its data of ``day`` ready."""
    registry_front.publish(warehouse_dsn(FRONT_DATABASE), data_folder(), day)
    dropped = [source.name for source in load_sources() if source.ingest.transport.kind == "drop"]
    delivery.deliver(data_folder(), day, settings().inbox, dropped)


def _serve_court(subjects: int, days: int, processes: Processes) -> None:
    marker = data_folder() / f".generated-{subjects}-{days}-{SEED}"
    if not marker.exists():
        generate(data_folder(), subjects=subjects, seed=SEED, days=days, start=FIRST_DAY)
        marker.touch()
    port = ports.claim(settings().run, COURT)
    environment = {
        **os.environ,
        "COURT_SERVICE_TOKEN": secret("court_service_token"),
        "PYTHONPATH": str(PROJECT_ROOT / "plugins"),
    }
    command = [sys.executable, "-m", "credit_warehouse.sandbox.court_service",
               "--data", str(data_folder()), "--port", str(port)]  # fmt: skip
    processes.start(COURT, command, environment)
    wait_until(partial(_answers, port), timeout=60, what="the simulated court service", poll=0.1)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://{ports.HOST}:{port}/health", trust_env=False).is_success
    except httpx.TransportError:
        return False
