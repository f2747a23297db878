"""Copies of a home that was made once, because making one takes longer than most tests."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from credit_warehouse.build import open_build, run_build
from credit_warehouse.db import DATABASE, USER, warehouse_dsn
from credit_warehouse.export import export_build
from credit_warehouse.preparation import prepare
from credit_warehouse.settings import settings
from credit_warehouse.stack import airflow, postgres
from credit_warehouse.stack.service import processes

# The day of an empty build, which makes every table: most tests are about what comes after it.
BEFORE_ALL = date(2017, 5, 1)
UNBUILT = "unbuilt"


def copy_home(original: Path, path: Path) -> None:
    """A home with keys and database of another, in which nothing runs; it chooses ports of its own."""
    # Python's own copy would give the database's files to whoever runs the tests.
    subprocess.run(["cp", "-a", str(original), str(path)], check=True)
    # Two copies begun at the same moment would both find the same port free.
    (path / "run" / "ports.json").unlink()


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """What ``make`` puts into ``folder``, made by the first of several workers that ask; the others wait for it."""
    done = folder.with_name(f"{folder.name}.done")
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(folder)
            done.touch()
    return folder


def make_light() -> None:
    """No waiting for a disk that outlives these tests, and no stretching of a password that nobody could guess."""
    superuser = postgres.superuser(int(conninfo_to_dict(warehouse_dsn())["port"]))
    with psycopg.connect(superuser, autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"alter system set {setting} = off".encode())
        connection.execute("select pg_reload_conf()")
        connection.execute("set scram_iterations = 1")
        connection.execute(
            sql.SQL("alter role {} password {}").format(
                sql.Identifier(USER), sql.Literal(conninfo_to_dict(warehouse_dsn())["password"])
            )
        )


@contextmanager
def at_home(home: Path) -> Iterator[Path]:
    """The settings of this process point at ``home``, and as before afterwards."""
    before = os.environ.get("WAREHOUSE_HOME")
    os.environ["WAREHOUSE_HOME"] = str(home)
    settings.cache_clear()
    try:
        yield home
    finally:
        if before is None:
            del os.environ["WAREHOUSE_HOME"]
        else:
            os.environ["WAREHOUSE_HOME"] = before
        settings.cache_clear()


@contextmanager
def running(home: Path) -> Iterator[None]:
    """PostgreSQL of a home, stopped whatever the settings point at by then."""
    family = processes()
    postgres.start(family)
    try:
        yield
    finally:
        with at_home(home):
            postgres.stop(family)


def make_template(folder: Path) -> None:
    """A home whose database one build has filled with empty tables, beside a prepared one without any."""
    with at_home(folder), running(folder):
        make_light()
        prepare()
        with psycopg.connect(
            postgres.superuser(int(conninfo_to_dict(warehouse_dsn())["port"])), autocommit=True
        ) as own:
            own.execute(f"create database {UNBUILT} template {DATABASE} owner {USER}".encode())
        build = open_build(BEFORE_ALL)
        assert build is not None
        run_build(build)
        assert export_build(build) == {}


def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one that ``make_template`` makes, the same for all workers."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return made_once(shared / "template", make_template)


def make_ready_for_airflow(home: Path) -> None:
    """Of a copy of the template: nothing built, the server as safe as everywhere, Airflow's own tables."""
    with at_home(home), running(home):
        administration = postgres.superuser(int(conninfo_to_dict(warehouse_dsn())["port"]))
        with psycopg.connect(administration, autocommit=True) as connection:
            connection.execute("alter system reset all")
            connection.execute(f"drop database {DATABASE}".encode())
            connection.execute(f"alter database {UNBUILT} rename to {DATABASE}".encode())
        airflow.migrate(processes())
