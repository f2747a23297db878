-- Terms end without a message.
select
    listing.item_id,
    'EXPIRED' as reason,
    listing.valid_to::timestamptz as effective_at,
    null::bigint as batch_id,
    null::bigint as row_no,
    null::text as delete_reason
from marts.defaulter_listing as listing
where
    listing.valid_to <= day
    and listing.status in ('ACTIVE', 'SUPPRESSED')
    and exports.may_be_out(listing.item_id, null)
union all
-- So do links that were undone: the listing is in the record of no one again.
select
    listing.item_id,
    'NO_VALID_IDENTIFIER' as reason,
    last.decided_at as effective_at,
    null::bigint as batch_id,
    null::bigint as row_no,
    null::text as delete_reason
from core.subject_link as last
inner join marts.defaulter_listing as listing on last.item_id = listing.item_id
where
    last.action = 'UNLINK'
    and not exists (
        select from core.subject_link as later where later.item_id = last.item_id and later.link_id > last.link_id
    )
    and listing.identity_tier is distinct from 'T1'
    and exports.may_be_out(listing.item_id, null)
union all
-- And what a law had let outlast a listing.
select distinct
    entry.item_id,
    'RETENTION_ENDED' as reason,
    (entry.body::json ->> 'until')::timestamptz as effective_at,
    null::bigint as batch_id,
    null::bigint as row_no,
    null::text as delete_reason
from marts.defaulter_listing as listing
inner join exports.feed_entry as entry on listing.item_id = entry.item_id
where
    listing.status = 'DELETED'
    and (entry.body::json ->> 'is_retained')::boolean
    and (entry.body::json ->> 'until')::date <= day
