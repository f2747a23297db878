"""The newspaper bulletin, read back from its PDF; the outlines are compared with those of the font as it came."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pylopdf_fonts_zh_cn
import pytest
from fontTools.pens.recordingPen import RecordingPen
from fontTools.ttLib import TTFont

from credit_warehouse.feed_consumer import FeedRefused
from credit_warehouse.settings import PROJECT_ROOT
from credit_warehouse.site.bulletin import PRINTED, Bulletin, MissingGlyph, NotABulletin, week_of, write_bulletin
from credit_warehouse.site.held import StaleFeed
from feed_peer import raw
from paper import Paper
from public_feed import KEY, NOW, RARE, PublicFeed, entry

LONG = "试样国际新能源装备制造与进出口贸易股份有限责任公司第一分公司"
NOT_IN_THE_FONT = "\U00020021"
COURT, OTHER = "南昌市东湖区人民法院", "青岛市市北区人民法院"


class Feed(PublicFeed):
    """The feed of the channel and what is printed of it."""

    def __init__(self, folder: Path, name: str = "exposure-bulletin") -> None:
        super().__init__(folder, name)
        self.name, self.out = name, folder / "bulletin.pdf"

    def make(self, **options: Any) -> Bulletin:
        return write_bulletin(
            self.folder / "exports", self.name, self.out, self.folder / "copies", raw(KEY),
            **{"centre": "示例公共信用中心", "contact": "示例路1号", **options},
        )  # fmt: skip


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return Feed(tmp_path)


def test_every_entry_is_printed_once_under_its_court_with_what_a_reader_needs(feed: Feed) -> None:
    feed.add(
        entry(1, subject_name=RARE), entry(2, court_name=OTHER, is_contested=True), entry(3, performance="全部未履行"),
        entry(4, subject_name=LONG, subject_kind="organisation", legal_representative="试𬭎", conduct="虚假诉讼"),
    )  # fmt: skip
    assert (done := feed.make()).entries == 4 and done.courts == 2
    paper = Paper(feed.out.read_bytes())
    assert len(paper.pages) == done.pages == 1
    for name in (RARE, "试样2【异议中】", "试样3", LONG, "法定代表人或者负责人：试𬭎"):
        assert paper.text.count(name) == 1, name
    for said in (
        "6600011985****0002", "(2026)赣0102执3号", "金钱给付义务，4000元", "全部未履行", "虚假诉讼", "2026-03-04",
        "示例公共信用中心", "示例路1号", "法释〔2013〕17号（2017年修正）第七条（报纸）", "不能收回",
        "书面向条目所载的执行法院申请纠正",
        f"数据截至 {NOW.year}年", "第 1 页", "共 1 页", week_of((NOW - timedelta(days=4)).date()),
    ):  # fmt: skip
        assert said in paper.text, said
    # Courts in order, each with its own: an entry stands between its court's name and the next.
    assert paper.text.index(f"{COURT}（3 条）") < paper.text.index("试样3") < paper.text.index(f"{OTHER}（1 条）")
    assert paper.text.index(f"{OTHER}（1 条）") < paper.text.index("试样2")


def test_a_rare_character_is_drawn_with_its_own_outlines(feed: Feed) -> None:
    feed.add(entry(1, subject_name=RARE))
    feed.make()
    paper = Paper(feed.out.read_bytes())
    with TTFont(pylopdf_fonts_zh_cn.serif_path(), lazy=True) as font:
        shapes, names = font.getGlyphSet(), font.getBestCmap()
        for character in RARE:
            pen = RecordingPen()
            shapes[names[ord(character)]].draw(pen)
            assert pen.value and paper.shape(character) == pen.value, f"U+{ord(character):04X}"


@pytest.mark.parametrize("field", ["subject_name", "legal_representative", "court_name"])
def test_a_character_without_a_glyph_stops_the_bulletin_and_is_named(feed: Feed, field: str) -> None:
    feed.add(entry(1), entry(2, **{field: f"试{NOT_IN_THE_FONT}样"}))
    with pytest.raises(MissingGlyph, match=rf"i2 {field} U\+20021") as refused:
        feed.make()
    assert "i1" not in str(refused.value) and "6600011985" not in str(refused.value)
    assert not feed.out.exists()


def test_what_the_page_itself_says_is_looked_up_too(feed: Feed) -> None:
    feed.add(entry(1))
    with pytest.raises(MissingGlyph, match=r"text of the pages U\+20021"):
        feed.make(centre=f"示例{NOT_IN_THE_FONT}中心")
    assert not feed.out.exists()


def test_of_an_expired_feed_nothing_is_printed(feed: Feed) -> None:
    feed.add(entry(1))
    with pytest.raises(StaleFeed):
        feed.make(now=NOW + timedelta(days=30))
    assert not feed.out.exists()


def test_a_feed_that_is_not_what_it_claims_prints_nothing(feed: Feed) -> None:
    feed.add(entry(1))
    delta = max(feed.publisher.folder.glob("*/delta.jsonl"))
    delta.write_bytes(delta.read_bytes().replace("试样1".encode(), "无辜者".encode()))
    with pytest.raises(FeedRefused):
        feed.make()
    assert not feed.out.exists()


def test_nobody_of_a_tombstone_is_in_the_next_bulletin(feed: Feed) -> None:
    feed.add(entry(1), entry(2, subject_name="撤下之人"))
    feed.make()
    assert "撤下之人" in Paper(feed.out.read_bytes()).text
    feed.remove(2, "WITHDRAWN")
    assert feed.make().entries == 1
    text = Paper(feed.out.read_bytes()).text
    assert "撤下之人" not in text and "****0002" not in text and "试样1" in text
    assert [path.name for path in feed.folder.iterdir() if "draft" in path.name] == []


def test_a_bulletin_of_the_new_leaves_out_whom_the_feed_held_before_the_week(feed: Feed) -> None:
    # Its deliveries are of Sunday, Monday and Tuesday.
    feed.publisher.produced = NOW - timedelta(days=NOW.weekday() + 2)
    feed.add(entry(1), entry(2, subject_name="去而复来"))
    feed.remove(2, "WITHDRAWN")
    feed.add(entry(2, subject_name="去而复来"), entry(3))
    assert feed.make(only_new=True, now=NOW).entries == 2
    text = Paper(feed.out.read_bytes()).text
    assert "去而复来" in text and "试样3" in text and "试样1" not in text and "本周新增的条目 2 条" in text


def test_the_same_state_of_the_feed_gives_the_same_bytes(feed: Feed) -> None:
    feed.add(*(entry(number, subject_name=RARE) for number in range(1, 4)))
    feed.make()
    first = feed.out.read_bytes()
    feed.make(now=NOW + timedelta(minutes=1))
    assert feed.out.read_bytes() == first


def test_a_list_that_was_not_declared_for_paper_is_not_printed(tmp_path: Path) -> None:
    public = Feed(tmp_path, "exposure")
    public.add(entry(1, age=40))
    with pytest.raises(NotABulletin, match="bulletin"):
        public.make()
    assert not public.out.exists()


def test_what_the_channel_declares_is_what_is_printed() -> None:
    with (PROJECT_ROOT / "dbt_project" / "seeds" / "exposure_channel.csv").open(encoding="utf-8") as lines:
        (row,) = (line for line in csv.DictReader(lines) if line["channel"] == "bulletin" and not line["valid_to"])
    # Contested is a word beside the name; kind and id are nothing that a reader of paper needs.
    assert set(row["fields"].split("|")) == {*PRINTED, "is_contested", "subject_kind", "item_id"}


def test_a_file_that_is_no_pdf_is_left_alone(feed: Feed) -> None:
    feed.add(entry(1))
    feed.out.write_text("years of work")
    with pytest.raises(ValueError, match="is no PDF"):
        feed.make()
    assert feed.out.read_text() == "years of work"


def test_a_long_list_names_its_court_on_every_page_and_numbers_them(feed: Feed) -> None:
    feed.add(*(entry(number, published_on="2026-03-01") for number in range(10, 80)))
    done = feed.make()
    pages = Paper(feed.out.read_bytes()).pages
    assert len(pages) == done.pages > 1
    for number, page in enumerate(pages, 1):
        assert f"第 {number} 页" in page and COURT in page and "不能收回" in page
    assert sum(page.count("****00") for page in pages) == 70


@pytest.mark.parametrize(
    ("day", "week"),
    [
        ("2026-03-02", "2026年3月2日（星期一）至 2026年3月8日（星期日）"),
        ("2026-03-08", "2026年3月2日（星期一）至 2026年3月8日（星期日）"),
        ("2027-01-01", "2026年12月28日（星期一）至 2027年1月3日（星期日）"),
    ],
)
def test_a_week_is_monday_to_sunday(day: str, week: str) -> None:
    assert week_of(date.fromisoformat(day)) == week
