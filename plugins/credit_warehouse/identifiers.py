"""Numbers of persons and organisations: structure, check digits, masks. Pure functions, no I/O.

Written from the standards alone, so that the warehouse's SQL can be compared with it:

* GB 11643-1999, resident identity number (check digit: ISO 7064 MOD 11-2), with the 15-digit form before 1999,
  the residence permits for Hong Kong, Macau and Taiwan residents (address 81, 82, 83) and the permanent residence
  card of foreigners since 2023-12-01 (first digit 9), which share its structure;
* GB 32100-2015 with amendment XG1-2016, unified social credit code (USCC);
* GB 11714-1997, organisation code, positions 9 to 17 of the USCC;
* GS 15-2006, registration number of 15 digits (check digit: ISO 7064 MOD 11,10), and the 13 digits before it, which
  have no check digit and stay with whoever was struck off before the renumbering;
* taxpayer numbers: a USCC, six digits of division and an organisation code (15), or the owner's document, bare (15, 18)
  or with two digits after it (17, 20).

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

# Spelled out: what counts as white space differs between Python and PostgreSQL, and a control character is no blank.
_NOISE = re.compile(r"[ \t\n\v\f\r\-\u2010-\u2015\u2212]+")
_RESIDENT_18 = re.compile(r"[0-9]{17}[0-9X]")
_RESIDENT_15 = re.compile(r"[0-9]{15}")
_RESIDENT_MASK = re.compile(r"(?=.*\*)(?:[0-9*]{17}[0-9X*]|[0-9*]{15})")
_USCC = re.compile(rf"[{USCC_ALPHABET}]{{2}}[0-9]{{6}}[{USCC_ALPHABET}]{{10}}")
_USCC_MASK = re.compile(rf"(?=.*\*)[{USCC_ALPHABET}*]{{18}}")
_ORG_CODE = re.compile(r"[0-9A-Z]{8}[0-9X]")
_ORG_CODE_MASK = re.compile(r"(?=.*\*)[0-9A-Z*]{9}")
_REGISTRATION = re.compile(r"[0-9]{13}|[0-9]{15}")
_REGISTRATION_MASK = re.compile(r"(?=.*\*)(?:[0-9*]{13}|[0-9*]{15})")
_MASK = re.compile(r"[0-9A-Z*]+")
_TAXPAYER_15 = re.compile(r"[0-9]{6}[0-9A-Z]{8}[0-9X]")
_TAXPAYER_MASK = re.compile(r"(?=.*\*)(?:[0-9A-Z*]{15}|[0-9*]{17}|[0-9A-Z*]{18}|[0-9X*]{20})")


class Verdict(StrEnum):
    """What is known of a number from its form alone."""

    VALID = "VALID"
    CHECK_FAIL = "CHECK_FAIL"
    STRUCT_FAIL = "STRUCT_FAIL"
    MASKED = "MASKED"
    EMPTY = "EMPTY"


class MaskKind(StrEnum):
    """Which characters of an 18-character document number a provider hides."""

    COURT = "COURT"
    """``RRRRRRYYYY****SSSC``: month and day of birth."""
    DIVISION = "DIVISION"
    """``RRRRRR************``: everything but the division."""
    ENDS = "ENDS"
    """``RRR************SSC``: everything but three characters at either end."""
    OTHER = "OTHER"
    """Anything else, the unfinished masks of 17 characters included: nothing is filled in."""


class Document(StrEnum):
    """Documents that share the structure of GB 11643."""

    RESIDENT = "RESIDENT"
    RESIDENCE_PERMIT = "RESIDENCE_PERMIT"
    """Residents of Hong Kong, Macau and Taiwan: address 810000, 820000, 830000."""
    PERMANENT_RESIDENCE = "PERMANENT_RESIDENCE"
    """Foreigners: first digit 9, since 2023-12-01."""


_MASKS = {
    MaskKind.COURT: re.compile(r"[0-9]{10}\*{4}[0-9]{3}[0-9X]"),
    MaskKind.DIVISION: re.compile(r"[0-9]{6}\*{12}"),
    MaskKind.ENDS: re.compile(r"[0-9]{3}\*{12}[0-9]{2}[0-9X]"),
}
# Best first: of two readings of one number the better one counts.
_BETTER = (Verdict.VALID, Verdict.CHECK_FAIL, Verdict.MASKED, Verdict.STRUCT_FAIL)


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


def registration_check(first14: str) -> str:
    """Check digit of the first 14 digits of a registration number (GS 15-2006, ISO 7064 MOD 11,10)."""
    state = 10
    for digit in first14:
        state = ((state + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - state) % 10)


def registration_verdict(text: str | None) -> Verdict:
    """Judge a registration number (注册号). The 13 digits of before 2007 carry no check digit: VALID by their form."""
    number = normalise(text)
    if not number:
        return Verdict.EMPTY
    if _REGISTRATION_MASK.fullmatch(number):
        return Verdict.MASKED
    if not _REGISTRATION.fullmatch(number):
        return Verdict.STRUCT_FAIL
    return Verdict.VALID if len(number) == 13 or registration_check(number[:14]) == number[14] else Verdict.CHECK_FAIL


def taxpayer_verdict(text: str | None, on: date | None = None) -> Verdict:
    """Judge a taxpayer number (纳税人识别号) by the best of the readings that its length allows."""
    number = normalise(text)
    if not number:
        return Verdict.EMPTY
    if _TAXPAYER_MASK.fullmatch(number):
        return Verdict.MASKED
    found = {Verdict.STRUCT_FAIL}
    if len(number) == 18:
        found |= {uscc_verdict(number), resident_id_verdict(number, on)}
    if len(number) == 15:
        found.add(resident_id_verdict(number, on))
        if _TAXPAYER_15.fullmatch(number):
            found.add(org_code_verdict(number[6:]))
    if len(number) in (17, 20) and re.fullmatch("[0-9]{2}", number[-2:]):
        found.add(resident_id_verdict(number[:-2], on))
    return next(verdict for verdict in _BETTER if verdict in found)


def mask_kind(text: str | None) -> MaskKind | None:
    """How a masked document number of a person is masked; None for what is no mask."""
    number = normalise(text)
    if "*" not in number:
        return None
    return next((kind for kind, form in _MASKS.items() if form.fullmatch(number)), MaskKind.OTHER)


def mask_fits(mask: str | None, number: str | None) -> bool:
    """Whether every character that the mask shows stands in the number at its place; other lengths never fit."""
    shown, full = normalise(mask), normalise(number)
    return (
        _MASK.fullmatch(shown) is not None
        and len(shown) == len(full)
        and all(one in ("*", other) for one, other in zip(shown, full, strict=True))
    )


def document_of(text: str | None) -> Document | None:
    """Which document a number of the structure of GB 11643 stands in; None where it is none."""
    full = to_resident_id_18(text)
    if full is None:
        return None
    if full[0] == "9":
        return Document.PERMANENT_RESIDENCE
    return Document.RESIDENCE_PERMIT if full[:6] in ("810000", "820000", "830000") else Document.RESIDENT


def division_of(text: str | None) -> str | None:
    """The six digits of the division in which a number was issued; names and years of divisions: seed ``division``.

    Information, never a reason to reject. The card of a foreigner has another structure there; a number whose check
    character fits a person and an organisation could have been issued in either place.
    """
    number = normalise(text)
    document = document_of(number)
    is_code = uscc_verdict(number) is Verdict.VALID
    if is_code and document and resident_id_check(number[:17]) == number[17]:
        return None
    if is_code:
        return number[2:8]
    return None if document in (None, Document.PERMANENT_RESIDENCE) else number[:6]


def _birth_date(number: str) -> date | None:
    full = to_resident_id_18(number)
    if full is None:
        return None
    try:
        return date(int(full[6:10]), int(full[10:12]), int(full[12:14]))
    except ValueError:
        return None
