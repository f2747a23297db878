"""Every transport against a real server of its kind that misbehaves: what comes in is whole, or is refused by name."""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import asyncssh
import paramiko
import psycopg
import pytest
import stamina
from psycopg.conninfo import conninfo_to_dict

import faults
from credit_warehouse import archive, rehearsal
from credit_warehouse.db import warehouse_dsn
from credit_warehouse.declarations import Source, load_source
from credit_warehouse.load import load_batch
from credit_warehouse.receive import receive
from credit_warehouse.sandbox import sftp_service
from credit_warehouse.settings import settings
from credit_warehouse.stack import postgres
from credit_warehouse.stack.service import processes
from credit_warehouse.transports import database, pages
from credit_warehouse.transports.delivery import Endpoint
from faults import PASSWORD, TOKEN, Bank, Line, Service
from providers import bank_event, entity, listing, ok_file, workbook

DAY, NEXT = date(2026, 3, 2), date(2026, 3, 3)
COURT, BANK, REGISTRY = "court_defaulters", "bank_credit_events", "registry_entities"
ATTEMPTS = 4
runs = count(1)
# The thread in which paramiko asks ahead ends with the line it asks on, and says so.
PREFETCHING = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

Outcome = tuple[str, str | None, str, str]


class Killed(BaseException):
    """Stands for SIGKILL: no handler of the program sees it."""


