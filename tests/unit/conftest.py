"""Unit tests reach neither network nor database: both doors are shut for every test of this folder."""

from __future__ import annotations

import socket
from typing import Any, NoReturn

import psycopg
import pytest


class TouchedTheOutside(AssertionError):
    """A unit test tried to open a connection."""


def _refuse(*_arguments: Any, **_options: Any) -> NoReturn:
    raise TouchedTheOutside("a unit test opened a connection")


@pytest.fixture(autouse=True)
def _closed_doors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", _refuse)
    # libpq does not go through Python's sockets.
    monkeypatch.setattr(psycopg, "connect", _refuse)
    monkeypatch.setattr(psycopg.Connection, "connect", _refuse)
