{# Who is registered in which role with which entity. A changed representative is a new row of the registry; nobody
   is swapped into a court's order from here. #}
{{ config(
    incremental_strategy='delete+insert',
    unique_key='relation_id',
    indexes=[{'columns': ['relation_id'], 'unique': true}, {'columns': ['subject_id']}]
) }}

with said as (
    select
        relation_id,
        entity_item_id,
        registry_id,
        subject_id,
        subject_name,
        identifier_shown,
        identifier_verdict,
        position_code,
        position_name,
        is_legal_representative,
        appointed_on,
        removed_on,
        effective_at
    from {{ ref('stg_registry_persons') }}
    where
        reject_rule is null
        and _batch_id in ({{ batches('registry_persons') }})
    {%- if is_incremental() %}
    union all
    select *
    from {{ this }}
    where relation_id in (
        select relation_id from {{ ref('stg_registry_persons') }}
        where _batch_id in ({{ batches('registry_persons') }})
    )
    {%- endif %}
)

select distinct on (relation_id) *
from said
order by relation_id asc, effective_at desc, said::text asc
