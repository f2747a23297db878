"""Wait for processes to end. A zombie has ended: it only waits for its parent, which may take its time."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import psutil

from credit_warehouse.stack.waiting import NotInTime, wait_until


def runs(process: psutil.Process) -> bool:
    """Whether exactly this process, not a later one with its pid, still runs."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def survivors(processes: Iterable[psutil.Process], timeout: float) -> set[psutil.Process]:
    """Return those that still run when all have ended or ``timeout`` seconds are over."""
    left = set(processes)

    def ended() -> bool:
        left.intersection_update([process for process in left if runs(process)])
        return not left

    with suppress(NotInTime):
        wait_until(ended, timeout=timeout, what="processes to end")
    return left
