# pure
"""Drift: what a database is, against what the migrations or another database say it should be."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.database.migrations import words
from scripts.database.migrations.files import Applied, Comparison
from scripts.database.migrations.statements import fingerprint

MAINTAIN_SINCE = 17  # the major version of PostgreSQL that has this privilege
UNQUALIFIED_SINCE = 16  # writes a view's columns without their table where there is only one
QUALIFIER = re.compile(r"(?:\"[^\"]+\"|\b[a-z_]\w*)\.(?=[\w\"])")
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
        """The lines that differ, `-` for the old side and `+` for the new."""
        if not self.old:
            return [f"+{line}" for line in self.new]
        if not self.new:
            return [f"-{line}" for line in self.old]
        diff = list(difflib.unified_diff(self.old, self.new, lineterm="", n=0))[2:]
        return [line for line in diff if not line.startswith("@@")]

    def words(self) -> list[str]:
        """The same for people: the words that differ are marked, `[-old-]` and `{+new+}`."""
        if self.old and self.new:
            return list(words.differing(self.old, self.new))
        sign, lines = ("+", self.new) if self.new else ("-", self.old)
        return [line for text in lines for line in words.wrapped(f"{sign} {text}")]

    def document(self) -> dict[str, Any]:
        """{"thing", "change", "lines", "words"}."""
        return {"thing": self.thing, "change": self.change, "lines": self.lines(), "words": self.words()}


def schema_differences(old: SchemaText, new: SchemaText) -> tuple[Difference, ...]:
    """Every thing that the two schemas do not share."""
    things = sorted(set(old) | set(new))
    pairs = [Difference(thing, tuple(old.get(thing, ())), tuple(new.get(thing, ()))) for thing in things]
    return tuple(pair for pair in pairs if pair.old != pair.new)


def comparable(
    old: SchemaText,
    new: SchemaText,
    majors: tuple[int, int],
    platform_extensions: Collection[str] | None = None,
) -> tuple[dict[str, Sequence[str]], dict[str, Sequence[str]]]:
    """Both without what can't be the same on the two servers.

    Args:
        majors: the major versions of PostgreSQL.
        platform_extensions: of these the old side, a scratch server, has only some; None: it is no such
            server. Without `pg_cron` it has no jobs either.
    """
    sides = [dict(old), dict(new)]
    if min(majors) < MAINTAIN_SINCE:
        sides = [
            {thing: [without_maintain(line) for line in lines] for thing, lines in side.items()}
            for side in sides
        ]
    if min(majors) < UNQUALIFIED_SINCE <= max(majors):
        for thing in sides[0].keys() & sides[1].keys():
            if "view " in thing and unqualified(sides[0][thing]) == unqualified(sides[1][thing]):
                sides[1][thing] = sides[0][thing]
    if platform_extensions is not None:
        left_out = {f"extension {name}" for name in platform_extensions} - {*old}
        left_out |= {f'extension "{name}"' for name in platform_extensions} - {*old}
        if "extension pg_cron" not in old:
            left_out |= {
                thing for thing in new if thing.startswith("cron job ") or thing == "extension pg_cron"
            }
        sides[1] = {thing: lines for thing, lines in sides[1].items() if thing not in left_out}
    return sides[0], sides[1]


def unqualified(lines: Sequence[str]) -> str:
    """A view's text without what names the table of a column."""
    return " ".join(QUALIFIER.sub("", "\n".join(lines)).split())


def without_maintain(line: str) -> str:
    """A line of grants without the privilege that older servers lack."""
    head, mark, privileges = line.rpartition(": ")
    if "grant to " not in head or "MAINTAIN" not in privileges:
        return line
    kept = [each for each in privileges.split(", ") if not each.startswith("MAINTAIN")]
    return head + mark + ", ".join(kept)


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
