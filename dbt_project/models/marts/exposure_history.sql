{# What was public where, from when to when: the delivery that showed a content and the one that ended it. #}
{{ config(materialized='view') }}

select
    period.item_id,
    coalesce(listing.listing_id, '') as listing_id,
    period.feed,
    policy.channel,
    period.policy_version,
    since.business_date as public_from,
    until.business_date as public_until,
    since.exported_at as shown_at,
    until.exported_at as gone_at,
    period.ended_by,
    period.content_hash
from {{ source('exports', 'exposure_period') }} as period
inner join {{ source('audit', 'export_ledger') }} as since
    on period.feed = since.feed and period.since_sequence = since.sequence
inner join {{ source('exports', 'policy_version') }} as policy on period.policy_version = policy.policy_version
left join {{ source('audit', 'export_ledger') }} as until
    on period.feed = until.feed and period.until_sequence = until.sequence
left join {{ ref('defaulter_listing') }} as listing on period.item_id = listing.item_id
