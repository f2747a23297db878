"""How long originals are kept: by the class of their source, and never shorter than somebody needs them as evidence.

The classes, their years and legal bases are rows of ``core.retention_rule``; each declaration names its class.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import psycopg
from psycopg.types.json import Jsonb

from credit_warehouse import archive
from credit_warehouse.db import connect
from credit_warehouse.declarations import load_sources

REFUSED = "refused"


class UnknownClass(LookupError):
    """A declared retention class has no rule in force on that day; nothing is removed without a rule."""


@dataclass(frozen=True)
class Rule:
    """How many years an original of one class is kept."""

    name: str
    years: int
    legal_basis: str


@dataclass(frozen=True)
class Expired:
    """An original past its retention that nothing needs any more."""

    source: str
    sha256: str
    bytes: int
    newest_date: date
    rule: Rule


# Batches that prove something which still counts. An item counts until its own years after its end are over, so a
# wrongly listed person can show the file for as long as anybody can hold it against them.
NEEDED = """
with due as (
    select batch_id, source, business_date, build_id, status, mode from audit.batch
),
counting as (
    select item_id, source, content_batch_id, status_batch_id
    from core.credit_item
    where
        recorded_to = 'infinity'
        and coalesce(valid_to, 'infinity')::date + make_interval(years => (%(years)s::jsonb ->> source)::int) > %(on)s
),
contested as (
    select item.content_batch_id, item.status_batch_id
    from core.objection
    inner join marts.defaulter_listing as listing on listing.listing_id = objection.contested_id
    inner join core.credit_item as item on item.item_id = listing.item_id
    where objection.status = 'OPEN' and objection.recorded_to = 'infinity'
),
relations as (
    select distinct on (relation_id) _batch_id, removed_on
    from staging.stg_registry_persons
    where reject_rule is null
    order by relation_id, effective_at desc
)
select content_batch_id from counting
union select status_batch_id from counting
union select content_batch_id from contested
union select status_batch_id from contested
union select content_batch_id from core.objection where status = 'OPEN' and recorded_to = 'infinity'
union select status_batch_id from core.objection where status = 'OPEN' and recorded_to = 'infinity'
union select _batch_id from relations where removed_on is null
-- What the next delivery of a source is compared with.
union select (array_agg(batch_id order by business_date desc, batch_id desc))[1]
    from due where status = 'accepted' group by source
-- What no finished build has taken in yet.
union select batch_id from due
    where status in ('received', 'loaded')
    or (status = 'accepted' and build_id is distinct from
        (select max(build_id) from audit.build where status = 'succeeded' and build.build_id = due.build_id))
"""


def expired(on: date) -> list[Expired]:
    """Originals in the archive whose years are over on ``on`` and that no current fact rests on.

    Raises UnknownClass, before anything is looked at, when a source has no rule in force.
    """
    with connect() as connection:
        rules = _rules(connection, on)
        by_source = {source.name: _rule(rules, source.retention, on) for source in load_sources()}
        refused = _rule(rules, REFUSED, on)
        if not connection.execute("select 1 from audit.build where status = 'succeeded' limit 1").fetchone():
            return []  # nothing was taken in yet: everything is still needed
        years = Jsonb({name: rule.years for name, rule in by_source.items()})
        rows = connection.execute(
            "select source, sha256, max(bytes), max(business_date), bool_and(status = 'refused')"
            f" from audit.batch group by source, sha256 having not bool_or(coalesce(batch_id in ({NEEDED}), false))"
            " order by source, max(business_date), sha256".encode(),
            {"on": on, "years": years},
        ).fetchall()
    found = []
    for source, sha256, size, newest, only_refused in rows:
        # A source whose declaration is gone has nobody to say how long: its originals stay.
        rule = refused if only_refused else by_source.get(source)
        if rule and _years_later(newest, rule.years) <= on and archive.archived(source, sha256).exists():
            found.append(Expired(source, sha256, size, newest, rule))
    return found


def prune(on: date) -> list[Expired]:
    """Remove what ``expired`` names; each removal is written down, with its legal basis, before it happens."""
    found = expired(on)
    for original in found:
        with connect() as connection:
            connection.execute(
                "insert into audit.archive_removal (source, sha256, bytes, newest_date, retention_class, years,"
                " legal_basis, due_on) values (%s, %s, %s, %s, %s, %s, %s, %s)",
                [original.source, original.sha256, original.bytes, original.newest_date, original.rule.name,
                 original.rule.years, original.rule.legal_basis, on],
            )  # fmt: skip
        archive.remove(original.source, original.sha256)
    archive.remove_drafts()
    return found


def _rules(connection: psycopg.Connection, on: date) -> dict[str, Rule]:
    return {
        name: Rule(name, years, basis)
        for name, years, basis in connection.execute(
            "select retention_class, years, legal_basis from core.retention_rule"
            " where valid_from <= %(on)s and (valid_to is null or valid_to > %(on)s)",
            {"on": on},
        )
    }


def _rule(rules: dict[str, Rule], name: str, on: date) -> Rule:
    if name not in rules:
        raise UnknownClass(f"retention class {name!r} has no rule in force on {on}: nothing was removed")
    return rules[name]


def _years_later(day: date, years: int) -> date:
    """The same day so many years later; 29 February becomes 1 March, a day later rather than earlier."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
