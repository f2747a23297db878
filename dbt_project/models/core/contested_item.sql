{# An objection names the provider's number of what it contests and not the list: it concerns every item of that number,
   so that nobody's objection is lost to a wrong guess. #}
{{ config(
    incremental_strategy='delete+insert',
    unique_key='objection_id',
    indexes=[{'columns': ['item_id']}, {'columns': ['objection_id']}, {'columns': ['_build_id']}]
) }}

select distinct
    said.objection_id,
    vault.token(registered.source || ':' || said.contested_id) as item_id,
    {{ current_build() }} as _build_id
from {{ ref('stg_objections') }} as said
cross join {{ source('audit', 'source') }} as registered
where
    said.reject_rule is null
    and said.contested_id is not null
    and registered.catalogue_class is not null
    and said.objection_id in (
        select objection_id from {{ ref('stg_objections') }}
        where _batch_id in ({{ batches('objections') }})
    )
