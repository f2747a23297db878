"""Wait for a condition, never for an amount of time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class NotInTime(TimeoutError):
    """A condition did not come true in time."""


def wait_until(condition: Callable[[], T | None], *, timeout: float, what: str, poll: float = 0.05) -> T:
    """Return the first truthy value of ``condition``; raise NotInTime that says ``what`` was awaited."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise NotInTime(f"gave up after {timeout:g} s waiting for {what}")
        time.sleep(poll)
