{# Every measure of the catalogue and every reason why no directive is made of it; no reason means departments are told. #}
{% macro measure_decisions(day) %}
with served as (
    select place.jurisdiction
    from {{ ref('served_jurisdiction') }} as place
    where {{ holds_on('place', day) }}
)

select
    measure.measure_code,
    measure.jurisdiction,
    found.directive_reasons
from {{ ref('measure') }} as measure
cross join lateral (
    select string_agg(tested.reason, '|' order by tested.reason) as directive_reasons
    from (
        values
        ('JURISDICTION_NOT_SERVED', measure.jurisdiction not in (select served.jurisdiction from served)),
        ('MEASURE_NOT_IN_FORCE', not ({{ holds_on('measure', day) }})),
        -- No source carries a court's order to assist. A measure that does not say whether it needs one needs one.
        ('NO_COURT_ORDER', measure.needs_court_order is not false)
    ) as tested (reason, applies)
    where tested.applies
) as found
{% endmacro %}

{# The id of a directive: the same matter has the same one in every build. #}
{% macro directive_id(item_id, measure_code, department_code) -%}
    md5({{ item_id }} || {{ measure_code }} || {{ department_code }})
{%- endmacro %}

{# Persons whom a court's order restricting consumption names with an office in the unit that owes, and why nothing is made
   of an order. Who is registered as an officer is not asked: a changed representative is not swapped in. #}
{% macro related_orders(day, known_at=none, changed_only=false) %}
with items as (
    select
        item.*,
        item.subject_id as whose_id
    from {{ ref('credit_item') }} as item
    where
        item.source = 'court_consumption_limits'
        and {{ held_at('item', known_at) }}
        {%- if changed_only %}
        and item.item_id in (select item_id from {{ ref('changed_item') }})
        {%- endif %}
),

name_conflicts as (
    {{- name_conflicts_of_items(known_at) }}
),

objections as (
    {{- objections_of_items(known_at) }}
)

select
    items.item_id,
    said.order_id,
    items.subject_id,
    items.subject_name,
    items.identifier_shown,
    role.related_role,
    said.relation,
    said.unit_id,
    said.unit_name,
    said.case_number,
    said.court_name,
    items.valid_from,
    coalesce(objections.is_contested, false) as is_contested,
    (
        select string_agg(tested.reason, '|' order by tested.reason)
        from (
            values
            ('ORDER_LIFTED', word.status <> 'ACTIVE'),
            ('NO_VALID_IDENTIFIER', items.subject_id is null),
            ('MINOR', said.is_minor),
            ('IDENTITY_CONFLICT', said.contradicts_document or name_conflicts.subject_id is not null),
            ('OBJECTION_UPHELD', coalesce(objections.is_upheld, false))
        ) as tested (reason, applies)
        where tested.applies
    ) as order_reasons
from items
cross join lateral {{ word_on('items', day, known_at) }} as word
inner join {{ ref('stg_court_consumption_limits') }} as said
    on items.content_batch_id = said._batch_id and items.content_row_no = said._row_no
inner join {{ ref('order_relation') }} as role
    on said.relation = role.relation and role.related_role is not null and {{ holds_on('role', day) }}
left join name_conflicts on items.subject_id = name_conflicts.subject_id
left join objections on items.item_id = objections.item_id
where said.unit_id is not null and said.case_number is not null
{% endmacro %}

{# Which department shall restrict, review or merely consider what, for whom, until when. Only measures that
   measure_decision lets pass, and only
   - the listed subject itself;
   - whom the court's order in the same case names in an office to which the text of the measure extends: an officer of a
     listed unit is no listed person, and a registered office makes nobody one;
   - who has left the list, where a law lets the measure outlast it, to the day that it sets (市北区意见四（二）5), and the
     reason for leaving does not say that the enforcement itself fell (removal_cause.may_be_retained). #}
{% macro punishment_directives(listings, decisions, measures, orders, day, changed_only=false) %}
with listing as (
    select
        known.*,
        decision.directive_reasons
    from {{ listings }} as known
    inner join {{ decisions }} as decision on known.item_id = decision.item_id
    where decision.directive_reasons is null or decision.directive_reasons = 'WITHDRAWN'
),

duty as (
    select
        measure.*,
        department.department_code,
        department.department,
        document.legal_basis || ' ' || measure.paragraph as legal_basis
    from {{ ref('measure') }} as measure
    inner join {{ measures }} as allowed
        on measure.measure_code = allowed.measure_code and allowed.directive_reasons is null
    inner join {{ ref('measure_document') }} as document on measure.document = document.document
    inner join {{ ref('measure_department') }} as told on measure.measure_code = told.measure_code
    inner join {{ ref('department') }} as department
        on
            told.department_code = department.department_code
            and {{ holds_on('department', day) }}
),

-- An order binds in its own case and for the unit that it names. Where a unit is listed twice in one case, once is enough.
named as (
    select distinct on (court_order.item_id)
        court_order.*,
        listing.subject_name as related_unit,
        listing.valid_from as listed_from,
        listing.valid_to as listed_to,
        listing.is_performed or listing.is_repaired as awaits_court_confirmation,
        listing.is_contested or court_order.is_contested as is_any_contested
    from {{ orders }} as court_order
    inner join listing
        on
            court_order.unit_id = listing.subject_id
            and court_order.case_number = listing.case_number
            and listing.subject_kind = 'organisation'
            and listing.identity_tier = 'T1'
            and listing.directive_reasons is null
    where court_order.order_reasons is null
    order by court_order.item_id asc, listing.valid_from asc, listing.item_id asc
)

select
    {{ directive_id('listing.item_id', 'duty.measure_code', 'duty.department_code') }} as directive_id,
    listing.item_id,
    listing.subject_id,
    listing.subject_kind,
    listing.subject_name,
    listing.identifier_shown,
    listing.identity_tier,
    duty.measure_code,
    duty.measure_zh,
    duty.effect_type,
    duty.department_code,
    duty.department,
    duty.legal_basis || case when retained.until is null then '' else '；保留依据：' || duty.retention_basis end as legal_basis,
    listing.court_name || '执行案件 ' || listing.case_number || case
        when retained.until is null then ' 被列为失信被执行人'
        else ' 曾被列为失信被执行人，' || listing.valid_to || ' 已退出名单，依法保留'
    end as reason_zh,
    greatest(listing.valid_from, duty.valid_from) as since,
    case when retained.until is null then least(listing.valid_to, duty.valid_to) else least(retained.until, duty.valid_to) end
        as until,
    listing.is_performed or listing.is_repaired as awaits_court_confirmation,
    listing.is_contested,
    null::text as related_role,
    null::text as related_unit,
    null::text as court_order,
    retained.until is not null as is_retained
from listing
inner join duty
    on case listing.subject_kind
        when 'person' then duty.applies_to_person
        when 'organisation' then duty.applies_to_organisation
    end
cross join lateral (
    select case
        when
            listing.directive_reasons = 'WITHDRAWN' and listing.status = 'DELETED'
            and exists (
                select
                from {{ ref('removal_cause') }} as cause
                where
                    cause.cause = listing.delete_reason
                    and cause.may_be_retained
                    and {{ holds_on('cause', 'listing.valid_to') }}
            )
            -- A law without an end, or an end without a law, keeps nobody.
            and duty.retention_basis is not null
            then (listing.valid_to + make_interval(months => duty.retention_months))::date
    end as until
) as retained
where
    (listing.directive_reasons is null or retained.until > {{ day }})
    {%- if changed_only %}
    and listing.item_id in (select item_id from {{ ref('changed_item') }})
    {%- endif %}
union all
select
    {{ directive_id('named.item_id', 'duty.measure_code', 'duty.department_code') }} as directive_id,
    named.item_id,
    named.subject_id,
    'person' as subject_kind,
    named.subject_name,
    named.identifier_shown,
    'T1' as identity_tier,
    duty.measure_code,
    duty.measure_zh,
    duty.effect_type,
    duty.department_code,
    duty.department,
    duty.legal_basis,
    coalesce(named.court_name, '') || '执行案件 ' || named.case_number || ' 限制消费令载明为失信被执行人 '
    || named.related_unit || ' 的' || named.relation || '，本人未被列为失信被执行人' as reason_zh,
    greatest(named.listed_from, named.valid_from, duty.valid_from) as since,
    least(named.listed_to, duty.valid_to) as until,
    named.awaits_court_confirmation,
    named.is_any_contested as is_contested,
    named.related_role,
    named.related_unit,
    coalesce(named.court_name, '') || ' ' || named.case_number || ' 限制消费令，记录号 ' || named.order_id as court_order,
    false as is_retained
from named
inner join duty on named.related_role = any(string_to_array(duty.related_roles, '|'))
{%- if changed_only %}
where named.item_id in (select item_id from {{ ref('changed_item') }})
{%- endif %}
{% endmacro %}
