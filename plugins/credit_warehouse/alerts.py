"""Failures are told: always to the log and to ``logs/alerts.jsonl``, and to every apprise URL of ``WAREHOUSE_ALERTS``.

No alert holds personal data, because none holds text from outside: it is put together from ids of this project
(DAG, task, source, rule), numbers and dates. What a provider wrote, down to the name of its file, stays in the
evidence tables, where the alert's batch number leads.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from credit_warehouse.build import BUSINESS_ZONE
from credit_warehouse.db import connect
from credit_warehouse.freshness import Overdue
from credit_warehouse.settings import settings

log = logging.getLogger(__name__)

Kind = Literal["failed", "refused", "overdue", "answer", "ledger"]
TITLES: dict[Kind, str] = {
    "failed": "任务失败 task failed",
    "refused": "整份拒收 delivery refused",
    "overdue": "逾期未收到 delivery overdue",
    "answer": "回执或反馈有误 receipt or feedback wrong",
    "ledger": "台账有异 ledger tampered with or not sealed",
}
# What an id of this project looks like; whatever else gets into an alert is not told.
ID = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
RUN = re.compile(r"[A-Za-z0-9_:+.\-]{1,120}")
IDENTIFIER = re.compile(r"[0-9]{7,}")
WITHHELD = "(…)"


@dataclass(frozen=True)
class Alert:
    """What happened, to which DAG or source, and the facts in lines."""

    kind: Kind
    subject: str
    facts: tuple[str, ...]

    @property
    def title(self) -> str:
        """One line for whoever reads a telephone."""
        return f"{TITLES[self.kind]}: {self.subject}"

    @property
    def body(self) -> str:
        """The facts, and where the rest is."""
        return "\n".join([*self.facts, "处置见 what to do: docs/operations.md"])


def send(alert: Alert) -> None:
    """Tell everybody. Never raises: an alert that fails must not become a second failure."""
    log.error("%s | %s", alert.title, " | ".join(alert.facts))
    try:
        _write(alert)
    except OSError as error:
        log.error("alerts.jsonl cannot be written: %s", type(error).__name__)
    targets = settings().alerts
    if targets and targets.get_secret_value().strip():
        try:
            _notify(alert, targets.get_secret_value().split())
        except Exception as error:  # whatever a plugin raises
            log.error("alert targets failed: %s", type(error).__name__)


def failed(dag_id: str, task_id: str, run_id: str, attempt: int, error: BaseException | None) -> Alert:
    """A task that ended in failure after its last attempt. ``error`` gives its kind, never its words."""
    return Alert(
        "failed",
        f"{_id(dag_id)}.{_id(task_id)}",
        (
            f"运行 run {_run(run_id)}，第 {attempt} 次 attempt {attempt}",
            f"错误 error {_id(type(error).__name__) if error else '—'}；详见任务日志 see the task log",
        ),
    )


def refused(source: str, run_id: str) -> Alert:
    """What of one source was refused in one run: rules and batches."""
    with connect() as connection:
        rows = connection.execute(
            "select coalesce(rule, outcome), business_date, batch_id from audit.ingest_outcome"
            " where run_id = %s and source = %s and outcome in ('refused', 'failed') order by recorded_at",
            [run_id, source],
        ).fetchall()
    return Alert("refused", _id(source), tuple(_refusal(*row) for row in rows) or ("详见任务日志 see the task log",))


def receipts_refused(found: Mapping[str, int]) -> Alert:
    """Receipts of recipients that cannot be true, by rule; which ones, ``audit.feed_receipt_refused`` says."""
    facts = tuple(f"[{_id(rule)}] {count} 份回执 receipts" for rule, count in found.items())
    return Alert("answer", "feed_receipt_refused", facts)


def acted_without_right(found: Mapping[str, int]) -> Alert:
    """Units that acted on a directive that was withdrawn, or is another's; which ones, the mart says."""
    facts = tuple(f"[{_id(standing)}] {count} 次 times" for standing, count in found.items())
    return Alert("answer", "punishment_feedback", facts)


def ledger(found: Mapping[str, int]) -> Alert:
    """What the ledger was found to disagree with, by fault; which rows, ``credit-warehouse ledger verify`` says."""
    return Alert("ledger", "ledger", tuple(f"[{_id(fault)}] {count}" for fault, count in found.items()))


def overdue(found: list[Overdue]) -> Alert:
    """Sources whose newest accepted delivery is older than they declare."""
    return Alert("overdue", f"{len(found)} 个来源 sources", tuple(_lateness(source) for source in found))


def _refusal(rule: str, business_date: date, batch_id: int | None) -> str:
    return f"[{_id(rule)}] {business_date}，批次 batch {batch_id if batch_id is not None else '—'}"


def _lateness(source: Overdue) -> str:
    level = "逾期 overdue" if source.is_error else "提醒 warning"
    days = f"{source.days} 天 days" if source.ever else f"从未收到，已 {source.days} 天 never, for {source.days} days"
    return f"{level} {_id(source.source)}：{days}（限 limit {source.limit}）"


def _id(text: str) -> str:
    return text if ID.fullmatch(text) and not IDENTIFIER.search(text) else WITHHELD


def _run(text: str) -> str:
    # Whoever triggers a run may name it; the ids that Airflow and this project give have no long number.
    return text if RUN.fullmatch(text) and not IDENTIFIER.search(text) else WITHHELD


def _write(alert: Alert) -> None:
    path = settings().logs / "alerts.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(
        {
            "at": datetime.now(BUSINESS_ZONE).isoformat(timespec="seconds"),
            "kind": alert.kind,
            "subject": alert.subject,
            "facts": alert.facts,
        },
        ensure_ascii=False,
    )
    # One write of one line: processes that alert at the same time do not mix their words.
    with path.open("ab", buffering=0) as out:
        out.write(f"{line}\n".encode())


def _notify(alert: Alert, targets: list[str]) -> None:
    import apprise  # a hundred modules that a quiet day need not load

    everybody = apprise.Apprise(asset=apprise.AppriseAsset(app_id="credit-warehouse", async_mode=False))
    for number, url in enumerate(targets, start=1):
        # A URL holds a token: its position is told, never itself.
        if not everybody.add(url):
            log.error("alert target %s of WAREHOUSE_ALERTS is no URL that apprise knows", number)
    kind = apprise.NotifyType.WARNING if alert.kind == "overdue" else apprise.NotifyType.FAILURE
    if len(everybody) and not everybody.notify(title=alert.title, body=alert.body, notify_type=kind):
        log.error("an alert target did not take the alert")
