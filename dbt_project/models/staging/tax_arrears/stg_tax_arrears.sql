{%- set text = function('null_text') -%}

with source as (
    select
        rows.*,
        batch.business_date
    from {{ source('tax_arrears', 'tax_arrears') }} as rows
    inner join {{ source('audit', 'batch') }} as batch on rows._batch_id = batch.batch_id
    where rows._batch_id in ({{ batches('tax_arrears') }})
),

cleaned as materialized (
    select
        _batch_id,
        _row_no,
        business_date,
        {{ function('identifier_text') }}({{ text }}(nsrsbh)) as identifier,
        {{ text }}(nsrmc) as subject_name,
        -- Left in raw: jydz (address), zjhm of the legal representative (not the taxpayer).
        {{ text }}(fddbrxm) as legal_representative,
        {{ text }}(sz) as tax_kind,
        {{ text }}(qsye) as balance_text,
        {{ text }}(xqs) as newly_text,
        {{ text }}(nsrlx) as taxpayer_kind,
        {{ text }}(fbjg) as authority,
        {{ text }}(fbrq) as published_text
    from source
),

typed as materialized (
    select
        *,
        -- A sole trader (个体) is numbered either by a USCC or by the owner's own number.
        case
            when taxpayer_kind = '企业' then 'organisation'
            when taxpayer_kind = '个人' then 'person'
            when taxpayer_kind = '个体'
                then case {{ function('person_verdict') }}(identifier) when 'VALID' then 'person' else 'organisation' end
        end as subject_kind,
        {{ function('to_yuan') }}(balance_text) as balance_yuan,
        {{ function('to_yuan') }}(newly_text) as newly_yuan,
        {{ function('to_date') }}(published_text) as published_on
    from cleaned
),

judged as (
    select
        *,
        {{ function('identifier_verdict') }}(subject_kind, identifier) as identifier_verdict,
        case
            when identifier is null then 'KEY_MISSING:nsrsbh'
            when tax_kind is null then 'KEY_MISSING:sz'
            when subject_kind is null then 'PARTY_TYPE_UNKNOWN:nsrlx'
            when subject_name is null then 'NAME_MISSING:nsrmc'
            {{ who_is_unreadable('nsrmc', 'nsrsbh') }}
            when balance_yuan is null then 'AMOUNT_INVALID:qsye'
            when newly_text is not null and newly_yuan is null then 'AMOUNT_INVALID:xqs'
            when published_on is null then 'DATE_INVALID:fbrq'
        end as rejection
    from typed
)

select
    _batch_id,
    _row_no,
    split_part(rejection, ':', 1) as reject_rule,
    split_part(rejection, ':', 2) as reject_field,
    ---------- item
    vault.token('tax_arrears:' || identifier || ':' || tax_kind) as item_id,
    'A' as item_action,
    business_date::timestamptz as effective_at,
    tax_kind as item_title,
    balance_yuan as amount_yuan,
    null::text as item_polarity,
    authority,
    published_on as valid_from,
    null::date as valid_to,
    md5(
        row(
            identifier, subject_name, legal_representative, tax_kind, balance_yuan, newly_yuan, taxpayer_kind,
            authority, published_on
        )::text
    ) as content_hash,
    ---------- subject
    {{ function('subject_id') }}(subject_kind, identifier) as subject_id,
    subject_kind,
    subject_name,
    {{ function('name_key') }}(subject_name) as name_key,
    identifier_verdict,
    {{ function('identifier_shown') }}(subject_kind, identifier) as identifier_shown,
    ---------- arrears
    taxpayer_kind,
    tax_kind,
    balance_yuan,
    newly_yuan,
    legal_representative,
    published_on
from judged
