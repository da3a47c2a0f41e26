# pure
"""The plan of a partial restore: only the tables that migrations touched go back; what that loses."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scripts.database.postgres.names import split_key
from scripts.database.restore.plan import HISTORY, Change, RestorePlan

_PART = r'(?:"(?:[^"]|"")+"|[^\s".]+)'
_COLUMN = re.compile(rf"column (?P<schema>{_PART})\.(?P<table>{_PART})\.(?P<name>{_PART}): (?P<rest>.*)")
_TYPE = re.compile(r" (?:not null|default|collate)\b")
_GENERATED = re.compile(r" default .* [sv]$")
_REQUIRED = re.compile(r" not null(?: collate \S+)?$")

# live: all rows as they are now; both: the archive's, and live rows whose key is new; archive: its alone
MergeMode = Literal["live", "both", "archive"]


@dataclass(frozen=True)
class TableMerge:
    """What one table's rows will be.

    Args:
        table: `schema.table`.
        columns: columns that live rows keep; all others get their default.
        dropped: columns that the live table has and the archive's lacks: their values are lost.
    """

    table: str
    mode: MergeMode
    columns: tuple[str, ...]
    dropped: tuple[str, ...] = ()
    change: Change | None = None

    @property
    def schema(self) -> str:
        """Its schema."""
        return split_key(self.table)[0]

    @property
    def name(self) -> str:
        """Its name without the schema."""
        return split_key(self.table)[1]

    @property
    def lost(self) -> int:
        """Rows whose present state is lost."""
        if self.mode == "live" or self.change is None:
            return 0
        return (self.change.updated or 0) + (self.change.inserted if self.mode == "archive" else 0)

    def words(self) -> Iterator[str]:
        """What is lost, and what is restored."""
        change = self.change
        if self.mode != "live" and change:
            if change.updated:
                yield f"{self.table}: {change.updated} rows updated since are reverted"
            if change.inserted and self.mode == "archive":
                rows = change.inserted
                yield f"{self.table}: {rows} rows written since are lost: they don't fit the older table"
            if change.deleted:
                rows = change.deleted
                yield f"{self.table}: {rows} rows deleted since are restored, if what they refer to exists"
        if self.dropped and self.mode != "archive":
            dropped = ", ".join(f"`{column}`" for column in self.dropped)
            yield f"{self.table}: the values in {dropped} are lost"


@dataclass(frozen=True)
class PartialRestore:
    """How each of the archive's tables is merged, and the new tables (-> rows) that are lost."""

    merges: tuple[TableMerge, ...]
    new: Mapping[str, int]

    @property
    def lost(self) -> int:
        """Rows whose present state the live schemas would lose."""
        return sum(self.lost_rows().values())

    def lost_rows(self) -> dict[str, int]:
        """By table, the rows whose present state would be lost."""
        return {merge.table: merge.lost for merge in self.merges if merge.lost} | dict(self.new)

    @property
    def touched(self) -> tuple[str, ...]:
        """The tables that come from the archive."""
        return tuple(merge.table for merge in self.merges if merge.mode != "live")

    def words(self) -> Iterator[str]:
        """What it loses, table by table."""
        for merge in self.merges:
            yield from merge.words()
        yield from (f"{table}: not in the backup, {rows} rows (lost)" for table, rows in self.new.items())

    def document(self) -> dict[str, Any]:
        """The JSON of a plan: {"touched", "kept", "lost"}."""
        both = [(merge.table, merge.change) for merge in self.merges if merge.mode == "both"]
        kept = {table: change.inserted for table, change in both if change and change.inserted}
        return {"touched": list(self.touched), "kept": kept, "lost": self.lost}


def partial_plan(
    full: RestorePlan,
    touched: Collection[str],
    then: Iterable[str],
    now: Iterable[str],
    tables: Iterable[str],
) -> PartialRestore:
    """How each of the archive's tables is merged.

    Args:
        full: the plan of a full restore, with what was written since.
        touched: tables whose rows the migrations may have changed.
        then: the schema's lines in the backup.
        now: the schema's lines in the live database.
        tables: `schema.table` of those whose rows are in the archive.
    """
    changes = {change.table: change for change in full.changes}
    old, live = _columns(then), _columns(now)
    merges = (
        _merge(table, table in touched, old.get(table, {}), live.get(table, {}), changes.get(table))
        for table in tables
        if not table.startswith(HISTORY)
    )
    return PartialRestore(tuple(merges), full.new)


def _merge(
    table: str, is_touched: bool, old: Mapping[str, str], live: Mapping[str, str], change: Change | None
) -> TableMerge:
    stored = {name: rest for name, rest in old.items() if not _GENERATED.search(rest)}
    common = tuple(
        name for name, rest in stored.items() if name in live and _type(live[name]) == _type(rest)
    )
    dropped = tuple(name for name, rest in live.items() if name not in old and not _GENERATED.search(rest))
    lacking = [rest for name, rest in stored.items() if name not in common]
    if not is_touched and not lacking:
        return TableMerge(table, "live", common, dropped, change)
    fits = not any(_REQUIRED.search(rest) for rest in lacking)
    has_key = bool(live) and (change is None or change.updated is not None)
    return TableMerge(table, "both" if fits and has_key else "archive", common, dropped, change)


def _columns(lines: Iterable[str]) -> dict[str, dict[str, str]]:
    """`schema.table` -> column -> its type and the rest, from the schema's lines."""
    columns: dict[str, dict[str, str]] = {}
    for line in lines:
        match = _COLUMN.fullmatch(line)
        if match:
            table = f"{_unquoted(match['schema'])}.{_unquoted(match['table'])}"
            columns.setdefault(table, {})[_unquoted(match["name"])] = match["rest"]
    return columns


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _type(rest: str) -> str:
    return _TYPE.split(rest, maxsplit=1)[0]
