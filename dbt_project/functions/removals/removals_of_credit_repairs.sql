-- A repair names the repaired document and its subject; both must fit a listing.
select
    listing.item_id,
    'REPAIRED' as reason,
    said.repaired_on::timestamptz as effective_at,
    said._batch_id,
    said._row_no,
    null::text as delete_reason
from staging.reading_credit_repairs as said
inner join marts.defaulter_listing as listing
    on said.subject_id = listing.subject_id and said.repaired_document = listing.case_number
where
    said.reject_rule is null
    and {{ policy_is_on('REPAIR_HIDES_LISTING', 'day') }}
    and said.repaired_on >= listing.valid_from
