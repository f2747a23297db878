"""Makes ``tests/samples/feed-vectors``: ``python tests/feed_vectors.py DIR``. Same bytes every time, from known keys.

The private keys stand here for everybody to read: they sign these vectors and must never sign anything else.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from feed_peer import Publisher, line_of, number_of, set_hash

FIRST, SECOND = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
START = datetime(2026, 3, 1, 18, tzinfo=timezone(timedelta(hours=8)))
# Escapes, characters beyond the first plane, null, a number, a truth value: whatever a line can hold.
WANG = {"item_id": "a1", "subject_name": "王试样", "age": 40, "is_contested": False, "conduct": None}
LI = {"item_id": "b2", "subject_name": '李"试\\样\n𠮷', "age": None, "is_contested": True, "conduct": "\u0001/\u007f"}
ZHAO = {"item_id": "c3", "subject_name": "赵试样", "age": 23, "is_contested": False, "conduct": "有能力而不履行"}


def change(op: str, entry: dict[str, object]) -> dict[str, object]:
    gone = op == "REMOVE"
    return {"op": op, "id": entry["item_id"], "reason": "WITHDRAWN" if gone else None, "entry": None if gone else entry}


def directive(number: int, item: str, subject: str, tier: str) -> dict[str, object]:
    name = {"s1": "王试样", "s2": "李试样", "s3": "李试样"}[subject]
    return {"directive_id": f"d{number}", "item_id": item, "subject_id": subject, "subject_name": name,
            "identity_tier": tier, "measure_code": f"M-{number}"}  # fmt: skip


def told(op: str, number: int, subject: str) -> dict[str, object]:
    who = {"item_id": "i2", "subject_id": subject, "identity_tier": "T2"}
    return {"op": op, "id": f"link-{number}", "reason": "T2_PERSON_SEX_AGE", "entry": who}


def linked(folder: Path) -> None:
    """An entry that rests on a link, is found to be another's, and then nobody's."""

    def changed(op: str, entry: dict[str, object]) -> dict[str, object]:
        gone = op == "REMOVE"
        return {"op": op, "id": entry["directive_id"], "reason": "NO_VALID_IDENTIFIER" if gone else None,
                "entry": None if gone else entry}  # fmt: skip

    publisher = Publisher(folder / "punishment-cz", FIRST, START, product="punishment_directive",
                          label="联合惩戒指令", id_field="directive_id")  # fmt: skip
    one, other = ([directive(number, "i2", subject, "T2") for number in (2, 3)] for subject in ("s2", "s3"))
    publisher.send(changed("ADD", directive(1, "i1", "s1", "T1")))
    publisher.send(*(changed("ADD", entry) for entry in one), told("MERGE", 7, "s2"))
    publisher.send(told("SPLIT", 9, "s2"), *(changed("UPDATE", entry) for entry in other), told("MERGE", 10, "s3"))
    publisher.send(told("SPLIT", 12, "s3"), *(changed("REMOVE", entry) for entry in other), full=False)
    publisher.send()


def make(folder: Path) -> None:
    """Write everything into ``folder``."""
    publisher = Publisher(folder / "exposure", FIRST, START)
    publisher.publish_key()
    publisher.send(change("ADD", WANG), change("ADD", LI))
    publisher.send(change("UPDATE", {**WANG, "age": 41}), change("ADD", ZHAO))
    publisher.send(change("REMOVE", LI), full=False)
    publisher.rotate(SECOND)
    publisher.send()
    publisher.send(change("ADD", LI))
    linked(folder)
    lines = [line_of(entry) for entry in (WANG, LI, ZHAO)]
    primitives = {
        "lines": [
            {"entry": entry, "line_hex": line.hex(), "number_hex": f"{number_of(line):01024x}"}
            for entry, line in zip((WANG, LI, ZHAO), lines, strict=True)
        ],
        "set_hash": {
            "none": set_hash([]), "a1": set_hash(lines[:1]), "a1 b2": set_hash(lines[:2]), "a1 b2 c3": set_hash(lines),
        },
    }  # fmt: skip
    text = json.dumps(primitives, ensure_ascii=False, indent=1) + "\n"
    (folder / "primitives.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
