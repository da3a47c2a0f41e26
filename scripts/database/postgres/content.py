"""What a database holds, as plain values: rows and a checksum per table, sequences, extensions, schema.

Read in one snapshot, on a live server or on a restored copy, so that the two can be shown to be equal.
A checksum is the sum of a 64-bit hash of each row: it does not depend on the order of the rows, a
duplicate does not cancel out, and PostgreSQL 15 to 18 compute the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scripts.database.postgres import catalogue, restorable
from scripts.database.postgres.catalogue import IsOurs
from scripts.database.postgres.catalogue_queries import FOREIGN, is_member
from scripts.database.postgres.client import BACKUP, VERSIONS, connect
from scripts.database.postgres.names import LARGE_OBJECTS, key_of
from scripts.database.postgres.restorable import Unrestorable
from scripts.database.postgres.throttle import RateLimit
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed, Unreachable
from scripts.system.process import quoted_lines

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

Sums = tuple[int, str, int]  # rows, checksum, bytes on the server's disk
Columns = list[tuple[str, bool]]  # name, and whether its binary hash will do

# Values are hashed as text where their binary hash won't do (see BINARY), and texts depend on these
# settings: nothing here may depend on the user or on the server's defaults.
SETTINGS = """
set local search_path = '';
set local datestyle = 'ISO, YMD';
set local intervalstyle = 'postgres';
set local timezone = 'UTC';
set local extra_float_digits = 1;
set local bytea_output = 'hex';
set local xmloption = 'content';
set local row_security = off;
set local statement_timeout = '4h';
set local lock_timeout = '10s';
set local idle_in_transaction_session_timeout = 0;
set local max_parallel_workers_per_gather = 0;
set local jit = off;
"""
# Types whose own hash tells every two unequal values apart, on every server; the others are hashed as
# text. An enum's hash is its oid, a float's takes -0 for 0. A number in a jsonb counts by its value
# (1.0 is 1.00), as one of fixed scale does.
BINARY = "bool int2 int4 int8 text varchar uuid timestamp timestamptz date time bytea jsonb".split()
COLUMNS = """
select a.attrelid, a.attname, t.typname = any(%s) and t.typnamespace = 'pg_catalog'::regnamespace
    and coalesce(k.collisdeterministic, true)
  or (t.oid = 'pg_catalog.numeric'::regtype and a.atttypmod <> -1)
from pg_attribute a join pg_type t on t.oid = a.atttypid left join pg_collation k on k.oid = a.attcollation
where a.attrelid = any(%s) and a.attnum > 0 and not a.attisdropped order by a.attrelid, a.attnum
"""
TABLES = f"""
select c.oid, n.nspname, c.relname, pg_table_size(c.oid),
  (pg_relation_size(c.oid) / current_setting('block_size')::int)::bigint, c.relkind = 'm'
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where (c.relkind = 'r' or c.relkind = 'm' and c.relispopulated) and c.relpersistence <> 't'
  and n.nspname !~ {FOREIGN} and not {is_member("pg_class", "c.oid")} order by 2, 3
"""  # noqa: S608 - constants only
# A view's query, and whether it gives the same whenever it runs on the same rows: functions that are not
# immutable may look at the clock. A function of the app's own is taken to look at rows alone.
DEFINITION = """
select pg_get_viewdef(c.oid), not exists (select from pg_rewrite r
  where r.ev_class = c.oid and (r.ev_action::text ~ 'SQLVALUEFUNCTION|NEXTVALUEEXPR' or exists (
    select from regexp_matches(r.ev_action::text, ':funcid (\\d+)', 'g') f
    join pg_proc p on p.oid = f[1]::oid
    where p.provolatile <> 'i' and p.oid < 16384 or p.provolatile = 'v')))
from pg_class c where c.oid = %s
"""
# large objects, read in pieces of 16 MB: each is hashed with its place
LARGE = """
select count(distinct m.oid), coalesce(sum(hash_record_extended(row(m.oid::bigint, p.place,
    lo_get(m.oid, p.place, 16777216)), 0)), 0), coalesce(sum(s.size) filter (where p.place = 0), 0)
