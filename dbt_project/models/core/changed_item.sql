{# Items whose place in marts and exports may differ after this build: new messages, terms that ended since the last
   build, items of persons for whom a new name turned up, listings when the first or last day of a rule has come. #}
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
select item.item_id
from {{ ref('credit_item') }} as item
where
    item.recorded_to = 'infinity'
    and item.source = 'court_defaulters'
    and exists (
        select
        from (
            {%- for seed in ['measure', 'department', 'served_jurisdiction', 'exclusion_reason'] %}
            select rule.valid_from, rule.valid_to from {{ ref(seed) }} as rule
            {%- if not loop.last %}
            union all
            {%- endif %}
            {%- endfor %}
        ) as rule
        cross join lateral (values (rule.valid_from), (rule.valid_to)) as turn (day)
        where
            turn.day > (select max(business_date) from {{ source('audit', 'build') }} where status = 'succeeded')
            and turn.day <= (
                select business_date from {{ source('audit', 'build') }} where build_id = {{ current_build() }}
            )
    )
