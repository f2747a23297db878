"""The question a department asks of its copy: is this person restricted for this matter? No I/O.

A directive shows the number of a person masked (month and day of birth hidden), so that a full number that fits the
mask is no proof: the name has to agree as well, and the answer says what it rests on. A name alone is never an answer.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Protocol

from credit_warehouse.identifiers import (
    Verdict,
    mask_resident_id,
    normalise,
    org_code_verdict,
    resident_id_verdict,
    uscc_verdict,
)

# The same writings count as one name as in the warehouse (dbt_project/functions/name_key.sql).
_NAME = str.maketrans("〔〕[]【】•‧・･∙⋅●.", "()()()········")
RESTRICTING = {"BLOCK", "RESTRICT", "REVOKE_HONOUR"}
"""Effects that close a door; the others ask somebody to look closer."""


class Answer(StrEnum):
    """What the copy says."""

    NONE = "未见限制 no restriction held"
    RESTRICTED = "限制 restricted"
    CONSIDER = "审慎参考 review or consider, not restricted"
    UNDECIDED = "不能认定 undecided: treat as not restricted until it is settled"


class Basis(StrEnum):
    """What the answer rests on."""

    NOTHING = "无相符条目 no entry fits"
    NUMBER = "号码一致（单位号码不遮蔽） the whole number agrees: numbers of organisations are not masked"
    MASK_AND_NAME = (
        "掩码相符且姓名一致；出生月日未比对，并非完整号码核对"
        " mask and name agree; month and day of birth are not compared: a mask match, not an identity check"
    )
    MASK_ONLY = "仅号码掩码相符，请同时提供姓名 only the mask fits; give the name too"
    NAME_DIFFERS = "号码掩码相符但姓名不同 the mask fits, the name is another"
    MASK_SHARED = "同名且掩码相同者不止一人 more than one person with this name and mask"
    NAME_ONLY = "只有姓名，不能认定是否本人 a name alone says nothing about the person"
    OTHER_MEASURES = "有其他措施，没有所问措施 other measures are held, not the one asked for"


class InvalidNumber(ValueError):
    """What was given is no complete number; the message does not repeat it."""


class Held(Protocol):
    """Where entries are found: a ``feed_consumer.Copy``."""

    def matching(self, *, number: str | None = None, name: str | None = None) -> list[dict[str, Any]]: ...


@dataclass(frozen=True)
class Found:
    """An answer, what it rests on, and the entries it comes from."""

    answer: Answer
    basis: Basis
    entries: tuple[dict[str, Any], ...] = ()
    candidates: tuple[str, ...] = ()
    """Shown numbers of those who share a name or a mask: what tells them apart."""


def name_key(name: str) -> str:
    """A name as it is compared."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", name)).translate(_NAME)


def lookup_keys(entry: dict[str, Any]) -> tuple[str | None, str | None]:
    """Number and name under which an entry is found; an organisation under its nine-character code."""
    shown, name = entry.get("identifier_shown"), entry.get("subject_name")
    number = shown if isinstance(shown, str) else None
    if number and entry.get("subject_kind") == "organisation" and len(number) == 18:
        number = number[8:17]
    return number, name_key(name) if isinstance(name, str) else None


def number_keys(number: str) -> list[str]:
    """Keys under which a full number may be held; raises InvalidNumber. Rarely it is valid for a person and a unit."""
    given, keys = normalise(number), []
    if resident_id_verdict(given) is Verdict.VALID and (masked := mask_resident_id(given)):
        keys.append(masked)
    if uscc_verdict(given) is Verdict.VALID:
        keys.append(given[8:17])
    if org_code_verdict(given) is Verdict.VALID:
        keys.append(given)
    if not keys:
        raise InvalidNumber("号码不完整或校验不符，请核对 the number is incomplete or fails its check digit")
    return keys


def check(
    held: Held,
    today: date,
    *,
    number: str | None = None,
    name: str | None = None,
    measure: str | None = None,
    matter: str | None = None,
) -> Found:
    """Answer for a number with its name, a number, or a name; ``measure`` or words of the ``matter`` narrow it down."""
    if number is None:
        same = [entry for entry in held.matching(name=name_key(name or "")) if _applies(entry, today)]
        return Found(Answer.UNDECIDED, Basis.NAME_ONLY, candidates=_shown(same))
    fitting = [entry for key in number_keys(number) for entry in held.matching(number=key) if _applies(entry, today)]
    if not fitting:
        return Found(Answer.NONE, Basis.NOTHING)
    people = [entry for entry in fitting if entry.get("subject_kind") != "organisation"]
    basis = Basis.NUMBER
    if len(people) == len(fitting):
        same = [entry for entry in people if name and name_key(str(entry.get("subject_name"))) == name_key(name)]
        if not same:
            basis = Basis.NAME_DIFFERS if name else Basis.MASK_ONLY
            return Found(Answer.UNDECIDED, basis, candidates=_shown(people))
        if len({entry.get("subject_id") for entry in same}) > 1:
            return Found(Answer.UNDECIDED, Basis.MASK_SHARED, candidates=_shown(same))
        fitting, basis = same, Basis.MASK_AND_NAME
    elif people:
        return Found(Answer.UNDECIDED, Basis.MASK_SHARED, candidates=_shown(fitting))
    asked = [entry for entry in fitting if _concerns(entry, measure, matter)]
    if not asked:
        # A code decides; words may be other words for the same thing.
        answer = Answer.UNDECIDED if matter and not measure else Answer.NONE
        return Found(answer, Basis.OTHER_MEASURES, tuple(fitting) if answer is Answer.UNDECIDED else ())
    closes = any(entry.get("effect_type") in RESTRICTING for entry in asked)
    return Found(Answer.RESTRICTED if closes else Answer.CONSIDER, basis, tuple(asked))


def _applies(entry: dict[str, Any], today: date) -> bool:
    """A directive, and within its term: a term has ended on its last day, whether or not a delivery has said so."""
    since, until = entry.get("since"), entry.get("until")
    return (
        "measure_code" in entry
        and (since is None or date.fromisoformat(since) <= today)
        and (until is None or today < date.fromisoformat(until))
    )


def _concerns(entry: dict[str, Any], measure: str | None, matter: str | None) -> bool:
    if measure and entry.get("measure_code") != measure:
        return False
    return not matter or all(word in str(entry.get("measure_zh")) for word in matter.split())


def _shown(entries: list[dict[str, Any]]) -> tuple[str, ...]:
    """Shown numbers, one a person; whoever shares even that is told apart by the centre alone."""
    people = {entry.get("subject_id"): str(entry.get("identifier_shown")) for entry in entries}
    return tuple(sorted(people.values()))
