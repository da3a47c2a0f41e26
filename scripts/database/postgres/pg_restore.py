"""`pg_restore`: an archive's table of contents, its SQL as a stream, and a restore by list.

Exit code 0 and an empty standard error are required, always: `pg_restore` continues after errors.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from scripts.database.postgres import load_order
from scripts.database.postgres.archive_toc import Entry, list_text, read_contents
from scripts.database.postgres.client import connect
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed
from scripts.system import temporary
from scripts.system.command import Command
from scripts.system.process import error_tail, quoted_lines, run, stream_stdout

if TYPE_CHECKING:
    import psycopg


BATCH = 1 << 18  # bytes of rows that are sent at once
RESTORE_TIMEOUT = 6 * 3600.0  # seconds
TABLE_DATA, SEQUENCE_SET = "TABLE DATA", "SEQUENCE SET"  # kinds of entries with data
LARGE_OBJECT = (b"SELECT pg_catalog.lo_", b"SELECT pg_catalog.lowrite(")
END = b"\\.\n"
# settings of the session: timeouts are the caller's, and an older server may not know some
SETTINGS = re.compile(rb"^SET \w+_timeout = 0;$", re.MULTILINE)
RESTRICT = re.compile(rb"^\\(?:un)?restrict (\w+)$", re.MULTILINE)


@dataclass(frozen=True)
class Archive:
    """A custom-format archive and the `pg_restore` that reads it.

    `entries` are lines of its table of contents, as `pg_restore -L` reads them; `section` is `pre-data`,
    `data` or `post-data`.
    """

    file: Path
    pg_restore: Path

    def contents(self) -> tuple[Entry, ...]:
        """Its table of contents, in the order in which it would be restored.

        Raises:
            CommandFailed: it is no archive, or of a format that is not known here.
        """
        return read_contents(self.file)

    def sql(self, entries: str, section: str = "") -> bytes:
        """The SQL of some entries without their rows."""
        with _list_file(entries) as options:
            only = [f"--section={section}"] if section else []
            return self._plain(*options, *only)

    def sql_without_owners(self, entries: str) -> bytes:
        """As `sql`, and whoever runs it will own all that it makes."""
        with _list_file(entries) as options:
            return self._plain(*options, "--no-owner")

    def _plain(self, *options: str) -> bytes:
        script = self._run(*options, "-f", "-")
        token = RESTRICT.search(script)
        if token:  # a psql command against servers that lie; we never run psql
            script = re.sub(rb"^\\(?:un)?restrict " + token[1] + rb"$", b"", script, flags=re.MULTILINE)
        head, mark, body = script.partition(b"\nSET row_security")
        return SETTINGS.sub(b"", head) + mark + body

    def restore(self, database: Database, entries: str, *options: str, section: str = "") -> None:
        """Restore some entries into a database, with `options` of pg_restore such as `-j2`.

        Raises:
            CommandFailed: it failed, or printed anything at all.
        """
        with _list_file(entries) as list_options:
            only = [f"--section={section}"] if section else []
            into = ["--exit-on-error", "-d", database.url, *options]
            self._run(*list_options, *only, *into, env=database.environment)

    def publish(self, database: Database, entries: str, *options: str) -> None:
        """Make publications; that the server keeps no log for subscribers is no fault of theirs.

        Raises:
            CommandFailed: one can't be made.
        """
        import psycopg

        owners = "--no-owner" not in options
        script = self.sql(entries) if owners else self.sql_without_owners(entries)
        try:
            with connect(database) as connection:
                execute(connection, script)
        except psycopg.Error as fault:
            raise CommandFailed(f"a publication can't be made{quoted_lines(str(fault))}") from None

    @contextlib.contextmanager
    def data(self, entries: str) -> Iterator[Iterator[tuple[bytes, Iterator[bytes]]]]:
        """The rows of some entries: each `COPY` with its blocks, each `setval` with none."""
        with _list_file(entries) as options:
            command = self._command(*options, "--section=data", "-f", "-")
            with stream_stdout(command) as stream:
                yield statements_of(stream)

    @contextlib.contextmanager
    def large_objects(self, entries: str) -> Iterator[Iterator[bytes]]:
        """The statements that write the contents of large objects, for `BLOBS` entries."""
        with (
            _list_file(entries) as options,
            stream_stdout(self._command(*options, "--section=data", "-f", "-")) as stream,
        ):
            yield (line for line in stream if line.startswith(LARGE_OBJECT))

    def _command(self, *options: str, env: dict[str, str] | None = None) -> Command:
        argv = (str(self.pg_restore), *options, str(self.file))
        return Command(argv, env=env or {}, timeout=RESTORE_TIMEOUT)

    def _run(self, *options: str, env: dict[str, str] | None = None) -> bytes:
        result = run(self._command(*options, env=env))
        if result.err.strip():
            raise CommandFailed(f"`pg_restore` did not restore cleanly{error_tail(result)}")
        return result.out


def play(
    connection: psycopg.Connection[Any],
    archive: Archive,
    entries: str,
    *,
    between: Callable[[], None] = lambda: None,
    tell: Callable[[bytes], object] = len,
) -> None:
    """Restore some entries over an open connection, within its transaction: all of them, or none.

    Schemas come first, with their grants: without them no object can be given to its owner. `between` is
    called after the rows and before the constraints, and `tell` with each block of rows.
    """
    numbers = {line.partition(";")[0] for line in entries.splitlines()}
    chosen = [entry for entry in archive.contents() if entry.line.partition(";")[0] in numbers]
    schemas = [entry for entry in chosen if entry.about_schema]
    if schemas:
        execute(connection, archive.sql(list_text(schemas)))
    entries = list_text(entry for entry in chosen if not entry.about_schema)
    execute(connection, archive.sql(entries, "pre-data"))
    rows = data_in_order(connection, [entry for entry in chosen if entry.kind == TABLE_DATA])
    others = [entry for entry in chosen if entry.kind == SEQUENCE_SET]
    with archive.data(list_text([*rows, *others])) as statements:
        for statement, blocks in statements:
            if statement.startswith(b"COPY "):
                copy_in(connection, statement, _told(blocks, tell))
            else:
                connection.execute(statement)
    between()
    execute(connection, archive.sql(entries, "post-data"))


def _told(blocks: Iterable[bytes], tell: Callable[[bytes], object]) -> Iterator[bytes]:
    for block in blocks:
        yield block
        tell(block)


def data_in_order(connection: psycopg.Connection[Any], rows: Sequence[Entry]) -> list[Entry]:
    """The entries of tables' rows, so that checks find the rows of other tables that they read."""
    by_table = {(entry.schema, entry.tag): entry for entry in rows}
    reads = load_order.readers(connection, by_table)
    return [by_table[table] for table in load_order.ordered(list(by_table), reads)]


