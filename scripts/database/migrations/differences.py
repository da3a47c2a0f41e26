# pure
"""Drift: what a database is, against what the migrations or another database say it should be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.database.migrations.files import Applied, Comparison
from scripts.database.migrations.statements import fingerprint

SchemaText = Mapping[str, Sequence[str]]  # thing -> the lines that define it


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same on both sides; a side without lines lacks it."""

    thing: str
    old: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def change(self) -> str:
        """`added`, `removed` or `changed`, as seen from the old side."""
        return "added" if not self.old else "changed" if self.new else "removed"

    def lines(self) -> list[str]:
        """The lines that differ, `-` for the old side and `+` for the new; only for a `changed` thing."""
        if not (self.old and self.new):
            return []
        diff = list(difflib.unified_diff(self.old, self.new, lineterm="", n=0))[2:]
        return [line for line in diff if not line.startswith("@@")]

    def document(self) -> dict[str, Any]:
        """{"thing", "change", "lines"}."""
        return {"thing": self.thing, "change": self.change, "lines": self.lines()}


def schema_differences(old: SchemaText, new: SchemaText) -> tuple[Difference, ...]:
    """Every thing that the two schemas do not share."""
    things = sorted(set(old) | set(new))
    pairs = [Difference(thing, tuple(old.get(thing, ())), tuple(new.get(thing, ()))) for thing in things]
    return tuple(pair for pair in pairs if pair.old != pair.new)


@dataclass(frozen=True)
class HistoryComparison:
    """The histories of two databases: versions that only one has, and versions whose text differs."""

    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    differing: tuple[str, ...]

    @property
    def state(self) -> str:
        """The new side as seen from the old one: equal, ahead, behind or diverged."""
        if self.differing or (self.only_old and self.only_new):
            return "diverged"
        return "ahead" if self.only_new else "behind" if self.only_old else "equal"


def compare_histories(old: Sequence[Applied], new: Sequence[Applied]) -> HistoryComparison:
    """Compare two histories; a row without statements agrees with any."""
    left, right = {row.version: row for row in old}, {row.version: row for row in new}
    return HistoryComparison(
        only_old=tuple(row.version for row in old if row.version not in right),
        only_new=tuple(row.version for row in new if row.version not in left),
        differing=tuple(
            row.version for row in old if row.version in right and _differ(row, right[row.version])
        ),
    )


def history_problems(comparison: Comparison) -> Iterator[str]:
    """Where a commit's files and a database's history disagree; pending files are not a disagreement."""
    if comparison.missing:
        yield f"applied, but not a file of the commit: {_listed(comparison.missing)}"
    if comparison.edited:
        yield f"edited after being applied: {_listed(file.file for file in comparison.edited)}"
    if comparison.late:
        yield f"pending, but older than what is applied: {_listed(file.file for file in comparison.late)}"
    if comparison.doubled:
        yield f"two files of one version: {_listed(comparison.doubled)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _differ(one: Applied, other: Applied) -> bool:
    texts = [fingerprint(";".join(row.statements)) for row in (one, other) if row.statements]
    return len(set(texts)) > 1
