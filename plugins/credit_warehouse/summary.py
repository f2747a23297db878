"""The numbers that close a run."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from credit_warehouse.db import connect
from credit_warehouse.settings import settings


@dataclass(frozen=True)
class Totals:
    """Totals of the warehouse as it stands."""

    rows_in: int
    rejected: int
    superseded: int
    refused_files: int
    subjects: int
    published: int
    directives: int
    removed: int


def totals() -> Totals:
    """Count what came in, what stands, and what was taken down."""
    with connect() as connection:
        row = connection.execute(
            "select (select coalesce(sum(rows_in), 0) from audit.batch where status = 'accepted'),"
            " (select count(*) from audit.rejected_row),"
            " (select count(*) from audit.rejection_superseded),"
            " (select count(*) from audit.batch where status = 'refused'),"
            " (select count(*) from marts.credit_record),"
            " (select count(*) from exports.feed_entry where feed = 'exposure'),"
            " (select count(*) from exports.feed_entry where feed not in"
            " (select feed from audit.export_ledger where product = 'exposure_publication')),"
            " (select count(*) from exports.feed_tombstone)"
        ).fetchone()
    assert row
    return Totals(*(int(value) for value in row))


def show(console: Console, result: Totals) -> None:
    """Print the totals, and where exports, report and logs are."""
    table = Table(title="汇总 Summary", show_header=False)
    for label, value in (
        ("收到行数 rows in", result.rows_in),
        ("隔离行数 rows quarantined", result.rejected),
        ("其中已被后续报送取代 of these superseded", result.superseded),
        ("拒收文件 files refused", result.refused_files),
        ("主体 subjects", result.subjects),
        ("曝光条目 published", result.published),
        ("惩戒指令 directives", result.directives),
        ("已撤下 removed", result.removed),
    ):
        table.add_row(label, f"{value:,}")
    console.print(table)
    for label, path in (
        ("出库文件 exports", settings().exports),
        ("质量报告 quality report", settings().reports / "quality_latest.html"),
        ("日志 logs", settings().logs),
    ):
        console.print(f"{label}: {path}", soft_wrap=True, highlight=False)
