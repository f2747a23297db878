-- An outcome in favour of who objected; where the centre holds on objection, the objection itself.
select
    vault.token(registered.source || ':' || said.contested_id) as item_id,
    tested.reason,
    coalesce(said.handled_at, said.filed_at) as effective_at,
    said._batch_id,
    said._row_no,
    null::text as delete_reason
from staging.reading_objections as said
cross join audit.source as registered
cross join lateral (
    values
    ('OBJECTION_UPHELD', said.result = '成立'),
    ('CONTESTED', said.result is null and {{ policy_is_on('HOLD_ON_OBJECTION', 'day') }})
) as tested (reason, applies)
where
    said.reject_rule is null
    and said.message_action in ('A', 'U')
    and said.contested_id is not null
    and registered.catalogue_class is not null
    and tested.applies
