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
-- So do links that were undone, whomever the item was linked to since: what left rests on the one that was undone.
select
    listing.item_id,
    'NO_VALID_IDENTIFIER' as reason,
    undone.decided_at as effective_at,
    null::bigint as batch_id,
    null::bigint as row_no,
    null::text as delete_reason
from core.subject_link as undone
inner join marts.defaulter_listing as listing
    on undone.item_id = listing.item_id and coalesce(listing.subject_id, undone.subject_id) = undone.subject_id
where
    undone.action = 'UNLINK'
    and not exists (
        select from core.subject_link as later
        where
            later.item_id = undone.item_id
            and later.subject_id = undone.subject_id
            and later.link_id > undone.link_id
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
