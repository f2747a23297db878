{%- set text = function('null_text') -%}

with source as (
    select
        rows.*,
        batch.business_date
    from {{ source('bank_rejections', 'bank_rejections') }} as rows
    inner join {{ source('audit', 'batch') }} as batch on rows._batch_id = batch.batch_id
    where rows._batch_id in ({{ batches('bank_rejections') }})
),

cleaned as materialized (
    select
        _batch_id,
        _row_no,
        business_date,
        {{ text }}(jgdm) as institution_code,
        {{ text }}(jgmc) as institution,
        {{ text }}(lsh) as serial_number,
        {{ text }}(ztmc) as subject_name,
        case
            when {{ text }}(zjlx) in ('居民身份证', '身份证', '护照', '港澳居民来往内地通行证', '台湾居民来往大陆通行证')
                then 'person'
            when {{ text }}(zjlx) in ('统一社会信用代码', '组织机构代码') then 'organisation'
        end as subject_kind,
        -- Other documents of persons than the resident card are no key: they change on renewal.
        case
            when {{ text }}(zjlx) in ('居民身份证', '身份证', '统一社会信用代码', '组织机构代码')
                then {{ function('identifier_text') }}({{ text }}(zjhm))
        end as identifier,
        {{ text }}(ywlx) as business_kind,
        {{ text }}(sjje) as amount_text,
        {{ text }}(jjrq) as refused_text,
        {{ text }}(yjcs) as measure_code
    from source
),

typed as materialized (
    select
        *,
        {{ function('identifier_verdict') }}(subject_kind, identifier) as identifier_verdict,
        {{ function('to_yuan') }}(amount_text) as amount_yuan,
        {{ function('to_date') }}(refused_text) as refused_on
    from cleaned
),

judged as (
    select
        *,
        case
            when institution_code is null then 'KEY_MISSING:jgdm'
            when serial_number is null then 'KEY_MISSING:lsh'
            when subject_kind is null then 'DOCUMENT_UNKNOWN:zjlx'
            when subject_name is null then 'NAME_MISSING:ztmc'
            {{ who_is_unreadable('ztmc', 'zjhm') }}
            when business_kind is null or business_kind not in ('贷款', '信用卡', '开户', '对外支付')
                then 'MATTER_UNKNOWN:ywlx'
            when amount_text is not null and amount_yuan is null then 'AMOUNT_INVALID:sjje'
            when refused_on is null then 'DATE_INVALID:jjrq'
        end as rejection
    from typed
)

select
    _batch_id,
    _row_no,
    split_part(rejection, ':', 1) as reject_rule,
    split_part(rejection, ':', 2) as reject_field,
    ---------- refusal
    institution_code,
    institution,
    serial_number,
    business_date::timestamptz as effective_at,
    business_kind,
    amount_yuan,
    refused_on,
    measure_code,
    ---------- subject
    {{ function('subject_id') }}(subject_kind, identifier) as subject_id,
    subject_kind,
    subject_name,
    {{ function('name_key') }}(subject_name) as name_key,
    identifier_verdict,
    {{ function('identifier_shown') }}(subject_kind, identifier) as identifier_shown
from judged
