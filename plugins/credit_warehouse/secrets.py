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


def renew(name: str) -> str:
    """Put another secret in the place of this one, in one step; returns it. Who reads meanwhile gets one of the two."""
    path = settings().secrets / name
    draft = path.with_name(f".{name}.{os.getpid()}.{threading.get_ident()}")
    draft.touch(mode=0o600)
    draft.write_text(random_source.token_hex(32))
    draft.replace(path)
    return path.read_text().strip()


def token_key() -> bytes:
    """Key of the keyed hash behind ``subject_id`` (32 bytes). Losing it means losing every join."""
    given = settings().token_key
    return bytes.fromhex(given.get_secret_value() if given else secret("token_key"))


def channel_key(channel: str) -> bytes:
    """Key of the tokens that one channel's recipient compares numbers with (32 bytes); handed over by hand."""
    given = settings().channel_keys
    known = dict(pair.split("=", 1) for pair in given.get_secret_value().split()) if given else {}
    return bytes.fromhex(known[channel] if channel in known else secret(f"channel_key_{channel}"))


def vault_keys() -> list[bytes]:
    """AES keys of the vault (32 bytes each), oldest first; the last one encrypts, the others open what waits for it."""
    given = settings().vault_key
    if given:
        return [bytes.fromhex(text) for text in given.get_secret_value().split()]
    return [bytes.fromhex(secret(name)) for name in _vault_files()]


def vault_key() -> bytes:
    """The key that encrypts."""
    return vault_keys()[-1]


def add_vault_key() -> None:
    """Make the next key; whoever asks from now on encrypts with it. Not for keys given by the environment."""
    vault_key()
    secret(f"vault_key_{max([1, *_later_vault_keys()]) + 1}")


def _vault_files() -> list[str]:
    """``vault_key``, ``vault_key_2`` and so on, as far as they exist; old ones may have been put away."""
    later = _later_vault_keys()
    first = ["vault_key"] if not later or (settings().secrets / "vault_key").exists() else []
    return first + [f"vault_key_{number}" for number in later]


def _later_vault_keys() -> list[int]:
    names = [path.name for path in settings().secrets.glob("vault_key_*")]
    return sorted(int(name.removeprefix("vault_key_")) for name in names)
