{%- set text = function('null_text') -%}

with source as (
    select
        rows.*,
        batch.business_date
    from {{ source('bank_credit_events', 'bank_credit_events') }} as rows
    inner join {{ source('audit', 'batch') }} as batch on rows._batch_id = batch.batch_id
    where rows._batch_id in ({{ batches('bank_credit_events') }})
),

cleaned as materialized (
    select
        _batch_id,
        _row_no,
        business_date,
        {{ text }}(jgdm) as institution_code,
        {{ text }}(jgmc) as authority,
        {{ text }}(lsh) as serial_number,
        {{ text }}(ztlx) as party_type,
        case
            when {{ text }}(ztlx) in ('自然人', '个人') then 'person'
            when {{ text }}(ztlx) in ('企业', '法人', '单位', '组织', '法人及非法人组织', '法人或其他组织')
                then 'organisation'
        end as subject_kind,
        {{ text }}(ztmc) as subject_name,
        {{ text }}(zjlx) as document_type,
        {{ function('identifier_text') }}({{ text }}(zjhm)) as identifier,
        {{ text }}(sjlx) as event_kind,
        {{ text }}(fsrq) as started_text,
        {{ text }}(jsrq) as ended_text,
        {{ text }}(yqts) as days_text,
        {{ text }}(yqje) as amount_text,
        {{ text }}(wjfl) as loan_grade,
        {{ text }}(sqbh) as authorisation
    from source
),

typed as materialized (
    select
        *,
        {{ function('identifier_verdict') }}(subject_kind, identifier) as identifier_verdict,
        {{ function('to_date') }}(started_text) as started_on,
        {{ function('to_date') }}(ended_text) as ended_on,
        case when days_text ~ '^\d{1,5}$' then days_text::int end as overdue_days,
        {{ function('to_yuan') }}(amount_text) as amount_yuan
    from cleaned
),

judged as (
    select
        *,
        case
            when institution_code is null then 'KEY_MISSING:jgdm'
            when serial_number is null then 'KEY_MISSING:lsh'
            when subject_kind is null then 'PARTY_TYPE_UNKNOWN:ztlx'
            when subject_name is null then 'NAME_MISSING:ztmc'
            {{ who_is_unreadable('ztmc', 'zjhm', "event_kind <> '结清'") }}
            when event_kind is null or event_kind not in ('逾期', '不良', '代偿', '核销', '结清')
                then 'EVENT_UNKNOWN:sjlx'
            when started_on is null then 'DATE_INVALID:fsrq'
            when {{ function('is_bad_date') }}(ended_text) then 'DATE_INVALID:jsrq'
            when days_text is not null and overdue_days is null then 'AMOUNT_INVALID:yqts'
            when amount_text is not null and amount_yuan is null then 'AMOUNT_INVALID:yqje'
            -- 征信业管理条例 Art. 29, PIPL Art. 28: no written consent, no entry in the record of a person.
            when subject_kind = 'person' and authorisation is null then 'NO_AUTHORISATION:sqbh'
        end as rejection
    from typed
)

select
    _batch_id,
    _row_no,
    split_part(rejection, ':', 1) as reject_rule,
    split_part(rejection, ':', 2) as reject_field,
    ---------- item
    vault.token('bank_credit_events:' || institution_code || ':' || serial_number) as item_id,
    'A' as item_action,
    business_date::timestamptz as effective_at,
    event_kind as item_title,
    amount_yuan,
    case event_kind when '结清' then 'neutral' end as item_polarity,
    authority,
    started_on as valid_from,
    ended_on as valid_to,
    md5(
        row(
            authority, subject_kind, subject_name, identifier, event_kind, started_on, ended_on, overdue_days,
            amount_yuan, loan_grade, authorisation
        )::text
    ) as content_hash,
    ---------- subject
    {{ function('subject_id') }}(subject_kind, identifier) as subject_id,
    subject_kind,
    subject_name,
    {{ function('name_key') }}(subject_name) as name_key,
    identifier_verdict,
    {{ function('identifier_shown') }}(subject_kind, identifier) as identifier_shown,
    ---------- event
    event_kind,
    started_on,
    ended_on,
    overdue_days,
    loan_grade
from judged
