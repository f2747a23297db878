"""The monthly report: how each supplier did, what was rejected and stopped, whether removals met their clocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from credit_warehouse.declarations import Source
from credit_warehouse.report import wording
from credit_warehouse.report.facts import Criterion, ScoreLine
from credit_warehouse.report.page import environment, league
from credit_warehouse.report.queries import Reader
from credit_warehouse.rules import Book

TEMPLATE = "month.html.j2"

RULES = """
select
    rejected.rule, coalesce(max(known.reason_zh), '') as reason_zh, coalesce(max(known.reason_en), '') as reason_en,
    coalesce(max(known.basis), '') as basis, max(known.owner) as owner,
    registered.label, count(distinct row(rejected.batch_id, rejected.row_no)) as rows,
    count(distinct rejected.batch_id) as files, count(settled.batch_id) as settled
from audit.rejected_row as rejected
inner join audit.batch as batch on rejected.batch_id = batch.batch_id
inner join audit.source as registered on batch.source = registered.source
left join core.reject_rule as known on rejected.rule = known.rule
left join audit.rejection_superseded as settled
    on (settled.batch_id, settled.row_no, settled.rule, settled.field)
    = (rejected.batch_id, rejected.row_no, rejected.rule, rejected.field)
where date_trunc('month', batch.business_date) = %(month)s
group by rejected.rule, registered.label
order by rows desc, rejected.rule, registered.label
"""
# The words of the newest result: a rule may have been put better in the course of the month.
CHECKS = """
select
    suite, rule_id, (array_agg(title_zh order by result_id desc))[1] as title_zh,
    coalesce((array_agg(basis order by result_id desc))[1], '') as basis,
    (array_agg(severity order by result_id desc))[1] as severity,
    (array_agg(owner order by result_id desc))[1] as owner,
    count(*) as checks, count(*) filter (where success and not vacuous) as passed,
    count(*) filter (where success and vacuous) as vacuous, count(*) filter (where not success) as failed
from audit.quality_result as result
left join audit.batch on result.batch_id = batch.batch_id
left join audit.build on result.build_id = build.build_id
where
    date_trunc('month', coalesce(batch.business_date, build.business_date, checked_at::date)) = %(month)s
group by suite, rule_id
order by failed desc, vacuous desc, suite desc, rule_id
"""
REMOVALS = """
select
    coalesce(registered.publisher, '（期限届满）') as unit, sla.reason,
    coalesce(max(known.reason_zh), '') as reason_zh, count(*) as removals,
    count(*) filter (where sla.state = 'GONE' and sla.is_late is not true) as met,
    count(*) filter (where sla.is_late and sla.received_at::date <= sla.due_on) as late,
    count(*) filter (where sla.is_late and sla.received_at::date > sla.due_on) as came_late,
    count(*) filter (where sla.state = 'PENDING') as pending,
    count(*) filter (where sla.state = 'NEVER_SENT') as never_sent
from marts.takedown_sla as sla
left join audit.source as registered on sla.source = registered.source
left join core.exclusion_reason as known on sla.reason = known.reason
where date_trunc('month', sla.received_at) = %(month)s
group by registered.publisher, sla.reason
order by late desc, came_late desc, removals desc, unit, sla.reason
"""
UNITS = """
select unit, unit_code, deliveries_sent, deliveries_taken, removals_sent, removals_in_time, feedback_count,
    acted_after_withdrawal + acted_on_another as alarms
from marts.unit_accountability
where month = %(month)s
order by alarms desc, removals_sent - coalesce(removals_in_time, 0) desc, unit_code
"""


@dataclass(frozen=True)
class Month:
    """What the monthly report states."""

    month: date
    taken_at: datetime
    scores: list[ScoreLine]
    criteria: list[Criterion]
    rules: list[Mapping[str, Any]]
    gates: list[Mapping[str, Any]]
    tests: list[Mapping[str, Any]]
    removals: list[Mapping[str, Any]]
    units: list[Mapping[str, Any]]


def read(connection: psycopg.Connection, sources: list[Source], month: date) -> Month:
    """Everything of the month that begins on ``month``. Raises LookupError before the first build."""
    reader = Reader(connection, sources)
    scores = reader.scores(month)
    if scores is None:
        raise LookupError("尚无成功的构建，没有月报 there is no monthly report before the first build")

    def rows(query: LiteralString) -> list[Mapping[str, Any]]:
        with connection.cursor(row_factory=dict_row) as cursor:
            return list(cursor.execute(query, {"month": month}).fetchall())

    checks = rows(CHECKS)
    return Month(
        month, reader.period.taken_at, scores, reader.criteria(month), rows(RULES),
        [line for line in checks if line["suite"] != "inside"], [line for line in checks if line["suite"] == "inside"],
        rows(REMOVALS), rows(UNITS),
    )  # fmt: skip


def render(found: Month, book: Book) -> str:
    """The monthly report as one HTML document."""
    return environment().get_template(TEMPLATE).render(
        facts=found, league=league(found.scores, found.criteria), words=wording, share=wording.share, not_built="",
        owner=book.owner_zh,
    )  # fmt: skip
