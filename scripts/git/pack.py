# pure
"""A commit with one file, as git writes it; and a pack of objects, which git unpacks in one call."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from scripts.git.identity import Identity

KINDS = {"commit": 1, "tree": 2, "blob": 3}


class Made(NamedTuple):
    """An object that git does not have yet."""

    kind: str
    content: bytes

    @property
    def id(self) -> str:
        """The id that git gives it."""
        head = b"%b %d\0" % (self.kind.encode(), len(self.content))
        return hashlib.sha1(head + self.content, usedforsecurity=False).hexdigest()


def pack_of(objects: Sequence[Made]) -> bytes:
    """A pack of these objects, each as a whole."""
    pieces = [b"PACK", struct.pack(">II", 2, len(objects))]
    for each in objects:
        pieces += [_size(KINDS[each.kind], len(each.content)), zlib.compress(each.content)]
    packed = b"".join(pieces)
    return packed + hashlib.sha1(packed, usedforsecurity=False).digest()


def _size(kind: int, size: int) -> bytes:
    """Kind and size: four bits of it, then seven a byte; the highest bit says that more follow."""
    found, size = bytearray([kind << 4 | size & 15]), size >> 4
    while size:
        found[-1] |= 128
        found.append(size & 127)
        size >>= 7
    return bytes(found)


def commit_of_file(
    file: str, text: bytes, parents: Sequence[str], message: str, *, identity: Identity, at: tuple[int, int]
) -> list[Made]:
    """The commit of one file, first the blob and the tree.

    Args:
        message: stays as it is, as with `git commit-tree -F`.
        at: seconds since 1970, and how many of them local time is before UTC.
    """
    blob = Made("blob", text)
    tree = Made("tree", b"100644 %b\0%b" % (file.encode(), bytes.fromhex(blob.id)))
    seconds, east = at
    hours, minutes = divmod(abs(east) // 60, 60)
    zone = f"{'-' if east < 0 else '+'}{hours:02}{minutes:02}"
    who = " ".join([identity.name, f"<{identity.mail}>", str(seconds), zone]).encode()
    lines = [
        b"tree %b" % tree.id.encode(),
        *(b"parent %b" % each.encode() for each in dict.fromkeys(parents)),
    ]
    lines += [b"author %b" % who, b"committer %b" % who, b"", message.encode("utf-8", "backslashreplace")]
    return [blob, tree, Made("commit", b"\n".join(lines))]
