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
union all
-- So do links that were undone: the listing is in the record of no one again.
select
    listing.item_id,
    'NO_VALID_IDENTIFIER' as reason,
    last.decided_at as effective_at,
    null::bigint as batch_id,
    null::bigint as row_no,
    null::text as delete_reason
from marts.defaulter_listing as listing
cross join lateral (
    select link.action, link.decided_at
    from core.subject_link as link
    where link.item_id = listing.item_id
    order by link.link_id desc
    limit 1
) as last
where
    listing.identity_tier is distinct from 'T1'
    and last.action = 'UNLINK'
    and exists (select from exports.feed_entry as entry where entry.item_id = listing.item_id)
