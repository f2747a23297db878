"""One business day without Airflow: the bodies of the tasks in their order, in this process or in one that dies.

``python day_steps.py '{"day": …, "landing": …, "point": …, "act": …}'`` runs a day and, at a named point, kills
itself with SIGKILL, waits for the parent, or has no room left in any file.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import date
from functools import wraps
from pathlib import Path
from typing import Any
from uuid import uuid4

from credit_warehouse.build import open_build, run_build
from credit_warehouse.declarations import load_source
from credit_warehouse.export import export_build, pending_build
from credit_warehouse.gates import check_batch
from credit_warehouse.load import load_batch
from credit_warehouse.receive import receive
from credit_warehouse.report import write_report
from credit_warehouse.stack.waiting import wait_until
from credit_warehouse.transports.delivery import Endpoint

SOURCES = ("court_defaulters", "tax_arrears", "bank_credit_events", "registry_entities", "objections")


def play(day: date, landing: Path | None, endpoints: Mapping[str, Endpoint] | None = None) -> list[str]:
    """A whole day; what an earlier attempt left is taken up. Returns what was refused as ``source RULE``."""
    refused = []
    for name in SOURCES:
        source, endpoint = load_source(name), (endpoints or {}).get(name)
        run_id = f"day-{uuid4().hex[:8]}"
        batches = receive(source, day, run_id, landing=None if endpoint else landing, endpoint=endpoint)
        for batch_id in batches:
            refusal = load_batch(source, batch_id) or check_batch(source, batch_id)
            if refusal:
                refused.append(f"{name} {refusal.rule}")
    build_id = open_build(day)
    if build_id is not None:
        run_build(build_id)
    pending = pending_build()
    if pending is not None:
        held = export_build(pending)
        refused += [f"{product} {check.rule}" for product, checks in held.items() for check in checks]
    write_report()
    return refused


def interfere(point: str, number: int, when: str, act: Callable[[], None]) -> None:
    """Let ``act`` happen before or after the ``number``-th call of ``module:attribute``."""
    module, _, attribute = point.partition(":")
    owner: Any = sys.modules[__name__] if module == "day_steps" else importlib.import_module(module)
    *path, name = attribute.split(".")
    for part in path:
        owner = getattr(owner, part)
    wrapped = getattr(owner, name)
    calls = 0
    lock = threading.Lock()

    @wraps(wrapped)
    def watched(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        with lock:
            calls += 1
            mine = calls == number
        if mine and when == "before":
            act()
        found = wrapped(*arguments, **options)
        if mine and when == "after":
            act()
        return found

    setattr(owner, name, watched)


def die() -> None:
    """What the kernel does when memory is gone, or an administrator with ``kill -9``."""
    os.kill(os.getpid(), signal.SIGKILL)


def wait(folder: Path) -> None:
    """Say that the point is reached and go on when told."""
    (folder / "reached").touch()
    wait_until((folder / "go").exists, timeout=120, what="the parent", poll=0.01)


def main(order: dict[str, Any]) -> None:
    """Run the day of ``order``."""
    if "file_limit" in order:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_limit"], resource.RLIM_INFINITY))
    if "point" in order:
        act = die if order["act"] == "die" else lambda: wait(Path(order["folder"]))
        interfere(order["point"], order["number"], order["when"], act)
    refused = play(date.fromisoformat(order["day"]), Path(order["landing"]))
    if refused:
        sys.exit(f"refused: {refused}")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
