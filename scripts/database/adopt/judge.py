# pure
"""Which migrations a database has, told by its schema: file by file, with what later files change of it.

An element of an object (`column note` of `table public.bookings`) has a value before the first file, and
another one after each file that changes it. The value that the database has says which of these files it
has. A value that returns, as of a table that is dropped again, says nothing of the files between.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Literal

from scripts.database.migrations.files import Migration

Elements = Mapping[str, Mapping[str, str]]  # object -> element -> its definition
Element = tuple[str, str]
Word = Literal["stands", "missing", "partial", "unknown"]
PASSING = "nothing of it is left to be seen: later files change or drop it again"
NO_EFFECT = "it changes nothing after the files before it"
ONLY_ROWS = "it writes rows alone, which no schema shows"
SHORT = 100  # characters of a definition that people read
# what a hosted project has by itself, though a scratch server lacks it
OF_THE_PROJECT = (
    "role ",
    "database ",
    "extension ",
    "default privileges ",
    "publication ",
    "event trigger ",
)


@dataclass(frozen=True)
class Step:
    """What one file did to the scratch database.

    Args:
        changes: element -> its value before and after; None where it does not exist.
        rows: which rows it writes, in words: that can't be seen in a schema.
        faults: its statements that failed there, with the server's words.
        grants: it says itself who may do what. Otherwise grants come from the defaults of the project.
    """

    migration: Migration
    changes: Mapping[Element, tuple[str | None, str | None]] = field(default_factory=dict)
    rows: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    grants: bool = True


@dataclass(frozen=True)
class FileVerdict:
    """Whether a database has what a file makes.

    Args:
        why: for `partial`, what is missing or different; for `unknown`, why it can't be told.
        rows: what it writes besides, which nobody can see.
    """

    migration: Migration
    word: Word
    why: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """The JSON of one file."""
        return {
            "version": self.migration.version,
            "file": self.migration.file,
            "verdict": self.word,
            "why": list(self.why),
            "rows": list(self.rows),
        }


def changes(before: Elements, after: Elements) -> dict[Element, tuple[str | None, str | None]]:
    """Every element that is not the same in both."""
    one, other = flat(before), flat(after)
    return {
        key: (one.get(key), other.get(key))
        for key in sorted({*one, *other})
        if one.get(key) != other.get(key)
    }


def flat(elements: Elements) -> dict[Element, str]:
    """Every element with its object."""
    return {(thing, name): text for thing, parts in elements.items() for name, text in parts.items()}


def digest(elements: Elements) -> str:
    """A text that only equal schemas share."""
    return sha256(json.dumps(elements, sort_keys=True).encode("utf-8", "replace")).hexdigest()


def judge(steps: Sequence[Step], live: Elements) -> tuple[FileVerdict, ...]:
    """The verdict on each file, in order."""
    present = flat(live)
    findings: dict[str, _Findings] = {step.migration.file: _Findings() for step in steps}
    for element, timeline in _timelines(steps).items():
        _weigh(element, timeline, present.get(element), findings)
    return _with_neighbours([_verdict(step, findings[step.migration.file]) for step in steps], findings)


def made_by_no_file(steps: Sequence[Step], live: Elements, fresh: Collection[str]) -> tuple[str, ...]:
    """The app's objects that no file makes, such as `table public.drafts`.

    Args:
        fresh: the objects of a new project.
    """
    known = {*fresh, *(thing for step in steps for thing, _ in step.changes)}
    return tuple(thing for thing in live if thing not in known and not thing.startswith(OF_THE_PROJECT))


def not_at_its_end(steps: Sequence[Step], live: Elements) -> tuple[str, ...]:
    """The elements that the files change and that are not as the last of them leaves them, in words."""
    last = {element: after for step in steps for element, (_, after) in step.changes.items()}
    present = flat(live)
    return tuple(
        shown(element)
        for element, value in last.items()
        if present.get(element) != value and not element[1].rpartition("grant to ")[1]
    )


def shown(element: Element) -> str:
    """An element for people: `column note of table public.bookings`."""
    thing, name = element
    return thing if thing == name or thing.startswith(f"{name} ") else f"{name} of {thing}"


@dataclass
class _Findings:
    """What the elements of a file say."""

    stands: int = 0
    missing: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    neutral: int = 0


@dataclass(frozen=True)
class _Timeline:
    """The values of an element: `values[0]` before all files, `values[n]` after `files[n - 1]`."""

    files: list[str]
    values: list[str | None]


def _timelines(steps: Sequence[Step]) -> dict[Element, _Timeline]:
    found: dict[Element, _Timeline] = {}
    for step in steps:
        for element, (before, after) in step.changes.items():
            if not step.grants and "grant to " in element[1]:
                continue
            timeline = found.setdefault(element, _Timeline([], [before]))
            timeline.files.append(step.migration.file)
            timeline.values.append(after)
    return found


def _weigh(
    element: Element, timeline: _Timeline, value: str | None, findings: Mapping[str, _Findings]
) -> None:
    """Count what an element says of each file that changes it."""
    fits = [place for place, each in enumerate(timeline.values) if each == value]
    for place, file in enumerate(timeline.files, 1):
        found = findings[file]
        if not fits:
            if place == len(timeline.files):
                found.different.append(_differs(element, timeline.values[place], value))
            else:
                found.neutral += 1
        elif place <= fits[0]:
            found.stands += 1
        elif place > fits[-1]:
            found.missing.append(_lacks(element, timeline.values[place], value))
        else:
            found.neutral += 1


def _lacks(element: Element, wanted: str | None, value: str | None) -> str:
    if wanted is None:
        return f"still there: {shown(element)}"
    if value is None:
        return f"missing: {shown(element)}"
    return f"as before: {shown(element)}: `{_short(value)}`, not `{_short(wanted)}`"


def _differs(element: Element, wanted: str | None, value: str | None) -> str:
    if wanted is None:
        return f"still there: {shown(element)}: `{_short(value or '')}`"
    return f"different: {shown(element)}: `{_short(value or 'none')}`, not `{_short(wanted)}`"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHORT else f"{line[:SHORT]} ..."


def _verdict(step: Step, found: _Findings) -> FileVerdict:
    if step.faults:
        why = (*(f"can't be replayed: {fault}" for fault in step.faults), *found.missing, *found.different)
        return FileVerdict(step.migration, "unknown", why, step.rows)
    wrong = (*found.missing, *found.different)
    if found.stands and not wrong:
        return FileVerdict(step.migration, "stands", (), step.rows)
    if found.missing and not found.stands and not found.different:
        return FileVerdict(step.migration, "missing", (), step.rows)
    if wrong:
        return FileVerdict(step.migration, "partial", wrong, step.rows)
    if step.rows:
        return FileVerdict(step.migration, "unknown", (ONLY_ROWS,), step.rows)
    return FileVerdict(step.migration, "stands", (PASSING if found.neutral else NO_EFFECT,))


def _with_neighbours(
    verdicts: Sequence[FileVerdict], findings: Mapping[str, _Findings]
) -> tuple[FileVerdict, ...]:
    """Files of which nothing is to be seen are taken for what the next file is, or else the one before."""
    telling = {each.migration.file for each in verdicts if _tells(each, findings[each.migration.file])}
    return tuple(
        each
        if each.migration.file in telling or each.word == "unknown"
        else replace(each, word=_of_neighbours(verdicts, place, telling))
        for place, each in enumerate(verdicts)
    )


def _tells(verdict: FileVerdict, found: _Findings) -> bool:
    return verdict.word != "unknown" and bool(found.stands or found.missing or found.different)


def _of_neighbours(verdicts: Sequence[FileVerdict], place: int, telling: set[str]) -> Word:
    """Migrations are applied in order: a file before one that stands was applied as well."""
    for each in _outwards(verdicts, place):
        if each.migration.file in telling:
            return "missing" if each.word == "missing" else "stands"
    return "missing"


def _outwards(verdicts: Sequence[FileVerdict], place: int) -> Iterator[FileVerdict]:
    yield from verdicts[place + 1 :]
    yield from reversed(verdicts[:place])
