{{ config(incremental_strategy='append', indexes=[{'columns': ['subject_id'], 'unique': true}]) }}

with mentioned as (
    select
        subject_id,
        min(subject_kind) as subject_kind,
        min(effective_at) as first_effective_at
    from {{ ref('mention') }}
    where subject_id is not null
    group by subject_id
)

select
    mentioned.*,
    now() as recorded_at
from mentioned
{% if is_incremental() -%}
where not exists (select from {{ this }} as known where known.subject_id = mentioned.subject_id)
{%- endif %}
