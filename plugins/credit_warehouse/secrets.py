"""Passwords and keys: from the environment, else generated once under ``WAREHOUSE_HOME/secrets`` (mode 0600)."""

from __future__ import annotations

import os
import secrets as random_source
import threading

from credit_warehouse.settings import settings


def secret(name: str) -> str:
    """Return the secret called ``name`` (64 hex digits), generating it on first use.

    ``O_EXCL`` and a rename-free write keep two processes that start together from each believing in its own key.
    """
    path = settings().secrets / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{name}.{os.getpid()}.{threading.get_ident()}")
    if not path.exists():
        draft.touch(mode=0o600)
        draft.write_text(random_source.token_hex(32))
        try:
            os.link(draft, path)  # atomic, and fails where another process was first
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def token_key() -> bytes:
    """Key of the keyed hash behind ``subject_id`` (32 bytes). Losing it means losing every join."""
    given = settings().token_key
    return bytes.fromhex(given.get_secret_value() if given else secret("token_key"))


def vault_key() -> bytes:
    """AES key of the vault (32 bytes)."""
    given = settings().vault_key
    return bytes.fromhex(given.get_secret_value() if given else secret("vault_key"))
