{# What units did, and the directive it rests on. A view over the ledgers: acting on a directive that was withdrawn shows
   at once, and no feedback, whatever it says, can stop a build. #}
{{ config(materialized='view') }}

with feedback as (
    select *
    from (
        select distinct on (given.department_code, given.feedback_number)
            'punishment_feedback' as source,
            given.department_code as unit_code,
            given.department as unit,
            given.feedback_number,
            given.effective_at as handled_at,
            given.matter,
            given.measure_code,
            given.result,
            null::numeric as amount_yuan,
            given.directive_id,
            given.subject_id,
            given.subject_kind,
            given.subject_name,
            given.identifier_shown,
            batch.received_at
        from {{ ref('stg_punishment_feedback') }} as given
        inner join {{ source('audit', 'batch') }} as batch on given._batch_id = batch.batch_id
        where given.reject_rule is null
        order by
            given.department_code asc,
            given.feedback_number asc,
            batch.business_date desc,
            given._batch_id desc,
            given._row_no desc
    ) as of_departments
    union all
    select *
    from (
        select distinct on (refused.institution_code, refused.serial_number)
            'bank_rejections' as source,
            refused.institution_code as unit_code,
            refused.institution as unit,
            refused.serial_number as feedback_number,
            -- The day is all that is known: only what was withdrawn before it began was withdrawn before the refusal.
            refused.refused_on::timestamptz as handled_at,
            refused.business_kind as matter,
            refused.measure_code,
            '拦截' as result,
            refused.amount_yuan,
            null::text as directive_id,
            refused.subject_id,
            refused.subject_kind,
            refused.subject_name,
            refused.identifier_shown,
            batch.received_at
        from {{ ref('stg_bank_rejections') }} as refused
        inner join {{ source('audit', 'batch') }} as batch on refused._batch_id = batch.batch_id
        where refused.reject_rule is null
        order by
            refused.institution_code asc,
            refused.serial_number asc,
            batch.business_date desc,
            refused._batch_id desc,
            refused._row_no desc
    ) as of_banks
),

-- Whom directives are about: who is listed, and whom an order names in an office of a listed unit.
hit as (
    select
        item_id,
        subject_id
    from {{ ref('defaulter_listing') }}
    union all
    select
        item_id,
        subject_id
    from {{ ref('related_order') }}
),

-- The directive a unit names, else those that the subject's items and the measure make; banks act on the measures of the
-- departments over them.
candidates as (
    select
        feedback.source,
        feedback.unit_code,
        feedback.feedback_number,
        'punishment-' || feedback.unit_code as feed,
        feedback.directive_id,
        true as is_named
    from feedback
    where feedback.directive_id is not null
    union all
    select
        feedback.source,
        feedback.unit_code,
        feedback.feedback_number,
        'punishment-' || duty.department_code as feed,
        {{ directive_id('hit.item_id', 'feedback.measure_code', 'duty.department_code') }} as directive_id,
        false as is_named
    from feedback
    inner join hit on feedback.subject_id = hit.subject_id
    inner join {{ ref('measure_department') }} as duty
        on
            feedback.measure_code = duty.measure_code
            and (feedback.source = 'bank_rejections' or feedback.unit_code = duty.department_code)
    where feedback.directive_id is null
),

meant as (
    select
        candidates.*,
        withdrawn.removed_at as withdrawn_at,
        withdrawn.sequence as withdrawn_with,
        case
            when held.entry_id is null and ever.item_id is null then 'NO_DIRECTIVE'
            when feedback.subject_id <> hit.subject_id then 'OTHER_SUBJECT'
            -- Of an entry that came back only its newest writing is known; where that is later, the tombstone speaks.
            when withdrawn.removed_at is not null and (held.entry_id is null or sent.exported_at > feedback.handled_at)
                then 'AFTER_WITHDRAWAL'
            else 'IN_FORCE'
        end as standing
    from candidates
    inner join feedback
        on
            candidates.source = feedback.source
            and candidates.unit_code = feedback.unit_code
            and candidates.feedback_number = feedback.feedback_number
    left join {{ source('exports', 'feed_entry') }} as held
        on candidates.feed = held.feed and candidates.directive_id = held.entry_id
    left join {{ source('audit', 'export_ledger') }} as sent
        on held.feed = sent.feed and held.sequence = sent.sequence
    left join lateral (
        select stone.item_id
        from {{ source('exports', 'feed_tombstone') }} as stone
        where stone.feed = candidates.feed and stone.entry_id = candidates.directive_id
        limit 1
    ) as ever on true
    left join lateral (
        select
            stone.removed_at,
            stone.sequence
        from {{ source('exports', 'feed_tombstone') }} as stone
        where
            stone.feed = candidates.feed
            and stone.entry_id = candidates.directive_id
            and stone.removed_at <= feedback.handled_at
        order by stone.sequence desc
        limit 1
    ) as withdrawn on true
    left join hit on coalesce(held.item_id, ever.item_id) = hit.item_id
),

chosen as (
    select distinct on (meant.source, meant.unit_code, meant.feedback_number) meant.*
    from meant
    order by
        meant.source asc,
        meant.unit_code asc,
        meant.feedback_number asc,
        array_position(array['IN_FORCE', 'AFTER_WITHDRAWAL', 'OTHER_SUBJECT', 'NO_DIRECTIVE'], meant.standing) asc,
        meant.withdrawn_at desc,
        meant.directive_id asc
)

select
    feedback.source,
    feedback.unit_code,
    feedback.unit,
    feedback.feedback_number,
    feedback.handled_at,
    feedback.received_at,
    feedback.received_at::date - feedback.handled_at::date as delay_days,
    feedback.matter,
    feedback.measure_code,
    feedback.result,
    feedback.amount_yuan,
    case when chosen.standing <> 'NO_DIRECTIVE' then chosen.directive_id else feedback.directive_id end as directive_id,
    coalesce(chosen.is_named, false) as is_directive_named,
    coalesce(chosen.standing, 'NO_DIRECTIVE') as standing,
    case when chosen.standing = 'AFTER_WITHDRAWAL' then chosen.withdrawn_at end as withdrawn_at,
    case when chosen.standing = 'AFTER_WITHDRAWAL' then heard.applied_at end as withdrawal_taken_at,
    feedback.result <> '未惩戒' and coalesce(chosen.standing in ('AFTER_WITHDRAWAL', 'OTHER_SUBJECT'), false) as is_alarm,
    feedback.subject_id,
    feedback.subject_kind,
    feedback.subject_name,
    feedback.identifier_shown
from feedback
left join chosen
    on
        feedback.source = chosen.source
        and feedback.unit_code = chosen.unit_code
        and feedback.feedback_number = chosen.feedback_number
left join lateral (
    select min(receipt.applied_at) as applied_at
    from {{ source('audit', 'feed_receipt') }} as receipt
    where receipt.feed = chosen.feed and receipt.sequence >= chosen.withdrawn_with
) as heard on feedback.source = 'punishment_feedback'
