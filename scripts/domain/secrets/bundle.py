"""A built bundle as bytes: its files, and what is packed inside of them."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

DEPTH = 3  # a packed file in a packed file, and once more
MOST = 64 * 2**20  # bytes that one file may unpack to
PACKED = (".br", ".zst", ".zip", ".7z", ".xz", ".bz2", ".rar", ".tar", ".tgz", ".lz4")
GZIP = b"\x1f\x8b\x08"
# base64 of some length, in a data URL or a text of its own (an inlined worker or asset)
PACKED_TEXTS = (
    re.compile(rb"base64,([A-Za-z0-9+/_-]{40,}={0,2})"),
    re.compile(rb"[\"'`]([A-Za-z0-9+/_-]{40,}={0,2})"),
)
CONTROL = bytes([*range(9), 11, *range(14, 32), 127])  # no text begins with one of these


@dataclass(frozen=True)
class Part:
    """Some bytes of a file: all of it, or what was packed at `offset`; `inside` says in what."""

    file: str
    data: bytes
    offset: int | None = None
    inside: str = ""


def parts(files: Mapping[str, bytes]) -> Iterator[Part]:
    """Every file, and what is packed in it."""
    for name, data in files.items():
        yield from _opened(Part(name, data), DEPTH)


def _opened(part: Part, depth: int) -> Iterator[Part]:
    yield part
    if depth == 0:
        return
    offset = part.offset
    if part.data.startswith(GZIP):
        clear = gunzipped(part.data)
        if clear is not None:
            yield from _opened(Part(part.file, clear, offset or 0, "gzip"), depth - 1)
        return
    for match in (match for pattern in PACKED_TEXTS for match in pattern.finditer(part.data)):
        clear = _decoded(match[1])
        if clear is not None:
            at = match.start(1) if offset is None else offset
            yield from _opened(Part(part.file, clear, at, "base64"), depth - 1)


def gunzipped(data: bytes) -> bytes | None:
    """What is packed, None when it is broken or larger than what is scanned."""
    clear, rest = b"", data
    try:
        while rest:
            engine = zlib.decompressobj(16 + zlib.MAX_WBITS)
            clear += engine.decompress(rest, MOST + 1 - len(clear))
            if len(clear) > MOST or not engine.eof:
                return None
            rest = engine.unused_data.lstrip(b"\0")
    except zlib.error:
        return None
    return clear


def _decoded(text: bytes) -> bytes | None:
    """What the base64 says, None when it is none, or no text: known values are found in any."""
    plain = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    if len(plain) % 4 == 1:
        return None
    try:
        clear = base64.b64decode(plain + b"=" * (-len(plain) % 4))
    except binascii.Error:
        return None
    head = clear[:256]
    return clear if clear.startswith(GZIP) or head == head.translate(None, CONTROL) else None


def unreadable(files: Mapping[str, bytes]) -> Iterator[str]:
    """Files that can't be looked into; one that lies beside its unpacked twin tells nothing new."""
    for name, data in files.items():
        stem, dot, ending = name.rpartition(".")
        packed = f"{dot}{ending}".lower() in PACKED
        broken = data.startswith(GZIP) and gunzipped(data) is None
        if (packed and not (ending.lower() in ("br", "zst") and stem in files)) or broken:
            yield name
