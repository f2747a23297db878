{# Columns every staging model of an item source provides, in this order. #}
{% macro event_columns(alias) -%}
    {{ alias }}.item_id,
    {{ alias }}.item_title,
    {{ alias }}.amount_yuan,
    {{ alias }}.item_polarity,
    {{ alias }}.authority,
    {{ alias }}.valid_from,
    {{ alias }}.valid_to,
    {{ alias }}.content_hash,
    {{ alias }}.subject_id,
    {{ alias }}.subject_kind,
    {{ alias }}.subject_name,
    {{ alias }}.identifier_verdict,
    {{ alias }}.identifier_shown
{%- endmacro %}

{# Messages that say what changed. #}
{% macro delta_events(source_name) %}
select
    stg._batch_id,
    stg._row_no,
    '{{ source_name }}' as source,
    stg.item_action,
    stg.effective_at,
    batch.received_at as recorded_at,
    {{ event_columns('stg') }}
from {{ ref('stg_' ~ source_name) }} as stg
inner join {{ source('audit', 'batch') }} as batch on stg._batch_id = batch.batch_id
where
    stg.reject_rule is null
    and stg._batch_id in ({{ batches(source_name) }})
{% endmacro %}

{# A full snapshot says what is; the difference to the snapshot before it (by business date, not by arrival) says
   what changed. A late snapshot also changes what its successor says, so the successor is compared again.
   A row that is quarantined is present but unreadable: its absence from the good rows removes nothing, and its
   absence from the next snapshot removes what an earlier one said. #}
{% macro snapshot_events(source_name) %}
(
    with snapshots as (
        select
            batch_id,
            business_date,
            received_at,
            lag(batch_id) over in_order as previous_id,
            lag(received_at) over in_order as previous_received_at
        from {{ source('audit', 'batch') }}
        where source = '{{ source_name }}' and status = 'accepted' and build_id is not null
        window in_order as (order by business_date, batch_id)
    ),

    compared as (
        select * from snapshots
        where
            batch_id in ({{ batches(source_name) }})
            or previous_id in ({{ batches(source_name) }})
    ),

    present as (
        select
            compared.batch_id as snapshot_id,
            stg.*
        from compared
        inner join {{ ref('stg_' ~ source_name) }} as stg on compared.batch_id = stg._batch_id
    ),

    previous as (
        select
            compared.batch_id as snapshot_id,
            compared.business_date,
            greatest(compared.received_at, compared.previous_received_at) as recorded_at,
            stg.*
        from compared
        inner join {{ ref('stg_' ~ source_name) }} as stg on compared.previous_id = stg._batch_id
        where stg.item_id is not null
    )

    select
        present._batch_id,
        present._row_no,
        '{{ source_name }}' as source,
        -- A snapshot may carry an end of its own (移出, 撤销): staging says which.
        present.item_action,
        present.effective_at,
        compared.received_at as recorded_at,
        {{ event_columns('present') }}
    from present
    inner join compared on present.snapshot_id = compared.batch_id
    where
        present.reject_rule is null
        and not exists (
            select from previous
            where
                previous.snapshot_id = present.snapshot_id
                and previous.reject_rule is null
                and previous.item_id = present.item_id
                and previous.content_hash = present.content_hash
        )
    union all
    select
        previous.snapshot_id as _batch_id,
        0 as _row_no,
        '{{ source_name }}' as source,
        'D' as item_action,
        previous.business_date::timestamptz as effective_at,
        previous.recorded_at,
        {{ event_columns('previous') }}
    from previous
    where
        -- What its provider had ended needs no end: a revocation (R) must not fade into a removal (D) when the next
        -- snapshot leaves the row out. The end in a quarantined row was never taken in.
        (previous.item_action = 'A' or previous.reject_rule is not null)
        and not exists (
            select from present
            where present.snapshot_id = previous.snapshot_id and present.item_id = previous.item_id
        )
)
{% endmacro %}

{# What a snapshot said against a predecessor that is its predecessor no longer: it is compared again, and where the
   new comparison finds no difference at all, no row of it comes that could replace the old ones. #}
{% macro forget_compared_again() %}
{%- if is_incremental() -%}
delete from {{ this }}
where _batch_id in (
    select batch_id
    from (
        select
            batch_id,
            lag(build_id) over (partition by source order by business_date, batch_id) as previous_build_id
        from {{ source('audit', 'batch') }}
        where mode = 'full' and status = 'accepted' and build_id is not null
    ) as snapshots
    where previous_build_id = {{ current_build() }}
)
{%- endif -%}
{% endmacro %}
