"""A hundred feeds over 300,000 active directives: how long an export takes, by how much has changed.

``python tests/bench/feeds.py 300000 100`` makes an embedded server, fills the product and sends it once; then it
changes more and more directives, and times the export of each. What is printed at the end is one run: seconds,
seconds a change, and the ratio to the export without a change.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import psycopg

from credit_warehouse.build import open_build, run_build
from credit_warehouse.db import connect
from credit_warehouse.export import feed
from credit_warehouse.export.products import PRODUCTS, Product
from credit_warehouse.gates import check_product
from credit_warehouse.preparation import prepare
from credit_warehouse.settings import settings
from credit_warehouse.stack import postgres
from credit_warehouse.stack.service import processes

CHANGES = (0, 100, 300, 1_000, 3_000, 10_000)
ASKED, LONGEST = 1_000, 30.0
APART = 20_000
"""Each step of the curve changes directives of its own."""
A_PERSON = 60
"""Directives of one listed person, as the catalogue of 青岛市市北区 makes them."""
DAY = date(2026, 3, 2)
DIRECTIVE: Product = next(product for product in PRODUCTS if product.name == "punishment_directive")
CATALOGUE = """
insert into core.measure (measure_code, jurisdiction, effect_type, applies_to_person, applies_to_organisation,
 needs_court_order, document, paragraph, valid_from)
select 'M-' || number, '370203', 'RESTRICT', true, false, false, 'QDSB-2017', '一', '2017-06-19'
from generate_series(0, {person} - 1) as number;
insert into core.department (department_code, department, jurisdiction, valid_from)
select 'd' || lpad(number::text, 3, '0'), '示例部门' || number, '370203', '2017-06-19'
from generate_series(0, {feeds} - 1) as number;
insert into core.measure_department (measure_code, department_code)
select distinct 'M-' || number % {person}, 'd' || lpad((number % {feeds})::text, 3, '0')
from generate_series(0, {person} * {feeds} - 1) as number;
"""
# What the gate compares the product with: the record of the same people.
PEOPLE = """
with person as (
    select
        md5('item' || number) as item_id, md5('subject' || number) as subject_id, '试样' || number as subject_name,
        '6601011985****' || lpad((number % 10000)::text, 4, '0') as identifier_shown, number
    from generate_series({first} / {person}, {last} / {person}) as number
    where not exists (select from core.credit_item as known where known.item_id = md5('item' || number))
),
items as (
    insert into core.credit_item (item_id, source, subject_id, subject_kind, subject_name, identifier_verdict,
     identifier_shown, item_title, status, valid_from, valid_to, recorded_from, recorded_to)
    select item_id, 'court_defaulters', subject_id, 'person', subject_name, 'VALID', identifier_shown,
     '（2026）浙0102执' || number || '号', 'ACTIVE', '2026-02-08'::date, '2028-02-08'::date, now(), 'infinity'
    from person
),
numbers as (
    insert into core.subject_identifier (subject_id, identifier_shown) select subject_id, identifier_shown from person
),
names as (insert into core.subject_name (subject_id, name_key) select subject_id, subject_name from person)
insert into marts.defaulter_listing (item_id, listing_id, subject_id, subject_kind, subject_name, identifier_shown,
 identity_tier, case_number, status, is_minor, has_identity_conflict, is_performed, is_repaired, is_contested,
 is_objection_upheld)
select item_id, number::text, subject_id, 'person', subject_name, identifier_shown, 'T1',
 '(2026)浙0102执' || number || '号', 'ACTIVE', false, false, false, false, false, false
from person
"""
FILL = """
insert into exports.punishment_directive
(directive_id, item_id, subject_id, subject_kind, subject_name, identifier_shown, identity_tier, measure_code,
 measure_zh, effect_type, department_code, department, legal_basis, reason_zh, since, until, awaits_court_confirmation,
 is_contested, is_retained)
select
    md5('directive' || number), md5('item' || number / {person}), md5('subject' || number / {person}), 'person',
    '试样' || number / {person}, '6601011985****' || lpad((number / {person} %% 10000)::text, 4, '0'), 'T1',
    'M-' || number %% {person}, '限制申请政府补贴资金和社会保障资金支持', 'RESTRICT',
    'd' || lpad((number %% {feeds})::text, 3, '0'), '示例部门' || number %% {feeds},
    '示例市意见（2017-06-19） 二（二）1',
    '杭州市上城区人民法院执行案件 (2026)浙0102执' || number / {person} || '号 被列为失信被执行人',
    '2026-02-08', '2028-02-08', false, false, false
