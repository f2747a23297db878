"""What was known at a moment, for a day: the record, what might be shown, and who was to do what about it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from psycopg.rows import dict_row

from credit_warehouse.db import connect

COUNTS = """
select
    (select count(*) from marts.record_item_as_known(%(at)s, %(on)s)) as record_items,
    (select count(*) from marts.listing_as_known(%(at)s, %(on)s) where status = 'ACTIVE') as listings_active,
    (select count(*) from marts.publication_as_known(%(at)s, %(on)s)) as publications,
    (select count(*) from marts.directive_as_known(%(at)s, %(on)s)) as directives
"""
LISTING = """
select
    listing.listing_id, listing.status, listing.subject_kind, listing.identifier_shown, listing.case_number,
    listing.court_name, listing.valid_from, listing.valid_to, listing.delete_reason, listing.is_contested,
    decision.exposure_reasons, decision.directive_reasons,
    exists (
        select from marts.publication_as_known(%(at)s, %(on)s) as shown where shown.item_id = listing.item_id
    ) as is_shown,
    (
        select count(*) from marts.directive_as_known(%(at)s, %(on)s) as directive
        where directive.item_id = listing.item_id
    ) as directives
from marts.listing_as_known(%(at)s, %(on)s) as listing
inner join marts.decision_as_known(%(at)s, %(on)s) as decision on listing.item_id = decision.item_id
where listing.listing_id = %(listing)s
"""
WORDS = {
    "record_items": "档案条目 items of the record",
    "listings_active": "有效列入 listings in force",
    "publications": "可曝光 might be shown",
    "directives": "惩戒指令 directives",
    "listing_id": "记录号 listing",
    "status": "状态 status",
    "subject_kind": "主体类型 kind",
    "identifier_shown": "号码 identifier",
    "case_number": "案号 case",
    "court_name": "法院 court",
    "valid_from": "自 from",
    "valid_to": "至 to",
    "delete_reason": "删除原因 reason of deletion",
    "is_contested": "异议中 contested",
    "exposure_reasons": "不得曝光的理由 not shown because",
    "directive_reasons": "不得惩戒的理由 no directive because",
    "is_shown": "曝光 shown",
}


def as_known(known_at: datetime, day: date, listing: str | None = None) -> dict[str, Any]:
    """Counts, or with ``listing`` that listing of the court (empty when it was not known)."""
    with connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute((LISTING if listing else COUNTS).encode(), {"at": known_at, "on": day, "listing": listing})
        return cursor.fetchone() or {}


def in_words(found: dict[str, Any]) -> list[str]:
    """One line a value, Chinese first."""
    if not found:
        return ["当时不知有此列入 it was not known then"]
    return [f"{WORDS.get(name, name)}: {'—' if value is None else value}" for name, value in found.items()]
