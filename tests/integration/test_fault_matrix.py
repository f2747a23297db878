"""The fault matrix: whatever breaks in the middle of a day, the same day again ends as if nothing had happened.

Each case starts from one undisturbed day, breaks something in the second, repeats the second, and compares the
checksum of every table of marts and exports and of what every recipient holds with the day that nothing disturbed.
A few cases always run; all of them with ``make matrix``, which writes the table of docs/reliability.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import stamina
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

import day_steps
import faults
from credit_warehouse.db import connect, warehouse_dsn
from credit_warehouse.sandbox import generate
from credit_warehouse.settings import settings
from credit_warehouse.stack import postgres
from credit_warehouse.stack.service import processes
from credit_warehouse.stack.waiting import wait_until
from credit_warehouse.transports.delivery import Endpoint
from faults import TOKEN, Bank, Service

DAYS = (date(2026, 3, 2), date(2026, 3, 3))
COURT, BANK = "court_defaulters", "bank_credit_events"
# When, or in which of several attempts, the machine worked; never what it found.
BOOKKEEPING = ("sequence", "batch_id", "content_batch_id", "build_id", "removal_id")
QUERIES = "dbt.adapters.sql.connections:SQLConnectionManager.add_query"

Checksums = dict[str, str]
Recorder = Callable[[str, object], None]


@dataclass(frozen=True)
class Point:
    """A place in the day: the n-th call of a function, before or after it."""

    name: str
    at: str
    number: int = 1
    when: str = "before"
    always: bool = False


KILLS = [
    Point("receive: before the original is archived", "credit_warehouse.archive:keep"),
    Point("receive: the copy is there, without its name", "credit_warehouse.archive:_sync"),
    Point("receive: archived, no batch yet", "credit_warehouse.receive:_open_batch"),
    Point("receive: batch written, not committed", "credit_warehouse.receive:note"),
    Point("receive | load", "day_steps:load_batch"),
    Point("load: in the COPY of the first file", "psycopg:Copy.write", 2),
    Point("load: in the slow path, row by row", "psycopg:Copy.write_row", 25),
    Point("load: every row copied, not committed", "credit_warehouse.load:_reconcile", always=True),
    Point("load | gate", "day_steps:check_batch"),
    Point("gate: judged, verdict not written", "credit_warehouse.gates:_stopped_by", 2),
    Point("gate | next source", "day_steps:receive", 3),
    Point("gate | build", "day_steps:open_build"),
    Point("build: opened, nothing built", "day_steps:run_build"),
    Point("build: identifiers sealed", "credit_warehouse.transform:build_models"),
    Point("build: inside dbt, early", QUERIES, 40),
    Point("build: inside dbt, midway", QUERIES, 90),
    Point("build: inside dbt, late", QUERIES, 135),
    Point("build: dbt has ended, build not closed", "credit_warehouse.build:_close"),
    Point("build | export", "day_steps:export_build"),
    Point("export: gated, nothing written", "credit_warehouse.export.feed:write"),
    Point("export: manifest written, ledger not committed", "credit_warehouse.export.feed:_store", 1, "after"),
    Point("export: ledger committed, one folder named", "credit_warehouse.export.feed:_point_latest"),
    Point("export: between two products", "credit_warehouse.export:check_product", 2),
    Point("export: everything sent, not noted", "credit_warehouse.export:connect", 3),
    Point("export | report", "day_steps:write_report"),
]
RESTARTS = [
    Point("load: rows copied, not committed", "credit_warehouse.load:_reconcile"),
    Point("gate", "credit_warehouse.gates:_stopped_by"),
    Point("build: inside dbt", QUERIES, 120, always=True),
    Point("export: ledger not committed", "credit_warehouse.export.feed:_store", 1, "after"),
]


def cases(points: list[Point]) -> list[Any]:
    return [pytest.param(p, id=p.name, marks=() if p.always else pytest.mark.matrix) for p in points]


@dataclass(frozen=True)
class World:
    """A warehouse in which the first day was undisturbed, and the deliveries of both days."""

    home: Path
    dsn: str
    data: Path
    prepared_home: Path

    def landing(self, day: date = DAYS[1]) -> Path:
        return self.data / day.isoformat()


@pytest.fixture(scope="module")
def first_day(
    server: tuple[str, Path], other_warehouse: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    data = generate(tmp_path_factory.mktemp("providers"), subjects=300, days=2, start=DAYS[0]).out
    with other_warehouse(tmp_path_factory.mktemp("first_day")) as warehouse:
        assert day_steps.play(DAYS[0], data / DAYS[0].isoformat()) == []
        yield World(warehouse.home, warehouse_dsn(), data, server[1])


@contextmanager
def copied(world: World, folder: Path) -> Iterator[Path]:
    """A warehouse as ``world`` left it; the settings point at it. Yields its home."""
    parts = {key: str(value) for key, value in conninfo_to_dict(world.dsn).items()}
    name, home = f"fault_{uuid4().hex[:10]}", folder / "home"
    shutil.copytree(world.home, home, ignore=shutil.ignore_patterns("run"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WAREHOUSE_HOME", str(world.prepared_home))
        settings.cache_clear()
        administration = postgres.superuser(int(parts["port"]))
        with psycopg.connect(administration, autocommit=True) as connection:
            # Pools of the process that played the first day may still hold a line to it.
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s",
                               [parts["dbname"]])  # fmt: skip
            connection.execute(
                sql.SQL("create database {} template {} owner warehouse").format(
                    sql.Identifier(name), sql.Identifier(parts["dbname"])
                )
            )
            # Sequences write ahead what they will give; a copy of one has not. After a checkpoint it writes again, and
            # a crash does not set it back. Nothing but a test fills a warehouse by copying a database.
            connection.execute("checkpoint")
        environment.setenv("WAREHOUSE_HOME", str(home))
        environment.setenv("WAREHOUSE_DSN", world.dsn.rsplit("/", 1)[0] + f"/{name}")
        settings.cache_clear()
        try:
            yield home
        finally:
            with psycopg.connect(administration, autocommit=True) as connection:
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
    settings.cache_clear()


def checksums(home: Path) -> Checksums:
    """MD5 over the rows of every table of marts and exports, and SHA-256 of what every recipient holds."""
    with connect() as connection:
        relations = connection.execute(
            "select table_schema, table_name, coalesce(array_agg(column_name::text)"
            " filter (where data_type like 'timestamp%%' or column_name = any(%s)), '{}')"
            " from information_schema.columns where table_schema in ('marts', 'exports')"
            # A delivery more, between the two attempts, is no difference in what anybody knows; how long a removal
            # took is measured in the time that the attempts took. What units were sent is counted in deliveries, and
            # what was public for the hours between the attempts was public.
            " and table_name not in ('feed_tombstone', 'takedown_sla', 'unit_accountability', 'exposure_period',"
            " 'exposure_history', 'exposure_day')"
            " group by 1, 2 order by 1, 2",
            [list(BOOKKEEPING)],
        ).fetchall()
        sums = {}
        for schema, table, dropped in relations:
            query = sql.SQL(
                "select count(*) || ' rows, md5 ' || md5(coalesce(string_agg(line, e'\\n' order by line collate \"C\"),"
                " '')) from (select (to_jsonb(t) - {dropped}::text[])::text as line from {table} t) as lines"
            ).format(dropped=sql.Literal(dropped), table=sql.Identifier(schema, table))
            row = connection.execute(query).fetchone()
            assert row
            sums[f"{schema}.{table}"] = row[0]
    for feed in sorted(latest.parent for latest in (home / "exports").glob("*/latest.json")):
        newest = max(path for path in feed.iterdir() if path.is_dir() and not path.name.startswith("."))
        sums[f"feed {feed.name}"] = hashlib.sha256((newest / "full.jsonl").read_bytes()).hexdigest()
    return sums


def digest(sums: Checksums) -> str:
    """One short number for all of them."""
    return hashlib.sha256(json.dumps(sums, sort_keys=True).encode()).hexdigest()[:12]


@pytest.fixture(scope="module")
def undisturbed(first_day: World, tmp_path_factory: pytest.TempPathFactory) -> Checksums:
    """The second day from files, with nothing in its way."""
    with copied(first_day, tmp_path_factory.mktemp("undisturbed")) as home:
        assert day_steps.play(DAYS[1], first_day.landing()) == []
        found = checksums(home)
    assert not found["marts.credit_record"].startswith("0 rows") and "feed exposure" in found
    return found


@contextmanager
def child(world: World, **order: Any) -> Iterator[subprocess.Popen[str]]:
    """The second day in a process of its own."""
    paths = [*sys.path, os.environ.get("PYTHONPATH", "")]
    running = subprocess.Popen(
        [sys.executable, day_steps.__file__,
         json.dumps({"day": DAYS[1].isoformat(), "landing": str(world.landing()), **order})],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def recovered(world: World, home: Path, expected: Checksums, record: Recorder, ended: str) -> None:
    """The same day again, and the comparison."""
    assert day_steps.play(DAYS[1], world.landing()) == []
    compare(home, expected, record, ended)


def compare(home: Path, expected: Checksums, record: Recorder, ended: str) -> None:
    found = checksums(home)
    record("first_run", ended)
    record("expected", digest(expected))
    record("recovered", digest(found))
    assert found == expected


@pytest.mark.parametrize("point", cases(KILLS))
def test_sigkill(
    first_day: World, undisturbed: Checksums, tmp_path: Path, record_property: Recorder, point: Point
) -> None:
    record_property("fault", "SIGKILL")
    with copied(first_day, tmp_path) as home:
        with child(first_day, point=point.at, number=point.number, when=point.when, act="die") as day:
            output, _ = day.communicate(timeout=300)
        assert day.returncode == -signal.SIGKILL, output
        recovered(first_day, home, undisturbed, record_property, "killed")


@pytest.mark.parametrize("point", cases(RESTARTS))
def test_postgresql_crashes_and_comes_back(
    first_day: World, undisturbed: Checksums, tmp_path: Path, record_property: Recorder, point: Point
) -> None:
    record_property("fault", "PostgreSQL restarted (immediate)")
    with copied(first_day, tmp_path) as home:
        order = {"point": point.at, "number": point.number, "when": point.when}
        with child(first_day, **order, act="wait", folder=str(tmp_path)) as day:
            wait_until(
                lambda: (tmp_path / "reached").exists() or day.poll() is not None,
                timeout=300,
                what=point.name,
                poll=0.01,
            )
            assert day.poll() is None, day.communicate()[0]
            restart_postgresql(first_day)
            (tmp_path / "go").touch()
            output, _ = day.communicate(timeout=300)
        assert day.returncode == 1, output
        recovered(first_day, home, undisturbed, record_property, "failed: connection lost")


def restart_postgresql(world: World) -> None:
    """SIGQUIT, as after a loss of power; then a start that recovers."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WAREHOUSE_HOME", str(world.prepared_home))
        environment.delenv("WAREHOUSE_DSN")
        settings.cache_clear()
        family = processes()
        server = postgres.running(family)
        assert server
        os.kill(server.pid, signal.SIGQUIT)
        wait_until(lambda: postgres.running(family) is None, timeout=60, what="the end of PostgreSQL", poll=0.02)
        postgres.start(family)
        assert postgres.running(family)
    settings.cache_clear()


