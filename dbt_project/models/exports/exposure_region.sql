{# A channel that is split by the court's place has a feed for every county of the places it is declared for, those
   without an entry too: a recipient can tell "nobody" from "nothing came". #}
{{ config(materialized='view') }}

select
    policy.channel,
    policy.feed || '-' || division.division_code as feed,
    division.division_code,
    coalesce(division.parent_zh, '') || division.name_zh as division_zh
from {{ ref('exposure_policy') }} as policy
cross join {{ ref('division') }} as division
cross join (
    select max(business_date) as day from {{ source('audit', 'build') }} where status = 'succeeded'
) as today
where
    policy.content -> 'channel' ->> 'split_by' = 'court_division'
    and division.until_year is null
    and right(division.division_code, 2) <> '00'
    and {{ is_in_divisions('division.division_code', "policy.content -> 'channel' ->> 'divisions'", 'today.day') }}
