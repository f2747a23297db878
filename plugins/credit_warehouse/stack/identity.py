"""Tell a process from a later one that was given the same pid."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil


def identity(pid: int) -> str | None:
    """Return what no other process shares, or None when ``pid`` does not run (a zombie does not).

    On Linux that is boot and start tick: the wall-clock start time moves when the clock is set.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        if sys.platform != "linux":
            return f"{process.create_time():.2f}"
        # The command name in parentheses may hold spaces; start time is field 22 of proc(5).
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (psutil.NoSuchProcess, OSError):
        return None
    return f"{boot()}:{ticks}"


def boot() -> str:
    """Return what identifies this boot of the machine ('' where the system does not say)."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else ""
