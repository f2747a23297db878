"""Why an item without a valid number was, or was not, taken for somebody: the ledger, the evidence, the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psycopg.rows import dict_row

from credit_warehouse.db import connect
from credit_warehouse.explain.chain import UnknownId
from credit_warehouse.explain.wording import moment
from credit_warehouse.likeness import RULES

Row = dict[str, Any]

LEDGER = """
select
    link.link_id, link.item_id, link.subject_id, link.action, link.tier, link.rule_code, link.rule_version,
    known.rule_zh, known.rule_en, known.legal_basis, link.evidence, link.decided_by, link.reviewer, link.reason,
    link.decided_at
from core.subject_link as link
left join core.identity_tier as known
    on link.rule_code = known.rule_code
    and known.valid_from <= link.decided_at::date
    and (known.valid_to is null or link.decided_at::date < known.valid_to)
where link.item_id = %(item)s
order by link.link_id
"""
TOLD = """
select link_id, op, min(feed || ' ' || lpad(sequence::text, 8, '0')) as first_told, count(*) as feeds
from exports.feed_event where item_id = %(item)s group by link_id, op
"""
ITEM_OF = "select item_id from core.subject_link where link_id = %(given)s"
STANDING = """
select link.subject_id, link.tier, link.rule_code
from core.credit_item as item
cross join lateral core.standing_link(
    item.item_id,
    core.link_basis(item.subject_kind, item.subject_name, item.identifier_shown, item.identifier_verdict),
    (select max(business_date) from audit.build where status <> 'failed')
) as link
where item.item_id = %(item)s and item.recorded_to = 'infinity' and item.subject_id is null
"""
COMPARED = """
select
    compared.subject_id, compared.rule_code, known.rule_zh, known.rule_en, compared.evidence, refused.reviewer,
    refused.reason as refused_because
from (
    select item_id, subject_id, basis, rule_code, evidence from core.identity_comparison
    union all
    select item_id, subject_id, basis, rule_code, evidence from core.open_candidate
    where rule_code = any(%(likeness)s)
) as compared
left join lateral (
    select rule.rule_zh, rule.rule_en from core.identity_tier as rule
    where rule.rule_code = compared.rule_code
    order by rule.valid_from desc limit 1
) as known on true
left join lateral (
    select rejection.reviewer, rejection.reason from core.link_rejection as rejection
    where rejection.item_id = compared.item_id and rejection.subject_id = compared.subject_id
        and rejection.basis = compared.basis
    order by rejection.rejection_id desc limit 1
) as refused on true
where compared.item_id = %(item)s
order by compared.rule_code, compared.subject_id
limit 50
"""
ACTIONS = {"LINK": "关联 linked", "UNLINK": "解除 undone"}
AGREES = {True: "相符 agrees", False: "不符 differs"}


def explain_link(given: str) -> Row:
    """The ledger of the item behind ``given`` (a link_id or an item_id), and every subject of that name.

    Names and numbers are masked in the evidence. Raises UnknownId.
    """
    given = given.strip()
    with connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute("select to_regclass('core.identity_comparison') is not null as is_built").fetchone()
        if not (found and found["is_built"]):
            raise UnknownId("尚未构建档案，没有可说明的关联 nothing was built yet: there is no link to explain")
        of_link = (
            cursor.execute(ITEM_OF, {"given": int(given)}).fetchone() if given.isascii() and given.isdigit() else None
        )
        item = of_link["item_id"] if of_link else given
        ledger = cursor.execute(LEDGER, {"item": item}).fetchall()
        compared = cursor.execute(COMPARED, {"item": item, "likeness": [*RULES.values()]}).fetchall()
        if not ledger and not compared:
            raise UnknownId(
                "没有这个标识：请给出关联编号或没有有效号码的条目标识"
                " unknown id: give a link_id, or the item_id of an item without a valid number"
            )
        told = {row["link_id"]: row for row in cursor.execute(TOLD, {"item": item}).fetchall()}
        standing = cursor.execute(STANDING, {"item": item}).fetchone()
    last = ledger[-1] if ledger else None
    linked = last["subject_id"] if last and last["action"] == "LINK" else None
    return {
        "item_id": item,
        "ledger": [{**row, "told": told.get(row["link_id"])} for row in ledger],
        "in_record_of": standing["subject_id"] if standing else None,
        "others": [{**row, "why_not": _why_not(row, compared)} for row in compared if row["subject_id"] != linked],
    }


def link_in_words(found: Row) -> list[str]:
    """Lines to print."""
    return list(_lines(found))


def _lines(found: Row) -> Iterator[str]:
    yield f"■ 条目 item {found['item_id']}"
    yield f"  现归入 in the record of {found['in_record_of'] or '无 no one'}"
    yield "■ 台账 ledger"
    for row in found["ledger"] or []:
        who = f"审核员 reviewer {row['reviewer']}：{row['reason']}" if row["reviewer"] else "规则 rule"
        yield (
            f"  {row['link_id']} {ACTIONS[row['action']]} {row['subject_id']}，{row['tier']}，"
            f"{moment(row['decided_at'])}，{who}"
        )
        yield f"    {row['rule_code']}（版本 version {row['rule_version']}）：{row['rule_zh']} {row['rule_en']}"
        yield f"    {row['legal_basis']}"
        if row["told"]:
            yield (
                f"    已告知 told as {row['told']['op']}：{row['told']['feeds']} 个清单 feeds，"
                f"{row['told']['first_told']}"
            )
        yield from _facts(row["evidence"])
    if not found["ledger"]:
        yield "  —"
    yield "■ 其他同名主体 others of that name"
    for row in found["others"]:
        yield f"  {row['subject_id']}：{row['why_not']}"
        yield from _facts(row["evidence"])
    if not found["others"]:
        yield "  —"


def _facts(evidence: list[Row]) -> Iterator[str]:
    for fact in evidence:
        yield (
            f"    {AGREES[fact['agrees']]}：{fact['field']}，条目 item {_value(fact['item'])}，"
            f"主体 subject {_value(fact['subject'])}{'，' + fact['says'] if fact.get('says') else ''}"
        )


def _value(value: Any) -> str:
    return "—" if value is None else str(value)


def _why_not(row: Row, compared: list[Row]) -> str:
    """The first ground that stands against this subject."""
    if row["refused_because"]:
        return f"审核员 reviewer {row['reviewer']} 否定 refused：{row['refused_because']}"
    against = [fact["field"] for fact in row["evidence"] if not fact["agrees"]]
    # What the model proposes has been weighed; its evidence may speak both ways.
    if against and row["rule_code"] not in RULES.values():
        return f"相互矛盾 contradicts：{'、'.join(against)}"
    if row["rule_code"] is None:
        return "仅姓名或名称一致，不足以认定 the name agrees and too little besides it"
    if sum(other["rule_code"] is not None for other in compared) > 1:
        return f"不止一名候选，须审核 more than one candidate, a reviewer decides：{row['rule_code']}"
    return f"须审核 a reviewer decides：{row['rule_code']} {row['rule_zh']} {row['rule_en']}"
