"""Put the days together: which files lie in which folder, in which order they come, and what must come of them."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from credit_warehouse.sandbox import list_rows, rows, truth
from credit_warehouse.sandbox.bank import Banks
from credit_warehouse.sandbox.court import Court
from credit_warehouse.sandbox.court_orders import CourtOrders
from credit_warehouse.sandbox.dirt import Dirt
from credit_warehouse.sandbox.lists import OfficialLists
from credit_warehouse.sandbox.period import Period
from credit_warehouse.sandbox.population import Population, populate
from credit_warehouse.sandbox.registry import Registry
from credit_warehouse.sandbox.responses import Responses
from credit_warehouse.sandbox.tax import TaxOffice
from credit_warehouse.sandbox.writers import Written, finish, write_csv, write_jsonl, write_xlsx

T = TypeVar("T")
FEWEST_SUBJECTS = 300
PROVIDERS = {
    "court_defaulters": "人民法院执行信息交换平台",
    "registry_entities": "市场监督管理局",
    "registry_persons": "市场监督管理局",
    "tax_arrears": "税务局",
    "bank_credit_events": "银行业金融机构",
    "court_consumption_limits": "人民法院执行信息交换平台",
    "court_closed_cases": "人民法院执行信息交换平台",
    "tax_major_violations": "税务局",
    "tax_credit_ratings": "税务局",
    "registry_abnormal": "市场监督管理局",
    "registry_serious": "市场监督管理局",
    "bank_rejections": "银行业金融机构",
    "punishment_feedback": "联合惩戒联动单位",
    "objections": "公共信用中心异议受理窗口",
    "credit_repairs": "信用修复受理机关",
}
EXTENSIONS = {
    "tax_arrears": "csv",
    "bank_credit_events": "xlsx",
    "court_closed_cases": "csv",
    "tax_major_violations": "xlsx",
    "tax_credit_ratings": "csv",
    "registry_abnormal": "csv",
    "registry_serious": "csv",
    "bank_rejections": "csv",
    "credit_repairs": "csv",
}
IN_UTF8 = {"court_closed_cases", "bank_rejections"}
FULL = {
    "tax_arrears",
    "court_closed_cases",
    "tax_major_violations",
    "tax_credit_ratings",
    "registry_abnormal",
    "registry_serious",
}
LATE_DAY, NEXT_DAY = 1, 2
"""The second day's tax snapshot comes a day late, and its bank file comes again a day later."""


@dataclass
class Summary:
    """What was generated."""

    out: Path
    subjects: int
    business_dates: list[date]
    rows: dict[str, int] = field(default_factory=dict)
    """Rows by source, over all files."""
    planted: dict[str, int] = field(default_factory=dict)
    """Special cases by label."""
    rejects: int = 0


def generate(
    out: Path,
    *,
    subjects: int = 5000,
    seed: int = 20260302,
    days: int = 3,
    start: date = date(2026, 3, 2),
) -> Summary:
    """Write ``days`` business days of deliveries for ``subjects`` persons and organisations under ``out``.

    The same arguments give the same bytes. Existing day folders of the same dates and ``truth/`` are replaced.
    Raises ValueError when there are too few subjects for every special case, or no day.
    """
    if subjects < FEWEST_SUBJECTS or days < 1:
        raise ValueError(f"at least {FEWEST_SUBJECTS} subjects and one day are needed")
    period = Period(start, days)
    population = populate(subjects, seed, start)
    return _Assembly(out, population, seed, period).write()


