"""From facts to the page: groups, sums and charts the template prints as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from credit_warehouse.declarations import Source
from credit_warehouse.report import charts, wording
from credit_warehouse.report.attention import HIGH_QUARANTINE, ORDER, notices
from credit_warehouse.report.facts import (
    Criterion,
    Example,
    Facts,
    GateLine,
    InsideLine,
    RejectLine,
    ScoreLine,
    SourceLine,
    VerdictLine,
)
from credit_warehouse.report.masking import masked, scrubbed
from credit_warehouse.rules import SUITES, Book

TEMPLATE = "quality.html.j2"
HIDDEN = "已隐去"


@dataclass(frozen=True)
class ShownExample:
    """One quarantined row as a reader may see it."""

    label: str
    file_name: str
    row_no: int
    field: str
    value: str
    is_hidden: bool


@dataclass(frozen=True)
class Rule:
    """One rule with the rows it quarantined."""

    rule: str
    reason_zh: str
    reason_en: str
    done_zh: str
    basis: str
    owner: str | None
    rows: int
    sources: list[RejectLine]
    examples: list[ShownExample]
    meter: Markup


@dataclass(frozen=True)
class Verdicts:
    """Identifier verdicts of one source."""

    label: str
    rows: int
    orphans: int
    counts: dict[str, int]
    bar: Markup


@dataclass(frozen=True)
class InsideRule:
    """A rule that dbt tests keep, with the newest result of each."""

    about: InsideLine
    lines: list[InsideLine]

    @property
    def passed(self) -> int:
        """Tests that passed and saw something."""
        return sum(line.success is True and not line.vacuous for line in self.lines)

    @property
    def vacuous(self) -> int:
        """Tests that passed over nothing."""
        return sum(line.success is True and line.vacuous is True for line in self.lines)

    @property
    def failed(self) -> int:
        """Tests that failed."""
        return sum(line.success is False for line in self.lines)

    @property
    def unrun(self) -> int:
        """Tests without any result."""
        return sum(line.success is None for line in self.lines)


def render(facts: Facts, sources: list[Source], book: Book) -> str:
    """The whole report as one HTML document."""
    return environment().get_template(TEMPLATE).render(**_context(facts, sources, book))


def environment() -> Environment:
    """Templates and filters that the reports share."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        count=wording.count,
        moment=wording.moment,
        day=wording.day,
        duration=wording.duration,
        node=wording.node,
        scrubbed=scrubbed,
        points=_points,
        percent=_percent,
    )
    return made


def _context(facts: Facts, sources: list[Source], book: Book) -> dict[str, Any]:
    found = notices(facts)
    totals = _Totals(facts)
    return {
        "facts": facts,
        "period": facts.period,
        "notices": found,
        "tones": {tone: sum(notice.tone == tone for notice in found) for tone in ORDER},
        "totals": totals,
        "balance": charts.stacked_bar(
            "本期收到的行",
            [
                charts.Part("装载", totals.adopted, "adopted"),
                charts.Part("隔离", totals.quarantined, "quarantined"),
                charts.Part("拒收", totals.refused_rows, "refused"),
                charts.Part("待处理", totals.waiting_rows, "waiting"),
            ],
            width=1000,
            height=24,
        ),
        "sources": sorted(facts.sources, key=_urgency),
        "trends": _trends(facts),
        "rules": _rules(facts, sources),
        "gates": _gates(facts, book),
        "inside": _inside(facts),
        "owner": book.owner_zh,
        "declared": {rule.rule: rule for _, _, rule in book.every()},
        "verdicts": _verdicts(facts),
        "verdict_names": _verdict_names(facts),
        "orphans": _orphans(facts),
        "items": _measured(facts.items, "items", "adopted"),
        "slowest": _slowest(facts),
        "league": league(facts.scores, facts.criteria),
        "sparks": {feed.feed: charts.sparkline(f"{feed.feed} 条数", feed.totals) for feed in facts.feeds},
        "exposure": _exposure(facts),
        "problems": [node for node in facts.dbt_nodes if node.is_problem],
        "words": wording,
        "share": wording.share,
        "hidden": HIDDEN,
        "high_quarantine": HIGH_QUARANTINE,
        "checks": sum(gate.checks for gate in facts.gates)
        + sum(group.nodes for group in facts.dbt_groups if group.resource_type == "test"),
    }


