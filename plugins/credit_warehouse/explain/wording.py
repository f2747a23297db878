"""The chain in words, Chinese first: a heading for every link, one line for every fact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]
NOTHING = "  —"
ACTIONS = {"A": "新增 added", "U": "更正 corrected", "D": "删除 deleted", "R": "撤销 revoked"}
OPS = {
    "ADD": "新增 added",
    "UPDATE": "更新 updated",
    "REMOVE": "撤下 removed",
    "HELD": "持有 held（文件缺失 file missing）",
}
FILES = {"intact": "文件完好 intact", "changed": "文件被改动 file changed", "missing": "文件缺失 file missing"}
STATES = {"PENDING": "待撤 pending", "GONE": "已撤 gone", "NEVER_SENT": "从未出库 never sent"}


def in_words(found: Row) -> list[str]:
    """Lines to print."""
    links = {
        f"条目 item {found['item_id']}": _about(found),
        "报送 what was received": _messages(found["messages"]),
        "版本 versions": _versions(found["versions"]),
        "身份 identity": _identity(found["identity"]),
        "列入 listing": _listing(found["listing"]),
        "结论 decision": _decision(found["decision"]),
        "规则 rules": _rules(found["rules"]),
        "门禁 gates": _gates(found["gates"]),
        "措施 measures": _measures(found["measures"]),
        "出库 deliveries": _deliveries(found["deliveries"]),
        "撤下 removals": _removals(found["removals"]),
        "异议 objections": _objections(found["objections"]),
        "修复 repairs": _repairs(found["repairs"]),
    }
    return [line for heading, facts in links.items() for line in (f"■ {heading}", *(list(facts) or [NOTHING]))]


def _about(found: Row) -> Iterator[str]:
    source = found["source"]
    yield f"  {source['label']} {source['source']}，{source['publisher']}，{source['legal_basis']}"
    yield f"  {source['catalogue_class']}，{source['polarity']}"
    if found["directive_id"]:
        yield f"  指令 directive {found['directive_id']}"


def _place(row: Row) -> str:
    where = (
        f"第 {row['row_no']} 行 line {row['row_no']}" if row["row_no"] else "全量中不再出现 absent from the snapshot"
    )
    return f"批次 batch {row['batch_id']}，{row['file_name']}，{where}"


def _file(row: Row) -> Iterator[str]:
    yield f"    sha256 {row['sha256']}，业务日期 {row['business_date']}，收到 received {moment(row['received_at'])}"
    if row["original_removed_at"]:
        yield f"    原件保存期满已删除 original removed in due time {moment(row['original_removed_at'])}"
    if "original" in row:
        yield f"    原文 original：{row['original']}"


def _messages(messages: list[Row]) -> Iterator[str]:
    for row in messages:
        yield f"  {ACTIONS.get(row['action'], '—')}，{_place(row)}，生效 effective {moment(row['effective_at'])}"
        yield from _file(row)
        line = row["line"]
        if isinstance(line, dict):
            line = "，".join(f"{name}={value}" for name, value in line.items())
        yield f"    原文（遮蔽）line, masked：{line or '—'}"
        if row["verdict"] == "accepted":
            yield f"    已采用 accepted，号码判定 identifier {row['identifier_verdict'] or '—'}"
        for rejection in row["rejected"]:
            settled = rejection["superseded_by"]
            after = f"，已被批次 {settled} 取代 superseded" if settled else ""
            yield (
                f"    隔离 rejected（{rejection['stage']}）{rejection['rule']} {rejection['field']}："
                f"{rejection['reason_zh']} {rejection['reason_en']}；{rejection['what_was_done_zh']}{after}"
            )


def _versions(versions: list[Row]) -> Iterator[str]:
    for row in versions:
        yield (
            f"  {row['status']}，自 {row['valid_from']} 至 {row['valid_to'] or '—'}，"
            f"所知 known {moment(row['recorded_from'])} – {moment(row['recorded_to'])}"
        )
        yield (
            f"    {row['item_title'] or '—'}，{row['authority']}，{row['legal_basis']}，"
            f"内容 content {row['content_batch_id']}:{row['content_row_no']}，"
            f"状态 status {row['status_batch_id']}:{row['status_row_no']}"
        )


def _identity(identity: Row) -> Iterator[str]:
    yield f"  号码判定 identifier {identity['identifier_verdict'] or '—'}（{identity['identifier_shown'] or '—'}）"
    yield f"  主体 subject {identity['subject_id'] or '无 none：不归入任何人 in the record of no one'}"
    if identity["tier"]:
        yield f"  匹配等级 tier {identity['tier']}"
    if identity["is_minor"]:
        yield "  列入时未成年 a minor when listed"
    if identity["has_identity_conflict"]:
        yield "  身份信息互相矛盾 contradictory identity"


def _listing(listing: Row | None) -> Iterator[str]:
    if not listing:
        return
    yield f"  {listing['listing_id']}，{listing['case_number']}，{listing['court_name']}，{listing['status']}"
    flags = {
        "is_performed": "已履行 performed",
        "is_repaired": "已修复 repaired",
        "is_contested": "异议中 contested",
        "is_objection_upheld": "异议成立 objection upheld",
    }
    told = [words for flag, words in flags.items() if listing[flag]]
    if told:
        yield f"  {'，'.join(told)}"


def _decision(decision: Row | None) -> Iterator[str]:
    if not decision:
        return
    shown = "可以 yes" if decision["is_published"] else f"不得 no：{decision['exposure_reasons'] or '—'}"
    yield f"  曝光 shown：{shown}"
    yield f"  惩戒指令 directives：{decision['directives']}，{decision['directive_reasons'] or '—'}"


def _rules(rules: Row) -> Iterator[str]:
    for row in rules["terms"]:
        months = f"{row['base_months']}–{row['longest_months']} 月 months" if row["base_months"] else "无期限 no term"
        yield f"  期限 term {row['conduct_code']}：{months}，{row['legal_basis']} {row['article']}"
    for row in rules["exclusions"]:
        yield f"  排除 excluded {row['reason']}：{row['reason_zh']} {row['reason_en']}，{row['legal_basis']}"
    for row in rules["causes"]:
        yield f"  事由 cause {row['cause']}：{row['zh']} {row['en']}，{row['article']}"
    for row in rules["clocks"]:
        yield (
            f"  时限 clock {row['clock_id']}：{row['amount']} {row['unit']}（{row['note_zh']}），"
            f"{row['legal_basis']} {row['article']}"
        )


def _gates(gates: list[Row]) -> Iterator[str]:
    for row in gates:
        outcome = "通过 passed" if row["success"] else f"未通过 failed（{row['severity']}）"
        empty = "，无可检查的行 vacuous" if row["vacuous"] else ""
        where = f"批次 batch {row['batch_id']}" if row["batch_id"] is not None else f"构建 build {row['build_id']}"
        yield (
            f"  {outcome}{empty} {row['rule_id']}：{row['title_zh']}；要求 expected {row['expected'] or '—'}，"
            f"实际 observed {row['observed'] or '—'}（{where}，{row['target']}，{row['basis'] or '—'}）"
        )


def _measures(measures: list[Row]) -> Iterator[str]:
    for row in measures:
        stands = "现行 stands" if row["stands"] else "已撤下 gone"
        yield (
            f"  {row['measure_code']} {row['department']}：{row['measure_zh']}（{row['effect_type']}，{stands}），"
            f"{row['legal_basis']}"
        )


def _deliveries(deliveries: list[Row]) -> Iterator[str]:
    """One line for every delivery: a department gets many directives of one listing at once."""
    counted = Counter(
        (row["feed"], row["sequence"], row["op"], row["reason"], row["file"], row["exported_at"], row["build_id"])
        for row in deliveries
    )
    for (feed, sequence, op, reason, file, exported_at, build_id), entries in counted.items():
        because = f"（{reason}）" if reason else ""
        yield (
            f"  {feed} 第 {sequence} 号：{OPS[op]}{because} × {entries}，{moment(exported_at)}，"
            f"构建 build {build_id}，{FILES[file]}"
        )


def _removals(removals: list[Row]) -> Iterator[str]:
    for row in removals:
        late = "，逾期 late" if row["is_late"] else ""
        due = f"，期限 due {row['due_on']}（{row['clock_id']}，{row['legal_basis']}）" if row["due_on"] else ""
        yield (
            f"  {row['reason']} {row['cause'] or ''}：收到 received {moment(row['received_at'])}"
            f"（批次 batch {row['batch_id'] or '—'}:{row['row_no'] or '—'}），{STATES[row['state']]}，"
            f"曝光撤下 gone from exposure {moment(row['gone_from_exposure_at'])}，"
            f"部门撤下 gone from departments {moment(row['gone_from_departments_at'])}{due}{late}"
        )


def _objections(objections: list[Row]) -> Iterator[str]:
    for row in objections:
        yield (
            f"  {row['objection_id']} {row['objection_kind']}：{row['status']}，提出 filed {moment(row['filed_at'])}，"
            f"处理 handled {moment(row['handled_at'])}，"
            f"所知 known {moment(row['recorded_from'])} – {moment(row['recorded_to'])}"
        )
        yield f"    {_place(row)}"
        yield from _file(row)


def _repairs(repairs: list[Row]) -> Iterator[str]:
    for row in repairs:
        yield (
            f"  {row['decision_number']}：{row['repaired_document']}，{row['repaired_on']}，{row['authority']}，"
            f"{_place(row)}"
        )
        yield from _file(row)


def moment(value: Any) -> str:
    """A point in time as it is printed; a dash for none."""
    return f"{value:%Y-%m-%d %H:%M:%S}" if value else "—"
