"""SIGKILL for everything at some moment, then the same command again: it must end as if nothing had happened.

One moment is always tested (side_by_side.py); all of them with ``pytest tests/e2e -m matrix`` (about an hour).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from credit_warehouse.stack.waiting import wait_until
from e2e.homes import Home, held
from e2e.stacks import home_with

TWO_DAYS = ("simulate", "--subjects", "400", "--days", "2")
# The ledger of what was sent when: a delivery more, between the two starts, is no difference in what is known.
LEDGER = ("exports.feed_tombstone", "exports.removal", "marts.takedown_sla", "marts.unit_accountability",
          "exports.exposure_period", "marts.exposure_history", "marts.exposure_day")  # fmt: skip


@dataclass(frozen=True)
class Moment:
    """A moment of a run: the first time a query finds a row."""

    name: str
    query: str
    database: str = "warehouse"

    def has_come(self, home: Home) -> bool:
        try:
            return bool(home.rows(self.query, database=self.database))
        except (psycopg.Error, FileNotFoundError, ValueError):
            return False


def running(dag_id: str, day: str) -> str:
    return (
        f"select from dag_run where dag_id = '{dag_id}' and state = 'running'"
        f" and (conf ->> 'business_date' = '{day}' or conf is null or conf ->> 'business_date' is null)"
    )


def task(dag_id: str, task_id: str, state: str) -> str:
    return f"select from task_instance where dag_id = '{dag_id}' and task_id = '{task_id}' and state = '{state}'"


BUILDING = Moment("first-build", "select from audit.build where status = 'running'")
MOMENTS = [
    Moment("database-up", "select"),
    Moment("schemas-there", "select from information_schema.tables where table_schema = 'audit'"),
    Moment("first-file-received", "select from audit.batch where status = 'received'"),
    Moment("in-a-load", "select from pg_stat_activity where query ilike 'copy \"raw\"%' and state = 'active'"),
    Moment("take-in-done", task("ingest__court_defaulters", "take_in", "success"), database="airflow"),
    Moment("in-the-lane", task("withdraw", "withdraw", "running"), database="airflow"),
    Moment("taking-in", task("ingest__court_defaulters", "take_in", "running"), database="airflow"),
    Moment("waiting-to-build", task("build_record", "ingests_settled", "running"), database="airflow"),
    Moment("build-export", task("build_record", "build", "success"), database="airflow"),
    Moment("report-running", task("export_products", "quality_report", "running"), database="airflow"),
    Moment("first-file-loaded", "select from audit.batch where status = 'loaded'"),
    BUILDING,
    Moment("first-export", running("export_products", "2026-03-02"), database="airflow"),
    Moment("first-feed-written", "select from audit.export_ledger"),
    Moment("second-day-ingest", running("ingest__court_defaulters", "2026-03-03"), database="airflow"),
    Moment("second-day-received", "select from audit.batch where business_date = '2026-03-03'"),
    Moment("second-build", "select from audit.build where status = 'running' and business_date = '2026-03-03'"),
    Moment("second-day-built", "select from audit.build where status = 'succeeded' and business_date = '2026-03-03'"),
    Moment("second-feed-written", "select from audit.export_ledger where business_date = '2026-03-03'"),
]


@dataclass(frozen=True)
class State:
    """What a home knows and what its recipients hold."""

    tables: dict[str, str]
    feeds: dict[str, str]


def state(home: Home) -> State:
    with home.database():
        tables = home.checksums(without=LEDGER)
    assert not tables["marts.credit_record"].startswith("0 rows")
    entries = {feed.name: sorted(json.dumps(entry, sort_keys=True) for entry in held(feed)) for feed in home.feeds}
    sums = {name: hashlib.sha256("\n".join(lines).encode()).hexdigest() for name, lines in entries.items()}
    return State(tables, sums)


def kill_and_repeat(home: Home, command: tuple[str, ...], moment: Moment) -> subprocess.CompletedProcess[str]:
    """Run ``command``, kill everything at ``moment``, and run it again to its end."""
    try:
        simulation = home.begin(*command)

        def now() -> bool:
            ended = simulation.poll()
            assert ended is None, f"ended with {ended} before '{moment.name}': {output(home)}"
            return moment.has_come(home)

        wait_until(now, timeout=300, what=moment.name, poll=0.02)
        home.kill()
        simulation.wait()
        return home.run(*command)
    except BaseException:
        home.kill()
        raise


def output(home: Home) -> str:
    return home.path.with_name(f"{home.path.name}.out").read_text()


@pytest.fixture(scope="module")
def undisturbed(keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    home = home_with(keys, tmp_path_factory.mktemp("undisturbed") / "home")
    try:
        done = home.run(*TWO_DAYS)
        assert done.returncode == 0, done.stdout
        yield state(home)
    finally:
        home.kill()


@pytest.mark.matrix
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.name)
def test_a_kill_at_any_moment_leaves_no_trace(
    undisturbed: State, keys: Path, tmp_path: Path, record_property: Callable[[str, object], None], moment: Moment
) -> None:
    record_property("first_run", "killed")
    home = home_with(keys, tmp_path / "home")
    repeated = kill_and_repeat(home, TWO_DAYS, moment)
    assert repeated.returncode == 0, repeated.stdout
    assert home.processes() == set()
    assert state(home) == undisturbed
