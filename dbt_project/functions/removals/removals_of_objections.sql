-- An outcome in favour of who objected.
select
    vault.token(registered.source || ':' || said.contested_id) as item_id,
    'OBJECTION_UPHELD' as reason,
    said.handled_at as effective_at,
    said._batch_id,
    said._row_no,
    null::text as delete_reason
from staging.reading_objections as said
cross join audit.source as registered
where
    said.reject_rule is null
    and said.result = '成立'
    and said.message_action in ('A', 'U')
    and registered.catalogue_class is not null
