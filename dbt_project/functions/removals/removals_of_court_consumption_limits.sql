-- What was directed because an order names a person with an office in a listed unit ends with the order, and with what it
-- said of who that is.
select
    said.item_id,
    tested.reason,
    said.effective_at,
    said._batch_id,
    said._row_no,
    null::text as delete_reason
from staging.reading_court_consumption_limits as said
cross join lateral (
    values
    ('ORDER_LIFTED', said.item_action in ('D', 'R')),
    ('NO_VALID_IDENTIFIER', said.item_action in ('A', 'U') and said.subject_id is null),
    ('MINOR', said.item_action in ('A', 'U') and said.is_minor),
    ('IDENTITY_CONFLICT', said.item_action in ('A', 'U') and said.contradicts_document),
    (
        'CORRECTED',
        said.item_action in ('A', 'U')
        and not exists (
            select
            from core.related_order as held
            where
                held.item_id = said.item_id
                and held.subject_id = said.subject_id
                and held.subject_name = said.subject_name
                and held.relation = said.relation
                and held.unit_id = said.unit_id
                and held.case_number = said.case_number
        )
    )
) as tested (reason, applies)
where
    said.reject_rule is null
    and tested.applies
    and (said.item_action in ('D', 'R') or exports.may_be_out(said.item_id, said._batch_id))
