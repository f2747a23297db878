-- depends_on: {{ ref('touched_item') }}
{# Items whose newest version has no valid number, with what their provider says of who is meant. A masked number that the
   birth date completes to one with the right check character is a whole number: its token is found without a guess. #}
{{ config(
    incremental_strategy='replace_changed',
    changed='touched_item',
    unique_key='item_id',
    indexes=[
        {'columns': ['item_id'], 'unique': true},
        {'columns': ['name_key']},
        {'columns': ['identifier_shown']},
        {'columns': ['variants'], 'type': 'gin'}
    ],
    post_hook='analyze {{ this }}'
) }}

with said as (
    select
        item.item_id,
        item.source,
        item.subject_kind,
        item.subject_name,
        {{ function('name_key') }}(item.subject_name) as name_key,
        item.identifier_verdict,
        item.identifier_shown,
        item.valid_from,
        coalesce(defaulter.sex, closed.sex, limited.sex) as sex,
        defaulter.age,
        defaulter.birth_date,
        defaulter.effective_at::date as said_on,
        {{ function('name_key') }}(
            coalesce(
                defaulter.legal_representative, arrears.legal_representative, violation.legal_representative,
                entity.legal_representative
            )
        ) as representative_key,
        {{ function('identifier_text') }}(entity.registration_number) as registered_number,
        entity.division_code,
        item.content_batch_id,
        item.content_row_no
    from {{ ref('credit_item') }} as item
    left join {{ ref('stg_court_defaulters') }} as defaulter
        on
            item.source = 'court_defaulters'
            and item.content_batch_id = defaulter._batch_id and item.content_row_no = defaulter._row_no
    left join {{ ref('stg_court_closed_cases') }} as closed
        on
            item.source = 'court_closed_cases'
            and item.content_batch_id = closed._batch_id and item.content_row_no = closed._row_no
    left join {{ ref('stg_court_consumption_limits') }} as limited
        on
            item.source = 'court_consumption_limits'
            and item.content_batch_id = limited._batch_id and item.content_row_no = limited._row_no
    left join {{ ref('stg_tax_arrears') }} as arrears
        on
            item.source = 'tax_arrears'
            and item.content_batch_id = arrears._batch_id and item.content_row_no = arrears._row_no
    left join {{ ref('stg_tax_major_violations') }} as violation
        on
            item.source = 'tax_major_violations'
            and item.content_batch_id = violation._batch_id and item.content_row_no = violation._row_no
    left join {{ ref('stg_registry_entities') }} as entity
        on
            item.source = 'registry_entities'
            and item.content_batch_id = entity._batch_id and item.content_row_no = entity._row_no
    where
        item.recorded_to = 'infinity'
        and item.subject_id is null
        and item.subject_name is not null
        and item.subject_kind is not null
        {%- if is_incremental() %}
        and item.item_id in (select item_id from {{ ref('touched_item') }})
        {%- endif %}
)

select
    item_id,
    source,
    subject_kind,
    subject_name,
    name_key,
    identifier_verdict,
    identifier_shown,
    valid_from,
    sex,
    age,
    birth_date,
    said_on,
    case subject_kind when 'organisation' then representative_key end as representative_key,
    case
        when subject_kind <> 'organisation' then null
        when {{ function('registration_verdict') }}(registered_number) = 'VALID' then registered_number
        when {{ function('registration_verdict') }}(identifier_shown) = 'VALID' then identifier_shown
    end as registration_number,
    case
        when subject_kind = 'person' then substring(identifier_shown from '^\d{6}')
        when division_code is not null then left(division_code, 6)
        when length(identifier_shown) = 18 then substring(identifier_shown from '^..(\d{6})')
        when length(identifier_shown) in (13, 15) then substring(identifier_shown from '^\d{6}')
        else substring(registered_number from '^\d{6}')
    end as division_code,
    case
        when
            subject_kind = 'person'
            and identifier_verdict = 'MASKED'
            and {{ function('mask_kind') }}(identifier_shown) = 'COURT'
            and to_char(birth_date, 'YYYY') = substr(identifier_shown, 7, 4)
            then {{ function('subject_id') }}(
                'person', left(identifier_shown, 10) || to_char(birth_date, 'MMDD') || right(identifier_shown, 4)
            )
    end as completed_subject_id,
    case
        when subject_kind = 'organisation' and identifier_shown ~ '^\d{6}[0-9A-Z]{8}[0-9X]$'
            then {{ function('subject_id') }}('organisation', right(identifier_shown, 9))
    end as taxpayer_subject_id,
    case subject_kind when 'organisation' then {{ function('name_variants') }}(name_key) end as variants,
    core.link_basis(subject_kind, subject_name, identifier_shown, identifier_verdict) as basis,
    content_batch_id,
    content_row_no
from said
