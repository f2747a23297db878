"""Received originals: content-addressed, written once, never changed."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from credit_warehouse.settings import settings


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def archived(source: str, sha256: str) -> Path:
    """Where the original with this hash lives."""
    return settings().archive / source / sha256[:2] / sha256


def keep(source: str, path: Path, sha256: str) -> Path:
    """Copy ``path`` into the archive unless it is there already; a crash leaves a draft, never half an original."""
    target = archived(source, sha256)
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{sha256}.{os.getpid()}")
    shutil.copyfile(path, draft)
    draft.chmod(0o440)
    draft.replace(target)
    return target
