"""Run dbt: one invocation per stage, in this process, with the results kept in ``audit.dbt_result``."""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from psycopg import sql

from credit_warehouse import inside
from credit_warehouse.db import connect, dsn_parts, session_options
from credit_warehouse.declarations import load_sources
from credit_warehouse.settings import settings

LOG_BYTES = 10 * 1024 * 1024
VALUES = "path:functions/*.sql"
REMOVALS = "path:functions/removals"
PAST = "functions/as_known"
SCHEMAS = ("staging", "core", "marts", "exports", "audit")
LAYERS = [f"credit_warehouse.{layer}" for layer in ("core", "marts", "exports")]
KEPT_OF_A_NODE = ("unique_id", "resource_type", "status", "seconds", "rows_affected", "failures", "message")
BUILD = ["build", "--exclude-resource-types", "seed", "unit_test"]
# Every relation of every schema, with what depends on it, is asked for only where tables are swapped: a drop takes
# views along that dbt would otherwise believe in. The rest looks up what it needs.
FEW_QUESTIONS = ["--no-populate-cache"]


class TransformFailed(RuntimeError):
    """dbt failed; the message names the nodes and the log file, ``nodes`` holds every result."""

    def __init__(self, message: str, nodes: list[dict[str, Any]]) -> None:
        super().__init__(message)
        self.nodes = nodes


