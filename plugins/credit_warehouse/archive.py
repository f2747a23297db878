"""Received originals: content-addressed, written once, never changed.

They lie below ``WAREHOUSE_HOME/archive``, or where ``WAREHOUSE_ARCHIVE`` says: another folder, or an object store
through Airflow's ObjectStoragePath (``s3://<connection>@<bucket>/<prefix>``).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from credit_warehouse.settings import settings

DRAFT_SECONDS = 24 * 3600
"""A draft older than this belongs to no process that still copies."""


class ArchiveDamaged(RuntimeError):
    """An original is missing or is not what was received."""


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def archived(source: str, sha256: str) -> Any:
    """Where the original with this hash lives: a Path, or an ObjectStoragePath where a store is configured."""
    return _root() / source / sha256[:2] / sha256


def keep(source: str, path: Path, sha256: str) -> None:
    """Copy ``path`` into the archive unless it is there already; a crash leaves a draft, never half an original."""
    target = archived(source, sha256)
    if target.exists():
        return
    if isinstance(target, Path):
        _keep_on_disk(path, target)
    else:
        # An object appears under its name when the last byte has arrived, or not at all.
        target.fs.put_file(str(path), target.path)
        if target.stat().st_size != path.stat().st_size:
            raise ArchiveDamaged(f"{source} ({sha256[:12]}…): the object store took another number of bytes")


@contextmanager
def original(source: str, sha256: str) -> Iterator[Path]:
    """The original as a file: on disk the archived file itself, from a store a copy for the time of the reading.

    Raises ArchiveDamaged where a store hands back other bytes than it was given, or nothing.
    """
    target = archived(source, sha256)
    if isinstance(target, Path):
        yield target
        return
    with tempfile.TemporaryDirectory(prefix="original-") as scratch:
        yield _fetched(target, Path(scratch) / sha256, source, sha256)


def intact(source: str, sha256: str) -> bool:
    """Whether the original is there and is what was received."""
    try:
        with original(source, sha256) as path:
            return path.exists() and sha256_of(path) == sha256
    except ArchiveDamaged:
        return False


def remove(source: str, sha256: str) -> None:
    """Remove an original. Only retention may ask for it (``credit_warehouse.retention``)."""
    archived(source, sha256).unlink(missing_ok=True)


def remove_drafts() -> int:
    """Remove what copies left that a crash broke off; returns how many. An object store has none."""
    root = _root()
    if not isinstance(root, Path):
        return 0
    abandoned = [path for path in root.glob("*/*/.*") if time.time() - path.stat().st_mtime > DRAFT_SECONDS]
    for path in abandoned:
        path.unlink(missing_ok=True)
    return len(abandoned)


def _keep_on_disk(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(path, draft)
        draft.chmod(0o440)
        # The batch that speaks of the file outlives a loss of power; so must the file.
        _sync(draft)
        draft.replace(target)
        _sync(target.parent)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fetched(target: Any, local: Path, source: str, sha256: str) -> Path:
    try:
        target.fs.get_file(target.path, str(local))
    except FileNotFoundError:
        raise ArchiveDamaged(f"{source} ({sha256[:12]}…): the original is missing") from None
    if sha256_of(local) != sha256:
        raise ArchiveDamaged(f"{source} ({sha256[:12]}…): the original was changed")
    return local


def _root() -> Any:
    given = settings().archive
    if "://" not in given:
        return Path(given)
    return _store(given)


@lru_cache
def _store(url: str) -> Any:
    # Airflow writes files when it is imported, and takes its time.
    from airflow.sdk import Connection, ObjectStoragePath
    from airflow.sdk.io import attach

    place = urlsplit(url)
    if place.scheme == "s3" and place.username:
        # Airflow's own file system for S3 comes with the Amazon provider and its thirty packages; this needs s3fs.
        # Attached before the first path is made: a path attaches what it finds, and the first to attach wins.
        from s3fs import S3FileSystem

        found = Connection.get(place.username)
        extra = found.extra_dejson
        attach(
            "s3",
            place.username,
            fs=S3FileSystem(
                key=found.login,
                secret=found.password,
                endpoint_url=extra.get("endpoint_url"),
                client_kwargs={"region_name": extra["region_name"]} if "region_name" in extra else None,
                # Another process may have written since the listing was cached.
                use_listings_cache=False,
            ),
        )
    return ObjectStoragePath(url)
