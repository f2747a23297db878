{# Every state of every objection that this warehouse knew, rebuilt whenever a message of it arrives, whatever the order
   of arrival: later times win, a withdrawal that is as old as what it withdraws outranks it, and a correction brings
   no withdrawn objection back. #}
{{ config(
    incremental_strategy='delete+insert',
    unique_key='objection_id',
    indexes=[
        {'columns': ['objection_id', 'recorded_from'], 'unique': true},
        {'columns': ['subject_id']}
    ]
) }}

with said as (
    select
        stg.*,
        stg.message_action in ('A', 'U') as describes,
        batch.received_at as recorded_at,
        row_number() over (
            partition by stg.objection_id
            order by
                stg.effective_at,
                stg.business_date,
                case stg.message_action when 'A' then 1 when 'U' then 2 when 'D' then 3 when 'R' then 4 end,
                stg.result nulls first,
                stg._batch_id,
                stg._row_no
        ) as said_rank
    from {{ ref('stg_objections') }} as stg
    inner join {{ source('audit', 'batch') }} as batch on stg._batch_id = batch.batch_id
    where
        stg.reject_rule is null
        and stg.objection_id in (
            select objection_id from {{ ref('stg_objections') }}
            where _batch_id in ({{ batches('objections') }})
        )
),

states as (
    select
        objection_id,
        recorded_at,
        said_rank,
        max(said_rank) filter (where describes) over known_so_far as content_rank,
        max(said_rank) filter (where message_action <> 'U' or result is not null) over known_so_far as status_rank
    from said
    window known_so_far as (partition by objection_id order by recorded_at, said_rank rows unbounded preceding)
),

moments as (
    select distinct on (objection_id, recorded_at)
        objection_id,
        recorded_at,
        content_rank,
        status_rank
    from states
    order by objection_id, recorded_at, said_rank desc
)

select
    moments.objection_id,
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
    moments.recorded_at as recorded_from,
    coalesce(
        lead(moments.recorded_at) over (partition by moments.objection_id order by moments.recorded_at),
        'infinity'::timestamptz
    ) as recorded_to,
    content._batch_id as content_batch_id,
    content._row_no as content_row_no,
    status._batch_id as status_batch_id,
    status._row_no as status_row_no
from moments
left join said as content
    on moments.objection_id = content.objection_id and moments.content_rank = content.said_rank
left join said as status
    on moments.objection_id = status.objection_id and moments.status_rank = status.said_rank
