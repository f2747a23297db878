"""A folder that is made anew and takes the place of the old one, so that nothing of the old one stays behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MARK = ".credit-warehouse-made"
"""A folder with this file was made here and may be replaced; any other is left alone."""


@contextmanager
def made_anew(out: Path) -> Iterator[Path]:
    """A draft beside ``out`` that replaces it once all is written; raises ValueError for somebody else's folder."""
    if out.exists() and not (out / MARK).exists() and any(out.iterdir()):
        raise ValueError(f"{out}：不是本命令所建 was not made by this command; choose an empty folder")
    out = out.absolute()
    draft, old = out.with_name(f".{out.name}.draft"), out.with_name(f".{out.name}.old")
    for leftover in (draft, old):
        shutil.rmtree(leftover, ignore_errors=True)
    draft.mkdir(parents=True)
    (draft / MARK).touch()
    yield draft
    if out.exists():
        out.rename(old)
    draft.rename(out)
    shutil.rmtree(old, ignore_errors=True)
