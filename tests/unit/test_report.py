"""Charts, masking and the list of what needs attention, without a database."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import pytest

from credit_warehouse.report import charts, wording
from credit_warehouse.report.attention import notices
from credit_warehouse.report.facts import (
    CourtQuestionLine,
    DbtNode,
    ExposureDay,
    Facts,
    FeedbackAlarmLine,
    FeedLine,
    GateFinding,
    GateLine,
    HarmLine,
    InsideLine,
    Outcome,
    Period,
    ProductLine,
    SourceLine,
    TakedownLine,
)
from credit_warehouse.report.masking import masked, scrubbed
from credit_warehouse.report.page import render
from credit_warehouse.rules import load_book

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
DAY = date(2026, 3, 2)
FULL_NUMBER = "37020319900101123X"
BOOK = load_book()


def widths(svg: str) -> list[float]:
    """Widths of the rectangles of a chart, without its track."""
    root = ElementTree.fromstring(svg)
    return [float(rect.attrib["width"]) for rect in root.iter("rect") if rect.attrib["class"] != "track"]


class TestCharts:
    def test_stacked_bar_fills_its_width_in_proportion(self):
        parts = [charts.Part("甲", 3, "a"), charts.Part("乙", 1, "b"), charts.Part("丙", 0, "c")]
        first, second = widths(charts.stacked_bar("题", parts, width=404))
        assert first + second == pytest.approx(404)
        assert (first - charts.LEAST) / (second - charts.LEAST) == pytest.approx(3, rel=0.01)

    def test_one_in_a_million_is_still_seen(self):
        bar = charts.stacked_bar("题", [charts.Part("甲", 999_999, "a"), charts.Part("乙", 1, "b")], width=100)
        assert min(widths(bar)) >= charts.LEAST

    def test_nothing_gives_an_empty_track_that_says_so(self):
        bar = charts.stacked_bar("题", [charts.Part("甲", 0, "a")])
        assert widths(bar) == []
        assert "无数据" in bar

    def test_every_chart_says_its_content_in_words(self):
        bar = charts.stacked_bar("来源", [charts.Part("有效", 1200, "valid")])
        assert ElementTree.fromstring(bar).attrib["role"] == "img"
        assert ElementTree.fromstring(bar).attrib["aria-label"] == "来源：有效 1,200"

    def test_trend_has_one_bar_a_day_and_stacks_the_quarantined_part(self):
        days = [charts.Day(date(2026, 3, 1), 400, 100), charts.Day(date(2026, 3, 2), 100), charts.Day(DAY)]
        root = ElementTree.fromstring(charts.trend("来源", days, height=40))
        heights = {r.attrib["class"] + r.attrib["x"]: float(r.attrib["height"]) for r in root.iter("rect")}
        tall, bad, low = heights.values()
        assert tall == pytest.approx(2 * low)  # square root: a quarter of the rows is half as high
        assert bad == pytest.approx(tall / 4, abs=0.1)

    def test_trend_marks_a_day_on_which_everything_was_refused(self):
        svg = charts.trend("来源", [charts.Day(DAY, refused_files=2)])
        assert "拒收 2 份" in svg
        assert 'class="refused"' in svg

    @pytest.mark.parametrize("values", [[], [5], [5, 5], [0, 3, 1]])
    def test_sparkline_stays_in_its_box(self, values: list[int]):
        root = ElementTree.fromstring(charts.sparkline("条数", values, width=90, height=24))
        for line in root.iter("polyline"):
            for x, y in (map(float, point.split(",")) for point in line.attrib["points"].split()):
                assert 0 <= x <= 90
                assert 0 <= y <= 24

    def test_labels_are_escaped(self):
        hostile = '"><script>alert(1)</script>'
        for svg in (
            charts.stacked_bar(hostile, [charts.Part(hostile, 1, "a")]),
            charts.meter(hostile, 1, 1, "a"),
            charts.sparkline(hostile, [1]),
            charts.trend(hostile, [charts.Day(DAY, 1)]),
        ):
            assert "<script" not in svg
            ElementTree.fromstring(svg)

    def test_meter_of_nothing_is_empty(self):
        assert widths(charts.meter("题", 0, 0, "a")) == [0]


class TestMasking:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ("2026-02-30", "2026-02-30"),
            ("20260230", "20260230"),
            ("2026年02月30日", "2026年02月30日"),
            ("12.5x", "12.5x"),
            ("其他", "其他"),
            (" 其他 ", "其他"),
            ("M", "M"),
            ("展期", "展*"),
            ("张三", "张*"),
            ("张 三", "张**"),
            ("欧阳·小明", "欧****"),
            ("Li Na", "L* N*"),
            (FULL_NUMBER, "3702**************"),
            ("３７０２０３１９９００１０１１２３Ｘ", "3702**************"),
            ("3702 0319 9001 0112 3X", "3702 **** **** **** **"),
            ("张三 37020319900101123X", "张**3702**************"),
            ("370203900101123", "3702***********"),
            ("13800001111", "1380*******"),
            ("91370203MA3C00000X", "9137**************"),
        ],
    )
    def test_value(self, value: str, shown: str):
        assert masked(value) == shown

    def test_long_values_are_cut(self):
        assert len(masked("a b " * 100)) == 41

    @pytest.mark.parametrize(
        ("message", "shown"),
        [
            ("Got 3 results, configured to fail if != 0", "Got 3 results, configured to fail if != 0"),
            ('invalid input syntax for type date: "张三"', 'invalid input syntax for type date: "…"'),
            ("name='张三' is wrong", "name='…' is wrong"),
            ("can't read '张三'", "can't read '…'"),
            ('null value in column "age" of relation "x"\nDETAIL: Failing row contains (张三).',
             'null value in column "age" of relation "x"'),
            (f"key {FULL_NUMBER} exists", "key 3702************** exists"),
            ("key ３７０２０３１９９００１０１１２３Ｘ", "key 3702**************"),
            ("a.csv：.ok 声明 bytes=4660512345，实际 1", "a.csv：.ok 声明 bytes=4660512345，实际 1"),
            ("court_defaulters_20260305_01.jsonl", "court_defaulters_20260305_01.jsonl"),
        ],
    )  # fmt: skip
    def test_message(self, message: str, shown: str):
        assert scrubbed(message) == shown


def source(**changes: Any) -> SourceLine:
    """A source that delivered ten good rows."""
    good = SourceLine(
        "tax_arrears", "欠税公告", "税务局", "full", 1, 1, 0, 0, 0, 10, 10, 0, 0, 0, 0, 0, 1, NOON
    )  # fmt: skip
    return replace(good, **changes)


NOTHING = source(files=0, accepted_files=0, rows_in=0, adopted=0)


def gate(suite: str) -> GateLine:
    return GateLine(suite, "RULE", "标题", "", "stop", "data_collection", 1, 1, 0, 0)


def inside(**changes: Any) -> InsideLine:
    """A data test that never ran."""
    line = InsideLine(
        "SUBJECT_ONCE", "一个主体一行", "第八条", "stop", "subject_record", "core.subject.subject_id", "unique"
    )
    return replace(line, **changes)


def takedown(**changes: Any) -> TakedownLine:
    """One removal that left in time."""
    return replace(TakedownLine("WITHDRAWN", "法院已删除", 1, 1, 0, 0, 0, 0, 0, 9), **changes)


def alarm(**changes: Any) -> FeedbackAlarmLine:
    """A department acted twice on directives that had been withdrawn, once after it had taken the withdrawal."""
    return replace(FeedbackAlarmLine("department", "cz", "财政局", "AFTER_WITHDRAWAL", 2, 2, 1, NOON), **changes)


QUIET = Facts(
    Period(DAY, NOON, True, 1, "succeeded", NOON, NOON, NOON),
    sources=[source()],
    gates=[gate("raw"), gate("exports")],
    dbt_groups=[],
)


def rules(facts: Facts) -> dict[str, str]:
    return {notice.rule: notice.tone for notice in notices(facts) if notice.rule != "NO_TEST_RESULT"}


class TestAttention:
    def test_a_quiet_day_has_nothing_to_say(self):
        assert rules(QUIET) == {}

    def test_removals_in_time_are_no_news(self):
        assert rules(replace(QUIET, takedowns=[takedown(removals=3, pending=1, came_late=1)], court_questions=[])) == {}

    def test_no_test_result_is_not_a_passed_test(self):
        assert [notice.rule for notice in notices(QUIET)] == ["NO_TEST_RESULT"]

    @pytest.mark.parametrize(
        ("change", "rule", "tone"),
        [
            ({"period": replace(QUIET.period, build_status="failed", exported_at=None)}, "BUILD_FAILED", "stop"),
            ({"period": replace(QUIET.period, exported_at=None)}, "NOT_EXPORTED", "warn"),
            ({"period": replace(QUIET.period, business_date=date(2026, 3, 3))}, "BUSINESS_DATE_FUTURE", "warn"),
            ({"gates": []}, "NO_GATE_RESULT", "stop"),
            ({"gates": [gate("raw")]}, "NO_GATE_RESULT", "stop"),
            ({"sources": [source(adopted=9)]}, "ROWS_UNBALANCED", "stop"),
            ({"sources": [source(adopted=9, quarantined=1)]}, "QUARANTINE_HIGH", "warn"),
            ({"sources": [replace(NOTHING, absences=1)]}, "SOURCE_ABSENT", "warn"),
            ({"sources": [NOTHING]}, "SOURCE_UNASKED", "info"),
            ({"products": [ProductLine("exposure_publication", 5, 6, 1)]}, "REMOVAL_OVERDUE", "stop"),
            ({"feeds": [FeedLine("exposure", "exposure_publication", None, 2, "all", 0, 0, 0, 5, 4, NOON, [5])]},
             "FEED_TOTAL", "stop"),
            ({"takedowns": [takedown(removals=2, met=1, late=1)]}, "TAKEDOWN_LATE", "stop"),
            ({"court_questions": [CourtQuestionLine("MINOR_LISTED", "列入时未成年", "R5", 1, 1, DAY)]},
             "ASK_THE_COURT", "warn"),
            ({"feedback_alarms": [alarm()]}, "AFTER_WITHDRAWAL", "stop"),
            ({"feedback_alarms": [alarm(standing="OTHER_SUBJECT")]}, "OTHER_SUBJECT", "stop"),
        ],
    )  # fmt: skip
    def test_rule(self, change: dict[str, object], rule: str, tone: str):
        assert rules(replace(QUIET, **change)) == {rule: tone}

    def test_a_refused_file_is_told_until_it_was_sent_again(self):
        outcome = Outcome("tax_arrears", "欠税公告", "a.csv", DAY, "RAW_SHRINK", "缩水", "shrunk", replaced=False)
        assert rules(replace(QUIET, outcomes=[outcome])) == {"RAW_SHRINK": "stop"}
        assert rules(replace(QUIET, outcomes=[replace(outcome, replaced=True)])) == {"RAW_SHRINK": "info"}

    def test_a_red_gate_says_that_removals_left(self):
        finding = GateFinding(
            "exports",
            "exposure_publication",
            None,
            "EXPOSURE_ADULT",
            "已满十八岁",
            "stop",
            None,
            False,
            "",
            "2",
            None,
            False,
        )
        found = notices(replace(QUIET, findings=[finding]))[0]
        assert (found.rule, found.tone) == ("EXPOSURE_ADULT", "stop")
        assert "撤下照常" in found.detail

    def test_whom_a_red_gate_kept_from_harm_is_told_masked_and_chinese_first(self):
        finding = GateFinding(
            "exports",
            "punishment_directive",
            None,
            "DIRECTIVE_OFFICER",
            "没抄成",
            "stop",
            None,
            False,
            "",
            "2",
            None,
            False,
        )
        harm = HarmLine("punishment_directive", "DIRECTIVE_OFFICER", "没有抄成", 90, 6, 4, ["张* 3702**************"])
        facts = replace(QUIET, findings=[finding], harms=[harm])
        (told,) = [notice for notice in notices(facts) if "波及" in notice.zh]
        assert (told.rule, told.tone) == ("DIRECTIVE_OFFICER", "stop")
        assert told.zh == "联合惩戒指令：若放行将波及 6 个主体，其中 4 个为新增"
        assert "90 条" in told.detail and "张* 3702**************等" in told.detail
        page = render(facts, [], BOOK)
        assert "Who would have been hit, masked" in page
        # A warning stops nobody, and is told as one.
        lenient = replace(facts, findings=[replace(finding, severity="warn")])
        assert {notice.tone for notice in notices(lenient) if "波及" in notice.zh} == {"warn"}

    def test_acting_after_a_withdrawal_is_told_with_the_unit_and_whether_it_knew(self):
        facts = replace(QUIET, feedback_alarms=[alarm(), alarm(unit_kind="bank", unit_code=None, department=None)])
        (told,) = [notice for notice in notices(facts) if notice.rule == "AFTER_WITHDRAWAL"]
        assert told.zh == "4 次反馈：撤下之后仍据以惩戒"
        assert "2 个单位" in told.detail and "2 次是在该单位已接收撤下之后" in told.detail
        assert told.en == "directive acted on after withdrawal"
        page = render(facts, [], BOOK)
        assert "财政局" in page and "银行" in page

    def test_the_gate_that_refused_a_file_is_not_told_twice(self):
        finding = GateFinding(
            "raw", "tax_arrears", "欠税公告", "RAW_SHRINK", "缩水", "stop", None, False, "", "", "a.csv", True
        )
        assert rules(replace(QUIET, findings=[finding])) == {}

    def test_a_vacuous_pass_is_no_evidence(self):
        finding = GateFinding(
            "raw", "tax_arrears", "欠税公告", "RAW_KEY", "主键", "stop", None, True, "", "", "a.csv", False
        )
        assert rules(replace(QUIET, findings=[finding])) == {"VACUOUS_PASS": "warn"}

    def test_an_empty_table_inside_is_news_and_no_alarm(self):
        seen = [inside(success=True, vacuous=True), inside(success=True, vacuous=False), inside(success=None)]
        assert rules(replace(QUIET, inside=seen)) == {"VACUOUS_TEST": "info"}
        assert "SUBJECT_ONCE" in notices(replace(QUIET, inside=seen))[-1].detail

    def test_a_failed_test_is_told_once_by_the_rule_it_stands_for(self):
        node = DbtNode("test.p.unique_subject_subject_id.1", "test", "fail", 1, None, 2, "Got 2 results", True)
        failed = inside(success=False, observed="2 行不符 rows at fault", build_id=1)
        told = notices(replace(QUIET, dbt_nodes=[node], inside=[failed, inside(success=True, vacuous=False)]))
        assert [(found.rule, found.tone, found.zh) for found in told][:1] == [
            ("SUBJECT_ONCE", "stop", "内部检验未通过：一个主体一行")
        ]
        assert [found.rule for found in told[1:]] == ["NO_TEST_RESULT"]
        assert "core.subject.subject_id" in told[0].detail and "2 行不符" in told[0].detail
        assert rules(replace(QUIET, inside=[replace(failed, severity="warn")])) == {"SUBJECT_ONCE": "warn"}

    def test_a_failed_test_that_stands_for_no_rule_is_told_by_its_name(self):
        node = DbtNode("test.p.unique_new.1", "test", "fail", 1, None, 2, "Got 2 results", True)
        assert rules(replace(QUIET, dbt_nodes=[node], inside=[inside(success=True)])) == {"TEST_FAIL": "stop"}

    def test_a_failed_test_is_named_without_the_values_it_quotes(self):
        node = DbtNode("test.p.unique_x.1", "test", "error", 1, None, None, f'date: "张三" {FULL_NUMBER}', True)
        found = notices(replace(QUIET, dbt_nodes=[node]))[0]
        assert (found.rule, found.tone) == ("TEST_ERROR", "stop")
        assert "unique_x" in found.zh
        assert "张三" not in found.detail
        assert FULL_NUMBER not in found.detail

    def test_the_urgent_comes_first(self):
        tones = [
            notice.tone
            for notice in notices(
                replace(
                    QUIET,
                    sources=[source(adopted=9), NOTHING],
                )
            )
        ]
        assert tones == ["stop", "warn", "info"]


class TestWording:
    @pytest.mark.parametrize(
        ("part", "whole", "shown"),
        [(0, 0, "—"), (0, 9, "0%"), (9, 9, "100%"), (99_999, 100_000, "99.9%"), (1, 100_000, "0.1%"), (1, 3, "33.3%")],
    )
    def test_share_never_rounds_a_remainder_away(self, part: int, whole: int, shown: str):
        assert wording.share(part, whole) == shown

    @pytest.mark.parametrize(
        ("seconds", "shown"),
        [
            (None, "—"),
            (0, "0 秒"),
            (59, "59 秒"),
            (60, "1 分"),
            (61, "2 分"),
            (3_600, "1 小时"),
            (90_061, "1 天 1 小时 2 分"),
        ],
    )
    def test_duration_is_never_shorter_than_it_was(self, seconds: int | None, shown: str):
        assert wording.duration(seconds) == shown


class TestPage:
    def test_stands_alone(self):
        page = render(QUIET, [], BOOK)
        assert "<script" not in page
        links = re.findall(r'(?:src|href)="([^"]*)"', page) + re.findall(r"url\(([^)]*)\)", page)
        assert all(link.startswith("#") or link == "data:," for link in links)
        assert "http:" not in page
        assert "https:" not in page

    def test_every_anchor_leads_somewhere(self):
        page = render(replace(QUIET, sources=[source(adopted=9)]), [], BOOK)
        assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'\bid="([^"]+)"', page))

    def test_text_from_outside_is_escaped(self):
        hostile = "<img src=x onerror=alert(1)>"
        page = render(replace(QUIET, sources=[source(label=hostile, publisher=hostile)]), [], BOOK)
        assert "<img" not in page

    def test_an_unknown_code_is_printed_not_a_crash(self):
        node = DbtNode("analysis.p.x", "analysis", "partial success", 1, None, None, None, True)
        assert "partial success" in render(replace(QUIET, dbt_nodes=[node], dbt_groups=[]), [], BOOK)

    def test_rules_of_the_gates_show_article_and_owner_and_those_that_nothing_called_for(self):
        page = render(QUIET, [], BOOK)
        gates = page[page.index('id="gates"') : page.index('id="dbt"')]
        (line,) = re.findall(r"<tr>(?:(?!</tr>).)*EXPOSURE_ADULT.*?</tr>", gates, re.DOTALL)
        assert "法释〔2013〕17号（2017年修正）第四条" in line and "信用公示科" in line and "拦截" in line
        # Applied in the period, though no suite declares it any more.
        assert "标题" in gates

    def test_every_test_inside_is_shown_with_its_result(self):
        lines = [
            inside(success=True, vacuous=False, observed="0 行不符"), inside(success=True, vacuous=True, expected="a"),
            inside(success=False, expected="b"), inside(expected="c"),
        ]  # fmt: skip
        page = render(replace(QUIET, inside=lines), [], BOOK)
        dbt = page[page.index('id="dbt"') : page.index('id="builds"')]
        (rule,) = re.findall(r"<tr>(?:(?!</tr>).)*一个主体一行.*?</tr>", dbt, re.DOTALL)
        assert "第八条" in rule and "信用档案科" in rule and "拦截" in rule
        numbers = re.findall(r'<td class="n[^"]*">(?:<span[^>]*>)?(\d+)', rule)
        assert numbers == ["4", "1", "1", "1", "1"]
        each = dbt[dbt.index("<details>") :]
        assert [each.count(f">{word}</span>") for word in ("通过", "空过", "未通过", "未运行")] == [1, 1, 1, 1]

    def test_the_public_list_is_drawn_by_day_with_its_queries(self):
        left = FeedLine("exposure", "exposure_publication", None, 2, "all", 1, 0, 1, 3, 3, NOON, [3])
        days = [
            ExposureDay(date(2026, 3, 1), 0, 3, 0, Decimal(0), None),
            ExposureDay(DAY, 1, 3, 1, Decimal(25_000), 1520),
            ExposureDay(date(2026, 3, 3), None, None, None, None, 7),
        ]
        page = render(replace(QUIET, feeds=[left], exposure_days=days), [], BOOK)
        words = dict(re.findall(r'<figcaption>(.*?)：.*?</figcaption><svg [^>]*?aria-label="(.*?)"', page))
        assert words == {
            "在列条目": "在列条目，2026-03-01 至 2026-03-02：最高 3，最近 3 条",
            "撤下（累计）": "撤下（累计），2026-03-01 至 2026-03-02：最高 1，最近 1 条",
            "曝光后履行（累计）": "曝光后履行（累计），2026-03-01 至 2026-03-02：最高 1，最近 1 条",
            "履行的载明金额（累计）": "履行的载明金额（累计），2026-03-01 至 2026-03-02：最高 2.50，最近 2.50 万元",
            "每日查询": "每日查询，2026-03-02 至 2026-03-03：最高 1,520，最近 7 次",
        }
        assert "The public list by day" not in render(replace(QUIET, feeds=[left]), [], BOOK)
