"""Parts of the stack that need neither a database nor Airflow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest
import stamina

from credit_warehouse.settings import PROJECT_ROOT, settings
from credit_warehouse.stack import airflow_environment, ports, postgres_settings
from credit_warehouse.stack.airflow import _unhealthy
from credit_warehouse.stack.airflow_api import AirflowApi, AirflowRefused
from credit_warehouse.stack.identity import identity
from credit_warehouse.stack.processes import Processes, ProcessFailed, Record, members
from credit_warehouse.stack.waiting import NotInTime, wait_until

ENV = {"PATH": os.environ["PATH"]}
# Ignores SIGTERM and has a child in the same session and one in a session of its own.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sleep", "4243"])
subprocess.Popen(["sleep", "4244"], start_new_session=True)
print("up", flush=True)
time.sleep(4245)
"""


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(tmp_path / "run", tmp_path / "logs")
    yield processes
    processes.stop([record.name for record in processes.records()], grace=0)


def stubborn(family: Processes) -> Record:
    record = family.start("stubborn", [sys.executable, "-c", STUBBORN], ENV)
    wait_until(lambda: "up" in Path(record.log).read_text(), timeout=20, what="the test process")
    wait_until(lambda: len(members(record)) == 3, timeout=20, what="its children")
    return record


def runs(pid: int) -> bool:
    return identity(pid) is not None


def test_a_stop_reaches_children_in_other_sessions_and_ends_what_ignores_it(family: Processes) -> None:
    pids = [process.pid for process in members(stubborn(family))]
    family.stop(["stubborn"], grace=0.2)
    assert not any(map(runs, pids))
    assert family.records() == []


def test_a_stop_finds_orphans_of_a_killed_leader_from_the_record_alone(family: Processes, tmp_path: Path) -> None:
    record = stubborn(family)
    pids = [process.pid for process in members(record)]
    psutil.Process(record.pid).kill()
    wait_until(lambda: not family.is_running(record), timeout=5, what="the leader to end")
    assert len(members(record)) == 2
    Processes(tmp_path / "run", tmp_path / "logs").stop(["stubborn"], grace=0.2)
    assert not any(map(runs, pids))


def test_a_process_with_a_reused_pid_is_left_alone(family: Processes) -> None:
    record = family.start("mine", ["sleep", "4246"], ENV)
    assert members(replace(record, identity="another", token="another")) == set()
    assert members(replace(record, boot="before the reboot")) == set()
    assert len(members(record)) == 1


def test_a_stop_leaves_other_names_alone(family: Processes) -> None:
    one, two = (family.start(name, ["sleep", "4247"], ENV) for name in ("one", "two"))
    family.stop(["one"])
    assert not runs(one.pid) and runs(two.pid)
    assert family.records() == [two]
    family.stop([])
    assert runs(two.pid)


def test_nothing_starts_when_the_launcher_dies_before_the_record_is_written(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from credit_warehouse.stack.processes import Processes\n"
        "Processes._write = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "folder = Path(sys.argv[1])\n"
        "Processes(folder, folder).start('x', ['touch', str(folder / 'ran')], dict(os.environ))\n"
    )
    env = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT / "plugins")}
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=env, check=False)
    assert done.returncode == -signal.SIGKILL
    wait_until(lambda: not gates(tmp_path), timeout=5, what="the waiting child to end")
    assert (tmp_path / "x.log").exists() and not (tmp_path / "ran").exists()


def gates(folder: Path) -> list[int]:
    lines = [(item.pid, item.info["cmdline"] or []) for item in psutil.process_iter(["cmdline"])]
    return [pid for pid, line in lines if str(folder / "ran") in line]


def test_a_failed_command_names_its_log(family: Processes) -> None:
    with pytest.raises(ProcessFailed, match=r"code 3; see .*logs/job\.log"):
        family.run("job", ["sh", "-c", "exit 3"], ENV)
    assert family.records() == []


def test_a_command_that_takes_too_long_is_stopped(family: Processes) -> None:
    with pytest.raises(ProcessFailed, match="within"):
        family.run("job", ["sleep", "4248"], ENV, timeout=0.1)
    assert family.records() == []


def test_a_process_that_ends_is_reported_by_name(family: Processes) -> None:
    record = family.start("brief", ["true"], ENV)
    wait_until(lambda: not family.is_running(record), timeout=5, what="the end")
    with pytest.raises(ProcessFailed, match="brief ended unexpectedly"):
        family.require_running()


def test_children_read_nothing_and_know_no_secret_of_the_caller(family: Processes) -> None:
    family.run("job", ["sh", "-c", "cat; env | cut -d= -f1 | sort"], ENV)
    names = (family.logs / "job.log").read_text().split()
    assert set(names) <= {"PATH", "PWD", "SHLVL", "_", "OLDPWD", "WAREHOUSE_PROCESS"}


def test_waiting_says_what_was_awaited() -> None:
    with pytest.raises(NotInTime, match="waiting for rain"):
        wait_until(lambda: None, timeout=0, what="rain")


def test_a_port_stays_while_it_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: set[int] = set()
    monkeypatch.setattr(ports, "is_free", lambda port: port not in taken)
    first = ports.claim(tmp_path, "postgres")
    assert ports.claim(tmp_path, "postgres") == first == ports.known(tmp_path, "postgres")
    assert ports.claim(tmp_path, "api") != first
    taken.add(first)
    assert ports.claim(tmp_path, "postgres") != first


