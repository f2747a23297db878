"""The real stack: PostgreSQL and Airflow started once, used, killed, restarted and stopped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from credit_warehouse import db, stack
from credit_warehouse.settings import settings
from credit_warehouse.stack import ports, postgres, service
from credit_warehouse.stack.airflow_api import AirflowApi
from credit_warehouse.stack.ending import runs
from credit_warehouse.stack.processes import ProcessFailed, members
from credit_warehouse.stack.unprivileged import Unprivileged
from credit_warehouse.stack.waiting import wait_until

DAGS = """
from airflow.sdk import BaseHook, dag, task

@dag(schedule=None)
def quick():
    @task
    def look():
        from credit_warehouse import db
        with db.connect() as connection:
            name, = connection.execute("select current_database()").fetchone()
        assert name == "warehouse"
        assert BaseHook.get_connection("front").host == "front.invalid"
    look()

@dag(schedule=None)
def endless():
    @task
    def linger():
        import subprocess
        subprocess.run(["sleep", "4242"], start_new_session=True)
    linger()

quick()
endless()
"""
CONNECTIONS = {"front": "http://front.invalid"}


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dags")
    (folder / "two.py").write_text(DAGS)
    return folder


@pytest.fixture(scope="module")
def api(dags: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowApi]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("WAREHOUSE_DSN", raising=False)
        patch.delenv("HOME", raising=False)
        settings.cache_clear()
        yield begin(dags)
        stack.stop()
    settings.cache_clear()


def begin(dags: Path) -> AirflowApi:
    return stack.start(CONNECTIONS, dag_ids=["quick", "endless"], dags=dags)


def family() -> set[psutil.Process]:
    return set().union(*(members(record) for record in service.processes().records()))


def ends(api: AirflowApi, dag_id: str, run_id: str) -> str:
    def state() -> str | None:
        now = str(api.dag_run(dag_id, run_id)["state"])
        return now if now in ("success", "failed") else None

    return wait_until(state, timeout=60, what=run_id)


def lingering() -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in family():
        # Somebody else of the family may have ended since it was counted.
        with suppress(psutil.NoSuchProcess):
            if process.cmdline() == ["sleep", "4242"]:
                found.append(process)
    return found


def test_a_task_runs_in_a_worker_and_reaches_warehouse_and_connections(api: AirflowApi) -> None:
    api.trigger("quick", "first", {"day": "2026-01-05"})
    assert ends(api, "quick", "first") == "success"
    assert api.dag_run("quick", "first")["conf"] == {"day": "2026-01-05"}
    assert [item["state"] for item in api.task_instances("quick", "first")] == ["success"]
    assert [item["dag_run_id"] for item in api.dag_runs(states=["success"])] == ["first"]
    assert api.import_errors() == []


def test_triggering_a_run_twice_gives_the_same_run(api: AirflowApi) -> None:
    first = api.trigger("quick", "again")
    assert api.trigger("quick", "again")["dag_run_id"] == first["dag_run_id"]


def test_status_names_every_process(api: AirflowApi) -> None:
    status = stack.status()
    assert status.running
    assert set(status.processes) == {"postgres", "api-server", "scheduler", "dag-processor", "triggerer"}
    assert status.url == api.base_url


def test_only_the_loopback_interface_is_listened_on(api: AirflowApi) -> None:
    pids = {process.pid for process in family()}
    listening = [item for item in psutil.net_connections("inet") if item.status == "LISTEN" and item.pid in pids]
    assert len(listening) == 2  # database and API; Airflow's log and health servers are off
    assert {item.laddr.ip for item in listening} == {"127.0.0.1"}
    remote = {item.raddr.ip for item in psutil.net_connections("inet") if item.pid in pids and item.raddr}
    assert remote <= {"127.0.0.1"}


def test_no_secret_is_in_a_log_or_a_record(api: AirflowApi) -> None:
    secrets = {path.read_text().strip()[:24] for path in settings().secrets.iterdir()}
    files = [path for folder in (settings().logs, settings().run) for path in folder.rglob("*") if path.is_file()]
    assert secrets and files
    leaks = [path for path in files if any(secret in path.read_text(errors="replace") for secret in secrets)]
    assert leaks == []
    assert {path.stat().st_mode & 0o777 for path in settings().secrets.iterdir()} == {0o600}


def test_the_database_keeps_values_out_of_its_log(api: AirflowApi) -> None:
    with db.connect() as connection, pytest.raises(psycopg.errors.InvalidDatetimeFormat, match="张三丰"):
        connection.execute("select '张三丰'::date")
    assert "张三丰" not in (settings().logs / "postgres.log").read_text()


def test_databases_are_closed_to_each_other(api: AirflowApi) -> None:
    port = int((settings().run / "postgres.port").read_text())
    with psycopg.connect(postgres.superuser(port)) as connection:
        query = "select has_database_privilege('airflow', 'warehouse', 'connect'), datlocale from pg_database"
        assert connection.execute(query).fetchone() == (False, "C.UTF-8")


def test_a_start_after_a_kill_clears_what_is_left(api: AirflowApi, dags: Path) -> None:
    api.trigger("endless", "cut")
    wait_until(lingering, timeout=60, what="the endless task")
    before = family()
    port = (settings().run / "postgres.port").read_text()
    for record in service.processes().records():
        psutil.Process(record.pid).kill()
    again = begin(dags)
    assert [process for process in before if runs(process)] == []
    assert (settings().run / "postgres.port").read_text() == port and again.base_url == api.base_url
    assert again.dag_run("endless", "cut")["state"] == "running"
    wait_until(lingering, timeout=60, what="the endless task to run again")
    again.fail_run("endless", "cut")
    assert ends(again, "endless", "cut") == "failed"
    again.trigger("quick", "after")
    assert ends(again, "quick", "after") == "success"


def test_a_copied_home_never_takes_the_server_of_the_original_for_its_own(
    api: AirflowApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = ports.known(settings().run, postgres.NAME)
    shutil.copytree(settings().home / "secrets", tmp_path / "copy" / "secrets")
    (tmp_path / "copy" / "postgres").mkdir()
    slow = tmp_path / "postgres"
    slow.write_text("#!/bin/sh\nexec sleep 1\n")
    slow.chmod(0o755)
    monkeypatch.setenv("WAREHOUSE_HOME", str(tmp_path / "copy"))
    monkeypatch.setattr(postgres, "binaries", lambda: tmp_path)
    monkeypatch.setattr(postgres, "unprivileged", lambda *_: Unprivileged())
    monkeypatch.setattr(ports, "claim", lambda *_: taken)
    settings.cache_clear()
    with pytest.raises(ProcessFailed, match="PostgreSQL does not start"):
        postgres.start(service.processes())
    assert not (settings().run / "postgres.port").exists()
    monkeypatch.undo()
    settings.cache_clear()
    assert stack.status().running and api.health()


def test_a_stop_leaves_no_process_and_no_port(api: AirflowApi) -> None:
    api.trigger("endless", "stopped")
    wait_until(lingering, timeout=60, what="the endless task")
    before = family()
    stack.stop()
    assert [process for process in before if runs(process)] == []
    assert stack.status().processes == {}
    assert ports.is_free(ports.known(settings().run, "postgres") or 0)
    with pytest.raises(db.NoDatabase):
        db.warehouse_dsn()