@pytest.fixture(scope="session", autouse=True)
def _airflow_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Airflow writes below its home as soon as it is imported, and keeps the first home it sees."""
    os.environ["AIRFLOW_HOME"] = str(tmp_path_factory.mktemp("airflow"))


@pytest.fixture
def warehouse(shared_warehouse: Any) -> Any:
    """An empty warehouse; emptied instead of created, since creating one takes longer than most tests."""
    tables = ", ".join(f"raw.{source}" for source in (COURT, BANK, REGISTRY))
    # Evidence refuses to be emptied; here everything begins anew.
    shared_warehouse.forget(f"truncate audit.batch, audit.ingest_outcome, audit.watermark, {tables} cascade")
    shared_warehouse.execute("drop schema if exists front cascade")
    for folder in ("run", "archive"):
        shutil.rmtree(shared_warehouse.home / folder, ignore_errors=True)
    return shared_warehouse


@pytest.fixture(autouse=True)
def _impatient(warehouse: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As many attempts as ever, without the waits between them."""
    monkeypatch.setenv("WAREHOUSE_PROVIDER_TIMEOUT_SECONDS", "1")
    monkeypatch.setenv("WAREHOUSE_PROVIDER_BUDGET_SECONDS", "20")
    monkeypatch.setenv("WAREHOUSE_PROVIDER_ATTEMPTS", str(ATTEMPTS))
    settings.cache_clear()
    stamina.set_testing(True, attempts=ATTEMPTS, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture(autouse=True)
def _no_secret_is_told(warehouse: Any, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever happens in a test of this file, no log line and no outcome holds a token or a password."""
    caplog.set_level(logging.DEBUG)
    yield
    told = caplog.text + str(warehouse.rows("select * from audit.ingest_outcome"))
    told += str(warehouse.rows("select * from audit.batch"))
    for secret in (TOKEN, PASSWORD):
        assert secret not in told


def take(warehouse: Any, source: Source, day: date, endpoint: Endpoint) -> list[Outcome]:
    """Receive, and return (outcome, rule, file, text in Chinese and English) of what was found."""
    run = f"run-{next(runs)}"
    receive(source, day, run, endpoint=endpoint)
    return [
        (outcome, rule, file_name, f"{zh} | {en}")
        for outcome, rule, file_name, zh, en in warehouse.rows(
            "select outcome, rule, file_name, detail_zh, detail_en from audit.ingest_outcome where run_id = %s"
            " order by recorded_at",
            [run],
        )
    ]


def only(outcomes: list[Outcome]) -> tuple[str, str | None]:
    """(outcome, rule) of the one there is."""
    [(outcome, rule, _, _)] = outcomes
    return outcome, rule


def text(outcomes: list[Outcome]) -> str:
    """The words of the one there is."""
    [(_, _, _, words)] = outcomes
    return words


def batches(warehouse: Any) -> int:
    return int(warehouse.rows("select count(*) from audit.batch")[0][0])


def loaded(warehouse: Any, source: str, column: str) -> list[str]:
    """Load everything received and return a column."""
    for (batch_id,) in warehouse.rows("select batch_id from audit.batch where status = 'received'"):
        assert load_batch(load_source(source), batch_id) is None
    return [value for (value,) in warehouse.rows(f"select {column} from raw.{source} order by _batch_id, _row_no")]


# ---------------------------------------------------------------------------------------------------- service


@pytest.fixture
def court() -> Iterator[Service]:
    """25 messages, ten a page."""
    with faults.serving(Service([listing(f"9{n:03d}", n) for n in range(1, 26)])) as service:
        yield service


def court_source(page_size: int = 10) -> Source:
    source = load_source(COURT)
    transport = source.ingest.transport.model_copy(update={"page_size": page_size})
    return source.model_copy(update={"ingest": source.ingest.model_copy(update={"transport": transport})})


def fetch(warehouse: Any, court: Service, day: date = DAY) -> list[Outcome]:
    return take(warehouse, court_source(), day, Endpoint(court.url, TOKEN))


def kept_pages() -> list[Path]:
    return sorted((settings().run / "pages").rglob("*.json"))


def test_a_service_is_read_to_its_count(warehouse: Any, court: Service) -> None:
    assert only(fetch(warehouse, court)) == ("accepted", None)
    assert court.take_asked() == [1, 2, 3]
    assert court.tokens == {f"Bearer {TOKEN}"}
    assert loaded(warehouse, COURT, "id") == [row["id"] for row in court.rows]
    assert warehouse.rows("select rows_in, rows_loaded, rows_rejected from audit.batch") == [(25, 25, 0)]
    assert kept_pages() == []


@pytest.mark.parametrize(
    "played",
    [["429"] * 3, ["500", "500"], ["502", "503", "504"], ["reset"], ["half", "half"], ["cut"], ["hang"]],
    ids=lambda played: "-".join(played),
)
def test_what_passes_is_waited_for(warehouse: Any, court: Service, played: list[str]) -> None:
    court.faults[2] = list(played)
    assert only(fetch(warehouse, court)) == ("accepted", None)
    assert court.take_asked() == [1, *[2] * (len(played) + 1), 3]
    assert loaded(warehouse, COURT, "id") == [row["id"] for row in court.rows]


def test_a_service_is_left_alone_as_long_as_it_asks(warehouse: Any, court: Service) -> None:
    stamina.set_testing(False)
    court.faults[1] = ["429 1"]
    begun = time.monotonic()
    assert only(fetch(warehouse, court)) == ("accepted", None)
    assert 1 <= time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("fault", "rule", "requests", "said"),
    [
        ("500", "PROVIDER_UNREACHABLE", ATTEMPTS, "HTTP 500"),
        ("429", "PROVIDER_UNREACHABLE", ATTEMPTS, "HTTP 429"),
        ("reset", "PROVIDER_UNREACHABLE", ATTEMPTS, "Error"),
        ("half", "PROVIDER_UNREACHABLE", ATTEMPTS, "RemoteProtocolError"),
        ("hang", "PROVIDER_TIMEOUT", ATTEMPTS, "0.2 s"),
        ("cut", "PROVIDER_CONTENT", ATTEMPTS, "page 2 is not complete JSON"),
        ("html", "PROVIDER_CONTENT", 1, "page 2 is something else than JSON"),
        ("no items", "PROVIDER_CONTENT", 1, "page 2 is not as agreed"),
        ("other page", "PROVIDER_CONTENT", 1, "page 2 is not as agreed"),
        ("repeat", "PROVIDER_CONTENT", 1, "page 2 repeats"),
        ("404", "PROVIDER_CONTENT", 1, "page 2 does not exist"),
        ("302", "PROVIDER_CONTENT", 1, "HTTP 302"),
        ("401", "PROVIDER_DENIED", 1, "HTTP 401"),
        ("403", "PROVIDER_DENIED", 1, "HTTP 403"),
    ],
)
def test_what_does_not_pass_is_refused_by_name(
    warehouse: Any,
    court: Service,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    rule: str,
    requests: int,
    said: str,
) -> None:
    monkeypatch.setenv("WAREHOUSE_PROVIDER_TIMEOUT_SECONDS", "0.2")
    settings.cache_clear()
    court.faults[2] = [fault] * 10
    outcomes = fetch(warehouse, court)
    assert only(outcomes) == ("refused", rule)
    assert court.take_asked() == [1] + [2] * requests
    assert "court_service" in text(outcomes) and said in text(outcomes)
    assert batches(warehouse) == 0


def test_a_day_without_data_is_absent(warehouse: Any, court: Service) -> None:
    court.faults[1] = ["404"]
    assert only(fetch(warehouse, court)) == ("absent", None)


@pytest.mark.parametrize("lie", [26, 24, 1000])
def test_a_count_that_lies_refuses(warehouse: Any, court: Service, lie: int) -> None:
    court.total = lambda: lie
    outcomes = fetch(warehouse, court)
    assert only(outcomes) == ("refused", "COUNT_MISMATCH")
    assert f"{lie} rows, 25 were received" in text(outcomes)
    assert batches(warehouse) == 0 and kept_pages() == []


def test_a_page_with_rows_missing_refuses(warehouse: Any, court: Service) -> None:
    court.faults[2] = ["short"]
    outcomes = fetch(warehouse, court)
    assert only(outcomes) == ("refused", "COUNT_MISMATCH")
    assert "25 rows, 23 were received" in text(outcomes)


def test_a_total_that_changes_starts_over(warehouse: Any, court: Service) -> None:
    def total() -> int:
        if len(court.asked) == 2 and len(court.rows) == 25:
            court.rows.append(listing("9026", 26))
        return len(court.rows)

    court.total = total
    assert only(fetch(warehouse, court)) == ("accepted", None)
    assert court.take_asked() == [1, 2, 1, 2, 3]
    assert loaded(warehouse, COURT, "id") == [row["id"] for row in court.rows]


def test_a_total_that_never_settles_refuses(warehouse: Any, court: Service) -> None:
    court.total = lambda: 25 + len(court.asked)
    outcomes = fetch(warehouse, court)
    assert only(outcomes) == ("refused", "COUNT_MISMATCH") and "kept changing" in text(outcomes)


def killed_before_page(number: int, monkeypatch: pytest.MonkeyPatch, run: Callable[[], object]) -> None:
    put = pages.Shelf.put

    def dying(shelf: pages.Shelf, *arguments: Any) -> None:
        if len(shelf.pages) + 1 == number:
            raise Killed
        put(shelf, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(pages.Shelf, "put", dying)
        with pytest.raises(Killed):
            run()


def test_a_killed_run_goes_on_at_its_page(warehouse: Any, court: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_before_page(3, monkeypatch, lambda: fetch(warehouse, court))
    assert court.take_asked() == [1, 2, 3]
    assert batches(warehouse) == 0
    assert only(fetch(warehouse, court)) == ("accepted", None)
    assert court.take_asked() == [3]
    assert loaded(warehouse, COURT, "id") == [row["id"] for row in court.rows]
    assert kept_pages() == []


def test_a_refused_page_is_the_first_of_the_next_run(warehouse: Any, court: Service) -> None:
    court.faults[3] = ["500"] * ATTEMPTS
    assert only(fetch(warehouse, court)) == ("refused", "PROVIDER_UNREACHABLE")
    assert court.take_asked() == [1, 2, *[3] * ATTEMPTS]
    assert only(fetch(warehouse, court)) == ("accepted", None)
    assert court.take_asked() == [3]
    assert loaded(warehouse, COURT, "id") == [row["id"] for row in court.rows]


def test_pages_of_another_count_are_not_mixed(warehouse: Any, court: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_before_page(3, monkeypatch, lambda: fetch(warehouse, court))
    court.rows.insert(0, listing("9000", 99))
    court.take_asked()
    assert only(fetch(warehouse, court)) == ("accepted", None)
    assert court.take_asked() == [3, 1, 2, 3]
    assert loaded(warehouse, COURT, "id") == [row["id"] for row in court.rows]


def test_a_kill_before_admission_fetches_nothing_again(
    warehouse: Any, court: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(archive, "keep", lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            fetch(warehouse, court)
    court.take_asked()
    assert only(fetch(warehouse, court)) == ("accepted", None)
    assert court.take_asked() == []
    assert only(fetch(warehouse, court)) == ("accepted", None)  # received, not yet loaded
    assert court.take_asked() == [1, 2, 3]
    assert batches(warehouse) == 1


def test_each_day_has_its_own_pages(warehouse: Any, court: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_before_page(2, monkeypatch, lambda: fetch(warehouse, court))
    court.take_asked()
    assert only(fetch(warehouse, court, NEXT)) == ("accepted", None)
    assert court.take_asked() == [1, 2, 3]


# ------------------------------------------------------------------------------------------------------- sftp


@pytest.fixture
def bank(warehouse: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    """A running SFTP server and the connection to it."""
    found = Bank(tmp_path / "server")
    outbox(found).mkdir(parents=True)
    with faults.banking(found, tmp_path):
        monkeypatch.setenv("AIRFLOW_CONN_BANK_SFTP", found.connection())
        yield found


def outbox(bank: Bank) -> Path:
    return bank.folder / "outbox" / BANK


def put(bank: Bank, name: str, content: bytes, **claims: Any) -> bytes:
    """A file and its ``.ok``."""
    (outbox(bank) / name).write_bytes(content)
    (outbox(bank) / f"{name}.ok").write_bytes(ok_file(content, **claims))
    return content


def events(*numbers: int) -> bytes:
    return workbook(*(bank_event(number) for number in numbers))


def large(megabytes: int = 2) -> bytes:
    return os.urandom(megabytes << 20)


def collect(warehouse: Any, day: date = DAY) -> list[Outcome]:
    return take(warehouse, load_source(BANK), day, Endpoint("sftp://bank"))


def originals(warehouse: Any) -> list[bytes]:
    return [
        archive.archived(BANK, sha256).read_bytes()
        for (sha256,) in warehouse.rows("select sha256 from audit.batch order by batch_id")
    ]


def on_server(bank: Bank) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(outbox(bank).iterdir())}


def test_files_are_taken_once_and_left_where_they_are(warehouse: Any, bank: Bank) -> None:
    put(bank, "a.xlsx", events(1, 2), rows=2, business_date=str(DAY), provider="示例银行")
    for name in ("b.xlsx.part", "c.xlsx.tmp", "d.xlsx.filepart", "E.PART", ".hidden", "orphan.xlsx.ok"):
        (outbox(bank) / name).write_bytes(b"half")
    (outbox(bank) / "folder.xlsx").mkdir()
    (outbox(bank) / "link.xlsx").symlink_to(outbox(bank) / "a.xlsx")
    before = {path: path.lstat().st_mtime_ns for path in bank.folder.rglob("*")}
    assert [outcome[:3] for outcome in collect(warehouse)] == [("accepted", None, "a.xlsx")]
    assert bank.take_opened() == ["a.xlsx"]
    assert loaded(warehouse, BANK, "lsh") == ["L000001", "L000002"]
    assert warehouse.rows("select provider, rows_in from audit.batch") == [("示例银行", 2)]
    assert {path: path.lstat().st_mtime_ns for path in bank.folder.rglob("*")} == before

    warehouse.execute("update audit.batch set status = 'accepted'")
    assert [outcome[:3] for outcome in collect(warehouse)] == [("duplicate", None, "a.xlsx")]
    assert only(collect(warehouse, NEXT)) == ("absent", None)
    assert bank.take_opened() == []


def test_a_file_without_flag_is_taken_when_it_has_stopped_growing(warehouse: Any, bank: Bank) -> None:
    (outbox(bank) / "steady.xlsx").write_bytes(events(1))
    growing = outbox(bank) / "growing.xlsx"
    growing.write_bytes(events(2))

    def grow() -> None:
        with growing.open("ab") as file:
            file.write(b"more")

    bank.before_listing = grow
    assert [outcome[:3] for outcome in collect(warehouse)] == [("accepted", None, "steady.xlsx")]
    bank.before_listing = lambda: None
    warehouse.execute("update audit.batch set status = 'accepted'")
    assert {outcome[:3] for outcome in collect(warehouse)} == {
        ("accepted", None, "growing.xlsx"),
        ("duplicate", None, "steady.xlsx"),
    }


def test_the_same_bytes_put_there_again_are_not_fetched(warehouse: Any, bank: Bank) -> None:
    content = put(bank, "a.xlsx", events(1))
    collect(warehouse)
    for name, claims in (("a.xlsx", {}), ("renamed.xlsx", {})):
        put(bank, name, content, **claims)
        for path in (outbox(bank) / name, outbox(bank) / f"{name}.ok"):
            os.utime(path, (time.time() + 60, time.time() + 60))
    bank.take_opened()
    assert {outcome[2] for outcome in collect(warehouse)} == {"a.xlsx", "renamed.xlsx"}
    assert bank.take_opened() == []
    assert batches(warehouse) == 1


def test_a_file_delivered_again_is_seen_that_day_and_no_other(warehouse: Any, bank: Bank) -> None:
    content = put(bank, "a.xlsx", events(1), business_date=str(DAY))
    collect(warehouse)
    warehouse.execute("update audit.batch set status = 'accepted'")
    put(bank, "again.xlsx", content, business_date=str(DAY))
    for _ in range(2):
        assert [outcome[:3] for outcome in collect(warehouse, NEXT)] == [("duplicate", None, "again.xlsx")]
    assert only(collect(warehouse, date(2026, 3, 4))) == ("absent", None)
    assert [outcome[:3] for outcome in collect(warehouse)] == [("duplicate", None, "a.xlsx")]


def test_other_bytes_under_the_same_name_are_another_delivery(warehouse: Any, bank: Bank) -> None:
    put(bank, "a.xlsx", events(1))
    collect(warehouse)
    put(bank, "a.xlsx", events(1, 2, 3))
    assert only(collect(warehouse)) == ("accepted", None)
    assert loaded(warehouse, BANK, "lsh") == ["L000001", "L000001", "L000002", "L000003"]


def test_a_contradicted_file_is_refused_until_its_flag_is_corrected(warehouse: Any, bank: Bank) -> None:
    content = put(bank, "a.xlsx", events(1), sha256="0" * 64)
    assert only(collect(warehouse)) == ("refused", "OK_MISMATCH")
    bank.take_opened()
    assert only(collect(warehouse)) == ("refused", "OK_MISMATCH")  # still so, and no need to fetch it for that
    assert bank.take_opened() == []
    put(bank, "a.xlsx", content)
    os.utime(outbox(bank) / "a.xlsx.ok", (time.time() + 60, time.time() + 60))
    assert only(collect(warehouse)) == ("accepted", None)


def test_a_broken_flag_stops_no_other_file(warehouse: Any, bank: Bank) -> None:
    put(bank, "a.xlsx", events(1))
    (outbox(bank) / "a.xlsx.ok").write_bytes(b"{")
    put(bank, "b.xlsx", events(2))
    assert [outcome[:2] for outcome in collect(warehouse)] == [("refused", "OK_UNREADABLE"), ("accepted", None)]


def test_files_of_later_days_wait_and_a_mistyped_year_is_refused(warehouse: Any, bank: Bank) -> None:
    put(bank, "a.xlsx", events(1), business_date=str(DAY))
    put(bank, "b.xlsx", events(2), business_date=str(NEXT))
    put(bank, "c.xlsx", events(3), business_date="2206-03-02")
    outcomes = collect(warehouse)
    assert [outcome[:2] for outcome in outcomes] == [("accepted", None), ("refused", "DATE_AHEAD")]
    assert (outbox(bank) / "c.xlsx").unlink() is None
    assert [outcome[:3] for outcome in collect(warehouse, NEXT)] == [("accepted", None, "b.xlsx")]


@pytest.mark.parametrize(
    "extra",
    [
        {"host_key": None},
        {"host_key": None, "no_host_key_check": "true"},
        {"host_key": None, "allow_host_key_change": "true"},
        {"allow_host_key_change": "true"},
        {"no_host_key_check": True},
        {"host_key": "ssh-ed25519 not-base64"},
        {"host_key": " ".join(asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()[:2])},
        {"host_key": " ".join(asyncssh.generate_private_key("ssh-rsa").export_public_key().decode().split()[:2])},
    ],
    ids=["none", "none-no-check", "none-any-change", "any-change", "no-check", "broken", "other", "other-kind"],
)
def test_a_server_that_does_not_prove_itself_gets_no_password(
    warehouse: Any, bank: Bank, monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any]
) -> None:
    put(bank, "a.xlsx", events(1))
    monkeypatch.setenv("AIRFLOW_CONN_BANK_SFTP", bank.connection(extra=extra))
    outcomes = collect(warehouse)
    assert only(outcomes) == ("refused", "PROVIDER_UNTRUSTED")
    assert "bank_sftp" in text(outcomes) and "密钥" in text(outcomes) and "host" in text(outcomes)
    assert bank.logins == [] and bank.opened == [] and batches(warehouse) == 0


def test_a_known_hosts_file_cannot_vouch_for_another_key(
    warehouse: Any, bank: Bank, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(bank, "a.xlsx", events(1))
    other = sftp_service.public_key(tmp_path / "other_key")
    monkeypatch.setenv("AIRFLOW_CONN_BANK_SFTP", bank.connection(extra={"host_key": other}))
    known = tmp_path / "user" / ".ssh" / "known_hosts"
    known.parent.mkdir(parents=True)
    known.write_text(f"[127.0.0.1]:{bank.port} {bank.host_key}\n")
    monkeypatch.setenv("HOME", str(known.parent.parent))
    assert only(collect(warehouse)) == ("refused", "PROVIDER_UNTRUSTED")
    assert bank.opened == []


def test_a_wrong_password_is_tried_once(warehouse: Any, bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BANK_SFTP", bank.connection(password=f"{PASSWORD}-wrong"))
    outcomes = collect(warehouse)
    assert only(outcomes) == ("refused", "PROVIDER_DENIED") and "bank_sftp" in text(outcomes)
    assert len(bank.logins) == 1


def test_a_key_opens_as_well(warehouse: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = asyncssh.generate_private_key("ssh-rsa")
    (tmp_path / "id").write_bytes(key.export_private_key("pkcs1-pem"))
    with faults.banking(Bank(tmp_path / "server"), tmp_path, client_key=key) as bank:
        outbox(bank).mkdir(parents=True)
        put(bank, "a.xlsx", events(1))
        extra = {"key_file": str(tmp_path / "id")}
        monkeypatch.setenv("AIRFLOW_CONN_BANK_SFTP", bank.connection(password=None, extra=extra))
        assert only(collect(warehouse)) == ("accepted", None)
        assert bank.logins == []


@PREFETCHING
def test_a_broken_line_is_taken_up_where_it_broke(warehouse: Any, bank: Bank) -> None:
    content = put(bank, "a.bin", large())
    bank.cut_at = [1_200_000, 1_600_000]
    assert only(collect(warehouse)) == ("accepted", None)
    assert originals(warehouse) == [content]
    assert bank.take_opened() == ["a.bin"] * 3
    # What was in flight when the line broke came for nothing; what had arrived was not read twice.
    assert bank.read < len(content) * 2


@PREFETCHING
def test_a_line_that_always_breaks_admits_nothing(warehouse: Any, bank: Bank) -> None:
    put(bank, "a.bin", large(1))
    (outbox(bank) / "a.bin.ok").unlink()
    bank.cut_always = True
    outcomes = collect(warehouse)
    assert only(outcomes) == ("refused", "PROVIDER_UNREACHABLE") and "bank_sftp" in text(outcomes)
    assert bank.take_opened() == ["a.bin"] * ATTEMPTS
    assert batches(warehouse) == 0 and warehouse.rows("select * from audit.remote_file") == []
    bank.cut_always = False
    assert only(collect(warehouse)) == ("accepted", None)


def test_a_server_that_falls_silent_is_named(warehouse: Any, bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_PROVIDER_TIMEOUT_SECONDS", "0.4")
    monkeypatch.setenv("WAREHOUSE_PROVIDER_ATTEMPTS", "2")
    settings.cache_clear()
    put(bank, "a.xlsx", events(1))
    bank.silent = True
    outcomes = collect(warehouse)
    assert only(outcomes) == ("refused", "PROVIDER_TIMEOUT") and "0.4 s" in text(outcomes)
    assert batches(warehouse) == 0


def test_a_server_that_is_not_there_is_named(warehouse: Any, bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BANK_SFTP", bank.connection(port=1))
    assert only(collect(warehouse)) == ("refused", "PROVIDER_UNREACHABLE")


def test_a_folder_that_is_not_there_is_named(warehouse: Any, bank: Bank) -> None:
    outbox(bank).rmdir()
    outcomes = collect(warehouse)
    assert only(outcomes) == ("refused", "PROVIDER_CONTENT") and "/outbox/bank_credit_events" in text(outcomes)


def test_a_file_that_ends_early_is_refused(warehouse: Any, bank: Bank) -> None:
    content = put(bank, "a.bin", large(1))
    bank.end_at = 700_000
    outcomes = collect(warehouse)
    assert only(outcomes) == ("refused", "FILE_TRUNCATED")
    assert f"{len(content)} bytes, 700000" in text(outcomes)
    assert batches(warehouse) == 0


def test_a_file_replaced_under_the_reader_is_taken_next_time(warehouse: Any, bank: Bank) -> None:
    put(bank, "a.xlsx", events(1))
    bank.before_reading = lambda: put(bank, "a.xlsx", events(1, 2, 3)) and None
    assert only(collect(warehouse)) == ("absent", None)
    bank.before_reading = lambda: None
    assert only(collect(warehouse)) == ("accepted", None)
    assert loaded(warehouse, BANK, "lsh") == ["L000001", "L000002", "L000003"]


def test_a_file_overwritten_while_it_is_read_is_not_taken_half_old_half_new(warehouse: Any, bank: Bank) -> None:
    path, old, new = outbox(bank) / "a.bin", large(1), large(1)
    path.write_bytes(old)

    def overwrite(offset: int) -> None:
        if offset > 500_000 and path.read_bytes() == old:
            path.write_bytes(new)
            os.utime(path, (time.time() + 60, time.time() + 60))

    bank.while_reading = overwrite
    assert only(collect(warehouse)) == ("absent", None)
    assert only(collect(warehouse)) == ("accepted", None)
    assert originals(warehouse) == [new]


def test_a_file_that_vanishes_is_no_error(warehouse: Any, bank: Bank) -> None:
    put(bank, "a.xlsx", events(1))
    bank.before_reading = lambda: (outbox(bank) / "a.xlsx").unlink(missing_ok=True)
    assert only(collect(warehouse)) == ("absent", None)


def test_a_kill_before_admission_takes_the_file_again(
    warehouse: Any, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bank, "a.xlsx", events(1))
    with monkeypatch.context() as patch:
        patch.setattr(archive, "keep", lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            collect(warehouse)
    assert warehouse.rows("select * from audit.remote_file") == []
    assert only(collect(warehouse)) == ("accepted", None)


def test_a_name_in_gb18030_is_named(warehouse: Any, bank: Bank) -> None:
    (outbox(bank) / os.fsdecode("信用事件.xlsx".encode("gb18030"))).write_bytes(b"x")
    outcomes = collect(warehouse)
    assert only(outcomes) == ("refused", "PROVIDER_CONTENT") and "UTF-8" in text(outcomes)


def test_the_simulated_server_is_read_only(bank: Bank) -> None:
    put(bank, "a.xlsx", events(1))
    before = on_server(bank)
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect("127.0.0.1", bank.port, sftp_service.USER, PASSWORD, look_for_keys=False, allow_agent=False)
        folder = f"/outbox/{BANK}"
        with client.open_sftp() as sftp:
            for attempt in (
                lambda: sftp.open(f"{folder}/new", "w"),
                lambda: sftp.open(f"{folder}/a.xlsx", "a"),
                lambda: sftp.open(f"{folder}/a.xlsx", "r+"),
                lambda: sftp.remove(f"{folder}/a.xlsx"),
                lambda: sftp.rename(f"{folder}/a.xlsx", f"{folder}/b.xlsx"),
                lambda: sftp.posix_rename(f"{folder}/a.xlsx", f"{folder}/b.xlsx"),
                lambda: sftp.mkdir(f"{folder}/new"),
                lambda: sftp.rmdir("/outbox"),
                lambda: sftp.symlink("/etc", f"{folder}/etc"),
                lambda: sftp.chmod(f"{folder}/a.xlsx", 0),
                lambda: sftp.truncate(f"{folder}/a.xlsx", 0),
                lambda: sftp.utime(f"{folder}/a.xlsx", (0, 0)),
            ):
                with pytest.raises(PermissionError):
                    attempt()
            assert sorted(sftp.listdir("/")) == sorted(sftp.listdir("/../..")) == ["outbox"]
    assert on_server(bank) == before


def test_the_rehearsal_serves_what_the_banks_deliver(warehouse: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for day, name, content in ((DAY, "a.xlsx", events(1, 2)), (NEXT, "b.xlsx", events(3))):
        data = rehearsal.data_folder() / str(day) / BANK
        data.mkdir(parents=True)
        (data / name).write_bytes(content)
    monkeypatch.setattr(rehearsal.registry_front, "publish", lambda *_: None)
    family = processes()
    rehearsal._serve_bank(family)
    try:
        rehearsal.deliver(NEXT)
        rehearsal.deliver(DAY)  # a killed rehearsal begins anew
        monkeypatch.setenv("AIRFLOW_CONN_BANK_SFTP", rehearsal.connections()["bank_sftp"])
        assert only(collect(warehouse)) == ("accepted", None)
        assert loaded(warehouse, BANK, "lsh") == ["L000001", "L000002"]
        assert (settings().secrets / sftp_service.HOST_KEY).stat().st_mode & 0o777 == 0o600
    finally:
        family.stop([rehearsal.BANK])


# --------------------------------------------------------------------------------------------------- database


@pytest.fixture
def front(warehouse: Any) -> str:
    """A front-end database with the registry's table, empty."""
    columns = ", ".join(
        f"{column.name} {'timestamp' if column.name == 'update_time' else 'text'}"
        for column in load_source(REGISTRY).columns
    )
    warehouse.execute("create schema front")
    warehouse.execute(f"create table front.registry_entities ({columns}, primary key (pripid))")
    return warehouse_dsn()


def insert(warehouse: Any, *rows: dict[str, Any]) -> None:
    for row in rows:
        names = ", ".join(row)
        warehouse.execute(
            f"insert into front.registry_entities ({names}) values ({', '.join(['%s'] * len(row))})", list(row.values())
        )


def many(warehouse: Any, rows: int) -> None:
    warehouse.execute(
        "insert into front.registry_entities (pripid, entname, opscope, update_time)"
        " select lpad(n::text, 8, '0'), '试样', repeat('批发', 100), '2026-03-02 09:00:00'"
        f" from generate_series(1, {rows}) n"
    )


def read(warehouse: Any, url: str, day: date = DAY) -> list[Outcome]:
    return take(warehouse, load_source(REGISTRY), day, Endpoint(url))


@pytest.fixture
def line(front: str) -> Iterator[Line]:
    """A line to the front-end database that can be cut."""
    parts = conninfo_to_dict(front)
    with faults.dialled(Line((str(parts["host"]), int(parts["port"])))) as found:
        yield found


def through(line: Line, url: str) -> str:
    """``url`` over the line."""
    return url.replace(f"127.0.0.1:{line.to[1]}", f"127.0.0.1:{line.port}")


def test_rows_committed_late_are_read_the_day_after(warehouse: Any, front: str) -> None:
    insert(warehouse, entity(1, "2026-03-02 23:55:00"))
    assert only(read(warehouse, front)) == ("accepted", None)
    insert(
        warehouse, entity(2, "2026-03-02 23:10:00"), entity(3, "2026-03-03 08:00:00"), entity(4, "2026-03-04 00:00:00")
    )
    assert only(read(warehouse, front, NEXT)) == ("accepted", None)
    ids = [entity(number)["pripid"] for number in (1, 2, 3)]
    assert loaded(warehouse, REGISTRY, "pripid") == [ids[0], *ids]
    assert warehouse.rows("select business_date, high_water from audit.watermark order by 1") == [
        (DAY, "2026-03-02T23:55:00"),
        (NEXT, "2026-03-03T08:00:00"),
    ]


def test_nothing_changed_is_absent(warehouse: Any, front: str) -> None:
    assert only(read(warehouse, front)) == ("absent", None)


def test_a_server_that_restarts_in_mid_read_is_read_anew(
    warehouse: Any, front: str, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(warehouse, 3000)
    monkeypatch.setattr(database, "FETCHED_AT_ONCE", 100)
    whole = line.at

    def restart() -> None:
        line.closed = 2
        with psycopg.connect(postgres.superuser(line.to[1]), autocommit=True) as administration:
            administration.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where query like 'FETCH%' and pid <> pg_backend_pid()"
            )

    line.at, line.then = 500_000, restart
    assert only(read(warehouse, through(line, front))) == ("accepted", None)
    assert line.at == whole or line.at > 1 << 60
    assert line.connections == 4
    assert len(loaded(warehouse, REGISTRY, "pripid")) == 3000 and batches(warehouse) == 1


def test_a_server_that_keeps_breaking_off_is_named_and_nothing_is_admitted(
    warehouse: Any, front: str, line: Line, tmp_path: Path
) -> None:
    many(warehouse, 100)
    line.closed = ATTEMPTS
    outcomes = read(warehouse, through(line, front))
    assert only(outcomes) == ("refused", "PROVIDER_UNREACHABLE") and "registry_front" in text(outcomes)
    assert line.connections == ATTEMPTS and batches(warehouse) == 0
    assert warehouse.rows("select * from audit.watermark") == []


def test_all_rows_are_of_one_moment(warehouse: Any, front: str, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    many(warehouse, 3000)
    monkeypatch.setattr(database, "FETCHED_AT_ONCE", 100)
    done = threading.Event()

    def change() -> None:
        warehouse.execute("update front.registry_entities set entname = '改名'")
        done.set()

    line.at, line.then = 300_000, change
    assert only(read(warehouse, through(line, front))) == ("accepted", None)
    assert done.is_set()
    assert set(loaded(warehouse, REGISTRY, "entname")) == {"试样"}


def test_a_statement_that_takes_too_long_is_cancelled_and_named(
    warehouse: Any, front: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_PROVIDER_BUDGET_SECONDS", "0.5")
    settings.cache_clear()
    insert(warehouse, entity(1))
    warehouse.execute("alter table front.registry_entities rename to slow")
    warehouse.execute("create view front.registry_entities as select slow.* from front.slow, pg_sleep(20)")
    begun = time.monotonic()
    outcomes = read(warehouse, front)
    assert only(outcomes) == ("refused", "PROVIDER_TIMEOUT") and "0.5 s" in text(outcomes)
    assert time.monotonic() - begun < 5


def test_missing_columns_are_named_and_nothing_is_read(warehouse: Any, front: str) -> None:
    insert(warehouse, entity(1))
    warehouse.execute("alter table front.registry_entities rename entname to mc")
    warehouse.execute("alter table front.registry_entities drop regorg")
    outcomes = read(warehouse, front)
    assert only(outcomes) == ("refused", "COLUMN_MISSING")
    assert "entname, regorg are missing; unknown: mc" in text(outcomes)
    assert batches(warehouse) == 0


def test_a_missing_table_is_named(warehouse: Any, front: str) -> None:
    warehouse.execute("drop table front.registry_entities")
    outcomes = read(warehouse, front)
    assert only(outcomes) == ("refused", "PROVIDER_CONTENT") and "front.registry_entities" in text(outcomes)


def test_a_wrong_password_is_denied_and_not_told(warehouse: Any, front: str, line: Line) -> None:
    user = conninfo_to_dict(front)["user"]
    database_name = front.rsplit("/", 1)[1]
    outcomes = read(warehouse, f"postgresql://{user}:{PASSWORD}@127.0.0.1:{line.port}/{database_name}")
    assert only(outcomes) == ("refused", "PROVIDER_DENIED") and "registry_front" in text(outcomes)
    assert line.connections == 1


def test_an_address_that_is_none_is_not_told(warehouse: Any, front: str) -> None:
    assert only(read(warehouse, f"postgresql://u:{PASSWORD}@[broken/x"))[0] == "refused"


def test_the_day_of_a_watermark_with_time_zone_is_ours(warehouse: Any, front: str) -> None:
    insert(warehouse, entity(1, "2026-03-02 15:59:00"), entity(2, "2026-03-02 16:00:00"))
    warehouse.execute(
        "alter table front.registry_entities alter update_time type timestamptz using update_time at time zone 'UTC'"
    )
    front += "?options=-c%20timezone%3DUTC"
    assert only(read(warehouse, front)) == ("accepted", None)
    assert loaded(warehouse, REGISTRY, "pripid") == [entity(1)["pripid"]]
    assert only(read(warehouse, front, NEXT)) == ("accepted", None)


# ---------------------------------------------------------------------------------------------------- wiring


def test_endpoints_come_from_airflow_connections(monkeypatch: pytest.MonkeyPatch, bank: Bank) -> None:
    from credit_warehouse import orchestration

    def endpoint(source: str, variable: str, value: str) -> Endpoint | None:
        monkeypatch.setenv(variable, value)
        return orchestration._endpoint(load_source(source))

    for value, url in (
        (f"http://:{TOKEN}@court.example:8080", "http://court.example:8080"),
        (f"https://:{TOKEN}@court.example", "https://court.example"),
        (f"http://:{TOKEN}@court.example:8443/https", "https://court.example:8443"),
        (json.dumps({"conn_type": "http", "host": "https://court.example/api", "password": TOKEN}),
         "https://court.example/api"),
    ):  # fmt: skip
        found = endpoint(COURT, "AIRFLOW_CONN_COURT_SERVICE", value)
        assert found == Endpoint(url, TOKEN)
        assert TOKEN not in repr(found) and "court.example" not in repr(found)
    assert endpoint(BANK, "AIRFLOW_CONN_BANK_SFTP", bank.connection()) is not None
    registry = endpoint(REGISTRY, "AIRFLOW_CONN_REGISTRY_FRONT", "postgres://u:p@h:5432/d")
    assert registry is not None and registry.url.startswith("postgresql://u:p@h:5432/d")