def test_ports_claimed_in_parallel_are_all_different_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: True)
    names = [f"service{number}" for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda name: ports.claim(tmp_path, name), names))
    assert len(set(given)) == len(names)
    assert [ports.known(tmp_path, name) for name in names] == given


def test_the_database_listens_on_loopback_and_logs_no_statement() -> None:
    given = postgres_settings.arguments(15432)
    assert given[::2] == ["-c"] * (len(given) // 2)
    for wanted in (
        "listen_addresses=127.0.0.1",
        "port=15432",
        "log_min_error_statement=panic",
        "log_min_messages=log",
    ):
        assert wanted in given


def test_a_small_shared_memory_folder_is_avoided(tmp_path: Path) -> None:
    assert postgres_settings.shared_memory(tmp_path / "missing") == "sysv"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("WAREHOUSE_HOME", str(tmp_path))
    monkeypatch.delenv("WAREHOUSE_DSN", raising=False)
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def test_settings_of_another_airflow_do_not_leak(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", "/elsewhere")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "Other")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "sqlite://")
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid")
    monkeypatch.setenv("NO_PROXY", "intranet")
    env = airflow_environment.airflow_environment(
        "postgresql+psycopg2://a@b/c", 15433, connections={"front": "http://f"}
    )
    assert env["AIRFLOW_HOME"] == env["HOME"] == str(home / "airflow")
    assert env["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "postgresql+psycopg2://a@b/c"
    assert env["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:15433/execution/"
    assert env["AIRFLOW_CONN_FRONT"] == "http://f"
    assert env["NO_PROXY"] == "intranet,127.0.0.1,localhost"
    assert env["PATH"].startswith(str(Path(sys.executable).parent))
    assert "PGHOST" not in env
    assert set(airflow_environment.SILENCE.items()) <= set(env.items())


def test_the_fernet_key_is_valid_and_stable(home: Path) -> None:
    from cryptography.fernet import Fernet

    keys = {airflow_environment.airflow_environment("x", 1)["AIRFLOW__CORE__FERNET_KEY"] for _ in range(2)}
    assert len(keys) == 1
    Fernet(keys.pop())


def test_a_heartbeat_from_before_the_start_is_no_sign_of_life() -> None:
    beat = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
    health = {"metadatabase": {"status": "healthy"}} | {
        name: {"status": "healthy", f"latest_{name}_heartbeat": beat.isoformat()}
        for name in ("scheduler", "triggerer", "dag_processor")
    }
    assert _unhealthy(health, {}) == []
    assert _unhealthy(health, {"scheduler": beat.timestamp() + 1}) == ["scheduler"]
    assert _unhealthy(health | {"triggerer": {"status": None}}, {}) == ["triggerer"]
    assert _unhealthy(None, {}) == ["api-server"]


def airflow_double(answers: dict[str, list[httpx.Response]], seen: list[httpx.Request]) -> AirflowApi:
    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": f"token{len(seen)}"})
        return answers[f"{request.method} {request.url.path}"].pop(0)

    return AirflowApi("http://airflow.invalid", "admin", "secret", transport=httpx.MockTransport(answer))


def test_every_page_is_fetched() -> None:
    pages = [
        httpx.Response(200, json={"dags": [{"dag_id": "a"}], "total_entries": 2}),
        httpx.Response(200, json={"dags": [{"dag_id": "b"}], "total_entries": 2}),
    ]
    seen: list[httpx.Request] = []
    api = airflow_double({"GET /api/v2/dags": pages}, seen)
    assert [dag["dag_id"] for dag in api.dags()] == ["a", "b"]
    assert [request.url.params.get("offset") for request in seen[1:]] == ["0", "1"]


def test_an_expired_token_is_renewed() -> None:
    answers = [httpx.Response(401), httpx.Response(200, json={"state": "success"})]
    seen: list[httpx.Request] = []
    api = airflow_double({"GET /api/v2/dags/a/dagRuns/r+1": answers}, seen)
    assert api.dag_run("a", "r+1") == {"state": "success"}
    assert [request.headers.get("Authorization") for request in seen] == [
        None,
        "Bearer token1",
        None,
        "Bearer token3",
    ]
    assert b"r%2B1" in seen[1].url.raw_path


def test_an_existing_run_is_returned_and_a_refusal_is_raised() -> None:
    post, seen = "POST /api/v2/dags/a/dagRuns", list[httpx.Request]()
    found = httpx.Response(200, json={"dag_run_id": "r"})
    api = airflow_double(
        {post: [httpx.Response(409), httpx.Response(404)], "GET /api/v2/dags/a/dagRuns/r": [found]}, seen
    )
    assert api.trigger("a", "r", {"day": 1}) == {"dag_run_id": "r"}
    assert json.loads(seen[1].content) == {"conf": {"day": 1}, "logical_date": None, "dag_run_id": "r"}
    with pytest.raises(AirflowRefused, match="404"):
        api.trigger("a", "s")


def test_a_run_is_started_all_the_same_when_the_connection_breaks() -> None:
    broken = iter([httpx.ReadError("reset"), httpx.RemoteProtocolError("closed")])

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": "token"})
        if error := next(broken, None):
            raise error
        return httpx.Response(200, json={"dag_run_id": "r"})

    api = AirflowApi("http://airflow.invalid", "admin", "x", transport=httpx.MockTransport(answer))
    with stamina.set_testing(True, attempts=3):
        assert api.trigger("a", "r") == {"dag_run_id": "r"}


def test_a_server_that_does_not_answer_has_no_health() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    assert AirflowApi("http://airflow.invalid", "admin", "x", transport=httpx.MockTransport(refuse)).health() is None
