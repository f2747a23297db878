"""The site and the screens, from feeds that an independent publisher signed: whom they show, and that nobody stays."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from credit_warehouse.feed_consumer import FeedRefused
from credit_warehouse.site import shards
from credit_warehouse.site.build import build_site
from credit_warehouse.site.held import StaleFeed
from credit_warehouse.site.screen import write_pages
from feed_peer import raw
from public_feed import KEY, NOW, RARE, PublicFeed, entry


class Feed(PublicFeed):
    """A public feed and what is made of it."""

    def build(self, **options: Any) -> Path:
        out = self.folder / "site"
        build_site(self.folder / "exports", out, self.folder / "copies", raw(KEY), **options)
        return out

    def written(self) -> str:
        return "".join(path.read_text() for path in sorted((self.folder / "site").rglob("*")) if path.is_file())


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    found = Feed(tmp_path)
    found.add(*(entry(number) for number in range(1, 6)), entry(9, subject_name=RARE))
    return found


def shown(site: Path) -> set[str]:
    return {row[0] for path in (site / "data" / "name").glob("*.json") for row in json.loads(path.read_text())}


def test_everybody_who_is_held_is_found_under_his_name_and_nobody_else(feed: Feed) -> None:
    site = feed.build()
    assert shown(site) == {"试样1", "试样2", "试样3", "试样4", "试样5", RARE}
    listed = json.loads((site / "data" / "list.json").read_text())
    assert [(court["court"], court["entries"]) for court in listed["courts"]] == [("南昌市东湖区人民法院", 6)]
    assert listed["places"] == {"360000": "江西省", "360100": "南昌市", "360102": "东湖区"}


def test_who_was_withdrawn_is_gone_from_every_file_of_the_next_build(feed: Feed) -> None:
    feed.build()
    assert "试样2" in feed.written()
    feed.remove(2, "WITHDRAWN")
    feed.build()
    assert "试样2" not in feed.written()
    assert not [path for path in feed.folder.iterdir() if path.name.startswith(".")], "no draft and no old site stays"


def test_a_feed_that_is_not_what_it_claims_makes_no_site_and_leaves_the_old_one(feed: Feed) -> None:
    site = feed.build()
    feed.add(entry(8))
    delta = max(feed.publisher.folder.glob("*/delta.jsonl"))
    delta.write_bytes(delta.read_bytes().replace("试样8".encode(), "无辜者".encode()))
    with pytest.raises(FeedRefused):
        feed.build()
    assert "无辜者" not in feed.written() and shown(site) == {"试样1", "试样2", "试样3", "试样4", "试样5", RARE}


def test_of_an_expired_feed_no_site_is_made(feed: Feed) -> None:
    with pytest.raises(StaleFeed):
        feed.build(now=NOW + timedelta(days=30))
    assert not (feed.folder / "site").exists()


def test_a_folder_of_somebody_else_is_left_alone(feed: Feed) -> None:
    other = feed.folder / "site" / "thesis.txt"
    other.parent.mkdir()
    other.write_text("years of work")
    with pytest.raises(ValueError, match="choose an empty folder"):
        feed.build()
    assert other.read_text() == "years of work"


class Addresses(HTMLParser):
    """What a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value or "" for name, value in attrs if name in ("src", "href", "action")}


def test_no_page_asks_another_host_and_no_search_engine_keeps_one(feed: Feed) -> None:
    site = feed.build(contact="示例中心")
    pages = sorted(site.glob("*.html"))
    assert [page.name for page in pages] == ["index.html", "objection.html", "statistics.html"]
    for page in pages:
        text = page.read_text()
        parser = Addresses()
        parser.feed(text)
        local = {address for address in parser.found if (site / address).is_file() or address.startswith("#")}
        assert parser.found - local == {"data:,"}
        assert '<meta name="robots" content="noindex' in text and "connect-src 'self'" in text
        assert 'lang="zh-CN"' in text and "数据截至" in text
    assert not re.search(r"https?:", (site / "site.js").read_text() + (site / "site.css").read_text())
    assert (site / "robots.txt").read_text() == "User-agent: *\nDisallow: /\n"
    assert "no-store" in (site / "_headers").read_text()


def test_statistics_come_from_the_deliveries(feed: Feed) -> None:
    feed.remove(3, "PERFORMED")
    feed.remove(4, "WITHDRAWN|PERFORMED")
    feed.remove(5, "EXPIRED")
    from credit_warehouse.site.held import held

    _, _, numbers = held(feed.folder / "exports", "exposure", feed.folder / "copies", raw(KEY))
    assert (numbers.persons, numbers.organisations, numbers.shown_ever) == (3, 0, 6)
    assert (numbers.performed, numbers.performed_amount) == (2, Decimal(7000))
    assert (numbers.amount, numbers.with_amount) == (Decimal(1000 + 2000 + 9000), 3)
    assert [(day.added, day.removed, day.performed, day.total) for day in numbers.days] == [
        (6, 0, 0, 6), (0, 1, 1, 5), (0, 1, 1, 4), (0, 1, 0, 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    # FNV-1a over UTF-16LE units, worked out apart: 张 5F20, 伟 4F1F; a character beyond the first plane is two units.
    [("张", ((0x811C9DC5 ^ 0x5F20) * 0x01000193) % 2**32),
     ("张 伟", ((((0x811C9DC5 ^ 0x5F20) * 0x01000193) % 2**32 ^ 0x4F1F) * 0x01000193) % 2**32),
     ("𬭎", ((((0x811C9DC5 ^ 0xD872) * 0x01000193) % 2**32 ^ 0xDF4E) * 0x01000193) % 2**32)],
)  # fmt: skip
def test_a_name_is_hashed_as_the_page_does(name: str, expected: int) -> None:
    assert shards.name_hash(name) == expected


@pytest.mark.parametrize(("entries", "expected"), [(0, 1), (1, 1), (250, 4), (400, 4), (300_000, 4096)])
def test_files_of_names_stay_small(entries: int, expected: int) -> None:
    assert shards.shard_count(entries) == expected


def test_the_page_cuts_names_as_the_consumer_does() -> None:
    """The writings that count as one name stand in both."""
    from credit_warehouse.feed_check import _NAME

    script = (Path(shards.__file__).parent / "templates" / "site.js").read_text()
    dots = next(line for line in script.splitlines() if line.startswith("const DOTS"))
    (taken,) = re.findall(r"\[(.*)\]", dots)
    assert {chr(code) for code, to in _NAME.items() if chr(to) == "·" and chr(code) != "·"} == set(taken)


def test_screens_roll_through_everybody_once(feed: Feed, tmp_path: Path) -> None:
    pages = write_pages(
        feed.folder / "exports", "exposure", tmp_path / "screens", tmp_path / "copies", raw(KEY), page_length=4,
        dwell_seconds=12,
    )  # fmt: skip
    assert (pages.pages, pages.entries, pages.seconds) == (2, 6, 24)
    names = [
        [entry["subject_name"] for entry in json.loads(path.read_text())]
        for path in sorted((tmp_path / "screens").glob("page-*.json"))
    ]
    assert names == [[RARE, "试样5", "试样4", "试样3"], ["试样2", "试样1"]]
    index = json.loads((tmp_path / "screens" / "index.json").read_text())
    assert index["dwell_seconds"] == 12 and datetime.fromisoformat(index["valid_until"]) > NOW
