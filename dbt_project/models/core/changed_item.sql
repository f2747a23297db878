{# Items whose place in marts and exports may differ after this build: new messages, terms that ended since the last
   build, items of persons for whom a new name turned up, what is contested or was repaired. #}
{{ config(materialized='table', indexes=[{'columns': ['item_id'], 'unique': true}]) }}

select item_id from {{ ref('touched_item') }}
union
select item_id
from {{ ref('credit_item') }}
where
    recorded_to = 'infinity'
    and status = 'ACTIVE'
    and valid_to > (select max(business_date) from {{ source('audit', 'build') }} where status = 'succeeded')
    and valid_to <= (select business_date from {{ source('audit', 'build') }} where build_id = {{ current_build() }})
union
select item.item_id
from {{ ref('subject_name') }} as names
inner join {{ ref('credit_item') }} as item on names.subject_id = item.subject_id and item.recorded_to = 'infinity'
-- Counted from the last build that ended well: a failed one may have noted the name already.
where names.first_build_id > coalesce(
    (select max(build_id) from {{ source('audit', 'build') }} where status = 'succeeded'), 0
)
union
select item_id
from {{ ref('contested_item') }}
where _build_id = {{ current_build() }}
union
select item.item_id
from {{ ref('stg_credit_repairs') }} as repair
inner join {{ ref('credit_item') }} as item on repair.subject_id = item.subject_id and item.recorded_to = 'infinity'
where repair.reject_rule is null and repair._batch_id in ({{ batches('credit_repairs', transient=true) }})
