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
