"""The DAG folder as Airflow reads it, in a process of its own: Airflow writes files below its home when imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DAGS = Path(__file__).resolve().parents[2] / "dags"
EXPECTED = {
    "ingest__bank_credit_events",
    "ingest__bank_rejections",
    "ingest__court_closed_cases",
    "ingest__court_consumption_limits",
    "ingest__court_defaulters",
    "ingest__credit_repairs",
    "ingest__objections",
    "ingest__punishment_feedback",
    "ingest__registry_abnormal",
    "ingest__registry_entities",
    "ingest__registry_persons",
    "ingest__registry_serious",
    "ingest__tax_arrears",
    "ingest__tax_credit_ratings",
    "ingest__tax_major_violations",
    "build_record",
    "export_products",
    "publish_bulletin",
    "watch_freshness",
    "withdraw",
}
READ = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
json.dump({
    "errors": bag.import_errors,
    "dags": {
        name: {"tags": sorted(dag.tags), "doc": dag.doc_md or "", "runs": dag.max_active_runs, "catchup": dag.catchup,
               "timetable": repr(dag.timetable),
               "silent": [task.task_id for task in dag.tasks if not task.on_failure_callback]}
        for name, dag in bag.dags.items()
    },
}, sys.stdout)
"""


def read(folder: Path, schedules: str) -> dict[str, Any]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "WAREHOUSE_HOME": str(folder / "home"),
        "WAREHOUSE_SCHEDULES": schedules,
    }
    done = subprocess.run(
        [sys.executable, "-c", READ, str(DAGS)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module", params=["on", "off"])
def bag(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {**read(tmp_path_factory.mktemp("airflow"), request.param), "schedules": request.param}


def test_every_file_can_be_imported(bag: dict[str, Any]) -> None:
    assert bag["errors"] == {}


def test_the_dags_are_these_and_no_others(bag: dict[str, Any]) -> None:
    assert set(bag["dags"]) == EXPECTED


def test_every_dag_has_an_owner_and_says_what_to_do_on_failure(bag: dict[str, Any]) -> None:
    for name, dag in bag["dags"].items():
        assert any(tag.startswith("owner:") and tag != "owner:" for tag in dag["tags"]), name
        advice = dag["doc"].partition("If it fails:")[2].strip()
        assert len(advice.split()) > 5, name


def test_no_task_fails_in_silence(bag: dict[str, Any]) -> None:
    assert {name: dag["silent"] for name, dag in bag["dags"].items() if dag["silent"]} == {}


def test_no_dag_overtakes_itself_or_runs_for_days_gone_by(bag: dict[str, Any]) -> None:
    assert {(dag["runs"], dag["catchup"]) for dag in bag["dags"].values()} == {(1, False)}


def test_schedules_can_be_switched_off(bag: dict[str, Any]) -> None:
    timed = {name for name, dag in bag["dags"].items() if "* * *" in dag["timetable"]}
    assert timed == (EXPECTED - {"export_products"} if bag["schedules"] == "on" else set())


@pytest.mark.parametrize("path", sorted(DAGS.glob("*.py")), ids=lambda path: path.name)
def test_a_dag_file_holds_wiring_only(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 60
