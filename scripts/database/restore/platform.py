"""What a new project lacks besides the app's schemas: extensions, and rows of `storage`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from scripts.database.backups import toc
from scripts.database.postgres.archive_toc import Entry
from scripts.database.postgres.names import key_of
from scripts.database.postgres.pg_restore import Archive
from scripts.database.restore.copy_text import COPY, lines, names, values
from scripts.database.restore.in_place import Source
from scripts.database.restore.plan import StorageGaps
from scripts.errors import Refused

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]
    Row = dict[str, str | None]

BUCKETS, OBJECTS = "storage.buckets", "storage.objects"
AVAILABLE = "select name from pg_available_extensions"
INSTALLED = "select extname from pg_extension"


def missing_extensions(connection: Connection, source: Source) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The extensions of the backup that the database lacks: those that a restore creates, and the rest.

    The rest are the platform's own, and the server does not know them.

    Raises:
        Refused: the server does not know one that is the app's.
    """
    installed, available = (
        {str(name) for (name,) in connection.execute(query)} for query in (INSTALLED, AVAILABLE)
    )
    missing = [entry.tag for entry in source.lists.database if entry.kind == "EXTENSION"]
    missing = [name for name in missing if name not in installed]
    unknown = [name for name in missing if name not in available and name not in toc.EXTENSIONS]
    if unknown:
        named = ", ".join(f"`{name}`" for name in unknown)
        raise Refused(
            f"the server can't create what `{source.manifest.id}` needs: extension {named}",
            "restore into a server that has it (in a Supabase project: Database, Extensions)",
        )
    known = tuple(name for name in missing if name in available)
    return known, tuple(name for name in missing if name not in available)


def storage_gaps(connection: Connection, archive: Archive, users: Iterable[Entry]) -> StorageGaps:
    """Buckets and files that the backup knows and the database lacks. Reads only."""
    entries = {entry.key: entry for entry in users if entry.kind == "TABLE DATA"}
    live = {table: _live_ids(connection, table) for table in (BUCKETS, OBJECTS) if table in entries}
    chosen = toc.list_text(entries[table] for table in live)
    buckets: dict[str, str] = {}
    objects: Counter[str] = Counter()
    for table, row in _archived(archive, chosen) if live else ():
        if row["id"] in live[table]:
            continue
        if table == BUCKETS:
            buckets[str(row["id"])] = _bucket_statement(row)
        else:
            objects[str(row.get("bucket_id"))] += 1
    return StorageGaps(buckets, dict(sorted(objects.items())))


def _live_ids(connection: Connection, table: str) -> set[str]:
    exists = connection.execute("select to_regclass(%s) is not null", [table]).fetchone()
    if not exists or not exists[0]:
        return set()
    rows = connection.execute(f"select id::pg_catalog.text from {table}".encode())  # noqa: S608 - a constant
    return {str(identity) for (identity,) in rows}


def _archived(archive: Archive, chosen: str) -> Iterator[tuple[str, Row]]:
    with archive.data(chosen) as statements:
        for statement, blocks in statements:
            copy = COPY.fullmatch(statement)
            if copy is None:
                continue
            table, columns = key_of(*names(copy["table"])), names(copy["columns"] or b"")
            for line in lines(blocks):
                yield table, dict(zip(columns, values(line), strict=True))


def _bucket_statement(row: Row) -> str:
    """Only the columns that every version of Storage has."""
    columns = [name for name in ("id", "name", "public") if name in row]
    literals = ", ".join(_literal(row[name]) for name in columns)
    return f"insert into storage.buckets ({', '.join(columns)}) values ({literals})"  # noqa: S608 - quoted


def _literal(value: str | None) -> str:
    return "null" if value is None else "'" + value.replace("'", "''") + "'"
