# pure
"""An index of the ledger as bytes for a file, and back; bytes that are not whole are no index."""

from __future__ import annotations

import hashlib
import json
import struct
from array import array
from collections.abc import Callable
from typing import Any

from scripts import VERSION
from scripts.state.ledger import Doubt, Key
from scripts.state.ledger_index import COLUMNS, WIDTH, Index

FORMAT = 1  # counts up with any change of what the bytes mean
MAGIC = b"release-desk ledger\n"
SIZES = struct.Struct("<32sII")  # SHA-256 of all that follows but the texts, sizes of head and columns
NUMBERS = array("I", [1]).tobytes().hex()  # how this machine writes them
START = len(MAGIC) + SIZES.size
Read = Callable[[int], bytes]  # the next bytes of a file, at most so many


def encode(index: Index) -> bytes:
    """All but the texts, which follow."""
    head = {
        "format": FORMAT,
        "desk": VERSION,
        "order": NUMBERS,
        "tip": index.tip,
        "commits": len(index),
        "keys": [[*key, len(numbers)] for key, numbers in index.numbers.items()],
        "doubts": [[doubt.commit, doubt.why, doubt.newer] for doubt in index.doubts],
        "merged": index.merged,
        "departed": sorted(index.departed),
        "highest": index.highest,
        "lost": index.lost,
        "size": index.size,
    }
    first = json.dumps(head).encode()
    columns = b"".join((
        *(getattr(index, name) for name in COLUMNS),
        index.ends.tobytes(),
        *(numbers.tobytes() for numbers in index.numbers.values()),
    ))  # fmt: skip
    digest = hashlib.sha256(struct.pack("<II", len(first), len(columns)) + first + columns).digest()
    return MAGIC + SIZES.pack(digest, len(first), len(columns)) + first + columns


def decode(read: Read) -> tuple[Index, int] | None:
    """The index, and where its texts begin; None if it is damaged, or of another desk."""
    try:
        start = read(START)
        digest, size, more = SIZES.unpack(start[len(MAGIC) :])
        first, columns = read(size), read(more)
        whole = hashlib.sha256(start[-8:] + first + columns).digest() == digest
        head = json.loads(first) if whole and start.startswith(MAGIC) else {}
        if (head.get("format"), head.get("desk"), head.get("order")) != (FORMAT, VERSION, NUMBERS):
            return None
        return _index(head, columns), START + size + more
    except (ValueError, TypeError, KeyError, struct.error, MemoryError, OverflowError):
        return None


def _index(head: dict[str, Any], columns: bytes) -> Index:
    commits, place = head["commits"], 0
    index = Index(head["tip"], merged=head["merged"], highest=head["highest"], lost=head["lost"])
    index.departed, index.size = frozenset(head["departed"]), head["size"]
    index.doubts = [Doubt(commit, why, newer) for commit, why, newer in head["doubts"]]
    for name in COLUMNS:
        setattr(index, name, bytearray(columns[place : place + WIDTH * commits]))
        place += WIDTH * commits
    index.ends = array("Q", columns[place : place + commits * index.ends.itemsize])
    place += commits * index.ends.itemsize
    for environment, kind, ending, what, marks, count in head["keys"]:
        numbers = array("I")
        numbers.frombytes(columns[place : place + count * numbers.itemsize])
        index.numbers[Key(environment, kind, ending, what, tuple(marks))] = numbers
        place += count * numbers.itemsize
    return index
