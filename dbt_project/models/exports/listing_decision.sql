-- depends_on: {{ ref('changed_item') }}
{# Every listing and every reason that keeps it out of a product; no reason means it may leave. #}
{{ config(
    incremental_strategy='replace_changed',
    changed='changed_item',
    unique_key='item_id',
    indexes=[{'columns': ['item_id'], 'unique': true}]
) }}

with listings as (
    select *
    from {{ ref('defaulter_listing') }}
    {%- if is_incremental() %}
    where item_id in (select item_id from {{ ref('changed_item') }})
    {%- endif %}
),

today as (
    select business_date from {{ source('audit', 'build') }} where build_id = {{ current_build() }}
),

found as (
    select
        listings.item_id,
        tested.reason
    from listings
    cross join lateral (
        values
        ('WITHDRAWN', listings.status = 'DELETED'),
        ('REVOKED', listings.status = 'REVOKED'),
        ('EXPIRED', listings.status = 'EXPIRED'),
        ('MINOR', coalesce(listings.is_minor, false)),
        ('NOT_PUBLIC', listings.publicity = 'N'),
        ('PUBLICITY_UNSTATED', listings.publicity is null),
        ('PERFORMED', listings.performance ~ '^全部(已)?履行'),
        ('NO_VALID_IDENTIFIER', listings.subject_id is null),
        ('IDENTITY_CONFLICT', coalesce(listings.has_identity_conflict, false))
    ) as tested (reason, applies)
    where tested.applies
),

reasons as (
    select
        found.item_id,
        string_agg(found.reason, '|' order by found.reason) filter (where known.bars_exposure) as exposure_reasons,
        string_agg(found.reason, '|' order by found.reason) filter (where known.bars_directive) as directive_reasons
    from found
    inner join {{ ref('exclusion_reason') }} as known on found.reason = known.reason
    cross join today
    where today.business_date >= known.valid_from and (known.valid_to is null or today.business_date < known.valid_to)
    group by found.item_id
)

select
    listings.item_id,
    listings.listing_id,
    reasons.exposure_reasons,
    reasons.directive_reasons
from listings
left join reasons on listings.item_id = reasons.item_id