# ------------------------------------------------------------------------------------------------------- disk


@contextmanager
def small_disk(folder: Path, spare: int) -> Iterator[Callable[[], None]]:
    """``folder`` on a disk of its own with ``spare`` bytes left; yields what makes it large. Skips without rights."""
    content = folder.with_name(f"{folder.name}.content")
    shutil.copytree(folder, content)
    pages = sum(-(-path.stat().st_size // 4096) for path in content.rglob("*") if path.is_file())
    folders = sum(path.is_dir() for path in content.rglob("*"))
    size = (pages + folders + 1) * 4096 + spare
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},huge=never", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no right to mount a small disk: {done.stderr.strip()}")
    try:
        shutil.copytree(content, folder, dirs_exist_ok=True)
        yield lambda: subprocess.run(["mount", "-o", "remount,size=256m", str(folder)], check=True) and None
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.matrix
@pytest.mark.parametrize("place", ["archive", "exports"])
def test_disk_full(
    first_day: World, undisturbed: Checksums, tmp_path: Path, record_property: Recorder, place: str
) -> None:
    record_property("fault", "disk full (tmpfs, ENOSPC)")
    with copied(first_day, tmp_path) as home, small_disk(home / place, spare=8192) as enlarge:
        with child(first_day) as day:
            output, _ = day.communicate(timeout=300)
        assert day.returncode == 1 and "No space left on device" in output, output
        enlarge()
        recovered(first_day, home, undisturbed, record_property, "failed: no space")


