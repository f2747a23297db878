"""The one exception that refuses a delivery: nothing of it is loaded, the original is kept, the reason is named."""

from __future__ import annotations


class Refused(Exception):
    """A delivery is refused whole.

    ``rule`` is the id shown everywhere; ``zh`` and ``en`` say what was found and what was expected, and never
    carry a value of a person.
    """

    def __init__(self, rule: str, zh: str, en: str) -> None:
        super().__init__(f"[{rule}] {zh} | {en}")
        self.rule = rule
        self.zh = zh
        self.en = en
