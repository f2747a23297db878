"""Secrets: generated once, readable by their owner alone, the same for everyone who asks."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from credit_warehouse.secrets import add_vault_key, secret, token_key, vault_key, vault_keys
from credit_warehouse.settings import PROJECT_ROOT, settings


def test_a_secret_is_64_hex_digits_and_belongs_to_its_owner_alone(home: Path) -> None:
    value = secret("x")
    assert len(bytes.fromhex(value)) == 32
    (path,) = (home / "secrets").iterdir()
    assert (path.name, path.stat().st_mode & 0o777) == ("x", 0o600)
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_secret_stays_and_differs_from_every_other(home: Path) -> None:
    assert secret("x") == secret("x") != secret("y")


def test_another_home_has_other_secrets(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = secret("x")
    monkeypatch.setenv("WAREHOUSE_HOME", str(tmp_path / "other"))
    settings.cache_clear()
    assert secret("x") != first


@pytest.mark.parametrize("_attempt", range(5))
def test_threads_that_start_together_get_the_same_secret(home: Path, _attempt: int) -> None:
    start, found = threading.Barrier(8), []

    def ask() -> None:
        start.wait()
        found.append(secret("x"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and set(found) == {(home / "secrets" / "x").read_text()}
    assert [path.name for path in (home / "secrets").iterdir()] == ["x"], "no draft stays behind"


def test_processes_that_start_together_get_the_same_secret(home: Path) -> None:
    command = [sys.executable, "-c", "from credit_warehouse.secrets import secret; print(secret('x'))"]
    environment = {"WAREHOUSE_HOME": str(home), "PYTHONPATH": str(PROJECT_ROOT / "plugins")}
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert len({process.communicate()[0] for process in running}) == 1


def test_keys_given_by_the_environment_are_used_and_none_is_written(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_TOKEN_KEY", "ab" * 32)
    monkeypatch.setenv("WAREHOUSE_VAULT_KEY", "cd" * 32)
    settings.cache_clear()
    assert (token_key(), vault_key()) == (b"\xab" * 32, b"\xcd" * 32)
    assert not home.exists()


def test_the_two_keys_are_not_the_same(home: Path) -> None:
    assert token_key() != vault_key()


def test_a_new_vault_key_encrypts_and_the_old_ones_stay_at_hand(home: Path) -> None:
    first = vault_key()
    add_vault_key()
    second = vault_key()
    assert vault_keys() == [first, second] and first != second
    (home / "secrets" / "vault_key").unlink()
    add_vault_key()
    assert vault_keys() == [second, vault_key()], "what was put away does not come back under its name"
    assert {path.name for path in (home / "secrets").iterdir()} == {"vault_key_2", "vault_key_3"}


def test_the_tenth_vault_key_comes_after_the_ninth(home: Path) -> None:
    for _ in range(10):
        add_vault_key()
    assert vault_keys()[-1] == bytes.fromhex(secret("vault_key_11"))


def test_the_last_vault_key_of_the_environment_encrypts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_VAULT_KEY", f"{'ab' * 32} {'cd' * 32}\n")
    settings.cache_clear()
    assert vault_keys() == [b"\xab" * 32, b"\xcd" * 32]
    assert vault_key() == b"\xcd" * 32


def test_settings_do_not_print_a_key(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_TOKEN_KEY", "ab" * 32)
    settings.cache_clear()
    assert "abab" not in repr(settings()) + str(settings())
