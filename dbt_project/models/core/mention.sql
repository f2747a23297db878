{# Every way a subject was named in the batches of this build; rebuilt each time, so it stays as small as the day. #}
{{ config(materialized='table') }}

{%- for source in declared_sources() %}
select
    '{{ source.name }}' as source,
    stg.subject_id,
    stg.subject_kind,
    stg.subject_name,
    stg.name_key,
    stg.identifier_verdict,
    stg.identifier_shown,
    stg.effective_at
from {{ ref('stg_' ~ source.name) }} as stg
where
    stg.reject_rule is null
    and stg._batch_id in ({{ batches(source.name, transient=true) }})
{{ 'union all' if not loop.last }}
{%- endfor %}
