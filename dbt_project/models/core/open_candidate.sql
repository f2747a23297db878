{# What a reviewer may decide on: candidates of the rules, and where there are none, of the model. #}
{{ config(materialized='view') }}

select
    item_id,
    subject_id,
    subject_kind,
    tier,
    rule_code,
    evidence,
    basis,
    is_sole,
    content_batch_id,
    content_row_no
from {{ ref('link_candidate') }}
union all
select
    likely.item_id,
    likely.subject_id,
    likely.subject_kind,
    'T3' as tier,
    likely.rule_code,
    likely.evidence,
    likely.basis,
    count(*) over (partition by likely.item_id) = 1 as is_sole,
    likely.content_batch_id,
    likely.content_row_no
from {{ source('ledger', 'likely_candidate') }} as likely
where not exists (select from {{ ref('link_candidate') }} as settled where settled.item_id = likely.item_id)