def dbt_environment() -> dict[str, str]:
    """Environment variables that profiles.yml and the macros read. The password name is one dbt masks in logs."""
    parts = dsn_parts()
    return {
        "DBT_WAREHOUSE_HOST": parts["host"],
        "DBT_WAREHOUSE_PORT": parts.get("port", "5432"),
        "DBT_WAREHOUSE_USER": parts["user"],
        "DBT_ENV_SECRET_WAREHOUSE_PASSWORD": parts.get("password", ""),
        "DBT_WAREHOUSE_DATABASE": parts["dbname"],
        "DBT_WAREHOUSE_THREADS": str(settings().dbt_threads),
        "DBT_WAREHOUSE_SOURCES": ",".join(
            f"{source.name}:{source.ingest.delivery}:{'item' if source.ingest.item else 'relation'}"
            for source in load_sources()
        ),
        # Functions of the removal lane read tables that the first build makes.
        "PGOPTIONS": f"{session_options()} -c check_function_bodies=off",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


def dbt_project() -> Path:
    """The dbt project around the folder of declared sources."""
    return settings().sources.parents[1]


def dbt_arguments() -> list[str]:
    """Where dbt finds the project and keeps its state: nothing is written into the checkout."""
    project = str(dbt_project())
    state = settings().home / "dbt"
    return [
        "--project-dir", project, "--profiles-dir", project,
        "--target-path", str(state / "target"), "--log-path", str(settings().logs / "dbt"),
        "--no-write-json",
        # It words and scrubs each of a dozen events a statement before it looks at the level: see _log.
        "--log-level", "none", "--log-level-file", "none",
    ]  # fmt: skip


def run_dbt(command: list[str]) -> list[dict[str, Any]]:
    """Run one dbt command; return one dict per node. Raises TransformFailed naming the nodes that failed.

    dbt keeps global state: one invocation per process at a time.
    """
    return [_node(result) for result in getattr(_invoke(command, _manifest()), "results", [])]


def _manifest() -> Any:
    """The parsed project, kept while neither rules nor environment change: reading it is a third of a small build."""
    return _parse(dbt_project(), _rules_sha256(), tuple(dbt_environment().values()))


@lru_cache(maxsize=4)
def _parse(*_what_it_holds_for: Any) -> Any:
    return _invoke(["parse"])


def _invoke(command: list[str], manifest: Any = None, arguments: list[str] | None = None) -> Any:
    with _environment(dbt_environment()), _collector_paused(), _log() as note:
        from dbt.cli.main import dbtRunner  # importing dbt takes a second that other tasks need not spend

        outcome = dbtRunner(manifest, callbacks=[note]).invoke([*command, *(arguments or dbt_arguments())])
    if not outcome.success:
        nodes = [_node(result) for result in getattr(outcome.result, "results", [])]
        bad = [f"{node['unique_id']}: {node['message']}" for node in nodes if node["status"] in ("error", "fail")]
        raise TransformFailed(
            f"dbt {' '.join(command)}: {'; '.join(bad) or outcome.exception}"
            f" (log: {settings().logs / 'dbt' / 'dbt.log'})",
            nodes,
        )
    return outcome.result


def write_docs() -> Path:
    """dbt's own documentation as one page that needs no server; return its path."""
    target = settings().home / "dictionary" / "dbt"
    arguments = dbt_arguments()
    # It is made of the files that are not written otherwise, and kept apart from the state of builds.
    arguments[arguments.index("--target-path") + 1] = str(target)
    arguments.remove("--no-write-json")
    _invoke(["docs", "generate", "--static"], arguments=arguments)
    return target / "static_index.html"


def build_models(build_id: int, *, anew: bool = False) -> int:
    """Build and test everything but seeds and functions; keep the results, good or bad. Returns how many.

    What this build cannot change stays as it is, unless everything is built ``anew``.
    """
    scope = ["--full-refresh", "--exclude", VALUES, REMOVALS] if anew else _concerned(build_id)
    try:
        nodes = run_dbt([*BUILD, *scope])
    except TransformFailed as failure:
        _keep(build_id, failure.nodes)
        raise
    _keep(build_id, nodes)
    return len(nodes)


def _keep(build_id: int, nodes: list[dict[str, Any]]) -> None:
    with (
        connect() as connection,
        connection.cursor().copy(
            "copy audit.dbt_result (build_id, unique_id, resource_type, status, seconds, rows_affected, failures,"
            " message) from stdin"
        ) as copy,
    ):
        for node in nodes:
            copy.write_row((build_id, *(node[column] for column in KEPT_OF_A_NODE)))
    inside.keep_results(nodes, build_id)


def _concerned(build_id: int) -> list[str]:
    """What this build can change, in as few criteria as say it: dbt holds each against every node, three times.

    Left alone are staging models that have nothing to read, and views and functions: their definition changes with the
    rules alone, and whoever reads one would find it gone for a moment.
    """
    with connect() as connection:
        brought = {
            source for (source,) in connection.execute("select source from audit.batch where build_id = %s", [build_id])
        }
        # Readers have views of the same names in schemas of their own.
        tables, views, functions = (
            {name for (name,) in connection.execute(query, [[*SCHEMAS]])}
            for query in (
                "select tablename from pg_tables where schemaname = any(%s)",
                "select viewname from pg_views where schemaname = any(%s)",
                "select proname from pg_proc where pronamespace::regnamespace::text = any(%s)",
            )
        )
    models = {path.stem for path in (dbt_project() / "models").rglob("*.sql")}
    staged = {f"stg_{source.name}" for source in load_sources()}
    read = {f"stg_{source}" for source in brought} | staged - tables
    past = [] if {path.stem for path in (dbt_project() / PAST).glob("*.sql")} <= functions else [f"path:{PAST}"]
    standing = ["config.materialized:view"] if models <= tables | views else sorted(models & views)
    return [*FEW_QUESTIONS, "--select", *LAYERS, *sorted(read), *past, "--exclude", *standing]


def prepare_database() -> bool:
    """Load seeds, create functions and the removal lane's views unless this version is in place; whether it was not."""
    version = _rules_sha256()
    with connect() as connection:
        newest = connection.execute(
            "select project_sha256 from audit.preparation order by preparation_id desc limit 1"
        ).fetchone()
        if newest == (version,):
            return False
        # Made anew: dbt fills an older table as it stands, and a seed may have got a column since.
        try:
            seeds = run_dbt(["build", "--full-refresh", "--select", "resource_type:seed", VALUES, "path:models/audit"])
        except TransformFailed as failure:
            inside.keep_results(failure.nodes)
            raise
        inside.keep_results(seeds)
        _make_readable()
        run_dbt(["build", "--select", REMOVALS])
        connection.execute(
            "insert into audit.preparation (project_sha256, rebuilt) values (%s, %s)",
            [version, newest is None],
        )
    return True


def _make_readable() -> None:
    """Every staging model as a view ``staging.reading_<source>`` over the batches that a session names.

    One definition for the build, which stores what it reads, and for the removal lane, which cannot wait for it.
    """
    compile_staging = ["compile", "--select", "path:models/staging", "--exclude", "resource_type:test"]
    compiled = _invoke(compile_staging, _manifest()).results
    with connect() as connection:
        for result in compiled:
            view = sql.Identifier("staging", result.node.name.replace("stg_", "reading_", 1))
            connection.execute(sql.SQL("drop view if exists {}").format(view))
            connection.execute(sql.SQL("create view {} as ").format(view) + sql.SQL(result.node.compiled_code))


def _rules_sha256() -> str:
    digest = hashlib.sha256()
    for folder in ("seeds", "functions", "macros", "models"):
        for path in sorted(path for path in (dbt_project() / folder).rglob("*") if path.is_file()):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


@contextmanager
def _log() -> Iterator[Callable[[Any], None]]:
    """What dbt tells its callbacks, from level info on, into ``logs/dbt/dbt.log``."""
    from dbt_common.events.functions import env_scrubber

    path = settings().logs / "dbt" / "dbt.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=5, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s [%(threadName)s] %(message)s"))

    def note(event: Any) -> None:
        if event.info.level not in ("debug", "test"):
            text = f"[{event.info.level}] {env_scrubber(event.info.msg)}"
            handler.handle(logging.LogRecord("dbt", logging.INFO, "", 0, text, None, None))

    try:
        yield note
    finally:
        handler.close()


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Walking dbt's manifest again and again for garbage takes a fifth of a small build; the process is short-lived."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _node(result: Any) -> dict[str, Any]:
    response = result.adapter_response or {}
    return {
        "unique_id": result.node.unique_id,
        "resource_type": str(result.node.resource_type),
        "status": str(result.status),
        "seconds": result.execution_time,
        "rows_affected": response.get("rows_affected"),
        "failures": result.failures,
        "message": _without_values(result.message),
        "test": _test(result.node),
    }


def _test(node: Any) -> tuple[str, str, str] | None:
    """(kind, table, column) of a generic data test."""
    asked = getattr(node, "test_metadata", None)
    if asked is None or not node.attached_node:
        return None
    kind = f"{asked.namespace}.{asked.name}" if asked.namespace else asked.name
    return kind, node.attached_node.split(".")[-1], node.column_name or ""


def _without_values(message: str | None) -> str | None:
    """First two lines of a message, without the quoted values in which PostgreSQL repeats the data."""
    if message is None:
        return None
    lines = " ".join(message.strip().splitlines()[:2])
    return re.sub(r'"[^"]*[\d\u0080-\U0010ffff][^"]*"', '"…"', lines)
