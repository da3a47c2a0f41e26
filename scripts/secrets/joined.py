# pure
"""Text that was cut and is put together when it is used: literals, base64 in lines, hex in groups."""

from __future__ import annotations

import re
from collections.abc import Iterator

HEX = rb"[0-9A-Fa-f]"
QUOTE = rb"[\"'`]"
# A piece of a secret, without what would make it prose or code.
PIECE = QUOTE + rb"[!#-&*-_a-~]{1,64}" + QUOTE
NAME = rb"(?:(?:const|let|var)\s{1,4})?[\"'`]?[\w$.]{1,32}[\"'`]?\s{0,4}[=:]\s{0,4}"
# What stands between two pieces: `+` or `,`; or the next of some constants, or of an object's values.
GLUE = rb"(?:\s{0,8}[+,]\s{0,8}|\s{0,8}[,;]\s{0,8}" + NAME + rb")"
LITERALS = re.compile(PIECE + rb"(?:" + GLUE + PIECE + rb"){1,4000}")
BETWEEN = re.compile(QUOTE + GLUE + QUOTE)
LINE = 76  # characters of a line of base64
BREAKS = (b"\n", b"\r\n", b"\\n", b"\\r\\n")
BASE64 = rb"[A-Za-z0-9+/_-]"


def _lines(mark: bytes) -> re.Pattern[bytes]:
    """Base64 from its first break on: to begin with the first line would be slow."""
    after = rb"%b%b{1,76}" % (mark, BASE64)
    return re.compile(rb"%b(?<=%b{60}%b)%b{1,76}(?:%b)*={0,2}" % (mark, BASE64, mark, BASE64, after))


WRAPPED = tuple(_lines(re.escape(mark)) for mark in BREAKS)
GROUPS = re.compile(HEX + rb"{2}(?:[ :=,-]" + HEX + rb"{2}){5,4000}")
SIGNS = b" :=,-"


def joined(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(offset, text) of what is whole again when its pieces are put together, all of one kind at once."""
    found = [(match.start(), BETWEEN.sub(b"", match[0])) for match in LITERALS.finditer(data)]
    for mark, form in zip(BREAKS, WRAPPED, strict=True):
        spans = [(max(0, match.start() - LINE), match.end()) for match in form.finditer(data)]
        found += [(start, data[start:end].replace(mark, b"")) for start, end in spans]
    found += [
        (match.start(), bytes.fromhex(match[0].translate(None, SIGNS).decode("ascii")))
        for match in GROUPS.finditer(data)
    ]
    if found:
        yield found[0][0], b"\n".join(text for _, text in found)
