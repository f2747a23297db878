"""One WAREHOUSE_HOME seen from outside: run commands in it, read its databases and feeds, end what runs in it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from credit_warehouse.settings import settings
from credit_warehouse.stack import postgres, service
from credit_warehouse.stack.ending import runs, survivors

BIN = Path(sys.executable).parent
CLI = str(BIN / "credit-warehouse")
# What says when, or in which of several attempts, the machine worked; never what it found.
BOOKKEEPING = ("sequence", "batch_id", "content_batch_id", "build_id")
OWNERS = {"warehouse": ("warehouse", "postgres_password"), "airflow": ("airflow", "airflow_db_password")}

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Home:
    """A home below a folder of its own; ``$HOME`` of everything started in it is an empty folder."""

    path: Path

    @property
    def feeds(self) -> list[Path]:
        """Folders of all feeds."""
        return sorted(latest.parent for latest in (self.path / "exports").glob("*/latest.json"))

    def environment(self) -> dict[str, str]:
        """Nothing of the caller's environment but PATH."""
        user = self.path.with_name(f"{self.path.name}.user")
        user.mkdir(parents=True, exist_ok=True)
        return {
            "PATH": os.pathsep.join([str(BIN), os.environ["PATH"]]),
            "HOME": str(user),
            "WAREHOUSE_HOME": str(self.path),
            "WAREHOUSE_SCHEDULES": "off",
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``credit-warehouse`` with ``arguments`` to its end; both outputs are in ``stdout``."""
        return subprocess.run(
            [CLI, *arguments],
            env=self.environment(),
            cwd=self.path.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start ``credit-warehouse`` and return at once; its output goes to ``<home>.out``."""
        with self.path.with_name(f"{self.path.name}.out").open("ab") as output:
            return subprocess.Popen(
                [CLI, *arguments],
                env=self.environment(),
                cwd=self.path.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @contextmanager
    def inside(self) -> Iterator[None]:
        """The package's own functions work on this home, and on no other afterwards."""
        mine = {name: value for name, value in self.environment().items() if name.startswith("WAREHOUSE_")}
        before = {name: os.environ.get(name) for name in mine}
        os.environ.update(mine)
        settings.cache_clear()
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
            settings.cache_clear()

    @contextmanager
    def database(self) -> Iterator[None]:
        """PostgreSQL alone, for a home in which nothing runs."""
        with self.inside():
            postgres.start(service.processes())
        try:
            yield
        finally:
            with self.inside():
                postgres.stop(service.processes())

    def rows(self, query: str, *, database: str = "warehouse") -> list[Row]:
        """Rows of a query; raises psycopg.OperationalError or FileNotFoundError where no server runs."""
        user, password = OWNERS[database]
        with psycopg.connect(
            host="127.0.0.1",
            port=int((self.path / "run" / "postgres.port").read_text()),
            user=user,
            password=(self.path / "secrets" / password).read_text().strip(),
            dbname=database,
            connect_timeout=5,
        ) as connection:
            return connection.execute(query.encode()).fetchall()

    def checksums(self, *, without: tuple[str, ...] = ()) -> dict[str, str]:
        """MD5 over the ordered rows of every table and view of marts and exports, bookkeeping columns left out."""
        relations = self.rows(
            "select table_schema, table_name, coalesce(array_agg(column_name::text)"
            f" filter (where data_type like 'timestamp%' or column_name = any('{{{','.join(BOOKKEEPING)}}}')), '{{}}')"
            " from information_schema.columns where table_schema in ('marts', 'exports') group by 1, 2"
        )
        sums = {}
        for schema, table, dropped in relations:
            name = f"{schema}.{table}"
            if name not in without:
                query = sql.SQL(
                    "select count(*) || ' rows, md5 '"
                    " || md5(coalesce(string_agg(line, e'\\n' order by line collate \"C\"), ''))"
                    " from (select (to_jsonb(t) - {dropped}::text[])::text as line from {table} t) as lines"
                ).format(dropped=sql.Literal(dropped), table=sql.Identifier(schema, table))
                sums[name] = self.rows(query.as_string())[0][0]
        return sums

    def processes(self) -> set[psutil.Process]:
        """Everything that runs and mentions this home, whatever it calls itself and whoever its parent is."""
        return {process for process in psutil.process_iter() if runs(process) and self._concerns(process)}

    def kill(self) -> None:
        """SIGKILL for everything in this home, until nothing is left."""
        while left := self.processes():
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            survivors(left, 5)

    def _concerns(self, process: psutil.Process) -> bool:
        try:
            said = [process.cwd(), *process.cmdline(), process.environ().get("WAREHOUSE_HOME", "")]
        except (psutil.Error, OSError):
            return False
        return any(text == str(self.path) or f"{self.path}/" in text for text in said)


@dataclass(frozen=True)
class Manifest:
    """One numbered delivery of a feed."""

    folder: Path

    @property
    def content(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "manifest.json").read_bytes()))

    @property
    def sha256(self) -> str:
        return hashlib.sha256((self.folder / "manifest.json").read_bytes()).hexdigest()

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Objects of ``full.jsonl`` or ``delta.jsonl``."""
        return [json.loads(line) for line in (self.folder / name).read_text(encoding="utf-8").splitlines()]


def deliveries(feed: Path) -> list[Manifest]:
    """Every delivery of a feed, oldest first."""
    return [Manifest(folder) for folder in sorted(feed.iterdir()) if folder.is_dir()]


def held(feed: Path) -> list[dict[str, Any]]:
    """What the recipient of a feed holds now: the newest full set and the deltas since, applied in order."""
    steps = deliveries(feed)
    start = max(place for place, step in enumerate(steps) if (step.folder / "full.jsonl").exists())
    key = "directive_id" if feed.name.startswith("punishment-") else "item_id"
    entries = {entry[key]: entry for entry in steps[start].lines("full.jsonl")}
    for step in steps[start + 1 :]:
        for change in step.lines("delta.jsonl"):
            if change["op"] == "REMOVE":
                del entries[change["id"]]
            else:
                entries[change["id"]] = change["entry"]
    return list(entries.values())
