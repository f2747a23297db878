"""What may be read in a report: no number and no name survives, whatever column or message it strayed into.

A column declared free of personal data can still hold a name or a number when a provider shifts its columns.
"""

from __future__ import annotations

import re
import unicodedata

SHOWN_CHARACTERS = 40
SHOWN_DIGITS = 4
FEW_DIGITS = 6
"""With more digits than a year and a month a value is a date or a number to hide."""
PHONE_DIGITS = 11
"""Shorter numbers in a message are counts and sizes."""
PLAIN_WORDS = frozenset(
    "其他 其它 未知 不详 暂无 保密 不予公开 男性 女性 企业 个体 个人 自然人 法人 单位".split()  # noqa: SIM905 - readable
)
"""Whole values that name nobody and tell the provider what to correct."""
_HAN_RANGE = r"\u3007\u3400-\u9fff\U00020000-\U0003ffff"
_DATE = re.compile(r"(18|19|20)\d{2}\D{0,3}\d{1,2}\D{0,3}\d{1,2}\D{0,3}")
# Blanks inside belong to the word: a name of two characters is often written with one.
_HAN_WORD = re.compile(rf"([{_HAN_RANGE}])[{_HAN_RANGE}·•\s]+")
_LATIN_WORD = re.compile(rf"([^\W\d_{_HAN_RANGE}])[^\W\d_{_HAN_RANGE}]+")
_RUN = re.compile(r"[0-9A-Za-z*]{9,}")
_QUOTED = re.compile(
    r"(\b(?:column|constraint|function|index|relation|schema|table) )?"
    r"([\"“‘«]|(?<![A-Za-z])')(.*?)([\"”’»']|$)",
    re.DOTALL,
)
# Not NFKC: it would turn Chinese punctuation into ASCII.
_NARROW = {wide: wide - 0xFEE0 for wide in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_OWN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_ROW_DETAIL = re.compile(r"\b(DETAIL|CONTEXT|HINT|STATEMENT)\s*:.*", re.DOTALL)


def masked(value: str) -> str:
    """The shape of a value: of every word the first character, of a long number the first four digits, dates whole."""
    text = " ".join(unicodedata.normalize("NFKC", value).split())
    if text in PLAIN_WORDS:
        return text
    cut = text[:SHOWN_CHARACTERS] + ("…" if len(text) > SHOWN_CHARACTERS else "")
    shown = _LATIN_WORD.sub(_first_only, _HAN_WORD.sub(_first_only, cut))
    if sum(map(str.isdigit, text)) <= FEW_DIGITS or _DATE.fullmatch(text):
        return shown
    return _digits_hidden(shown)


def scrubbed(message: str, limit: int = 300) -> str:
    """A message of the database or of a tool without the values it quotes: they may be a person's."""
    text = _ROW_DETAIL.sub("", message.translate(_NARROW))
    text = _RUN.sub(_number, _QUOTED.sub(_quotation, text))
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[:limit]}…"


def _digits_hidden(text: str) -> str:
    """Digits after the fourth, and every letter that follows it."""
    seen, shown = 0, []
    for character in text:
        shown.append("*" if seen >= SHOWN_DIGITS and character.isalnum() else character)
        seen += character.isdigit()
    return "".join(shown)


def _first_only(found: re.Match[str]) -> str:
    return found[1] + "*" * (len(found[0]) - 1)


def _quotation(found: re.Match[str]) -> str:
    """Names of tables and columns stay, every other quotation goes."""
    own = _OWN_NAME.fullmatch(found[3]) and (found[1] or "_" in found[3])
    return found[0] if own else f"{found[1] or ''}{found[2]}…{found[4]}"


def _number(found: re.Match[str]) -> str:
    run = found[0]
    digits = sum(map(str.isdigit, run))
    is_number = digits >= PHONE_DIGITS or (digits >= FEW_DIGITS and digits < len(run))
    return run[:SHOWN_DIGITS] + "*" * (len(run) - SHOWN_DIGITS) if is_number else run
