"""The words of the report: what each code of the warehouse is called, Chinese first."""

from __future__ import annotations

from datetime import date, datetime

SOURCE_STATES = {
    "refused": ("拒收", "stop"),
    "waiting": ("待处理", "warn"),
    "absent": ("未送达", "warn"),
    "unasked": ("未接入", "info"),
    "duplicate": ("无新内容", "info"),
    "accepted": ("正常", "good"),
}
"""State of a source: word and tone, the worst first."""

VERDICTS = {
    "VALID": ("有效", "valid"),
    "MASKED": ("已遮蔽", "masked"),
    "EMPTY": ("为空", "empty"),
    "STRUCT_FAIL": ("结构不符", "structure"),
    "CHECK_FAIL": ("校验位不符", "check"),
    "UNKNOWN": ("无法判定", "unknown"),
}

STATUSES = {
    "ACTIVE": "现行有效",
    "SUPPRESSED": "停止使用，待法院确认",
    "EXPIRED": "期限届满",
    "DELETED": "已删除",
    "REVOKED": "已撤销",
}
KINDS = {"person": "自然人", "organisation": "单位"}
POLARITIES = {"negative": "失信类", "neutral": "中性", "positive": "守信类"}
DELIVERIES = {"full": "全量", "delta": "增量"}
PRODUCTS = {
    "exposure_publication": "曝光清单",
    "restricted_notice": "单位通报（不宜公开）",
    "punishment_directive": "联合惩戒指令",
}
SCOPES = {"all": "全部", "removals_only": "仅撤下"}
BUILD_STATUSES = {"succeeded": ("成功", "good"), "failed": ("失败", "stop"), "running": ("进行中", "info")}
SEVERITIES = {"stop": "拦截", "warn": "提示", "quarantine": "隔离该行"}
TONES = {"stop": "必须处理", "warn": "请留意", "info": "知悉"}
NODES = {"model": "模型", "test": "检验", "unit_test": "单元检验", "snapshot": "快照", "seed": "规则表"}
NODE_STATUSES = {
    "success": "成功",
    "pass": "通过",
    "warn": "提示",
    "fail": "不通过",
    "error": "出错",
    "skipped": "未执行",
}
STANDINGS = {
    "AFTER_WITHDRAWAL": "撤下之后仍据以惩戒",
    "OTHER_SUBJECT": "指令所指为他人",
}
"""Of feedback that is an alarm."""
UNIT_KINDS = {"department": "部门", "bank": "银行"}
NO_LONGER_APPLIES = "不再符合列入条件"


def count(number: int) -> str:
    """1234567 -> 1,234,567."""
    return f"{number:,}"


def share(part: int, whole: int) -> str:
    """A percentage that never rounds a remainder away: 99.99 % is not 100 %."""
    if not whole:
        return "—"
    if 0 < part < whole:
        return f"{min(max(100 * part / whole, 0.1), 99.9):.1f}%"
    return "100%" if part else "0%"


def moment(value: datetime | None) -> str:
    """A time to the minute."""
    return value.strftime("%Y-%m-%d %H:%M") if value else "—"


def duration(seconds: int | None) -> str:
    """4000 -> 1 小时 6 分; never less than it was."""
    if seconds is None:
        return "—"
    if seconds < 60:
        return f"{seconds} 秒"
    minutes = -(-seconds // 60)
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    parts = ((days, "天"), (hours, "小时"), (minutes, "分"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def day(value: date) -> str:
    """2026-03-05 -> 2026年3月5日."""
    return f"{value.year}年{value.month}月{value.day}日"


def node(unique_id: str) -> str:
    """dbt's name of a node without project and hash."""
    parts = unique_id.split(".")
    return parts[2] if len(parts) > 2 else unique_id
