{%- set text = function('null_text') -%}
{%- set to_date = function('to_date') -%}

with source as (
    select *
    from {{ source('court_defaulters', 'court_defaulters') }}
    where _batch_id in ({{ batches('court_defaulters') }})
),

cleaned as materialized (
    select
        _batch_id,
        _row_no,
        {{ text }}(id) as listing_id,
        {{ text }}("infoActionType") as item_action,
        {{ text }}("updatedAt") as updated_text,
        {{ text }}(iname) as subject_name,
        case {{ text }}("partyTypeName")
            when '580' then 'person' when '0' then 'person'
            when '581' then 'organisation' when '1' then 'organisation'
        end as subject_kind,
        {{ text }}("partyTypeName") as party_type,
        -- The exchange field carries the full number; the public one is masked for persons.
        {{ function('identifier_text') }}(
            coalesce({{ text }}("cardNumFull"), {{ text }}("cardNum"))
        ) as identifier,
        {{ function('identifier_text') }}({{ text }}("cardNum")) as shown_number,
        {{ text }}("caseCode") as case_code,
        {{ text }}("courtName") as court_name,
        {{ text }}("areaName") as court_province,
        {{ text }}("gistId") as basis_document,
        {{ text }}("gistUnit") as basis_unit,
        {{ text }}("businessEntity") as legal_representative,
        {{ text }}(age) as age_text,
        {{ text }}(sexy) as sex_text,
        {{ function('duty_summary') }}({{ text }}(duty)) as duty_summary,
        {{ text }}(performance) as performance,
        {{ text }}("disruptTypeName") as conduct_text,
        {{ text }}("regDate") as filed_text,
        {{ text }}("publishDate") as published_text,
        {{ text }}("decisionDate") as decided_text,
        {{ text }}("birthDate") as birth_text,
        {{ text }}("termMonths") as term_text,
        substring({{ text }}("deleteReason") from '^X[1-9]$') as delete_reason,
        {{ text }}(publicity) as publicity,
        {{ text }}("notifyUnit") as notify_unit
    from source
),

typed as materialized (
    select
        *,
        {{ function('identifier_verdict') }}(subject_kind, identifier) as identifier_verdict,
        case when pg_input_is_valid(updated_text, 'timestamptz') then updated_text::timestamptz end as effective_at,
        {{ function('sex_code') }}(sex_text) as sex,
        case when age_text ~ '^\d{1,3}$' then age_text::int end as age,
        {{ function('conduct_codes') }}(conduct_text) as conduct_codes,
        {{ to_date }}(filed_text) as filed_on,
        {{ to_date }}(published_text) as published_on,
        {{ to_date }}(decided_text) as decided_on,
        {{ to_date }}(birth_text) as birth_date,
        case when term_text ~ '^\d{1,3}$' then term_text::int end as term_months,
        -- A and U describe the listing; D and R may carry nothing but the id.
        coalesce(item_action in ('A', 'U'), false) as describes
    from cleaned
),

judged as (
    select
        *,
        case
            when listing_id is null then 'KEY_MISSING:id'
            when item_action is null or item_action not in ('A', 'U', 'D', 'R') then 'ACTION_UNKNOWN:infoActionType'
            when effective_at is null then 'TIME_INVALID:updatedAt'
            when describes and subject_kind is null then 'PARTY_TYPE_UNKNOWN:partyTypeName'
            when describes and subject_name is null then 'NAME_MISSING:iname'
            {{ who_is_unreadable('iname', 'cardNum', 'describes') }}
            when describes and conduct_codes is null then 'CONDUCT_UNKNOWN:disruptTypeName'
            -- A word that takes somebody off is not stopped by a description, or a reason, that is not understood.
            when describes and published_on is null then 'DATE_INVALID:publishDate'
            when describes and {{ function('is_bad_date') }}(filed_text) then 'DATE_INVALID:regDate'
            when describes and {{ function('is_bad_date') }}(decided_text) then 'DATE_INVALID:decisionDate'
            when describes and {{ function('is_bad_date') }}(birth_text) then 'DATE_INVALID:birthDate'
            when describes and term_text is not null and term_months is null then 'TERM_INVALID:termMonths'
            when describes and sex_text is not null and sex is null then 'SEX_UNKNOWN:sexy'
            when describes and publicity not in ('Y', 'N') then 'PUBLICITY_UNKNOWN:publicity'
        end as rejection,
        case
            when subject_kind = 'person' and identifier_verdict = 'VALID'
                then substr({{ function('resident_id_18') }}(identifier), 7, 8)::date
        end as id_birth_date,
        case
            when subject_kind = 'person' and identifier_verdict = 'VALID'
                then
                    case substr({{ function('resident_id_18') }}(identifier), 17, 1)::int % 2
                        when 1 then '男' else '女'
                    end
        end as id_sex
    from typed
),

