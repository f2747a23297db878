"""SQL of ``explain``: one statement for each link of the chain. ``item`` is the item asked for."""

from __future__ import annotations

from typing import LiteralString

IS_BUILT = "select to_regclass('core.item_event') is not null as is_built"

LISTING_TOKEN = "select vault.token('court_defaulters:' || %(id)s) as item_id"

DIRECTIVE = """
select item_id from exports.punishment_directive where directive_id = %(id)s
union select item_id from exports.feed_entry where entry_id = %(id)s and item_id <> entry_id
union select item_id from exports.feed_tombstone where entry_id = %(id)s and item_id <> entry_id
"""

KNOWN_ITEM = "select item_id, source from core.item_event where item_id = any(%(candidates)s) limit 1"

ITEM_SOURCES = "select source from audit.source where catalogue_class is not null order by source"

SOURCE = """
select source, label, publisher, legal_basis, delivery, catalogue_class, polarity
from audit.source where source = %(source)s
"""

VERSIONS = """
select
    status, subject_id, subject_kind, subject_name, identifier_verdict, identifier_shown, item_title, amount_yuan,
    authority, legal_basis, polarity, valid_from, valid_to, recorded_from,
    nullif(recorded_to, 'infinity') as recorded_to, content_batch_id, content_row_no, status_batch_id, status_row_no
from core.credit_item
where item_id = %(item)s
order by recorded_from
"""

MESSAGES = """
select
    _batch_id as batch_id, _row_no as row_no, item_action as action, effective_at, subject_id, identifier_verdict,
    identifier_shown
from core.item_event
where item_id = %(item)s
order by recorded_at, _row_no
"""

REJECTED_MESSAGES: LiteralString = """
select
    _batch_id as batch_id, _row_no as row_no, item_action as action, effective_at, subject_id, identifier_verdict,
    identifier_shown
from staging.{staging}
where item_id = %(item)s and reject_rule is not null
order by _batch_id, _row_no
"""

KEYS_OF_ROW: LiteralString = (
    "select array[{columns}]::text[] as key from raw.{raw} where _batch_id = %s and _row_no = %s"
)

REJECTED_AT_LOAD = """
select distinct rejected.batch_id, rejected.row_no
from raw._rejected_row as rejected
inner join audit.batch on rejected.batch_id = batch.batch_id
where batch.source = %(source)s
    and exists (select from jsonb_array_elements(%(keys)s) as known(key) where known.key = to_jsonb(rejected.key))
order by 1, 2
"""

REJECTIONS = """
select batch_id, row_no, stage, rule, field, reason_zh, reason_en, what_was_done_zh, superseded_by, superseded_on
from audit.rejected_row_detail
where batch_id = any(%(batches)s)
order by batch_id, row_no, rule
"""

BATCHES = """
select
    batch.batch_id, batch.source, batch.file_name, batch.sha256, batch.provider, batch.business_date, batch.received_at,
    batch.encoding, batch.layout, batch.scope, batch.status as batch_status, batch.build_id,
    removed.removed_at as original_removed_at
from audit.batch
left join lateral (
    select max(archive_removal.removed_at) as removed_at
    from audit.archive_removal
    where archive_removal.source = batch.source and archive_removal.sha256 = batch.sha256
        and archive_removal.removed_at > batch.received_at
) as removed on true
where batch.batch_id = any(%(batches)s)
order by batch.batch_id
"""

RAW_LINE: LiteralString = "select * from raw.{raw} where _batch_id = %s and _row_no = %s"

RAW_REJECTED_LINE = "select body from raw._rejected_row where batch_id = %s and row_no = %s limit 1"

LISTING = """
select
    listing_id, status, delete_reason, case_number, court_name, conduct_codes, filed_on, published_on, decided_on,
    valid_from, valid_to, rule_version, term_class, expiry_min, publicity, is_minor, has_identity_conflict,
    is_performed, is_repaired, is_contested, is_objection_upheld
from marts.defaulter_listing
where item_id = %(item)s
"""

DECISION = """
select
    exposure_reasons, directive_reasons, notice_reasons,
    exists (select from exports.exposure_publication as shown where shown.item_id = decision.item_id) as is_published,
    (select count(*) from exports.punishment_directive as stands where stands.item_id = decision.item_id) as directives
from exports.listing_decision as decision
where item_id = %(item)s
"""

TERMS = """
select
    term.conduct_code, term.rule_version, term.base_months, term.longest_months, term.extends_alone, term.legal_basis,
    term.article
from marts.defaulter_listing as listing
inner join core.listing_term as term
    on
        term.conduct_code = any(string_to_array(listing.conduct_codes, ','))
        and term.valid_from <= coalesce(listing.decided_on, listing.published_on)
        and (term.valid_to is null or term.valid_to > coalesce(listing.decided_on, listing.published_on))
where listing.item_id = %(item)s
order by term.conduct_code
"""