from generate_series(%s::bigint, %s::bigint) as number
"""


@contextmanager
def server() -> Iterator[None]:
    """An embedded server with every table made, in a home of its own."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WAREHOUSE_HOME"] = str(Path(folder) / "home")
        settings.cache_clear()
        family = processes()
        postgres.start(family)
        try:
            prepare()
            build = open_build(DAY)
            assert build is not None
            run_build(build)
            yield
        finally:
            postgres.stop(family)


def fill(connection: psycopg.Connection, first: int, last: int, feeds: int) -> None:
    """Directives ``first`` to ``last``, spread over the feeds."""
    connection.execute(PEOPLE.format(person=A_PERSON, first=first, last=last).encode())
    connection.execute(FILL.format(person=A_PERSON, feeds=feeds).encode(), [first, last])


def change(connection: psycopg.Connection, count: int, directives: int, feeds: int, salt: int) -> None:
    """A third each is corrected, leaves and comes; all of whole persons, as it happens."""
    third = count // 3
    step = salt * APART
    for statement, parameters in (
        ("update exports.punishment_directive set is_contested = not is_contested where directive_id in"
         " (select md5('directive' || number) from generate_series(%s::bigint, %s::bigint) as number)",
         [step, step + count - 2 * third - 1]),
        ("delete from exports.punishment_directive where directive_id in"
         " (select md5('directive' || number) from generate_series(%s::bigint, %s::bigint) as number)",
         [step + 10_000, step + 10_000 + third - 1]),
    ):  # fmt: skip
        connection.execute(statement.encode(), parameters)
    fill(connection, directives + step, directives + step + third - 1, feeds)
    connection.execute(
        "insert into exports.unsent_item select distinct md5('item' || number / %s), 1 from ("
        " select generate_series(%s::bigint, %s::bigint) union all select generate_series(%s::bigint, %s::bigint)"
        " union all select generate_series(%s::bigint, %s::bigint)) as touched (number) on conflict do nothing",
        [A_PERSON, step, step + count - 2 * third - 1, step + 10_000, step + 10_000 + third - 1,
         directives + step, directives + step + third - 1],
    )  # fmt: skip


def send(day: date) -> float:
    """One export; its seconds."""
    with connect() as connection:
        row = connection.execute(
            "insert into audit.build (business_date, status) values (%s, 'succeeded') returning build_id", [day]
        ).fetchone()
        assert row
    begun = time.monotonic()
    feed.write(DIRECTIVE, row[0], additions=True)
    seconds = time.monotonic() - begun
    with connect() as connection:
        connection.execute("truncate exports.unsent_item")
    return seconds


def told(since: int) -> int:
    """How many lines the deltas of the newest export have."""
    with connect() as connection:
        row = connection.execute(
            "select sum(added + updated + removed)::int from audit.export_ledger where build_id >= %s", [since]
        ).fetchone()
    assert row
    return int(row[0])


def main(directives: int, feeds: int) -> int:
    """Print the curve; 1 when a thousand changes take longer than they may."""
    if directives < (fewest := (len(CHANGES) + 1) * APART):
        raise SystemExit(f"at least {fewest:,} directives are needed")
    with server():
        with connect() as connection:
            connection.execute(CATALOGUE.format(person=A_PERSON, feeds=feeds).encode())
            fill(connection, 0, directives - 1, feeds)
            connection.execute(
                "insert into exports.unsent_item select distinct item_id, 1 from exports.punishment_directive"
            )
        with connect(autocommit=True) as connection:
            connection.execute("analyze")
        say(f"{directives:,} directives, {feeds} feeds; first export {send(DAY):.1f} s")
        seconds: dict[int, float] = {}
        for number, count in enumerate(CHANGES, start=1):
            with connect() as connection:
                change(connection, count, directives, feeds, number)
                (build,) = connection.execute("select max(build_id) + 1 from audit.build").fetchone() or (0,)
            seconds[count] = send(DAY + timedelta(days=number))
            assert told(build) == count, f"{told(build)} lines for {count} changes"
        say("changes  seconds  seconds a change above none  ratio to none")
        for count, taken in seconds.items():
            more = f"{(taken - seconds[0]) / count:.5f}" if count else "—"
            say(f"{count:>7,}  {taken:>7.2f}  {more:>27}  {taken / seconds[0]:>13.2f}")
        begun = time.monotonic()
        with connect() as connection:
            (build,) = connection.execute("select max(build_id) from audit.build").fetchone() or (0,)
        held = [check.rule for check in check_product(DIRECTIVE.name, build)]
        say(f"the gate in front of them, over all {directives:,}: {time.monotonic() - begun:.1f} s")
        assert held == [], held
    return int(seconds[ASKED] > LONGEST)


def say(text: str) -> None:
    """One line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*(given + [300_000, 100][len(given) :])))
