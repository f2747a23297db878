"""What publisher and consumer of a feed agree on: names, canonical lines, the hash of a set, keys. No database.

docs/feed-protocol.md is the same in words, for those who write a consumer in another language.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

FORMAT = "credit-warehouse-feed/2"
FORMAT_WITH_EVENTS = "credit-warehouse-feed/3"
"""The same with SPLIT and MERGE: a delivery without any is one of ``FORMAT``, for whoever knows no other."""
KEY_FORMAT = "credit-warehouse-key/1"
RECEIPT_FORMAT = "credit-warehouse-receipt/1"
ALL, REMOVALS_ONLY = "all", "removals_only"
ADD, UPDATE, REMOVE = "ADD", "UPDATE", "REMOVE"
SPLIT, MERGE = "SPLIT", "MERGE"
COUNTED = {ADD: "added", UPDATE: "updated", REMOVE: "removed"}
EVENTS = {SPLIT: "split", MERGE: "merged"}
ORDER = (SPLIT, REMOVE, UPDATE, ADD, MERGE)
"""Of the lines of a delta with events: nobody is restricted for another's listing, not even between two lines."""
MANIFEST, SIGNATURE, DELTA, FULL, LATEST = "manifest.json", "manifest.sig", "delta.jsonl", "full.jsonl", "latest.json"
CSV_OF = {DELTA: "delta.csv", FULL: "full.csv"}
"""Another form of the same lines, for recipients that ask for it; nothing is applied from it."""
KEYS = "keys"
SUM_BYTES = 512


def canonical(entry: dict[str, Any]) -> bytes:
    """The one line of an entry (RFC 8785; the keys of entries are ASCII, their numbers integers)."""
    return json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


class SetHash:
    """Hash of a set of lines, whatever their order: a line comes or goes at the cost of that line.

    AdHash: the sum, modulo 2^4096, of SHAKE-256 of every line. 4096 bits, because a sum of 256 bits falls to the
    generalised birthday attack (docs/decisions/0024-signed-feeds.md).
    """

    def __init__(self, entry_sum: bytes = bytes(SUM_BYTES)) -> None:
        self._sum = int.from_bytes(entry_sum, "big")

    def add(self, line: bytes) -> None:
        self._sum += self._element(line)

    def remove(self, line: bytes) -> None:
        self._sum -= self._element(line)

    @property
    def entry_sum(self) -> bytes:
        """What has to be kept to go on later."""
        return (self._sum % (1 << 8 * SUM_BYTES)).to_bytes(SUM_BYTES, "big")

    def hexdigest(self) -> str:
        """What the manifest says: SHA-256 of the sum."""
        return hashlib.sha256(self.entry_sum).hexdigest()

    @staticmethod
    def _element(line: bytes) -> int:
        return int.from_bytes(hashlib.shake_256(line).digest(SUM_BYTES), "big")


def key_id(public: bytes) -> str:
    """Name of a public key (its 32 raw bytes)."""
    return hashlib.sha256(public).hexdigest()[:16]


def pem(public: bytes) -> bytes:
    """A public key as the file ``<key_id>.pub``, which openssl reads too."""
    return Ed25519PublicKey.from_public_bytes(public).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def read_key(path: Path) -> bytes:
    """The 32 raw bytes of a public key file; raises ValueError for anything else."""
    key = load_pem_public_key(path.read_bytes())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(f"{path.name} is no Ed25519 key")
    return key.public_bytes_raw()


def is_signed(public: bytes, signature: bytes, content: bytes) -> bool:
    """Whether ``signature`` was made over ``content`` with the private half of ``public``."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except InvalidSignature:
        return False
    return True


def document(content: dict[str, Any]) -> bytes:
    """A manifest or an announcement as it is written, and signed."""
    return (json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()
