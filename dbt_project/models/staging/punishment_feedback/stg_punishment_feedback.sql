{%- set text = function('null_text') -%}

with source as (
    select *
    from {{ source('punishment_feedback', 'punishment_feedback') }}
    where _batch_id in ({{ batches('punishment_feedback') }})
),

cleaned as materialized (
    select
        _batch_id,
        _row_no,
        {{ text }}(dwdm) as department_code,
        {{ text }}(dwmc) as department,
        {{ text }}(fkbh) as feedback_number,
        {{ text }}(ztmc) as subject_name,
        {{ function('identifier_text') }}({{ text }}(zjhm)) as identifier,
        {{ text }}(blsx) as matter,
        -- As sent: a department may answer a measure that has left the catalogue since.
        {{ text }}(csdm) as measure_code,
        {{ text }}(cljg) as result,
        {{ text }}(clsj) as handled_text,
        {{ text }}("directiveId") as directive_id
    from source
),

typed as materialized (
    select
        *,
        -- No column says who the subject is; a number that could be either leaves the feedback without one.
        {{ function('identifier_kind') }}(identifier) as subject_kind,
        case when pg_input_is_valid(handled_text, 'timestamptz') then handled_text::timestamptz end as effective_at
    from cleaned
),

judged as (
    select
        *,
        {{ function('identifier_verdict') }}(subject_kind, identifier) as identifier_verdict,
        case
            when department_code is null then 'KEY_MISSING:dwdm'
            when feedback_number is null then 'KEY_MISSING:fkbh'
            when subject_name is null then 'NAME_MISSING:ztmc'
            {{ who_is_unreadable('ztmc', 'zjhm') }}
            when result is null or result not in ('拦截', '限制', '审慎参考', '未惩戒') then 'RESULT_UNKNOWN:cljg'
            when effective_at is null then 'TIME_INVALID:clsj'
        end as rejection
    from typed
)

select
    _batch_id,
    _row_no,
    split_part(rejection, ':', 1) as reject_rule,
    split_part(rejection, ':', 2) as reject_field,
    ---------- feedback
    department_code,
    department,
    feedback_number,
    effective_at,
    matter,
    measure_code,
    result,
    directive_id,
    ---------- subject
    {{ function('subject_id') }}(subject_kind, identifier) as subject_id,
    subject_kind,
    subject_name,
    {{ function('name_key') }}(subject_name) as name_key,
    identifier_verdict,
    {{ function('identifier_shown') }}(subject_kind, identifier) as identifier_shown
from judged
