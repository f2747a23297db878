"""How alike two names are written: facts about characters, no probability.

``look_alike.csv``: characters that look alike (同形) and that sound alike in the same tone (同音), from the lists
named in NOTICE, and pairs that are known to be confused in documents.
"""

from __future__ import annotations

import csv
import re
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

_FORM = re.compile("(集团)?(股份)?(有限)?(责任)?公司$")
SHOWN_ENOUGH = 12
"""Of a masked code that shows less, nothing but the division can be told."""
TABLE = Path(__file__).parent / "look_alike.csv"


COUNTING = frozenset("0123456789一二三四五六七八九十零〇甲乙丙丁戊己庚辛壬癸东南西北中上下前后左右新老大小")
"""Characters by which sister companies, branches and villages are told apart: never taken for a slip."""


class Likeness(StrEnum):
    """What stands between two names, the strongest first."""

    SAME = "SAME"
    LOOKS = "LOOKS"
    """One character, and the two look alike."""
    SOUNDS = "SOUNDS"
    """One character, and the two sound alike."""
    ONE = "ONE"
    """One character, missing or another."""
    OTHER = "OTHER"


@lru_cache
def _table() -> dict[str, tuple[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row["character"]: (row["looks_like"], row["sounds_like"]) for row in csv.DictReader(file)}


def alikes(character: str, *, looks: bool) -> str:
    """Characters that look, or sound, like this one."""
    return _table().get(character, ("", ""))[0 if looks else 1]


def stem(name: str) -> str:
    """A company's name without its legal form; a branch keeps its ending."""
    return name if name.endswith("分公司") else _FORM.sub("", name)


def slips(one: str, other: str, enough: int = SHOWN_ENOUGH) -> int | None:
    """How many visible places of two numbers differ, two exchanged neighbours counted once; None where too few show."""
    seen = [(a, b) for a, b in zip(one, other, strict=False) if "*" not in (a, b)]
    if len(one) != len(other) or len(seen) < enough:
        return None
    wrong = [place for place, (a, b) in enumerate(seen) if a != b]
    if len(wrong) == 2 and wrong[1] - wrong[0] == 1 and seen[wrong[0]] == seen[wrong[1]][::-1]:
        return 1
    return len(wrong)


def likeness(one: str, other: str) -> Likeness:
    """Compare two names; symmetrical."""
    if one == other:
        return Likeness.SAME
    if len(one) == len(other):
        differing = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
        if len(differing) > 1:
            return Likeness.OTHER
        a, b = differing[0]
        if a in COUNTING and b in COUNTING:
            return Likeness.OTHER
        if b in alikes(a, looks=True):
            return Likeness.LOOKS
        return Likeness.SOUNDS if b in alikes(a, looks=False) else Likeness.ONE
    shorter, longer = sorted((one, other), key=len)
    if len(longer) - len(shorter) == 1 and any(
        longer[:place] + longer[place + 1 :] == shorter for place in range(len(longer))
    ):
        return Likeness.ONE
    return Likeness.OTHER
