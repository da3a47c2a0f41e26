# pure
"""The ledger as columns of bytes: an event is found, and read, without reading the others.

Each commit of the chain has a number, and 20 bytes in each column. What is looked for is found by
`bytes.rfind`, so that 10,000 events cost next to nothing; the text of an event is read when it is used.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import overload

from scripts.git.chain import LARGEST, Link, repeated
from scripts.state.event_rules import BEGIN, CORRECTION
from scripts.state.ledger import FILE, Choice, Doubt, Event, Indexed, Key, Ledger, event_of, key_of, taken
from scripts.state.read_chain import corrections, read

WIDTH = 20  # bytes of an id
NONE = bytes(WIDTH)
COLUMNS = ("ids", "blobs", "abouts", "bads", "trees")  # of `Index`


@dataclass
class Index:
    """The ledger up to one commit.

    Args:
        ids, blobs: of each commit of the chain, and of the file in it.
        abouts, bads: the commit that its event names, and the one that it makes bad; zeros where the event
            names none, or does not count.
        trees: of `abouts`; zeros where it is not known.
        ends: where the text of each commit's file ends, in all texts.
        numbers: of the commits whose events count, by their keys.
        highest: the highest release of each environment.
        lost: the commits that events name, and that have no tree here.
        size: of all files that are not too large, in bytes.
        texts: reads so many bytes from there on; what it gives need not be right.
        blob: reads a file from git.
    """

    tip: str
    ids: bytearray = field(default_factory=bytearray)
    blobs: bytearray = field(default_factory=bytearray)
    abouts: bytearray = field(default_factory=bytearray)
    bads: bytearray = field(default_factory=bytearray)
    trees: bytearray = field(default_factory=bytearray)
    ends: array[int] = field(default_factory=lambda: array("Q"))
    numbers: dict[Key, array[int]] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    departed: frozenset[str] = frozenset()
    highest: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    size: int = 0
    texts: Callable[[int, int], bytes] = lambda _start, _size: b""
    blob: Callable[[str], bytes | None] = lambda _name: None
    known: dict[int, Event] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ends)

    def grow(self, tip: str, links: Sequence[Link]) -> bool:
        """Add the commits that follow, up to `tip`; False if an event corrects others: read all anew.

        A chain from its first commit may hold corrections.
        """
        first = not len(self)
        fresh = [link if first else self._unrepeated(link) for link in links]
        found = [read(link) for link in fresh]
        events = {link.commit: each.event for link, each in zip(fresh, found, strict=True) if each.event}
        if not first and any(each.kind == CORRECTION for each in events.values()):
            return False
        corrected, departed = corrections(events)
        self.tip, self.departed = tip, self.departed | departed
        self.size += sum(link.size for link in links if 0 <= link.size <= LARGEST)
        for link, each in zip(fresh, found, strict=True):
            self.merged += each.merged
            name, release = each.used
            if release:
                self.highest[name] = max(self.highest.get(name, 0), int(release[1:]))
            counts = link.commit not in corrected
            if each.doubt and counts:
                self.doubts.append(each.doubt)
            self._add(link, each.event if counts else None)
        return True

    def _unrepeated(self, link: Link) -> Link:
        """As `link`, or with the fault that its file is that of an earlier commit."""
        if link.size < 0 or _newest(self.blobs, link.blob) < 0:
            return link
        return replace(link, document={}, fault=repeated(FILE))

    def _add(self, link: Link, event: Event | None) -> None:
        number, counts = len(self), event is not None and event.kind != BEGIN
        bad = event.detail.get("bad") if event and counts else ""
        self.ids += bytes.fromhex(link.commit)
        self.blobs += bytes.fromhex(link.blob) or NONE
        self.abouts += bytes.fromhex(event.commit if event and counts else "") or NONE
        self.bads += bytes.fromhex(str(bad or "")) or NONE
        self.trees += NONE
        self.ends.append(self.start(number) + (link.size if event else 0))
        if event:
            self.known[number] = event
            self.numbers.setdefault(key_of(event), array("I")).append(number)

    def start(self, number: int) -> int:
        """Where the text of a commit's file begins."""
        return self.ends[number - 1] if number else 0

    def unknown(self) -> list[str]:
        """The commits that events name, and of which no tree is known."""
        names = dict.fromkeys(
            name
            for number in range(len(self))
            if self.trees[number * WIDTH : (number + 1) * WIDTH] == NONE
            and (name := _at(self.abouts, number))
        )
        bads = filter(None, (_at(self.bads, number) for number in range(len(self))))
        return [*names, *(name for name in dict.fromkeys(bads) if _newest(self.abouts, name) < 0)]

    def learn(self, trees: Mapping[str, str]) -> None:
        """Keep the trees of commits that are here; the others are `lost`."""
        unknown = self.unknown()
        for commit in unknown:
            if commit in trees:
                tree = bytes.fromhex(trees[commit])
                for number in _places(self.abouts, bytes.fromhex(commit)):
                    self.trees[number * WIDTH : (number + 1) * WIDTH] = tree
        self.lost = [
            commit for commit in unknown if commit not in trees or _newest(self.abouts, commit) < 0
        ]

    def event(self, number: int) -> Event:
        """The event of a commit; its text counts only if it is the one that git has by that id."""
        if number not in self.known:
            start, name = self.start(number), _at(self.blobs, number)
            text: bytes | None = self.texts(start, self.ends[number] - start)
            if text is None or blob_id(text) != name:
                text = self.blob(name)
            document = json.loads((text or b"{}").decode("utf-8", "surrogateescape"))
            self.known.setdefault(number, event_of(document))  # another thread may have been quicker
        return self.known[number]

    def ledger(self) -> Ledger:
        """What it says."""
        counted = [(key.kind == BEGIN, numbers) for key, numbers in self.numbers.items()]
        events = array("I", sorted(chain.from_iterable(each for begun, each in counted if not begun)))
        begun = array("I", sorted(chain.from_iterable(each for begun, each in counted if begun)))
        return Ledger(
            self.tip,
            Chosen(self, events),
            tuple(self.doubts),
            commits=Ids(bytes(self.ids)),
            merged=tuple(self.merged),
            used=frozenset((name, f"v{number}") for name, number in self.highest.items()),
            departed=self.departed,
            begun=Chosen(self, begun),
        )


