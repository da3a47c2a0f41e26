"""Migrations in a commit against the history in a database: equal, behind, ahead or diverged.

Versions are ordered as the Supabase CLI orders them (tried with 3.1.0): as texts, so `10_` comes before
`9_`, and `20240101000000_` before `20250103_`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups.toc import is_app_schema
from scripts.database.migrations import source
from scripts.database.migrations.source import FILE, FileFault
from scripts.database.migrations.statements import fingerprint
from scripts.database.postgres.client import postgres_of
from scripts.errors import Unreachable
from scripts.git.trees import read_tree

HISTORY = "supabase_migrations"  # the schema of the CLI's own table

SUPABASE = re.compile(r"((?:.*/)?supabase/migrations)/[0-9]+_[^/]*\.sql")  # as the CLI lays them out


@dataclass(frozen=True)
class Migration:
    """One file of `supabase/migrations` in a commit; a rollback script has the same shape."""

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
    """The commit's migrations against the database's history.

    Args:
        pending: files that are not applied.
        missing: applied versions that have no file.
        edited: files that changed after they were applied.
        late: pending files that are older than the newest applied version.
        doubled: versions that two files claim.
    """

    pending: tuple[Migration, ...]
    missing: tuple[str, ...]
    edited: tuple[Migration, ...]
    late: tuple[Migration, ...]
    doubled: tuple[str, ...]

    @property
    def state(self) -> State:
        """The database as seen from the commit."""
        if self.late or self.edited or self.doubled or (self.missing and self.pending):
            return "diverged"
        if self.missing:
            return "ahead"
        return "behind" if self.pending else "equal"


def migrations_in(files: Mapping[str, str]) -> tuple[Migration, ...]:
    """The migrations among the files (name -> text) of a folder, in order."""
    matches = [(FILE.fullmatch(name), name, sql) for name, sql in files.items()]
    migrations = [Migration(match[1], name, sql) for match, name, sql in matches if match]
    return tuple(sorted(migrations, key=lambda migration: (migration.version, migration.file)))


def compare(committed: Sequence[Migration], applied: Sequence[Applied]) -> Comparison:
    """Compare the commit's files with the database's history."""
    rows = {row.version: row for row in applied}
    versions = {file.version for file in committed}
    newest_applied = max(rows, default="")
    pending = tuple(file for file in committed if file.version not in rows)
    return Comparison(
        pending=pending,
        missing=tuple(sorted(version for version in rows if version not in versions)),
        edited=_edited_files(committed, rows),
        late=tuple(file for file in pending if file.version < newest_applied),
        doubled=duplicates(file.version for file in committed),
    )


def duplicates(versions: Iterable[str]) -> tuple[str, ...]:
    """The versions that occur more than once."""
    listed = list(versions)
    return tuple(sorted({version for version in listed if listed.count(version) > 1}))


def newest(versions: Iterable[str]) -> str | None:
    """The schema version: the newest of the versions, None for an empty history."""
    return max(versions, default=None)


def _edited_files(committed: Sequence[Migration], rows: Mapping[str, Applied]) -> tuple[Migration, ...]:
    """Files that differ from their row. If two files claim a version, it is enough that one agrees."""
    applied = [file for file in committed if file.version in rows]
    changed = [file for file in applied if _is_edited(file, rows[file.version])]
    unchanged = {file.version for file in applied if file not in changed}
    return tuple(file for file in changed if file.version not in unchanged)


def _is_edited(file: Migration, row: Applied) -> bool:
    """Whether the file no longer does what was applied; a row without statements never tells."""
    if not row.statements:
        return False
    read = file.sql.encode("utf-8", "surrogateescape").decode("utf-8", "replace")  # as the CLI reads it
    return fingerprint(read) != fingerprint(";".join(row.statements))


@dataclass(frozen=True)
class Folder:
    """The migrations of a commit, and the files that are not what they seem.

    Args:
        faults: of the names, and of the texts of files that the CLI would apply.
    """

    migrations: tuple[Migration, ...] = ()
    faults: tuple[FileFault, ...] = ()

    def faults_for(self, applied: Iterable[Applied]) -> tuple[FileFault, ...]:
        """Those that matter to a database: what was applied already does no harm."""
        versions = {row.version for row in applied}
        return tuple(each for each in self.faults if each.version not in versions)


def folder_of(desk: Desk, commit: str) -> Folder:
    """The migrations folder of a commit, read from git's objects, never from a working tree."""
    app = desk.settings.app
    return _folder(desk, commit, app.migrations, app.rollbacks)


def elsewhere(desk: Desk, commit: str) -> tuple[str, ...]:
    """The folders of a commit with migrations that no release applies: not `[app] migrations`."""
    wanted = desk.settings.app.migrations.strip("/")
    found = {match[1] for path in desk.git.paths(commit) if (match := SUPABASE.fullmatch(path))}
    return tuple(sorted(found - {wanted}))


def migrations_of(desk: Desk, commit: str) -> tuple[Migration, ...]:
    """The migrations of a commit."""
    return folder_of(desk, commit).migrations


def rollbacks_of(desk: Desk, commit: str) -> tuple[Migration, ...]:
    """The rollback scripts of a commit."""
    return _folder(desk, commit, desk.settings.app.rollbacks, "").migrations


def _folder(desk: Desk, commit: str, folder: str, undo_folder: str) -> Folder:
    if not folder:
        return Folder()
    files = read_tree(desk.git, commit, folder)
    faults = list(source.name_faults([file.name for file in files], folder, undo_folder, desk.now()))
    texts = {}
    for file in files:
        if FILE.fullmatch(file.name):
            fault = source.content_fault(
                file.name, file.text, file.fault, f"{folder.strip('/')}/{file.name}"
            )
            faults += [fault] if fault else []
            texts[file.name] = source.without_marks(file.text or "")
    return Folder(migrations_in(texts), tuple(faults))


def applied_migrations(desk: Desk, environment: Environment) -> tuple[Applied, ...] | None:
    """The history of an environment's database, None when it has no database."""
    postgres = postgres_of(desk, environment)
    return tuple(Applied(*row) for row in postgres.history()) if postgres else None


def app_tables(desk: Desk, environment: Environment) -> frozenset[str]:
    """The tables and views in the app's schemas, without the history; none where there is no database."""
    postgres = postgres_of(desk, environment)
    return (
        postgres.tables(lambda schema: is_app_schema(schema) and schema != HISTORY)
        if postgres
        else frozenset()
    )


def holds_rows(desk: Desk, environment: Environment) -> bool | None:
    """Whether a table in the app's schemas has rows; None if there is no database, or it can't be read."""
    postgres = postgres_of(desk, environment)
    if postgres is None:
        return None
    try:
        return postgres.holds_rows(lambda schema: is_app_schema(schema) and schema != HISTORY)
    except Unreachable:
        return None


def app_definitions(desk: Desk, environment: Environment) -> str:
    """What stands in the app's schemas, as SQL; empty where there is no database, or it can't be read."""
    postgres = postgres_of(desk, environment)
    try:
        return postgres.definitions(is_app_schema) if postgres else ""
    except Unreachable:  # somebody locks a table, say: the files tell most of it
        return ""
