{%- set text = function('null_text') -%}

with source as (
    select
        rows.*,
        batch.business_date
    from {{ source('objections', 'objections') }} as rows
    inner join {{ source('audit', 'batch') }} as batch on rows._batch_id = batch.batch_id
    where rows._batch_id in ({{ batches('objections') }})
),

cleaned as materialized (
    select
        _batch_id,
        _row_no,
        business_date,
        {{ text }}(yybh) as objection_id,
        {{ text }}("infoActionType") as message_action,
        {{ text }}(sqrmc) as subject_name,
        {{ function('identifier_text') }}({{ text }}(zjhm)) as identifier,
        {{ text }}(yylx) as objection_kind,
        {{ text }}(dxid) as contested_id,
        {{ text }}(sqsj) as filed_text,
        {{ text }}(cljg) as result,
        {{ text }}(clsj) as handled_text,
        {{ text }}(cljgdm) as handling_unit
    from source
),

typed as materialized (
    select
        *,
        -- No column says who applies; a number that could be either leaves the objection without a subject, and the
        -- objection stands.
        {{ function('identifier_kind') }}(identifier) as subject_kind,
        case when pg_input_is_valid(filed_text, 'timestamptz') then filed_text::timestamptz end as filed_at,
        case when pg_input_is_valid(handled_text, 'timestamptz') then handled_text::timestamptz end as handled_at,
        -- A and U describe the objection; D and R may carry nothing but number and time.
        coalesce(message_action in ('A', 'U'), false) as describes
    from cleaned
),

judged as (
    select
        *,
        {{ function('identifier_verdict') }}(subject_kind, identifier) as identifier_verdict,
        case
            when objection_id is null then 'KEY_MISSING:yybh'
            when message_action is null or message_action not in ('A', 'U', 'D', 'R')
                then 'ACTION_UNKNOWN:infoActionType'
            when describes and subject_name is null then 'NAME_MISSING:sqrmc'
            when
                objection_kind not in ('不应列入', '信息不准', '应删除未删除', '非本人')
                or (describes and objection_kind is null)
                then 'OBJECTION_UNKNOWN:yylx'
            when describes and contested_id is null then 'TARGET_MISSING:dxid'
            when coalesce(handled_at, filed_at) is null or (describes and filed_at is null) then 'TIME_INVALID:sqsj'
            when result not in ('成立', '不成立') then 'RESULT_UNKNOWN:cljg'
            when (handled_text is not null or result is not null) and handled_at is null then 'TIME_INVALID:clsj'
        end as rejection
    from typed
)

select
    _batch_id,
    _row_no,
    split_part(rejection, ':', 1) as reject_rule,
    split_part(rejection, ':', 2) as reject_field,
    ---------- objection
    objection_id,
    message_action,
    business_date,
    coalesce(handled_at, filed_at) as effective_at,
    objection_kind,
    contested_id,
    filed_at,
    result,
    handled_at,
    handling_unit,
    ---------- subject
    {{ function('subject_id') }}(subject_kind, identifier) as subject_id,
    subject_kind,
    subject_name,
    {{ function('name_key') }}(subject_name) as name_key,
    identifier_verdict,
    {{ function('identifier_shown') }}(subject_kind, identifier) as identifier_shown
from judged
