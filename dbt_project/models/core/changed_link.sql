-- depends_on: {{ ref('link_candidate') }}
{# Links made or undone since the last build that ended well began, by rules or by reviewers. #}
{{ config(materialized='table', indexes=[{'columns': ['item_id']}]) }}

select distinct
    link.item_id,
    link.subject_id
from {{ source('ledger', 'subject_link') }} as link
where link.decided_at > coalesce(
    (select max(build.started_at) from {{ source('audit', 'build') }} as build where build.status = 'succeeded'),
    '-infinity'
)
