"""Candidates that no rule may settle: read by a reviewer, accepted, refused or undone, each with a name and a reason.

Every reading is a row of ``audit.access_log`` before it happens; every decision is a row of a ledger.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

from credit_warehouse.db import connect
from credit_warehouse.explain.lines import os_user
from credit_warehouse.export import removals

Row = dict[str, Any]

# Certain ones first, rare names before common ones; the same for the log as for the reading.
QUEUE = """
select * from marts.identity_review
order by has_rivals, expected_namesakes nulls last, item_id, subject_id
limit %(limit)s
"""
LOG = """
insert into audit.access_log (os_user, action, batch_id, row_no, item_id)
values (%(os_user)s, %(action)s, %(batch)s, %(row_no)s, %(item)s)
"""
CANDIDATES = """
select item_id, subject_id, content_batch_id, content_row_no, is_linked_by_rule from marts.identity_review
where item_id = %(item)s and (%(subject)s::text is null or subject_id = %(subject)s)
"""
WRITE = """
insert into core.subject_link
    (item_id, subject_id, action, tier, rule_code, rule_version, evidence, basis, decided_by, reviewer, reason)
select
    candidate.item_id, candidate.subject_id, %(action)s, candidate.tier, candidate.rule_code, policy.rule_version,
    candidate.evidence, candidate.basis, 'reviewer', %(reviewer)s, %(reason)s
from core.open_candidate as candidate
inner join core.identity_tier as policy
    on candidate.rule_code = policy.rule_code
    and policy.valid_from <= %(day)s and (policy.valid_to is null or %(day)s < policy.valid_to)
where candidate.item_id = %(item)s and candidate.subject_id = %(subject)s
returning link_id
"""
REJECT = """
insert into core.link_rejection (item_id, subject_id, basis, reviewer, reason)
select item_id, subject_id, basis, %(reviewer)s, %(reason)s from core.open_candidate
where item_id = %(item)s and subject_id = %(subject)s
returning rejection_id
"""
UNDO = """
insert into core.subject_link
    (item_id, subject_id, action, tier, rule_code, rule_version, evidence, basis, decided_by, reviewer, reason)
select
    last.item_id, last.subject_id, 'UNLINK', last.tier, last.rule_code, last.rule_version, last.evidence, last.basis,
    'reviewer', %(reviewer)s, %(reason)s
from (select * from core.subject_link where item_id = %(item)s order by link_id desc limit 1) as last
where last.action = 'LINK'
returning link_id
"""
LAST_DAY = "select max(business_date) as day from audit.build where status <> 'failed'"


class NotPossible(ValueError):
    """What was asked cannot be decided; the message says why and repeats nothing personal."""


def queue(reviewer: str, limit: int = 20) -> list[Row]:
    """What waits for a decision, the reading logged first."""
    _named(reviewer)
    with connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        # One snapshot: what is logged is what is read.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        if not _is_built(cursor):
            return []
        found = cursor.execute(QUEUE, {"limit": limit}).fetchall()
        for row in found:
            _log(cursor, "review list", row)
    # Handed out only when the log is committed.
    return found


def accept(item: str, subject: str | None, reviewer: str, reason: str) -> int:
    """Link an item to a candidate; returns the link. A rule's link without effect is undone and made anew."""
    _named(reviewer, reason)
    with connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        candidate = _candidate(cursor, item, subject, "review accept")
        given = {"item": item, "subject": candidate["subject_id"], "reviewer": reviewer, "reason": reason}
        last = cursor.execute(LAST_DAY).fetchone()
        assert last
        try:
            held = cursor.execute(UNDO, given).fetchone() if candidate["is_linked_by_rule"] else None
            assert held is not None or not candidate["is_linked_by_rule"]
            written = cursor.execute(WRITE, {**given, "action": "LINK", "day": last["day"]}).fetchone()
        except psycopg.IntegrityError as error:
            raise NotPossible(f"台账拒绝 the ledger refuses: {error.diag.message_primary}") from None
        if written is None:
            raise NotPossible("该规则现已失效 the rule of this candidate is not in force")
    return int(written["link_id"])


def reject(item: str, subject: str | None, reviewer: str, reason: str) -> int:
    """Refuse a candidate, and undo the link that a rule has made; returns the rejection."""
    _named(reviewer, reason)
    with connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        candidate = _candidate(cursor, item, subject, "review reject")
        given = {"item": item, "subject": candidate["subject_id"], "reviewer": reviewer, "reason": reason}
        if candidate["is_linked_by_rule"]:
            cursor.execute(UNDO, given)
        written = cursor.execute(REJECT, given).fetchone()
    return int(written["rejection_id"]) if written else 0


def undo(item: str, reviewer: str, reason: str) -> int:
    """Undo the link of an item, whoever made it; the removal lane takes down what left on the strength of it."""
    _named(reviewer, reason)
    with connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        written = cursor.execute(UNDO, {"item": item, "reviewer": reviewer, "reason": reason}).fetchone()
        if written is None:
            raise NotPossible("该条目现无关联 the item has no link")
        last = cursor.execute(LAST_DAY).fetchone()
    if last and last["day"]:
        removals.run(last["day"])
    return int(written["link_id"])


def in_words(found: list[Row]) -> list[str]:
    """Lines to print."""
    lines = []
    for row in found:
        rivals = "，另有其他候选 and there are other candidates" if row["has_rivals"] else ""
        linked = "，规则已关联、尚未生效 linked by a rule without effect" if row["is_linked_by_rule"] else ""
        lines += [
            f"■ 条目 item {row['item_id']}（{row['source']}）→ 主体 subject {row['subject_id']}",
            f"  {row['item_name']}，{row['item_identifier_shown'] or '—'}（{row['item_identifier_verdict']}）"
            f" → {row['subject_identifier_shown'] or '—'}",
            f"  {row['tier']} {row['rule_code']}：{row['rule_zh']} {row['rule_en']}{rivals}{linked}",
            f"  {row['evidence']}",
        ]
        if row["homonym_risk"]:
            lines.append(f"  同名风险 homonyms：{row['homonym_risk']}；预计另有 others {row['expected_namesakes']}")
    return lines or ["无待审核候选 nothing waits"]


def _candidate(cursor: psycopg.Cursor[Row], item: str, subject: str | None, action: str) -> Row:
    found = cursor.execute(CANDIDATES, {"item": item, "subject": subject}).fetchall() if _is_built(cursor) else []
    if not found:
        raise NotPossible("没有这样的待审核候选 no such candidate waits for a decision")
    if len(found) > 1:
        raise NotPossible("不止一名候选，请用 --subject 指明 several candidates: say which with --subject")
    _log(cursor, action, found[0])
    return found[0]


def _log(cursor: psycopg.Cursor[Row], action: str, row: Row) -> None:
    cursor.execute(
        LOG,
        {
            "os_user": os_user(),
            "action": action,
            "batch": row["content_batch_id"],
            "row_no": row["content_row_no"],
            "item": row["item_id"],
        },
    )


def _is_built(cursor: psycopg.Cursor[Row]) -> bool:
    found = cursor.execute("select to_regclass('marts.identity_review') is not null as is_built").fetchone()
    return bool(found and found["is_built"])


def _named(reviewer: str, reason: str = "-") -> None:
    if not reviewer.strip() or not reason.strip():
        raise NotPossible("须写明审核员与理由 a reviewer and a reason are needed")
