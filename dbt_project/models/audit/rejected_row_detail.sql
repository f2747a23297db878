{# Everything about a rejected row but the row: it is personal data and stays in `raw`. #}
select
    batch.source,
    batch.file_name,
    batch.sha256,
    batch.business_date,
    rejected.batch_id,
    rejected.row_no,
    rejected.stage,
    rejected.rule,
    rejected.field,
    described.reason_zh,
    described.reason_en,
    described.what_was_done_zh,
    described.basis,
    described.owner,
    superseded.superseded_by,
    superseded.ground as superseded_on,
    rejected.recorded_at
from {{ source('audit', 'rejected_row') }} as rejected
inner join {{ source('audit', 'batch') }} as batch on rejected.batch_id = batch.batch_id
left join {{ ref('reject_rule') }} as described on rejected.rule = described.rule
left join {{ source('audit', 'rejection_superseded') }} as superseded
    on
        rejected.batch_id = superseded.batch_id
        and rejected.row_no = superseded.row_no
        and rejected.rule = superseded.rule
        and rejected.field = superseded.field
