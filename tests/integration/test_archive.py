"""Where originals lie, in a folder and in an object store, and how long they stay."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from credit_warehouse import archive, retention
from credit_warehouse.archive import ArchiveDamaged
from credit_warehouse.cli import app
from credit_warehouse.declarations import load_source, load_sources
from credit_warehouse.load import load_batch
from credit_warehouse.receive import receive
from credit_warehouse.settings import settings
from providers import arrears, csv_file, jsonl, listing, ok_file, revocation

DAY = date(2020, 3, 2)
TAX, COURT = "tax_arrears", "court_defaulters"


def kept(warehouse: Any) -> set[tuple[str, str]]:
    return {(path.parts[-3], path.name) for path in (warehouse.home / "archive").rglob("*") if path.is_file()}


def test_an_original_is_written_once_and_not_to_be_written_again(warehouse: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"one")
    sha256 = archive.sha256_of(file)
    archive.keep(TAX, file, sha256)
    first = archive.archived(TAX, sha256)
    before = first.stat()
    archive.keep(TAX, file, sha256)
    assert (first.stat().st_ino, first.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert before.st_mode & 0o222 == 0
    with archive.original(TAX, sha256) as path:
        assert path == first, "a local original is read where it lies"


def test_a_copy_that_fails_leaves_nothing(warehouse: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"one")
    with monkeypatch.context() as patch:
        patch.setattr(archive, "_sync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            archive.keep(TAX, file, archive.sha256_of(file))
    assert kept(warehouse) == set()


def test_a_draft_of_a_killed_copy_goes_after_a_day(warehouse: Any) -> None:
    folder = warehouse.home / "archive" / TAX / "ab"
    folder.mkdir(parents=True)
    for name, age in ((".abandoned.1", 2 * 86400), (".under_way.2", 60)):
        (folder / name).write_bytes(b"half")
        at = (folder / name).stat().st_mtime - age
        os.utime(folder / name, (at, at))
    assert archive.remove_drafts() == 1
    assert [path.name for path in folder.iterdir()] == [".under_way.2"]


# ---------------------------------------------------------------------------------------------- object store


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """moto's server: HTTP and the S3 protocol are real, the store behind them is its memory."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(
    warehouse: Any, s3: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A bucket, the Airflow connection to it, and the setting; yields boto3's own view of the bucket."""
    import boto3

    os.environ.setdefault("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
    client = boto3.client(
        "s3", endpoint_url=s3, aws_access_key_id="k", aws_secret_access_key="s", region_name="us-east-1"
    )
    client.create_bucket(Bucket="originals")
    monkeypatch.setenv(
        "AIRFLOW_CONN_ORIGINALS",
        json.dumps({"conn_type": "aws", "login": "k", "password": "s", "extra": {"endpoint_url": s3}}),
    )
    monkeypatch.setenv("WAREHOUSE_ARCHIVE", "s3://originals@originals/warehouse")
    settings.cache_clear()
    archive._store.cache_clear()
    yield client
    for entry in client.list_objects_v2(Bucket="originals").get("Contents", []):
        client.delete_object(Bucket="originals", Key=entry["Key"])


def keys(client: Any) -> list[str]:
    return [entry["Key"] for entry in client.list_objects_v2(Bucket="originals").get("Contents", [])]


def test_a_store_holds_the_originals_and_the_loader_reads_from_it(store: Any, warehouse: Any) -> None:
    content = csv_file(arrears(1), arrears(2))
    warehouse.drop(TAX, "a.csv", content)
    assert warehouse.ingest(DAY, [TAX]) == {TAX: [None]}
    [(sha256, rows)] = warehouse.rows("select sha256, rows_loaded from audit.batch")
    assert rows == 2
    assert keys(store) == [f"warehouse/{TAX}/{sha256[:2]}/{sha256}"]
    assert store.get_object(Bucket="originals", Key=keys(store)[0])["Body"].read() == content
    assert not (warehouse.home / "archive").exists()
    assert archive.intact(TAX, sha256)
    archive.remove(TAX, sha256)
    assert keys(store) == [] and not archive.intact(TAX, sha256)


def test_what_a_store_changed_or_lost_is_not_loaded(store: Any, warehouse: Any) -> None:
    warehouse.drop(TAX, "a.csv", csv_file(arrears(1)))
    source = load_source(TAX)
    [batch] = receive(source, DAY, "run", landing=warehouse.landing)
    [key] = keys(store)
    store.put_object(Bucket="originals", Key=key, Body=csv_file(arrears(3)))
    with pytest.raises(ArchiveDamaged, match="changed"):
        load_batch(source, batch)
    store.delete_object(Bucket="originals", Key=key)
    with pytest.raises(ArchiveDamaged, match="missing"):
        load_batch(source, batch)
    assert warehouse.rows("select status from audit.batch") == [("received",)]


# ------------------------------------------------------------------------------------------------- retention


def test_every_declared_class_has_a_rule_with_a_basis(warehouse: Any) -> None:
    rules = dict(warehouse.rows("select retention_class, legal_basis from core.retention_rule"))
    assert {source.retention for source in load_sources()} | {retention.REFUSED} == rules.keys()
    assert all("法第" in basis or "条例第" in basis for basis in rules.values())


@pytest.fixture(scope="module")
def history(other_warehouse: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """2020: a tax list of two, later of one; a listing that was revoked; a refused file; a list of 2026."""
    with other_warehouse(tmp_path_factory.mktemp("history")) as warehouse:
        tell(warehouse)
        yield warehouse


@pytest.fixture
def old(history: Any, other_warehouse: Any, tmp_path: Path) -> Iterator[Any]:
    """A copy of that history to prune."""
    with other_warehouse(tmp_path, like=history) as warehouse:
        yield warehouse


def tell(warehouse: Any) -> None:
    """What ``history`` is about."""

    def deliver(source: str, name: str, content: bytes, day: date, **claims: Any) -> None:
        shutil.rmtree(warehouse.landing, ignore_errors=True)
        warehouse.drop(source, name, content)
        warehouse.drop(source, f"{name}.ok", ok_file(content, business_date=day.isoformat(), **claims))
        warehouse.ingest(day, [source])

    deliver(TAX, "two.csv", csv_file(arrears(1), arrears(2)), DAY)
    warehouse.build(DAY)
    deliver(TAX, "one.csv", csv_file(arrears(1)), date(2020, 3, 3))
    deliver(TAX, "broken.csv", csv_file(arrears(9)), date(2020, 3, 3), bytes=1)
    deliver(COURT, "listed.jsonl", jsonl(listing("9001", 4, "2020-03-01T09:00:00+08:00", decisionDate="2020-02-08",
                                                 publishDate="2020年02月09日")), DAY)  # fmt: skip
    deliver(COURT, "revoked.jsonl", jsonl(revocation("9001", "2020-03-03T09:00:00+08:00")), date(2020, 3, 3))
    warehouse.build(date(2020, 3, 3))
    deliver(TAX, "still.csv", csv_file(arrears(1), arrears(5)), date(2026, 3, 2))
    warehouse.build(date(2026, 3, 2))


def due(warehouse: Any, on: date) -> set[str]:
    names = dict(warehouse.rows("select sha256, file_name from audit.batch"))
    return {names[original.sha256] for original in retention.expired(on)}


def test_nothing_goes_before_its_time_or_while_it_proves_what_counts(old: Any) -> None:
    # Company 1 still owes: the file that first said so stays. Company 2 left the list on 2020-03-03.
    assert due(old, date(2023, 3, 2)) == set()
    assert due(old, date(2023, 3, 3)) == {"broken.csv"}
    assert due(old, date(2025, 3, 1)) == {"broken.csv"}
    assert due(old, date(2026, 3, 2)) == {"broken.csv", "one.csv", "listed.jsonl"}, (
        "the newest file of the court stays, as what the next is compared with"
    )


def test_prune_lists_first_and_removes_when_told(old: Any) -> None:
    before = kept(old)
    runner = CliRunner()
    listed = runner.invoke(app, ["archive", "prune", "--on", "2026-03-02"])
    assert listed.exit_code == 0, listed.output
    assert kept(old) == before and "3" in listed.output.splitlines()[-1]
    assert "征信业管理条例第十六条" in listed.output and "试样" not in listed.output
    done = runner.invoke(app, ["archive", "prune", "--on", "2026-03-02", "--remove"])
    assert done.exit_code == 0, done.output
    gone = {sha for _, sha in before - kept(old)}
    removals = old.rows("select sha256, retention_class, years, due_on from audit.archive_removal order by 2, 1")
    assert {row[0] for row in removals} == gone and len(gone) == 3
    assert {row[1:] for row in removals} == {
        ("credit_item", 5, date(2026, 3, 2)),
        ("refused", 3, date(2026, 3, 2)),
    }
    assert due(old, date(2026, 3, 2)) == set()
    assert runner.invoke(app, ["archive", "prune", "--on", "2999-01-01"]).exit_code == 1


def test_an_open_objection_keeps_the_evidence(old: Any) -> None:
    assert "listed.jsonl" in due(old, date(2026, 3, 2))
    old.execute(
        "insert into core.objection (objection_id, contested_id, status, recorded_from, recorded_to)"
        " values ('o', '9001', 'OPEN', now(), 'infinity')"
    )
    assert "listed.jsonl" not in due(old, date(2026, 3, 2))


def test_a_class_without_a_rule_removes_nothing(old: Any) -> None:
    before = kept(old)
    with pytest.raises(retention.UnknownClass, match="no rule in force on 2020-01-01"):
        retention.prune(date(2020, 1, 1))  # before the law on personal information
    old.execute("delete from core.retention_rule where retention_class = 'handling'")
    with pytest.raises(retention.UnknownClass, match="handling"):
        retention.prune(date(2026, 3, 2))
    assert kept(old) == before


def test_the_removal_is_on_record_before_it_happens(old: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise psycopg.OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(archive, "remove", refuse)
        with pytest.raises(psycopg.OperationalError):
            retention.prune(date(2026, 3, 2))
    assert old.rows("select count(*) from audit.archive_removal") == [(1,)]
    assert len(retention.prune(date(2026, 3, 2))) == 3