def test_a_file_that_may_not_grow(
    first_day: World, undisturbed: Checksums, tmp_path: Path, record_property: Recorder
) -> None:
    record_property("fault", "landing: no room (RLIMIT_FSIZE, EFBIG)")
    with copied(first_day, tmp_path) as home:
        before = originals(home)
        with child(first_day, file_limit=2000) as day:
            output, _ = day.communicate(timeout=300)
        assert day.returncode == 1 and "File too large" in output, output
        assert originals(home) == before, "half an original, or its draft, is left"
        recovered(first_day, home, undisturbed, record_property, "failed: no room")


def originals(home: Path) -> set[Path]:
    return {path for path in (home / "archive").rglob("*") if path.is_file() and path.stat().st_size > 2000}


# -------------------------------------------------------------------------------------------------- providers


@dataclass
class Providers:
    """The court's service and the banks' server, and how to break them."""

    court: Service
    bank: Bank

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        return {COURT: Endpoint(self.court.url, TOKEN), BANK: Endpoint("sftp://127.0.0.1")}

    def heal(self) -> None:
        self.court.faults.clear()
        self.court.total = None
        self.court.released.set()
        self.bank.cut_always = self.bank.silent = False
        self.bank.end_at = None


@contextmanager
def providers(world: World, folder: Path) -> Iterator[Providers]:
    """Both, with the deliveries of the second day."""
    (told,) = (world.landing() / COURT).glob("*.jsonl")
    rows = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    bank = Bank(folder / "server")
    shutil.copytree(world.landing() / BANK, bank.folder / "outbox" / BANK)
    with faults.serving(Service([row for row in rows if isinstance(row, dict)])) as court:
        with faults.banking(bank, folder), pytest.MonkeyPatch.context() as environment:
            environment.setenv("AIRFLOW_CONN_BANK_SFTP", bank.connection())
            environment.setenv("AIRFLOW_HOME", os.environ.get("AIRFLOW_HOME", str(folder / "airflow")))
            environment.setenv("WAREHOUSE_PROVIDER_TIMEOUT_SECONDS", "0.5")
            environment.setenv("WAREHOUSE_PROVIDER_BUDGET_SECONDS", "20")
            settings.cache_clear()
            stamina.set_testing(True, attempts=3, cap=True)
            try:
                yield Providers(court, bank)
            finally:
                stamina.set_testing(False)


