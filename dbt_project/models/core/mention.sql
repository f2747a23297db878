{# Every way a subject was named in the batches of this build; rebuilt each time, so it stays as small as the day. #}
{{ config(incremental_strategy='refill') }}

{%- for declared in declared_sources() %}
select
    '{{ declared.name }}' as source,
    {{ declared.is_item }} as is_item,
    stg.subject_id,
    stg.subject_kind,
    stg.subject_name,
    stg.name_key,
    stg.identifier_verdict,
    stg.identifier_shown,
    stg.effective_at,
    batch.received_at as recorded_at
from {{ ref('stg_' ~ declared.name) }} as stg
inner join {{ source('audit', 'batch') }} as batch on stg._batch_id = batch.batch_id
where
    stg.reject_rule is null
    and stg._batch_id in ({{ batches(declared.name, transient=true) }})
{{ 'union all' if not loop.last }}
{%- endfor %}
