{%- set text = function('null_text') -%}
{%- set to_date = function('to_date') -%}

with source as (
    select *
    from {{ source('registry_entities', 'registry_entities') }}
    where _batch_id in ({{ batches('registry_entities') }})
),

cleaned as materialized (
    select
        _batch_id,
        _row_no,
        {{ text }}(pripid) as registry_id,
        {{ function('identifier_text') }}({{ text }}(uniscid)) as identifier,
        {{ text }}(regno) as registration_number,
        {{ text }}(entname) as subject_name,
        {{ text }}(enttype) as entity_type,
        {{ text }}(regstate) as registration_state,
        {{ text }}(name) as legal_representative,
        -- Left in raw: dom (address) and opscope are not needed by any mart (PIPL Art. 6).
        {{ text }}(domdistrict) as division_code,
        {{ text }}(industryco) as industry_code,
        {{ text }}(regcap) as capital_text,
        {{ text }}(regcapcur) as capital_currency,
        {{ text }}(regorg) as authority,
        {{ text }}(estdate) as established_text,
        {{ text }}(opfrom) as operates_from_text,
        {{ text }}(opto) as operates_to_text,
        {{ text }}(apprdate) as approved_text,
        {{ text }}(update_time) as updated_text
    from source
),

typed as materialized (
    select
        *,
        {{ function('identifier_verdict') }}('organisation', identifier) as identifier_verdict,
        case when pg_input_is_valid(updated_text, 'timestamptz') then updated_text::timestamptz end as effective_at,
        {{ to_date }}(established_text) as established_on,
        {{ to_date }}(operates_from_text) as operates_from,
        {{ to_date }}(operates_to_text) as operates_to,
        {{ to_date }}(approved_text) as approved_on,
        -- The column is in 10,000 yuan unless the value carries its own unit.
        {{ function('to_yuan') }}(capital_text) * case when capital_text ~ '[万元]' then 1 else 10000 end as capital_yuan
    from cleaned
),

judged as (
    select
        *,
        case
            when registry_id is null then 'KEY_MISSING:pripid'
            when effective_at is null then 'TIME_INVALID:update_time'
            when subject_name is null then 'NAME_MISSING:entname'
            {{ who_is_unreadable('entname', 'uniscid') }}
            when {{ function('is_bad_date') }}(established_text) then 'DATE_INVALID:estdate'
            when {{ function('is_bad_date') }}(operates_from_text) then 'DATE_INVALID:opfrom'
            when {{ function('is_bad_date') }}(operates_to_text) then 'DATE_INVALID:opto'
            when {{ function('is_bad_date') }}(approved_text) then 'DATE_INVALID:apprdate'
        end as rejection
    from typed
)

select
    _batch_id,
    _row_no,
    split_part(rejection, ':', 1) as reject_rule,
    split_part(rejection, ':', 2) as reject_field,
    ---------- item
    vault.token('registry_entities:' || registry_id) as item_id,
    'A' as item_action,
    effective_at,
    registration_state as item_title,
    capital_yuan as amount_yuan,
    null::text as item_polarity,
    authority,
    established_on as valid_from,
    null::date as valid_to,
    md5(
        row(
            identifier, registration_number, subject_name, entity_type, registration_state, legal_representative,
            division_code, industry_code, capital_text, capital_currency, authority, established_on, operates_from,
            operates_to, approved_on
        )::text
    ) as content_hash,
    ---------- subject
    {{ function('subject_id') }}('organisation', identifier) as subject_id,
    'organisation' as subject_kind,
    subject_name,
    {{ function('name_key') }}(subject_name) as name_key,
    identifier_verdict,
    {{ function('identifier_shown') }}('organisation', identifier) as identifier_shown,
    ---------- entity
    registry_id,
    registration_number,
    entity_type,
    registration_state,
    legal_representative,
    division_code,
    industry_code,
    capital_yuan,
    capital_currency,
    established_on,
    operates_from,
    operates_to,
    approved_on
from judged
