"""A header against the declaration: which layout it is, what each column is called here, and what is new."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from itertools import product

from credit_warehouse.declarations import Layout, Source
from credit_warehouse.refusal import Refused

MAX_COLUMNS = 500
MAX_NAME_BYTES = 63  # longer identifiers are cut by PostgreSQL, and two columns could become one
SYSTEM_COLUMNS = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}
SHOWN = 30
ALIKE = 0.6


@dataclass(frozen=True)
class Header:
    """A header that was accepted."""

    names: list[str]
    """What the file calls its columns."""
    columns: list[str]
    """Column of ``raw.<source>`` for each of them."""
    extra: list[str]
    """Columns nobody declared; they are loaded and reported."""
    layout: str
    """Version of the layout."""


def accept(source: Source, names: Sequence[str], day: date, file_name: str) -> Header:
    """Find the layout of a header. Raises Refused (HEADER_DUPLICATE, HEADER_UNUSABLE, COLUMN_MISSING)."""
    require_usable(names, file_name)
    layouts = source.layouts_on(day)
    for layout in layouts:
        if not missing(source, layout, names):
            return of_layout(source, layout, names, file_name)
    raise column_missing(source, layouts[0], names, file_name)


def of_layout(source: Source, layout: Layout, names: Sequence[str], file_name: str) -> Header:
    """The header ``names`` in a layout it is known to fit. Raises Refused when two of them mean one column."""
    columns = [layout.renamed.get(name, name) for name in names]
    require_usable(columns, file_name)
    declared = {column.name for column in source.columns}
    return Header(list(names), columns, [name for name in columns if name not in declared], layout.version)


def missing(source: Source, layout: Layout, names: Collection[str]) -> list[str]:
    """Required columns of a layout, as it calls them, that are not among ``names``."""
    called = {declared: name for name, declared in layout.renamed.items()}
    return [
        called.get(column.name, column.name)
        for column in source.columns
        if column.required and column.name not in layout.without and called.get(column.name, column.name) not in names
    ]


def column_missing(source: Source, layout: Layout, names: Iterable[str], file_name: str) -> Refused:
    """The refusal of a header that lacks columns: each with the most similar of the columns nobody knows."""
    names = list(names)
    unknown = [name for name in names if name not in _known(source, layout)]
    lacking = missing(source, layout, names)[:SHOWN]
    renamed = alike(lacking, unknown[:SHOWN])
    zh = "、".join(f"{name}（疑似改名为 {renamed[name]}）" if name in renamed else name for name in lacking)
    en = ", ".join(f"{name} (renamed to {renamed[name]}?)" if name in renamed else name for name in lacking)
    rest = ", ".join(unknown[:SHOWN])
    # A known layout outside its time is the likeliest cause, and the shortest way to an answer.
    known = next((other for other in source.ingest.layouts if not missing(source, other, names)), None)
    due_zh = (
        f"；与版式 {known.version} 相符，其有效期为 {known.valid_from} 至 {known.valid_to or '今'}" if known else ""
    )
    due_en = f"; it fits layout {known.version} of {known.valid_from} to {known.valid_to or 'now'}" if known else ""
    return Refused(
        "COLUMN_MISSING",
        f"{file_name}：按版式 {layout.version} 缺少列 {zh}；多出列 {rest or '无'}{due_zh}，整份拒收",
        f"{file_name}: layout {layout.version}, missing {en}; unknown {rest or 'none'}{due_en}; refused whole",
    )


def alike(names: Iterable[str], candidates: Iterable[str]) -> dict[str, str]:
    """For each name the candidate that is most like it, each candidate once; case does not matter."""
    pairs = [
        (SequenceMatcher(None, name.casefold(), candidate.casefold()).ratio(), name, candidate)
        for name, candidate in product(names, candidates)
    ]
    found: dict[str, str] = {}
    for ratio, name, candidate in sorted(pairs, key=lambda pair: -pair[0]):
        if ratio >= ALIKE and name not in found and candidate not in found.values():
            found[name] = candidate
    return found


def require_usable(names: Sequence[str], file_name: str) -> None:
    if len(set(names)) != len(names) or not all(names):
        raise Refused(
            "HEADER_DUPLICATE",
            f"{file_name}：表头有重复或空列名",
            f"{file_name}: the header repeats a column or leaves one without a name",
        )
    unusable = len(names) > MAX_COLUMNS or any(
        # A column of the warehouse's own bookkeeping would let a file choose its batch and its line numbers.
        name.startswith("_") or name in SYSTEM_COLUMNS or len(name.encode()) > MAX_NAME_BYTES or not name.isprintable()
        for name in names
    )
    if unusable:
        raise Refused(
            "HEADER_UNUSABLE",
            f"{file_name}：列数超过 {MAX_COLUMNS}，或列名过长、以下划线开头、含控制字符，整份拒收",
            f"{file_name}: more than {MAX_COLUMNS} columns, or a name that is too long, starts with an underscore or"
            " holds control characters; refused whole",
        )


def _known(source: Source, layout: Layout) -> set[str]:
    return {column.name for column in source.columns} | set(layout.renamed)
