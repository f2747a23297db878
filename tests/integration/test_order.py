"""Deliveries in any order, some of them twice: what holds in the end is the same.

One order of three sources and twenty orders of seven with ``pytest -m matrix``.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from credit_warehouse.declarations import load_source
from credit_warehouse.export import export_build
from credit_warehouse.gates import check_batch
from credit_warehouse.load import load_batch
from credit_warehouse.receive import receive
from credit_warehouse.sandbox import generate
from providers import arrears, csv_file, ok_file

DAYS = [date(2026, 3, 2) + timedelta(days=offset) for offset in range(14)]
# Messages that add, correct, remove and revoke; snapshots with and without ends of their own; rows by time of change.
FEW = ("court_defaulters", "objections", "tax_arrears")
SEVEN = (*FEW, "court_consumption_limits", "registry_abnormal", "registry_entities", "registry_persons")
ORDERS = [
    pytest.param(FEW, 1, id="three-sources", marks=pytest.mark.matrix),
    *(pytest.param(SEVEN, seed, id=f"seven-sources-{seed:02d}", marks=pytest.mark.matrix) for seed in range(1, 21)),
]
# Current state: what holds now, not when or through which of several equal files it became known.
STATE = {
    "core.credit_item": "select * from core.credit_item where recorded_to = 'infinity'",
    "core.objection": "select * from core.objection where recorded_to = 'infinity'",
    "core.related_person": "select * from core.related_person",
    "core.subject": "select * from core.subject",
    "core.subject_identifier": "select * from core.subject_identifier",
    "core.subject_name": "select * from core.subject_name",
    "marts.credit_record": "select * from marts.credit_record",
    "marts.credit_record_item": "select * from marts.credit_record_item",
    "marts.defaulter_listing": "select * from marts.defaulter_listing",
    "exports.listing_decision": "select * from exports.listing_decision",
    "exports.exposure_publication": "select * from exports.exposure_publication",
    "exports.punishment_directive": "select * from exports.punishment_directive",
    "exports.feed_entry": "select feed, entry_id, item_id, body from exports.feed_entry",
}
BOOKKEEPING = (
    "recorded_at", "recorded_from", "recorded_to", "said_elsewhere_at", "first_build_id",
    "content_batch_id", "content_row_no", "status_batch_id", "status_row_no",
    # Of the first mention that was built, written once: nothing reads them.
    "first_effective_at", "first_source",
)  # fmt: skip

State = dict[str, frozenset[str]]
Sources = tuple[str, ...]


@dataclass(frozen=True)
class Arrival:
    """A file that arrives, under a name of its own."""

    source: str
    path: Path
    name: str


def arrivals(out: Path, sources: Sources) -> list[Arrival]:
    """Every file of the fortnight in the order of its providers."""
    return [
        Arrival(source, path, path.name)
        for day in DAYS
        for source in sources
        for path in sorted((out / day.isoformat() / source).glob("*"))
        if path.suffix != ".ok"
    ]


def shuffled(files: Sequence[Arrival], seed: int) -> list[list[Arrival]]:
    """All files in random order, a quarter of them once more under another name, in two to four groups."""
    choice = random.Random(seed)
    again = [Arrival(file.source, file.path, f"again_{file.name}") for file in choice.sample(files, k=len(files) // 4)]
    order = [*files, *again]
    choice.shuffle(order)
    cuts = sorted(choice.sample(range(1, len(order)), k=choice.randint(1, 3)))
    return [order[start:end] for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True)]


def play(warehouse: Any, groups: list[list[Arrival]]) -> State:
    """Receive, load and gate one file after the other, build after each group; the state at the end."""
    for number, group in enumerate(groups):
        for place, file in enumerate(group):
            take(warehouse, file, warehouse.home / "arrivals" / f"{number}-{place}")
        build = warehouse.build(DAYS[-1])
        if build is not None:
            # A product may shrink from group to group as no product does from day to day: its gate holds nothing of
            # what is compared here, because the last export sends all that is left.
            export_build(build)
    return state(warehouse)


def take(warehouse: Any, file: Arrival, landing: Path) -> None:
    """One file arrives alone."""
    folder = landing / file.source
    folder.mkdir(parents=True)
    os.link(file.path, folder / file.name)
    flag = file.path.with_name(f"{file.path.name}.ok")
    if flag.exists():
        os.link(flag, folder / f"{file.name}.ok")
    source = load_source(file.source)
    for batch_id in receive(source, DAYS[-1], f"order-{landing.name}", landing=landing):
        assert (load_batch(source, batch_id) or check_batch(source, batch_id)) is None


def state(warehouse: Any) -> State:
    """Rows of every table, as text, without bookkeeping."""
    dropped = ", ".join(f"'{name}'" for name in BOOKKEEPING)
    return {
        name: frozenset(
            row for (row,) in warehouse.rows(f"select (to_jsonb(t) - array[{dropped}])::text from ({query}) as t")
        )
        for name, query in STATE.items()
    }


@pytest.fixture(scope="module")
def fortnight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("fortnight"), subjects=300, days=len(DAYS), start=DAYS[0]).out


@pytest.fixture(scope="module")
def in_order(
    fortnight: Path, other_warehouse: Any, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Sources], State]:
    """The state after the same files in the order of their days, all in one build."""

    @cache
    def played(sources: Sources) -> State:
        with other_warehouse(tmp_path_factory.mktemp("in_order")) as warehouse:
            found = play(warehouse, [arrivals(fortnight, sources)])
        assert all(rows for name, rows in found.items() if name not in registry_only(sources)), "nothing to compare"
        return found

    return played


def registry_only(sources: Sources) -> set[str]:
    """Tables that nobody but the registry fills."""
    return set() if "registry_persons" in sources else {"core.related_person"}


@pytest.mark.parametrize(("sources", "seed"), ORDERS)
def test_any_order_ends_in_the_same_state(
    fortnight: Path, in_order: Callable[[Sources], State], other_warehouse: Any, tmp_path: Path,
    sources: Sources, seed: int,
) -> None:  # fmt: skip
    expected = in_order(sources)
    with other_warehouse(tmp_path) as warehouse:
        found = play(warehouse, shuffled(arrivals(fortnight, sources), seed))
    different = {
        name: (sorted(rows - expected[name])[:2], sorted(expected[name] - rows)[:2])
        for name, rows in found.items()
        if rows != expected[name]
    }
    assert different == {}


def snapshot(day: date, *numbers: int) -> tuple[str, bytes, bytes]:
    """(name, content, flag) of a tax list that names these organisations."""
    content = csv_file(*(arrears(number) for number in numbers))
    return f"tax_{day:%Y%m%d}.csv", content, ok_file(content, mode="full", business_date=day.isoformat())


def test_a_late_snapshot_that_explains_everything_leaves_nothing_of_the_later_one(
    other_warehouse: Any, tmp_path: Path
) -> None:
    """What the third day alone seemed to say, the second turns out to have said: nothing is left for the third."""
    first, second, third = (snapshot(DAYS[0], 1, 2), snapshot(DAYS[1], 1), snapshot(DAYS[2], 1))
    states = []
    for order in ([first, second, third], [first, third, second]):
        with other_warehouse(tmp_path / str(len(states))) as warehouse:
            for number, (name, content, flag) in enumerate(order):
                warehouse.landing = tmp_path / str(len(states)) / f"landing-{number}"
                warehouse.drop("tax_arrears", name, content)
                warehouse.drop("tax_arrears", f"{name}.ok", flag)
                assert warehouse.ingest(DAYS[-1], ["tax_arrears"]) == {"tax_arrears": [None]}
                warehouse.build(DAYS[-1])
            states.append(
                warehouse.rows(
                    "select subject_name, status, valid_to from core.credit_item where recorded_to = 'infinity'"
                    " order by subject_name"
                )
            )
    assert states[0] == states[1]
    assert states[0][1][1:] == ("DELETED", DAYS[1])


def test_a_list_that_returns_to_what_it_was_takes_down_whom_the_day_between_added(warehouse: Any) -> None:
    for day, numbers in zip(DAYS, ((1,), (1, 2), (1,)), strict=False):
        name, content, flag = snapshot(day, *numbers)
        warehouse.drop("tax_arrears", name, content)
        warehouse.drop("tax_arrears", f"{name}.ok", flag)
        warehouse.ingest(day, ["tax_arrears"])
        warehouse.build(day)
    assert warehouse.rows(
        "select subject_name, status from core.credit_item where recorded_to = 'infinity' order by subject_name"
    ) == [("试样1有限公司", "ACTIVE"), ("试样2有限公司", "DELETED")]
    assert warehouse.rows("select count(*), count(distinct sha256) from audit.batch") == [(3, 2)]
