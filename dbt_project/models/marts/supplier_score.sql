{# The league table of suppliers, after the monthly data quality report of GLEIF: asked of the evidence, so that no build
   has to run for it. Every weight and definition is a row of score_weight; what cannot be computed does not count. #}
{{ config(materialized='view') }}

with delivered as (
    select
        batch.source,
        date_trunc('month', batch.business_date)::date as month,
        count(*) filter (where batch.status = 'accepted') as deliveries,
        count(*) filter (where batch.status = 'refused') as refused_deliveries,
        coalesce(sum(batch.rows_in) filter (where batch.status in ('accepted', 'refused')), 0)::bigint as rows_in,
        coalesce(sum(batch.rows_in) filter (where batch.status = 'refused'), 0)::bigint as rows_refused,
        count(*) filter (
            where batch.status = 'accepted' and batch.received_at::date <= batch.business_date + known.days
        ) as deliveries_in_time
    from {{ source('audit', 'batch') }} as batch
    -- The definition of a month is the one in force on its last day.
    left join {{ ref('score_weight') }} as known
        on
            known.criterion = 'timeliness'
            and known.valid_from < date_trunc('month', batch.business_date) + interval '1 month'
            and (known.valid_to is null or date_trunc('month', batch.business_date) + interval '1 month' <= known.valid_to)
    group by batch.source, date_trunc('month', batch.business_date)
),

quarantined as (
    select
        batch.source,
        date_trunc('month', batch.business_date)::date as month,
        count(distinct row(rejected.batch_id, rejected.row_no)) filter (
            where rejected.rule like '%\_MISSING'
        ) as rows_missing,
        count(distinct row(rejected.batch_id, rejected.row_no)) filter (
            where rejected.rule not like '%\_MISSING'
        ) as rows_invalid
    from {{ source('audit', 'rejected_row') }} as rejected
    inner join {{ source('audit', 'batch') }} as batch on rejected.batch_id = batch.batch_id
    where batch.status = 'accepted'
    group by batch.source, date_trunc('month', batch.business_date)
),

-- A day on which a source was asked, brought nothing, and had brought nothing for longer than it declares.
overdue as (
    select
        asked.source,
        date_trunc('month', asked.business_date)::date as month,
        count(distinct asked.business_date) as overdue_days
    from {{ source('audit', 'ingest_outcome') }} as asked
    inner join {{ source('audit', 'source') }} as registered on asked.source = registered.source
    where
        asked.outcome = 'absent'
        and not exists (
            select from {{ source('audit', 'batch') }} as batch
            where
                batch.source = asked.source and batch.status = 'accepted'
                and batch.business_date between asked.business_date - registered.fresh_days and asked.business_date
        )
    group by asked.source, date_trunc('month', asked.business_date)
),

said as (
    select
        event.source,
        date_trunc('month', batch.business_date)::date as month,
        count(*) as messages,
        count(*) filter (where event.item_action in ('U', 'R')) as corrections
    from {{ ref('item_event') }} as event
    inner join {{ source('audit', 'batch') }} as batch on event._batch_id = batch.batch_id
    group by event.source, date_trunc('month', batch.business_date)
),

taken_back as (
    select
        source,
        date_trunc('month', received_at)::date as month,
        count(*) as removals,
        count(*) filter (where received_at::date <= due_on) as removals_in_time
    from {{ ref('takedown_sla') }}
    where source is not null and due_on is not null
    group by source, date_trunc('month', received_at)
),

counted as (
    select
        spine.month,
        spine.source,
        coalesce(delivered.deliveries, 0) as deliveries,
        coalesce(delivered.refused_deliveries, 0) as refused_deliveries,
        coalesce(overdue.overdue_days, 0) as overdue_days,
        coalesce(delivered.rows_in, 0) as rows_in,
        coalesce(quarantined.rows_missing, 0) as rows_missing,
        coalesce(quarantined.rows_invalid, 0) as rows_invalid,
        coalesce(delivered.rows_refused, 0) as rows_refused,
        coalesce(delivered.deliveries_in_time, 0) as deliveries_in_time,
        coalesce(said.messages, 0) as messages,
        coalesce(said.corrections, 0) as corrections,
        coalesce(taken_back.removals, 0) as removals,
        coalesce(taken_back.removals_in_time, 0) as removals_in_time
    from (
        select month, source from delivered
        union
        select month, source from overdue
        union
        select month, source from taken_back
    ) as spine
    left join delivered on spine.month = delivered.month and spine.source = delivered.source
    left join quarantined on spine.month = quarantined.month and spine.source = quarantined.source
    left join overdue on spine.month = overdue.month and spine.source = overdue.source
    left join said on spine.month = said.month and spine.source = said.source
    left join taken_back on spine.month = taken_back.month and spine.source = taken_back.source
),

rated as (
    select
        counted.*,
        1 - counted.rows_missing::numeric / nullif(counted.rows_in - counted.rows_refused, 0) as completeness,
        1 - (counted.rows_invalid + counted.rows_refused)::numeric / nullif(counted.rows_in, 0) as validity,
        counted.deliveries_in_time::numeric
        / nullif(counted.deliveries + counted.overdue_days, 0) as timeliness,
        1 - counted.corrections::numeric / nullif(counted.messages, 0) as correction,
        counted.removals_in_time::numeric / nullif(counted.removals, 0) as removal
    from counted
),

scored as (
    select
        rated.*,
        (
            select round(100 * sum(known.weight * given.value) / nullif(sum(known.weight), 0), 1)
            from (
                values
                ('completeness', rated.completeness), ('validity', rated.validity),
                ('timeliness', rated.timeliness), ('correction', rated.correction), ('removal', rated.removal)
            ) as given (criterion, value)
            inner join {{ ref('score_weight') }} as known
                on
                    given.criterion = known.criterion
                    and known.valid_from < rated.month + interval '1 month'
                    and (known.valid_to is null or rated.month + interval '1 month' <= known.valid_to)
            where given.value is not null
        ) as score
    from rated
)

select
    scored.month,
    scored.source,
    registered.label,
    registered.publisher,
    scored.deliveries,
    scored.refused_deliveries,
    scored.overdue_days,
    scored.rows_in,
    scored.rows_missing,
    scored.rows_invalid,
    scored.rows_refused,
    scored.deliveries_in_time,
    scored.messages,
    scored.corrections,
    scored.removals,
    scored.removals_in_time,
    scored.completeness,
    scored.validity,
    scored.timeliness,
    scored.correction,
    scored.removal,
    scored.score,
    case
        when scored.score is not null
            then rank() over (partition by scored.month order by scored.score desc nulls last)
    end as place
from scored
inner join {{ source('audit', 'source') }} as registered on scored.source = registered.source
