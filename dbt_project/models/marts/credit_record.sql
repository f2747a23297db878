-- depends_on: {{ ref('changed_subject') }}
{{ config(
    incremental_strategy='replace_changed',
    changed='changed_subject',
    unique_key='subject_id',
    indexes=[{'columns': ['subject_id'], 'unique': true}]
) }}

with subjects as (
    select subject_id, subject_kind
    from {{ ref('subject') }}
    {%- if is_incremental() %}
    where subject_id in (select subject_id from {{ ref('changed_subject') }})
    {%- endif %}
),

names as (
    select distinct on (subject_id)
        subject_id,
        subject_name
    from {{ ref('subject_name') }}
    where subject_id in (select subject_id from subjects)
    order by subject_id asc, last_said_at desc, subject_name asc
),

-- The widest code is shown: a unified code (18) before the organisation code (9) inside it.
identifiers as (
    select
        subject_id,
        max(identifier_shown) filter (where identifier_type <> 'org_code') as unified,
        max(identifier_shown) as any_code
    from {{ ref('subject_identifier') }}
    where subject_id in (select subject_id from subjects)
    group by subject_id
),

items as (
    select
        subject_id,
        count(*) as item_count,
        count(*) filter (where polarity = 'negative') as negative_item_count,
        count(*) filter (where source = 'court_defaulters') as defaulter_listing_count,
        count(distinct source) as source_count
    from {{ ref('credit_record_item') }}
    where subject_id in (select subject_id from subjects)
    group by subject_id
)

select
    subjects.subject_id,
    subjects.subject_kind,
    names.subject_name,
    coalesce(identifiers.unified, identifiers.any_code) as identifier_shown,
    coalesce(items.item_count, 0) as item_count,
    coalesce(items.negative_item_count, 0) as negative_item_count,
    coalesce(items.defaulter_listing_count, 0) as defaulter_listing_count,
    coalesce(items.source_count, 0) as source_count
from subjects
left join names on subjects.subject_id = names.subject_id
left join identifiers on subjects.subject_id = identifiers.subject_id
left join items on subjects.subject_id = items.subject_id
