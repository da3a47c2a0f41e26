"""What a restore would lose: every row that was written since the backup, counted on the live database.

A backup's rows and the live rows both come as PostgreSQL's COPY text, in which equal rows are equal
lines, so no second server is needed to compare them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scripts.database.backups import toc
from scripts.database.backups.manifest import Manifest
from scripts.database.postgres.content import SnapshotReader, read_snapshot
from scripts.database.postgres.names import key_of
from scripts.database.postgres.pg_restore import Archive
from scripts.database.postgres.url import Database
from scripts.database.restore import plan, platform
from scripts.database.restore.columns import columns
from scripts.database.restore.copy_text import COPY, lines, names, pick
from scripts.database.restore.in_place import Source
from scripts.database.restore.plan import Change, RestorePlan

if TYPE_CHECKING:
    import psycopg


def plan_restore(database: Database, source: Source, *, safety: bool, rate: float | None) -> RestorePlan:
    """Count what was written since, table by table, in one snapshot of the live database. Reads only.

    Raises:
        Refused: the server can't create an extension that the backup needs.
    """
    lists, manifest = source.lists, source.manifest
    with read_snapshot(database) as reader:
        live = {table.key: table for table in reader.tables() if toc.is_app_schema(table.schema)}
        common = {key: table for key, table in live.items() if key in lists.tables}
        checksums = dict(reader.checksums(list(common.values())))
        entries = [entry for entry in lists.app if entry.kind == "TABLE DATA"]
        entries = [e for e in entries if not _unchanged(manifest, checksums, e.key)]
        entries += [e for e in lists.users if e.key == plan.ACCOUNTS]
        written = changes_since(reader.connection, source.archive, toc.list_text(entries))
        changes = {change.table: change for change in written}
        new = _new_tables(reader, set(live) - set(common))
        storage = platform.storage_gaps(reader.connection, source.archive, lists.users)
        extensions, unavailable = platform.missing_extensions(reader.connection, source)
    accounts = changes.pop(plan.ACCOUNTS, None)
    users = [change for change in changes.values() if not change.table.startswith(plan.HISTORY)]
    return RestorePlan(
        manifest=manifest,
        changes=tuple(change for change in users if change.any),
        new=new,
        accounts=accounts,
        seconds=plan.expected_seconds(manifest, rate),
        safety=safety,
        storage=storage,
        extensions=extensions,
        unavailable=unavailable,
    )


def _unchanged(manifest: Manifest, checksums: Mapping[str, tuple[int, str, int]], table: str) -> bool:
    then = manifest.tables.get(table)
    return then is not None and table in checksums and (then.rows, then.checksum) == checksums[table][:2]


def _new_tables(reader: SnapshotReader, names: set[str]) -> dict[str, int]:
    """Tables that the backup lacks -> their rows. A materialized view can be refreshed: it is no loss."""
    views = {key_of(*row) for row in reader.connection.execute(plan.VIEWS)}
    tables = [table for table in reader.tables() if table.key in names - views]
    sums = reader.checksums([table for table in tables if not table.key.startswith(plan.HISTORY)])
    return {key: rows for key, (rows, _, _) in sums}


def changes_since(connection: psycopg.Connection[Any], archive: Archive, chosen: str) -> Iterator[Change]:
    """What became of each table, for the `TABLE DATA` entries that were chosen."""
    with archive.data(chosen) as statements:
        for statement, blocks in statements:
            copy = COPY.fullmatch(statement)
            if copy:
                yield _changes_of(connection, copy["table"], names(copy["columns"] or b""), blocks)


def _changes_of(
    connection: psycopg.Connection[Any], table: bytes, archived: Sequence[str], blocks: Iterable[bytes]
) -> Change:
    """Compare the archive's rows of a table, whose columns are `archived`, with the live ones."""
    key_name, live = key_of(*names(table)), columns(connection, table.decode())
    stored = [column for column in live.values() if not column.generated]
    common = [name for name in archived if name in live and not live[name].generated]
    key = [place for place, name in enumerate(common) if live[name].key]
    has_key = bool(key) and sum(column.key for column in live.values()) == len(key)
    places = [archived.index(name) for name in common]
    before: dict[bytes, list[int]] = {}
    rows = 0
    for line in lines(blocks):
        rows += 1
        row = pick(line, places, len(archived))
        before.setdefault(pick(row, key, len(common)) if has_key else row, []).append(hash(row))
    if not stored:
        return Change(key_name, rows, 0, 0, 0, rows)
    now = inserted = updated = 0
    for line in lines(_live_rows(connection, table.decode(), common)):
        now += 1
        same_key = before.get(pick(line, key, len(common)) if has_key else line)
        if not same_key:
            inserted += 1
        elif same_key.pop() != hash(line):
            updated += 1
    deleted = sum(map(len, before.values()))
    return Change(key_name, rows, now, inserted, updated if has_key else None, deleted)


def _live_rows(connection: psycopg.Connection[Any], table: str, chosen: Sequence[str]) -> Iterator[bytes]:
    from psycopg import sql

    order = sql.SQL("copy (select {} from only {}) to stdout").format(
        sql.SQL(", ").join(map(sql.Identifier, chosen)), sql.SQL(table)
    )
    with connection.cursor().copy(order) as copy:
        yield from map(bytes, copy)
