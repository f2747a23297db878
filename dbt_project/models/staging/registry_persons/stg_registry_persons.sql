{%- set text = function('null_text') -%}
{%- set to_date = function('to_date') -%}

with source as (
    select *
    from {{ source('registry_persons', 'registry_persons') }}
    where _batch_id in ({{ batches('registry_persons') }})
),

cleaned as materialized (
    select
        _batch_id,
        _row_no,
        {{ text }}(pripid) as registry_id,
        {{ text }}(personid) as person_no,
        {{ text }}(name) as subject_name,
        {{ text }}(position) as position_code,
        {{ text }}(position_cn) as position_name,
        {{ text }}(lerepsign) as representative_sign,
        -- Other documents than the resident card (certype 10) are no key of a person: they change on renewal.
        case when {{ text }}(certype) = '10' then {{ function('identifier_text') }}({{ text }}(cerno)) end
            as identifier,
        {{ text }}(sex) as sex_text,
        {{ text }}(arrdate) as appointed_text,
        {{ text }}(remdate) as removed_text,
        {{ text }}(update_time) as updated_text
    from source
),

typed as materialized (
    select
        *,
        {{ function('identifier_verdict') }}('person', identifier) as identifier_verdict,
        case when pg_input_is_valid(updated_text, 'timestamptz') then updated_text::timestamptz end as effective_at,
        {{ function('sex_code') }}(sex_text) as sex,
        {{ to_date }}(appointed_text) as appointed_on,
        {{ to_date }}(removed_text) as removed_on
    from cleaned
),

judged as (
    select
        *,
        case
            when registry_id is null then 'KEY_MISSING:pripid'
            when person_no is null then 'KEY_MISSING:personid'
            when effective_at is null then 'TIME_INVALID:update_time'
            when subject_name is null then 'NAME_MISSING:name'
            {{ who_is_unreadable('name', 'cerno', "removed_on is null") }}
            when sex_text is not null and sex is null then 'SEX_UNKNOWN:sex'
            when {{ function('is_bad_date') }}(appointed_text) then 'DATE_INVALID:arrdate'
            when {{ function('is_bad_date') }}(removed_text) then 'DATE_INVALID:remdate'
        end as rejection
    from typed
)

select
    _batch_id,
    _row_no,
    split_part(rejection, ':', 1) as reject_rule,
    split_part(rejection, ':', 2) as reject_field,
    ---------- relation
    vault.token('registry_persons:' || registry_id || ':' || person_no) as relation_id,
    vault.token('registry_entities:' || registry_id) as entity_item_id,
    registry_id,
    effective_at,
    position_code,
    position_name,
    coalesce(representative_sign = '1', false) as is_legal_representative,
    appointed_on,
    removed_on,
    ---------- subject
    {{ function('subject_id') }}('person', identifier) as subject_id,
    'person' as subject_kind,
    subject_name,
    {{ function('name_key') }}(subject_name) as name_key,
    identifier_verdict,
    {{ function('identifier_shown') }}('person', identifier) as identifier_shown,
    sex
from judged
