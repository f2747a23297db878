{# Items of the record as they were known at a moment and stood on a day. What was removed, or upheld as wrong since, is
   in the record of no one; its history stays in core.credit_item. #}
{% macro record_items(day, known_at=none, changed_only=false) %}
with asked as materialized (
    select {{ day }} as day
),

items as (
    select
        item.*,
        coalesce(item.subject_id, link.subject_id) as whose_id
    from {{ ref('credit_item') }} as item
    cross join asked
    left join lateral {{ whose('item', 'asked.day', known_at) }} as link on true
    cross join lateral {{ word_on('item', day, known_at) }} as word
    where
        {{ held_at('item', known_at) }}
        and word.status = 'ACTIVE'
        and coalesce(item.subject_id, link.subject_id) is not null
        {%- if changed_only %}
        and item.item_id in (select item_id from {{ ref('changed_item') }})
        {%- endif %}
),

objections as (
    {{- objections_of_items(known_at) }}
)

select
    items.item_id,
    items.whose_id as subject_id,
    items.source,
    items.catalogue_class,
    items.polarity,
    items.item_title,
    items.amount_yuan,
    items.authority,
    items.legal_basis,
    'ACTIVE' as status,
    items.valid_from,
    items.valid_to,
    coalesce(objections.is_contested, false) as is_contested
from items
left join objections on items.item_id = objections.item_id
where not coalesce(objections.is_unfounded, false)
{% endmacro %}