def copy_in(connection: psycopg.Connection[Any], statement: bytes, blocks: Iterable[bytes]) -> None:
    """One table's rows."""
    with connection.cursor().copy(statement) as copy:
        for block in blocks:
            copy.write(block)


def execute(connection: psycopg.Connection[Any], script: bytes) -> None:
    """Run a script of many statements."""
    if script.strip():
        connection.execute(script)


def statements_of(stream: IO[bytes]) -> Iterator[tuple[bytes, Iterator[bytes]]]:
    """The statements of a data section: each `COPY` with its rows in blocks, each `setval` with none."""
    lines = _Lines(stream)
    while line := lines.next():
        while line.startswith(b"COPY ") and line.count(b'"') % 2:  # a line feed within a name
            line += lines.next() or b'"'
        if line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n"):
            yield line, lines.rows()
        elif line.startswith(b"SELECT pg_catalog.setval("):
            yield line, iter(())
        elif line.startswith((b"COPY ", b"INSERT ")):
            raise CommandFailed("the archive holds rows in an unknown form")


class _Lines:
    """Lines of a stream, read in batches: rows are passed on without looking at each one."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._batch: list[bytes] = []

    def next(self) -> bytes:
        """One line; empty at the end."""
        if not self._batch:
            self._batch = self._stream.readlines(BATCH)
        return self._batch.pop(0) if self._batch else b""

    def rows(self) -> Iterator[bytes]:
        """Blocks of rows up to the line that ends them.

        Raises:
            CommandFailed: that line is missing: the archive is cut off.
        """
        while True:
            batch = self._batch or self._stream.readlines(BATCH)
            self._batch = []
            if not batch:
                raise CommandFailed("the archive ends in the middle of a table")
            if END in batch:
                end = batch.index(END)
                self._batch = batch[end + 1 :]
                yield b"".join(batch[:end])
                return
            yield b"".join(batch)


@contextlib.contextmanager
def _list_file(entries: str) -> Iterator[tuple[str, str]]:
    """The entries in a file, for `-L`."""
    with temporary.folder() as folder:
        file = folder / "list"
        file.write_text(entries, errors="surrogateescape")
        yield "-L", str(file)
