"""Airflow imports this module in each of its processes. The scheduler forks every local task from itself, so what it
has imported costs a task nothing; importing Great Expectations and dbt in each task took longer than their work."""

import sys
from importlib import import_module

if "scheduler" in sys.argv:
    for name in ("dbt.cli.main", "great_expectations", "paramiko", "asyncssh"):
        import_module(name)
