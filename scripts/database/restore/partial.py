"""Going back by the touched tables alone: what each table's rows will be, and what that loses. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from scripts.database.backups import toc
from scripts.database.migrations.files import Applied, Migration
from scripts.database.postgres.content import read_snapshot
from scripts.database.postgres.url import Database
from scripts.database.restore import keep_rows, plan
from scripts.database.restore.in_place import Also, Source, Step
from scripts.database.restore.keep_rows import Taken
from scripts.database.restore.plan import HISTORY, Change, Restoring
from scripts.database.restore.swap_schemas import named
from scripts.database.restore.touched_tables import Catalogue, standing, touched
from scripts.errors import Refused

if TYPE_CHECKING:
    import psycopg


_PART = r'(?:"(?:[^"]|"")+"|[^\s".]+)'
_COLUMN = re.compile(rf"column (?P<schema>{_PART})\.(?P<table>{_PART})\.(?P<name>{_PART}): (?P<rest>.*)")
_TYPE = re.compile(r" (?:not null|default|collate)\b")
_COMPUTED = re.compile(r" default .* [sv]$")
_DEMANDED = re.compile(r" not null(?: collate \S+)?$")

# live: all rows as they are now; both: the archive's, and those whose key is new since; archive: its alone
How = Literal["live", "both", "archive"]


@dataclass(frozen=True)
class Way:
    """What one table's rows will be.

    Args:
        columns: what is taken over from the live rows; the others get their default.
        without: columns that the live table has and the archive's lacks: their values go.
    """

    table: str
    how: How
    columns: tuple[str, ...]
    without: tuple[str, ...] = ()
    change: Change | None = None

    @property
    def lost(self) -> int:
        """Rows whose present state would be gone."""
        if self.how == "live" or self.change is None:
            return 0
        return (self.change.updated or 0) + (self.change.inserted if self.how == "archive" else 0)

    def words(self) -> Iterator[str]:
        """What goes, and what of it is kept."""
        change = self.change
        if self.how != "live" and change:
            if change.updated:
                yield f"{self.table}: {change.updated} rows updated since go back"
            if change.inserted and self.how == "archive":
                rows = change.inserted
                yield f"{self.table}: {rows} rows written since go: they don't fit the older table"
            if change.deleted:
                rows = change.deleted
                yield f"{self.table}: {rows} rows deleted since come back, if what they refer to stands"
        if self.without and self.how != "archive":
            yield f"{self.table}: the values in {', '.join(f'`{each}`' for each in self.without)}"


@dataclass(frozen=True)
class Keeping:
    """All tables, and what goes with the schema."""

    ways: tuple[Way, ...]
    new: Mapping[str, int]

    @property
    def lost(self) -> int:
        """Rows whose present state would be gone from the live schemas."""
        return sum(each.lost for each in self.ways) + sum(self.new.values())

    @property
    def touched(self) -> tuple[str, ...]:
        """The tables that come from the archive."""
        return tuple(each.table for each in self.ways if each.how != "live")

    def words(self) -> Iterator[str]:
        """What it loses, table by table."""
        for each in self.ways:
            yield from each.words()
        yield from (
            f"{table}: not in the backup, {rows} rows (they go)" for table, rows in self.new.items()
        )

    def document(self) -> dict[str, Any]:
        """The JSON of a plan: {"touched", "kept", "lost"}."""
        both = [(each.table, each.change) for each in self.ways if each.how == "both"]
        kept = {table: change.inserted for table, change in both if change and change.inserted}
        return {"touched": list(self.touched), "kept": kept, "lost": self.lost}


def keeping(
    data: Restoring,
    touched: Collection[str],
    then: Iterable[str],
    now: Iterable[str],
    tables: Iterable[str],
) -> Keeping:
    """What becomes of each of the archive's `tables`.

    Args:
        tables: `schema.table` of those whose rows are in the archive.
        data: what was written since, counted.
        touched: whose rows the migrations may have changed.
        then: the schema's lines of the backup.
        now: those of the live database.
    """
    changes = {each.table: each for each in data.changes}
    old, new = _columns(then), _columns(now)
    ways = (
        _way(each, touched, old.get(each, {}), new.get(each, {}), changes.get(each))
        for each in tables
        if not each.startswith(HISTORY)
    )
    return Keeping(tuple(ways), data.new)


def _way(
    table: str,
    touched: Collection[str],
    old: Mapping[str, str],
    new: Mapping[str, str],
    change: Change | None,
) -> Way:
    stored = {name: rest for name, rest in old.items() if not _COMPUTED.search(rest)}
    common = tuple(name for name, rest in stored.items() if name in new and _type(new[name]) == _type(rest))
    without = tuple(name for name, rest in new.items() if name not in old and not _COMPUTED.search(rest))
    lacking = [rest for name, rest in stored.items() if name not in common]
    if table not in touched and not lacking:
        return Way(table, "live", common, without, change)
    fits = not any(_DEMANDED.search(rest) for rest in lacking)
    keyed = bool(new) and (change is None or change.updated is not None)
    return Way(table, "both" if fits and keyed else "archive", common, without, change)


def _columns(lines: Iterable[str]) -> dict[str, dict[str, str]]:
    """`schema.table` -> column -> its type and the rest, from the schema's lines."""
    found: dict[str, dict[str, str]] = {}
    for line in lines:
        match = _COLUMN.fullmatch(line)
        if match:
            table = f"{_bare(match['schema'])}.{_bare(match['table'])}"
            found.setdefault(table, {})[_bare(match["name"])] = match["rest"]
    return found


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _type(rest: str) -> str:
    return _TYPE.split(rest, maxsplit=1)[0]


# Going back by the touched tables alone: users' writes to all others are kept, in the same transaction.


def look(
    database: Database,
    held: Source,
    data: Restoring,
    left: Iterable[Migration],
    applied: Iterable[Applied],
) -> Keeping:
    """What it would lose, by the migrations that the backup does not have. Reads only.

    Raises:
        Refused: it can't be told whose rows they changed.
    """
    files = {each.version: each for each in left}
    texts = {}
    for row in applied:
        if row.version not in held.manifest.migrations:
            file = files.get(row.version)
            ran = ";\n".join(row.statements) or (file.sql if file else "")
            if not ran.strip():
                raise Refused(f"nobody knows what migration `{row.version}` did: its text is nowhere")
            texts[file.file if file else row.version] = ran
    with read_snapshot(database) as reader:
        now = plan.told(reader.schema(toc.is_app_schema))
        tables = {each.key for each in reader.tables() if toc.is_app_schema(each.schema)}
        schemas = [row[0] for row in reader.connection.execute("select nspname from pg_namespace")]
        follows = standing(reader.connection, [each for each in schemas if toc.is_app_schema(each)])
    found = touched(texts, Catalogue(frozenset({*tables, *held.lists.tables}), **vars(follows)))
    return keeping(data, found, held.schema, now, held.lists.tables)


def taking_over(keeps: Keeping, mark: str, step: Step) -> Also:
    """What follows the restore of everything, before its commit: the live rows that stay."""

    def also(connection: psycopg.Connection[Any]) -> None:
        taken = [Taken(each.table, each.columns, each.how) for each in keeps.ways]
        schemas = [row[0] for row in connection.execute("select nspname from pg_namespace")]
        ours = [each for each in schemas if toc.is_app_schema(each)]
        with step("keep", "rows written since that can stay"):
            keep_rows.take_over(connection, taken, ours, partial(named, mark))

    return also
