"""The made-up year of ``tests/law/year.py`` through the warehouse: at no moment is anybody in what recipients hold of
whom the law, read a second time by ``tests/law/oracle.py``, says that he must not be, and nobody is forgotten.

Every channel of exposure is on, everywhere, and what is looked at is the bytes that were written for it."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from credit_warehouse.export import export_build, removals
from credit_warehouse.settings import settings
from law.oracle import Arrived, Verdict, judge
from law.year import Delivery, arrivals, deliveries

SEED = 20250101
EXPOSURE, DIRECTIVE, NOTICE = "exposure", "directive", "notice"
PRODUCTS = {"exposure": EXPOSURE, "punishment": DIRECTIVE, "restricted": NOTICE}
Held = dict[str, set[str]]
CHANNELS = {"exposure", "exposure-screen", "exposure-bulletin", "exposure-media", "exposure-telecom"}
WHOLE_NUMBER = re.compile(rb"(?<![0-9A-Za-z])[0-9]{17}[0-9X](?![0-9A-Za-z])")


@dataclass
class Year:
    """A warehouse in which the year passes, and what is wrong with it."""

    warehouse: Any
    told: list[Arrived] = field(default_factory=list)
    wrongful: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    builds: int = 0
    shown: Counter[str] = field(default_factory=Counter)
    taken_down: Counter[str] = field(default_factory=Counter)
    officers: set[str] = field(default_factory=set)
    """Orders that brought a directive on somebody who is not listed."""
    written: dict[str, int] = field(default_factory=dict)
    """The newest delivery of every channel that was looked at, and how many entries they told of."""
    told_of: Counter[str] = field(default_factory=Counter)

    def play(self, days: Iterable[tuple[date, Delivery]], builds_every: int) -> Year:
        """Every delivery through the removal lane; every so many into a build and out."""
        self.warehouse.execute(
            "update core.exposure_channel set is_enabled = true, divisions = null, cadence = 'daily', weekday = null"
        )
        # A feed for each of three thousand counties would say no more than these.
        self.warehouse.execute("delete from core.exposure_channel where split_by is not null")
        for number, (day, sources) in enumerate(days, start=1):
            for source, rows in sources.items():
                self.warehouse.accept(day, source, *rows)
            self.told += arrivals([(day, sources)])
            law = judge(self.told, day)
            self._lane(day, law)
            if number % builds_every == 0:
                self._build(day, law)
        return self

    def _lane(self, day: date, law: Verdict) -> None:
        before = self.held()
        removals.run(day)
        held = self.held()
        self.wrongful += _beyond(held, rightful(law), law, f"{day} after the lane")
        self.officers |= {number for number in before[DIRECTIVE] | held[DIRECTIVE] if number.startswith("order ")}
        self.taken_down.update({product: len(before[product] - held[product]) for product in held})
        self._read(law, f"{day} after the lane")

    def _build(self, day: date, law: Verdict) -> None:
        assert export_build(self.warehouse.build(day)) == {}, f"{day}: a gate is red"
        self.builds += 1
        held = self.held()
        self.wrongful += _beyond(held, rightful(law), law, f"{day} after the build")
        self.missing += _beyond(rightful(law), held, law, f"{day} after the build")
        self.shown.update({product: len(listings) for product, listings in held.items()})
        self._read(law, f"{day} after the build")

    def _read(self, law: Verdict, when: str) -> None:
        """Every delivery written to the public since the last look: whoever is in it may be, and no number is whole."""
        published = {number for number, found in law.listings.items() if found.published}
        items = dict(self.warehouse.rows("select item_id, listing_id from marts.defaulter_listing"))
        for folder in sorted(settings().exports.glob("exposure*")):
            for step in sorted(folder.glob("[0-9]*")):
                if int(step.name) <= self.written.get(folder.name, 0):
                    continue
                self.written[folder.name] = int(step.name)
                for path in step.glob("*.jsonl"):
                    content = path.read_bytes()
                    persons = [f"{when}: {path}: {number!r}" for number in WHOLE_NUMBER.findall(content)
                               if not number.startswith(b"9166")]  # fmt: skip
                    self.wrongful += persons
                    for line in map(json.loads, content.splitlines()):
                        told = line.get("entry", line) or {}
                        number = items.get(told.get("item_id"), told.get("listing_id"))
                        self.told_of[folder.name] += bool(told)
                        if number is not None and number not in published:
                            self.wrongful.append(f"{when}: {path.parent.parent.name} tells of {number}")

    def held(self) -> Held:
        """Who is in what the recipients hold; an entry of no known listing is nobody's right."""
        found: Held = {product: set() for product in PRODUCTS.values()}
        if self.builds:
            for feed, listing_id in self.warehouse.rows(
                "select distinct split_part(entry.feed, '-', 1),"
                " coalesce(listing.listing_id, 'order ' || named.order_id, entry.item_id)"
                " from exports.feed_entry as entry left join marts.defaulter_listing as listing using (item_id)"
                " left join core.related_order as named using (item_id)"
            ):
                found[PRODUCTS[feed]].add(listing_id)
        return found


def rightful(law: Verdict) -> Held:
    """Who may be in each product, and should."""
    return {
        EXPOSURE: {number for number, found in law.listings.items() if found.published},
        DIRECTIVE: {number for number, found in law.listings.items() if found.directed}
        | {f"order {number}" for number in law.officers},
        NOTICE: {number for number, found in law.listings.items() if found.notice},
    }


def _beyond(here: Held, there: Held, law: Verdict, when: str) -> Iterator[str]:
    """Who is here and not there, and what the law says of him."""
    for product, listings in here.items():
        for number in sorted(listings - there[product]):
            found = law.listings.get(number)
            yield f"{when}: {product} of {number}, {found and (found.status, sorted(found.exposure))}"


def together(days: Iterable[tuple[date, Delivery]], size: int) -> Iterator[tuple[date, Delivery]]:
    """What arrives on ``size`` days comes on the last of them."""
    waiting: Delivery = defaultdict(list)
    for number, (day, sources) in enumerate(days, start=1):
        for source, rows in sources.items():
            # Of a list that is always sent whole, the newest holds.
            waiting[source] = rows if source == "court_closed_cases" else [*waiting[source], *rows]
        if number % size == 0:
            yield day, dict(waiting)
            waiting.clear()


def assert_right(year: Year) -> None:
    """Nobody wrongly, nobody forgotten, and there was something that could have gone wrong."""
    assert year.wrongful == []
    assert year.missing == []
    assert all(year.shown[product] for product in (EXPOSURE, DIRECTIVE, NOTICE))
    assert all(year.taken_down[product] for product in (EXPOSURE, DIRECTIVE))
    assert year.officers
    # The year's courts are in 浙江, where persons leave through no medium that the state's rule does not name.
    assert {channel for channel in CHANNELS if year.told_of[channel]} == CHANNELS - {"exposure-telecom"}


def test_a_quarter_of_the_year_publishes_nobody_wrongly(warehouse: Any) -> None:
    year = Year(warehouse).play(together(deliveries(SEED, listings=75), 21), builds_every=4)
    assert year.builds == 4
    assert_right(year)


@pytest.mark.matrix
@pytest.mark.timeout(7200)
def test_the_whole_year_publishes_nobody_wrongly(warehouse: Any, record_property: Any) -> None:
    year = Year(warehouse).play(deliveries(SEED), builds_every=7)
    assert year.builds == 52
    record_property("shown", dict(year.shown))
    record_property("taken_down", dict(year.taken_down))
    assert_right(year)
