"""Pages of a service that were fetched already: an interrupted run goes on at the page it failed at.

``<folder>/state.json`` is the authority: a page counts when the state names it and its file has that length.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from credit_warehouse.stack.files import write_atomically

# Pages of one delivery describe one moment; what is left of a run of yesterday does not.
KEPT_SECONDS = 12 * 3600


@dataclass(frozen=True)
class Page:
    """One kept page."""

    items: int
    bytes: int
    sha256: str


@dataclass
class Shelf:
    """The pages of one source and business date."""

    folder: Path
    size: int
    total: int | None = None
    """The provider's own count, as its first page said."""
    begun: float = field(default_factory=time.time)
    pages: list[Page] = field(default_factory=list)

    @property
    def received(self) -> int:
        """Rows on the pages that are here."""
        return sum(page.items for page in self.pages)

    @property
    def complete(self) -> bool:
        """Whether the provider's count is reached, or its pages have come to an end."""
        return self.total is not None and (self.received >= self.total or not self.pages[-1].items)

    def put(self, body: bytes, items: int, total: int) -> None:
        """Keep the next page."""
        self.total = total
        path = self._path(len(self.pages))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        self.pages.append(Page(items, len(body), hashlib.sha256(body).hexdigest()))
        write_atomically(
            self.folder / "state.json",
            json.dumps({
                "size": self.size, "total": self.total, "begun": self.begun, "pages": [asdict(p) for p in self.pages]
            }),
        )  # fmt: skip

    def write(self, target: Path) -> None:
        """All pages in order, one a line."""
        with target.open("wb") as out:
            for number in range(len(self.pages)):
                out.write(self._path(number).read_bytes())
                out.write(b"\n")

    def clear(self) -> None:
        """Forget everything; the next page is the first."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.total, self.pages, self.begun = None, [], time.time()

    def _path(self, number: int) -> Path:
        return self.folder / f"{number + 1:06d}.json"

    def _intact(self) -> bool:
        return (
            bool(self.pages)
            and 0 <= time.time() - self.begun < KEPT_SECONDS
            and all(
                self._path(number).exists() and self._path(number).stat().st_size == page.bytes
                for number, page in enumerate(self.pages)
            )
        )


def open_shelf(folder: Path, size: int) -> Shelf:
    """The shelf as an earlier run left it; an empty one where nothing usable is left."""
    shelf = Shelf(folder, size)
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        shelf.begun, shelf.total = float(state["begun"]), int(state["total"])
        shelf.pages = [Page(**page) for page in state["pages"]]
        usable = state["size"] == size and shelf._intact()
    except (OSError, ValueError, TypeError, KeyError):
        usable = False
    if not usable:
        shelf.clear()
    return shelf
