{# Every measure of the catalogue and every reason why no directive is made of it; no reason means departments are told. #}
{{ config(materialized='table', indexes=[{'columns': ['measure_code'], 'unique': true}]) }}

with today as (
    select business_date from {{ source('audit', 'build') }} where build_id = {{ current_build() }}
),

served as (
    select place.jurisdiction
    from {{ ref('served_jurisdiction') }} as place
    cross join today
    where today.business_date >= place.valid_from and (place.valid_to is null or today.business_date < place.valid_to)
)

select
    measure.measure_code,
    measure.jurisdiction,
    found.directive_reasons
from {{ ref('measure') }} as measure
cross join today
cross join lateral (
    select string_agg(tested.reason, '|' order by tested.reason) as directive_reasons
    from (
        values
        ('JURISDICTION_NOT_SERVED', measure.jurisdiction not in (select served.jurisdiction from served)),
        ('MEASURE_NOT_IN_FORCE', not (
            today.business_date >= measure.valid_from
            and (measure.valid_to is null or today.business_date < measure.valid_to)
        )),
        -- No source carries a court's order to assist. A measure that does not say whether it needs one needs one.
        ('NO_COURT_ORDER', measure.needs_court_order is not false)
    ) as tested (reason, applies)
    where tested.applies
) as found
