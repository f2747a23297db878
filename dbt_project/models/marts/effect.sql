{# What became of the listings of a month, by court. Performance after the listing says that one followed the other, not
   that one caused the other; amounts are those of closed cases (终本), the only ones that any source states. #}
{{ config(materialized='view') }}

with said as (
    select
        event.item_id,
        min(event.effective_at) as first_said_at,
        min(event.effective_at) filter (
            where message.is_performed or (event.item_action = 'D' and message.delete_reason in ('X1', 'X2'))
        ) as performed_at
    from {{ ref('item_event') }} as event
    inner join {{ ref('stg_court_defaulters') }} as message
        on event._batch_id = message._batch_id and event._row_no = message._row_no
    where event.source = 'court_defaulters'
    group by event.item_id
),

listings as (
    select
        listing.court_name,
        listing.case_number,
        listing.subject_id,
        date_trunc('month', coalesce(listing.published_on, said.first_said_at::date))::date as month,
        coalesce(listing.published_on, said.first_said_at::date) as listed_on,
        case when said.performed_at > said.first_said_at then said.performed_at::date end as performed_on
    from {{ ref('defaulter_listing') }} as listing
    inner join said on listing.item_id = said.item_id
    -- What should never have been listed has no effect to count.
    where listing.status <> 'REVOKED'
),

amounts as (
    select distinct on (closed.case_number, closed.subject_id)
        closed.case_number,
        closed.subject_id,
        closed.claimed_yuan,
        closed.unpaid_yuan
    from {{ ref('credit_item') }} as item
    inner join {{ ref('stg_court_closed_cases') }} as closed
        on item.content_batch_id = closed._batch_id and item.content_row_no = closed._row_no
    where
        item.source = 'court_closed_cases'
        and item.recorded_to = 'infinity'
        and item.status = 'ACTIVE'
        and closed.subject_id is not null
    order by closed.case_number asc, closed.subject_id asc, closed.closed_on desc
)

select
    listings.month,
    listings.court_name,
    count(*) as listed,
    count(listings.performed_on) as performed_after_listing,
    round(avg(listings.performed_on - listings.listed_on), 1) as mean_days_to_performance,
    count(amounts.claimed_yuan) as listings_with_amount,
    sum(amounts.claimed_yuan) as claimed_yuan,
    sum(amounts.unpaid_yuan) as unpaid_yuan
from listings
left join amounts on listings.case_number = amounts.case_number and listings.subject_id = amounts.subject_id
group by listings.month, listings.court_name
