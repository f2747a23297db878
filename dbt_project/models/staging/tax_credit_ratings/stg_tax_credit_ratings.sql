{%- set text = function('null_text') -%}
{%- set to_date = function('to_date') -%}

with source as (
    select
        rows.*,
        batch.business_date
    from {{ source('tax_credit_ratings', 'tax_credit_ratings') }} as rows
    inner join {{ source('audit', 'batch') }} as batch on rows._batch_id = batch.batch_id
    where rows._batch_id in ({{ batches('tax_credit_ratings') }})
),

cleaned as materialized (
    select
        _batch_id,
        _row_no,
        business_date,
        {{ function('identifier_text') }}({{ text }}(nsrsbh)) as identifier,
        {{ text }}(nsrmc) as subject_name,
        {{ text }}(pjnd) as year_text,
        upper(normalize({{ text }}(xydj), nfkc)) as credit_level,
        {{ text }}(pjdw) as authority,
        {{ text }}(pdsj) as rated_text,
        {{ text }}(yxqs) as from_text,
        {{ text }}(yxqz) as to_text
    from source
),

typed as materialized (
    select
        *,
        -- No column says who a taxpayer is; a number that could be either leaves the row an orphan.
        {{ function('identifier_kind') }}(identifier) as subject_kind,
        substring(year_text, '^(\d{4})\s*(?:年|年度)?$') as rating_year,
        {{ to_date }}(rated_text) as rated_on,
        {{ to_date }}(from_text) as holds_from,
        {{ to_date }}(to_text) as holds_to
    from cleaned
),

judged as (
    select
        *,
        {{ function('identifier_verdict') }}(subject_kind, identifier) as identifier_verdict,
        case
            when identifier is null then 'KEY_MISSING:nsrsbh'
            when year_text is null then 'KEY_MISSING:pjnd'
            when rating_year is null then 'DATE_INVALID:pjnd'
            when subject_name is null then 'NAME_MISSING:nsrmc'
            {{ who_is_unreadable('nsrmc', 'nsrsbh') }}
            when credit_level is null or credit_level not in ('A', 'B', 'M', 'C', 'D') then 'RATING_UNKNOWN:xydj'
            when rated_on is null then 'DATE_INVALID:pdsj'
            when {{ function('is_bad_date') }}(from_text) then 'DATE_INVALID:yxqs'
            when {{ function('is_bad_date') }}(to_text) then 'DATE_INVALID:yxqz'
        end as rejection
    from typed
)

select
    _batch_id,
    _row_no,
    split_part(rejection, ':', 1) as reject_rule,
    split_part(rejection, ':', 2) as reject_field,
    ---------- item
    vault.token('tax_credit_ratings:' || identifier || ':' || rating_year) as item_id,
    'A' as item_action,
    business_date::timestamptz as effective_at,
    rating_year || '年度' || credit_level || '级' as item_title,
    null::numeric as amount_yuan,
    case
        when credit_level in ('A', 'B') then 'positive'
        when credit_level in ('M', 'C') then 'neutral'
        when credit_level = 'D' then 'negative'
    end as item_polarity,
    authority,
    coalesce(holds_from, rated_on) as valid_from,
    holds_to as valid_to,
    md5(
        row(identifier, subject_name, rating_year, credit_level, authority, rated_on, holds_from, holds_to)::text
    ) as content_hash,
    ---------- subject
    {{ function('subject_id') }}(subject_kind, identifier) as subject_id,
    subject_kind,
    subject_name,
    {{ function('name_key') }}(subject_name) as name_key,
    identifier_verdict,
    {{ function('identifier_shown') }}(subject_kind, identifier) as identifier_shown,
    ---------- rating
    rating_year,
    credit_level,
    rated_on
from judged
