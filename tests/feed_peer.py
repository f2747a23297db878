"""Both ends of a feed as docs/feed-protocol.md describes them: imports nothing of the project.

The publisher makes the vectors of ``tests/samples/feed-vectors`` and the feeds of the properties; the verifier reads
what the project writes. Where project and peer disagree, one of them does not follow the document.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

MODULUS = 2**4096
Entry = dict[str, Any]


def line_of(entry: Entry) -> bytes:
    """Section 4: the canonical line, put together by hand instead of by a library's options."""
    fields = (f"{json.dumps(name)}:{json.dumps(entry[name], ensure_ascii=False)}" for name in sorted(entry))
    return ("{" + ",".join(fields) + "}").encode("utf-8")


def number_of(line: bytes) -> int:
    return int.from_bytes(hashlib.shake_256(line).digest(512), "big")


def set_hash(lines: list[bytes]) -> str:
    """Section 5."""
    total = sum(number_of(line) for line in lines) % MODULUS
    return hashlib.sha256(total.to_bytes(512, "big")).hexdigest()


def raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def name_of(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:16]


@dataclass
class Publisher:
    """Writes a feed."""

    folder: Path
    key: Ed25519PrivateKey
    produced: datetime
    held: dict[str, Entry] = field(default_factory=dict)
    sequence: int = 0
    previous: str | None = None
    product: str = "exposure_publication"
    label: str = "曝光清单"
    id_field: str = "item_id"

    @property
    def keys(self) -> Path:
        return self.folder.parent / "keys"

    def publish_key(self) -> None:
        self.keys.mkdir(parents=True, exist_ok=True)
        pem = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self.keys / f"{name_of(raw(self.key))}.pub").write_bytes(pem)

    def rotate(self, following: Ed25519PrivateKey) -> None:
        told = {
            "format": "credit-warehouse-key/1", "key_id": name_of(raw(following)), "public_key": raw(following).hex(),
            "previous_key_id": name_of(raw(self.key)), "announced_at": self.produced.isoformat(),
            "in_use_from": (self.produced + timedelta(days=1)).isoformat(),
        }  # fmt: skip
        text = json.dumps(told).encode()
        (self.keys / f"{told['key_id']}.json").write_bytes(text)
        (self.keys / f"{told['key_id']}.sig").write_bytes(self.key.sign(text))
        self.key = following
        self.publish_key()

    def send(self, *changes: dict[str, Any], full: bool = True) -> Path:
        for change in changes:
            if change["op"] == "REMOVE":
                self.held.pop(change["id"], None)
            elif change["op"] in ("ADD", "UPDATE"):
                self.held[change["id"]] = change["entry"]
        step = self.folder / f"{self.sequence + 1:08d}"
        step.mkdir(parents=True)
        files = [self._file(step / "delta.jsonl", [json.dumps(change, ensure_ascii=False) for change in changes])]
        if full:
            files.append(self._file(step / "full.jsonl", [line_of(self.held[name]).decode() for name in self.held]))
        ops = [change["op"] for change in changes]
        self.sequence += 1
        self.produced += timedelta(days=1)
        counts = {"added": ops.count("ADD"), "updated": ops.count("UPDATE"), "removed": ops.count("REMOVE"),
                  "total": len(self.held)}  # fmt: skip
        events = {"split": ops.count("SPLIT"), "merged": ops.count("MERGE")}
        manifest = {
            "format": f"credit-warehouse-feed/{3 if any(events.values()) else 2}", "feed": self.folder.name,
            "product": self.product, "label": self.label, "id_field": self.id_field, "sequence": self.sequence,
            "business_date": self.produced.date().isoformat(), "scope": "all" if full else "removals_only",
            "counts": {**counts, **events} if any(events.values()) else counts,
            "files": files, "set_hash": set_hash([line_of(entry) for entry in self.held.values()]),
            "previous_manifest_sha256": self.previous, "produced_at": self.produced.isoformat(),
            "valid_until": (self.produced + timedelta(days=7)).isoformat(), "key_id": name_of(raw(self.key)),
        }  # fmt: skip
        text = (json.dumps(manifest, ensure_ascii=False, indent=1) + "\n").encode()
        (step / "manifest.json").write_bytes(text)
        (step / "manifest.sig").write_bytes(self.key.sign(text))
        (self.folder / "latest.json").write_bytes(text)
        self.previous = hashlib.sha256(text).hexdigest()
        return step

    @staticmethod
    def _file(path: Path, lines: list[str]) -> dict[str, Any]:
        content = "".join(line + "\n" for line in lines).encode()
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        return {"name": path.name, "rows": len(lines), "bytes": len(content), "sha256": digest}


def public_of(path: Path) -> bytes:
    return load_pem_public_key(path.read_bytes()).public_bytes(Encoding.Raw, PublicFormat.Raw)


