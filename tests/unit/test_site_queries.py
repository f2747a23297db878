"""How often a site was asked: the file of its operator, refused by line and field, and drawn on the statistics page."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from credit_warehouse.cli import app
from credit_warehouse.report import charts
from credit_warehouse.site.build import build_site
from credit_warehouse.site.held import held
from credit_warehouse.site.queries import QueriesRefused, read_queries
from feed_peer import raw
from public_feed import KEY, NOW, PublicFeed, entry

TODAY = date(2026, 3, 5)
VISITOR = "203.0.113.77"


def faults(folder: Path, content: bytes) -> list[tuple[int, str, str]]:
    file = folder / "queries.csv"
    file.write_bytes(content)
    with pytest.raises(QueriesRefused) as refused:
        read_queries(file, TODAY)
    for line, field, rule in refused.value.faults:
        assert f"queries.csv{f':{line}' if line else ''}{f' {field}' if field else ''} [{rule}]" in str(refused.value)
    assert VISITOR not in str(refused.value), "what is refused may be a log of visitors"
    return refused.value.faults


def test_days_are_read_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "queries.csv"
    file.write_bytes(b"\xef\xbb\xbfday,queries\r\n2026-03-04,0\r\n2026-03-02,1520\r\n\r\n")
    assert list(read_queries(file, TODAY).items()) == [(date(2026, 3, 2), 1520), (date(2026, 3, 4), 0)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", [(1, "", "QUERIES_HEADER")]),
        (b"day,queries\n", [(0, "", "QUERIES_EMPTY")]),
        (b"day;queries\n2026-03-02;1\n", [(1, "", "QUERIES_HEADER")]),
        # A third column would be something of somebody.
        (f"day,queries,client\n2026-03-02,1,{VISITOR}\n".encode(), [(1, "", "QUERIES_HEADER")]),
        (f'{VISITOR} - - [02/Mar/2026:09:00:00 +0800] "GET /data/name/7.json"\n'.encode(), [(1, "", "QUERIES_HEADER")]),
        (f"day,queries\n2026-03-02,1,{VISITOR}\n".encode(), [(2, "", "QUERIES_FIELDS")]),
        ("日,次\n".encode("gb18030"), [(0, "", "QUERIES_ENCODING")]),
        (b"day,queries\n2026-03-02,1\n20260303,1\n", [(3, "day", "QUERIES_DAY")]),
        (b"day,queries\n2026-02-30,1\n", [(2, "day", "QUERIES_DAY")]),
        (b"day,queries\n2026-03-05,1\n", [(2, "day", "QUERIES_DAY_NOT_OVER")]),
        (b"day,queries\n2026-03-02,1\n2026-03-02,1\n", [(3, "day", "QUERIES_DAY_TWICE")]),
        (
            "day,queries\n2026-03-02,-1\n2026-03-03,1.5\n2026-03-04,\n2026-03-01,１\n".encode(),
            [(line, "queries", "QUERIES_COUNT") for line in (2, 3, 4, 5)],
        ),
        (b"day,queries\nyesterday,many\n", [(2, "day", "QUERIES_DAY"), (2, "queries", "QUERIES_COUNT")]),
        (b"day,queries\n" + b"2026-03-02,1\n" * 80_000, [(0, "", "QUERIES_FILE")]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_line_field_and_rule(
    tmp_path: Path, content: bytes, expected: list[tuple[int, str, str]]
) -> None:
    assert faults(tmp_path, content) == expected


def test_the_last_day_that_is_over_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "queries.csv"
    file.write_text("day,queries\n2026-03-04,7\n")
    assert read_queries(file, TODAY) == {date(2026, 3, 4): 7}


# The statistics page


def site(folder: Path, feed: PublicFeed, queries: Path | None = None) -> str:
    build_site(folder / "exports", folder / "site", folder / "copies", raw(KEY), queries=queries)
    return (folder / "site" / "statistics.html").read_text(encoding="utf-8")


def drawn(page: str) -> dict[str, str]:
    """Caption and words of every curve."""
    return dict(re.findall(r'<figcaption>(.*?)：.*?</figcaption><svg [^>]*?aria-label="(.*?)"', page))


def test_queries_are_a_curve_and_a_column_where_they_were_reported(tmp_path: Path) -> None:
    feed = PublicFeed(tmp_path)
    feed.add(entry(1))
    (yesterday, before) = ((NOW - timedelta(days=back)).date() for back in (1, 2))
    file = tmp_path / "queries.csv"
    file.write_text(f"day,queries\n{before},1520\n{yesterday},31\n")
    page = site(tmp_path, feed, file)
    assert drawn(page)["每日查询"] == f"每日查询，{before} 至 {yesterday}：最高 1,520，最近 31 次"
    assert f'<time datetime="{yesterday}">{yesterday}</time></th><td class="n">—</td>' in page
    assert page.count('<td class="n">1,520</td>') == 1 and "只计每日次数" in page
    without = site(tmp_path, feed)
    assert "每日查询" not in drawn(without) and "查询次数未报告" in without and "只计每日次数" not in without


def test_a_file_that_is_wrong_builds_no_site_and_leaves_the_old_one(tmp_path: Path) -> None:
    feed = PublicFeed(tmp_path)
    feed.add(entry(1))
    before = site(tmp_path, feed)
    file = tmp_path / "queries.csv"
    file.write_text("day,queries\n2026-03-02,many\n")
    key = next((tmp_path / "exports" / "keys").glob("*.pub"))
    done = CliRunner().invoke(
        app, ["site", "build", "--exports", str(tmp_path / "exports"), "--out", str(tmp_path / "site"), "--home",
              str(tmp_path / "copies"), "--key", str(key), "--queries", str(file)],
    )  # fmt: skip
    assert done.exit_code == 1 and "queries.csv:2 queries [QUERIES_COUNT]" in done.output
    assert (tmp_path / "site" / "statistics.html").read_text(encoding="utf-8") == before


def played(folder: Path) -> PublicFeed:
    """Four deliveries on four days: three shown, one changed, two gone, of which one performed."""
    feed = PublicFeed(folder)
    feed.add(entry(1), entry(2))
    feed.publisher.send({"op": "UPDATE", "id": "i1", "reason": None, "entry": entry(1, duty_summary="行为义务")})
    feed.remove(2, "PERFORMED")
    feed.publisher.send(
        {"op": "REMOVE", "id": "i1", "reason": "WITHDRAWN", "entry": None},
        {"op": "ADD", "id": "i3", "reason": None, "entry": entry(3)},
    )
    return feed


EXPECTED = [  # total, ever shown, listed amount, performed amount of the day
    (2, 2, Decimal(3000), Decimal(0)), (2, 2, Decimal(2000), Decimal(0)), (1, 2, Decimal(0), Decimal(2000)),
    (1, 3, Decimal(3000), Decimal(0)),
]  # fmt: skip


def courses(folder: Path, copies: str = "copies") -> list[tuple[int, int, Decimal, Decimal]]:
    _, _, numbers = held(folder / "exports", "exposure", folder / copies, raw(KEY))
    return [(day.total, day.shown_ever, day.amount, day.performed_amount) for day in numbers.days]


def test_amounts_and_whoever_was_shown_follow_the_deliveries(tmp_path: Path) -> None:
    """The copy begins with the newest full set; what came before is verified by the chain of hashes."""
    played(tmp_path)
    assert courses(tmp_path) == EXPECTED
    page = site(tmp_path, PublicFeed(tmp_path))
    assert list(drawn(page)) == [
        "在列条目", "曾经曝光（累计）", "撤下（累计）", "曝光后履行（累计）", "在列载明金额",
        "曝光后履行的载明金额（累计）",
    ]  # fmt: skip
    assert drawn(page)["曝光后履行的载明金额（累计）"].endswith("最高 0.20，最近 0.20 万元")
    assert drawn(page)["曾经曝光（累计）"].endswith("最高 3，最近 3 条")


def test_a_history_that_was_tampered_with_counts_from_where_it_is_whole(tmp_path: Path) -> None:
    feed = played(tmp_path)
    delta = feed.publisher.folder / "00000002" / "delta.jsonl"
    delta.write_bytes(delta.read_bytes().replace("行为义务".encode(), "无辜义务".encode()))
    # The third has no full set; the fourth has one, and only it is told of.
    assert courses(tmp_path)[1:] == [(1, 1 + 2, Decimal(3000), Decimal(0))]
    manifest = feed.publisher.folder / "00000003" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b" ")
    assert courses(tmp_path, "another") == [(1, 1, Decimal(3000), Decimal(0))]


def test_a_publisher_that_keeps_the_newest_only_gives_a_history_from_there(tmp_path: Path) -> None:
    feed = played(tmp_path)
    for number in (1, 2, 3):
        for path in (feed.publisher.folder / f"{number:08d}").iterdir():
            path.unlink()
        (feed.publisher.folder / f"{number:08d}").rmdir()
    assert courses(tmp_path) == [(1, 1, Decimal(3000), Decimal(0))]


# The curve


def points(svg: str) -> list[list[tuple[float, float]]]:
    return [
        [(float(x), float(y)) for x, y in (pair.split(",") for pair in line.split())]
        for line in re.findall(r'<polyline points="(.*?)"', svg)
    ]


def test_a_curve_stands_on_nought_and_days_where_they_lie_in_time() -> None:
    first = date(2026, 3, 1)
    (line,) = points(
        charts.curve("题", [(first, 0), (first + timedelta(days=1), 5), (first + timedelta(days=4), 10)], "条")
    )
    (x0, y0), (x1, y1), (x2, y2) = line
    assert (x1 - x0) * 4 == pytest.approx(x2 - x0, rel=0.01) and (y0 - y1) * 2 == pytest.approx(y0 - y2, rel=0.01)


def test_a_day_that_nobody_reported_is_a_gap_and_not_a_nought() -> None:
    first = date(2026, 3, 1)
    days = [(first + timedelta(days=step), 5.0) for step in (0, 1, 3, 4)]
    assert [len(line) for line in points(charts.curve("题", days, "次", whole=False))] == [2, 2]
    assert [len(line) for line in points(charts.curve("题", days, "次"))] == [4]


@pytest.mark.parametrize("values", [[], [0.0], [0.0, 0.0]])
def test_a_curve_of_nothing_is_drawn_all_the_same(values: list[float]) -> None:
    days = [(date(2026, 3, 1) + timedelta(days=step), value) for step, value in enumerate(values)]
    assert "无数据" in charts.curve("题", days, "条") if not values else "最近 0 条" in charts.curve("题", days, "条")
