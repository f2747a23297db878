{# What the business register has said of a subject, kept when it changes: an old case names the representative of its time. #}
{{ config(
    incremental_strategy='append',
    indexes=[
        {'columns': ['subject_id', 'registration_number', 'representative_key', 'division_code'], 'unique': true}
    ]
) }}

with said as (
    select
        subject_id,
        case
            when
                {{ function('registration_verdict') }}({{ function('identifier_text') }}(registration_number)) = 'VALID'
                then {{ function('identifier_text') }}(registration_number)
        end as registration_number,
        {{ function('name_key') }}(legal_representative) as representative_key,
        left(division_code, 6) as division_code
    from {{ ref('stg_registry_entities') }}
    where
        reject_rule is null
        and subject_id is not null
        and _batch_id in ({{ batches('registry_entities') }})
)

select distinct
    said.subject_id,
    said.registration_number,
    said.representative_key,
    said.division_code,
    {{ current_build() }} as first_build_id
from said
{% if is_incremental() -%}
where not exists (
    select from {{ this }} as known
    where
        known.subject_id = said.subject_id
        and known.registration_number is not distinct from said.registration_number
        and known.representative_key is not distinct from said.representative_key
        and known.division_code is not distinct from said.division_code
)
{%- endif %}