from pg_largeobject_metadata m
cross join lateral (select lo_open(m.oid, 262144) as descriptor offset 0) o
cross join lateral (select lo_lseek64(o.descriptor, 0, 2) as size offset 0) s
cross join lateral generate_series(0, greatest(s.size - 1, 0), 16777216) p(place)
where %(only)s::oid[] is null or m.oid = any(%(only)s::oid[])
"""
SEQUENCES = """
select schemaname, sequencename, coalesce(last_value, start_value), increment_by < 0 from pg_sequences
order by 1, 2
"""
EXTENSIONS = "select extname, extversion from pg_extension order by 1"
HAS_HISTORY = (
    "select from pg_tables where (schemaname, tablename) = ('supabase_migrations', 'schema_migrations')"
)
POSITION = """
select pg_current_wal_lsn()::text, current_setting('server_version'),
  current_setting('server_version_num')::int
"""


@dataclass(frozen=True)
class Content:
    """Everything that two databases are compared by.

    Args:
        tables: "schema.table" -> (rows, checksum, bytes on the server's disk).
        sequences: "schema.sequence" -> last value (its start value if it was never used).
        descending: the sequences that count down.
        extensions: name -> version.
        schema: sorted lines of `catalogue.proof_lines`.
        computed: materialized view whose rows were not as expected -> (rows, checksum) of what its query
            gives now; None where that changes from one time to the next.
        major: of the server; 0 for that of the backup.
    """

    tables: Mapping[str, Sums]
    sequences: Mapping[str, int]
    descending: frozenset[str]
    extensions: Mapping[str, str]
    schema: tuple[str, ...]
    computed: Mapping[str, tuple[int, str] | None] = field(default_factory=dict)
    major: int = 0


@dataclass(frozen=True)
class TableSize:
    """A table in the snapshot: bytes on disk with TOAST, 8 kB blocks without it.

    `view`: it is a materialized view.
    """

    oid: int
    schema: str
    name: str
    bytes: int
    blocks: int
    view: bool = False

    @property
    def key(self) -> str:
        """`schema.table`, as in a manifest."""
        return key_of(self.schema, self.name)


@dataclass(frozen=True)
class SnapshotReader:
    """A read-only transaction in one snapshot.

    Args:
        snapshot: its exported name, for pg_dump and other readers; "" if it was imported.
        wal: the position in the server's write-ahead log, such as `0/1A2B3C`.
        server: version of the server, such as `17.11`.
        major: 17 of `17.11`.
    """

    connection: psycopg.Connection[Any]
    snapshot: str = ""
    wal: str = ""
    server: str = ""
    major: int = 0

    @classmethod
    def within(cls, connection: psycopg.Connection[Any]) -> SnapshotReader:
        """A reader in a transaction that is open already; it changes that transaction's settings."""
        connection.execute(SETTINGS)
        return cls(connection, major=connection.info.server_version // 10_000)

    def tables(self) -> list[TableSize]:
        """Every table with rows of its own, materialized views included; none of an extension's."""
        return [TableSize(*row) for row in self.connection.execute(TABLES)]

    def checksums(
        self, tables: Collection[TableSize], limit: RateLimit | None = None
    ) -> Iterator[tuple[str, Sums]]:
        """For each table its key and (rows, checksum, bytes); `limit` is the reading rate."""
        columns = self._columns([table.oid for table in tables])
        for table in tables:
            rows, total = self._checksum(table, columns.get(table.oid, []), limit)
            yield table.key, (rows, str(total), table.bytes)

    def computed(
        self,
        tables: Iterable[TableSize],
        found: Mapping[str, Sums],
        expected: Mapping[str, tuple[int, str]],
    ) -> dict[str, tuple[int, str] | None]:
        """What the queries of the materialized views give whose rows are not those that are expected."""
        views = {table.key: table.oid for table in tables if table.view}
        strange = [
            key for key in views if key in expected and key in found and found[key][:2] != expected[key]
        ]
        columns = self._columns([views[key] for key in strange])
        return {key: self._computed(views[key], columns.get(views[key], [])) for key in strange}

    def _computed(self, view: int, columns: Columns) -> tuple[int, str] | None:
        from psycopg import sql

        definition, lasting = self.connection.execute(DEFINITION, [view]).fetchone() or ("", False)
        query = sql.SQL("select count(*), coalesce({}, 0) from ({}) v").format(
            _sum_of_hashes(columns), sql.SQL(definition.rstrip("; "))
        )
        rows, total = self.connection.execute(query).fetchone() or (0, 0)
        return (int(rows), str(total)) if lasting else None

    def large_objects(self, only: Collection[int] | None = None) -> Sums | None:
        """Their number, checksum and bytes; None if there are none. Those of `only`, if given."""
        objects = None if only is None else list(only)
        row = self.connection.execute(LARGE, {"only": objects}).fetchone()
        return (int(row[0]), str(row[1]), int(row[2])) if row and row[0] else None

    def sequences(self, is_ours: IsOurs) -> tuple[dict[str, int], frozenset[str]]:
        """Their last values, and which of them count down. They are not part of a snapshot."""
        rows = [row for row in self.connection.execute(SEQUENCES) if is_ours(row[0])]
        values = {key_of(schema, name): int(value) for schema, name, value, _ in rows}
        return values, frozenset(key_of(schema, name) for schema, name, _, down in rows if down)

    def extensions(self) -> dict[str, str]:
        """Name -> version."""
        rows = self.connection.execute(EXTENSIONS)
        return {str(name): str(version) for name, version in rows}

    def versions(self) -> tuple[str, ...]:
        """The applied migrations in order."""
        if not self.connection.execute(HAS_HISTORY).fetchall():
            return ()
        return tuple(str(row[0]) for row in self.connection.execute(VERSIONS))

    def schema(self, is_ours: IsOurs) -> tuple[str, ...]:
        """The app's schemas, and what the app attached to other tables, as text."""
        return catalogue.proof_lines(self.connection, is_ours)

    def unrestorable(self, is_ours: IsOurs) -> tuple[Unrestorable, ...]:
        """What this user could not create again; nothing for a superuser, or for one that only reads."""
        own = self.connection.execute(restorable.SCHEMAS_OF_OWN).fetchall()
        superuser = self.connection.info.parameter_status("is_superuser") == "on"
        if superuser or not any(is_ours(str(schema)) for (schema,) in own):
            return ()
        found = map(Unrestorable._make, self.connection.execute(restorable.QUERY))
        return tuple(sorted({each for each in found if is_ours(each.schema)}))

    def _columns(self, oids: list[int]) -> dict[int, Columns]:
        columns: dict[int, Columns] = {}
        for oid, name, binary in self.connection.execute(COLUMNS, [BINARY, oids]):
            columns.setdefault(oid, []).append((name, bool(binary)))
        return columns

    def _checksum(self, table: TableSize, columns: Columns, limit: RateLimit | None) -> tuple[int, int]:
        """Rows, and the sum of their hashes; in slices of the table's blocks under a rate limit."""
        from psycopg import sql

        query = sql.SQL("select count(*), coalesce({}, 0) from only {}").format(
            _sum_of_hashes(columns), sql.Identifier(table.schema, table.name)
        )
        rows = total = 0
        for condition, size in slices(table, limit):
            count, part = self.connection.execute(query + sql.SQL(condition)).fetchone() or (0, 0)
            rows, total = rows + int(count), total + int(part)
            if limit:
                limit.consume(size)
        return rows, total


def _sum_of_hashes(columns: Columns) -> sql.Composable:
    from psycopg import sql

    parts = [
        sql.SQL("{}" if binary else "{}::pg_catalog.text").format(sql.Identifier(name))
        for name, binary in columns
    ]
    row = sql.SQL("row({})").format(sql.SQL(", ").join(parts))
    return sql.SQL("sum(hash_record_extended({}, 0))").format(row) if parts else sql.SQL("0")


def slices(table: TableSize, limit: RateLimit | None) -> Iterator[tuple[str, int]]:
    """Conditions that together cover the whole table, each with the bytes that it reads."""
    if limit is None or table.blocks == 0:
        yield "", table.bytes
        return
    weight = max(1, table.bytes // table.blocks)  # bytes of one block and the TOAST of its rows
    step = max(1, int(limit.rate * limit.BURST) // weight)
    for first in range(0, table.blocks, step):
        after = first + step
        upper = "" if after >= table.blocks else f" and ctid < '({after},0)'::pg_catalog.tid"
        yield f" where ctid >= '({first},0)'::pg_catalog.tid{upper}", step * weight


@contextlib.contextmanager
def read_snapshot(database: Database, snapshot: str | None = None) -> Iterator[SnapshotReader]:
    """Read in that exported snapshot, or in a new one, which is then exported.

    Raises:
        Unreachable: no connection, or it was lost.
        CommandFailed: something can't be read.
    """
    import psycopg

    try:
        with connect(database, BACKUP) as connection, connection.transaction():
            yield _reader(connection, snapshot)
    except (psycopg.OperationalError, psycopg.InterfaceError) as fault:
        raise Unreachable(
            f"the database `{database.name}` on `{database.host}:{database.port}` can't be read"
            f"{quoted_lines(str(fault))}",
            "check `DATABASE_URL` and `DATABASE_PASSWORD`, then try again",
        ) from None
    except psycopg.Error as fault:
        raise CommandFailed(
            f"`{database.name}` can't be read completely{quoted_lines(str(fault))}"
        ) from None


def _reader(connection: psycopg.Connection[Any], snapshot: str | None) -> SnapshotReader:
    from psycopg import sql

    connection.execute("set transaction isolation level repeatable read, read only")
    if snapshot:
        connection.execute(sql.SQL("set transaction snapshot {}").format(snapshot))
    connection.execute(SETTINGS)
    wal, server, number = connection.execute(POSITION).fetchone() or ("", "", 0)
    row = None if snapshot else connection.execute("select pg_export_snapshot()").fetchone()
    exported = str(row[0]) if row else ""
    return SnapshotReader(connection, exported, str(wal), str(server).split()[0], int(number) // 10_000)


def read_content(
    database: Database,
    *,
    is_ours: IsOurs,
    snapshot: str | None = None,
    tables: Collection[str] | None = None,
    expected: Mapping[str, tuple[int, str]] | None = None,
    tell: Callable[[str], object] = len,
) -> Content:
    """Everything in the schemas that are ours; of the rows, only those of `tables` if given.

    Args:
        expected: rows and checksums; a materialized view that has others is computed again.
        tell: called with the key of each table once its rows are read, and with that of large objects.

    Raises:
        Unreachable: no connection, or it was lost.
        CommandFailed: something can't be read.
    """
    with read_snapshot(database, snapshot) as reader:
        wanted = [
            table
            for table in reader.tables()
            if (table.key in tables if tables is not None else is_ours(table.schema))
        ]
        values, descending = reader.sequences(is_ours)
        found = dict(_told(reader.checksums(wanted), tell))
        large = reader.large_objects() if tables is None or LARGE_OBJECTS in tables else None
        found |= dict(_told([(LARGE_OBJECTS, large)] if large else [], tell))
        return Content(
            tables=found,
            sequences=values,
            descending=descending,
            extensions=reader.extensions(),
            schema=reader.schema(is_ours),
            computed=reader.computed(wanted, found, expected or {}),
            major=reader.major,
        )


def _told(sums: Iterable[tuple[str, Sums]], tell: Callable[[str], object]) -> Iterator[tuple[str, Sums]]:
    for each in sums:
        yield each
        tell(each[0])
