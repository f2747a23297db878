"""Numbers of persons and organisations: structure, check digits, masks. Pure functions, no I/O.

Written from the standards alone, so that the warehouse's SQL can be compared with it:

* GB 11643-1999, resident identity number (check digit: ISO 7064 MOD 11-2), with the 15-digit form before 1999,
  the residence permits for Hong Kong, Macau and Taiwan residents (address 81, 82, 83) and the permanent residence
  card of foreigners since 2023-12-01 (first digit 9), which share its structure;
* GB 32100-2015 with amendment XG1-2016, unified social credit code (USCC);
* GB 11714-1997, organisation code, positions 9 to 17 of the USCC.

The address digits are never a reason to reject: divisions are abolished, numbers stay with their holders.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from enum import StrEnum

RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
RESIDENT_CHECKS = "10X98765432"
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
ORG_CODE_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ORG_CODE_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
EARLIEST_BIRTH = date(1880, 1, 1)

_NOISE = re.compile(r"[\s\-\u2010-\u2015\u2212]+")
_RESIDENT_18 = re.compile(r"[0-9]{17}[0-9X]")
_RESIDENT_15 = re.compile(r"[0-9]{15}")
_RESIDENT_MASK = re.compile(r"(?=.*\*)(?:[0-9*]{17}[0-9X*]|[0-9*]{15})")
_USCC = re.compile(rf"[{USCC_ALPHABET}]{{2}}[0-9]{{6}}[{USCC_ALPHABET}]{{10}}")
_USCC_MASK = re.compile(rf"(?=.*\*)[{USCC_ALPHABET}*]{{18}}")
_ORG_CODE = re.compile(r"[0-9A-Z]{8}[0-9X]")
_ORG_CODE_MASK = re.compile(r"(?=.*\*)[0-9A-Z*]{9}")


class Verdict(StrEnum):
    """What is known of a number from its form alone."""

    VALID = "VALID"
    CHECK_FAIL = "CHECK_FAIL"
    STRUCT_FAIL = "STRUCT_FAIL"
    MASKED = "MASKED"
    EMPTY = "EMPTY"


def normalise(text: str | None) -> str:
    """NFKC, upper case, without white space and hyphens; an absent value becomes the empty string."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", text or "").upper())


def resident_id_check(first17: str) -> str:
    """Check character of the first 17 digits (GB 11643, ISO 7064 MOD 11-2)."""
    return RESIDENT_CHECKS[
        sum(int(digit) * weight for digit, weight in zip(first17, RESIDENT_WEIGHTS, strict=True)) % 11
    ]


def resident_id_verdict(text: str | None, on: date | None = None) -> Verdict:
    """Judge a number with the structure of GB 11643; the birth date must lie between 1880 and ``on`` (today).

    A 15-digit number carries no check digit and is VALID when its birth date exists.
    """
    number = normalise(text)
    if not number:
        return Verdict.EMPTY
    if _RESIDENT_MASK.fullmatch(number):
        return Verdict.MASKED
    birth = _birth_date(number)
    if birth is None or not EARLIEST_BIRTH <= birth <= (on or date.today()):
        return Verdict.STRUCT_FAIL
    if len(number) == 18 and resident_id_check(number[:17]) != number[17]:
        return Verdict.CHECK_FAIL
    return Verdict.VALID


def to_resident_id_18(text: str | None) -> str | None:
    """The 18-digit form: a 15-digit number gains its century and check digit; None when the form is neither.

    Sequence numbers 996 to 999 of the 15-digit form were kept for those born before 1900.
    """
    number = normalise(text)
    if _RESIDENT_15.fullmatch(number):
        first17 = f"{number[:6]}{'18' if number[12:] >= '996' else '19'}{number[6:]}"
        return first17 + resident_id_check(first17)
    return number if _RESIDENT_18.fullmatch(number) else None


def birth_date_of(text: str | None) -> date | None:
    """Birth date in a resident number of either length, None when it has none."""
    return _birth_date(normalise(text))


def sex_of(text: str | None) -> str | None:
    """``男`` or ``女`` by the parity of the sequence number (GB 11643), None when there is no number."""
    full = to_resident_id_18(text)
    if full is None:
        return None
    return "男" if int(full[16]) % 2 else "女"


def mask_resident_id(text: str | None) -> str | None:
    """The mask of the Supreme People's Court: 10 + ``****`` + 4, which hides month and day of birth."""
    full = to_resident_id_18(text)
    return f"{full[:10]}****{full[14:]}" if full else None


def uscc_check(first17: str) -> str:
    """Check character of the first 17 characters of a USCC (GB 32100)."""
    total = sum(USCC_ALPHABET.index(char) * weight for char, weight in zip(first17, USCC_WEIGHTS, strict=True))
    return USCC_ALPHABET[-total % 31]


def uscc_verdict(text: str | None) -> Verdict:
    """Judge a USCC. Every prefix of the alphabet is accepted: N1, Y1, A1 and later ones are issued too."""
    code = normalise(text)
    if not code:
        return Verdict.EMPTY
    if _USCC_MASK.fullmatch(code):
        return Verdict.MASKED
    if not _USCC.fullmatch(code):
        return Verdict.STRUCT_FAIL
    return Verdict.VALID if uscc_check(code[:17]) == code[17] else Verdict.CHECK_FAIL


def org_code_check(first8: str) -> str:
    """Check character of the first 8 characters of an organisation code (GB 11714)."""
    total = sum(ORG_CODE_ALPHABET.index(char) * weight for char, weight in zip(first8, ORG_CODE_WEIGHTS, strict=True))
    return "0123456789X"[-total % 11]


def org_code_verdict(text: str | None) -> Verdict:
    """Judge an organisation code of nine characters, written with or without its hyphen."""
    code = normalise(text)
    if not code:
        return Verdict.EMPTY
    if _ORG_CODE_MASK.fullmatch(code):
        return Verdict.MASKED
    if not _ORG_CODE.fullmatch(code):
        return Verdict.STRUCT_FAIL
    return Verdict.VALID if org_code_check(code[:8]) == code[8] else Verdict.CHECK_FAIL


def _birth_date(number: str) -> date | None:
    full = to_resident_id_18(number)
    if full is None:
        return None
    try:
        return date(int(full[6:10]), int(full[10:12]), int(full[12:14]))
    except ValueError:
        return None
