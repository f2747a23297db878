{# Division and year of birth stand first in what is shown of a person: namesakes of a place and age are one range. #}
{{ config(
    incremental_strategy='append',
    indexes=[{'columns': ['subject_id', 'identifier_shown'], 'unique': true}, {'columns': ['identifier_shown']}]
) }}

with mentioned as (
    select
        subject_id,
        identifier_shown,
        min(case
            when subject_kind = 'person' then 'resident_id'
            when length(identifier_shown) = 18 then 'uscc'
            else 'org_code'
        end) as identifier_type,
        min(identifier_verdict) as identifier_verdict,
        min(source) as first_source
    from {{ ref('mention') }}
    where subject_id is not null
    group by subject_id, identifier_shown
)

select
    mentioned.*,
    now() as recorded_at
from mentioned
{% if is_incremental() -%}
where not exists (
    select from {{ this }} as known
    where known.subject_id = mentioned.subject_id and known.identifier_shown = mentioned.identifier_shown
)
{%- endif %}
