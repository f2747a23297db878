"""The parts of the transports that need no provider."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from credit_warehouse.declarations import DeclarationError, Transport, load_sources, read_declaration
from credit_warehouse.refusal import Refused
from credit_warehouse.transports import sftp
from credit_warehouse.transports.delivery import Endpoint, RemoteFile
from credit_warehouse.transports.drop import is_offered
from credit_warehouse.transports.http import RETRY_AFTER_LONGEST, retry_after
from credit_warehouse.transports.pages import KEPT_SECONDS, Shelf, open_shelf


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None), ("7", 7), ("0.5", 0.5), ("-3", 0), ("86400", RETRY_AFTER_LONGEST), ("inf", RETRY_AFTER_LONGEST),
        ("nan", None), ("soon", None), ("", None),
    ],
)  # fmt: skip
def test_retry_after_in_seconds(value: str | None, seconds: float | None) -> None:
    assert retry_after(value) == seconds


def test_retry_after_as_a_date() -> None:
    now = datetime.now(UTC)
    soon = retry_after(format_datetime(now + timedelta(seconds=20), usegmt=True))
    assert soon is not None and 15 < soon <= 20
    assert retry_after(format_datetime(now - timedelta(days=1), usegmt=True)) == 0
    assert retry_after(format_datetime(now + timedelta(days=1), usegmt=True)) == RETRY_AFTER_LONGEST


@pytest.mark.parametrize("name", ["a.csv", "清单.xlsx", "a.csv.gz", "ok", "part"])
def test_files_are_offered(name: str) -> None:
    assert is_offered(name)


@pytest.mark.parametrize("name", ["a.csv.ok", "a.csv.part", "a.TMP", "a.filepart", ".a.csv", "a.csv.OK"])
def test_flags_and_halves_are_not_offered(name: str) -> None:
    assert not is_offered(name)


def test_an_endpoint_does_not_print_itself() -> None:
    assert repr(Endpoint("postgresql://u:secret@h/d", "token")) == "Endpoint()"


SFTP = {"kind": "sftp", "connection": "bank_sftp", "path": "/outbox"}


@pytest.mark.parametrize(
    "wrong",
    [
        {**SFTP, "path": None},
        {**SFTP, "connection": None},
        {**SFTP, "folder": "/outbox"},
        {"kind": "drop", "path": "/outbox"},
        {"kind": "http", "connection": "c", "path": "/v1"},
        {"kind": "http", "connection": "c", "page_size": 0},
        {"kind": "ftp", "connection": "c", "path": "/"},
    ],
)
def test_a_wrong_transport_is_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Transport(**wrong)


def test_a_right_transport_is_none() -> None:
    assert Transport(**SFTP).path == "/outbox"


def test_the_watermark_must_be_a_declared_column(tmp_path: Path) -> None:
    [registry] = [source for source in load_sources() if source.name == "registry_entities"]
    path = tmp_path / "registry_entities" / "_registry_entities.yml"
    path.parent.mkdir()
    text = registry.path.read_text(encoding="utf-8")
    path.write_text(text.replace("watermark: update_time", "watermark: changed_at"), encoding="utf-8")
    with pytest.raises(DeclarationError, match="changed_at"):
        read_declaration(path)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Two pages of three."""
    found = open_shelf(tmp_path / "pages", 2)
    found.put(b'{"page": 1}', 2, 5)
    found.put(b'{"page": 2}', 2, 5)
    return found


def test_pages_are_found_again(shelf: Shelf, tmp_path: Path) -> None:
    again = open_shelf(shelf.folder, 2)
    assert again == shelf
    assert (again.received, again.complete) == (4, False)
    again.put(b'{"page": 3}', 1, 5)
    assert again.complete
    again.write(tmp_path / "all")
    assert (tmp_path / "all").read_bytes() == b'{"page": 1}\n{"page": 2}\n{"page": 3}\n'


def test_an_empty_page_is_the_end(shelf: Shelf) -> None:
    shelf.put(b"{}", 0, 5)
    assert shelf.complete and shelf.received == 4


def test_a_page_without_its_place_in_the_state_does_not_count(shelf: Shelf) -> None:
    (shelf.folder / "000003.json").write_bytes(b"written, then killed")
    assert open_shelf(shelf.folder, 2) == shelf


def state(shelf: Shelf, **changes: Any) -> None:
    path = shelf.folder / "state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("damage", ["shorter", "gone", "no state", "state", "old", "future", "other size"])
def test_unusable_pages_are_forgotten(shelf: Shelf, damage: str) -> None:
    size = 2
    match damage:
        case "shorter":
            (shelf.folder / "000002.json").write_bytes(b"{}")
        case "gone":
            (shelf.folder / "000001.json").unlink()
        case "no state":
            (shelf.folder / "state.json").unlink()
        case "state":
            (shelf.folder / "state.json").write_text('{"size": 2, "total"')
        case "old":
            state(shelf, begun=shelf.begun - KEPT_SECONDS)
        case "future":
            state(shelf, begun=shelf.begun + 3600)
        case "other size":
            size = 3
    again = open_shelf(shelf.folder, size)
    assert (again.pages, again.total) == ([], None)
    assert not shelf.folder.exists()


def test_a_remote_name_that_leads_elsewhere_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    class Untouched:
        def ask(self, *_: Any) -> None:
            raise AssertionError("the provider was asked")

    for name in ("../a.csv", "a\0.csv"):
        with pytest.raises(Refused) as refusal:
            sftp._take(
                Untouched(), load_sources()[0], "/outbox", RemoteFile(name, 1, 1), date(2026, 3, 2), tmp_path, Any
            )
        assert refusal.value.rule == "FILE_NAME_INVALID"
    assert list(tmp_path.iterdir()) == []
