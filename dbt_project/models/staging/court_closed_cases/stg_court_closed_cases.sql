{%- set text = function('null_text') -%}

with source as (
    select
        rows.*,
        batch.business_date
    from {{ source('court_closed_cases', 'court_closed_cases') }} as rows
    inner join {{ source('audit', 'batch') }} as batch on rows._batch_id = batch.batch_id
    where rows._batch_id in ({{ batches('court_closed_cases') }})
),

cleaned as materialized (
    select
        _batch_id,
        _row_no,
        business_date,
        {{ function('case_number') }}({{ text }}(ah)) as case_number,
        {{ text }}(xm) as subject_name,
        {{ text }}(xb) as sex_text,
        {{ function('sex_code') }}({{ text }}(xb)) as sex,
        -- Left in raw: dz (address) is not needed by any mart (PIPL Art. 6).
        {{ function('identifier_text') }}({{ text }}(sfzhm)) as identifier,
        {{ text }}(zxfymc) as authority,
        {{ text }}(larq) as filed_text,
        {{ text }}(jarq) as closed_text,
        {{ text }}(sqzxbdje) as claimed_text,
        {{ text }}(swzxbdje) as unpaid_text
    from source
),

typed as materialized (
    select
        *,
        -- Only persons have a sex; without one the number says who it is.
        case when sex is not null then 'person' else {{ function('identifier_kind') }}(identifier) end as subject_kind,
        {{ function('to_date') }}(filed_text) as filed_on,
        {{ function('to_date') }}(closed_text) as closed_on,
        {{ function('to_yuan') }}(claimed_text) as claimed_yuan,
        {{ function('to_yuan') }}(unpaid_text) as unpaid_yuan
    from cleaned
),

judged as (
    select
        *,
        {{ function('identifier_verdict') }}(subject_kind, identifier) as identifier_verdict,
        case
            when case_number is null then 'KEY_MISSING:ah'
            when identifier is null then 'KEY_MISSING:sfzhm'
            when subject_name is null then 'NAME_MISSING:xm'
            {{ who_is_unreadable('xm', 'sfzhm') }}
            when sex_text is not null and sex is null then 'SEX_UNKNOWN:xb'
            when subject_kind is null then 'PARTY_TYPE_UNKNOWN:sfzhm'
            when closed_on is null then 'DATE_INVALID:jarq'
            when {{ function('is_bad_date') }}(filed_text) then 'DATE_INVALID:larq'
            when claimed_text is not null and claimed_yuan is null then 'AMOUNT_INVALID:sqzxbdje'
            when unpaid_text is not null and unpaid_yuan is null then 'AMOUNT_INVALID:swzxbdje'
        end as rejection
    from typed
)

select
    _batch_id,
    _row_no,
    split_part(rejection, ':', 1) as reject_rule,
    split_part(rejection, ':', 2) as reject_field,
    ---------- item
    vault.token(
        'court_closed_cases:' || case_number || ':' || identifier || ':' || {{ function('name_key') }}(subject_name)
    ) as item_id,
    'A' as item_action,
    business_date::timestamptz as effective_at,
    case_number as item_title,
    unpaid_yuan as amount_yuan,
    null::text as item_polarity,
    authority,
    closed_on as valid_from,
    null::date as valid_to,
    md5(
        row(
            case_number, subject_name, sex, identifier, authority, filed_on, closed_on, claimed_yuan, unpaid_yuan
        )::text
    ) as content_hash,
    ---------- subject
    {{ function('subject_id') }}(subject_kind, identifier) as subject_id,
    subject_kind,
    subject_name,
    {{ function('name_key') }}(subject_name) as name_key,
    identifier_verdict,
    {{ function('identifier_shown') }}(subject_kind, identifier) as identifier_shown,
    ---------- case
    case_number,
    sex,
    filed_on,
    closed_on,
    claimed_yuan,
    unpaid_yuan
from judged
