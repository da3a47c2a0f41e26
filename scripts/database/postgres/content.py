"""What a database holds, as plain values: rows and a checksum per table, sequences, extensions, schema.

Read in one snapshot, on a live server or on a restored copy, so that the two can be shown to be equal.
A checksum is the sum of a 64-bit hash of each row: any order of the rows gives the same, a row twice
does not cancel, and the same rows give the same on PostgreSQL 15 to 18.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.database.postgres import content_sql
from scripts.database.postgres.client import BACKUP, VERSIONS, connected
from scripts.database.postgres.throttle import Pace
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed, Unreachable
from scripts.system.process import quoted_lines

if TYPE_CHECKING:
    import psycopg


ASIDE = "desk_aside_"  # schemas that a restore moved out of the way begin so
Ours = Callable[[str], bool]


@dataclass(frozen=True)
class Content:
    """Everything that two databases are compared by.

    Args:
        tables: "schema.table" -> (rows, checksum, bytes on the server's disk).
        sequences: "schema.sequence" -> last value (its start where nothing was drawn yet).
        descending: the sequences that count down.
        extensions: name -> version.
        schema: one line for each thing, `trigger x on auth.users: CREATE TRIGGER ...`, sorted.
    """

    tables: Mapping[str, tuple[int, str, int]]
    sequences: Mapping[str, int]
    descending: frozenset[str]
    extensions: Mapping[str, str]
    schema: tuple[str, ...]

    @property
    def schema_hash(self) -> str:
        """SHA-256 of the schema's lines."""
        return hashlib.sha256("\n".join(self.schema).encode()).hexdigest()


@dataclass(frozen=True)
class Listed:
    """A table in the snapshot: its oid, its bytes with and without what is stored apart, its blocks."""

    oid: int
    schema: str
    name: str
    bytes: int
    blocks: int

    @property
    def key(self) -> str:
        """`schema.table`, as in a manifest."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Reader:
    """A read-only transaction in one snapshot.

    Args:
        snapshot: its exported name, for pg_dump and other readers; "" in a foreign snapshot.
        wal: where the server's log was.
        server: version of the server, such as `17.11`.
    """

    connection: psycopg.Connection[Any]
    snapshot: str
    wal: str
    server: str
    major: int

    def tables(self) -> list[Listed]:
        """Every table with rows of its own, materialized views among them; none of an extension's."""
        return [Listed(*row) for row in self.connection.execute(content_sql.TABLES)]

    def checksums(
        self, tables: Collection[Listed], pace: Pace | None = None
    ) -> Iterator[tuple[str, tuple[int, str, int]]]:
        """For each of them its key, and (rows, checksum, bytes); `pace` limits what is read a second."""
        columns = self._columns([each.oid for each in tables])
        for each in tables:
            rows, total = self._checksum(each, columns.get(each.oid, []), pace)
            yield each.key, (rows, str(total), each.bytes)

    def sequences(self, ours: Ours) -> tuple[dict[str, int], frozenset[str]]:
        """Their last values, and which of them count down. They are no part of any snapshot."""
        rows = [row for row in self.connection.execute(content_sql.SEQUENCES) if ours(row[0])]
        values = {f"{schema}.{name}": int(value) for schema, name, value, _ in rows}
        return values, frozenset(f"{schema}.{name}" for schema, name, _, down in rows if down)

    def extensions(self) -> dict[str, str]:
        """Name and version of each."""
        rows = self.connection.execute(content_sql.EXTENSIONS)
        return {str(name): str(version) for name, version in rows}

    def versions(self) -> tuple[str, ...]:
        """The applied migrations in order."""
        if not self.connection.execute(content_sql.HAS_HISTORY).fetchall():
            return ()
        return tuple(str(row[0]) for row in self.connection.execute(VERSIONS))

    def schema(self, ours: Ours) -> tuple[str, ...]:
        """Everything in the schemas that are ours, and what hangs on the others' tables."""
        lines = {line for schema, line in self.connection.execute(content_sql.SCHEMA) if ours(schema)}
        for schema, calls, line in self.connection.execute(content_sql.HANGING):
            # a trigger on a foreign table that calls a foreign function is the platform's own
            if not schema.startswith(ASIDE) and (ours(schema) or calls is None or ours(calls)):
                lines.add(line)
        return tuple(sorted(" ".join(line.split()) for line in lines))

    def _columns(self, oids: list[int]) -> dict[int, list[tuple[str, bool]]]:
        found: dict[int, list[tuple[str, bool]]] = {}
        for oid, name, binary in self.connection.execute(content_sql.COLUMNS, [content_sql.BINARY, oids]):
            found.setdefault(oid, []).append((name, bool(binary)))
        return found

    def _checksum(
        self, table: Listed, columns: list[tuple[str, bool]], pace: Pace | None
    ) -> tuple[int, int]:
        """Rows, and the sum of their hashes; in slices of its blocks where a pace is to be kept."""
        from psycopg import sql

        parts = [
            sql.SQL("{}" if binary else "{}::pg_catalog.text").format(sql.Identifier(name))
            for name, binary in columns
        ]
        row = sql.SQL("row({})").format(sql.SQL(", ").join(parts))
        summed = sql.SQL("sum(hash_record_extended({}, 0))").format(row) if parts else sql.SQL("0")
        query = sql.SQL("select count(*), coalesce({}, 0) from only {}").format(
            summed, sql.Identifier(table.schema, table.name)
        )
        rows = total = 0
        for part, size in _slices(table, pace):
            found = self.connection.execute(query + sql.SQL(part)).fetchone()
            rows, total = rows + int(found[0] if found else 0), total + int(found[1] if found else 0)
            if pace:
                pace.spent(size)
        return rows, total


def _slices(table: Listed, pace: Pace | None) -> Iterator[tuple[str, int]]:
    """Conditions that together are the whole table, each with the bytes that it reads."""
    if pace is None or table.blocks == 0:
        yield "", table.bytes
        return
    weight = max(1, table.bytes // table.blocks)  # of one block, with what its rows store apart
    step = max(1, int(pace.rate * pace.TACT) // weight)
    for first in range(0, table.blocks, step):
        after = first + step
        upper = "" if after >= table.blocks else f" and ctid < '({after},0)'::pg_catalog.tid"
        yield f" where ctid >= '({first},0)'::pg_catalog.tid{upper}", step * weight


@contextlib.contextmanager
def opened(database: Database, snapshot: str | None = None) -> Iterator[Reader]:
    """Read in that exported snapshot, or in one of its own, which is then exported.

    Raises:
        Unreachable: no connection, or it was lost.
        CommandFailed: something can't be read.
    """
    import psycopg

    try:
        with connected(database, BACKUP) as connection, connection.transaction():
            yield _reader(connection, snapshot)
    except (psycopg.OperationalError, psycopg.InterfaceError) as fault:
        raise Unreachable(
            f"the database `{database.name}` on `{database.host}:{database.port}` can't be read"
            f"{quoted_lines(str(fault))}",
            "check `DATABASE_URL` and `DATABASE_PASSWORD`, then try again",
        ) from None
    except psycopg.Error as fault:
        raise CommandFailed(f"`{database.name}` can't be read whole{quoted_lines(str(fault))}") from None


def _reader(connection: psycopg.Connection[Any], snapshot: str | None) -> Reader:
    from psycopg import sql

    connection.execute("set transaction isolation level repeatable read, read only")
    if snapshot:
        connection.execute(sql.SQL("set transaction snapshot {}").format(snapshot))
    connection.execute(content_sql.SETTINGS)
    wal, server, number = connection.execute(content_sql.STANDING).fetchone() or ("", "", 0)
    exported = None if snapshot else connection.execute("select pg_export_snapshot()").fetchone()
    own = str(exported[0]) if exported else ""
    return Reader(connection, own, str(wal), str(server).split()[0], int(number) // 10_000)


def content(
    database: Database,
    *,
    ours: Ours,
    snapshot: str | None = None,
    tables: Collection[str] | None = None,
) -> Content:
    """Everything of the schemas that are `ours`; of the rows, only those of `tables` if given.

    Raises:
        Unreachable: no connection, or it was lost.
        CommandFailed: something can't be read.
    """
    with opened(database, snapshot) as reader:
        wanted = [
            each
            for each in reader.tables()
            if (each.key in tables if tables is not None else ours(each.schema))
        ]
        values, descending = reader.sequences(ours)
        return Content(
            tables=dict(reader.checksums(wanted)),
            sequences=values,
            descending=descending,
            extensions=reader.extensions(),
            schema=reader.schema(ours),
        )
