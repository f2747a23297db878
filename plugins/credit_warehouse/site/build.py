"""Build the site anew from the feed: everything, or, if the feed is not what it claims, nothing.

The new site takes the place of the old one in one step, so that nobody who was taken off the list stays behind in a
file that the new one does not have.
"""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from credit_warehouse.feed_home import FolderSource, Home
from credit_warehouse.report import charts
from credit_warehouse.settings import PROJECT_ROOT
from credit_warehouse.site import shards
from credit_warehouse.site.statistics import Statistics, statistics

TEMPLATES = Path(__file__).parent / "templates"
PAGES = ("index", "statistics", "objection")
ROLLING = 200
MARK = ".exposure-site"
"""A folder with this file was made here and may be replaced; any other is left alone."""


class StaleFeed(RuntimeError):
    """The newest delivery does not vouch for the list any more; a site of it could show who was taken off."""


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
    """Take what is new of ``feed`` into the copy under ``copies``, and make the site of what it then holds.

    ``key`` is the public key received by hand, needed the first time. Raises FeedRefused when a delivery is not what
    it claims, StaleFeed when the feed has expired, ValueError when ``out`` is a folder of somebody else's.
    """
    if out.exists() and not (out / MARK).exists() and any(out.iterdir()):
        raise ValueError(f"{out}：不是本命令所建 was not made by this command; choose an empty folder")
    home = Home(copies)
    pulled = home.pull(FolderSource(exports), feed, key)
    now = now or datetime.now().astimezone()
    if now > datetime.fromisoformat(pulled.standing.valid_until):
        raise StaleFeed(
            f"清单有效期已过（{pulled.standing.valid_until}），不据以建站"
            " the feed has expired; no site is made of it"
        )
    with home.copy(feed) as copy:
        entries = list(copy.entries())
        numbers = statistics(copy, exports / feed, entries)
    draft, old = out.with_name(f".{out.name}.draft"), out.with_name(f".{out.name}.old")
    for leftover in (draft, old):
        shutil.rmtree(leftover, ignore_errors=True)
    draft.mkdir(parents=True)
    _write(draft, entries, numbers, pulled.standing.business_date, pulled.standing.valid_until, contact)
    if out.exists():
        out.rename(old)
    draft.rename(out)
    shutil.rmtree(old, ignore_errors=True)
    files = [path for path in out.rglob("*") if path.is_file()]
    return Built(
        len(entries), len(files), sum(path.stat().st_size for path in files), pulled.standing.business_date,
        pulled.standing.sequence,
    )  # fmt: skip


def _write(
    folder: Path, entries: list[shards.Entry], numbers: Statistics, day: str, valid_until: str, contact: str
) -> None:
    (folder / MARK).touch()
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
        "mean_delay": None,
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
