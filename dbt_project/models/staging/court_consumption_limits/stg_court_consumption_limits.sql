{{ config(indexes=[{'columns': ['_batch_id', '_row_no'], 'unique': true}, {'columns': ['unit_id']}]) }}
{%- set text = function('null_text') -%}

with source as (
    select *
    from {{ source('court_consumption_limits', 'court_consumption_limits') }}
    where _batch_id in ({{ batches('court_consumption_limits') }})
),

cleaned as materialized (
    select
        _batch_id,
        _row_no,
        {{ text }}(id) as order_id,
        {{ text }}("infoActionType") as item_action,
        {{ text }}("updatedAt") as updated_text,
        -- Whom the order names is restricted, nobody else: neither the unit nor who represents it today.
        {{ text }}("XM") as subject_name,
        {{ function('identifier_text') }}({{ text }}(sfzhm)) as identifier,
        {{ text }}("XB") as sex_text,
        {{ text }}(ryxz) as relation,
        {{ text }}("QY_MC") as unit_name,
        {{ function('identifier_text') }}({{ text }}("QY_DM")) as unit_code,
        {{ text }}("AH") as case_code,
        {{ text }}("ZXFYMC") as court_name,
        {{ text }}("LASJStr") as filed_text
    from source
),

typed as materialized (
    select
        *,
        {{ function('identifier_verdict') }}('person', identifier) as identifier_verdict,
        case when pg_input_is_valid(updated_text, 'timestamptz') then updated_text::timestamptz end as effective_at,
        {{ function('sex_code') }}(sex_text) as sex,
        {{ function('to_date') }}(filed_text) as filed_on,
        -- A and U describe the order; D and R may carry nothing but the id.
        coalesce(item_action in ('A', 'U'), false) as describes
    from cleaned
),

judged as (
    select
        *,
        case
            when order_id is null then 'KEY_MISSING:id'
            when item_action is null or item_action not in ('A', 'U', 'D', 'R') then 'ACTION_UNKNOWN:infoActionType'
            when effective_at is null then 'TIME_INVALID:updatedAt'
            when describes and subject_name is null then 'NAME_MISSING:XM'
            {{ who_is_unreadable('XM', 'sfzhm', 'describes') }}
            when sex_text is not null and sex is null then 'SEX_UNKNOWN:XB'
            when {{ function('is_bad_date') }}(filed_text) or (describes and filed_on is null)
                then 'DATE_INVALID:LASJStr'
            when relation not in (select known.relation from {{ ref('order_relation') }} as known)
                then 'RELATION_UNKNOWN:ryxz'
        end as rejection,
        case when identifier_verdict = 'VALID' then {{ function('resident_id_18') }}(identifier) end as resident_id
    from typed
),

-- Whoever the number shows to have been a minor when the case was filed was none to be restricted for a unit (R5).
shown as (
    select
        judged.*,
        coalesce(
            substr(resident_id, 7, 8)::date > (filed_on - make_interval(years => {{ rule_parameter('ADULT_AGE') }}))::date,
            false
        ) as is_minor,
        coalesce(case substr(resident_id, 17, 1)::int % 2 when 1 then '男' else '女' end <> sex, false)
            as contradicts_document
    from judged
)

select
    _batch_id,
    _row_no,
    split_part(rejection, ':', 1) as reject_rule,
    split_part(rejection, ':', 2) as reject_field,
    ---------- item
    vault.token('court_consumption_limits:' || order_id) as item_id,
    item_action,
    effective_at,
    case_code as item_title,
    null::numeric as amount_yuan,
    null::text as item_polarity,
    court_name as authority,
    -- The date of the order stands in the order only; the case it was made in was filed on this day.
    filed_on as valid_from,
    null::date as valid_to,
    md5(
        row(
            item_action, subject_name, identifier, sex, relation, unit_name, unit_code, case_code, court_name, filed_on
        )::text
    ) as content_hash,
    ---------- subject
    {{ function('subject_id') }}('person', identifier) as subject_id,
    'person' as subject_kind,
    subject_name,
    {{ function('name_key') }}(subject_name) as name_key,
    identifier_verdict,
    {{ function('identifier_shown') }}('person', identifier) as identifier_shown,
    ---------- order
    order_id,
    {{ function('case_number') }}(case_code) as case_number,
    court_name,
    filed_on,
    sex,
    relation,
    unit_name,
    unit_code,
    -- The listed unit whose officer the court names: by its code, never by its name.
    {{ function('subject_id') }}('organisation', unit_code) as unit_id,
    is_minor,
    contradicts_document
from shown
