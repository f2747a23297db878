"""Build the site anew from the feed: everything, or, if the feed is not what it claims, nothing."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from credit_warehouse.report import charts
from credit_warehouse.settings import PROJECT_ROOT
from credit_warehouse.site import shards
from credit_warehouse.site.folder import made_anew
from credit_warehouse.site.held import held
from credit_warehouse.site.statistics import Statistics

TEMPLATES = Path(__file__).parent / "templates"
PAGES = ("index", "statistics", "objection")
ROLLING = 200


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
    contact: str = "", now: datetime | None = None,
) -> Built:  # fmt: skip
    """Make the site of what ``feed`` holds; raises what ``held`` raises, and ValueError for somebody else's folder."""
    entries, standing, numbers = held(exports, feed, copies, key, now)
    with made_anew(out) as draft:
        _write(draft, entries, numbers, standing.business_date, standing.valid_until, contact)
    files = [path for path in out.rglob("*") if path.is_file()]
    return Built(
        len(entries), len(files), sum(path.stat().st_size for path in files), standing.business_date,
        standing.sequence,
    )  # fmt: skip


def _write(
    folder: Path, entries: list[shards.Entry], numbers: Statistics, day: str, valid_until: str, contact: str
) -> None:
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
        "day": day, "valid_until": valid_until, "numbers": numbers, "contact": contact, "charts": _charts(numbers),
    }  # fmt: skip
    for page in PAGES:
        text = environment.get_template(f"{page}.html.j2").render(page=page, **context)
        (folder / f"{page}.html").write_text(text, encoding="utf-8")
    for name in ("site.css", "site.js", "robots.txt", "_headers"):
        shutil.copyfile(TEMPLATES / name, folder / name)


def _charts(numbers: Statistics) -> list[tuple[str, Any, str]]:
    """(title, curve, the newest value in words)."""
    performed, removed = 0, 0
    totals, performances, removals = [], [], []
    for day in numbers.days:
        performed += day.performed
        removed += day.removed
        totals.append(day.total)
        performances.append(performed)
        removals.append(removed)
    last = numbers.days[-1].total if numbers.days else 0
    return [
        ("在列条目", charts.sparkline("在列条目", totals, width=600, height=120), f"{last:,}"),
        ("曝光后履行（累计）", charts.sparkline("曝光后履行", performances, width=600, height=120), f"{performed:,}"),
        ("撤下（累计）", charts.sparkline("撤下", removals, width=600, height=120), f"{removed:,}"),
    ]


def _places(courts: list[dict[str, Any]]) -> set[str]:
    """Provinces, prefectures and counties of the courts."""
    codes = {court["division"] for court in courts if court["division"]}
    return {code for found in codes for code in (found, f"{found[:2]}0000", f"{found[:4]}00")}


def _divisions() -> dict[str, str]:
    """Names of divisions by code, those in use."""
    with (PROJECT_ROOT / "dbt_project" / "seeds" / "division.csv").open(encoding="utf-8") as lines:
        return {line["division_code"]: line["name_zh"] for line in csv.DictReader(lines) if not line["until_year"]}
