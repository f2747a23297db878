"""Small charts as inline SVG: drawn here, coloured by the style sheet, each with its content in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import sqrt

from markupsafe import Markup, escape

LEAST = 2.0
"""What is there must be seen: no part is drawn thinner."""


@dataclass(frozen=True)
class Part:
    """One part of a whole; ``tone`` is its class in the style sheet."""

    label: str
    value: int
    tone: str


@dataclass(frozen=True)
class Day:
    """One business date of a source."""

    business_date: date
    rows: int = 0
    quarantined: int = 0
    refused_files: int = 0


def stacked_bar(title: str, parts: Sequence[Part], *, width: int = 600, height: int = 22) -> Markup:
    """One horizontal bar of shares. Nothing to show gives an empty track."""
    shown = [part for part in parts if part.value > 0]
    total = sum(part.value for part in shown)
    words = "，".join(f"{part.label} {part.value:,}" for part in shown) or "无数据"
    pieces = [_rect(0, 0, width, height, "track")]
    free = width - LEAST * len(shown)
    x = 0.0
    for part in shown:
        size = LEAST + free * part.value / total
        pieces.append(_rect(x, 0, size, height, part.tone, f"{part.label} {part.value:,}"))
        if size > 46:
            pieces.append(
                Markup('<text x="{}" y="{}" class="on-{}">{}</text>').format(
                    _number(x + size / 2), _number(height / 2 + 4), part.tone, f"{100 * part.value / total:.0f}%"
                )
            )
        x += size
    return _svg(f"{title}：{words}", width, height, pieces, "bar")


def meter(title: str, value: float, maximum: float, tone: str, *, width: int = 160, height: int = 10) -> Markup:
    """One value against the largest of its kind."""
    size = max(width * value / maximum, LEAST) if value > 0 and maximum > 0 else 0
    return _svg(title, width, height, [_rect(0, 0, width, height, "track"), _rect(0, 0, size, height, tone)], "meter")


def trend(title: str, days: Sequence[Day], *, width: int = 154, height: int = 40) -> Markup:
    """Rows by business date, the quarantined part on top; a triangle marks refused files.

    Heights follow the square root, so that a daily change stays visible beside a first full load.
    """
    if not days:
        return _svg(f"{title}：无数据", width, height, [], "trend")
    roof = 9.0
    step = width / len(days)
    largest = max(day.rows for day in days)
    pieces = [Markup('<line x1="0" y1="{0}" x2="{1}" y2="{0}" class="axis"/>').format(_number(height - 0.5), width)]
    for index, day in enumerate(days):
        x, bar = index * step + step * 0.15, step * 0.7
        words = _day_in_words(day)
        if day.rows:
            tall = max((height - roof - 1) * sqrt(day.rows / largest), LEAST)
            bad = max(tall * day.quarantined / day.rows, LEAST) if day.quarantined else 0.0
            pieces.append(_rect(x, height - 1 - tall, bar, tall, "adopted", words))
            if bad:
                pieces.append(_rect(x, height - 1 - tall, bar, min(bad, tall), "quarantined", words))
        if day.refused_files:
            top = 1 if day.rows else height - 9
            pieces.append(
                Markup('<path d="M{} {}h8l-4 7z" class="refused"><title>{}</title></path>').format(
                    _number(x + bar / 2 - 4), top, words
                )
            )
    newest = _day_in_words(days[-1])
    return _svg(f"{title}，近 {len(days)} 个业务日期；最近一期 {newest}", width, height, pieces, "trend")


def sparkline(title: str, values: Sequence[int], *, width: int = 90, height: int = 24) -> Markup:
    """The course of one number, oldest first; the dot is now."""
    if not values:
        return _svg(f"{title}：无数据", width, height, [], "spark")
    low, high = min(values), max(values)
    step = (width - 8) / max(len(values) - 1, 1)
    points = [
        (4 + index * step, height / 2 if high == low else height - 4 - (height - 8) * (value - low) / (high - low))
        for index, value in enumerate(values)
    ]
    line = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
    x, y = points[-1]
    return _svg(
        f"{title}：{' → '.join(f'{value:,}' for value in values)}",
        width,
        height,
        [
            Markup('<polyline points="{}" class="line"/>').format(line),
            Markup('<circle cx="{}" cy="{}" r="2.5" class="now"/>').format(_number(x), _number(y)),
        ],
        "spark",
    )


def curve(
    title: str,
    points: Sequence[tuple[date, float]],
    unit: str,
    *,
    whole: bool = True,
    width: int = 460,
    height: int = 150,
) -> Markup:
    """The course of one number over days, oldest first, from nought up, with its scale; the dot is now.

    Days stand where they lie in time. With ``whole=False`` a day that is missing is a gap: nobody knows its number.
    """
    if not points:
        return _svg(f"{title}：无数据", width, height, [], "curve")
    left, roof, floor = 8.0, 26.0, height - 22.0
    high = max(value for _, value in points)
    first, last = points[0][0], points[-1][0]
    span = max((last - first).days, 1)
    placed = [
        (left + (width - 2 * left) * (day - first).days / span, floor - (floor - roof) * (value / high if high else 0))
        for day, value in points
    ]
    parts: list[list[tuple[float, float]]] = [[placed[0]]]
    for (before, _), (day, _), spot in zip(points, points[1:], placed[1:], strict=False):
        if whole or (day - before).days == 1:
            parts[-1].append(spot)
        else:
            parts.append([spot])
    x, y = placed[-1]
    pieces = [
        Markup('<line x1="{0}" y1="{1}" x2="{2}" y2="{1}" class="axis"/>').format(
            _number(left), _number(level), _number(width - left)
        )
        for level in ((roof, floor) if high else (floor,))
    ]
    pieces += [
        Markup('<polyline points="{}" class="line"/>').format(" ".join(f"{_number(a)},{_number(b)}" for a, b in part))
        if len(part) > 1
        else Markup('<circle cx="{}" cy="{}" r="1.5" class="now"/>').format(_number(part[0][0]), _number(part[0][1]))
        for part in parts
    ]
    pieces.append(Markup('<circle cx="{}" cy="{}" r="3" class="now"/>').format(_number(x), _number(y)))
    for at, height_at, anchor, words in (
        (left, roof - 8, "start", f"{amount(high)} {unit}"),
        (left, height - 5, "start", str(first)),
        (width - left, height - 5, "end", str(last) if last > first else ""),
    ):
        pieces.append(
            Markup('<text x="{}" y="{}" text-anchor="{}" class="scale">{}</text>').format(
                _number(at), _number(height_at), anchor, words
            )
        )
    newest = points[-1][1]
    words = f"{title}，{first} 至 {last}：最高 {amount(high)}，最近 {amount(newest)} {unit}"
    return _svg(words, width, height, pieces, "curve")


def amount(value: float) -> str:
    """A number as it is read: whole, or with two digits."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _day_in_words(day: Day) -> str:
    words = f"{day.business_date} 收到 {day.rows:,} 行，隔离 {day.quarantined:,} 行"
    return f"{words}，拒收 {day.refused_files} 份" if day.refused_files else words


def _rect(x: float, y: float, width: float, height: float, tone: str, words: str = "") -> Markup:
    title = Markup("<title>{}</title>").format(words) if words else Markup("")
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" class="{}">{}</rect>').format(
        _number(x), _number(y), _number(width), _number(height), tone, title
    )


def _svg(title: str, width: float, height: float, pieces: Sequence[Markup], kind: str) -> Markup:
    return Markup('<svg class="chart {}" role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>').format(
        kind, escape(title), _number(width), _number(height), Markup("").join(pieces)
    )


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
