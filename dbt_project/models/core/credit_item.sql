-- depends_on: {{ ref('touched_item') }}
{# Bitemporal: valid_from/valid_to is when the fact holds in law, recorded_from/recorded_to when this warehouse
   held that version. The chain of an item is rebuilt from its events whenever one arrives, so its last version
   depends on what was said and when it was said, not on the order of arrival. #}
{{ config(
    incremental_strategy='replace_changed',
    changed='touched_item',
    unique_key='item_id',
    indexes=[
        {'columns': ['item_id', 'recorded_from'], 'unique': true},
        {'columns': ['subject_id']},
        {'columns': ['valid_to']}
    ]
) }}

with events as (
    select
        *,
        -- At the same moment a removal outranks what it removes; equal messages are ranked by content, so that
        -- the order of arrival never decides.
        row_number() over (
            partition by item_id
            order by
                effective_at,
                case item_action when 'A' then 1 when 'U' then 2 when 'D' then 3 when 'R' then 4 end,
                content_hash,
                recorded_at,
                _row_no
        ) as said_rank
    from {{ ref('item_event') }}
    {%- if is_incremental() %}
    where item_id in (select item_id from {{ ref('touched_item') }})
    {%- endif %}
),

states as (
    select
        item_id,
        recorded_at,
        said_rank,
        max(said_rank) filter (where item_action in ('A', 'U')) over known_so_far as content_rank,
        -- A correction (U) never brings a removed item back; only a later addition does. What was revoked never was,
        -- and a later deletion makes it no listing that once held.
        max(said_rank) filter (where item_action = 'R') over known_so_far as revoked_rank,
        max(said_rank) filter (where item_action = 'A') over known_so_far as added_rank,
        max(said_rank) filter (where item_action in ('A', 'D')) over known_so_far as other_rank
    from events
    window known_so_far as (partition by item_id order by recorded_at, said_rank rows unbounded preceding)
),

-- Messages of one batch become known together: the last state of each moment counts.
moments as (
    select distinct on (item_id, recorded_at)
        item_id,
        recorded_at,
        content_rank,
        case
            when revoked_rank > coalesce(added_rank, 0) then revoked_rank else coalesce(other_rank, revoked_rank)
        end as status_rank
    from states
    order by item_id, recorded_at, said_rank desc
),

described as (
    select
        moments.item_id,
        moments.recorded_at,
        coalesce(content.source, status.source) as source,
        case status.item_action when 'D' then 'DELETED' when 'R' then 'REVOKED' else 'ACTIVE' end as status,
        case when status.item_action in ('D', 'R') then status.effective_at end as removed_at,
        content.content_hash,
        content.subject_id,
        content.subject_kind,
        content.subject_name,
        content.identifier_verdict,
        content.identifier_shown,
        content.item_title,
        content.amount_yuan,
        content.item_polarity,
        content.authority,
        content.valid_from,
        content.valid_to,
        content._batch_id as content_batch_id,
        content._row_no as content_row_no,
        status._batch_id as status_batch_id,
        status._row_no as status_row_no
    from moments
    left join events as content on moments.item_id = content.item_id and moments.content_rank = content.said_rank
    left join events as status on moments.item_id = status.item_id and moments.status_rank = status.said_rank
),

changes as (
    select
        *,
        coalesce(lag(state) over (partition by item_id order by recorded_at) <> state, true) as is_change
    from (select *, row(content_hash, status, removed_at)::text as state from described) as stated
)

select
    changes.item_id,
    changes.source,
    registered.catalogue_class,
    coalesce(changes.item_polarity, registered.polarity) as polarity,
    changes.subject_id,
    changes.subject_kind,
    changes.subject_name,
    changes.identifier_verdict,
    changes.identifier_shown,
    changes.item_title,
    changes.amount_yuan,
    coalesce(changes.authority, registered.publisher) as authority,
    registered.legal_basis,
    changes.status,
    changes.valid_from,
    -- Deleted holds until the deletion; revoked never held.
    case changes.status
        when 'REVOKED' then changes.valid_from
        when 'DELETED' then least(changes.valid_to, changes.removed_at::date)
        else changes.valid_to
    end as valid_to,
    changes.recorded_at as recorded_from,
    coalesce(
        lead(changes.recorded_at) over (partition by changes.item_id order by changes.recorded_at),
        'infinity'::timestamptz
    ) as recorded_to,
    changes.content_batch_id,
    changes.content_row_no,
    changes.status_batch_id,
    changes.status_row_no
from changes
inner join {{ source('audit', 'source') }} as registered on changes.source = registered.source
where
    changes.is_change
    -- A snapshot's row that never was readable described nothing that its absence could remove.
    and (changes.content_batch_id is not null or registered.delivery = 'delta')
