{# What each unit took, asked and did, by month: a view over the ledgers, as of now. #}
{{ config(materialized='view') }}

with deliveries as (
    select
        substr(sent.feed, length('punishment-') + 1) as unit_code,
        date_trunc('month', sent.exported_at)::date as month,
        sent.removed > 0 as takes_down,
        heard.applied_at is not null as is_taken,
        heard.applied_at::date <= lifting.due_on as is_in_time
    from {{ source('audit', 'export_ledger') }} as sent
    -- The receipt of a later delivery says that this one was taken, too, or overtaken by a full set.
    left join lateral (
        select min(receipt.applied_at) as applied_at
        from {{ source('audit', 'feed_receipt') }} as receipt
        where receipt.feed = sent.feed and receipt.sequence >= sent.sequence
    ) as heard on true
    -- Measures are lifted within the time that the place's rule sets; without a rule nothing is in time or late.
    left join lateral (
        select min({{ function('due_date') }}(sent.exported_at::date, clock.amount, clock.unit)) as due_on
        from {{ ref('rule_clock') }} as clock
        inner join {{ ref('served_jurisdiction') }} as place on clock.jurisdiction in ('CN', place.jurisdiction)
        where
            clock.clock_code = 'LIFT_MEASURES'
            and clock.binds = 'partner_body'
            and {{ holds_on('clock', 'sent.exported_at::date') }}
            and {{ holds_on('place', 'sent.exported_at::date') }}
    ) as lifting on true
    where sent.feed like 'punishment-%'
),

taken as (
    select
        unit_code,
        month,
        count(*) as deliveries_sent,
        count(*) filter (where is_taken) as deliveries_taken,
        count(*) filter (where takes_down) as removals_sent,
        count(*) filter (where takes_down and is_in_time) as removals_in_time
    from deliveries
    group by unit_code, month
),

asked as (
    select
        substr(receipt.feed, length('punishment-') + 1) as unit_code,
        date_trunc('month', receipt.applied_at)::date as month,
        sum(receipt.compares)::bigint as compares,
        sum(receipt.hits)::bigint as hits
    from {{ source('audit', 'feed_receipt') }} as receipt
    where receipt.feed like 'punishment-%'
    group by 1, 2
),

answered as (
    select
        case feedback.source when 'bank_rejections' then 'bank' else 'department' end as unit_kind,
        feedback.unit_code,
        max(feedback.unit) as unit,
        date_trunc('month', feedback.handled_at)::date as month,
        count(*) as feedback_count,
        count(*) filter (where feedback.result in ('拦截', '限制')) as interceptions,
        count(*) filter (where feedback.result = '审慎参考') as considered,
        count(*) filter (where feedback.result = '未惩戒') as not_acted,
        round(avg(feedback.delay_days), 1) as mean_delay_days,
        max(feedback.delay_days) as longest_delay_days,
        count(*) filter (where feedback.standing = 'NO_DIRECTIVE') as without_directive,
        count(*) filter (where feedback.is_alarm and feedback.standing = 'AFTER_WITHDRAWAL') as acted_after_withdrawal,
        count(*) filter (where feedback.is_alarm and feedback.standing = 'OTHER_SUBJECT') as acted_on_another
    from {{ ref('punishment_feedback') }} as feedback
    group by 1, 2, 4
),

unit_months as (
    select 'department' as unit_kind, unit_code, month from taken
    union
    select 'department' as unit_kind, unit_code, month from asked
    union
    select unit_kind, unit_code, month from answered
)

select
    unit_months.month,
    unit_months.unit_kind,
    unit_months.unit_code,
    coalesce(department.department, answered.unit) as unit,
    coalesce(taken.deliveries_sent, 0) as deliveries_sent,
    coalesce(taken.deliveries_taken, 0) as deliveries_taken,
    coalesce(taken.removals_sent, 0) as removals_sent,
    coalesce(taken.removals_in_time, 0) as removals_in_time,
    coalesce(asked.compares, 0) as compares,
    coalesce(asked.hits, 0) as hits,
    coalesce(answered.feedback_count, 0) as feedback_count,
    coalesce(answered.interceptions, 0) as interceptions,
    coalesce(answered.considered, 0) as considered,
    coalesce(answered.not_acted, 0) as not_acted,
    answered.mean_delay_days,
    answered.longest_delay_days,
    coalesce(answered.without_directive, 0) as without_directive,
    coalesce(answered.acted_after_withdrawal, 0) as acted_after_withdrawal,
    coalesce(answered.acted_on_another, 0) as acted_on_another
from unit_months
left join {{ ref('department') }} as department
    on unit_months.unit_kind = 'department' and unit_months.unit_code = department.department_code
left join taken
    on
        unit_months.unit_kind = 'department'
        and unit_months.unit_code = taken.unit_code
        and unit_months.month = taken.month
left join asked
    on
        unit_months.unit_kind = 'department'
        and unit_months.unit_code = asked.unit_code
        and unit_months.month = asked.month
left join answered
    on
        unit_months.unit_kind = answered.unit_kind
        and unit_months.unit_code = answered.unit_code
        and unit_months.month = answered.month
