"""The SQL of the report: one pass per table, one snapshot for all of it, plain values back.

Tables come with migrations and builds; where one is missing, its part of the report stays empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, LiteralString, TypeVar
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from credit_warehouse.declarations import Source
from credit_warehouse.export.products import PRODUCTS
from credit_warehouse.report import facts
from credit_warehouse.report.facts import Facts, Period
from credit_warehouse.rules import UNDECLARED, Book

Fact = TypeVar("Fact")

EXAMPLES_PER_RULE = 5
TREND_DATES = 14
FEED_HISTORY = 14
EXPOSURE_DAYS = 90
SLOWEST_NODES = 10
BUILDS_SHOWN = 10
BUSINESS_ZONE = ZoneInfo("Asia/Shanghai")
EVIDENCE = ("audit.source", "audit.build", "audit.batch", "audit.ingest_outcome", "audit.rejected_row")

# A file belongs to the period by its own business date, by the build that took it in, or, if no build did, by its
# arrival after the last build of an earlier date. Each file ends in one of three fates.
SCOPE: LiteralString = """
scope as materialized (
    select
        batch.*,
        case
            when batch.status = 'refused' then 'refused'
            when batch.status = 'accepted' and build.status = 'succeeded' then 'adopted'
            else 'waiting'
        end as fate
    from audit.batch
    left join audit.build using (build_id)
    where
        batch.business_date = %(day)s
        or build.business_date = %(day)s
        or (batch.build_id is null and batch.received_at > coalesce(%(since)s::timestamptz, '-infinity'))
)
"""
# Line numbers and record numbers of one file may coincide; the stage tells them apart.
REJECTED: LiteralString = """
rejected as (
    select
        batch_id,
        count(distinct row_no) filter (where stage = 'load')
        + count(distinct row_no) filter (where stage = 'staging') as rows,
        count(distinct row_no) filter (where stage = 'staging') as after_loading
    from audit.rejected_row
    where batch_id in (select batch_id from scope)
    group by batch_id
)
"""


class Reader:
    """Reads the facts of one period; knows which tables exist."""

    def __init__(self, connection: psycopg.Connection, sources: Sequence[Source]) -> None:
        self.connection = connection
        self.declared = {source.name: source for source in sources}
        self.tables = {
            name
            for (name,) in connection.execute(
                "select nspname || '.' || relname"
                " from pg_class inner join pg_namespace on pg_namespace.oid = relnamespace"
                " where relkind in ('r', 'p', 'v')"
                " and nspname in ('audit', 'core', 'staging', 'marts', 'exports', 'raw')"
            )
        }
        self.period = self._period()
        self.known = {
            "day": self.period.business_date,
            "since": self.period.since,
            "build": self.period.build_id,
            "started": self.period.started_at,
        }

    def has(self, *tables: str) -> bool:
        """Whether all these tables exist."""
        return self.tables.issuperset(tables)

    def read(self, book: Book) -> Facts:
        """Every fact of the report; ``book`` tells which rules there are."""
        if not self.period.prepared:
            return Facts(self.period)
        return Facts(
            period=self.period,
            sources=self.sources(),
            trend=self.trend(),
            outcomes=self.outcomes(),
            rejects=self.rejects(),
            settled=self.settled(),
            examples=self.examples(),
            verdicts=self.verdicts(),
            orphans=self.orphans(),
            subjects=self.subjects(),
            items=self.items(),
            listings=self.listings(),
            decisions=self.decisions(),
            exclusions=self.exclusions(),
            feeds=self.feeds(),
            exposure_days=self.exposure_days(),
            removals=self.removals(),
            products=self.products(),
            takedowns=self.takedowns(),
            scores=self.scores(self.period.business_date),
            criteria=self.criteria(self.period.business_date),
            court_questions=self.court_questions(),
            gates=self.gates(),
            findings=self.findings(),
            inside=self.inside(book),
            harms=self.harms(),
            feedback_alarms=self.feedback_alarms(),
            dbt_groups=self.dbt_groups(),
            dbt_nodes=self.dbt_nodes(),
            builds=self.builds(),
        )

    def _rows(self, kind: type[Fact], query: Any, **known: Any) -> list[Fact]:
        with self.connection.cursor(row_factory=class_row(kind)) as cursor:
            return cursor.execute(query, {**self.known, **known}).fetchall()

    def _one(self, kind: type[Fact], query: Any) -> Fact:
        return self._rows(kind, query)[0]

    def _period(self) -> Period:
        row = self.connection.execute("select now()").fetchone()
        assert row
        taken_at: datetime = row[0].astimezone(BUSINESS_ZONE)
        if not self.has(*EVIDENCE):
            return Period(taken_at.date(), taken_at, prepared=False)
        row = self.connection.execute(
            """
            with newest as (select * from audit.build order by build_id desc limit 1),
            day as (
                select coalesce(
                    (select business_date from newest),
                    (select max(business_date) from audit.batch),
                    (select max(business_date) from audit.ingest_outcome)
                ) as day
            )
            select
                day.day,
                newest.build_id,
                newest.status,
                newest.started_at,
                newest.finished_at,
                newest.exported_at,
                (
                    select max(earlier.started_at) from audit.build as earlier
                    where earlier.status = 'succeeded' and earlier.business_date < day.day
                )
            from day
            left join newest on true
            """
        ).fetchone()
        assert row
        day, build_id, status, started_at, finished_at, exported_at, since = row
        return Period(
            business_date=day or taken_at.date(),
            taken_at=taken_at,
            prepared=True,
            build_id=build_id,
            build_status=status,
            started_at=started_at,
            finished_at=finished_at,
            exported_at=exported_at,
            since=since,
        )

    # ---------------------------------------------------------------- what came in

    def sources(self) -> list[facts.SourceLine]:
        """Every registered source with what it delivered."""
        return self._rows(
            facts.SourceLine,
            "with "
            + SCOPE
            + ","
            + REJECTED
            + """,
            delivered as (
                select
                    scope.source,
                    count(*) as files,
                    count(*) filter (where fate = 'adopted') as accepted_files,
                    count(*) filter (where fate = 'refused') as refused_files,
                    count(*) filter (where fate = 'waiting') as waiting_files,
                    count(*) filter (where rows_in is null) as uncounted_files,
                    sum(rows_in) as rows_in,
                    sum(rows_loaded - coalesce(after_loading, 0)) filter (where fate = 'adopted') as adopted,
                    sum(rows) filter (where fate <> 'refused') as quarantined,
                    sum(rows_in) filter (where fate = 'refused') as refused_rows,
                    sum(rows_in - coalesce(rows, 0)) filter (where fate = 'waiting') as waiting_rows,
                    max(received_at) as received_at
                from scope
                left join rejected using (batch_id)
                group by scope.source
            ),
            newest_word as (
                select distinct on (source, file_name) source, outcome
                from audit.ingest_outcome
                where business_date = %(day)s or recorded_at > coalesce(%(since)s::timestamptz, '-infinity')
                order by source, file_name, recorded_at desc
            ),
            attempted as (
                select
                    source,
                    count(*) as attempts,
                    count(*) filter (where outcome = 'absent') as absences,
                    count(*) filter (where outcome in ('duplicate', 'unchanged')) as duplicates
                from newest_word
                group by source
            )
            select
                registered.source,
                registered.label,
                registered.publisher,
                registered.delivery,
                coalesce(files, 0) as files,
                coalesce(accepted_files, 0) as accepted_files,
                coalesce(refused_files, 0) as refused_files,
                coalesce(waiting_files, 0) as waiting_files,
                coalesce(uncounted_files, 0) as uncounted_files,
                coalesce(rows_in, 0)::bigint as rows_in,
                coalesce(adopted, 0)::bigint as adopted,
                coalesce(quarantined, 0)::bigint as quarantined,
                coalesce(refused_rows, 0)::bigint as refused_rows,
                coalesce(waiting_rows, 0)::bigint as waiting_rows,
                coalesce(absences, 0) as absences,
                coalesce(duplicates, 0) as duplicates,
                coalesce(attempts, 0) as attempts,
                received_at
            from audit.source as registered
            left join delivered using (source)
            left join attempted using (source)
            order by registered.source
            """,
        )

    def trend(self) -> list[facts.TrendPoint]:
        """Accepted rows, quarantined rows and refused files of the newest business dates."""
        return self._rows(
            facts.TrendPoint,
            """
            with dates as (
                select distinct business_date from audit.batch
                where business_date <= %(day)s order by business_date desc limit %(dates)s
            ),
            scope as (select * from audit.batch where business_date in (select business_date from dates)),
            """
            + REJECTED
            + """
            select
                source,
                business_date,
                coalesce(sum(rows_in) filter (where status <> 'refused'), 0)::bigint as rows,
                coalesce(sum(rows) filter (where status <> 'refused'), 0)::bigint as quarantined,
                count(*) filter (where status = 'refused') as refused_files
            from scope
            left join rejected using (batch_id)
            group by source, business_date
            order by source, business_date
            """,
            dates=TREND_DATES,
        )

    def outcomes(self) -> list[facts.Outcome]:
        """Refused files, and attempts that brought no file: the newest word on each counts."""
        return self._rows(
            facts.Outcome,
            "with "
            + SCOPE
            + """,
            newest_word as (
                select distinct on (source, file_name) *
                from audit.ingest_outcome
                where business_date = %(day)s or recorded_at > coalesce(%(since)s::timestamptz, '-infinity')
                order by source, file_name, recorded_at desc
            ),
            bad as (
                select source, file_name, business_date, received_at as at, refused_rule, refused_zh, refused_en
                from scope
                where fate = 'refused'
                union all
                select
                    source, file_name, business_date, recorded_at, coalesce(rule, upper(outcome)), detail_zh, detail_en
                from newest_word
                where outcome in ('refused', 'failed') and batch_id is null
            )
            select
                bad.source,
                registered.label,
                bad.file_name,
                bad.business_date,
                coalesce(bad.refused_rule, '') as rule,
                coalesce(bad.refused_zh, '') as detail_zh,
                coalesce(bad.refused_en, '') as detail_en,
                exists (
                    select from audit.batch as later
                    where
                        later.source = bad.source
                        and later.business_date = bad.business_date
                        and later.status = 'accepted'
                        and later.received_at > bad.at
                ) as replaced
            from bad
            inner join audit.source as registered using (source)
            order by replaced, bad.source, bad.at
            """,
        )

    def rejects(self) -> list[facts.RejectLine]:
        """Quarantined rows by rule and source, most frequent rule first."""
        return self._rows(
            facts.RejectLine,
            sql.SQL("with " + SCOPE + """,
            counted as (
                select rejected_row.rule, scope.source, count(*) as rows
                from scope
                inner join audit.rejected_row using (batch_id)
                where scope.fate <> 'refused'
                group by rejected_row.rule, scope.source
            )
            select
                counted.rule,
                coalesce(known.reason_zh, '') as reason_zh,
                coalesce(known.reason_en, '') as reason_en,
                coalesce(known.what_was_done_zh, '') as done_zh,
                coalesce(known.basis, '') as basis,
                known.owner,
                counted.source,
                registered.label,
                counted.rows
            from counted
            inner join audit.source as registered using (source)
            left join {known} as known using (rule)
            order by sum(counted.rows) over (partition by counted.rule) desc, counted.rule, counted.rows desc, source
            """).format(
                known=self._or_empty(
                    "core.reject_rule", "rule", "reason_zh", "reason_en", "what_was_done_zh", "basis", "owner"
                )
            ),
        )  # fmt: skip

    def settled(self) -> list[facts.SettledLine]:
        """Rows quarantined in any earlier file that a file taken in on this day settled."""
        if not self.has("audit.rejection_superseded"):
            return []
        return self._rows(
            facts.SettledLine,
            """
            select batch.source, registered.label, settled.ground, count(*) as rows
            from (
                select distinct batch_id, row_no, superseded_by, ground from audit.rejection_superseded
            ) as settled
            inner join audit.batch on settled.superseded_by = batch.batch_id
            inner join audit.build using (build_id)
            inner join audit.source as registered using (source)
            where build.business_date = %(day)s
            group by batch.source, registered.label, settled.ground
            order by batch.source, settled.ground
            """,
        )

    def examples(self) -> list[facts.Example]:
        """A few rows of each rule, from as many files as possible, with the value where it is not personal."""
        found = self._rows(
            facts.Example,
            "with "
            + SCOPE
            + """,
            spread as (
                select
                    rejected_row.rule,
                    scope.source,
                    scope.file_name,
                    scope.batch_id,
                    rejected_row.row_no,
                    rejected_row.stage,
                    rejected_row.field,
                    row_number() over (partition by rejected_row.rule, scope.batch_id order by row_no) as turn
                from scope
                inner join audit.rejected_row using (batch_id)
                where scope.fate <> 'refused'
            ),
            chosen as (
                select *, row_number() over (partition by rule order by turn, source, batch_id, row_no) as place
                from spread
                where turn <= %(examples)s
            )
            select rule, source, label, file_name, batch_id, row_no, stage, field
            from chosen
            inner join audit.source as registered using (source)
            where place <= %(examples)s
            order by rule, place
            """,
            examples=EXAMPLES_PER_RULE,
        )
        return [example for source, of_source in _by_source(found) for example in self._with_values(source, of_source)]

    def _with_values(self, source: str, found: list[facts.Example]) -> list[facts.Example]:
        declaration = self.declared.get(source)
        opened = [column.name for column in declaration.columns if column.pii == "none"] if declaration else []
        wanted = [example for example in found if example.stage == "staging" and example.field in opened]
        if not wanted or not self.has(f"raw.{source}"):
            return found
        values = {
            (batch_id, row_no, field): value
            for batch_id, row_no, field, value in self.connection.execute(
                sql.SQL(
                    "select batch_id, row_no, field, left(to_jsonb(r) ->> field, 200)"
                    " from unnest(%(batches)s::bigint[], %(rows)s::bigint[], %(fields)s::text[])"
                    " as wanted (batch_id, row_no, field)"
                    " inner join {table} r on r._batch_id = batch_id and r._row_no = row_no"
                    " where field = any(%(opened)s)"
                ).format(table=sql.Identifier("raw", source)),
                {
                    "batches": [example.batch_id for example in wanted],
                    "rows": [example.row_no for example in wanted],
                    "fields": [example.field for example in wanted],
                    "opened": opened,
                },
            )
        }
        return [
            facts.Example(
                **{
                    **vars(example),
                    "readable": example in wanted,
                    "value": values.get((example.batch_id, example.row_no, example.field)),
                }
            )
            for example in found
        ]

    def verdicts(self) -> list[facts.VerdictLine] | None:
        """Good rows of the period by identifier verdict, and how many of them belong to no subject."""
        staged = [source for source in sorted(self.declared) if self.has(f"staging.stg_{source}")]
        if not staged:
            return None
        counts = sql.SQL(" union all ").join(
            sql.SQL(
                "select {name} as source, coalesce(identifier_verdict, 'UNKNOWN') as verdict, count(*) as rows,"
                " count(*) filter (where subject_id is null) as orphans from {table}"
                " where reject_rule is null and _batch_id in (select batch_id from scope where fate = 'adopted')"
                " group by 2"
            ).format(name=sql.Literal(source), table=sql.Identifier("staging", f"stg_{source}"))
            for source in staged
        )
        return self._rows(
            facts.VerdictLine,
            sql.SQL("with " + SCOPE + """, counted as ({counts})
            select counted.source, registered.label, verdict, rows, orphans
            from counted
            inner join audit.source as registered using (source)
            order by counted.source, verdict
            """).format(counts=counts),
        )  # fmt: skip

    # ---------------------------------------------------------------- the record

    def orphans(self) -> list[facts.OrphanLine] | None:
        """Items in force that belong to no subject."""
        if not self.has("core.credit_item"):
            return None
        return self._rows(
            facts.OrphanLine,
            """
            select item.source, label, coalesce(identifier_verdict, 'UNKNOWN') as verdict, count(*) as items
            from core.credit_item as item
            inner join audit.source as registered using (source)
            where recorded_to = 'infinity' and status = 'ACTIVE' and subject_id is null
            group by 1, 2, 3
            order by 1, 3
            """,
        )

    def subjects(self) -> list[facts.SubjectLine] | None:
        """Subjects by kind."""
        if not self.has("core.subject"):
            return None
        return self._rows(
            facts.SubjectLine,
            """
            select
                subject_kind as kind,
                count(*) as subjects,
                count(*) filter (where recorded_at > (
                    select min(started_at) from audit.build where business_date = %(day)s
                )) as new_subjects
            from core.subject
            group by subject_kind
            order by subject_kind
            """,
        )

    def items(self) -> list[facts.ItemLine] | None:
        """Items in force by class."""
        if not self.has("marts.credit_record_item"):
            return None
        return self._rows(
            facts.ItemLine,
            """
            select catalogue_class, polarity, count(*) as items, count(distinct subject_id) as subjects
            from marts.credit_record_item
            group by catalogue_class, polarity
            order by items desc
            """,
        )

    def listings(self) -> list[facts.ListingLine] | None:
        """Listings by status."""
        if not self.has("marts.defaulter_listing"):
            return None
        return self._rows(
            facts.ListingLine,
            """
            select
                status,
                count(*) as listings,
                count(*) filter (where subject_kind = 'person') as persons,
                count(*) filter (where subject_kind = 'organisation') as organisations
            from marts.defaulter_listing
            group by status
            order by array_position(array['ACTIVE', 'SUPPRESSED', 'EXPIRED', 'DELETED', 'REVOKED'], status)
            """,
        )

    def decisions(self) -> facts.Decisions | None:
        """How many listings may leave."""
        if not self.has("exports.listing_decision"):
            return None
        return self._one(
            facts.Decisions,
            """
            select
                count(*) as listings,
                count(*) filter (where exposure_reasons is null) as exposable,
                count(*) filter (where directive_reasons is null) as directable
            from exports.listing_decision
            """,
        )

    def exclusions(self) -> list[facts.ExclusionLine]:
        """Why listings stay in, with the legal basis."""
        if not self.has("exports.listing_decision"):
            return []
        return self._rows(
            facts.ExclusionLine,
            sql.SQL(
                """
            with named as (
                select reason, 'exposure' as product
                from exports.listing_decision, unnest(string_to_array(exposure_reasons, '|')) as reason
                union all
                select reason, 'directive'
                from exports.listing_decision, unnest(string_to_array(directive_reasons, '|')) as reason
            ),
            counted as (
                select
                    reason,
                    count(*) filter (where product = 'exposure') as not_exposed,
                    count(*) filter (where product = 'directive') as not_directed
                from named
                group by reason
            ),
            known as (select distinct on (reason) * from {known} as every order by reason, valid_from desc)
            select
                counted.reason,
                coalesce(reason_zh, '') as reason_zh,
                coalesce(reason_en, '') as reason_en,
                coalesce(legal_basis, '') as legal_basis,
                not_exposed,
                not_directed
            from counted
            left join known using (reason)
            order by greatest(not_exposed, not_directed) desc, reason
            """
            ).format(known=self._exclusion_reasons()),
        )

    # ---------------------------------------------------------------- what left

    def feeds(self) -> list[facts.FeedLine]:
        """Every feed with its newest sequence and the sums of the period."""
        if not self.has("audit.export_ledger", "exports.feed_entry"):
            return []
        return self._rows(
            facts.FeedLine,
            sql.SQL(
                """
            with numbered as (
                select
                    ledger.*,
                    build.business_date = %(day)s as is_recent,
                    row_number() over (partition by feed order by sequence desc) as age
                from audit.export_ledger as ledger
                inner join audit.build using (build_id)
            ),
            summed as (
                select
                    feed,
                    coalesce(sum(added) filter (where is_recent), 0)::bigint as added,
                    coalesce(sum(updated) filter (where is_recent), 0)::bigint as updated,
                    coalesce(sum(removed) filter (where is_recent), 0)::bigint as removed,
                    array_agg(total order by sequence) filter (where age <= %(history)s) as totals
                from numbered
                group by feed
            ),
            held as (select feed, count(*) as held from exports.feed_entry group by feed),
            department as (select distinct 'punishment-' || department_code as feed, department from {departments} as d)
            select
                numbered.feed,
                product,
                department,
                sequence,
                scope,
                summed.added,
                summed.updated,
                summed.removed,
                total,
                coalesce(held, 0) as held,
                exported_at,
                totals
            from numbered
            inner join summed using (feed)
            left join held using (feed)
            left join department using (feed)
            where age = 1
            order by product, numbered.feed
            """
            ).format(departments=self._or_empty("core.department", "department_code", "department")),
            history=FEED_HISTORY,
        )

    def exposure_days(self) -> list[facts.ExposureDay]:
        """The newest days of the public list, oldest first."""
        whole = next(product.whole for product in PRODUCTS if product.whole)
        if not self.has("marts.exposure_day"):
            return []
        found = self._rows(
            facts.ExposureDay,
            "select day, removed, held, performed, performed_amount_yuan, queries from marts.exposure_day"
            " where feed = %(feed)s order by day desc limit %(days)s",
            feed=whole,
            days=EXPOSURE_DAYS,
        )
        return found[::-1]

    def removals(self) -> list[facts.RemovalLine]:
        """Entries taken down in the period, by reason; an entry may have several reasons."""
        if not self.has("audit.export_ledger", "exports.feed_tombstone"):
            return []
        return self._rows(
            facts.RemovalLine,
            sql.SQL(
                """
            with counted as (
                select
                    ledger.product,
                    single as reason,
                    count(distinct case ledger.product when 'exposure_publication' then item_id else entry_id end)
                        as entries
                from exports.feed_tombstone as gone
                inner join audit.export_ledger as ledger using (feed, sequence)
                inner join audit.build using (build_id)
                cross join unnest(string_to_array(gone.reason, '|')) as single
                where build.business_date = %(day)s
                group by ledger.product, single
            ),
            known as (select distinct on (reason) * from {known} as every order by reason, valid_from desc)
            select
                product,
                counted.reason,
                coalesce(reason_zh, '') as reason_zh,
                coalesce(legal_basis, '') as legal_basis,
                entries
            from counted
            left join known using (reason)
            order by product, entries desc, reason
            """
            ).format(known=self._exclusion_reasons()),
        )

    def products(self) -> list[facts.ProductLine] | None:
        """What is allowed, what recipients hold, and what they still hold although a reason stands against it."""
        known = [product for product in PRODUCTS if self.has(f"exports.{product.name}")]
        if not known or not self.has("audit.export_ledger", "exports.feed_entry", "exports.listing_decision"):
            return None
        return self._rows(
            facts.ProductLine,
            sql.SQL(
                """
            with candidate as ({candidates}),
            sent as (select distinct feed, product from audit.export_ledger),
            entry as (
                select
                    sent.product,
                    -- Of what several channels hold, once.
                    count(distinct case sent.product when 'exposure_publication' then item_id else entry_id end)
                        as held,
                    count(*) filter (
                        where case sent.product {bars} end is not null
                        -- What a law lets outlast a listing, to its day (市北区意见四（二）5).
                        and not coalesce((feed_entry.body::json ->> 'is_retained')::boolean, false)
                    ) as overdue
                from exports.feed_entry
                inner join sent using (feed)
                left join exports.listing_decision as decision using (item_id)
                group by sent.product
            )
            select product, candidates, coalesce(held, 0) as held, coalesce(overdue, 0) as overdue
            from candidate
            left join entry using (product)
            order by product
            """
            ).format(
                candidates=sql.SQL(" union all ").join(
                    sql.SQL("select {name} as product, count(*) as candidates from {table}").format(
                        name=sql.Literal(product.name), table=sql.Identifier("exports", product.name)
                    )
                    for product in known
                ),
                bars=sql.SQL(" ").join(
                    sql.SQL("when {name} then decision.{bars}").format(
                        name=sql.Literal(product.name), bars=sql.Identifier(product.reasons)
                    )
                    for product in known
                ),
            ),
        )

    def takedowns(self) -> list[facts.TakedownLine] | None:
        """Removals against their clocks; what is still open counts whatever its age."""
        if not self.has("marts.takedown_sla", "core.credit_item"):
            return None
        return self._rows(
            facts.TakedownLine,
            sql.SQL(
                """
            with measured as materialized (
                select
                    reason,
                    state,
                    is_late,
                    is_late and state = 'GONE' and received_at::date > due_on as came_late,
                    extract(
                        epoch from greatest(gone_from_exposure_at, gone_from_departments_at) - received_at
                    ) as seconds
                from marts.takedown_sla
                where
                    (state = 'PENDING' or received_at > coalesce(%(since)s::timestamptz, '-infinity'))
                    -- An objection gives a number and no list; a number that a list does not have is nobody's.
                    and exists (select from core.credit_item as item where item.item_id = takedown_sla.item_id)
            ),
            known as (select distinct on (reason) * from {known} as every order by reason, valid_from desc)
            select
                measured.reason,
                coalesce(max(known.reason_zh), '') as reason_zh,
                count(*) as removals,
                count(*) filter (where state = 'GONE' and not is_late) as met,
                count(*) filter (where is_late and not came_late) as late,
                count(*) filter (where came_late) as came_late,
                count(*) filter (where state = 'PENDING' and is_late is not true) as pending,
                count(*) filter (where state = 'GONE' and is_late is null) as unclocked,
                count(*) filter (where state = 'NEVER_SENT') as never_sent,
                ceil(max(seconds) filter (where state = 'GONE'))::bigint as longest_seconds
            from measured
            left join known using (reason)
            group by measured.reason
            order by late desc, pending desc, removals desc, measured.reason
            """
            ).format(known=self._exclusion_reasons()),
        )

    def scores(self, day: date) -> list[facts.ScoreLine] | None:
        """The league table of the month of a day, best first; who cannot be rated comes last."""
        if not self.has("marts.supplier_score"):
            return None
        return self._rows(
            facts.ScoreLine,
            """
            select
                now.month, now.source, now.label, now.publisher, now.deliveries, now.refused_deliveries,
                now.overdue_days, now.rows_in, now.completeness::float8, now.validity::float8, now.timeliness::float8,
                now.correction::float8, now.removal::float8, now.score::float8, now.place,
                earlier.score::float8 as before
            from marts.supplier_score as now
            left join marts.supplier_score as earlier
                on now.source = earlier.source and earlier.month = now.month - interval '1 month'
            where now.month = date_trunc('month', %(month_of)s::date)
            order by now.place nulls last, now.source
            """,
            month_of=day,
        )

    def criteria(self, day: date) -> list[facts.Criterion]:
        """Weights and definitions of the score, as in force on the last day of the month."""
        if not self.has("core.score_weight"):
            return []
        return self._rows(
            facts.Criterion,
            """
            select criterion, criterion_zh, criterion_en, weight::float8, definition_zh, definition_en, legal_basis
            from core.score_weight
            where valid_from < date_trunc('month', %(month_of)s::date) + interval '1 month'
            and (valid_to is null or date_trunc('month', %(month_of)s::date) + interval '1 month' <= valid_to)
            order by weight desc, criterion
            """,
            month_of=day,
        )

    def court_questions(self) -> list[facts.CourtQuestionLine] | None:
        """What has to be asked of the courts: how many listings, and since when the oldest."""
        if not self.has("marts.listing_alert"):
            return None
        return self._rows(
            facts.CourtQuestionLine,
            """
            select
                alert,
                max(alert_zh) as alert_zh,
                max(rule) as rule,
                count(*) as listings,
                count(distinct court_name) as courts,
                min(since) as since
            from marts.listing_alert
            group by alert
            order by listings desc, alert
            """,
        )

    # ---------------------------------------------------------------- what was checked

    # A rule may be applied to several columns, and again when an export is repeated: the newest word counts.
    _CHECKED: LiteralString = """
    checked as materialized (
        select distinct on (suite, target, rule_id, on_column, result.batch_id, result.build_id)
            result.*,
            batch.file_name,
            coalesce(batch.status = 'refused', false) as refused
        from audit.quality_result as result
        cross join lateral (select substring(expected from 'column=([^,]+)') as on_column) as c
        left join scope as batch on result.batch_id = batch.batch_id
        left join audit.build on result.build_id = build.build_id
        where suite <> 'inside' and (batch.batch_id is not null or build.business_date = %(day)s)
        order by suite, target, rule_id, on_column, result.batch_id, result.build_id, result_id desc
    )
    """

    def gates(self) -> list[facts.GateLine]:
        """Results by rule."""
        if not self.has("audit.quality_result"):
            return []
        return self._rows(
            facts.GateLine,
            "with "
            + SCOPE
            + ","
            + self._CHECKED
            + """
            select
                suite,
                rule_id,
                title_zh,
                coalesce(min(basis), '') as basis,
                severity,
                max(owner) as owner,
                count(*) as checks,
                count(*) filter (where success and not vacuous) as passed,
                count(*) filter (where success and vacuous) as vacuous,
                count(*) filter (where not success) as failed
            from checked
            group by suite, rule_id, title_zh, severity
            order by suite desc, min(result_id)
            """,
        )

    def findings(self) -> list[facts.GateFinding]:
        """Results that are no proof: failures first, then passes that saw nothing."""
        if not self.has("audit.quality_result"):
            return []
        return self._rows(
            facts.GateFinding,
            "with "
            + SCOPE
            + ","
            + self._CHECKED
            + """
            select
                suite,
                target,
                registered.label,
                rule_id,
                title_zh,
                severity,
                owner,
                success,
                coalesce(expected, '') as expected,
                coalesce(observed, '') as observed,
                file_name,
                refused
            from checked
            left join audit.source as registered on checked.suite = 'raw' and checked.target = registered.source
            where not success or vacuous
            order by success, severity, suite, target, result_id
            """,
        )

    def inside(self, book: Book) -> list[facts.InsideLine]:
        """Every data test of dbt with its newest result: what a build leaves alone is as it was when last tested."""
        newest = {}
        if self.has("audit.quality_result"):
            for target, expected, *found in self.connection.execute(
                "select distinct on (target, expected) target, expected, success, vacuous, observed, checked_at,"
                " build_id from audit.quality_result where suite = 'inside' order by target, expected, result_id desc"
            ):
                newest[target, expected] = found
        lines = []
        for test in book.tests:
            rule = book.rule_of(test) or UNDECLARED
            lines.append(
                facts.InsideLine(
                    rule.rule, rule.title, rule.basis, rule.severity, rule.owner, test.target, test.expected,
                    *newest.get((test.target, test.expected), ()),
                )
            )  # fmt: skip
        return lines

    def harms(self) -> list[facts.HarmLine]:
        """Whom the rules that failed would have let be hit, where the newest check still says so."""
        if not self.has("audit.quality_result", "audit.gate_harm"):
            return []
        return self._rows(
            facts.HarmLine,
            """
            with newest as (
                select distinct on (target, rule_id) result.*
                from audit.quality_result as result
                inner join audit.build using (build_id)
                where suite = 'exports' and build.business_date = %(day)s
                order by target, rule_id, result_id desc
            )
            select distinct on (newest.target, newest.rule_id)
                newest.target, newest.rule_id, newest.title_zh, harm.entries, harm.subjects, harm.newly, harm.shown
            from newest
            inner join audit.gate_harm as harm
                on
                    newest.build_id = harm.build_id
                    and newest.target = harm.target
                    and newest.rule_id = harm.rule_id
                    and harm.checked_at >= newest.checked_at
            where not newest.success
            order by newest.target, newest.rule_id, harm.harm_id desc
            """,
        )

    def feedback_alarms(self) -> list[facts.FeedbackAlarmLine] | None:
        """Who acted on a directive that was withdrawn, or is another's, as told in the period."""
        if not self.has("marts.punishment_feedback"):
            return None
        return self._rows(
            facts.FeedbackAlarmLine,
            sql.SQL(
                """
            with known as (select distinct department_code, department from {departments} as every)
            select
                case source when 'bank_rejections' then 'bank' else 'department' end as unit_kind,
                -- What a unit writes of itself could be anybody's name; a code that looks like one is shown.
                case when unit_code ~ '^[A-Za-z][A-Za-z0-9-]{{0,19}}$' and unit_code !~ '[0-9]{{7}}' then unit_code end
                    as unit_code,
                min(known.department) as department,
                standing,
                count(*) as acts,
                count(distinct coalesce(subject_id, feedback_number)) as subjects,
                count(*) filter (where withdrawal_taken_at <= handled_at) as forewarned,
                max(handled_at) as last_acted_at
            from marts.punishment_feedback as told
            left join known on told.source = 'punishment_feedback' and told.unit_code = known.department_code
            where is_alarm and received_at > coalesce(%(since)s::timestamptz, '-infinity')
            group by 1, 2, standing
            order by standing, acts desc, 2
            """
            ).format(departments=self._or_empty("core.department", "department_code", "department")),
        )

    def dbt_groups(self) -> list[facts.DbtGroup]:
        """dbt nodes by kind and status."""
        if not self.has("audit.dbt_result"):
            return []
        return self._rows(
            facts.DbtGroup,
            """
            select resource_type, status, count(*) as nodes, sum(seconds) as seconds
            from audit.dbt_result
            where build_id = %(build)s
            group by resource_type, status
            order by resource_type, status
            """,
        )

    def dbt_nodes(self) -> list[facts.DbtNode]:
        """Nodes that failed or warned, and the slowest."""
        if not self.has("audit.dbt_result"):
            return []
        return self._rows(
            facts.DbtNode,
            """
            select unique_id, resource_type, status, seconds, rows_affected, failures, message, is_problem
            from (
                select
                    *,
                    status not in ('success', 'pass', 'no-op') as is_problem,
                    row_number() over (order by seconds desc, unique_id) as place
                from audit.dbt_result
                where build_id = %(build)s
            ) as placed
            where is_problem or place <= %(slowest)s
            order by is_problem desc, seconds desc, unique_id
            """,
            slowest=SLOWEST_NODES,
        )

    def builds(self) -> list[facts.BuildLine]:
        """The newest builds."""
        return self._rows(
            facts.BuildLine,
            """
            with newest as (select * from audit.build order by build_id desc limit %(shown)s)
            select
                newest.build_id,
                newest.business_date,
                newest.status,
                newest.started_at,
                newest.finished_at,
                newest.exported_at,
                (select count(*) from audit.batch where batch.build_id = newest.build_id) as files
            from newest
            order by newest.build_id desc
            """,
            shown=BUILDS_SHOWN,
        )

    def _exclusion_reasons(self) -> sql.Composed:
        return self._or_empty("core.exclusion_reason", "reason", "reason_zh", "reason_en", "legal_basis", "valid_from")

    def _or_empty(self, table: str, *columns: str) -> sql.Composed:
        """The table, or an empty one with these columns where it does not exist yet."""
        if self.has(table):
            return sql.Composed([sql.Identifier(*table.split("."))])
        nothing = sql.SQL(", ").join(sql.SQL("null::text as {}").format(sql.Identifier(name)) for name in columns)
        return sql.SQL("(select {} where false)").format(nothing)


def _by_source(found: Iterable[facts.Example]) -> Iterable[tuple[str, list[facts.Example]]]:
    groups: dict[str, list[facts.Example]] = {}
    for example in found:
        groups.setdefault(example.source, []).append(example)
    return groups.items()
