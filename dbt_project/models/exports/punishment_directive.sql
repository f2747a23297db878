-- depends_on: {{ ref('changed_item') }}
{# Which department shall restrict, review or merely consider what, for whom, until when. Only the listed subject
   itself: officers of a listed company are not listed persons. #}
{{ config(
    incremental_strategy='replace_changed',
    changed='changed_item',
    unique_key='item_id',
    indexes=[{'columns': ['directive_id'], 'unique': true}, {'columns': ['item_id']}, {'columns': ['department_code']}]
) }}

with today as (
    select business_date from {{ source('audit', 'build') }} where build_id = {{ current_build() }}
)

select
    md5(listing.item_id || measure.measure_code || department.department_code) as directive_id,
    listing.item_id,
    listing.subject_id,
    listing.subject_kind,
    listing.subject_name,
    listing.identifier_shown,
    'T1' as identity_tier,
    measure.measure_code,
    measure.measure_zh,
    measure.effect_type,
    department.department_code,
    department.department,
    measure.legal_basis || ' ' || measure.paragraph as legal_basis,
    listing.court_name || '执行案件 ' || listing.case_number || ' 被列为失信被执行人' as reason_zh,
    greatest(listing.valid_from, measure.valid_from) as since,
    least(listing.valid_to, measure.valid_to) as until,
    listing.is_performed or listing.is_repaired as awaits_court_confirmation,
    listing.is_contested
from {{ ref('defaulter_listing') }} as listing
inner join {{ ref('listing_decision') }} as decision on listing.item_id = decision.item_id
cross join today
inner join {{ ref('measure') }} as measure
    on
        today.business_date >= measure.valid_from
        and (measure.valid_to is null or today.business_date < measure.valid_to)
        and case listing.subject_kind
            when 'person' then measure.applies_to_person
            when 'organisation' then measure.applies_to_organisation
        end
inner join {{ ref('measure_department') }} as department on measure.measure_code = department.measure_code
where
    decision.directive_reasons is null
    {%- if is_incremental() %}
    and listing.item_id in (select item_id from {{ ref('changed_item') }})
    {%- endif %}
