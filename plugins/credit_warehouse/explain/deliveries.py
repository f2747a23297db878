"""In which delivery of which feed an entry left: read from the delivered files themselves, checked by the ledger."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

from credit_warehouse.export.feed import delivered
from credit_warehouse.feed_protocol import DELTA

ENTRY_ID = re.compile(rb'"id"\s*:\s*"([^"]+)"')
INTACT, CHANGED, MISSING = "intact", "changed", "missing"


def of(entries: Iterable[dict[str, Any]], ledger: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per delivery and entry, in the order of delivery.

    ``entries`` are the tombstones and the entries held now; ``ledger`` every delivery of their feeds. What the
    database says of a delivery stands even when its file is gone or was changed.
    """
    wanted: dict[str, dict[str, dict[int, dict[str, Any]]]] = {}
    for entry in entries:
        wanted.setdefault(entry["feed"], {}).setdefault(entry["entry_id"], {})[entry["sequence"]] = entry
    found = []
    for sent in ledger:
        known = wanted.get(sent["feed"], {})
        state, changes = _changes(sent, set(known))
        for entry_id, sequences in known.items():
            change, held = changes.get(entry_id), sequences.get(sent["sequence"])
            if change is None and held is None:
                continue
            removed = held is not None and held["removed_at"] is not None
            found.append(
                {
                    **{name: value for name, value in sent.items() if name != "delta_sha256"},
                    "entry_id": entry_id,
                    "op": change["op"] if change else ("REMOVE" if removed else "HELD"),
                    "reason": (change or held or {}).get("reason"),
                    "file": state,
                    "identity_tier": ((change or {}).get("entry") or {}).get("identity_tier"),
                }
            )
    return found


def _changes(sent: dict[str, Any], ids: set[str]) -> tuple[str, dict[str, dict[str, Any]]]:
    """State of the delivered delta, and its lines about these entries; a changed file is not quoted."""
    path = delivered(sent["feed"], sent["sequence"]) / DELTA
    if not path.exists():
        return MISSING, {}
    digest, found = hashlib.sha256(), {}
    with path.open("rb") as stream:
        for line in stream:
            digest.update(line)
            match = ENTRY_ID.search(line)
            if match and match[1].decode() in ids:
                found[match[1].decode()] = json.loads(line)
    return (INTACT, found) if digest.hexdigest() == sent["delta_sha256"] else (CHANGED, {})
