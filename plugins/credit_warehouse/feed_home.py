"""A department's own home for its feeds: fetches what is new, keeps a copy of each feed, hands back receipts.

Whatever is fetched is stored here first and then verified and applied from here, so that what was verified is what is
applied even when the folder it came from changes meanwhile. Layout:

    <home>/keys/                      announcements of keys
    <home>/<feed>/copy.db             the copy (SQLite)
    <home>/<feed>/receipts/*.json     one receipt a delivery, for the centre
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from credit_warehouse.feed_consumer import Copy, FeedRefused, Standing, read_object
from credit_warehouse.feed_protocol import ALL, CSV_OF, DELTA, FULL, KEYS, LATEST, MANIFEST, SIGNATURE, SPLIT

FEED = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
KEY_ID = re.compile(r"[0-9a-f]{16}")
FURTHEST = 400
"""How many deliveries back a complete one is looked for, and how many keys are followed."""


class SourceProblem(RuntimeError):
    """Nothing can be fetched; the copies are as they were."""


class Source(Protocol):
    """Where the publisher's ``exports`` are found."""

    def save(self, name: str, path: Path) -> bool:
        """Store a file; ``False`` if there is none of this name."""


class FolderSource:
    """A folder: mounted, synced, or carried on a disk."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise SourceProblem(f"没有该目录 no such folder: {root}")
        self.root = root

    def save(self, name: str, path: Path) -> bool:
        try:
            shutil.copyfile(self.root / name, path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise SourceProblem(f"无法读取 cannot be read: {name} ({type(error).__name__})") from None
        return True


class HttpSource:
    """The same tree behind a web server, plain files."""

    def __init__(self, base_url: str, timeout_seconds: float = 30.0) -> None:
        import httpx

        self.client = httpx.Client(base_url=base_url.rstrip("/") + "/", timeout=timeout_seconds)

    def save(self, name: str, path: Path) -> bool:
        import httpx

        try:
            with self.client.stream("GET", name) as response:
                if response.status_code == httpx.codes.NOT_FOUND:
                    return False
                # A redirect would be another place than the one that was named.
                if response.status_code != httpx.codes.OK:
                    raise SourceProblem(f"无法读取 cannot be read: {name} (HTTP {response.status_code})")
                with path.open("wb") as out:
                    for block in response.iter_bytes():
                        out.write(block)
        except httpx.HTTPError as error:
            raise SourceProblem(f"无法连接 cannot be reached: {name} ({type(error).__name__})") from None
        return True


def source_of(place: str) -> Source:
    """The source that ``place`` names: an http(s) address or a folder."""
    return HttpSource(place) if place.startswith(("http://", "https://")) else FolderSource(Path(place))


@dataclass(frozen=True)
class Pulled:
    """What one pull did."""

    taken: list[int]
    anew: int | None
    """The delivery from whose full set the copy began again."""
    standing: Standing


@dataclass(frozen=True)
class Status:
    """What is held of one feed."""

    standing: Standing
    taken_at: datetime | None
    is_stale: bool
    splits: int
    """Who was taken for another, and nobody has said yet that what was done is undone."""


class Home:
    """The folder of one department."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def feeds(self) -> list[str]:
        """Feeds of which there is a copy."""
        return sorted(path.parent.name for path in self.folder.glob("*/copy.db"))

    @contextmanager
    def copy(self, feed: str, key: bytes | None = None) -> Iterator[Copy]:
        """The copy of a feed; ``key`` begins one, or gives a successor by hand."""
        path = self._path(feed) / "copy.db"
        if key is None and not path.exists():
            raise ValueError(f"{feed}：新副本需要公钥 a new copy needs the publisher's public key (--key)")
        # Who is listed for what is nobody's business on a shared machine.
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.mkdir(exist_ok=True)
        copy = Copy(path, key)
        try:
            yield copy
        finally:
            copy.close()

    def status(self, feed: str, now: datetime) -> Status | None:
        """Where the copy of a feed is; nothing before the first delivery."""
        with self.copy(feed) as copy:
            standing = copy.standing()
            if standing is None:
                return None
            splits = sum(event.op == SPLIT for event in copy.events())
            return Status(standing, copy.last_taken_at(), now > datetime.fromisoformat(standing.valid_until), splits)

    def pull(self, place: Source, feed: str, key: bytes | None = None, *, resync: bool = False) -> Pulled:
        """Take everything new of one feed, in order; raises FeedRefused at the first delivery that is wrong.

        What came before it stays taken, and a receipt is written for each. With ``resync`` a delivery that cannot be
        taken is passed over by beginning again with the full set of a later one.
        """
        with self.copy(feed, key) as copy:
            try:
                return _Pull(self, place, feed, copy).run(resync=resync)
            finally:
                self._hand_over_receipts(feed, copy)

    def _hand_over_receipts(self, feed: str, copy: Copy) -> None:
        folder = self._path(feed) / "receipts"
        folder.mkdir(exist_ok=True)
        for sequence, content in copy.unwritten_receipts():
            path = folder / f"{feed}-{sequence:08d}-{hashlib.sha256(content).hexdigest()[:8]}.json"
            draft = path.with_suffix(".draft")
            draft.write_bytes(content)
            draft.replace(path)
            copy.receipt_written(sequence)

    def _path(self, feed: str) -> Path:
        if not FEED.fullmatch(feed) or feed == KEYS:
            raise ValueError(f"不是清单名称 no name of a feed: {feed[:80]!r}")
        return self.folder / feed


