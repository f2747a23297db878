"""Build the site anew from the feed: everything, or, if the feed is not what it claims, nothing."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from itertools import accumulate
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from credit_warehouse.report import charts
from credit_warehouse.settings import PROJECT_ROOT
from credit_warehouse.site import shards
from credit_warehouse.site.folder import made_anew
from credit_warehouse.site.held import held
from credit_warehouse.site.queries import read_queries
from credit_warehouse.site.statistics import Day, Statistics

TEMPLATES = Path(__file__).parent / "templates"
PAGES = ("index", "statistics", "objection")
ROLLING = 200
BEIJING = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class Built:
    """What a build came to."""

    entries: int
    files: int
    bytes: int
    business_date: str
    sequence: int


def build_site(
    exports: Path, out: Path, copies: Path, key: bytes | None = None, *, feed: str = "exposure",
    contact: str = "", queries: Path | None = None, now: datetime | None = None,
) -> Built:  # fmt: skip
    """Make the site of what ``feed`` holds; ``queries`` is the file that tells how often it was asked, by day.

    Raises what ``held`` raises, QueriesRefused, and ValueError for somebody else's folder.
    """
    asked = read_queries(queries, (now or datetime.now()).astimezone(BEIJING).date()) if queries else {}
    entries, standing, numbers = held(exports, feed, copies, key, now)
    with made_anew(out) as draft:
        _write(draft, entries, numbers, asked, standing.business_date, standing.valid_until, contact)
    files = [path for path in out.rglob("*") if path.is_file()]
    return Built(
        len(entries), len(files), sum(path.stat().st_size for path in files), standing.business_date,
        standing.sequence,
    )  # fmt: skip


def _write(
    folder: Path, entries: list[shards.Entry], numbers: Statistics, asked: dict[date, int], day: str, valid_until: str,
    contact: str,
) -> None:  # fmt: skip
    parts = shards.shard_count(len(entries))
    shards.write_names(folder / "data" / "name", entries, parts)
    courts = shards.write_courts(folder / "data" / "court", entries)
    shards.write_json(folder / "data" / "rolling.json", shards.newest(entries, ROLLING))
    divisions = _divisions()
    shards.write_json(
        folder / "data" / "list.json",
        {
            "shards": parts, "fields": shards.FIELDS, "page": shards.PER_PAGE, "business_date": day,
            "valid_until": valid_until, "entries": len(entries), "courts": courts,
            "places": {code: divisions.get(code, code) for code in sorted(_places(courts))},
        },
    )  # fmt: skip
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    context = {
        "day": day, "valid_until": valid_until, "numbers": numbers, "contact": contact, "asked": asked,
        "lines": _lines(numbers, asked), "charts": _charts(numbers, asked),
    }  # fmt: skip
    for page in PAGES:
        text = environment.get_template(f"{page}.html.j2").render(page=page, **context)
        (folder / f"{page}.html").write_text(text, encoding="utf-8")
    for name in ("site.css", "site.js", "robots.txt", "_headers"):
        shutil.copyfile(TEMPLATES / name, folder / name)


def _lines(numbers: Statistics, asked: dict[date, int]) -> list[tuple[str, Day | None, int | None]]:
    """(day, its deliveries, its queries), the newest first: a site is asked on days without a delivery, too."""
    told = {line.day: line for line in numbers.days}
    queries = {day.isoformat(): count for day, count in asked.items()}
    return [(day, told.get(day), queries.get(day)) for day in sorted(told.keys() | queries.keys(), reverse=True)]


def _charts(numbers: Statistics, asked: dict[date, int]) -> list[tuple[str, str, Markup]]:
    """(title, the newest value in words, curve)."""
    days = [(date.fromisoformat(line.day), line) for line in numbers.days]

    def course(value: Callable[[Day], float], *, summed: bool = False) -> list[tuple[date, float]]:
        values = [value(line) for _, line in days]
        return list(zip((day for day, _ in days), accumulate(values) if summed else values, strict=True))

    found: list[tuple[str, str, list[tuple[date, float]], bool]] = [
        ("在列条目", "条", course(lambda day: day.total), True),
        ("曾经曝光（累计）", "条", course(lambda day: day.shown_ever), True),
        ("撤下（累计）", "条", course(lambda day: day.removed, summed=True), True),
        ("曝光后履行（累计）", "条", course(lambda day: day.performed, summed=True), True),
        ("在列载明金额", "万元", course(lambda day: float(day.amount / 10000)), True),
        ("曝光后履行的载明金额（累计）", "万元",
         course(lambda day: float(day.performed_amount / 10000), summed=True), True),
    ]  # fmt: skip
    if asked:
        found.append(("每日查询", "次", list(asked.items()), False))
    return [
        (title, f"{charts.amount(points[-1][1])} {unit}" if points else "—",
         charts.curve(title, points, unit, whole=whole))
        for title, unit, points, whole in found
    ]  # fmt: skip


def _places(courts: list[dict[str, Any]]) -> set[str]:
    """Provinces, prefectures and counties of the courts."""
    codes = {court["division"] for court in courts if court["division"]}
    return {code for found in codes for code in (found, f"{found[:2]}0000", f"{found[:4]}00")}


def _divisions() -> dict[str, str]:
    """Names of divisions by code, those in use."""
    with (PROJECT_ROOT / "dbt_project" / "seeds" / "division.csv").open(encoding="utf-8") as lines:
        return {line["division_code"]: line["name_zh"] for line in csv.DictReader(lines) if not line["until_year"]}
