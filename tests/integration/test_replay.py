"""A warehouse rebuilt from its archive holds the same marts."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from credit_warehouse import archive
from credit_warehouse.archive import ArchiveDamaged
from credit_warehouse.declarations import load_sources
from credit_warehouse.replay import replay
from credit_warehouse.sandbox import generate

FIRST = date(2026, 3, 2)
TABLES = (
    "marts.defaulter_listing", "marts.credit_record", "marts.credit_record_item", "exports.listing_decision",
    "exports.exposure_publication", "exports.punishment_directive", "core.credit_item", "core.objection",
    "core.related_person", "audit.rejected_row",
)  # fmt: skip


def checksums(warehouse) -> dict[str, str]:
    """Content of every table, rows in any order; when a row was noted is not content."""
    return {
        table: warehouse.rows(
            f"select coalesce(md5(string_agg(row, e'\\n' order by row)), 'empty')"
            f" from (select (to_jsonb(t) - 'recorded_at')::text as row from {table} t) as rows"
        )[0][0]
        for table in TABLES
    }


@pytest.fixture(scope="module")
def original(other_warehouse, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("two_days")
    generate(folder / "sandbox", subjects=300, days=2, start=FIRST)
    with other_warehouse(folder) as warehouse:
        for offset in range(2):
            day = FIRST + timedelta(days=offset)
            warehouse.day(day, landing=folder / "sandbox" / day.isoformat())
        yield warehouse


@pytest.fixture
def two_days(original, other_warehouse, tmp_path: Path):
    with other_warehouse(tmp_path, like=original) as copy:
        yield copy


def test_a_lost_database_content_comes_back_from_the_archive(two_days) -> None:
    before = checksums(two_days)
    assert "empty" not in before.values()
    for table in (
        "raw.court_defaulters",
        "core.credit_item",
        "marts.defaulter_listing",
        "exports.exposure_publication",
    ):
        two_days.execute(f"delete from {table}")
    assert checksums(two_days) != before

    batches, _ = replay(FIRST)

    played = {
        source for (source,) in two_days.rows("select distinct source from audit.batch where build_id is not null")
    }
    assert played == {source.name for source in load_sources()}, "every declared source takes part"
    assert batches == two_days.rows("select count(*) from audit.batch where status = 'accepted'")[0][0]
    assert checksums(two_days) == before


def test_a_replay_takes_up_a_killed_one_and_does_without_what_was_removed_in_due_time(two_days) -> None:
    before = checksums(two_days)
    [(killed,)] = two_days.rows("select max(batch_id) from audit.batch where source = 'tax_arrears'")
    two_days.execute("update audit.batch set status = 'received' where batch_id = %s", [killed])
    two_days.execute("delete from raw.tax_arrears where _batch_id = %s", [killed])
    source, sha256 = two_days.rows("select source, sha256 from audit.batch where source = 'court_defaulters'")[0]
    two_days.execute(
        "insert into audit.archive_removal (source, sha256, bytes, newest_date, retention_class, years, legal_basis,"
        " due_on) values (%s, %s, 1, '2026-03-02', 'credit_item', 5, 'x', '2031-03-02')",
        [source, sha256],
    )
    archive.remove(source, sha256)
    batches, _ = replay(FIRST)
    assert batches == two_days.rows("select count(*) - 1 from audit.batch where status = 'accepted'")[0][0]
    assert checksums(two_days) == before

    two_days.execute("delete from raw.court_defaulters")
    with pytest.raises(ArchiveDamaged, match="court_defaulters"):
        replay(FIRST)


def test_a_changed_original_stops_the_replay_before_anything_is_touched(warehouse, tmp_path: Path) -> None:
    generate(tmp_path / "sandbox", subjects=300, days=1, start=FIRST)
    warehouse.landing = tmp_path / "sandbox" / FIRST.isoformat()
    warehouse.ingest(FIRST, ["tax_arrears", "registry_entities"])
    loaded = warehouse.rows("select batch_id, status, rows_loaded from audit.batch order by 1")
    source, sha256 = warehouse.rows("select source, sha256 from audit.batch order by batch_id limit 1")[0]
    original = archive.archived(source, sha256)
    original.chmod(0o600)
    original.write_bytes(original.read_bytes()[:-1])

    with pytest.raises(ArchiveDamaged, match=source):
        replay(FIRST)

    assert warehouse.rows("select batch_id, status, rows_loaded from audit.batch order by 1") == loaded