class _Pull:
    """One feed, one pass."""

    def __init__(self, home: Home, place: Source, feed: str, copy: Copy) -> None:
        self.place, self.feed, self.copy = place, feed, copy
        self.keys = home.folder / KEYS
        self.incoming = home.folder / feed / "incoming"

    def run(self, *, resync: bool) -> Pulled:
        self.keys.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.incoming, ignore_errors=True)
        self.incoming.mkdir()
        try:
            return self._run(resync)
        finally:
            shutil.rmtree(self.incoming, ignore_errors=True)

    def _run(self, resync: bool) -> Pulled:
        latest = self._read(f"{self.feed}/{LATEST}")
        newest = _sequence(latest)
        if latest is None or newest is None:
            raise self._refused(1, "FILE", f"缺少 {LATEST}", f"{LATEST} is missing or no manifest")
        self._look_back(newest)
        if self.copy.standing() is None:
            begin = self._newest_full(1, newest)
            if begin is None:
                raise self._refused(1, "GAP", "没有全集可供开始", "no complete delivery to begin with")
            self.copy.begin_at(begin)
            self._take(begin)
            taken = [begin]
        else:
            taken = []
        anew = None
        while True:
            following = self._held() + 1
            try:
                if not self._take(following):
                    if following > newest:
                        break
                    raise self._missing(following, newest)
            except FeedRefused:
                anew = self._begin_again(newest) if resync and anew is None else None
                if anew is None:
                    raise
                following = anew
            taken.append(following)
        if self.copy.manifest_of(newest) not in (None, hashlib.sha256(latest).hexdigest()):
            raise self._refused(newest, "LATEST", f"{LATEST} 与清单不符", f"{LATEST} is not the manifest taken")
        standing = self.copy.standing()
        assert standing
        return Pulled(taken, anew, standing)

    def _look_back(self, newest: int) -> None:
        """The source must not have gone back behind what is held, nor have changed it."""
        standing = self.copy.standing()
        if standing is None:
            return
        held = standing.sequence
        # The pointer may be one delivery behind for a moment.
        if newest < held - 1:
            raise self._refused(
                held, "REPLAY", f"来源倒退至 {newest:08d}，需要 {held + 1:08d}",
                f"the source has gone back to {newest:08d}; needed is {held + 1:08d}",
            )  # fmt: skip
        text = self._read(f"{self.feed}/{held:08d}/{MANIFEST}")
        if text is not None and hashlib.sha256(text).hexdigest() != self.copy.manifest_of(held):
            raise self._refused(held, "FORK", "同一序号两种内容", "this number was taken before with other content")

    def _take(self, sequence: int, *, anew: bool = False) -> bool:
        """Fetch and take one delivery; ``False`` if the source has none of this number."""
        step = self.incoming / f"{sequence:08d}"
        step.mkdir(exist_ok=True)
        name = f"{self.feed}/{step.name}"
        if not self.place.save(f"{name}/{MANIFEST}", step / MANIFEST):
            return False
        told = read_object((step / MANIFEST).read_bytes())
        self.place.save(f"{name}/{SIGNATURE}", step / SIGNATURE)
        for file in [DELTA, *([FULL] if told.get("scope") == ALL else []), *_further_files(told)]:
            self.place.save(f"{name}/{file}", step / file)
        self._fetch_keys(told.get("key_id"))
        if anew:
            self.copy.take_anew(step, self.keys)
        else:
            self.copy.take(step, self.keys)
        shutil.rmtree(step)
        return True

    def _begin_again(self, newest: int) -> int | None:
        """Begin again with the newest full set after what is held; nothing if there is none."""
        full = self._newest_full(self._held() + 1, newest)
        if full is not None:
            self._take(full, anew=True)
        return full

    def _newest_full(self, first: int, last: int) -> int | None:
        for sequence in range(last, max(first, last - FURTHEST) - 1, -1):
            text = self._read(f"{self.feed}/{sequence:08d}/{MANIFEST}")
            if text is not None and read_object(text).get("scope") == ALL:
                return sequence
        return None

    def _fetch_keys(self, name: Any) -> None:
        """The announcement of the key that signs, and of its predecessors back to one that is here."""
        for _ in range(FURTHEST):
            if not isinstance(name, str) or not KEY_ID.fullmatch(name) or (self.keys / f"{name}.json").exists():
                return
            text, signature = self._read(f"{KEYS}/{name}.json"), self._read(f"{KEYS}/{name}.sig")
            if text is None or signature is None:
                return
            (self.keys / f"{name}.sig").write_bytes(signature)
            (self.keys / f"{name}.json").write_bytes(text)
            name = read_object(text).get("previous_key_id")

    def _read(self, name: str) -> bytes | None:
        path = self.incoming / "read"
        return path.read_bytes() if self.place.save(name, path) else None

    def _held(self) -> int:
        standing = self.copy.standing()
        return standing.sequence if standing else 0

    def _missing(self, sequence: int, newest: int) -> FeedRefused:
        full = self._newest_full(sequence + 1, newest)
        zh = f"；或自 {full:08d} 的全集重新开始（--resync）" if full else ""
        en = f", or begin again with the full set of {full:08d} (--resync)" if full else ""
        return self._refused(
            sequence, "GAP", f"缺少该清单，最新为 {newest:08d}，请向出库方索取{zh}",
            f"this delivery is missing, the newest is {newest:08d}; ask for it again{en}",
        )  # fmt: skip

    def _refused(self, sequence: int, rule: str, zh: str, en: str) -> FeedRefused:
        return FeedRefused(self.feed, sequence, rule, zh, en)


def _further_files(manifest: dict[str, Any]) -> list[str]:
    """Files in another form for people to read, which the manifest may name."""
    files = manifest.get("files")
    named = {file.get("name") for file in files if isinstance(file, dict)} if isinstance(files, list) else set()
    return [name for name in CSV_OF.values() if name in named]


def _sequence(text: bytes | None) -> int | None:
    found = read_object(text or b"").get("sequence")
    return found if type(found) is int else None
