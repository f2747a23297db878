"""One command at a time on one home."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def home_lock(run: Path) -> Iterator[None]:
    """Hold the lock of this home, after any other command; the kernel frees it if the holder dies."""
    run.mkdir(parents=True, exist_ok=True)
    with (run / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
