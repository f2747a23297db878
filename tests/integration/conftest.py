"""Real PostgreSQL: one embedded server for the session, one database a test, copied from a prepared template."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from dbt_common.behavior_flags import BehaviorFlagRendered
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import providers
from copies import UNBUILT, at_home, copy_home, running, template
from credit_warehouse import transform
from credit_warehouse.build import open_build, run_build
from credit_warehouse.db import DATABASE, USER, connect, warehouse_dsn
from credit_warehouse.declarations import load_source, load_sources
from credit_warehouse.export import export_build
from credit_warehouse.gates import Checked, check_batch
from credit_warehouse.load import load_batch
from credit_warehouse.receive import receive
from credit_warehouse.refusal import Refused
from credit_warehouse.settings import settings
from credit_warehouse.stack import postgres


@dataclass
class Warehouse:
    """A prepared, empty warehouse and the steps of a day, without Airflow."""

    home: Path
    landing: Path
    database: str

    def drop(self, source: str, name: str, content: bytes) -> Path:
        """Put a file where ``run --landing`` would find it."""
        path = self.landing / source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def ingest(self, day: date, sources: list[str] | None = None) -> dict[str, list[Refused | None]]:
        """Receive, load and gate; returns the refusals by source."""
        outcome: dict[str, list[Refused | None]] = {}
        for source in [load_source(name) for name in sources] if sources else load_sources():
            outcome[source.name] = [
                load_batch(source, batch) or check_batch(source, batch)
                for batch in receive(source, day, f"test-{uuid4().hex[:6]}", landing=self.landing)
            ]
        return outcome

    def accept(self, day: date, source: str, *rows: providers.Row) -> str:
        """Have rows received, loaded and past the gate, and in no build yet; returns the name of their file."""
        declared = load_source(source)
        names = [column.name for column in declared.columns]
        content = (
            providers.jsonl(*rows)
            if declared.ingest.format == "jsonl"
            else providers.csv_file(
                *({**dict.fromkeys(names, ""), **row} for row in rows),
                columns=names, encoding=declared.ingest.encoding,
            )
        )  # fmt: skip
        path = self.drop(source, f"{source}_{uuid4().hex}.{declared.ingest.format}", content)
        # The very file of an earlier day says nothing new, and makes no batch.
        assert set(self.ingest(day, [source])[source]) <= {None}
        # A list that stays there would be the list of later days, too.
        path.unlink()
        return path.name

    def build(self, day: date) -> int | None:
        """Take what was accepted into the record."""
        build_id = open_build(day)
        if build_id is not None:
            run_build(build_id)
        return build_id

    def day(self, day: date, landing: Path | None = None) -> dict[str, list[Checked]]:
        """A whole business day; returns what the export gates held back."""
        if landing:
            self.landing = landing
        self.ingest(day)
        build_id = self.build(day)
        return export_build(build_id) if build_id is not None else {}

    def rows(self, query: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        with connect() as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def execute(self, statement: str, parameters: list[Any] | None = None) -> None:
        """Change something."""
        with connect() as connection:
            connection.execute(statement.encode(), parameters)

    def superuser(self) -> psycopg.Connection:
        """A connection of the superuser to this database."""
        administration = postgres.superuser(int(conninfo_to_dict(warehouse_dsn())["port"]))
        return psycopg.connect(make_conninfo(administration, dbname=self.database))

    def forget(self, statement: str) -> None:
        """Take evidence back, so that a module can begin again: no trigger fires, and the ledger does not fit then."""
        with self.superuser() as connection:
            connection.execute("set session_replication_role = replica")
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """An embedded server of this worker, copied from the template that all workers share: (its DSN, home)."""
    home = tmp_path_factory.mktemp("server") / "home"
    copy_home(template(tmp_path_factory), home)
    with at_home(home), running(home):
        yield warehouse_dsn(), home


# Many builds and none that dbt's data tests are about: a third of a build is spent on them, and they run with every
# build of the other modules, of the end-to-end tests and of course of the warehouse itself.
LEAN = {
    "test_analyst_guide.py",
    "test_archive.py",
    "test_business_date.py",
    "test_cadence.py",
    "test_explain.py",
    "test_exposure.py",
    "test_feed_steps.py",
    "test_feed_year.py",
    "test_feeds.py",
    "test_gates.py",
    "test_harm.py",
    "test_identity.py",
    "test_law_cases.py",
    "test_law_properties.py",
    "test_law_year.py",
    "test_lists.py",
    "test_measure_packs.py",
    "test_order.py",
    "test_record.py",
    "test_receipts.py",
    "test_rejections.py",
    "test_related.py",
    "test_removals.py",
    "test_replay.py",
    "test_three_days.py",
    "test_vault.py",
}


@pytest.fixture(scope="module", autouse=True)
def _collector_off() -> Iterator[None]:
    """Garbage is collected once a module: a sixth of every small build would go into looking for it."""
    gc.disable()
    yield
    gc.enable()
    gc.collect()


@pytest.fixture(scope="module", autouse=True)
def _lean(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        # dbt asks who calls it, ten times a build; below pytest that is a hundred frames.
        patch.setattr(BehaviorFlagRendered, "_default_source", staticmethod(lambda: "a test"))
        if request.path.name in LEAN:
            patch.setattr(transform, "BUILD", [*transform.BUILD, "--exclude-resource-types", "test"])
        yield


in_use: set[str] = set()


def free_name() -> str:
    """A database name of this worker's server that no open warehouse has.

    dbt's parsed project holds for one database name, and a parse takes longer than most tests: names are used again.
    """
    name = next(name for number in count() if (name := f"test_{number}") not in in_use)
    in_use.add(name)
    return name


@contextmanager
def new_warehouse(
    server: tuple[str, Path], folder: Path, *, like: Warehouse | None = None, unbuilt: bool = False
) -> Iterator[Warehouse]:
    """A prepared warehouse in ``folder``, empty or with all that another has; the settings point at it while open."""
    template, prepared_home = server
    name = free_name()
    home = folder / "home"
    if like:
        shutil.copytree(like.home, home, ignore=shutil.ignore_patterns("dbt"))
    else:
        # Same keys: the seeds were loaded with them.
        shutil.copytree(prepared_home / "secrets", home / "secrets")
    parsed = prepared_home.parent / name
    parsed.mkdir(exist_ok=True)
    (home / "dbt").symlink_to(parsed)
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("WAREHOUSE_DSN", raising=False)
        environment.setenv("WAREHOUSE_HOME", str(prepared_home))
        settings.cache_clear()
        administration = postgres.superuser(int(conninfo_to_dict(template)["port"]))
        with psycopg.connect(administration, autocommit=True) as connection:
            original = like.database if like else UNBUILT if unbuilt else DATABASE
            # A library may keep a connection in a pool, and a template must have none.
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [original])
            connection.execute(f"create database {name} template {original} owner {USER}".encode())
        environment.setenv("WAREHOUSE_HOME", str(home))
        environment.setenv("WAREHOUSE_DSN", template.rsplit("/", 1)[0] + f"/{name}")
        environment.setenv("WAREHOUSE_OK_WAIT_SECONDS", "0.01")
        settings.cache_clear()
        yield Warehouse(home=home, landing=folder / "landing", database=name)
    settings.cache_clear()
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)".encode())
    in_use.discard(name)


@pytest.fixture
def warehouse(server: tuple[str, Path], tmp_path: Path) -> Iterator[Warehouse]:
    """A prepared warehouse that nobody else uses."""
    with new_warehouse(server, tmp_path) as found:
        yield found


@pytest.fixture
def unbuilt(server: tuple[str, Path], tmp_path: Path) -> Iterator[Warehouse]:
    """A prepared warehouse in which nothing was ever built."""
    with new_warehouse(server, tmp_path, unbuilt=True) as found:
        yield found


@pytest.fixture(scope="module")
def shared_warehouse(server: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One warehouse for all tests of a module, which keep out of each other's way."""
    with new_warehouse(server, tmp_path_factory.mktemp("shared")) as found:
        yield found


@pytest.fixture(scope="session")
def other_warehouse(server: tuple[str, Path]) -> Callable[[Path], AbstractContextManager[Warehouse]]:
    """Opens a further warehouse, for tests that compare two."""
    return partial(new_warehouse, server)
