"""A rehearsal: simulated providers deliver a synthetic population day by day through the real DAGs."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx

from credit_warehouse.db import connect, warehouse_dsn
from credit_warehouse.declarations import load_sources
from credit_warehouse.preparation import prepare
from credit_warehouse.sandbox import delivery, generate, registry_front, sftp_service
from credit_warehouse.secrets import secret
from credit_warehouse.settings import PROJECT_ROOT, settings
from credit_warehouse.stack import ports
from credit_warehouse.stack.files import write_atomically
from credit_warehouse.stack.processes import Processes
from credit_warehouse.stack.service import Step
from credit_warehouse.stack.waiting import wait_until

FIRST_DAY = date(2026, 3, 2)
SEED = 20260302
COURT = "court-service"
BANK = "bank-sftp"
BANK_PASSWORD = "bank_sftp_password"
FRONT_DATABASE = "registry_front"


def data_folder() -> Path:
    """What the simulated providers have to deliver."""
    return settings().home / "sandbox"


def bank_folder() -> Path:
    """What the banks' SFTP server shows to those who log in."""
    return settings().home / "sandbox-sftp"


def business_days(days: int) -> list[date]:
    """The days of a rehearsal."""
    return [FIRST_DAY + timedelta(days=offset) for offset in range(days)]


def days_to_play(days: int) -> list[date]:
    """The days from the one at which a rehearsal was interrupted; all of them where none was.

    Going back would be no rehearsal: the drop folder may hold files of the interrupted day already, and tasks of the
    killed run that are about to end would find the registry as it was the day before.
    """
    generated = datetime.fromtimestamp(_marker().stat().st_mtime, UTC)
    with connect() as connection:
        row = connection.execute(
            "select max(business_date) from audit.build where exported_at > %s", [generated]
        ).fetchone()
    last = row[0] if row else None
    return [day for day in business_days(days) if last is None or day > last] or business_days(days)


def steps(subjects: int, days: int) -> list[Step]:
    """What has to be ready before Airflow starts: database, population, court service, SFTP server of the banks."""
    return [lambda _processes: prepare(), partial(_serve_court, subjects, days), _serve_bank]


def connections() -> dict[str, str]:
    """Airflow connections to the simulated providers."""
    service = f"http://:{secret('court_service_token')}@{ports.HOST}:{ports.known(settings().run, COURT)}"
    return {
        "court_service": service,
        # Another provider in life; here one process plays both.
        "credit_platform": service,
        "bank_sftp": json.dumps(
            {
                "conn_type": "sftp",
                "host": ports.HOST,
                "port": ports.known(settings().run, BANK),
                "login": sftp_service.USER,
                "password": secret(BANK_PASSWORD),
                "extra": {"host_key": sftp_service.public_key(settings().secrets / sftp_service.HOST_KEY)},
            }
        ),
        "registry_front": warehouse_dsn(FRONT_DATABASE).replace("postgresql://", "postgres://", 1),
    }


def deliver(day: date) -> None:
    """Let every provider have its data of ``day`` ready."""
    registry_front.publish(warehouse_dsn(FRONT_DATABASE), data_folder(), day)
    for source in load_sources():
        transport = source.ingest.transport
        if transport.kind == "drop":
            delivery.deliver(data_folder(), day, settings().inbox, [source.name])
        elif transport.kind == "sftp" and transport.path:
            outbox = bank_folder() / transport.path.strip("/")
            outbox.mkdir(parents=True, exist_ok=True)
            _withdraw(day, source.name, outbox)
            delivery.deliver(data_folder(), day, outbox.parent, [source.name])


def _withdraw(day: date, source: str, outbox: Path) -> None:
    """Nobody takes files away there: one that begins anew must not find those of days to come, or of another."""
    due = {path.name for path in data_folder().glob(f"*/{source}/*") if path.parent.parent.name <= day.isoformat()}
    for path in outbox.iterdir():
        if path.name not in due:
            path.unlink()


def _serve_court(subjects: int, days: int, processes: Processes) -> None:
    wanted = f"{subjects} subjects, {days} days, seed {SEED}"
    if not _marker().exists() or _marker().read_text() != wanted:
        shutil.rmtree(data_folder(), ignore_errors=True)
        generate(data_folder(), subjects=subjects, seed=SEED, days=days, start=FIRST_DAY)
        write_atomically(_marker(), wanted)
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


def _serve_bank(processes: Processes) -> None:
    port = ports.claim(settings().run, BANK)
    environment = {
        **os.environ,
        sftp_service.PASSWORD_VARIABLE: secret(BANK_PASSWORD),
        "PYTHONPATH": str(PROJECT_ROOT / "plugins"),
    }
    command = [sys.executable, "-m", "credit_warehouse.sandbox.sftp_service", "--data", str(bank_folder()),
               "--port", str(port), "--host-key", str(settings().secrets / sftp_service.HOST_KEY)]  # fmt: skip
    processes.start(BANK, command, environment)
    wait_until(partial(_greets, port), timeout=60, what="the simulated SFTP server", poll=0.1)


def _greets(port: int) -> bool:
    try:
        with socket.create_connection((ports.HOST, port), timeout=1) as line:
            return line.recv(4) == b"SSH-"
    except OSError:
        return False


def _marker() -> Path:
    """Says what was generated; missing while a generation is under way."""
    return data_folder() / ".generated"


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://{ports.HOST}:{port}/health", trust_env=False).is_success
    except httpx.TransportError:
        return False
