{# Listings of the court as they were known at a moment and stand on a day. What may be asked of the past is what the
   mart asks of today: macros/known.sql. Articles: 法释〔2013〕17号 (2017 revision). #}
{% macro listing_state(day, known_at=none, changed_only=false) %}
with asked as materialized (
    select {{ day }} as day
),

items as (
    select
        item.*,
        coalesce(item.subject_id, link.subject_id) as whose_id,
        case when item.subject_id is not null then 'T1' else link.tier end as identity_tier,
        link.rule_code as identity_rule
    from {{ ref('credit_item') }} as item
    cross join asked
    left join lateral {{ whose('item', 'asked.day', known_at) }} as link on true
    where
        item.source = 'court_defaulters'
        and {{ held_at('item', known_at) }}
        {%- if changed_only %}
        and item.item_id in (select item_id from {{ ref('changed_item') }})
        {%- endif %}
),

name_conflicts as (
    {{- name_conflicts_of_items(known_at) }}
),

objections as (
    {{- objections_of_items(known_at) }}
),

-- The decision names the repaired document and its subject; both must fit.
repairs as (
    select
        items.item_id,
        max(repair.repaired_on) as repaired_on
    from items
    inner join {{ ref('stg_credit_repairs') }} as repair on items.whose_id = repair.subject_id
    inner join {{ source('audit', 'batch') }} as batch on repair._batch_id = batch.batch_id
    inner join {{ ref('stg_court_defaulters') }} as content
        on
            items.content_batch_id = content._batch_id and items.content_row_no = content._row_no
            and repair.repaired_document = content.case_number
            and repair.repaired_on >= content.listed_on
    where repair.reject_rule is null and {{ received_by('batch.received_at', known_at) }}
    group by items.item_id
),

places as materialized (
    select * from {{ ref('court_place') }}
),

policy as (
    select
        {{ policy_is_on('MASK_ON_PERFORMANCE', day) }} as hides_performed,
        {{ policy_is_on('REPAIR_HIDES_LISTING', day) }} as hides_repaired,
        {{ policy_is_on('HOLD_ON_OBJECTION', day) }} as hides_contested
),

judged as (
    select
        items.*,
        coalesce(content.listing_id, message.listing_id) as listing_id,
        content.case_number,
        content.court_name,
        content.court_province,
        coalesce(place.division_code, province.division_code) as court_division,
        content.basis_document,
        content.basis_unit,
        content.legal_representative,
        content.sex,
        content.age,
        content.duty_summary,
        content.performance,
        array_to_string(content.conduct_codes, ',') as conduct_codes,
        content.filed_on,
        content.published_on,
        content.decided_on,
        content.rule_version,
        content.term_class,
        content.expiry_min,
        content.publicity,
        content.notify_unit,
        message.delete_reason,
        coalesce(content.is_performed, false) as is_performed,
        repairs.repaired_on is not null as is_repaired,
        coalesce(content.is_minor, false) as is_minor,
        coalesce(content.contradicts_document, false) or name_conflicts.subject_id is not null as has_identity_conflict,
        coalesce(objections.is_contested, false) as is_contested,
        coalesce(objections.is_upheld, false) as is_objection_upheld,
        word.status as status_then
    from items
    cross join lateral {{ word_on('items', day, known_at) }} as word
    left join {{ ref('stg_court_defaulters') }} as content
        on items.content_batch_id = content._batch_id and items.content_row_no = content._row_no
    left join {{ ref('stg_court_defaulters') }} as message
        on word._batch_id = message._batch_id and word._row_no = message._row_no
    left join places as place on content.court_name = place.name_zh
    left join places as province on content.court_province = province.name_zh
    left join name_conflicts on items.whose_id = name_conflicts.subject_id
    left join objections on items.item_id = objections.item_id
    left join repairs on items.item_id = repairs.item_id
)

select
    judged.listing_id,
    judged.item_id,
    judged.whose_id as subject_id,
    judged.subject_kind,
    judged.subject_name,
    judged.identifier_shown,
    judged.identifier_verdict,
    judged.case_number,
    judged.court_name,
    judged.court_province,
    judged.court_division,
    judged.basis_document,
    judged.basis_unit,
    judged.legal_representative,
    judged.sex,
    judged.age,
    judged.duty_summary,
    judged.performance,
    judged.conduct_codes,
    judged.filed_on,
    judged.published_on,
    judged.decided_on,
    case
        when judged.status_then in ('REVOKED', 'DELETED') then judged.status_then
        -- A term has ended on its last day.
        when judged.valid_to <= {{ day }} then 'EXPIRED'
        when
            (judged.is_performed and policy.hides_performed) or (judged.is_repaired and policy.hides_repaired)
            or (judged.is_contested and policy.hides_contested)
            -- Only the court revokes or deletes (R8); until it does, what it was shown to have wrong is not used.
            or judged.is_objection_upheld
            then 'SUPPRESSED'
        else 'ACTIVE'
    end as status,
    judged.delete_reason,
    judged.valid_from,
    judged.valid_to,
    judged.rule_version,
    judged.term_class,
    judged.expiry_min,
    judged.publicity,
    judged.notify_unit,
    judged.is_minor,
    judged.has_identity_conflict,
    judged.is_performed,
    judged.is_repaired,
    judged.is_contested,
    judged.is_objection_upheld,
    judged.identity_tier,
    judged.identity_rule
from judged
cross join policy
{% endmacro %}

{# One document number under two names: a typing error or a reused number, and nobody may be named on it. Of the persons of
   the CTE `items`. #}
{% macro name_conflicts_of_items(known_at) %}
    select concerned.subject_id
    from (select distinct whose_id as subject_id from items where subject_kind = 'person') as concerned
    cross join lateral (
        select names.name_key
        from {{ ref('subject_name') }} as names
        where
            names.subject_id = concerned.subject_id
            and names.said_elsewhere_at is not null
            and {{ received_by('names.said_elsewhere_at', known_at) }}
        union
        -- A name that stood on a listing counts while the listing does.
        select {{ function('name_key') }}(other.subject_name) as name_key
        from {{ ref('credit_item') }} as other
        where
            other.subject_id = concerned.subject_id
            and other.status = 'ACTIVE'
            and {{ held_at('other', known_at) }}
    ) as found
    group by concerned.subject_id
    having count(*) > 1
{%- endmacro %}

{# Every reason that keeps a listing out of a product; no reason means it may leave. #}
{% macro listing_decisions(listings, day, changed_only=false) %}
with listings as (
    select *
    from {{ listings }} as listing
    {%- if changed_only %}
    where listing.item_id in (select item_id from {{ ref('changed_item') }})
    {%- endif %}
),

found as (
    select
        listings.item_id,
        tested.reason
    from listings
    cross join lateral (
        values
        ('WITHDRAWN', listings.status = 'DELETED'),
        ('REVOKED', listings.status = 'REVOKED'),
        ('EXPIRED', listings.status = 'EXPIRED'),
        ('MINOR', coalesce(listings.is_minor, false)),
        ('NOT_PUBLIC', listings.publicity = 'N'),
        ('PUBLICITY_UNSTATED', listings.publicity is null),
        ('PERFORMED', coalesce(listings.is_performed, false) and {{ policy_is_on('MASK_ON_PERFORMANCE', day) }}),
        ('REPAIRED', coalesce(listings.is_repaired, false) and {{ policy_is_on('REPAIR_HIDES_LISTING', day) }}),
        ('CONTESTED', coalesce(listings.is_contested, false) and {{ policy_is_on('HOLD_ON_OBJECTION', day) }}),
        ('OBJECTION_UPHELD', coalesce(listings.is_objection_upheld, false)),
        ('JURISDICTION_FORBIDS', {{ jurisdiction_holds_back('listings', day, ['NONE']) }}),
        ('NO_VALID_IDENTIFIER', listings.subject_id is null),
        ('IDENTITY_CONFLICT', coalesce(listings.has_identity_conflict, false)),
        -- Whoever is named by anything but a valid number leaves only where the centre says so of that rule.
        (
            'LINK_NOT_SHOWN',
            listings.subject_id is not null
            and listings.identity_tier is distinct from 'T1'
            and not {{ link_may_reach('exposure', 'listings', day) }}
        ),
        (
            'LINK_NOT_DIRECTED',
            listings.subject_id is not null
            and listings.identity_tier is distinct from 'T1'
            and not {{ link_may_reach('directive', 'listings', day) }}
        )
    ) as tested (reason, applies)
    where tested.applies
),

reasons as (
    select
        found.item_id,
        string_agg(found.reason, '|' order by found.reason) filter (where known.bars_exposure) as exposure_reasons,
        string_agg(found.reason, '|' order by found.reason) filter (where known.bars_directive) as directive_reasons,
        string_agg(found.reason, '|' order by found.reason) filter (where known.bars_notice) as notice_reasons
    from found
    inner join {{ ref('exclusion_reason') }} as known on found.reason = known.reason
    where {{ holds_on('known', day) }}
    group by found.item_id
)

select
    listings.item_id,
    listings.listing_id,
    reasons.exposure_reasons,
    reasons.directive_reasons,
    reasons.notice_reasons
from listings
left join reasons on listings.item_id = reasons.item_id
{% endmacro %}
