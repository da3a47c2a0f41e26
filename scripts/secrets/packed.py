"""What is packed in a file, known by its content whatever the file is called; nothing touches a disk."""

from __future__ import annotations

import bz2
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator

LARGEST_UNPACKED = 64 * 2**20  # bytes that one file may unpack to
GZIP, XZ, BZIP = b"\x1f\x8b\x08", b"\xfd7zXZ\0", re.compile(rb"BZh[1-9]1AY&SY")
ZLIB = (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")
ZIP, ZIP_ENDS = b"PK\x03\x04", b"PK\x05\x06"
# these are known, and nothing here opens them
CLOSED = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18")
CLOSED_NAMES = (".7z", ".rar", ".zst", ".lz4")
BROTLI = ".br"  # such a file has no mark of its own


class UnopenedError(Exception):
    """It is broken, has a password, unpacks to more than is scanned, or its program is missing."""


def kind_of(name: str, data: bytes) -> str:
    """In what it is packed: `gzip`, `zip`, ..., `unknown` for what can't be opened; "" for what is not."""
    lower = name.lower()
    for kind, mark in (("gzip", GZIP), ("xz", XZ), ("zip", ZIP)):
        if data.startswith(mark):
            return kind
    if BZIP.match(data):
        return "bzip2"
    if data.startswith(CLOSED) or lower.endswith(CLOSED_NAMES):
        return "unknown"
    if lower.endswith(BROTLI):
        return "brotli"
    if data[257:262] == b"ustar" or lower.endswith(".tar"):
        return "tar"
    return _less_plain(lower, data)


def _less_plain(name: str, data: bytes) -> str:
    """A zip at the end of anything, such as a picture; zlib, whose mark alone may begin any text: `x^`."""
    behind = ZIP_ENDS in data[-66_000:] and zipfile.is_zipfile(io.BytesIO(data))
    if behind or name.endswith((".zip", ".jar")):
        return "zip"
    return "zlib" if data.startswith(ZLIB) and _begins_deflated(data[2:]) else ""


def contents(name: str, data: bytes) -> list[bytes]:
    """What is packed in it; [] if nothing is.

    Raises:
        UnopenedError: there is something, and it can't be looked into.
    """
    kind = kind_of(name, data)
    if not kind:
        return []
    try:
        return list(OPENERS[kind](data))
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, NotImplementedError) as fault:
        raise UnopenedError(kind) from fault
    except (zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile) as fault:
        raise UnopenedError(kind) from fault


def _gzip(data: bytes) -> Iterator[bytes]:
    clear, rest = b"", data
    while rest:
        engine = zlib.decompressobj(16 + zlib.MAX_WBITS)
        clear += engine.decompress(rest, LARGEST_UNPACKED + 1 - len(clear))
        _require(len(clear) <= LARGEST_UNPACKED and engine.eof)
        rest = engine.unused_data.lstrip(b"\0")
    yield clear


def inflated(data: bytes) -> bytes | None:
    """What a deflate stream without a header unpacks to; None if it is none."""
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        clear = engine.decompress(data, LARGEST_UNPACKED)
    except zlib.error:
        return None
    return clear if engine.eof else None


def _begins_deflated(data: bytes) -> bool:
    try:
        return bool(zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, 64))
    except zlib.error:
        return False


def _zlib(data: bytes) -> Iterator[bytes]:
    clear = inflated(data[2:])
    _require(clear is not None)
    yield clear or b""


def _brotli(data: bytes) -> Iterator[bytes]:
    try:
        import brotli
    except ImportError as fault:
        raise UnopenedError("brotli") from fault
    engine, clear = brotli.Decompressor(), b""
    try:
        clear = engine.process(data, output_buffer_limit=LARGEST_UNPACKED + 1)
        while not engine.is_finished() and not engine.can_accept_more_data():
            _require(len(clear) <= LARGEST_UNPACKED)
            clear += engine.process(b"", output_buffer_limit=LARGEST_UNPACKED + 1)
    except brotli.error as fault:
        raise UnopenedError("brotli") from fault
    _require(engine.is_finished() and len(clear) <= LARGEST_UNPACKED)
    yield clear


def _whole(engine: lzma.LZMADecompressor | bz2.BZ2Decompressor, data: bytes) -> bytes:
    clear = engine.decompress(data, LARGEST_UNPACKED + 1)
    _require(engine.eof and len(clear) <= LARGEST_UNPACKED)
    return clear


def _zip(data: bytes) -> Iterator[bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        left = LARGEST_UNPACKED
        yield "\n".join([archive.comment.decode("utf-8", "replace"), *archive.namelist()]).encode()
        for member in archive.infolist():
            with archive.open(member) as stream:
                clear = stream.read(left + 1)
            left -= len(clear)
            _require(left >= 0)
            yield clear


def _tar(data: bytes) -> Iterator[bytes]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        left = LARGEST_UNPACKED
        for member in archive:
            left -= member.size
            _require(left >= 0)
            content = archive.extractfile(member) if member.isreg() else None
            yield member.name.encode("utf-8", "surrogateescape")
            if content is not None:
                yield content.read()


def _unknown(_data: bytes) -> Iterator[bytes]:
    raise UnopenedError("unknown")


def _require(fits: bool) -> None:
    if not fits:
        raise UnopenedError("too large, or not whole")


OPENERS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "gzip": _gzip,
    "zlib": _zlib,
    "brotli": _brotli,
    "xz": lambda data: iter([_whole(lzma.LZMADecompressor(), data)]),
    "bzip2": lambda data: iter([_whole(bz2.BZ2Decompressor(), data)]),
    "zip": _zip,
    "tar": _tar,
    "unknown": _unknown,
}
