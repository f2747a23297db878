"""XML from strangers: one streaming parser that ends at the first document type declaration.

Every attack by entities (billion laughs, quadratic blowup, external files and addresses) starts with a DTD, and no
exchange format here has one. expat itself is used, as defusedxml does, because it tells the exact line of every
element; it resolves nothing external, and memory does not grow with the file.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn
from xml.parsers import expat

BLOCK = 1 << 18
TOKEN_LIMIT = 1 << 24
NAMED_ENCODING = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
# Every Chinese family is a part of GB18030; names outside this table are refused.
CODECS = {
    "utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "utf-8", "gb18030": "gb18030", "gbk": "gb18030",
    "gb2312": "gb18030", "gb_2312-80": "gb18030", "cp936": "gb18030", "utf-16": "utf-16",
}  # fmt: skip
Start = Callable[[str, dict[str, str], int], Any]
"""Called with name, attributes and line of every element."""
UNDECODABLE = "\ufdd0"
"""Stands for a byte that is no character. It is a noncharacter: no text holds it."""


class Forbidden(Exception):
    """The document declares a document type, with or without entities."""


class Malformed(Exception):
    """The document is not well-formed; ``line`` is where that shows, ``cut`` whether it just ends too early."""

    def __init__(self, line: int, *, cut: bool) -> None:
        super().__init__(f"line {line}")
        self.line = line
        self.cut = cut


class UnknownEncoding(Exception):
    """The document names an encoding that is not read here."""


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return UNDECODABLE, error.end


codecs.register_error("credit_warehouse.mark", _mark)


def encoding_of(head: bytes, declared: str) -> str:
    """Encoding of a document: its byte-order mark, else what it names, else as declared. Raises UnknownEncoding."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8"
    named = NAMED_ENCODING.match(head)
    if not named:
        return declared
    name = named[1].decode("ascii").lower()
    if name not in CODECS or CODECS[name] == "utf-16":
        raise UnknownEncoding(name)
    return CODECS[name]


def parse(
    blocks: Iterable[bytes],
    encoding: str,
    start: Start,
    end: Callable[[str], Any],
    text: Callable[[str], Any],
) -> None:
    """Feed a document to the handlers; ``start`` also gets the line. Raises Forbidden, Malformed."""
    parser = expat.ParserCreate(encoding="utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _forbid
    parser.EntityDeclHandler = _forbid
    parser.StartElementHandler = lambda name, attributes: start(name, attributes, parser.CurrentLineNumber)
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    decoder = codecs.getincrementaldecoder(encoding)("credit_warehouse.mark")
    fed = 0
    first = True
    try:
        for block in blocks:
            decoded = decoder.decode(block)
            if first and decoded:
                decoded, first = decoded.removeprefix("\ufeff"), False
            data = decoded.encode()
            parser.Parse(data, False)
            fed += len(data)
            if fed - parser.CurrentByteIndex > TOKEN_LIMIT:
                # expat reads an unfinished token again with every block.
                raise Malformed(parser.CurrentLineNumber, cut=False)
        parser.Parse(decoder.decode(b"", True).encode(), True)
    except expat.ExpatError as error:
        cut = error.code in (
            expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
            expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
            expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
            expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
        )
        raise Malformed(error.lineno, cut=cut) from error


def _forbid(*_: object) -> NoReturn:
    raise Forbidden
