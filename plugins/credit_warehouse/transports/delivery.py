"""What every transport hands to the landing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

Mode = Literal["full", "delta"]


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


@dataclass(frozen=True)
class Endpoint:
    """Address and credentials of a provider, from an Airflow connection."""

    url: str
    token: str | None = None
