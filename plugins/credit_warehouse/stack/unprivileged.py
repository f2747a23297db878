"""Run PostgreSQL, which refuses to be root, under another user without touching anybody's folders.

As root it runs under ``postgres`` or ``nobody``. If that user cannot reach the checkout or the home (both may
lie below a 0700 folder such as ``/root``), it keeps one capability: to pass through folders. Where root may
not change users (a container with a single uid), or where an ordinary user has no name in the user database
(initdb asks for it), a user namespace gives the process such a user.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

CANDIDATES = ("postgres", "nobody")
# The narrower one first; the default set of Docker holds only the second.
CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}


class CannotDropRoot(RuntimeError):
    """No way was found to run PostgreSQL as an ordinary user."""


@dataclass(frozen=True)
class Unprivileged:
    """How to start a command as a user PostgreSQL accepts."""

    prefix: tuple[str, ...] = ()
    owner: tuple[int, int] | None = None  # uid and gid the files must belong to; None: as they are

    def own(self, path: Path) -> None:
        """Give a file or folder just made by this process to the user."""
        if self.owner:
            os.chown(path, *self.owner)


def unprivileged(data: Path, *paths: Path) -> Unprivileged:
    """Return how to run a command that owns the folder ``data`` and must reach ``paths``."""
    if os.geteuid() != 0:
        return Unprivileged() if _has_name(os.geteuid()) else _namespace()
    user = _user(data)
    if user and shutil.which("setpriv"):
        for capability in _capabilities():
            prefix = _switch(user, capability)
            if _reaches(prefix, paths):
                return Unprivileged(prefix, (user.pw_uid, user.pw_gid))
    return _namespace()


def _user(data: Path) -> pwd.struct_passwd | None:
    """Return the owner of existing files, else the first candidate; None: no change of user is wanted."""
    if data.exists():
        owner = data.stat().st_uid
        return pwd.getpwuid(owner) if owner and _has_name(owner) else None
    return next((entry for entry in map(_entry, CANDIDATES) if entry), None)


def _switch(user: pwd.struct_passwd, capability: str) -> tuple[str, ...]:
    only = f"-all,+{capability}" if capability else "-all"
    switch = (
        "setpriv",
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        f"--inh-caps={only}",
    )
    return (*switch, f"--ambient-caps={only}", f"--bounding-set={only}")


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


@lru_cache
def _held() -> int:
    status = Path("/proc/self/status")
    held = re.search(r"^CapPrm:\s*(\w+)", status.read_text(), re.MULTILINE) if status.exists() else None
    return int(held[1], 16) if held else 0


def _capabilities() -> list[str]:
    return ["", *(name for name, bit in CAPABILITIES.items() if _held() >> bit & 1)]


def _reaches(prefix: tuple[str, ...], paths: Iterable[Path]) -> bool:
    script = 'for path; do [ -x "$path" ] || exit 1; done'
    command = [*prefix, "sh", "-c", script, "sh", *map(str, paths)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def _namespace() -> Unprivileged:
    uid = next((entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0), None)
    prefix = ("unshare", "--user", f"--map-user={uid}")
    if uid is None or not shutil.which("unshare") or not _reaches(prefix, ()):
        raise CannotDropRoot(
            "PostgreSQL runs neither as root nor as a user without a name, and neither `setpriv` with a user"
            f" called {' or '.join(CANDIDATES)} nor `unshare --user` works here; run as an ordinary user, or"
            " set WAREHOUSE_DSN"
        )
    return Unprivileged(prefix)