class Verifier:
    """Follows a feed from its first delivery; any false claim is an AssertionError."""

    def __init__(self, folder: Path, public: bytes) -> None:
        self.folder, self.public = folder, public
        self.held: dict[str, Entry] = {}
        self.events: list[dict[str, Any]] = []
        self.sequence, self.previous = 0, None

    def catch_up(self) -> list[dict[str, Any]]:
        taken = []
        while (step := self.folder / f"{self.sequence + 1:08d}").exists():
            taken.append(self._take(step))
        latest = json.loads((self.folder / "latest.json").read_bytes())
        assert latest["sequence"] == self.sequence, "a delivery is missing"
        return taken

    def _take(self, step: Path) -> dict[str, Any]:
        text = (step / "manifest.json").read_bytes()
        manifest = json.loads(text)
        tells = {"credit-warehouse-feed/2": False, "credit-warehouse-feed/3": True}[manifest["format"]]
        self._check_signature(step, text, manifest["key_id"])
        assert manifest["feed"] == self.folder.name
        assert manifest["sequence"] == self.sequence + 1
        assert manifest["previous_manifest_sha256"] == self.previous
        complete = manifest["scope"] == "all"
        assert [claim["name"] for claim in manifest["files"]] == ["delta.jsonl", "full.jsonl"][: 1 + complete]
        for claim in manifest["files"]:
            content = (step / claim["name"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == claim["sha256"]
            assert (len(content), content.count(b"\n")) == (claim["bytes"], claim["rows"])
        counts = {"ADD": 0, "UPDATE": 0, "REMOVE": 0, **({"SPLIT": 0, "MERGE": 0} if tells else {})}
        ops, told = list[str](), list[dict[str, Any]]()
        for change in map(json.loads, (step / "delta.jsonl").read_text("utf-8").split("\n")[:-1]):
            counts[change["op"]] += 1
            ops.append(change["op"])
            if change["op"] in ("SPLIT", "MERGE"):
                assert change["reason"] and (complete or change["op"] == "SPLIT")
                told.append({**change["entry"], "op": change["op"], "id": change["id"], "rule": change["reason"]})
                continue
            assert (change["op"] == "ADD") == (change["id"] not in self.held)
            if change["op"] == "REMOVE":
                assert change["reason"] and change["entry"] is None
                del self.held[change["id"]]
            else:
                assert complete and change["reason"] is None
                assert change["entry"][manifest["id_field"]] == change["id"]
                self.held[change["id"]] = change["entry"]
        rank = ["SPLIT", "REMOVE", "UPDATE", "ADD", "MERGE"]
        assert not tells or ops == sorted(ops, key=rank.index), "nobody is added before somebody is split off"
        self._take_events(told)
        named = manifest["counts"]
        assert [named[name] for name in ("added", "updated", "removed", "split", "merged")[: len(counts)]] == list(
            counts.values()
        )
        assert named.keys() - {"added", "updated", "removed", "total"} == ({"split", "merged"} if tells else set())
        assert named["total"] == len(self.held)
        lines = [line_of(entry) for entry in self.held.values()]
        assert set_hash(lines) == manifest["set_hash"]
        if complete:
            full = (step / "full.jsonl").read_bytes().split(b"\n")[:-1]
            assert sorted(full) == sorted(lines), "the full set is what the deltas come to"
        self.previous = hashlib.sha256(text).hexdigest()
        self.sequence += 1
        return manifest

    def _take_events(self, told: list[dict[str, Any]]) -> None:
        """Section 3: what is split off is held no more, of what is merged there is something."""
        for event in told:
            assert event["id"] not in {known["id"] for known in self.events}, "told twice"
            self.events.append(event)
            subject = event.get("subject_id")
            held = [
                entry for entry in self.held.values()
                if entry["item_id"] == event["item_id"] and subject in (None, entry.get("subject_id"))
            ]  # fmt: skip
            assert held if event["op"] == "MERGE" else not held or subject is None

    def _check_signature(self, step: Path, text: bytes, key_id: str) -> None:
        keys = self.folder.parent / "keys"
        if key_id != name_of(self.public):
            announcement = (keys / f"{key_id}.json").read_bytes()
            self._verify((keys / f"{key_id}.sig").read_bytes(), announcement)
            told = json.loads(announcement)
            assert told["previous_key_id"] == name_of(self.public)
            self.public = bytes.fromhex(told["public_key"])
            assert name_of(self.public) == key_id
        self._verify((step / "manifest.sig").read_bytes(), text)

    def _verify(self, signature: bytes, content: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, content)
        except InvalidSignature:
            raise AssertionError("the signature is wrong") from None


class Consumer(Verifier):
    """The verifier that knows the document and nothing of the warehouse, given the key of the first delivery."""

    def __init__(self, folder: Path) -> None:
        first = json.loads((folder / "00000001" / "manifest.json").read_bytes())
        super().__init__(folder, public_of(folder.parent / "keys" / f"{first['key_id']}.pub"))
