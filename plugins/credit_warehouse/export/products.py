"""The products and how their tables map to feeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString


@dataclass(frozen=True)
class Product:
    """One product: its table in ``exports``, the feed each row belongs to, and its own identifier."""

    name: str
    label: str
    feed: LiteralString
    """SQL expression: name of the feed, which is also its folder."""
    entry_id: LiteralString
    """Column that identifies a row within the feed."""
    reasons: LiteralString
    """Column of exports.listing_decision that names why a listing is kept out of this product."""
    barred_by: LiteralString
    """Column of core.exclusion_reason that says whether a reason keeps a listing out of this product."""
    ended: LiteralString
    """SQL condition: the rule behind the held entry ``e`` has ended, whatever the listing."""
    names_subject: bool
    """Whether an entry says whose record it is of; a split or merge told of it says no more than the entry."""
    has_channels: bool = False
    """Whether its feeds are channels (export/channels.py), each with its part of the product; else rows leave whole."""
    whole: str | None = None
    """The feed that holds all of the product, where others hold parts of it."""


PRODUCTS = (
    Product(
        name="exposure_publication",
        label="曝光清单",
        feed="'exposure'",
        entry_id="item_id",
        reasons="exposure_reasons",
        barred_by="bars_exposure",
        ended="not exists (select from core.exposure_channel as declared"
        " cross join (select max(business_date) as day from audit.build where status = 'succeeded') as today"
        " where declared.is_enabled and declared.valid_from <= today.day"
        " and (declared.valid_to is null or today.day < declared.valid_to) and (declared.feed = e.feed"
        " or declared.split_by is not null and starts_with(e.feed, declared.feed || '-')))",
        names_subject=False,
        has_channels=True,
        whole="exposure",
    ),
    Product(
        name="restricted_notice",
        label="单位通报（不宜公开）",
        feed="'restricted-notice'",
        entry_id="item_id",
        reasons="notice_reasons",
        barred_by="bars_notice",
        ended="false",
        names_subject=False,
    ),
    Product(
        name="punishment_directive",
        label="联合惩戒指令",
        feed="'punishment-' || department_code",
        entry_id="directive_id",
        reasons="directive_reasons",
        barred_by="bars_directive",
        ended="e.body::json ->> 'measure_code' in"
        " (select measure_code from exports.measure_decision where directive_reasons is not null)",
        names_subject=True,
    ),
)
