{# Every removal against its clock: asked of the ledgers as they stand, so that it needs no build. #}
{{ config(materialized='view') }}

with removals as (
    select
        removal.*,
        due.clock_id,
        due.due_on,
        due.cause,
        due.legal_basis
    from {{ source('exports', 'removal') }} as removal
    -- Whom a clock binds hears the text that goes first (`precedence`); of those who are bound the earliest counts.
    left join lateral (
        select heard.*
        from (
            select distinct on (clock.binds)
                clock.clock_id,
                cause.cause,
                clock.legal_basis || ' ' || clock.article as legal_basis,
                {{ function('due_date') }}(removal.effective_at::date, clock.amount, clock.unit) as due_on
            from {{ ref('removal_cause') }} as cause
            inner join {{ ref('rule_clock') }} as clock
                on
                    cause.clock_code = clock.clock_code
                    and clock.valid_from <= removal.effective_at::date
                    and (clock.valid_to is null or removal.effective_at::date < clock.valid_to)
            where
                case when removal.delete_reason is null
                    then removal.reason in (cause.exclusion_reason, cause.cause) else cause.cause = removal.delete_reason
                end
                and clock.amount is not null
                and (
                    clock.jurisdiction = 'CN'
                    or clock.jurisdiction in (select place.jurisdiction from {{ ref('served_jurisdiction') }} as place)
                )
            order by clock.binds asc, clock.precedence asc, due_on asc, clock.clock_id asc
        ) as heard
        order by heard.due_on asc, heard.clock_id asc
        limit 1
    ) as due on true
),

public_feed as (
    select distinct feed from {{ source('audit', 'export_ledger') }} where product = 'exposure_publication'
),

told as (
    select
        removals.removal_id,
        stone.feed,
        stone.feed in (select public_feed.feed from public_feed) as is_public,
        min(stone.removed_at) as first_removed_at,
        max(stone.removed_at) as last_removed_at
    from removals
    inner join {{ source('exports', 'feed_tombstone') }} as stone
        on removals.item_id = stone.item_id and stone.removed_at >= removals.received_at
    group by removals.removal_id, stone.feed
),

-- Not out of the public's sight before it has left the last channel.
gone as (
    select
        removal_id,
        max(first_removed_at) filter (where is_public) as gone_from_exposure_at,
        max(last_removed_at) filter (where not is_public) as gone_from_departments_at,
        count(*) as feeds_told
    from told
    group by removal_id
),

-- A recipient has heard of a tombstone when it has taken that delivery or, beginning again, a later one. Who was away
-- takes all of them in order: the receipt of any later delivery says as much. A receipt that never comes stops nothing.
confirmed as (
    select
        told.removal_id,
        count(heard.applied_at) as feeds_confirmed,
        max(heard.applied_at) as last_applied_at
    from (
        select
            removals.removal_id,
            stone.feed,
            min(stone.sequence) as sequence
        from removals
        inner join {{ source('exports', 'feed_tombstone') }} as stone
            on removals.item_id = stone.item_id and stone.removed_at >= removals.received_at
        group by removals.removal_id, stone.feed
    ) as told
    left join lateral (
        select min(receipt.applied_at) as applied_at
        from {{ source('audit', 'feed_receipt') }} as receipt
        where receipt.feed = told.feed and receipt.sequence >= told.sequence
    ) as heard on true
    group by told.removal_id
),

still as (
    select
        removals.removal_id,
        count(*) as feeds_open
    from removals
    inner join {{ source('exports', 'feed_entry') }} as entry on removals.item_id = entry.item_id
    inner join {{ source('audit', 'export_ledger') }} as sent on entry.feed = sent.feed and sent.sequence = 1
    inner join {{ ref('exclusion_reason') }} as known
        on
            removals.reason = known.reason
            and case sent.product
                when 'exposure_publication' then known.bars_exposure
                when 'restricted_notice' then known.bars_notice
                else known.bars_directive
            end
    where removals.sent_at is null
    group by removals.removal_id
)

select
    removals.removal_id,
    removals.item_id,
    removals.reason,
    removals.cause,
    removals.source,
    removals.effective_at,
    removals.received_at,
    removals.clock_id,
    removals.legal_basis,
    removals.due_on,
    gone.gone_from_exposure_at,
    gone.gone_from_departments_at,
    coalesce(gone.feeds_told, 0) as feeds_told,
    coalesce(still.feeds_open, 0) as feeds_open,
    case
        when coalesce(still.feeds_open, 0) > 0 then 'PENDING'
        when coalesce(gone.feeds_told, 0) > 0 then 'GONE'
        else 'NEVER_SENT'
    end as state,
    case
        when coalesce(still.feeds_open, 0) > 0 then current_date > removals.due_on
        else greatest(gone.gone_from_exposure_at, gone.gone_from_departments_at)::date > removals.due_on
    end as is_late,
    coalesce(confirmed.feeds_confirmed, 0) as feeds_confirmed,
    case when confirmed.feeds_confirmed = gone.feeds_told then confirmed.last_applied_at end as confirmed_at,
    case
        when confirmed.feeds_confirmed = gone.feeds_told then confirmed.last_applied_at::date > removals.due_on
        when gone.feeds_told > 0 then current_date > removals.due_on
    end as is_confirmed_late
from removals
left join gone on removals.removal_id = gone.removal_id
left join confirmed on removals.removal_id = confirmed.removal_id
left join still on removals.removal_id = still.removal_id
