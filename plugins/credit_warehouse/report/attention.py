"""What needs attention first, in plain words: what happened, what follows from it, and the rule that says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from credit_warehouse.report import wording
from credit_warehouse.report.facts import Facts, GateFinding
from credit_warehouse.report.masking import scrubbed

Tone = Literal["stop", "warn", "info"]
ORDER: tuple[Tone, ...] = ("stop", "warn", "info")
HIGH_QUARANTINE = 0.05
"""Share of quarantined rows from which a source is worth a word."""


@dataclass(frozen=True)
class Notice:
    """One thing to know or to do."""

    tone: Tone
    zh: str
    detail: str
    en: str
    section: str
    """Where in the report the evidence stands."""
    rule: str = ""


SOURCE_NOTICES = {
    "absent": Notice(
        "warn",
        "没有送达",
        "档案沿用已有内容，不会因此撤下任何人；请向提供方查询。",
        "nothing was delivered",
        "sources",
        "SOURCE_ABSENT",
    ),
    "waiting": Notice(
        "warn",
        "的文件尚未入档",
        "已收到，等待检验或下一次构建。",
        "received, not yet in the record",
        "sources",
        "FILE_WAITING",
    ),
    "unasked": Notice(
        "info",
        "本期没有接入",
        "本期没有向这些来源取数的记录。",
        "not asked in this period",
        "sources",
        "SOURCE_UNASKED",
    ),
}
"""By state; the labels of the sources are put before the words."""


def notices(facts: Facts) -> list[Notice]:
    """Everything worth attention, the most urgent first."""
    if not facts.period.prepared:
        return []
    found = [
        *_build(facts),
        *_left_behind(facts),
        *_takedowns(facts),
        *_acted_without_right(facts),
        *_court_questions(facts),
        *_refused(facts),
        *_gates(facts),
        *_harms(facts),
        *_inside(facts),
        *_dbt(facts),
        *_sources(facts),
        *_export(facts),
    ]
    return sorted(found, key=lambda notice: ORDER.index(notice.tone))


def _build(facts: Facts) -> Iterator[Notice]:
    period = facts.period
    if period.business_date > period.taken_at.date():
        yield Notice(
            "warn",
            f"业务日期 {period.business_date} 晚于今天",
            "期限按业务日期计算：日期写错会使列入情形提前届满并撤下。请核对各文件声明的业务日期。",
            "the business date lies in the future; terms are counted by it",
            "builds",
            "BUSINESS_DATE_FUTURE",
        )
    if period.build_id is None:
        yield Notice("info", "还没有构建过信用档案", "以下只反映接入情况。", "no build yet", "builds", "NO_BUILD")
    elif period.build_status == "failed":
        yield Notice(
            "stop",
            f"第 {period.build_id} 次构建失败",
            "档案与对外清单停留在上一次成功的状态；收到的数据不会丢失，下一次构建会重新处理。",
            "the build failed; nothing is lost, the next build takes it up again",
            "builds",
            "BUILD_FAILED",
        )
    elif period.build_status == "running":
        yield Notice(
            "info",
            f"第 {period.build_id} 次构建正在进行",
            "数字可能还会变化。",
            "a build is running",
            "builds",
            "BUILD_RUNNING",
        )


def _left_behind(facts: Facts) -> Iterator[Notice]:
    for product in facts.products or []:
        if product.overdue:
            yield Notice(
                "stop",
                f"{wording.PRODUCTS.get(product.product, product.product)}仍有 {product.overdue:,} 条应撤未撤",
                "已有不得列入的理由，但接收方仍持有这些条目。撤下不受任何门禁阻拦，请立即重新出库。",
                "entries with a reason against them are still held by recipients",
                "feeds",
                "REMOVAL_OVERDUE",
            )
    for feed in facts.feeds:
        if feed.total != feed.held:
            yield Notice(
                "stop",
                f"清单 {feed.feed} 的台账与实际不符",
                f"台账记载 {feed.total:,} 条，现持有 {feed.held:,} 条。",
                "ledger and content of a feed differ",
                "feeds",
                "FEED_TOTAL",
            )


def _takedowns(facts: Facts) -> Iterator[Notice]:
    late = sum(line.late for line in facts.takedowns or [])
    if late:
        named = "、".join(line.reason_zh or line.reason for line in facts.takedowns or [] if line.late)
        yield Notice(
            "stop",
            f"{late:,} 项撤下超过时限",
            f"涉及：{named}。先看 DAG withdraw 的日志，排除原因后重新运行；逐项见 marts.takedown_sla。",
            "removals are later than their clock allows",
            "takedowns",
            "TAKEDOWN_LATE",
        )


def _acted_without_right(facts: Facts) -> Iterator[Notice]:
    for standing, word in wording.STANDINGS.items():
        lines = [line for line in facts.feedback_alarms or [] if line.standing == standing]
        if not lines:
            continue
        forewarned = sum(line.forewarned for line in lines)
        yield Notice(
            "stop",
            f"{sum(line.acts for line in lines):,} 次反馈：{word}",
            f"涉及 {len(lines):,} 个单位，其中 {forewarned:,} 次是在该单位已接收撤下之后。"
            "请立即要求停止并恢复原状，逐项见 marts.punishment_feedback。",
            "directive acted on after withdrawal" if standing == "AFTER_WITHDRAWAL" else "acted on another's directive",
            "feedback",
            standing,
        )


def _court_questions(facts: Facts) -> Iterator[Notice]:
    asked = facts.court_questions or []
    if asked:
        yield Notice(
            "warn",
            f"{sum(line.listings for line in asked):,} 项须向法院核实",
            "只有法院能更正、撤销或删除；核实以前，对本人不利的内容能停则停。",
            "questions that only the courts can answer",
            "court-questions",
            "ASK_THE_COURT",
        )


def _refused(facts: Facts) -> Iterator[Notice]:
    for outcome in facts.outcomes:
        # A refusal without a file is numbered by the loader, which tells a reader nothing.
        name = "" if outcome.file_name.startswith("#") else f" {outcome.file_name}"
        after = (
            "之后已重新送达并被接收。"
            if outcome.replaced
            else "整份未入库，档案沿用上一期内容，不会因此撤下任何人；请提供方更正后重送。"
        )
        yield Notice(
            "info" if outcome.replaced else "stop",
            f"{outcome.label}：拒收{name}",
            f"{scrubbed(outcome.detail_zh)}。{after}".lstrip("。"),
            scrubbed(outcome.detail_en),
            "sources",
            outcome.rule,
        )


def _gates(facts: Facts) -> Iterator[Notice]:
    if any(source.accepted_files for source in facts.sources) and not any(g.suite == "raw" for g in facts.gates):
        yield Notice(
            "stop",
            "接收了文件，却没有入口门禁的结果",
            "没有检验记录不等于检验通过。",
            "files were accepted without a gate result",
            "gates",
            "NO_GATE_RESULT",
        )
    if facts.period.exported_at and not any(gate.suite == "exports" for gate in facts.gates):
        yield Notice(
            "stop",
            "已经出库，却没有出口门禁的结果",
            "没有检验记录不等于检验通过。",
            "products left without a gate result",
            "gates",
            "NO_GATE_RESULT",
        )
    for finding in facts.findings:
        # The refusal of the file has said it already.
        if finding.success or finding.refused:
            continue
        stops = finding.severity == "stop"
        outbound = finding.suite == "exports"
        yield Notice(
            "stop" if stops else "warn",
            f"{_target(finding)}未通过：{finding.title_zh}",
            f"要求 {scrubbed(finding.expected) or '无此类行'}，实际 {scrubbed(finding.observed)}。"
            + ("新增与更新暂停出库，撤下照常。" if stops and outbound else ""),
            "additions are held back, removals leave" if stops and outbound else "a check failed",
            "gates",
            finding.rule_id,
        )
    empty = [finding for finding in facts.findings if finding.success]
    if empty:
        named = "、".join(dict.fromkeys(f"{_target(finding)} {finding.rule_id}" for finding in empty))
        yield Notice(
            "warn",
            f"{len(empty)} 项检验通过，但没有检验到任何值",
            f"表或列为空时检验总会通过，不能当作证据：{named}。",
            "vacuous passes: an empty column proves nothing",
            "gates",
            "VACUOUS_PASS",
        )


def _harms(facts: Facts) -> Iterator[Notice]:
    severities = {(finding.target, finding.rule_id): finding.severity for finding in facts.findings}
    for line in facts.harms:
        stops = severities.get((line.target, line.rule_id)) == "stop"
        yield Notice(
            "stop" if stops else "warn",
            f"{wording.PRODUCTS.get(line.target, line.target)}：若放行将波及 {line.subjects:,} 个主体，"
            f"其中 {line.newly:,} 个为新增",
            f"{line.title_zh}；共 {line.entries:,} 条。已遮蔽：{'、'.join(line.shown)}"
            + ("等" if line.subjects > len(line.shown) else "")
            + "。",
            "who would have been hit, masked",
            "gates",
            line.rule_id,
        )


def _inside(facts: Facts) -> Iterator[Notice]:
    for line in facts.inside:
        if line.success is False:
            yield Notice(
                "stop" if line.severity == "stop" else "warn",
                f"内部检验未通过：{line.title_zh}",
                f"{line.target}，要求 {line.expected}，实际 {scrubbed(line.observed)}。",
                "a data test failed",
                "dbt",
                line.rule_id,
            )
    empty = [line for line in facts.inside if line.success and line.vacuous]
    if empty:
        yield Notice(
            "info",
            f"{len(empty)} 项内部检验通过，但没有检验到任何值",
            f"所检的表或列目前为空，不能当作证据：{'、'.join(dict.fromkeys(line.rule_id for line in empty))}。",
            "vacuous passes inside: the table or column is empty",
            "dbt",
            "VACUOUS_TEST",
        )


def _dbt(facts: Facts) -> Iterator[Notice]:
    nodes = [node for node in facts.dbt_nodes if node.is_problem]
    tests = [node for node in nodes if node.resource_type == "test" and node.status != "skipped"]
    # Tests are told of by their rules, unless one of them stands for none that is declared.
    if len(tests) == sum(line.success is False for line in facts.inside if line.build_id == facts.period.build_id):
        nodes = [node for node in nodes if node not in tests]
    bad = [node for node in nodes if node.status not in ("warn", "skipped")]
    for node in bad:
        kind = wording.NODES.get(node.resource_type, node.resource_type)
        yield Notice(
            "stop",
            f"内部{kind}{wording.NODE_STATUSES.get(node.status, node.status)}：{wording.node(node.unique_id)}",
            scrubbed(node.message or ""),
            "a dbt node failed",
            "dbt",
            node.unique_id.split(".")[0].upper() + "_" + node.status.upper(),
        )
    warned = [node for node in nodes if node.status == "warn"]
    if warned:
        yield Notice(
            "warn",
            f"{len(warned)} 项内部检验给出提示",
            "、".join(wording.node(node.unique_id) for node in warned),
            "dbt tests warned",
            "dbt",
            "TEST_WARN",
        )
    tested = sum(group.nodes for group in facts.dbt_groups if group.resource_type == "test")
    if facts.period.build_status == "succeeded" and not tested:
        yield Notice(
            "warn",
            "构建成功，却没有内部检验的结果",
            "没有检验记录不等于检验通过。",
            "no dbt test result",
            "dbt",
            "NO_TEST_RESULT",
        )


def _sources(facts: Facts) -> Iterator[Notice]:
    for source in facts.sources:
        if not source.balanced:
            yield Notice(
                "stop",
                f"{source.label}：行数对不上",
                f"收到 {source.rows_in:,} 行，装载 {source.adopted:,}、隔离 {source.quarantined:,}、"
                f"拒收 {source.refused_rows:,}、待处理 {source.waiting_rows:,}。",
                "received rows do not add up",
                "sources",
                "ROWS_UNBALANCED",
            )
        good = source.adopted + source.quarantined
        if good and source.quarantined / good >= HIGH_QUARANTINE:
            yield Notice(
                "warn",
                f"{source.label}：{wording.share(source.quarantined, good)} 的行被隔离",
                f"{good:,} 行中隔离 {source.quarantined:,} 行，请提供方更正。",
                "a high share of rows was quarantined",
                "quarantine",
                "QUARANTINE_HIGH",
            )
    for state, template in SOURCE_NOTICES.items():
        named = [source.label for source in facts.sources if source.state == state]
        if named:
            yield replace(template, zh=f"{'、'.join(named)}{template.zh}")


def _export(facts: Facts) -> Iterator[Notice]:
    held_back = any(not f.success and f.suite == "exports" and f.severity == "stop" for f in facts.findings)
    if facts.period.build_status == "succeeded" and facts.period.exported_at is None and not held_back:
        yield Notice(
            "warn",
            "本次构建的结果尚未出库",
            "接收方看到的仍是上一期。",
            "the newest build has not left yet",
            "feeds",
            "NOT_EXPORTED",
        )


def _target(finding: GateFinding) -> str:
    name = finding.label or wording.PRODUCTS.get(finding.target, finding.target)
    return f"{name}（{finding.file_name}）" if finding.file_name and not finding.success else name
