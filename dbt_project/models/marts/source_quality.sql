{{ config(materialized='view') }}

select
    batch.source,
    registered.label,
    batch.business_date,
    batch.file_name,
    batch.status,
    batch.rows_in,
    batch.rows_loaded,
    count(rejected.row_no) as rows_rejected,
    batch.refused_rule,
    batch.received_at
from {{ source('audit', 'batch') }} as batch
inner join {{ source('audit', 'source') }} as registered on batch.source = registered.source
left join {{ source('audit', 'rejected_row') }} as rejected on batch.batch_id = rejected.batch_id
group by batch.batch_id, registered.source