class _Totals:
    """Sums over all sources and products."""

    def __init__(self, facts: Facts) -> None:
        self.files = sum(source.files for source in facts.sources)
        self.rows_in = sum(source.rows_in for source in facts.sources)
        self.adopted = sum(source.adopted for source in facts.sources)
        self.quarantined = sum(source.quarantined for source in facts.sources)
        self.refused_rows = sum(source.refused_rows for source in facts.sources)
        self.waiting_rows = sum(source.waiting_rows for source in facts.sources)
        self.uncounted_files = sum(source.uncounted_files for source in facts.sources)
        self.delivered_sources = sum(source.files > 0 for source in facts.sources)
        self.refused_files = sum(source.refused_files for source in facts.sources)
        self.balanced = all(source.balanced for source in facts.sources)
        self.subjects = sum(line.subjects for line in facts.subjects or [])
        self.new_subjects = sum(line.new_subjects for line in facts.subjects or [])
        held = {product.product: product.held for product in facts.products or []}
        self.published = held.get("exposure_publication", 0)
        self.directives = held.get("punishment_directive", 0)
        self.removed = {
            product: sum(feed.removed for feed in facts.feeds if feed.product == product)
            for product in wording.PRODUCTS
        }


@dataclass(frozen=True)
class Rated:
    """A source in the league table: its line, and each criterion as share and drawn."""

    line: ScoreLine
    meter: Markup
    shares: list[tuple[float | None, Markup]]

    @property
    def change(self) -> float | None:
        """Points against the month before."""
        if self.line.score is None or self.line.before is None:
            return None
        return self.line.score - self.line.before


def league(scores: Sequence[ScoreLine] | None, criteria: Sequence[Criterion]) -> list[Rated]:
    """The league table, drawn."""
    return [
        Rated(
            line,
            charts.meter(f"{line.label} {_points(line.score)}", line.score or 0, 100, _tone(line.score, 100)),
            [
                (
                    value,
                    charts.meter(
                        f"{line.label} {known.criterion_zh} {_percent(value)}",
                        value or 0,
                        1,
                        _tone(value, 1),
                        width=64,
                        height=6,
                    ),
                )
                for known in criteria
                for value in [getattr(line, known.criterion)]
            ],
        )
        for line in scores or []
    ]


def _tone(value: float | None, whole: float) -> str:
    """Darker for what needs a word with the supplier; the number stands beside it for whoever sees no colours."""
    return (
        "neutral"
        if value is None
        else "valid"
        if value >= 0.95 * whole
        else "structure"
        if value >= 0.8 * whole
        else "check"
    )


def _points(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f}"


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{100 * value:.1f}%"


def _urgency(source: SourceLine) -> tuple[int, float, str]:
    good = source.adopted + source.quarantined
    return list(wording.SOURCE_STATES).index(source.state), source.adopted / good if good else 1.0, source.source


def _trends(facts: Facts) -> dict[str, Markup]:
    dates: list[date] = sorted({point.business_date for point in facts.trend})
    known = {(point.source, point.business_date): point for point in facts.trend}
    return {
        source.source: charts.trend(
            source.label,
            [
                charts.Day(day, point.rows, point.quarantined, point.refused_files)
                if (point := known.get((source.source, day)))
                else charts.Day(day)
                for day in dates
            ],
        )
        for source in facts.sources
    }


def _exposure(facts: Facts) -> list[tuple[str, str, Markup]]:
    """(title, the newest value in words, curve) of the public list, in the days shown."""
    sent = [day for day in facts.exposure_days if day.held is not None]
    asked: list[tuple[date, float]] = [(day.day, day.queries) for day in facts.exposure_days if day.queries is not None]
    if not sent and not asked:
        return []

    def summed(values: Iterable[float]) -> list[tuple[date, float]]:
        return list(zip((day.day for day in sent), accumulate(values), strict=True))

    courses: list[tuple[str, str, list[tuple[date, float]], bool]] = [
        ("在列条目", "条", [(day.day, day.held or 0) for day in sent], True),
        ("撤下（累计）", "条", summed(day.removed or 0 for day in sent), True),
        ("曝光后履行（累计）", "条", summed(day.performed or 0 for day in sent), True),
        ("履行的载明金额（累计）", "万元", summed(float(day.performed_amount_yuan or 0) / 10000 for day in sent), True),
        ("每日查询", "次", asked, False),
    ]
    return [
        (
            title,
            f"{charts.amount(points[-1][1])} {unit}" if points else "未报告",
            charts.curve(title, points, unit, whole=whole),
        )
        for title, unit, points, whole in courses
    ]