@pytest.fixture(scope="module")
def served(first_day: World, tmp_path_factory: pytest.TempPathFactory) -> Checksums:
    """The second day with the court by service and the banks by SFTP, nothing in its way."""
    folder = tmp_path_factory.mktemp("served")
    with copied(first_day, folder) as home, providers(first_day, folder) as found:
        assert day_steps.play(DAYS[1], first_day.landing(), found.endpoints) == []
        return checksums(home)


def court_plays(fault: str) -> Callable[[Providers], None]:
    return lambda found: found.court.faults.update({1: [fault] * 20})


def court_counts(difference: int) -> Callable[[Providers], None]:
    def lie(found: Providers) -> None:
        found.court.total = lambda: len(found.court.rows) + difference

    return lie


def bank_breaks(**changes: Any) -> Callable[[Providers], None]:
    def change(found: Providers) -> None:
        for name, value in changes.items():
            setattr(found.bank, name, value)

    return change


BREAKS: dict[str, tuple[Callable[[Providers], None], str, str]] = {
    "HTTP service hangs": (court_plays("hang"), COURT, "PROVIDER_TIMEOUT"),
    "HTTP service resets the connection": (court_plays("reset"), COURT, "PROVIDER_UNREACHABLE"),
    "HTTP service breaks off in the page": (court_plays("half"), COURT, "PROVIDER_UNREACHABLE"),
    "HTTP service returns half a page as a whole one": (court_plays("cut"), COURT, "PROVIDER_CONTENT"),
    "HTTP service leaves rows out of a page": (court_plays("short"), COURT, "COUNT_MISMATCH"),
    "HTTP service counts too many": (court_counts(+3), COURT, "COUNT_MISMATCH"),
    "HTTP service counts too few": (court_counts(-3), COURT, "COUNT_MISMATCH"),
    "HTTP service answers 503": (court_plays("503"), COURT, "PROVIDER_UNREACHABLE"),
    "SFTP drops in mid-transfer, every time": (bank_breaks(cut_always=True), BANK, "PROVIDER_UNREACHABLE"),
    "SFTP falls silent": (bank_breaks(silent=True), BANK, "PROVIDER_TIMEOUT"),
    "SFTP ends the file early": (bank_breaks(end_at=900), BANK, "FILE_TRUNCATED"),
}


@pytest.mark.matrix
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("broken", BREAKS)
def test_provider(first_day: World, served: Checksums, tmp_path: Path, record_property: Recorder, broken: str) -> None:
    """The day goes on without the broken provider, whose news come when it is whole again."""
    record_property("fault", "provider")
    harm, source, rule = BREAKS[broken]
    with copied(first_day, tmp_path) as home, providers(first_day, tmp_path) as found:
        harm(found)
        assert day_steps.play(DAYS[1], first_day.landing(), found.endpoints) == []
        with connect() as connection:
            told = connection.execute(
                "select source, rule from audit.ingest_outcome where outcome = 'refused' and business_date = %s",
                [DAYS[1]],
            ).fetchall()
        assert told == [(source, rule)]
        assert checksums(home) != served
        found.heal()
        assert day_steps.play(DAYS[1], first_day.landing(), found.endpoints) == []
        compare(home, served, record_property, f"{source} refused: {rule}; the others went on")
