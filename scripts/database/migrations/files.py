"""Migrations in a commit against the history in a database: equal, behind, ahead or diverged.

Versions are ordered as the Supabase CLI orders them (tried with 3.1.0): as texts, so `10_` comes before
`9_`, and `20240101000000_` before `20250103_`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.postgres.client import postgres_of

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


# Reads SQL just far enough to compare two texts: comments, quotes, dollar quotes.


_TOKEN = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*)
    | (?P<quoted>(?<![\w$])[eE]'(?:\\.|''|[^'\\])*'|'(?:''|[^'])*'|"(?:""|[^"])*")
    | (?P<dollar>(?<![\w$])\$(?:[A-Za-z_\x80-\uffff][\w\x80-\uffff]*)?\$)
    """,
    re.VERBOSE | re.DOTALL,
)


# words and single signs: what stands between them never counts, that they are apart does
_BARE = re.compile(r"[\w$]+|[^\w\s;\ufeff]")


def fingerprint(sql: str) -> str:
    """The digest of a text's words and signs: comments, white space and `;` outside of quotes left out.

    So the statements that the Supabase CLI recorded and the file that they came from agree,
    however the CLI cut the file; an edit of anything that runs does not.
    """
    kept: list[str] = []
    place = 0
    while match := _TOKEN.search(sql, place):
        kept += _BARE.findall(sql[place : match.start()])
        place = match.end()
        if match["comment"] == "/*":
            place = _comment_end(sql, place)
        elif match["quoted"]:
            kept.append(match["quoted"])
        elif match["dollar"]:
            end = sql.find(match["dollar"], place)
            end = len(sql) if end < 0 else end + len(match["dollar"])
            kept.append(sql[match.start() : end])
            place = end
    kept += _BARE.findall(sql[place:])
    return hashlib.sha256("\x1f".join(kept).encode("utf-8", "surrogateescape")).hexdigest()


def _comment_end(sql: str, place: int) -> int:
    """Where a `/*` comment ends; PostgreSQL nests them."""
    depth = 1
    while depth:
        mark = re.compile(r"/\*|\*/").search(sql, place)
        if mark is None:
            return len(sql)
        depth += 1 if mark[0] == "/*" else -1
        place = mark.end()
    return place


def migrations_of(desk: Desk, commit: str) -> tuple[Migration, ...]:
    """The migrations of a commit: from its objects, never from a working tree."""
    folder = desk.settings.app.migrations
    return read(desk.git.read_files(commit, folder, ".sql")) if folder else ()


def applied_migrations(desk: Desk, environment: Environment) -> tuple[Applied, ...] | None:
    """The history of an environment's database, None when it has no database."""
    postgres = postgres_of(desk, environment)
    return tuple(Applied(*row) for row in postgres.history()) if postgres else None


def rollbacks_of(desk: Desk, commit: str) -> tuple[Migration, ...]:
    """The rollback scripts of a commit, from its objects."""
    folder = desk.settings.app.rollbacks
    return read(desk.git.read_files(commit, folder, ".sql")) if folder else ()
