"""A bulletin read back from its PDF: text by the map that copying uses, shapes by the embedded outlines.

The PDF is taken apart here, by ISO 32000-1 9.7 and 9.10, and not by the library that made it.
"""

from __future__ import annotations

import re
import zlib
from io import BytesIO
from typing import Any

from fontTools.cffLib import CFFFontSet
from fontTools.pens.recordingPen import RecordingPen


class Paper:
    """A PDF taken apart: what is drawn, as text, and with which outlines."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        streams = [self._plain(*found) for found in re.findall(rb"<<(.*?)>>\nstream\n(.*?)\nendstream", content, re.S)]
        (unicode_map,) = (text for text in streams if b"beginbfchar" in text)
        (cid_map,) = (text for text in streams if b"begincidchar" in text)
        self.characters = {
            int(code, 16): bytes.fromhex(to.decode()).decode("utf-16-be")
            for code, to in re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]+)>\n", unicode_map)
        }
        self.cids = {int(code, 16): int(cid) for code, cid in re.findall(rb"<([0-9A-F]{4})> (\d+)\n", cid_map)}
        self.outlines = CFFFontSet()
        (program,) = (text for text in streams if b"NotoSerifSC-Regular" in text[:100])
        self.outlines.decompile(BytesIO(program), None)
        self.pages = [self._drawn(text) for text in streams if b" Tj ET" in text]
        self.text = "".join(self.pages)

    @staticmethod
    def _plain(head: bytes, stream: bytes) -> bytes:
        return zlib.decompress(stream) if b"FlateDecode" in head else stream

    def _drawn(self, page: bytes) -> str:
        drawn = []
        for literal in re.findall(rb"\(((?:[^\\()]|\\.)*)\) Tj", page, re.S):
            codes = re.sub(
                rb"\\(.)", lambda found: {b"r": b"\r", b"n": b"\n"}.get(found[1], found[1]), literal, flags=re.S
            )
            drawn += [self.characters[codes[at] << 8 | codes[at + 1]] for at in range(0, len(codes), 2)]
        return "".join(drawn)

    def shape(self, character: str) -> list[Any]:
        (code,) = (code for code, found in self.characters.items() if found == character)
        pen = RecordingPen()
        self.outlines[0].CharStrings[f"cid{self.cids[code]:05d}"].draw(pen)
        return pen.value
