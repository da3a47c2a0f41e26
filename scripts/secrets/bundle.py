"""A built bundle as bytes: the files of a folder or of an archive, and what is packed inside of them."""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.errors import Refused
from scripts.secrets import escapes, packed
from scripts.secrets.joined import joined

DEPTH = 3  # a packed file in a packed file, and once more
LARGEST_BUNDLE = 512 * 2**20  # bytes of a bundle that are scanned
# Base64 of some length, in a data URL or a text of its own (an inlined worker or asset).
PACKED_TEXTS = (
    re.compile(rb"base64,([A-Za-z0-9+/_-]{40,}={0,2})"),
    re.compile(rb"[\"'`]([A-Za-z0-9+/_-]{40,}={0,2})"),
)
CONTROL = bytes([*range(9), 11, *range(14, 32), 127])  # characters that no text contains


@dataclass(frozen=True)
class Part:
    """Some bytes of a file: all of it, or what was packed at `offset`.

    Args:
        inside: in what it was packed or written: `gzip`, `zip`, `base64`, `escapes`, ...; "": in nothing.
    """

    file: str
    data: bytes
    offset: int | None = None
    inside: str = ""


def unpack(files: Mapping[str, bytes]) -> Iterator[Part]:
    """Every file, what is packed or escaped in it, and its name."""
    for name, data in files.items():
        yield from _unpack(Part(name, data), DEPTH)
        yield from _unpack(Part(name, name.encode("utf-8", "surrogateescape"), 0, "its name"), 1)


def _unpack(part: Part, depth: int) -> Iterator[Part]:
    yield part
    if depth == 0:
        return
    offset = part.offset
    name = part.file if offset is None else ""
    kind = packed.kind_of(name, part.data)
    if kind:
        with contextlib.suppress(packed.UnopenedError):  # `unreadable` says it
            for content in packed.contents(name, part.data):
                yield from _unpack(Part(part.file, content, offset or 0, kind), depth - 1)
        if kind != "zip":  # which may stand behind something else
            return
    read = (("escapes", escapes.decoded(part.data)), ("pieces", joined(part.data)))
    for inside, at, text in ((inside, *each) for inside, texts in read for each in texts):
        yield Part(part.file, text, at if offset is None else offset, inside)
    for match in (match for pattern in PACKED_TEXTS for match in pattern.finditer(part.data)):
        clear = _decode(match[1])
        if clear is not None:
            at = match.start(1) if offset is None else offset
            yield from _unpack(Part(part.file, clear, at, "base64"), depth - 1)


def _decode(text: bytes) -> bytes | None:
    """The decoded base64; None if it is none, or no text: known values are found in any base64 anyway."""
    plain = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    if len(plain) % 4 == 1:
        return None
    try:
        clear = base64.b64decode(plain + b"=" * (-len(plain) % 4))
    except binascii.Error:
        return None
    head = clear[:256]
    if clear.startswith((packed.GZIP, *packed.ZLIB)) or head == head.translate(None, CONTROL):
        return clear
    return packed.inflated(clear)


def unreadable(files: Mapping[str, bytes]) -> Iterator[tuple[str, bool]]:
    """Files that can't be looked into, each with whether the file that it was made from lies beside it."""
    for name, data in files.items():
        try:
            packed.contents(name, data)
        except packed.UnopenedError:
            yield name, name.rpartition(".")[0] in files


def read_folder(path: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path there; links are followed, as a server does.

    Raises:
        Refused: the folder does not exist, can't be read, or is too large to be scanned.
    """
    if not path.is_dir():
        raise Refused(f"there is no folder `{path}`", "name the folder that the build fills, or an address")
    files: dict[str, bytes] = {}
    size = 0
    try:
        for file in sorted(path.rglob("*")):
            if not file.is_file():
                if file.is_symlink():
                    raise Refused(f"`{file}` is a link that leads nowhere", "take it out of the bundle")
                continue
            size += file.stat().st_size
            if size > LARGEST_BUNDLE:
                raise _too_large(str(path))
            files[file.relative_to(path).as_posix()] = file.read_bytes()
    except OSError as fault:
        raise Refused(f"`{path}` can't be read: {fault.strerror}") from None
    return files


def read_archive(data: bytes, sender: str) -> dict[str, bytes]:
    """The files of a tar archive, packed or not; nothing of it is written to a disk.

    Raises:
        Refused: it is broken, or too large to be scanned.
    """
    files: dict[str, bytes] = {}
    size = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as packed:
            for member in packed:
                size += member.size
                if size > LARGEST_BUNDLE:
                    raise _too_large(sender)
                content = packed.extractfile(member) if member.isreg() or member.islnk() else None
                if content is not None:
                    files[member.name.removeprefix("./")] = content.read()
    except (tarfile.TarError, OSError, EOFError, ValueError, KeyError):
        raise Refused(f"what {sender} sent can't be read as an archive: nothing was scanned") from None
    return files


def _too_large(what: str) -> Refused:
    return Refused(
        f"{what} is larger than {LARGEST_BUNDLE // 2**20} MiB, and was not scanned",
        "is it the folder that is built?",
    )
