"""Rows that the target gets in `COPY`'s binary form, straight from the scratch server.

The target reads that form in a third of the time of the text that is searched. Both are of one snapshot,
and what arrives is compared with the sums of that snapshot.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from scripts.database.backups import toc
from scripts.database.counting import Counted
from scripts.database.postgres.client import session
from scripts.database.postgres.names import key_of
from scripts.database.postgres.programs import Programs, environment
from scripts.database.postgres.url import Database
from scripts.database.refresh.load import Copied
from scripts.database.refresh.masking_sql import table_name
from scripts.system.command import Command
from scripts.system.process import stream_stdout

LEAST = 4 << 20  # bytes of a table for which a program more is worth while
BLOCK = 1 << 18  # bytes that are read at once
TIMEOUT = 600.0  # seconds from the last row to the end of `psql`
HERE = ("127.0.0.1", "::1", "localhost")
# Every major version writes and reads these alike. Others may hold numbers of the server's own, as
# `regclass` does, or follow an extension's version.
TYPES = """bool int2 int4 int8 float4 float8 numeric text varchar bpchar uuid date time timetz timestamp
timestamptz interval bytea json jsonb inet cidr macaddr""".split()
TABLES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and pg_table_size(c.oid) >= %s and not exists (
  select from pg_attribute a join pg_type t on t.oid = a.atttypid
  left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and t.typtype <> 'e'
    and not (coalesce(e.typname, t.typname) = any(%s)
      and coalesce(e.typnamespace, t.typnamespace) = 'pg_catalog'::regnamespace))
"""


@dataclass(frozen=True)
class Stream:
    """One table's rows: how the target reads them, the program that prints them, and how much they are.

    Args:
        rows: their number.
        size: bytes of their text, which is about as long.
    """

    statement: bytes
    command: Command
    rows: int
    size: int

    def blocks(self) -> Generator[bytes, None, None]:
        """The rows, each block with about its number of them."""
        read = told = 0
        with stream_stdout(self.command) as stream:
            block = stream.read(BLOCK)
            while block:
                after = stream.read(BLOCK)
                read += len(block)
                done = min(self.rows, self.rows * read // max(1, self.size)) if after else self.rows
                yield Counted.of(block, done - told)
                block, told = after, done


@dataclass(frozen=True)
class BinaryRows:
    """The tables of a scratch copy whose rows can be had in binary form.

    Args:
        snapshot: in which everything is read.
        psql: the program.
        tables: `schema.table`.
    """

    copy: Database
    snapshot: str
    psql: str = ""
    tables: frozenset[str] = frozenset()

    @classmethod
    def of(cls, programs: Programs, copy: Database, snapshot: str) -> BinaryRows:
        """The app's tables; none of a server on another machine, since writers wait for these rows."""
        psql = programs.path("psql")
        if copy.host not in HERE or not Path(psql).is_file():
            return cls(copy, snapshot)
        with session(copy) as connection:
            rows = connection.execute(TABLES, [LEAST, TYPES])
            tables = frozenset(key_of(*names) for names in rows if toc.is_app_schema(names[0]))
        return cls(copy, snapshot, psql, tables)

    def stream(self, copied: Copied, rows: int, size: int) -> Stream:
        """The rows of one of the tables."""
        what = f"{table_name(copied.table)} ({copied.listed})"
        into = f"COPY {what} FROM stdin (FORMAT binary, ENCODING 'UTF8');\n"
        orders = f"""begin isolation level repeatable read, read only;
set transaction snapshot '{self.snapshot}';
set local row_security = off;
set local statement_timeout = '4h';
copy {what} to stdout (format binary, encoding 'UTF8')"""
        argv = (self.psql, "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1")
        env = environment(self.copy)
        each = (f"--command={order}" for order in orders.split(";\n", 4))
        command = Command((*argv, *each), env=env, timeout=TIMEOUT)
        return Stream(into.encode(), command, rows, size)
