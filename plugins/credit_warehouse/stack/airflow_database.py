"""Where Airflow keeps its metadata: a database of its own, beside the warehouse."""

from __future__ import annotations

import os
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from credit_warehouse.db import warehouse_dsn
from credit_warehouse.secrets import secret
from credit_warehouse.settings import settings

NAME = "airflow"
GIVEN = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"


class NoAirflowDatabase(RuntimeError):
    """An external server has no database for Airflow, and this user may not create one."""


def metadata_url() -> str:
    """Return the SQLAlchemy URL of the metadata database; create it on an external server if allowed.

    ``AIRFLOW__DATABASE__SQL_ALCHEMY_CONN`` counts only together with ``WAREHOUSE_DSN``: on its own it
    belongs to another Airflow of this machine.
    """
    if settings().dsn and (given := os.environ.get(GIVEN)):
        return given
    url = _on_the_warehouse_server()
    if settings().dsn:
        _create_on_external_server(url)
    return url.replace("postgresql://", "postgresql+psycopg2://", 1)


def connect(metadata: str) -> psycopg.Connection:
    """Open a connection to the metadata database."""
    return psycopg.connect(f"postgresql://{metadata.partition('://')[2]}", autocommit=True)


def migrated_version(metadata: str) -> str:
    """Return the Airflow version the database was migrated to, which its comment holds."""
    query = "select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()"
    with connect(metadata) as connection:
        row = connection.execute(query).fetchone()
    return (row and row[0]) or ""


def note_migrated_version(metadata: str, version: str) -> None:
    """Remember the Airflow version of the database."""
    with connect(metadata) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("comment on database {} is {}").format(name, sql.Literal(version)))


def end_jobs_of_stopped_processes(metadata: str) -> None:
    """Mark Airflow's jobs as failed before a start.

    All of them belonged to processes that no longer run. The new scheduler then takes over the tasks of a
    killed one at once, and health checks do not mistake the last heartbeat of the dead for life.
    """
    with connect(metadata) as connection:
        connection.execute("update job set state = 'failed', end_date = now() where state = 'running'")


def _on_the_warehouse_server() -> str:
    parts = urlsplit(warehouse_dsn())
    server = parts.netloc.rpartition("@")[2]
    return f"postgresql://{NAME}:{quote(secret('airflow_db_password'))}@{server}/{NAME}"


def _create_on_external_server(url: str) -> None:
    try:
        psycopg.connect(url).close()
        return
    except psycopg.OperationalError:
        pass  # not created yet, or not ours: the statements below tell which
    role, password = sql.Identifier(NAME), sql.Literal(secret("airflow_db_password"))
    try:
        with psycopg.connect(warehouse_dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("create role {} login password {}").format(role, password))
            connection.execute(sql.SQL("grant {} to current_user").format(role))
            connection.execute(sql.SQL("create database {} owner {}").format(role, role))
        psycopg.connect(url).close()
    except psycopg.Error as error:
        raise NoAirflowDatabase(
            "Airflow needs a database of its own. The user of WAREHOUSE_DSN could not create role and"
            f" database `{NAME}`, or they exist with another password ({type(error).__name__}). Create one"
            f" and set {GIVEN}=postgresql+psycopg2://USER:PASSWORD@HOST/DATABASE"
        ) from None
