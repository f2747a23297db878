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
    and exists (select from exports.feed_entry as entry where entry.item_id = listing.item_id)
