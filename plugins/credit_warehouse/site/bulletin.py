"""The newspaper bulletin: what a channel's feed holds, as A4 pages that can be printed and not be taken back.

A name printed wrong is somebody else's name, so every character is looked up in the font before anything is drawn.
The same state of the feed gives the same bytes.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pylopdf_fonts_zh_cn
from fontTools.ttLib import TTFont, TTLibError
from fpdf import FPDF
from fpdf.enums import TableBordersLayout, WrapMode
from fpdf.fonts import FontFace, TTFFont

from credit_warehouse.feed_consumer import Standing
from credit_warehouse.site.channel import BULLETIN, declared_on
from credit_warehouse.site.held import held
from credit_warehouse.site.shards import Entry, newest_first

TITLE = "失信被执行人名单公告"
FOOTNOTE = "印出的页面不能收回：所载的人可能已经移出名单，请向执行法院核对。认为列错的，见文末“异议与更正”。"
BEIJING = timezone(timedelta(hours=8))
COLUMNS = {
    "姓名或者名称": 40, "证件号码": 32, "案号": 33, "义务概要": 27, "履行情况、失信情形": 38, "发布日期": 18,
}  # fmt: skip
"""Heading and width in millimetres; together the 188 mm between the margins."""
NOT_FIRST, NOT_LAST = frozenset("，。；：、？！）〕》”"), frozenset("（〔《“")
"""Characters that do not begin a line, and that do not end one (GB/T 15834-2011, 5.1)."""
MARGIN, FOOT = 11, 16
"""Millimetres."""
PRINTED = (
    "subject_name", "identifier_shown", "legal_representative", "case_number", "court_name", "duty_summary",
    "performance", "conduct", "published_on",
)  # fmt: skip
"""Fields that are drawn; anything else in an entry is not."""
LISTED_REPORTED = 20


class MissingGlyph(ValueError):
    """The font has no glyph for a character that would have to be printed."""


class NotABulletin(ValueError):
    """No channel of this format is declared for the feed: its fields and masks were not chosen for paper."""


@dataclass(frozen=True)
class Bulletin:
    """What was written."""

    entries: int
    courts: int
    pages: int
    business_date: str
    sequence: int
    valid_until: str
    """Until when it may be printed (ISO 8601 with offset)."""


def write_bulletin(
    exports: Path, feed: str, out: Path, copies: Path, key: bytes | None, *, centre: str, contact: str = "",
    font: Path | None = None, only_new: bool = False, now: datetime | None = None,
) -> Bulletin:  # fmt: skip
    """Write the bulletin of what ``feed`` holds in the week of its newest delivery, in place of an older one.

    ``centre`` is who publishes, ``contact`` where it takes objections, ``font`` a TrueType or OpenType file instead of
    Noto Serif SC; ``only_new`` leaves out whom the feed held before the week. Raises what ``held`` raises,
    MissingGlyph, NotABulletin, and ValueError for a file that is no PDF.
    """
    if out.exists() and not out.read_bytes().startswith(b"%PDF-"):
        raise ValueError(f"{out}：不是 PDF 文件 is no PDF; choose another name")
    entries, standing, numbers = held(exports, feed, copies, key, now)
    declared = declared_on(feed, standing.business_date)
    if declared is None or declared["format"] != BULLETIN:
        raise NotABulletin(f"{feed}：未声明为公告渠道 no channel of format {BULLETIN} is declared for it on that day")
    day = date.fromisoformat(standing.business_date)
    if only_new:
        monday = _monday(day).isoformat()
        entries = [entry for entry in entries if numbers.shown_since.get(entry["item_id"], "") >= monday]
    face = font or pylopdf_fonts_zh_cn.serif_path()
    courts: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        courts[_text(entry, "court_name") or "执行法院未载明"].append(entry)
    kind = "本周新增的条目" if only_new else "条目"
    front = _front(
        standing, declared["legal_basis"], f"{kind} {len(entries)} 条，{len(courts)} 个法院", centre, contact
    )
    _check_entries(face, entries)
    pages = _Pages(face, front, day)
    for court, listed in sorted(courts.items()):
        pages.court(court, newest_first(listed))
    pages.end()
    _refuse(face, [f"页面文字 text of the pages U+{code:04X}" for code in pages.missing()])
    draft = out.with_name(f".{out.name}.draft")
    out.parent.mkdir(parents=True, exist_ok=True)
    draft.write_bytes(bytes(pages.output()))
    os.replace(draft, out)
    return Bulletin(
        len(entries), len(courts), pages.page_no(), standing.business_date, standing.sequence, standing.valid_until
    )


def _front(standing: Standing, basis: str, counted: str, centre: str, contact: str) -> dict[str, str]:
    """What the pages say beside the entries."""
    day = date.fromisoformat(standing.business_date)
    until = datetime.fromisoformat(standing.valid_until).astimezone(BEIJING)
    return {
        "centre": centre,
        "week": week_of(day),
        "state": f"数据截至 {_day(day)}；清单第 {standing.sequence} 号；{counted}。",
        "basis": f"依据：{basis}；所载内容限于第六条所列事项。",
        "warning": (
            f"印出的页面不能收回。本期只载{_day(day)}在列的条目；此后已经履行、到期、被删除或者撤销的，名单中即不再列，"
            f"印出的页面却仍会留存。付印不得晚于 {_day(until.date())}{until.hour}时{until.minute}分，逾期须重新生成；"
            "引用之前，请到执行法院或者全国法院失信被执行人名单公布平台核对。"
        ),
        "namesake": "同名的人很多：自然人号码遮蔽出生月日，仅凭姓名不能认定为某一个人。",
        "objection": (
            "认为列错的（不应列入、不是本人、信息不准确、应当删除），可以书面向条目所载的执行法院申请纠正（法释〔2013〕17号，2017年修正，"
            "第十一条、第十二条）。法院自收到之日起十五日内审查，理由成立的，三个工作日内纠正；驳回的，自送达之日起十日内可以向上一级法院申请复议。"
            f"也可以向{centre}提出{f'（{contact}）' if contact else ''}，由其转送法院。标有“异议中”的条目正在审查。"
        ),
    }  # fmt: skip


def week_of(day: date) -> str:
    """The week of a day, Monday to Sunday, in words."""
    monday = _monday(day)
    return f"{_day(monday)}（星期一）至 {_day(monday + timedelta(days=6))}（星期日）"


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def _text(entry: Entry, field: str) -> str:
    """A field on one line."""
    return " ".join(str(entry.get(field) or "").split())


def _check_entries(face: Path, entries: list[Entry]) -> None:
    try:
        with TTFont(face, lazy=True, fontNumber=0) as opened:
            known = {code for code, glyph in (opened.getBestCmap() or {}).items() if glyph != ".notdef"}
    except (TTLibError, OSError) as error:
        raise ValueError(f"{face}：不能读取字体 cannot be read as a font: {error}") from None
    _refuse(
        face,
        [
            f"条目 entry {entry['item_id']} {field} U+{code:04X}"
            for entry in entries
            for field in PRINTED
            for code in sorted(set(map(ord, _text(entry, field))) - known)
        ],
    )


def _refuse(face: Path, missing: list[str]) -> None:
    if missing:
        raise MissingGlyph(
            f"字体 {face.name} 缺字，未生成公告 the font lacks characters, no bulletin is made: "
            + "；".join(missing[:LISTED_REPORTED])
            + (f"；…（{len(missing)}）" if len(missing) > LISTED_REPORTED else "")
            + "。可用 --font 指定含有该字的字体 name a font that has them"
        )


class _Pages(FPDF):
    """The pages; ``front`` is what the first one says above the entries and the last one below them."""

    def __init__(self, face: Path, front: dict[str, str], day: date) -> None:
        super().__init__(format="A4")
        self._front, self._shown = front, 0
        # Without a total on each page nothing in a name can be taken for its placeholder.
        self.alias_nb_pages("")
        self.set_creation_date(datetime(day.year, day.month, day.day, tzinfo=BEIJING))
        self.set_title(f"{TITLE} {front['week']}")
        self.set_author(front["centre"])
        self.set_lang("zh-CN")
        self.set_margins(MARGIN, MARGIN)
        self.set_auto_page_break(True, FOOT)
        self.add_font("face", fname=face)
        self.set_font("face", size=8)
        self.add_page()
        self._title()

    def header(self) -> None:
        """Title and week, from the second page on."""
        if self.page_no() > 1:
            self.set_font("face", size=8)
            self.cell(0, 5, f"{TITLE}　{self._front['week']}　{self._front['centre']}", border="B", new_x="LMARGIN")
            self.ln(7)

    def footer(self) -> None:
        """What a page has to say wherever it ends up, and its number."""
        self.set_y(-FOOT + 3)
        self.set_font("face", size=7)
        self.cell(0, 5, FOOTNOTE, border="T")
        self.set_y(-FOOT + 3)
        self.cell(0, 5, f"第 {self.page_no()} 页", align="R")

    def court(self, name: str, entries: list[Entry]) -> None:
        """One court's entries, under its name on each page."""
        if self.will_page_break(28):
            self.add_page()
        self.set_font("face", size=8)
        plain = FontFace(fill_color=(232, 232, 232))
        with self.table(
            borders_layout=TableBordersLayout.HORIZONTAL_LINES, col_widths=list(COLUMNS.values()),
            headings_style=plain, line_height=3.8, num_heading_rows=2, padding=0.8, text_align="LEFT",
            v_align="TOP", wrapmode=WrapMode.CHAR,
        ) as table:  # fmt: skip
            table.row().cell(f"{name}（{len(entries)} 条）", colspan=len(COLUMNS), style=FontFace(size_pt=10))
            table.row(list(COLUMNS))
            for entry in entries:
                table.row(_cells(entry))
        self.ln(3)

    def end(self) -> None:
        """How to object, after the entries."""
        if self.will_page_break(45):
            self.add_page()
        self.ln(2)
        self._paragraph("异议与更正", size=11)
        self._paragraph(self._front["objection"])
        self._paragraph(self._front["namesake"])
        self._paragraph(f"（本期完，共 {self.page_no()} 页）", align="R")

    def missing(self) -> list[int]:
        """Code points drawn without a glyph, of whatever text."""
        face = self.fonts["face"]
        return sorted(face.missing_glyphs) if isinstance(face, TTFFont) else []

    def _title(self) -> None:
        self._paragraph(TITLE, size=20, align="C")
        self._paragraph(self._front["week"], size=11, align="C")
        self._paragraph(self._front["centre"], size=11, align="C")
        for part in ("state", "basis", "warning", "namesake"):
            self._paragraph(self._front[part])
        self.ln(2)

    def _paragraph(self, text: str, *, size: float = 8.5, align: str = "L") -> None:
        self.set_font("face", size=size)
        for line in self._lines(text):
            self.cell(0, size * 0.56, line, align=align, new_x="LMARGIN", new_y="NEXT")

    def _lines(self, text: str) -> Iterator[str]:
        """The lines of a paragraph, broken between any two characters but before a comma or after a bracket."""
        width = self.epw - 2 * self.c_margin
        while self.get_string_width(text) > width:
            end = next(n for n in range(1, len(text) + 1) if self.get_string_width(text[: n + 1]) > width)
            while end > 1 and (text[end] in NOT_FIRST or text[end - 1] in NOT_LAST):
                end -= 1
            yield text[:end]
            text = text[end:]
        yield text


def _cells(entry: Entry) -> list[str]:
    name = _text(entry, "subject_name")
    if entry.get("is_contested"):
        name += "【异议中】"
    if representative := _text(entry, "legal_representative"):
        name += f"\n法定代表人或者负责人：\n{representative}"
    return [
        name, _text(entry, "identifier_shown"), _text(entry, "case_number"),
        # An amount on a line of its own is not broken into two.
        _text(entry, "duty_summary").replace("，", "，\n"),
        "\n".join(filter(None, (_text(entry, "performance"), _text(entry, "conduct")))), _text(entry, "published_on"),
    ]  # fmt: skip
