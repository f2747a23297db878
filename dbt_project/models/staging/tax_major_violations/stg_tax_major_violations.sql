{%- set text = function('null_text') -%}
{%- set to_date = function('to_date') -%}

with source as (
    select
        rows.*,
        batch.business_date
    from {{ source('tax_major_violations', 'tax_major_violations') }} as rows
    inner join {{ source('audit', 'batch') }} as batch on rows._batch_id = batch.batch_id
    where rows._batch_id in ({{ batches('tax_major_violations') }})
),

cleaned as materialized (
    select
        _batch_id,
        _row_no,
        business_date,
        {{ function('identifier_text') }}({{ text }}(nsrsbh)) as identifier,
        {{ text }}(nsrmc) as subject_name,
        -- Left in raw: zcdz (address), fddbrxb and fddbrzjhm (the representative is not the taxpayer); zywfss, cfyj
        -- and clcfqk (free text that may name third parties).
        {{ text }}(fddbrxm) as legal_representative,
        {{ text }}(ajxz) as violation_kind,
        {{ function('case_number') }}({{ text }}(cfwsh)) as document_number,
        {{ text }}(cfjg) as authority,
        {{ text }}(lrsj) as entered_text,
        {{ text }}(ycsj) as removed_text
    from source
),

typed as materialized (
    select
        *,
        -- No column says who a taxpayer is; a number that could be either leaves the row an orphan.
        {{ function('identifier_kind') }}(identifier) as subject_kind,
        {{ to_date }}(entered_text) as entered_on,
        {{ to_date }}(removed_text) as removed_on
    from cleaned
),

judged as (
    select
        *,
        {{ function('identifier_verdict') }}(subject_kind, identifier) as identifier_verdict,
        case
            when identifier is null then 'KEY_MISSING:nsrsbh'
            when document_number is null then 'KEY_MISSING:cfwsh'
            when subject_name is null then 'NAME_MISSING:nsrmc'
            {{ who_is_unreadable('nsrmc', 'nsrsbh', "removed_on is null") }}
            when entered_on is null then 'DATE_INVALID:lrsj'
            when {{ function('is_bad_date') }}(removed_text) then 'DATE_INVALID:ycsj'
        end as rejection
    from typed
)

select
    _batch_id,
    _row_no,
    split_part(rejection, ':', 1) as reject_rule,
    split_part(rejection, ':', 2) as reject_field,
    ---------- item
    vault.token('tax_major_violations:' || identifier || ':' || document_number) as item_id,
    case when removed_on is null then 'A' else 'D' end as item_action,
    business_date::timestamptz as effective_at,
    violation_kind as item_title,
    null::numeric as amount_yuan,
    null::text as item_polarity,
    authority,
    entered_on as valid_from,
    removed_on as valid_to,
    md5(
        row(
            identifier, subject_name, legal_representative, violation_kind, document_number, authority, entered_on,
            removed_on
        )::text
    ) as content_hash,
    ---------- subject
    {{ function('subject_id') }}(subject_kind, identifier) as subject_id,
    subject_kind,
    subject_name,
    {{ function('name_key') }}(subject_name) as name_key,
    identifier_verdict,
    {{ function('identifier_shown') }}(subject_kind, identifier) as identifier_shown,
    ---------- violation
    document_number,
    violation_kind,
    legal_representative,
    entered_on,
    removed_on
from judged
