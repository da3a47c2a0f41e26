# pure
"""Drift: what a database is against what the migrations, or another database, say it should be. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scripts.database.migrations.files import FILE, Applied, Comparison, fingerprint

STAMP = re.compile(r"[0-9]{14}")
Described = Mapping[str, Sequence[str]]  # thing -> the lines that define it


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same on both sides; no lines where it is not there at all."""

    thing: str
    old: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def change(self) -> str:
        """`added`, `removed` or `changed`, as seen from the old side."""
        return "added" if not self.old else "changed" if self.new else "removed"

    def lines(self) -> list[str]:
        """The lines that differ, `-` for the old side and `+` for the new; none for what is whole."""
        if not (self.old and self.new):
            return []
        found = list(difflib.unified_diff(self.old, self.new, lineterm="", n=0))[2:]
        return [line for line in found if not line.startswith("@@")]

    def document(self) -> dict[str, Any]:
        """{"thing", "change", "lines"}."""
        return {"thing": self.thing, "change": self.change, "lines": self.lines()}


def differences(old: Described, new: Described) -> tuple[Difference, ...]:
    """What the two schemas don't share."""
    things = sorted(set(old) | set(new))
    found = [Difference(each, tuple(old.get(each, ())), tuple(new.get(each, ()))) for each in things]
    return tuple(each for each in found if each.old != each.new)


@dataclass(frozen=True)
class Between:
    """The histories of two databases: versions that one of them lacks, and those that differ in text."""

    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    differing: tuple[str, ...]

    @property
    def state(self) -> str:
        """The new side as seen from the old one: equal, ahead, behind or diverged."""
        if self.differing or (self.only_old and self.only_new):
            return "diverged"
        return "ahead" if self.only_new else "behind" if self.only_old else "equal"


def between(old: Sequence[Applied], new: Sequence[Applied]) -> Between:
    """Set two histories side by side; a row without statements agrees with any."""
    left, right = {row.version: row for row in old}, {row.version: row for row in new}
    return Between(
        only_old=tuple(row.version for row in old if row.version not in right),
        only_new=tuple(row.version for row in new if row.version not in left),
        differing=tuple(
            row.version for row in old if row.version in right and _differ(row, right[row.version])
        ),
    )


def malformed(names: Iterable[str]) -> Iterator[str]:
    """What is wrong with the names in the migrations folder, in words."""
    for name in sorted(names):
        match = FILE.fullmatch(name)
        if match is None:
            yield f"`{name}` is skipped by the Supabase CLI: a name is `<version>_<name>.sql`"
        elif match[2].endswith((".down", ".up")):
            yield f"`{name}` is applied by the Supabase CLI like any other: it knows no down scripts"
        elif not _moment(match[1]):
            yield f"`{name}`: its version is no time (`YYYYMMDDHHMMSS`)"


def problems(comparison: Comparison, unrecorded: Sequence[str] = ()) -> Iterator[str]:
    """What disagrees between a commit's files and a database's history, but for what is simply pending."""
    if comparison.missing:
        yield f"applied, and no file of the commit: {_listed(comparison.missing)}"
    if comparison.edited:
        yield f"edited after being applied: {_listed(each.file for each in comparison.edited)}"
    if comparison.late:
        yield f"pending, but older than what is applied: {_listed(each.file for each in comparison.late)}"
    if comparison.doubled:
        yield f"two files of one version: {_listed(comparison.doubled)}"
    if unrecorded:
        yield f"applied without a record of their text: {_listed(unrecorded)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{each}`" for each in names)


def _differ(one: Applied, other: Applied) -> bool:
    texts = [fingerprint(";".join(row.statements)) for row in (one, other) if row.statements]
    return len(set(texts)) > 1


def _moment(version: str) -> bool:
    if not STAMP.fullmatch(version):
        return False
    try:
        datetime.strptime(version, "%Y%m%d%H%M%S")  # noqa: DTZ007 - only whether there is such a time
    except ValueError:
        return False
    return True
