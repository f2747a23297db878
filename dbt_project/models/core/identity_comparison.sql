{# Every item without a valid number beside every subject of that name, field by field, and the rule that the agreeing
   fields satisfy, if any. A view: matching asks it for the items of the day, `explain link` for one item.
   A name is never enough: each rule needs two agreeing fields besides it, or a piece of a number. What contradicts
   outweighs what agrees. #}
{{ config(materialized='view') }}

with paired as (
    select
        orphan.*,
        names.subject_id,
        names.subject_name as subject_said_name,
        names.number_shown,
        nullif(names.number_shown, '') as person_shown,
        -- Where a person's number is shown in part, every rule asks for its division, and for the year where it is shown.
        coalesce(
            case orphan.subject_kind when 'person' then substring(orphan.identifier_shown from '^\d{1,10}') end, ''
        ) as number_prefix,
        unit.identifier_shown as unit_shown,
        -- A former name counts for what happened before the next name was first heard.
        coalesce(orphan.valid_from < renamed.since::date, renamed.since is null) as name_is_of_time,
        register.knows_number,
        register.has_number,
        register.has_representative
    from {{ ref('orphan_item') }} as orphan
    inner join {{ ref('subject_name') }} as names on orphan.name_key = names.name_key
    inner join {{ ref('subject') }} as subject
        on names.subject_id = subject.subject_id and orphan.subject_kind = subject.subject_kind
    left join lateral (
        select known.identifier_shown
        from {{ ref('subject_identifier') }} as known
        where
            known.subject_id = names.subject_id
            and known.identifier_type = 'uscc'
            and orphan.subject_kind = 'organisation'
        limit 1
    ) as unit on true
    left join lateral (
        select min(later.first_said_at) as since
        from {{ ref('subject_name') }} as later
        where
            later.subject_id = names.subject_id
            and later.name_key <> names.name_key
            and later.first_said_at > names.last_said_at
            and orphan.subject_kind = 'organisation'
    ) as renamed on true
    left join lateral (
        select
            bool_or(known.registration_number is not null) as knows_number,
            bool_or(known.registration_number = orphan.registration_number) as has_number,
            bool_or(
                known.representative_key = orphan.representative_key and known.division_code = orphan.division_code
            ) as has_representative
        from {{ ref('subject_registration') }} as known
        where known.subject_id = names.subject_id
    ) as register on orphan.subject_kind = 'organisation'
),

compared as (
    select
        paired.*,
        case
            when identifier_verdict = 'MASKED' and subject_kind = 'person'
                then {{ function('mask_kind') }}(identifier_shown) <> 'OTHER'
                    and {{ function('mask_fits') }}(identifier_shown, person_shown)
        end as mask_agrees,
        case when birth_date is not null and person_shown is not null
            then case
                when {{ function('mask_kind') }}(identifier_shown) = 'COURT' and identifier_verdict = 'MASKED'
                    then coalesce(completed_subject_id = subject_id, false)
                -- Month and day of the subject are hidden: a year that differs contradicts, one that agrees proves little.
                when to_char(birth_date, 'YYYY') <> substr(person_shown, 7, 4) then false
            end
        end as birth_agrees,
        case when subject_kind = 'person'
            then sex = case when substr(person_shown, 17, 1)::int % 2 = 1 then '男' else '女' end
        end as sex_agrees,
        -- Born in a year, one is of two ages in any other; a year more or less may be a way of counting.
        case when subject_kind = 'person'
            then
                age between
                date_part('year', coalesce(valid_from, said_on)) - substr(person_shown, 7, 4)::int - 2
                and date_part('year', greatest(valid_from, said_on)) - substr(person_shown, 7, 4)::int + 1
        end as age_agrees,
        case when subject_kind = 'person' then division_code = left(person_shown, 6) end as division_agrees,
        case when subject_kind = 'person' and identifier_shown ~ '^\d{10}'
            then substr(identifier_shown, 7, 4) = substr(person_shown, 7, 4)
        end as year_agrees,
        case when registration_number is not null and knows_number then has_number end as registration_agrees,
        case when taxpayer_subject_id is not null then taxpayer_subject_id = subject_id end as taxpayer_agrees,
        case when subject_kind = 'organisation' and identifier_verdict in ('MASKED', 'CHECK_FAIL')
            then identifier_shown ~ '^[0-9A-Z]{2}\d{6}' and left(identifier_shown, 8) = left(unit_shown, 8)
        end as code_agrees,
        case when representative_key is not null and division_code is not null then has_representative end
            as representative_agrees
    from paired
),

judged as (
    select
        compared.*,
        case
            when subject_kind = 'organisation' and not name_is_of_time then null
            when subject_kind = 'organisation'
                then case
                    -- One 15-digit form is read both ways; a register that knows another number contradicts neither.
                    when taxpayer_agrees then 'T2_ORG_TAXPAYER'
                    when registration_agrees then 'T2_ORG_REGISTRATION'
                    when registration_agrees is false then null
                    when representative_agrees then 'T2_ORG_REPRESENTATIVE'
                    when code_agrees then 'T3_ORG_FRAGMENT'
                end
            when false in (coalesce(mask_agrees, true), coalesce(birth_agrees, true)) then null
            when false in (coalesce(sex_agrees, true), coalesce(age_agrees, true)) then null
            when mask_agrees and birth_agrees then 'T2_PERSON_BIRTH_DATE'
            when
                mask_agrees and sex_agrees and age_agrees
                and {{ function('mask_kind') }}(identifier_shown) = 'COURT' then 'T2_PERSON_SEX_AGE'
            -- The division is shared by a town: something else has to agree with it.
            when
                mask_agrees and (
                    {{ function('mask_kind') }}(identifier_shown) <> 'DIVISION' or sex_agrees or age_agrees
                ) then 'T3_PERSON_FRAGMENT'
            when identifier_verdict = 'CHECK_FAIL' and division_agrees and year_agrees then 'T3_PERSON_TYPING'
        end as rule_code
    from compared
)

select
    item_id,
    subject_id,
    subject_kind,
    basis,
    rule_code,
    number_shown,
    number_prefix,
    content_batch_id,
    content_row_no,
    -- Values are masked here, once, for the ledger and whoever explains it.
    jsonb_path_query_array(
        jsonb_build_array(
            jsonb_build_object(
                'field', case subject_kind when 'person' then '姓名 name' else '名称 name' end,
                'item', case subject_kind when 'person' then rpad(left(subject_name, 1), length(subject_name), '*') else subject_name end,
                'subject',
                case subject_kind
                    when 'person' then rpad(left(subject_said_name, 1), length(subject_said_name), '*') else subject_said_name
                end,
                'agrees', true
            ),
            jsonb_build_object(
                'field', '曾用名的时间 time of a former name', 'item', valid_from, 'subject', null,
                'agrees', case when not name_is_of_time then false end
            ),
            jsonb_build_object(
                'field', '号码可见部分 visible part of the number', 'item', identifier_shown, 'subject', person_shown,
                'agrees', mask_agrees
            ),
            jsonb_build_object(
                'field', '出生日期 birth date', 'item', to_char(birth_date, 'YYYY') || '-**-**',
                'subject', substr(person_shown, 7, 4) || '-**-**', 'agrees', birth_agrees
            ),
            jsonb_build_object(
                'field', '性别 sex', 'item', sex,
                'subject', case when substr(person_shown, 17, 1)::int % 2 = 1 then '男' else '女' end, 'agrees', sex_agrees
            ),
            jsonb_build_object(
                'field', '年龄与出生年份 age and year of birth', 'item', age, 'subject', substr(person_shown, 7, 4),
                'agrees', age_agrees
            ),
            jsonb_build_object(
                'field', '区划 division', 'item', division_code, 'subject', left(person_shown, 6),
                'agrees', division_agrees
            ),
            jsonb_build_object(
                'field', '号码中的出生年份 year of birth in the number', 'item', substring(identifier_shown from '^\d{6}(\d{4})'),
                'subject', substr(person_shown, 7, 4), 'agrees', year_agrees
            ),
            jsonb_build_object(
                'field', '注册号 registration number', 'item', registration_number, 'subject', null,
                'agrees', registration_agrees
            ),
            jsonb_build_object(
                'field', '纳税人识别号中的组织机构代码 organisation code in the taxpayer number', 'item', identifier_shown,
                'subject', unit_shown, 'agrees', taxpayer_agrees
            ),
            jsonb_build_object(
                'field', '代码前八位 first eight characters of the code', 'item', left(identifier_shown, 8),
                'subject', left(unit_shown, 8), 'agrees', code_agrees
            ),
            jsonb_build_object(
                'field', '法定代表人与区划 legal representative and division',
                'item', rpad(left(representative_key, 1), length(representative_key), '*') || ' ' || division_code,
                'subject', null, 'agrees', representative_agrees
            )
        ),
        '$[*] ? (@.agrees != null)'
    ) as evidence
from judged
