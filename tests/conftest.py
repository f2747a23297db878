"""Shared by all suites: settings come from the test, never from the shell of who runs it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from credit_warehouse.settings import settings

for _name in [name for name in os.environ if name.startswith("WAREHOUSE_")]:
    del os.environ[_name]


MATRIX = "matrix"
STACKS = {"tests/integration/test_stack.py"}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MATRIX}: every fault, moment and order; runs only with -m {MATRIX}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if MATRIX not in config.option.markexpr:
        held = [item for item in items if item.get_closest_marker(MATRIX)]
        items[:] = [item for item in items if item not in held]
        config.hook.pytest_deselected(items=held)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Two workers: a file stays with one, which made what it shares; whatever starts a stack, one after the other."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return "stacks" if path.startswith("tests/e2e/") or path in STACKS else path

    return ByFile(config, log)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """With ``MATRIX_RESULTS``, one line a case as soon as it ends: a long run that breaks off has still shown much."""
    results = os.environ.get("MATRIX_RESULTS")
    if results and (report.when == "call" or report.outcome == "skipped"):
        line = {
            "case": report.nodeid,
            "outcome": report.outcome,
            "seconds": round(report.duration, 1),
            **dict(report.user_properties),
        }
        with open(results, "a", encoding="utf-8") as out:
            out.write(json.dumps(line, ensure_ascii=False) + "\n")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A WAREHOUSE_HOME of its own."""
    monkeypatch.setenv("WAREHOUSE_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield tmp_path / "home"
    settings.cache_clear()
