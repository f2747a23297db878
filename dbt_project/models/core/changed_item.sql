{# Items whose place in marts and exports may differ after this build: new messages, terms that ended since the last
   build, items of persons for whom a new name turned up, what is contested or was repaired, and listings when the
   first or last day of a rule has come; with a unit's listing the orders that name its officers. #}
{{ config(incremental_strategy='refill', indexes=[{'columns': ['item_id'], 'unique': true}]) }}

with changed as (
    select item_id from {{ ref('touched_item') }}
    union
    select item_id from {{ ref('changed_link') }}
    union
    -- Another item of the same person may have had, or lost, another name.
    select sibling.item_id
    from {{ ref('touched_item') }} as touched
    inner join {{ ref('credit_item') }} as item on touched.item_id = item.item_id and item.recorded_to = 'infinity'
    inner join {{ ref('credit_item') }} as sibling
        on
            item.subject_id = sibling.subject_id
            and sibling.recorded_to = 'infinity'
            and sibling.source in ('court_defaulters', 'court_consumption_limits')
    where item.subject_kind = 'person'
    union
    select item_id
    from {{ ref('credit_item') }}
    where
        recorded_to = 'infinity'
        and status = 'ACTIVE'
        and {{ has_come('valid_to') }}
    union
    -- What a law lets outlast a listing ends on its own day.
    select item.item_id
    from {{ ref('credit_item') }} as item
    inner join {{ ref('measure') }} as measure on measure.retention_months is not null
    where
        item.recorded_to = 'infinity'
        and item.source = 'court_defaulters'
        and item.status = 'DELETED'
        and {{ has_come('(item.valid_to + make_interval(months => measure.retention_months))::date') }}
    union
    select item.item_id
    from {{ ref('subject_name') }} as names
    inner join {{ ref('credit_item') }} as item on names.subject_id = item.subject_id and item.recorded_to = 'infinity'
    where names.first_build_id > {{ last_good_build() }}
    union
    -- A name that only an item had said counts for more from the day that somebody else says it, too.
    select item.item_id
    from {{ ref('mention') }} as said
    inner join {{ ref('subject_name') }} as names
        on
            said.subject_id = names.subject_id
            and said.name_key = names.name_key
            and said.recorded_at = names.said_elsewhere_at
    inner join {{ ref('credit_item') }} as item
        on
            said.subject_id = item.subject_id
            and item.recorded_to = 'infinity'
            and item.source in ('court_defaulters', 'court_consumption_limits')
    where not said.is_item and said.subject_kind = 'person'
    union
    select item_id
    from {{ ref('contested_item') }}
    where _build_id = {{ current_build() }}
    union
    select item.item_id
    from {{ ref('stg_credit_repairs') }} as repair
    inner join {{ ref('credit_item') }} as item on repair.subject_id = item.subject_id and item.recorded_to = 'infinity'
    where repair.reject_rule is null and repair._batch_id in ({{ batches('credit_repairs', transient=true) }})
    union
    select item.item_id
    from {{ ref('credit_item') }} as item
    where
        item.recorded_to = 'infinity'
        and item.source = 'court_defaulters'
        and exists (
            select
            from (
                {%- for seed in [
                    'measure', 'department', 'served_jurisdiction', 'exclusion_reason', 'publication_policy',
                    'publication_field', 'publication_jurisdiction', 'exposure_channel'
                ] %}
                select rule.valid_from, rule.valid_to from {{ ref(seed) }} as rule
                {%- if not loop.last %}
                union all
                {%- endif %}
                {%- endfor %}
            ) as rule
            cross join lateral (values (rule.valid_from), (rule.valid_to)) as turn (day)
            where {{ has_come('turn.day') }}
        )
)

select item_id from changed
union
-- Orders that name the officers of a unit stand and fall with its listing, whichever unit that named.
select named.item_id
from changed
inner join {{ ref('credit_item') }} as listing on changed.item_id = listing.item_id
inner join {{ ref('stg_court_consumption_limits') }} as named on listing.subject_id = named.unit_id
where
    listing.source = 'court_defaulters'
    and listing.subject_kind = 'organisation'
    and named.reject_rule is null