def _rules(facts: Facts, sources: list[Source]) -> list[Rule]:
    lines: dict[str, list[RejectLine]] = {}
    for line in facts.rejects:
        lines.setdefault(line.rule, []).append(line)
    largest = max((sum(line.rows for line in group) for group in lines.values()), default=0)
    labels = {(source.name, column.name): column.label for source in sources for column in source.columns}
    rules = []
    for rule, group in lines.items():
        rows = sum(line.rows for line in group)
        rules.append(
            Rule(
                rule=rule,
                reason_zh=group[0].reason_zh,
                reason_en=group[0].reason_en,
                done_zh=group[0].done_zh,
                basis=group[0].basis,
                owner=group[0].owner,
                rows=rows,
                sources=group,
                examples=[_shown(example, labels) for example in facts.examples if example.rule == rule],
                meter=charts.meter(f"{rule} {rows:,} 行", rows, largest, "quarantined"),
            )
        )
    return rules


def _gates(facts: Facts, book: Book) -> list[tuple[str, list[GateLine]]]:
    """Rules of both borders by suite: those applied in the period, then those declared that nothing called for."""
    found = []
    for suite, rules in (("raw", book.raw), ("exports", [rule for gate in book.exports.values() for rule in gate])):
        applied = [line for line in facts.gates if line.suite == suite]
        known = {line.rule_id for line in applied}
        idle = [
            GateLine(suite, rule.rule, rule.title, rule.basis, rule.severity, rule.owner, 0, 0, 0, 0)
            for rule in rules
            if rule.rule not in known
        ]
        found.append((SUITES[suite], applied + idle))
    return found


def _inside(facts: Facts) -> list[InsideRule]:
    groups: dict[str, list[InsideLine]] = {}
    for line in facts.inside:
        groups.setdefault(line.rule_id, []).append(line)
    rules = [InsideRule(lines[0], lines) for lines in groups.values()]
    return sorted(rules, key=lambda rule: (-rule.failed, -rule.vacuous))


def _shown(example: Example, labels: dict[tuple[str, str], str]) -> ShownExample:
    # The workbook reader appends the cell to the column.
    column, _, cell = example.field.partition(" ")
    label = labels.get((example.source, column), "")
    if not example.field:
        value, is_hidden = "整行（原文在归档文件中）", True
    elif not example.readable:
        value, is_hidden = HIDDEN, True
    elif not (example.value or "").strip():
        value, is_hidden = "（空）", True
    else:
        value, is_hidden = masked(example.value or ""), False
    return ShownExample(
        label=example.label,
        file_name=example.file_name,
        row_no=example.row_no,
        field=" ".join(part for part in (label, column, cell) if part),
        value=value,
        is_hidden=is_hidden,
    )


def _verdict_names(facts: Facts) -> list[tuple[str, str, str]]:
    """(code, word, tone) of the verdicts that occur."""
    present = {line.verdict for line in facts.verdicts or []} | {line.verdict for line in facts.orphans or []}
    known = [(code, word, tone) for code, (word, tone) in wording.VERDICTS.items() if code in present]
    return known + [(code, code, "unknown") for code in sorted(present - set(wording.VERDICTS))]


def _verdicts(facts: Facts) -> list[Verdicts]:
    names = _verdict_names(facts)
    lines: dict[str, list[VerdictLine]] = {}
    for line in facts.verdicts or []:
        lines.setdefault(line.label, []).append(line)
    result = []
    for label, group in lines.items():
        counts = {line.verdict: line.rows for line in group}
        parts = [charts.Part(word, counts.get(code, 0), tone) for code, word, tone in names]
        result.append(
            Verdicts(
                label=label,
                rows=sum(counts.values()),
                orphans=sum(line.orphans for line in group),
                counts=counts,
                bar=charts.stacked_bar(f"{label}号码判定", parts, width=460),
            )
        )
    return result


def _orphans(facts: Facts) -> list[tuple[str, dict[str, int]]]:
    lines: dict[str, dict[str, int]] = {}
    for line in facts.orphans or []:
        lines.setdefault(line.label, {})[line.verdict] = line.items
    return list(lines.items())


def _measured(lines: Iterable[Any] | None, number: str, tone: str) -> list[tuple[Any, Markup]]:
    known = list(lines or [])
    largest = max((getattr(line, number) for line in known), default=0)
    return [(line, charts.meter(f"{getattr(line, number):,}", getattr(line, number), largest, tone)) for line in known]


def _slowest(facts: Facts) -> list[tuple[Any, Markup]]:
    nodes = sorted(facts.dbt_nodes, key=lambda node: -node.seconds)[:10]
    largest = max((node.seconds for node in nodes), default=0.0)
    return [
        (node, charts.meter(f"{wording.node(node.unique_id)} {node.seconds:.2f} 秒", node.seconds, largest, "neutral"))
        for node in nodes
    ]
