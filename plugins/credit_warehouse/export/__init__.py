"""The way out: what each recipient holds, what changed, and the files that tell it."""

from __future__ import annotations

from datetime import date

from credit_warehouse.db import Lock, connect, turn
from credit_warehouse.export import channels, feed, removals
from credit_warehouse.export.products import PRODUCTS
from credit_warehouse.gates import Checked, check_product


def pending_build() -> int | None:
    """The newest build if it succeeded and has not left yet: after a failed one the products are of no one build."""
    with connect() as connection:
        row = connection.execute(
            "select build_id from audit.build where status = 'succeeded' and exported_at is null"
            " and build_id = (select max(build_id) from audit.build)"
        ).fetchone()
    return row[0] if row else None


def export_build(build_id: int) -> dict[str, list[Checked]]:
    """Gate and write every product of a build; return the rules that held additions back, by product.

    Removals leave in any case: a product whose gate is red sends its tombstones and nothing else, and so does a channel
    of which nobody can say when it is written; that one is named among the rules, too. A build that was
    overtaken by a later one writes nothing: the products are no longer its own, and the later export tells the rest.
    """
    with turn(Lock.PRODUCTS):
        with connect() as connection:
            found = connection.execute(
                "select business_date, build_id < (select max(build_id) from audit.build) from audit.build"
                " where build_id = %s",
                [build_id],
            ).fetchone()
        assert found, f"build {build_id} does not exist"
        day, overtaken = found
        if overtaken:
            return {}
        # Whoever was taken back since the build began is not shown for the minutes until the next one.
        removals.screen(day)
        held = _write_products(build_id, day)
        # What was taken back while the feeds were written may stand in one of them by now.
        removals.run(day)
    return held


def _write_products(build_id: int, day: date) -> dict[str, list[Checked]]:
    held: dict[str, list[Checked]] = {}
    unknown: dict[str, list[Checked]] = {}
    for product in PRODUCTS:
        further: list[Checked] = []
        if product.has_channels:
            with connect() as connection:
                further = [channels.days(connection, day).checked]
        stopped = check_product(product.name, build_id, product.whole, further)
        feed.write(product, build_id, additions=not stopped)
        if stopped:
            held[product.name] = stopped
        if wrong := [check for check in further if not check.success]:
            unknown[product.name] = wrong
    if not held:
        with connect() as connection:
            connection.execute("delete from exports.unsent_item where build_id <= %s", [build_id])
            connection.execute(
                "update audit.build set exported_at = clock_timestamp()"
                " where build_id <= %s and status = 'succeeded' and exported_at is null",
                [build_id],
            )
    # What waits for a channel is kept apart: the build has left all the same.
    return {name: held.get(name, []) + unknown.get(name, []) for name in {**held, **unknown}}
