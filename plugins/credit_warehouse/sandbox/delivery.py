"""The drop folder: files put there the way a careful provider does it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from datetime import date
from pathlib import Path

OK_SUFFIX = ".ok"


def deliver(data: Path, business_date: date, inbox: Path, sources: Iterable[str]) -> list[Path]:
    """Copy that day's files into ``inbox/<source>/`` and return their paths there, ``.ok`` files left out.

    A file grows under the name ``<name>.part`` and is renamed when complete; its ``.ok`` follows last. A source
    without files on that day delivers nothing.
    """
    delivered = []
    for source in sources:
        folder = data / business_date.isoformat() / source
        if not folder.is_dir():
            continue
        target = inbox / source
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.iterdir()):
            if path.suffix == OK_SUFFIX:
                continue
            ok = path.with_name(path.name + OK_SUFFIX)
            # A flag left from an earlier delivery would vouch for bytes it has not seen.
            (target / ok.name).unlink(missing_ok=True)
            delivered.append(_place(path, target))
            if ok.exists():
                _place(ok, target)
    return delivered


def _place(path: Path, folder: Path) -> Path:
    part = folder / f"{path.name}.part"
    shutil.copyfile(path, part)
    final = folder / path.name
    os.replace(part, final)
    return final
