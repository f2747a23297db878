{# What a person has to decide: candidates that no rule may settle alone, and those a rule has linked without effect.
   No score: what agrees and what does not, in words, and how many others of that name may be expected. #}
{{ config(materialized='view') }}

with today as (
    select max(business_date) as day from {{ source('audit', 'build') }} where status <> 'failed'
),

open_pairs as (
    select
        candidate.*,
        orphan.source,
        orphan.subject_name as item_name,
        orphan.identifier_shown as item_identifier_shown,
        orphan.identifier_verdict as item_identifier_verdict,
        policy.rule_zh,
        policy.rule_en,
        coalesce(held.action = 'LINK' and held.subject_id = candidate.subject_id, false) as is_linked_by_rule
    from {{ ref('open_candidate') }} as candidate
    inner join {{ ref('orphan_item') }} as orphan
        on candidate.item_id = orphan.item_id and candidate.basis = orphan.basis
    inner join {{ ref('credit_item') }} as item
        on candidate.item_id = item.item_id and item.recorded_to = 'infinity' and item.status = 'ACTIVE'
    cross join today
    inner join {{ ref('identity_tier') }} as policy
        on candidate.rule_code = policy.rule_code and {{ holds_on('policy', 'today.day') }}
    left join lateral {{ last_link('candidate.item_id') }} as held on true
    where
        -- Settled: in somebody's record already, by a reviewer or by a rule that may.
        not coalesce(held.action = 'LINK' and (held.decided_by = 'reviewer' or policy.joins_record), false)
        and not exists (
            select from {{ source('ledger', 'link_rejection') }} as refused
            where
                refused.item_id = candidate.item_id
                and refused.subject_id = candidate.subject_id
                and refused.basis = candidate.basis
        )
)

select
    open_pairs.item_id,
    open_pairs.source,
    open_pairs.subject_kind,
    open_pairs.item_name,
    open_pairs.item_identifier_shown,
    open_pairs.item_identifier_verdict,
    open_pairs.subject_id,
    known.identifier_shown as subject_identifier_shown,
    open_pairs.tier,
    open_pairs.rule_code,
    open_pairs.rule_zh,
    open_pairs.rule_en,
    (
        select string_agg(
            case when (found.fact ->> 'agrees')::boolean then '相符 agrees' else '不符 differs' end || '：'
            || concat_ws(
                '，', found.fact ->> 'field', found.fact ->> 'item', found.fact ->> 'subject', found.fact ->> 'says'
            ), '；'
            order by found.place
        )
        from jsonb_array_elements(open_pairs.evidence) with ordinality as found (fact, place)
    ) as evidence,
    not open_pairs.is_sole as has_rivals,
    open_pairs.is_linked_by_rule,
    -- Names are taken to be spread over places and ages alike; only who is in this warehouse is counted, so that the
    -- true number is larger.
    case
        when open_pairs.subject_kind = 'person' and known.identifier_shown is not null
            then round(greatest(around.persons - 1, 0)::numeric * namesakes.persons / greatest(everybody.persons, 1), 4)
    end as expected_namesakes,
    case
        when open_pairs.subject_kind = 'person'
            then '库内该区划该年龄段（出生年份 ±2）' || around.persons || ' 人，全库 ' || everybody.persons || ' 人中 '
                || namesakes.persons || ' 人同名 | ' || around.persons || ' persons here of that division and age (born within two years), '
                || namesakes.persons || ' of ' || everybody.persons || ' bear the name'
    end as homonym_risk,
    open_pairs.content_batch_id,
    open_pairs.content_row_no
from open_pairs
left join lateral (
    select max(number.identifier_shown) as identifier_shown
    from {{ ref('subject_identifier') }} as number
    where
        number.subject_id = open_pairs.subject_id
        and number.identifier_type = case open_pairs.subject_kind when 'person' then 'resident_id' else 'uscc' end
) as known on true
left join lateral (
    select count(*) as persons
    from {{ ref('subject_identifier') }} as neighbour
    where
        open_pairs.subject_kind = 'person'
        and neighbour.identifier_type = 'resident_id'
        and neighbour.identifier_shown
        >= left(known.identifier_shown, 6) || (substr(known.identifier_shown, 7, 4)::int - 2)
        and neighbour.identifier_shown
        < left(known.identifier_shown, 6) || (substr(known.identifier_shown, 7, 4)::int + 3)
) as around on true
left join lateral (
    select count(*) as persons
    from {{ ref('subject_name') }} as namesake
    where namesake.name_key = {{ function('name_key') }}(open_pairs.item_name)
) as namesakes on true
cross join (
    select count(*) as persons from {{ ref('subject') }} as somebody where somebody.subject_kind = 'person'
) as everybody
