{# Items of the record as they were known at a moment and stood on a day. What was removed, or upheld as wrong since, is in the record of no
   one; its history stays in core.credit_item. #}
{% macro record_items(day=none, known_at=none, changed_only=false) %}
with items as (
    select item.*
    from {{ ref('credit_item') }} as item
    cross join lateral {{ word_on('item', day, known_at) }} as word
    where
        {{ held_at('item', known_at) }}
        and word.status = 'ACTIVE'
        and item.subject_id is not null
        {%- if changed_only %}
        and item.item_id in (select item_id from {{ ref('changed_item') }})
        {%- endif %}
),

objections as (
    select
        contested.item_id,
        bool_or(objection.status = 'OPEN') as is_contested,
        max(objection.handled_at) filter (
            where objection.status = 'UPHELD' and objection.objection_kind <> '信息不准'
        ) as found_wrong_at
    from items
    inner join {{ ref('contested_item') }} as contested on items.item_id = contested.item_id
    inner join {{ ref('objection') }} as objection on contested.objection_id = objection.objection_id
    where {{ held_at('objection', known_at) }}
    group by contested.item_id
)

select
    items.item_id,
    items.subject_id,
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
where
    objections.found_wrong_at is null
    or objections.found_wrong_at < {{ last_said('items.item_id', ['A'], known_at) }}
{% endmacro %}
