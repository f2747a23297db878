"""The way out: what each recipient holds, what changed, and the files that tell it."""

from __future__ import annotations

from credit_warehouse.db import connect
from credit_warehouse.export import feed, removals
from credit_warehouse.export.products import PRODUCTS
from credit_warehouse.gates import Checked, check_product


def pending_build() -> int | None:
    """The newest successful build whose products have not left yet."""
    with connect() as connection:
        row = connection.execute(
            "select build_id from audit.build where status = 'succeeded' and exported_at is null"
            " and build_id = (select max(build_id) from audit.build where status = 'succeeded')"
        ).fetchone()
    return row[0] if row else None


def export_build(build_id: int) -> dict[str, list[Checked]]:
    """Gate and write every product of a build; return the rules that held additions back, by product.

    Removals leave in any case: a product whose gate is red sends its tombstones and nothing else.
    """
    held: dict[str, list[Checked]] = {}
    with connect() as connection:
        day = connection.execute("select business_date from audit.build where build_id = %s", [build_id]).fetchone()
    assert day, f"build {build_id} does not exist"
    # Whoever was taken back since the build began is not shown for the minutes until the next one.
    removals.screen(day[0])
    for product in PRODUCTS:
        stopped = check_product(product.name, build_id)
        feed.write(product, build_id, additions=not stopped)
        if stopped:
            held[product.name] = stopped
    if not held:
        with connect() as connection:
            connection.execute("delete from exports.unsent_item where build_id <= %s", [build_id])
            connection.execute(
                "update audit.build set exported_at = clock_timestamp()"
                " where build_id <= %s and status = 'succeeded' and exported_at is null",
                [build_id],
            )
    return held
