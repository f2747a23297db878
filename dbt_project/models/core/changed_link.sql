-- depends_on: {{ ref('link_candidate') }}
{# Links made or undone since the last build that ended well began, by rules or by reviewers; all of them when the first or
   last day of a rule of identity has come. #}
{{ config(incremental_strategy='refill', indexes=[{'columns': ['item_id']}]) }}

with last_build as (
    select coalesce(max(build.started_at), '-infinity') as began_at
    from {{ source('audit', 'build') }} as build
    where build.status = 'succeeded'
)

select distinct
    link.item_id,
    link.subject_id
from {{ source('ledger', 'subject_link') }} as link
cross join last_build
where
    link.decided_at > last_build.began_at
    or exists (
        select from {{ ref('identity_tier') }} as rule
        cross join lateral (values (rule.valid_from), (rule.valid_to)) as turn (day)
        where {{ has_come('turn.day') }}
    )
