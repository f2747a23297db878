{%- set text = function('null_text') -%}
{%- set to_date = function('to_date') -%}

with source as (
    select
        rows.*,
        batch.business_date
    from {{ source('registry_abnormal', 'registry_abnormal') }} as rows
    inner join {{ source('audit', 'batch') }} as batch on rows._batch_id = batch.batch_id
    where rows._batch_id in ({{ batches('registry_abnormal') }})
),

cleaned as materialized (
    select
        _batch_id,
        _row_no,
        business_date,
        {{ text }}(pripid) as registry_id,
        {{ function('identifier_text') }}({{ text }}(uniscid)) as identifier,
        {{ text }}(entname) as subject_name,
        -- Left in raw: regno (no key of a subject), pendecno, redecorg_cn.
        {{ text }}(abntime) as entered_text,
        {{ text }}(specause_cn) as cause,
        {{ text }}(decorg_cn) as authority,
        {{ text }}(remdate) as removed_text,
        {{ text }}(remexcpres_cn) as removal_cause,
        {{ text }}(ismove) as removal_kind
    from source
),

typed as materialized (
    select
        *,
        {{ function('identifier_verdict') }}('organisation', identifier) as identifier_verdict,
        {{ to_date }}(entered_text) as entered_on,
        {{ to_date }}(removed_text) as removed_on
    from cleaned
),

judged as (
    select
        *,
        case
            when registry_id is null then 'KEY_MISSING:pripid'
            when entered_on is null then 'DATE_INVALID:abntime'
            when subject_name is null then 'NAME_MISSING:entname'
            {{ who_is_unreadable('entname', 'uniscid', "removed_on is null and removal_kind is null") }}
            when {{ function('is_bad_date') }}(removed_text) then 'DATE_INVALID:remdate'
            when removal_kind not in ('1', '2') then 'REMOVAL_UNKNOWN:ismove'
        end as rejection
    from typed
)

select
    _batch_id,
    _row_no,
    split_part(rejection, ':', 1) as reject_rule,
    split_part(rejection, ':', 2) as reject_field,
    ---------- item
    vault.token('registry_abnormal:' || registry_id || ':' || entered_on) as item_id,
    -- 2 is 撤销: the entry should never have been made (R). 1 is 移出: it ends (D), as does one that has a date of
    -- removal and does not say which.
    case
        when removal_kind = '2' then 'R'
        when removal_kind = '1' or removed_on is not null then 'D'
        else 'A'
    end as item_action,
    business_date::timestamptz as effective_at,
    cause as item_title,
    null::numeric as amount_yuan,
    null::text as item_polarity,
    authority,
    entered_on as valid_from,
    removed_on as valid_to,
    md5(
        row(
            identifier, subject_name, entered_on, cause, authority, removed_on, removal_cause, removal_kind
        )::text
    ) as content_hash,
    ---------- subject
    {{ function('subject_id') }}('organisation', identifier) as subject_id,
    'organisation' as subject_kind,
    subject_name,
    {{ function('name_key') }}(subject_name) as name_key,
    identifier_verdict,
    {{ function('identifier_shown') }}('organisation', identifier) as identifier_shown,
    ---------- entry
    registry_id,
    cause,
    entered_on,
    removed_on,
    removal_cause
from judged
