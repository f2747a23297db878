"""Copies of a home that was made once, because making one takes longer than most tests."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Callable
from pathlib import Path


def copy_home(original: Path, path: Path) -> None:
    """A home with keys and database of another, in which nothing runs; it chooses ports of its own."""
    # Python's own copy would give the database's files to whoever runs the tests.
    subprocess.run(["cp", "-a", str(original), str(path)], check=True)
    # Two copies begun at the same moment would both find the same port free.
    (path / "run" / "ports.json").unlink()


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """What ``make`` puts into ``folder``, made by the first of several workers that ask; the others wait for it."""
    done = folder.with_name(f"{folder.name}.done")
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(folder)
            done.touch()
    return folder
