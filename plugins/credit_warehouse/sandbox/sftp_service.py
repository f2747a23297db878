"""The banks' SFTP server: one folder, for one user, to be read and not to be changed.

``python -m credit_warehouse.sandbox.sftp_service --data DIR --port N`` serves on 127.0.0.1; the password comes from
the environment variable ``SFTP_SERVICE_PASSWORD``, the host key from ``WAREHOUSE_HOME/secrets``, where the first
start puts it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from hmac import compare_digest
from pathlib import Path
from typing import Any, NoReturn

import asyncssh

from credit_warehouse.settings import settings

USER = "warehouse"
PASSWORD_VARIABLE = "SFTP_SERVICE_PASSWORD"
HOST_KEY = "bank_sftp_host_key"
WRITING = asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC


def host_key(path: Path) -> asyncssh.SSHKey:
    """The key by which clients know this server; generated on first use (mode 0600)."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
        draft.replace(path)
    return asyncssh.read_private_key(path)


def public_key(path: Path) -> str:
    """The line that goes into the connection as ``host_key``."""
    return " ".join(host_key(path).export_public_key().decode().split()[:2])


class ReadOnly(asyncssh.SFTPServer):
    """A folder as the root of everything; whatever would change it is denied."""

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        """Open for reading."""
        if pflags & WRITING:
            _deny()
        return super().open(path, pflags, attrs)


def _deny(*_arguments: Any, **_options: Any) -> NoReturn:
    raise asyncssh.SFTPPermissionDenied("read only")


# Version 3 of the protocol is spoken; open56 belongs to later ones.
for _operation in (
    "open56", "write", "setstat", "lsetstat", "fsetstat", "remove", "mkdir", "rmdir",
    "rename", "posix_rename", "symlink", "link",
):  # fmt: skip
    setattr(ReadOnly, _operation, _deny)


class _Doorman(asyncssh.SSHServer):
    """One user with one password; no shell, no forwarding."""

    def __init__(self, password: str) -> None:
        self._password = password

    def begin_auth(self, username: str) -> bool:
        """Nobody comes in without a password."""
        return True

    def password_auth_supported(self) -> bool:
        """Passwords are the only way."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """Compare in constant time."""
        return username == USER and compare_digest(password.encode(), self._password.encode())


async def serve(
    data: Path,
    port: int,
    password: str,
    key: asyncssh.SSHKey,
    server: Callable[..., asyncssh.SFTPServer] = ReadOnly,
) -> asyncssh.SSHAcceptor:
    """Listen on 127.0.0.1. ``server`` is replaced by tests with one that misbehaves."""
    data.mkdir(parents=True, exist_ok=True)
    return await asyncssh.create_server(
        lambda: _Doorman(password),
        "127.0.0.1",
        port,
        server_host_keys=[key],
        sftp_factory=lambda channel: server(channel, chroot=os.fsencode(data)),
        sftp_version=3,
        allow_scp=False,
    )


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="sftp_service", description="Serve a folder over SFTP, read only.")
    parser.add_argument("--data", type=Path, required=True, help="folder to show")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host-key", type=Path, default=settings().secrets / HOST_KEY, help="file of the host key")
    options = parser.parse_args(arguments)
    password = os.environ.get(PASSWORD_VARIABLE)
    if not password:
        sys.exit(f"{PASSWORD_VARIABLE} is not set")

    async def forever() -> None:
        acceptor = await serve(options.data, options.port, password, host_key(options.host_key))
        await acceptor.wait_closed()

    asyncio.run(forever())


if __name__ == "__main__":
    main()
