{# What each channel showed and lost on a day, how much of it was performed, and how often its site was asked: a day of
   deliveries, or one that the operator of a site has reported. #}
{{ config(materialized='view') }}

with sent as (
    select
        feed,
        business_date as day,
        sum(added)::bigint as added,
        sum(updated)::bigint as updated,
        sum(removed)::bigint as removed,
        (array_agg(total order by sequence desc))[1] as held
    from {{ source('audit', 'export_ledger') }}
    where product = 'exposure_publication'
    group by feed, business_date
),

performed as (
    select
        gone.feed,
        ledger.business_date as day,
        count(*) as performed,
        -- Where the duty states just one amount.
        coalesce(sum(substring(listing.duty_summary from '，([0-9]+(?:\.[0-9]{1,2})?)元$')::numeric(18, 2)), 0) as amount
    from {{ source('exports', 'feed_tombstone') }} as gone
    inner join {{ source('audit', 'export_ledger') }} as ledger
        on gone.feed = ledger.feed and gone.sequence = ledger.sequence
    left join {{ ref('defaulter_listing') }} as listing on gone.item_id = listing.item_id
    where
        ledger.product = 'exposure_publication'
        and 'PERFORMED' = any(string_to_array(gone.reason, '|'))
    group by gone.feed, ledger.business_date
)

select
    coalesce(sent.feed, asked.feed) as feed,
    coalesce(sent.day, asked.day) as day,
    sent.added,
    sent.updated,
    sent.removed,
    sent.held,
    case when sent.feed is not null then coalesce(performed.performed, 0) end as performed,
    case when sent.feed is not null then coalesce(performed.amount, 0) end::numeric(18, 2) as performed_amount_yuan,
    asked.queries
from sent
left join performed on sent.feed = performed.feed and sent.day = performed.day
full outer join {{ source('audit', 'site_queries') }} as asked on sent.feed = asked.feed and sent.day = asked.day
