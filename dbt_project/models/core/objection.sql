{# The latest state of every objection, whatever the order of arrival: later times win, a withdrawal that is as old as
   what it withdraws outranks it, and a correction brings no withdrawn objection back. #}
{{ config(
    incremental_strategy='delete+insert',
    unique_key='objection_id',
    indexes=[
        {'columns': ['objection_id'], 'unique': true},
        {'columns': ['contested_id']},
        {'columns': ['subject_id']}
    ]
) }}

with said as (
    select
        *,
        row_number() over (
            partition by objection_id
            order by
                effective_at,
                business_date,
                case message_action when 'A' then 1 when 'U' then 2 when 'D' then 3 when 'R' then 4 end,
                result nulls first,
                _batch_id,
                _row_no
        ) as said_rank
    from {{ ref('stg_objections') }}
    where
        reject_rule is null
        and objection_id in (
            select objection_id from {{ ref('stg_objections') }}
            where _batch_id in ({{ batches('objections') }})
        )
),

ranked as (
    select
        objection_id,
        max(said_rank) filter (where describes) as content_rank,
        max(said_rank) filter (where message_action <> 'U' or result is not null) as status_rank
    from (select *, message_action in ('A', 'U') as describes from said) as messages
    group by objection_id
)

select
    ranked.objection_id,
    content.objection_kind,
    content.contested_id,
    content.subject_id,
    content.subject_name,
    content.identifier_shown,
    content.identifier_verdict,
    content.filed_at,
    case
        when status.message_action in ('D', 'R') then 'WITHDRAWN'
        when content.result = '成立' then 'UPHELD'
        when content.result = '不成立' then 'DISMISSED'
        else 'OPEN'
    end as status,
    content.handled_at,
    content.handling_unit,
    greatest(content.effective_at, status.effective_at) as effective_at,
    content._batch_id as content_batch_id,
    content._row_no as content_row_no,
    status._batch_id as status_batch_id,
    status._row_no as status_row_no
from ranked
left join said as content
    on ranked.objection_id = content.objection_id and ranked.content_rank = content.said_rank
left join said as status
    on ranked.objection_id = status.objection_id and ranked.status_rank = status.said_rank
