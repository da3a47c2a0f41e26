"""Migrations in a commit against the history in a database: equal, behind, ahead or diverged.

Versions are ordered as the Supabase CLI orders them (tried with 3.1.0): as texts, so `10_` comes before
`9_`, and `20240101000000_` before `20250103_`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from scripts.domain.database.sql import fingerprint

FILE = re.compile(r"([0-9]+)_(.*)\.sql")  # the Supabase CLI's own rule


@dataclass(frozen=True)
class Migration:
    """One file of `supabase/migrations` in a commit."""

    version: str
    file: str
    sql: str


@dataclass(frozen=True)
class Applied:
    """One row of `supabase_migrations.schema_migrations`; no statements where none were kept."""

    version: str
    name: str = ""
    statements: tuple[str, ...] = ()


State = Literal["equal", "behind", "ahead", "diverged"]


@dataclass(frozen=True)
class Comparison:
    """What a database lacks, and what stands in the way of giving it."""

    pending: tuple[Migration, ...]
    missing: tuple[str, ...]  # versions that the database has and the commit lacks
    edited: tuple[Migration, ...]  # files that changed after they were applied
    late: tuple[Migration, ...]  # pending, though older than the newest applied one
    doubled: tuple[str, ...]  # versions that two files of the commit claim

    @property
    def state(self) -> State:
        """The database as seen from the commit."""
        if self.late or self.edited or self.doubled or (self.missing and self.pending):
            return "diverged"
        if self.missing:
            return "ahead"
        return "behind" if self.pending else "equal"


def read(files: Mapping[str, str]) -> tuple[Migration, ...]:
    """The migrations among the files (name -> text) of the migrations folder, in their order."""
    found = [(FILE.fullmatch(name), name, sql) for name, sql in files.items()]
    migrations = [Migration(match[1], name, sql) for match, name, sql in found if match]
    return tuple(sorted(migrations, key=lambda each: (each.version, each.file)))


def compare(committed: Sequence[Migration], applied: Sequence[Applied]) -> Comparison:
    """Set the commit's files against the database's rows."""
    rows = {row.version: row for row in applied}
    files = {file.version: file for file in committed}
    newest = max(rows, default="")
    pending = tuple(file for file in committed if file.version not in rows)
    return Comparison(
        pending=pending,
        missing=tuple(sorted(v for v in rows if v not in files)),
        edited=_edited_files(committed, rows),
        late=tuple(file for file in pending if file.version < newest),
        doubled=doubled(file.version for file in committed),
    )


def doubled(versions: Iterable[str]) -> tuple[str, ...]:
    """The versions that occur more than once."""
    listed = list(versions)
    return tuple(sorted({version for version in listed if listed.count(version) > 1}))


def newest(versions: Iterable[str]) -> str | None:
    """The schema version: the newest of them, None for an empty history."""
    return max(versions, default=None)


def _edited_files(committed: Sequence[Migration], rows: Mapping[str, Applied]) -> tuple[Migration, ...]:
    """Of two files that claim one version, the one that was applied acquits the other."""
    changed = [each for each in committed if each.version in rows and _edited(each, rows[each.version])]
    good = {each.version for each in committed if each not in changed}
    return tuple(each for each in changed if each.version not in good)


def _edited(file: Migration, row: Applied) -> bool:
    """Whether the file no longer does what was applied; unknown (no statements kept) counts as no."""
    return bool(row.statements) and fingerprint(file.sql) != fingerprint(";".join(row.statements))
