"""What every transport hands to the landing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

Mode = Literal["full", "delta"]


@dataclass(frozen=True)
class RemoteFile:
    """A file on a provider's server, as its listing tells."""

    name: str
    size: int
    mtime: int
    ok_mtime: int | None = None
    """When its ``.ok`` was written; None without one. A corrected ``.ok`` makes the file worth another look."""


@dataclass(frozen=True)
class Delivery:
    """One complete file: where it lies now, and what its provider says of it."""

    path: Path
    file_name: str
    mode: Mode
    business_date: date
    provider: str
    declared: dict[str, Any] = field(default_factory=dict)
    """Claims of the ``.ok`` file: sha256, bytes, rows."""
    high_water: str | None = None
    """Database sources: the newest value of the watermark column in this file."""
    owned: bool = False
    """True where the file may be removed once it is archived."""
    remote: RemoteFile | None = None
    """SFTP sources: what the ledger keeps, so that the file is not fetched again."""
    pages: Path | None = None
    """Service sources: folder of the pages behind the file, removed once it is archived."""


@dataclass(frozen=True)
class Endpoint:
    """Address and credentials of a provider, from an Airflow connection. Neither is ever printed."""

    url: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


def service_endpoint(connection: Any) -> Endpoint:
    """Address of a service, in the two ways Airflow writes ``https``: as schema and as type of the connection."""
    if "://" in (connection.host or ""):
        return Endpoint(str(connection.host), connection.password)
    scheme = connection.schema or ("https" if connection.conn_type == "https" else "http")
    port = f":{connection.port}" if connection.port else ""
    return Endpoint(f"{scheme}://{connection.host}{port}", connection.password)