-- The decision is not later than its publication, so a term counted from the latter is the longest possible (R2).
dated as (
    select
        judged.*,
        coalesce(judged.decided_on, judged.published_on) as listed_on,
        {{ rule_parameter('ADULT_AGE') }} as adult_age,
        term.rule_version,
        term.base_months,
        -- More months than the law allows are not believed: a harm is never prolonged by a slip of the pen. Where the
        -- court states no term, it is longer than the base only for what may be extended.
        least(
            coalesce(judged.term_months, case when term.may_extend then term.longest_months else term.base_months end),
            term.longest_months
        ) as months_at_most
    from judged
    left join lateral (
        select
            max(rule.rule_version) as rule_version,
            max(rule.base_months) as base_months,
            max(rule.longest_months) as longest_months,
            count(*) > 1 or bool_or(rule.extends_alone) as may_extend
        from {{ ref('listing_term') }} as rule
        where
            rule.conduct_code = any(judged.conduct_codes)
            and rule.valid_from <= coalesce(judged.decided_on, judged.published_on)
            and (rule.valid_to is null or rule.valid_to > coalesce(judged.decided_on, judged.published_on))
    ) as term on true
)

select
    _batch_id,
    _row_no,
    split_part(rejection, ':', 1) as reject_rule,
    split_part(rejection, ':', 2) as reject_field,
    ---------- item
    vault.token('court_defaulters:' || listing_id) as item_id,
    item_action,
    effective_at,
    case_code as item_title,
    null::numeric as amount_yuan,
    null::text as item_polarity,
    court_name as authority,
    listed_on as valid_from,
    (listed_on + make_interval(months => months_at_most))::date as valid_to,
    md5(
        row(
            item_action, delete_reason, subject_name, subject_kind, identifier, case_code, court_name, basis_document,
            basis_unit, legal_representative, age, sex, performance, conduct_codes, filed_on, published_on, decided_on,
            birth_date, term_months, publicity, notify_unit, duty_summary
        )::text
    ) as content_hash,
    ---------- subject
    {{ function('subject_id') }}(subject_kind, identifier) as subject_id,
    subject_kind,
    subject_name,
    {{ function('name_key') }}(subject_name) as name_key,
    identifier_verdict,
    {{ function('identifier_shown') }}(subject_kind, identifier) as identifier_shown,
    ---------- listing
    listing_id,
    {{ function('case_number') }}(case_code) as case_number,
    court_name,
    court_province,
    basis_document,
    basis_unit,
    legal_representative,
    sex,
    age,
    -- Born on: the stricter of document and message, so that a minor is found by either (R5).
    greatest(id_birth_date, birth_date) as birth_date,
    duty_summary,
    performance,
    coalesce(performance ~ '^全部(已)?履行', false) as is_performed,
    conduct_codes,
    filed_on,
    published_on,
    decided_on,
    listed_on,
    term_months,
    rule_version,
    case when base_months is null and term_months is null then 'NONE' else 'FIXED' end as term_class,
    (listed_on + make_interval(months => least(coalesce(term_months, base_months), months_at_most)))::date
        as expiry_min,
    delete_reason,
    publicity,
    notify_unit,
    -- No adult on the day of listing by document, by birth date or by the age that was sent (R5).
    subject_kind = 'person' and (
        coalesce(greatest(id_birth_date, birth_date) > (listed_on - make_interval(years => adult_age))::date, false)
        or coalesce(age < adult_age, false)
    ) as is_minor,
    coalesce(id_birth_date <> birth_date, false)
    or coalesce(id_sex <> sex, false)
    -- The age is that of the listing or of a later look, and may be counted either way.
    or coalesce(
        age not between
        date_part('year', age(listed_on, coalesce(id_birth_date, birth_date))) - 1
        and date_part('year', age(effective_at::date, coalesce(id_birth_date, birth_date))) + 1,
        false
    )
    -- The number that is shown and the number that is meant are one.
    or coalesce(
        subject_kind = 'person'
        and identifier_verdict = 'VALID'
        and shown_number ~ '^\d{10}[*]{4}\d{3}[\dX]$'
        and shown_number
        <> overlay({{ function('resident_id_18') }}(identifier) placing '****' from 11 for 4),
        false
    ) as contradicts_document
from dated