@dataclass(eq=False)
class Chosen(Indexed):
    """The events of some commits of an index, oldest first."""

    source: Index
    chosen: Sequence[int]

    def __len__(self) -> int:
        return len(self.chosen)

    @overload
    def __getitem__(self, place: int) -> Event: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Event]: ...
    def __getitem__(self, place: int | slice) -> Event | Sequence[Event]:
        if isinstance(place, slice):
            return tuple(self.source.event(number) for number in self.chosen[place])
        return self.source.event(self.chosen[place])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return len(self)

    def newest(self, *choices: Choice, about: Collection[str] | None = None) -> Iterator[Event]:
        """The events that a choice takes, newest first; `about`: alone those that name these commits."""
        index = self.source
        if about is None:
            fit = [each for key, each in index.numbers.items() if key.kind != BEGIN and taken(key, choices)]
            yield from map(index.event, heapq.merge(*map(reversed, fit), reverse=True))
            return
        ids = [bytes.fromhex(commit) for commit in about if commit]
        found = {n for each in ids for column in (index.abouts, index.bads) for n in _places(column, each)}
        for number in sorted(found, reverse=True):
            if taken(key_of(index.event(number)), choices):
                yield index.event(number)

    def counts(self) -> Counter[str]:
        """The number of events of each environment, in the order of their first events."""
        found = Counter[str]()
        for key, numbers in self.source.numbers.items():
            found[key.environment] += len(numbers) if key.kind != BEGIN else 0
        return +found

    def named(self, tree: str) -> Iterator[str]:
        """The commits that events name, those mentioned last first: of this tree, or of an unknown one."""
        index = self.source
        found = {number: _at(index.abouts, number) for number in _places(index.trees, bytes.fromhex(tree))}
        found |= {at: name for name in index.lost if (at := _newest(index.abouts, name)) >= 0}
        yield from (found[number] for number in sorted(found, reverse=True))
        bads = {_newest(index.bads, name): name for name in index.lost}
        yield from (bads[number] for number in sorted(bads, reverse=True) if number >= 0)


@dataclass(frozen=True)
class Ids(Sequence[str]):
    """A column as ids."""

    column: bytes

    def __len__(self) -> int:
        return len(self.column) // WIDTH

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...
    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        if isinstance(place, slice):
            return tuple(self[number] for number in range(len(self))[place])
        number = range(len(self))[place]
        return self.column[number * WIDTH : (number + 1) * WIDTH].hex()

    def __contains__(self, commit: object) -> bool:
        return isinstance(commit, str) and len(commit) == 2 * WIDTH and _newest(self.column, commit) >= 0


def blob_id(text: bytes) -> str:
    """The id that git gives a file."""
    return hashlib.sha1(b"blob %d\0" % len(text) + text, usedforsecurity=False).hexdigest()


def _at(column: bytes | bytearray, number: int) -> str:
    """The id of a commit in a column; "" for zeros."""
    found = bytes(column[number * WIDTH : (number + 1) * WIDTH])
    return "" if found == NONE else found.hex()


def _places(column: bytes | bytearray, wanted: bytes) -> Iterator[int]:
    """The numbers with this id in a column, newest first."""
    at = column.rfind(wanted)
    while at >= 0:
        if not at % WIDTH:
            yield at // WIDTH
        at = column.rfind(wanted, 0, at + WIDTH - 1)


def _newest(column: bytes | bytearray, wanted: str) -> int:
    """The last number with this id in a column; -1 for none."""
    return next(_places(column, bytes.fromhex(wanted)), -1)
