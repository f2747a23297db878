"""After a build: what the model says of the pairs that no rule settles, for the reviewer's queue."""

from __future__ import annotations

from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from credit_warehouse.db import connect
from credit_warehouse.likeness import RULES, model
from credit_warehouse.likeness.names import Likeness, likeness, stem

Row = dict[str, Any]
CHUNK = 50_000
# A name is never enough: one of these has to agree besides.
BESIDES = {"organisation": ("representative", "number"), "person": ("division", "year", "tail")}
PAIRS = "select * from core.likely_pair where subject_kind = %s order by item_id, subject_id, subject_name"
SUBJECTS = "select count(*) as count from core.subject where subject_kind = %s"
# An item that has got a number of its own is touched, and not looked at any more.
FORGET = """
delete from core.likely_candidate
where item_id in (select item_id from core.likely_item union select item_id from core.touched_item)
"""
WRITE = """
insert into core.likely_candidate
    (item_id, subject_id, subject_kind, rule_code, evidence, basis, content_batch_id, content_row_no, build_id)
values
    (%(item_id)s, %(subject_id)s, %(subject_kind)s, %(rule)s, %(evidence)s, %(basis)s, %(content_batch_id)s,
    %(content_row_no)s, %(build)s)
on conflict do nothing
"""


def propose(build_id: int) -> int:
    """Write the candidates of the items that were looked at in this build anew; returns how many there are."""
    written = 0
    with connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(FORGET)
        for kind, rule in RULES.items():
            with connection.cursor(name=f"pairs_{kind}", row_factory=dict_row) as pairs:
                pairs.execute(PAIRS, [kind])
                counted = cursor.execute(SUBJECTS, [kind]).fetchone()
                assert counted
                while found := pairs.fetchmany(CHUNK):
                    said = candidates(kind, found, counted["count"])
                    cursor.executemany(WRITE, [{**row, "rule": rule, "build": build_id} for row in said])
                    written += len(said)
    return written


def candidates(kind: str, pairs: list[Row], subjects: int) -> list[Row]:
    """Pairs worth a reviewer's time: more speaks for them than for chance among so many subjects."""
    kept = [pair for pair in pairs if _is_asked(kind, pair)]
    scored = zip(kept, model.scores(kind, kept, subjects), strict=True)
    found: dict[tuple[str, str], Row] = {}
    # A subject may have had several names: the one that fits best is told.
    for pair, (weight, levels) in sorted(scored, key=lambda one: -one[1][0]):
        said = {name: model.in_words(kind, name, level) for name, level in levels.items()}
        besides = any(words[0] for name in BESIDES[kind] if (words := said[name]))
        if weight > 0 and besides:
            found.setdefault(
                (pair["item_id"], pair["subject_id"]), {**pair, "evidence": Jsonb(_facts(kind, pair, said))}
            )
    return list(found.values())


def _is_asked(kind: str, pair: Row) -> bool:
    """People are never matched by sound or by any other character, companies never across a numeral."""
    if kind == "organisation":
        return likeness(stem(pair["item_name"]), stem(pair["subject_name"])) is not Likeness.OTHER
    return likeness(pair["item_name"], pair["subject_name"]) in (Likeness.SAME, Likeness.LOOKS)


def _facts(kind: str, pair: Row, said: dict[str, tuple[bool, str] | None]) -> list[Row]:
    """The waterfall: one fact a comparison, in the form of the ledger's evidence, the name of a person masked."""
    return [
        {
            "field": field,
            "item": _shown(kind, column, pair["item_name"], pair, "item"),
            "subject": _shown(kind, column, pair["subject_name"], pair, "subject"),
            "agrees": words[0],
            "says": words[1],
        }
        for name, (field, column, _) in model.COMPARISONS[kind].items()
        if (words := said[name])
    ]


def _shown(kind: str, column: str, name: str, pair: Row, side: str) -> Any:
    if column == "name" and kind == "person":
        other = pair["subject_name" if side == "item" else "item_name"]
        differing = {place for place, (a, b) in enumerate(zip(name, other, strict=False)) if a != b}
        # The surname, and the character in question.
        return "".join(char if place in differing | {0} else "*" for place, char in enumerate(name))
    value = pair.get(f"{side}_{column}")
    if column == "representative" and value:
        return value[0] + "*" * (len(value) - 1)
    return value
