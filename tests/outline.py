"""The numbered paragraphs of a Chinese official document: number, length and hash of each.

The documents behind the catalogue are not part of this repository. ``python tests/outline.py QDSB-2017 FILE`` printed
the rows of tests/outline.csv; whoever holds a document can print them again and compare.
"""

from __future__ import annotations

import csv
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

COLUMNS = ("document", "paragraph", "characters", "sha256")
# A scan leaves the number of the page on a line of its own.
PAGE_NUMBER = re.compile(r"^[—－-]\s*\d+\s*[—－-]$")
NUMBER = "[一二三四五六七八九十]+"
LEVELS = (
    re.compile(rf"^({NUMBER})、"),
    re.compile(rf"^[（(]\s*({NUMBER})\s*[）)]"),
    re.compile(r"^(\d+)\s*[.．]"),
)
SHAPES = ("{}", "（{}）", "{}")


def paragraphs(text: str) -> Iterator[tuple[str, str]]:
    """Full number (``二（一）1``) and text of each paragraph, without any white space."""
    path = ["", "", ""]
    name, lines = "", list[str]()
    for line in (raw.strip() for raw in text.splitlines()):
        if PAGE_NUMBER.match(line):
            continue
        for level, pattern in enumerate(LEVELS):
            if found := pattern.match(line):
                if name:
                    yield name, _joined(lines)
                path[level:] = [SHAPES[level].format(found[1]), *[""] * (2 - level)]
                name, lines = "".join(path), []
                break
        lines.append(line)
    if name:
        yield name, _joined(lines)


def rows(document: str, text: str) -> Iterator[tuple[str, str, int, str]]:
    """Rows of the outline."""
    for name, content in paragraphs(text):
        yield document, name, len(content), hashlib.sha256(content.encode()).hexdigest()


def _joined(lines: list[str]) -> str:
    return re.sub(r"\s", "", "".join(lines))


if __name__ == "__main__":
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows(sys.argv[1], Path(sys.argv[2]).read_text(encoding="utf-8")))
