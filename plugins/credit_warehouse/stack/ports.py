"""Loopback ports that stay the same across restarts, so that DSNs and bookmarks stay valid."""

from __future__ import annotations

import json
import random
import socket
import threading
from pathlib import Path

from credit_warehouse.stack.files import write_atomically

HOST = "127.0.0.1"
# Below the ephemeral ranges of Linux (32768) and macOS (49152): no outgoing connection takes one meanwhile.
CHOICE = range(15_000, 32_000)
# Steps of one start run in parallel; other processes are kept out by the lock of the home.
_CLAIMING = threading.Lock()


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port`` now (a lingering TIME_WAIT does not count)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def claim(run: Path, name: str) -> int:
    """Return the port of service ``name``: the one it had if that is free, else a new one, remembered."""
    path = run / "ports.json"
    with _CLAIMING:
        given: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        if name not in given or not is_free(given[name]):
            given[name] = _unused(set(given.values()))
            write_atomically(path, json.dumps(given, indent=1))
    return given[name]


def _unused(taken: set[int]) -> int:
    while True:
        port = random.choice(CHOICE)
        if port not in taken and is_free(port):
            return port


def known(run: Path, name: str) -> int | None:
    """Return the port that service ``name`` was given last, or None."""
    path = run / "ports.json"
    return json.loads(path.read_text()).get(name) if path.exists() else None