class _Assembly:
    def __init__(self, out: Path, population: Population, seed: int, period: Period) -> None:
        self.out = out
        self.seed = seed
        self.period = period
        self.population = population
        self.court = Court(population, seed, period)
        self.registry = Registry(population, seed, period)
        self.tax = TaxOffice(population, seed, period)
        self.banks = Banks(population, seed, period)
        replaced = [plant for plant in self.registry.plants if plant.label == "REPRESENTATIVE_CHANGED"]
        self.orders = CourtOrders(population, self.court, replaced, seed, period)
        self.lists = OfficialLists(population, self.court.listed, seed, period)
        corrections = [self.court.corrections(day) for day in range(period.days)]
        self.responses = Responses(self.court.first_listings, corrections, self.lists.violations[0], seed, period)
        self.deliveries: list[Sequence[object]] = []
        self.rejects: list[Sequence[object]] = []
        self.totals: Counter[str] = Counter()

    def write(self) -> Summary:
        for day in range(self.period.days):
            shutil.rmtree(self.out / self.period.day(day).isoformat(), ignore_errors=True)
        shutil.rmtree(self.out / "truth", ignore_errors=True)
        late = self.period.days > NEXT_DAY
        second_bank_file: Written | None = None
        for day in range(self.period.days):
            last = day == self.period.days - 1
            self._write("court_defaulters", day, self.court.messages[day], rows.court_row, _breaks)
            self._write("registry_entities", day, self.registry.entities[day], rows.entity_row)
            self._write("registry_persons", day, self.registry.relations[day], rows.relation_row)
            if late and day == NEXT_DAY:
                self._write_arrears(LATE_DAY, folder=day, note="late")
            if not (late and day == LATE_DAY):
                self._write_arrears(day)
            note = "no_ok" if last else "normal"
            bank = self._write(
                "bank_credit_events",
                day,
                self.banks.events[day],
                rows.event_row,
                lambda event: event.refused,
                note=note,
            )
            if day == LATE_DAY:
                second_bank_file = bank
            if late and day == NEXT_DAY and second_bank_file:
                self._deliver_again(second_bank_file, day)
            for source, days, row_of in self._further():
                # Monthly and yearly lists come on the first day only.
                if days[day]:
                    self._write(source, day, days[day], row_of, _rule)
        plants = [
            plant
            for provider in (
                self.court,
                self.registry,
                self.tax,
                self.banks,
                self.orders,
                self.lists,
                self.responses,
            )
            for plant in provider.plants
        ]
        self._write_truth(late)
        truth.write_table(self.out / "truth", "planted", truth.planted(plants, self.period))
        return Summary(
            out=self.out,
            subjects=len(self.population.adults) + len(self.population.minors) + len(self.population.organisations),
            business_dates=[self.period.day(day) for day in range(self.period.days)],
            rows=dict(self.totals),
            planted=dict(sorted(Counter(plant.label for plant in plants).items())),
            rejects=len(self.rejects),
        )

    def _further(self) -> list[tuple[str, Sequence[Sequence[Any]], Callable[[Any, Dirt], dict[str, Any]]]]:
        """Sources whose files come on their own day: facts by day, and how they are written."""
        return [
            ("court_consumption_limits", self.orders.limits, list_rows.limit_row),
            ("court_closed_cases", self.orders.closed, list_rows.closed_case_row),
            ("tax_major_violations", self.lists.violations, list_rows.violation_row),
            ("tax_credit_ratings", self.lists.ratings, list_rows.rating_row),
            ("registry_abnormal", self.lists.abnormal, list_rows.entry_row),
            ("registry_serious", self.lists.serious, list_rows.entry_row),
            ("bank_rejections", self.responses.refusals, list_rows.refusal_row),
            ("punishment_feedback", self.responses.feedback, list_rows.feedback_row),
            ("objections", self.responses.objections, list_rows.objection_row),
            ("credit_repairs", self.responses.repairs, list_rows.repair_row),
        ]

    def _write_arrears(self, day: int, *, folder: int | None = None, note: str = "normal") -> Written:
        snapshot = self.tax.snapshots[day]
        return self._write("tax_arrears", day, snapshot, rows.arrear_row, _breaks, folder=folder, note=note)

    def _write(
        self,
        source: str,
        day: int,
        facts: Iterable[T],
        row_of: Callable[[T, Dirt], dict[str, Any]],
        refusal: Callable[[T], str | None] = lambda fact: None,
        *,
        folder: int | None = None,
        note: str = "normal",
    ) -> Written:
        business_date = self.period.day(day)
        delivered_on = self.period.day(day if folder is None else folder)
        extension = EXTENSIONS.get(source, "jsonl")
        path = self.out / delivered_on.isoformat() / source / f"{source}_{business_date:%Y%m%d}_01.{extension}"
        path.parent.mkdir(parents=True, exist_ok=True)
        dirt = Dirt(random.Random(f"{self.seed}/dirt/{source}/{business_date}"))

        def lines() -> Iterator[dict[str, Any]]:
            for number, fact in enumerate(facts, start=1):
                rule = refusal(fact)
                if rule:
                    self.rejects.append((business_date, source, path.name, number, rule))
                yield row_of(fact, dirt)

        columns = rows.COLUMNS[source]
        if extension == "csv":
            count = write_csv(path, columns, lines(), "utf-8" if source in IN_UTF8 else "gb18030")
        elif extension == "xlsx":
            count = write_xlsx(path, columns, lines(), business_date)
        else:
            count = write_jsonl(path, columns, lines())
        written = finish(
            path,
            source=source,
            business_date=business_date,
            rows=count,
            mode="full" if source in FULL else "delta",
            provider=PROVIDERS[source],
            with_ok=note != "no_ok",
        )
        self.deliveries.append(truth.delivery(written, note, delivered_on))
        self.totals[source] += count
        return written

    def _deliver_again(self, first: Written, day: int) -> None:
        delivered_on = self.period.day(day)
        name = first.path.name.replace("_01.", "_02.")
        path = self.out / delivered_on.isoformat() / first.source / name
        shutil.copyfile(first.path, path)
        again = finish(
            path,
            source=first.source,
            business_date=first.business_date,
            rows=first.rows,
            mode="delta",
            provider=PROVIDERS[first.source],
        )
        self.deliveries.append(truth.delivery(again, "redelivered", delivered_on))

    def _write_truth(self, late: bool) -> None:
        folder = self.out / "truth"
        court = truth.CourtTruth(self.court, self.responses, self.period)
        other = truth.OtherTruth(self.registry, self.tax, self.banks, self.period)
        lists = truth.ListTruth(
            self.orders.limits,
            {
                "court_closed_cases": self.orders.closed,
                "tax_major_violations": self.lists.violations,
                "tax_credit_ratings": self.lists.ratings,
                "registry_abnormal": self.lists.abnormal,
                "registry_serious": self.lists.serious,
            },
            self.period,
        )
        for day in range(self.period.days):
            court.receive(day)
            if late and day == NEXT_DAY:
                other.receive_snapshot(LATE_DAY)
            if not (late and day == LATE_DAY):
                other.receive_snapshot(day)
            truth.write_table(folder, "items", chain(court.items(day), other.items(day), lists.items(day)))
            truth.write_table(folder, "exposure", court.exposure(day))
            truth.write_table(folder, "directives", court.directives(day))
            truth.write_table(folder, "officers", court.officers(day, lists.standing_orders()))
            truth.write_table(folder, "notices", court.notices(day))
            truth.write_table(folder, "listings", court.listings(day))
        truth.write_table(folder, "subjects", truth.subjects(self.population))
        truth.write_table(folder, "rejects", self.rejects)
        truth.write_table(folder, "deliveries", self.deliveries)


def _breaks(fact: Any) -> str | None:
    return str(fact.breaks) if fact.breaks else None


def _rule(fact: Any) -> str | None:
    """The rule of ``RULE:field``."""
    breaks = _breaks(fact)
    return breaks.partition(":")[0] if breaks else None
