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

{# Which department shall restrict, review or merely consider what, for whom, until when. Only the listed subject
   itself: officers of a listed company are not listed persons. Only measures that measure_decision lets pass. #}
{% macro punishment_directives(listings, decisions, measures, day, changed_only=false) %}
select
    {{ directive_id('listing.item_id', 'measure.measure_code', 'department.department_code') }} as directive_id,
    listing.item_id,
    listing.subject_id,
    listing.subject_kind,
    listing.subject_name,
    listing.identifier_shown,
    listing.identity_tier,
    measure.measure_code,
    measure.measure_zh,
    measure.effect_type,
    department.department_code,
    department.department,
    document.legal_basis || ' ' || measure.paragraph as legal_basis,
    listing.court_name || '执行案件 ' || listing.case_number || ' 被列为失信被执行人' as reason_zh,
    greatest(listing.valid_from, measure.valid_from) as since,
    least(listing.valid_to, measure.valid_to) as until,
    listing.is_performed or listing.is_repaired as awaits_court_confirmation,
    listing.is_contested
from {{ listings }} as listing
inner join {{ decisions }} as decision on listing.item_id = decision.item_id
inner join {{ ref('measure') }} as measure
    on case listing.subject_kind
        when 'person' then measure.applies_to_person
        when 'organisation' then measure.applies_to_organisation
    end
inner join {{ measures }} as allowed
    on measure.measure_code = allowed.measure_code and allowed.directive_reasons is null
inner join {{ ref('measure_document') }} as document on measure.document = document.document
inner join {{ ref('measure_department') }} as duty on measure.measure_code = duty.measure_code
inner join {{ ref('department') }} as department
    on
        duty.department_code = department.department_code
        and {{ holds_on('department', day) }}
where
    decision.directive_reasons is null
    {%- if changed_only %}
    and listing.item_id in (select item_id from {{ ref('changed_item') }})
    {%- endif %}
{% endmacro %}
