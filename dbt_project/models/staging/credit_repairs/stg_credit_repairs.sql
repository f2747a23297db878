{%- set text = function('null_text') -%}

with source as (
    select
        rows.*,
        batch.business_date
    from {{ source('credit_repairs', 'credit_repairs') }} as rows
    inner join {{ source('audit', 'batch') }} as batch on rows._batch_id = batch.batch_id
    where rows._batch_id in ({{ batches('credit_repairs') }})
),

cleaned as materialized (
    select
        _batch_id,
        _row_no,
        business_date,
        {{ text }}(jdwsh) as decision_number,
        {{ text }}(ztmc) as subject_name,
        -- With a unified code the subject is the unit, and zjhm (left in raw) is its representative's.
        case
            when {{ text }}(tyshxydm) is not null then 'organisation'
            when {{ text }}(zjhm) is not null then 'person'
        end as subject_kind,
        {{ function('identifier_text') }}(coalesce({{ text }}(tyshxydm), {{ text }}(zjhm))) as identifier,
        {{ text }}(xfsx) as repaired_matter,
        {{ function('case_number') }}({{ text }}(wsh)) as repaired_document,
        {{ text }}(xfrq) as repaired_text,
        {{ text }}(xfjg) as authority
    from source
),

typed as materialized (
    select
        *,
        {{ function('identifier_verdict') }}(subject_kind, identifier) as identifier_verdict,
        {{ function('to_date') }}(repaired_text) as repaired_on
    from cleaned
),

judged as (
    select
        *,
        case
            when decision_number is null then 'KEY_MISSING:jdwsh'
            when subject_kind is null then 'PARTY_TYPE_UNKNOWN:tyshxydm'
            when subject_name is null then 'NAME_MISSING:ztmc'
            when repaired_document is null then 'TARGET_MISSING:wsh'
            when repaired_on is null then 'DATE_INVALID:xfrq'
        end as rejection
    from typed
)

select
    _batch_id,
    _row_no,
    split_part(rejection, ':', 1) as reject_rule,
    split_part(rejection, ':', 2) as reject_field,
    ---------- repair
    decision_number,
    business_date::timestamptz as effective_at,
    repaired_matter,
    repaired_document,
    repaired_on,
    authority,
    ---------- subject
    {{ function('subject_id') }}(subject_kind, identifier) as subject_id,
    subject_kind,
    subject_name,
    {{ function('name_key') }}(subject_name) as name_key,
    identifier_verdict,
    {{ function('identifier_shown') }}(subject_kind, identifier) as identifier_shown
from judged
