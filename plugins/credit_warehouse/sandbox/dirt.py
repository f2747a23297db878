"""How providers spoil what they send: spellings of one and the same value. No spelling changes what is meant."""

from __future__ import annotations

import random
from datetime import date

NULLS = ("暂无", "无", r"\N", "NULL", "— —", "", "—")
NULL_DATES = ("", "9999-09-09", "2099-12-31")
SEPARATORS = ("•", "‧", "・", "．", "·")
FULL_WIDTH = {ord("0") + i: 0xFF10 + i for i in range(10)} | {ord("X"): 0xFF38}
TO_HALF = str.maketrans("（）", "()")
TO_FULL = str.maketrans("()", "（）")
TO_TORTOISE = str.maketrans("（）", "〔〕")


class Dirt:
    """One provider's carelessness: seeded, with rates of a few per cent."""

    def __init__(self, rng: random.Random, rate: float = 0.03) -> None:
        self.rng = rng
        self.rate = rate

    def hits(self, factor: float = 1.0) -> bool:
        return self.rng.random() < self.rate * factor

    def null(self) -> str:
        """An absent value, mostly empty."""
        return self.rng.choice(NULLS) if self.hits(8) else ""

    def number(self, number: str) -> str:
        """An identifier: lower-case x, full-width digits, spaces; what it says stays the same."""
        if number.endswith("X") and self.hits(6):
            return number.lower()
        if self.hits(0.5):
            return number.translate(FULL_WIDTH)
        if self.hits(0.5):
            return f" {number[:6]} {number[6:]} "
        return number

    def person_name(self, name: str) -> str:
        if "·" in name:
            return name.replace("·", self.rng.choice(SEPARATORS)) if self.hits(12) else name
        if self.hits(0.4):
            return f"{name[0]}{self.rng.choice((' ', chr(0x3000)))}{name[1:]}"
        return name

    def organisation_name(self, name: str) -> str:
        if "（" in name:
            return name.translate(TO_HALF) if self.hits(10) else name
        return f"{name} " if self.hits(0.3) else name

    def case_code(self, code: str) -> str:
        """Half-width, full-width and tortoise-shell brackets all occur."""
        draw = self.rng.random()
        if draw < 0.55:
            return code.translate(TO_HALF)
        return code.translate(TO_TORTOISE) if draw < 0.57 else code

    def court_date(self, day: date) -> str:
        """Mostly ``2017年05月12日``."""
        return self._date(day) if self.hits(3) else f"{day:%Y年%m月%d日}"

    def plain_date(self, day: date) -> str:
        """Mostly ``2017-05-12``."""
        return self._date(day) if self.hits(2) else day.isoformat()

    def _date(self, day: date) -> str:
        forms = (
            f"{day:%Y%m%d}",
            day.isoformat(),
            f"{day.year}/{day.month}/{day.day}",
            f"{day.isoformat()} 00:00:00",
            f"{day:%Y年%m月%d日}",
        )
        return self.rng.choice(forms)

    def open_end(self) -> str:
        """The end of what has no end."""
        return self.rng.choice(NULL_DATES)

    def sex(self, sex: str) -> str:
        return f"{sex}性" if self.rng.random() < 0.6 else sex

    def amount(self, cents: int) -> str:
        """Yuan; sometimes with thousands separators or four decimals."""
        yuan = f"{cents // 100}.{cents % 100:02d}"
        if self.hits(1):
            return f"{cents // 100:,}.{cents % 100:02d}"
        return f"{yuan}00" if self.hits(0.5) else yuan
