-- depends_on: {{ ref('changed_item') }}
{{ config(
    incremental_strategy='replace_changed',
    changed='changed_item',
    unique_key='item_id',
    indexes=[{'columns': ['item_id'], 'unique': true}, {'columns': ['subject_id']}, {'columns': ['listing_id']}]
) }}

with today as (
    select business_date from {{ source('audit', 'build') }} where build_id = {{ current_build() }}
),

items as (
    select *
    from {{ ref('credit_item') }}
    where
        source = 'court_defaulters'
        and recorded_to = 'infinity'
        {%- if is_incremental() %}
        and item_id in (select item_id from {{ ref('changed_item') }})
        {%- endif %}
),

-- One document number under two names: a typing error or a reused number, and nobody may be named on it.
name_conflicts as (
    select names.subject_id
    from {{ ref('subject_name') }} as names
    inner join (select distinct subject_id from items where subject_kind = 'person') as concerned
        on names.subject_id = concerned.subject_id
    group by names.subject_id
    having count(*) > 1
)

select
    coalesce(content.listing_id, message.listing_id) as listing_id,
    items.item_id,
    items.subject_id,
    items.subject_kind,
    items.subject_name,
    items.identifier_shown,
    items.identifier_verdict,
    content.case_number,
    content.court_name,
    content.court_province,
    content.basis_document,
    content.basis_unit,
    content.legal_representative,
    content.sex,
    content.age,
    content.performance,
    array_to_string(content.conduct_codes, ',') as conduct_codes,
    content.filed_on,
    content.published_on,
    content.decided_on,
    case
        when items.status = 'ACTIVE' and items.valid_to <= today.business_date then 'EXPIRED'
        else items.status
    end as status,
    message.delete_reason,
    items.valid_from,
    items.valid_to,
    content.publicity,
    content.notify_unit,
    -- Under eighteen on the day of listing by document, by birth date or by the age that was sent (R5).
    items.subject_kind = 'person' and (
        coalesce(
            content.birth_date > (coalesce(content.decided_on, content.published_on) - interval '18 years')::date,
            false
        )
        or coalesce(content.age < 18, false)
    ) as is_minor,
    content.contradicts_document or name_conflicts.subject_id is not null as has_identity_conflict
from items
cross join today
left join {{ ref('stg_court_defaulters') }} as content
    on items.content_batch_id = content._batch_id and items.content_row_no = content._row_no
left join {{ ref('stg_court_defaulters') }} as message
    on items.status_batch_id = message._batch_id and items.status_row_no = message._row_no
left join name_conflicts on items.subject_id = name_conflicts.subject_id
