{# The fields of a publication and where they come from; none of them is shown without its rule. #}
{% macro publication_fields() %}
{%- do return([
    ('item_id', 'listing.item_id'),
    ('listing_id', 'listing.listing_id'),
    ('subject_kind', 'listing.subject_kind'),
    ('subject_name', 'listing.subject_name'),
    ('identifier_shown', 'listing.identifier_shown'),
    ('sex', 'listing.sex'),
    ('age', 'listing.age'),
    ('legal_representative', 'listing.legal_representative'),
    ('case_number', 'listing.case_number'),
    ('court_name', 'listing.court_name'),
    ('court_province', 'listing.court_province'),
    ('court_division', 'listing.court_division'),
    ('basis_document', 'listing.basis_document'),
    ('basis_unit', 'listing.basis_unit'),
    ('duty_summary', 'listing.duty_summary'),
    ('performance', 'listing.performance'),
    ('conduct', 'conduct.conduct'),
    ('filed_on', 'listing.filed_on'),
    ('published_on', 'listing.published_on'),
    ('is_contested', 'listing.is_contested')
]) -%}
{% endmacro %}

{# What may be shown to the public, field by field: no field leaves without a row of the seed publication_field that
   allows it on that day for that kind of subject, and names the article (Art. 6, 法释〔2013〕17号, 2017 revision). #}
{% macro exposure_publications(listings, decisions, day, changed_only=false) %}
{%- set fields = publication_fields() -%}
with allowed as materialized (
    select
        {%- for field, _ in fields %}
        string_agg(rule.subject_kinds, '|') filter (where rule.field = '{{ field }}') as {{ field }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('publication_field') }} as rule
    where rule.is_shown and {{ holds_on('rule', day) }}
)

select
    {%- for field, expression in fields %}
    case when listing.subject_kind = any(string_to_array(allowed.{{ field }}, '|')) then {{ expression }} end as {{ field }}
    {{- ',' if not loop.last }}
    {%- endfor %}
from {{ listings }} as listing
inner join {{ decisions }} as decision on listing.item_id = decision.item_id
cross join allowed
cross join lateral (
    select string_agg(known.conduct_zh, '；' order by known.conduct_code) as conduct
    from {{ ref('conduct_code') }} as known
    where known.conduct_code = any(string_to_array(listing.conduct_codes, ','))
) as conduct
where
    decision.exposure_reasons is null
    {%- if changed_only %}
    and listing.item_id in (select item_id from {{ ref('changed_item') }})
    {%- endif %}
{% endmacro %}

{# Whether a local rule keeps what concerns this kind of subject from the public. It binds the centre that serves the
   place as well as what the courts of the place have sent; where the court's place is not known it is taken to be the
   stricter one. Which exceptions count is the caller's: NONE for every channel, STATE_RULE for those that no state rule
   names (docs/decisions/0033-what-may-be-shown.md). #}
{% macro jurisdiction_holds_back(listing, day, exceptions) -%}
    exists (
        select
        from {{ ref('publication_jurisdiction') }} as rule
        where
            rule.subject_kind = {{ listing }}.subject_kind
            and rule.exception in ({% for exception in exceptions %}'{{ exception }}'{{ ', ' if not loop.last }}{% endfor %})
            and {{ holds_on('rule', day) }}
            and case rule.connects_by
                when 'court' then coalesce(starts_with({{ listing }}.court_division, rule.division_prefix), true)
                when 'centre' then exists (
                    select from {{ ref('served_jurisdiction') }} as place
                    where starts_with(place.jurisdiction, rule.division_prefix) and {{ holds_on('place', day) }}
                )
            end
    )
{%- endmacro %}

{# Whether a place lies in the declared ones: nothing for everywhere, `served` for the places this centre serves, else
   prefixes of division codes. A court whose place is not known lies in none. #}
{% macro is_in_divisions(division, declared, day) -%}
    case {{ declared }}
        when 'served' then exists (
            select from {{ ref('served_jurisdiction') }} as place
            where
                starts_with({{ division }}, regexp_replace(place.jurisdiction, '(00)+$', ''))
                and {{ holds_on('place', day) }}
        )
        else {{ declared }} is null or exists (
            select from unnest(string_to_array({{ declared }}, '|')) as declared (prefix)
            where starts_with({{ division }}, declared.prefix)
        )
    end
{%- endmacro %}
