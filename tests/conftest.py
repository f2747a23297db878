"""Shared by all suites: settings come from the test, never from the shell of who runs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from credit_warehouse.settings import settings

for _name in [name for name in os.environ if name.startswith("WAREHOUSE_")]:
    del os.environ[_name]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A WAREHOUSE_HOME of its own."""
    monkeypatch.setenv("WAREHOUSE_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield tmp_path / "home"
    settings.cache_clear()