EXCLUSIONS = """
select reason, reason_zh, reason_en, bars_exposure, bars_directive, bars_notice, legal_basis
from core.exclusion_reason where reason = any(%(reasons)s) order by reason
"""

CAUSES = """
select cause, zh, en, article, clock_code, undoes_from_beginning
from core.removal_cause where cause = any(%(causes)s) order by cause
"""

CLOCKS = """
select clock_id, amount, unit, starts_at, legal_basis, article, note_zh
from core.rule_clock where clock_id = any(%(clocks)s) order by clock_id
"""

MEASURES = """
select
    told.directive_id, measure.measure_code, measure.measure_zh, measure.effect_type, duty.department_code,
    named.department, document.legal_basis || ' ' || measure.paragraph as legal_basis,
    stands.identity_tier, stands.directive_id is not null as stands
from core.measure
inner join core.measure_department as duty on measure.measure_code = duty.measure_code
inner join core.measure_document as document on measure.document = document.document
cross join lateral (
    select md5(%(item)s || measure.measure_code || duty.department_code) as directive_id
) as told
left join lateral (
    select department from core.department
    where department_code = duty.department_code order by valid_from desc limit 1
) as named on true
left join exports.punishment_directive as stands on told.directive_id = stands.directive_id
where told.directive_id = any(%(entries)s)
order by measure.measure_code, duty.department_code
"""

ENTRIES = """
with known as (
    select feed, entry_id, sequence, null::text as reason, null::timestamptz as removed_at
    from exports.feed_entry where item_id = %(item)s
    union all
    select feed, entry_id, sequence, reason, removed_at
    from exports.feed_tombstone where item_id = %(item)s or entry_id = any(%(entries)s)
)
select known.*, sent.product
from known
inner join audit.export_ledger as sent on known.feed = sent.feed and known.sequence = sent.sequence
order by known.feed, known.sequence, known.entry_id
"""

LEDGER = """
select feed, sequence, product, business_date, build_id, scope, exported_at, delta_sha256, manifest_sha256
from audit.export_ledger
where feed = any(%(feeds)s) and exported_at >= %(since)s
order by feed, sequence
"""

REMOVALS = """
select
    removal.removal_id, removal.reason, removal.source, removal.effective_at, removal.received_at, removal.batch_id,
    removal.row_no, removal.delete_reason, removal.found_at, removal.sent_at, clock.cause, clock.clock_id,
    clock.legal_basis, clock.due_on, clock.gone_from_exposure_at, clock.gone_from_departments_at, clock.feeds_told,
    clock.feeds_open, clock.state, clock.is_late
from exports.removal
inner join marts.takedown_sla as clock on removal.removal_id = clock.removal_id
where removal.item_id = %(item)s
order by removal.removal_id
"""

OBJECTIONS = """
select
    said.objection_id, said.objection_kind, said.status, said.filed_at, said.handled_at, said.handling_unit,
    said.recorded_from, nullif(said.recorded_to, 'infinity') as recorded_to, said.content_batch_id as batch_id,
    said.content_row_no as row_no, said.status_batch_id, said.status_row_no
from core.contested_item as contested
inner join core.objection as said on contested.objection_id = said.objection_id
where contested.item_id = %(item)s
order by said.objection_id, said.recorded_from
"""

REPAIRS = """
select distinct
    repair.decision_number, repair.repaired_document, repair.repaired_on, repair.authority,
    repair._batch_id as batch_id, repair._row_no as row_no
from core.credit_item as item
inner join staging.stg_credit_repairs as repair on item.subject_id = repair.subject_id
inner join staging.stg_court_defaulters as content
    on
        item.content_batch_id = content._batch_id and item.content_row_no = content._row_no
        and repair.repaired_document = content.case_number and repair.repaired_on >= content.listed_on
where item.item_id = %(item)s and item.source = 'court_defaulters' and repair.reject_rule is null
order by repair.repaired_on
"""

GATES = """
select
    batch_id, build_id, suite, target, rule_id, title_zh, basis, severity, success, vacuous, expected, observed,
    checked_at
from audit.quality_result
where batch_id = any(%(batches)s) or (build_id = any(%(builds)s) and target = any(%(products)s))
order by result_id
"""

LOG_ACCESS = """
insert into audit.access_log (os_user, action, batch_id, row_no, item_id)
values (%(os_user)s, %(action)s, %(batch)s, %(row_no)s, %(item)s)
"""
