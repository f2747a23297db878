"""The list cut into small files, so that a reader fetches one of them and not everybody.

A name decides its file: FNV-1a over the UTF-16 units of the name as it is compared. ``templates/site.js`` computes the
same. Nobody can be listed by a part of a name.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import ceil
from pathlib import Path
from typing import Any

from credit_warehouse.feed_check import name_key

PER_FILE = 100
"""Entries that a file of names should have about; three hundred thousand then make 4,096 files of some 30 kB."""
PER_PAGE = 50
"""Entries in one file of a court's list."""
FIELDS = (
    "subject_name", "subject_kind", "identifier_shown", "sex", "age", "legal_representative", "case_number",
    "court_name", "court_division", "basis_document", "basis_unit", "duty_summary", "performance", "conduct",
    "filed_on", "published_on", "is_contested",
)  # fmt: skip
"""What the site shows of an entry, in the order of the columns of its files."""
Entry = dict[str, Any]


def name_hash(name: str) -> int:
    """FNV-1a, 32 bits, over the UTF-16 units of a name."""
    units = name_key(name).encode("utf-16-le")
    value = 0x811C9DC5
    for place in range(0, len(units), 2):
        value = ((value ^ (units[place] | units[place + 1] << 8)) * 0x01000193) & 0xFFFFFFFF
    return value


def shard_count(entries: int) -> int:
    """A power of two, so that the hash's last bits name the file."""
    return 1 << (ceil(entries / PER_FILE) - 1).bit_length() if entries else 1


def row(entry: Entry) -> list[Any]:
    """An entry as a line of a file."""
    return [entry.get(field) for field in FIELDS]


def write_names(folder: Path, entries: list[Entry], shards: int) -> None:
    """One file for each part of the names, also those without anybody: an empty answer is an answer."""
    parts: dict[int, list[list[Any]]] = defaultdict(list)
    for entry in entries:
        parts[name_hash(entry["subject_name"]) % shards].append(row(entry))
    for part in range(shards):
        write_json(folder / f"{part}.json", parts.get(part, []))


def write_courts(folder: Path, entries: list[Entry]) -> list[dict[str, Any]]:
    """The list of each court, newest first, in pages; returns the courts with their places and sizes."""
    courts: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        courts[entry.get("court_division") or "", entry.get("court_name") or "未载明"].append(entry)
    found = []
    for number, ((division, court), listed) in enumerate(sorted(courts.items())):
        for page, part in enumerate(_pages(newest_first(listed))):
            write_json(folder / f"{number}-{page}.json", [row(entry) for entry in part])
        found.append({"number": number, "court": court, "division": division, "entries": len(listed)})
    return found


def _pages(entries: list[Entry]) -> Iterator[list[Entry]]:
    for first in range(0, len(entries), PER_PAGE):
        yield entries[first : first + PER_PAGE]


def write_json(path: Path, content: Any) -> None:
    """Compact, and readable as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def newest_first(entries: Iterable[Entry]) -> list[Entry]:
    """Entries by their day of publication, the same order for the same entries."""
    return sorted(entries, key=lambda entry: (entry.get("published_on") or "", entry["item_id"]), reverse=True)


def newest(entries: Iterable[Entry], count: int) -> list[list[Any]]:
    """The entries published last."""
    return [row(entry) for entry in newest_first(entries)[:count]]
