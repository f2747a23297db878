-- Messages that end a listing, or after which it may no longer be shown as it is. A correction that changes who is meant
-- takes the old words down at once; the build brings the new ones. What leaves by mistake of order comes back with it.
with said as (
    select * from staging.reading_court_defaulters where reject_rule is null
)

select
    said.item_id,
    tested.reason,
    said.effective_at,
    said._batch_id,
    said._row_no,
    said.delete_reason
from said
cross join lateral (
    values
    ('WITHDRAWN', said.item_action = 'D'),
    ('REVOKED', said.item_action = 'R'),
    ('EXPIRED', said.item_action in ('A', 'U') and said.valid_to <= day),
    ('MINOR', said.item_action in ('A', 'U') and said.is_minor),
    ('NOT_PUBLIC', said.item_action in ('A', 'U') and said.publicity = 'N'),
    ('PUBLICITY_UNSTATED', said.item_action in ('A', 'U') and said.publicity is null),
    ('NO_VALID_IDENTIFIER', said.item_action in ('A', 'U') and said.subject_id is null),
    ('PERFORMED', said.item_action in ('A', 'U') and said.is_performed and {{ policy_is_on('MASK_ON_PERFORMANCE', 'day') }}),
    ('IDENTITY_CONFLICT', said.item_action in ('A', 'U') and said.contradicts_document),
    (
        'CORRECTED',
        said.item_action in ('A', 'U')
        and exists (
            select
            from exports.feed_entry as entry
            where
                entry.item_id = said.item_id
                -- A channel may tell less of a number, or of a name, and some tell neither.
                and (
                    entry.body::json ->> 'subject_name' not in (said.subject_name, left(said.subject_name, 1) || '某')
                    or (
                        entry.body::json ->> 'identifier_shown' is distinct from said.identifier_shown
                        and not {{ function('mask_fits').include(database=false) }}(
                            entry.body::json ->> 'identifier_shown', said.identifier_shown
                        )
                        and entry.body::jsonb ? 'identifier_shown'
                    )
                    or entry.body::json ->> 'subject_id' <> said.subject_id
                )
        )
    )
) as tested (reason, applies)
where
    tested.applies
    and (said.item_action in ('D', 'R') or exports.may_be_out(said.item_id, said._batch_id))
union all
-- Another name under the same number: whom the number means is no longer known, and what is held under it, be it listed
-- or named in an order, leaves, too.
select
    held.item_id,
    'IDENTITY_CONFLICT' as reason,
    said.effective_at,
    said._batch_id,
    said._row_no,
    null::text as delete_reason
from said
inner join (
    select item_id, subject_id, subject_name from marts.defaulter_listing
    union all
    select item_id, subject_id, subject_name from core.related_order
) as held
    on said.subject_id = held.subject_id and said.item_id <> held.item_id
where
    said.item_action in ('A', 'U')
    and said.subject_kind = 'person'
    and said.name_key <> {{ function('name_key') }}(held.subject_name)
    and exports.may_be_out(held.item_id, said._batch_id)
