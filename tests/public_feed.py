"""A feed of the public list, or of a channel, signed by the independent publisher, with entries that tests invent."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from feed_peer import Publisher

KEY = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
NOW = datetime.now().astimezone().replace(microsecond=0)
RARE = "䶮𬭎·试样"


def entry(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "item_id": f"i{number}", "subject_name": f"试样{number}", "subject_kind": "person",
        "identifier_shown": f"6600011985****{number:04d}", "sex": "男", "age": None, "legal_representative": None,
        "case_number": f"(2026)赣0102执{number}号", "court_name": "南昌市东湖区人民法院", "court_division": "360102",
        "duty_summary": f"金钱给付义务，{number}000元", "published_on": f"2026-03-{number:02d}", "is_contested": False,
        **changes,
    }  # fmt: skip


class PublicFeed:
    """The feed ``name`` below ``folder``/exports, its first delivery five days ago."""

    def __init__(self, folder: Path, name: str = "exposure") -> None:
        self.folder = folder
        self.publisher = Publisher(folder / "exports" / name, KEY, NOW - timedelta(days=5))
        self.publisher.publish_key()

    def add(self, *entries: dict[str, Any]) -> None:
        self.publisher.send(*({"op": "ADD", "id": e["item_id"], "reason": None, "entry": e} for e in entries))

    def remove(self, number: int, reason: str) -> None:
        self.publisher.send({"op": "REMOVE", "id": f"i{number}", "reason": reason, "entry": None}, full=False)
