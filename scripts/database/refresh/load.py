"""Load a backup's rows into a scratch copy, masked on the way: no value that a rule masks is stored there.

The rows come as one stream. Several sessions take chunks of it: a chunk is copied into a temporary table
of the session, and inserted from there with one expression for each masked column.
"""

# ruff: noqa: S608 - names are quoted by pg_dump, or by us
from __future__ import annotations

import queue
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scripts.database.counting import Tell, rows_in, silent
from scripts.database.postgres import load_order
from scripts.database.postgres.archive_toc import Entry, list_text
from scripts.database.postgres.client import session
from scripts.database.postgres.names import key_of, unquoted
from scripts.database.postgres.pg_restore import TABLE_DATA, Archive, copy_in, data_in_order
from scripts.database.postgres.url import Database
from scripts.database.refresh.known_values import KnownValues
from scripts.database.refresh.masking_sql import quote, table_name
from scripts.errors import Refused
from scripts.system.background import submit
from scripts.system.process import quoted_lines
from scripts.system.secret import Secret, redact

if TYPE_CHECKING:
    import psycopg


WORKERS = 3
CHUNK = 4 << 20  # bytes of rows that a session takes at once
POLL = 0.2  # seconds
NAME = r'(?:"(?:[^"]|"")+"|[^\s".,()]+)'
COPY = re.compile(rf"COPY ({NAME})\.({NAME}) \((.*)\) FROM stdin;\n", re.DOTALL)
COLUMN = re.compile(NAME)
# texts of dates and numbers are hashed, so they must not depend on the server's defaults
SETTINGS = """set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres';
set extra_float_digits = 1; set bytea_output = 'hex'; set xmloption = 'content'; set temp_buffers = '32MB';
set statement_timeout = '4h'; set client_min_messages = 'error'"""
LENGTH, DATA_CLASS = 200, "22"  # characters of a message; SQLSTATE class of values that don't fit


@dataclass(frozen=True)
class Masks:
    """How rows are masked.

    Args:
        expressions: table -> column -> the expression that masks it.
        partitions: partition -> the table that it is a part of, whose rules count.
        key: equal values are masked equally under one key.
    """

    expressions: Mapping[str, Mapping[str, str]]
    partitions: Mapping[str, str]
    key: Secret


@dataclass(frozen=True)
class Copied:
    """What a `COPY` copies into.

    Args:
        table: `schema.table`.
        columns: their names.
        listed: their names as SQL writes them, with commas.
    """

    table: str
    columns: tuple[str, ...]
    listed: str


@dataclass(frozen=True)
class _Chunk:
    """Whole rows of one `COPY`; no rows: a statement to be run."""

    statement: bytes
    rows: bytes = b""


@dataclass
class _Line:
    """Chunks on their way from the stream to the sessions."""

    chunks: queue.Queue[_Chunk | None] = field(default_factory=lambda: queue.Queue(WORKERS))
    stopped: threading.Event = field(default_factory=threading.Event)

    def put(self, chunk: _Chunk | None) -> None:
        """Wait for room; nothing happens after a session has failed."""
        while not self.stopped.is_set():
            try:
                self.chunks.put(chunk, timeout=POLL)
            except queue.Full:
                continue
            return

    def __iter__(self) -> Iterator[_Chunk]:
        while not self.stopped.is_set():
            try:
                chunk = self.chunks.get(timeout=POLL)
            except queue.Empty:
                continue
            if chunk is None:
                return
            yield chunk


def load_masked(
    copy: Database,
    archive: Archive,
    entries: Sequence[Entry],
    masks: Masks,
    known: KnownValues,
    *,
    tell: Tell = silent,
) -> None:
    """Load the rows of these entries; values of masked columns are collected in `known`.

    `tell` is told how many rows more are on their way.

    Tables whose checks read other tables are filled after these, one at a time.

    Raises:
        Refused: the rules don't fit the data.
        CommandFailed, Unreachable: the archive or the scratch server failed.
    """
    rows = [entry for entry in entries if entry.kind == TABLE_DATA]
    with session(copy) as connection:
        reads = load_order.readers(connection, [(entry.schema, entry.tag) for entry in rows])
        last = [each for each in data_in_order(connection, rows) if (each.schema, each.tag) in reads]
    first = [entry for entry in entries if entry not in last]
    for together in (first, *([entry] for entry in last)):
        _load(copy, archive, list_text(together), masks, known, tell=tell)


def _load(
    copy: Database, archive: Archive, entries: str, masks: Masks, known: KnownValues, *, tell: Tell
) -> None:
    """Load the rows of these entries, by several sessions."""
    line = _Line()
    workers = [submit(_work, copy, line, masks, known) for _ in range(WORKERS)]
    try:
        with archive.data(entries) as statements:
            for statement, blocks in statements:
                for chunk in _chunks(statement, blocks):
                    line.put(chunk)
                    tell(rows_in(chunk.rows))
        for _ in workers:
            line.put(None)
        for worker in workers:
            worker.result()
    finally:
        line.stopped.set()


def _chunks(statement: bytes, blocks: Iterable[bytes]) -> Iterator[_Chunk]:
    if not statement.startswith(b"COPY "):
        yield _Chunk(statement)
    waiting: list[bytes] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= CHUNK:
            yield _Chunk(statement, b"".join(waiting))
            waiting = []
    if any(waiting):
        yield _Chunk(statement, b"".join(waiting))


def _work(copy: Database, line: _Line, masks: Masks, known: KnownValues) -> None:
    """One session, until there are no more chunks."""
    import psycopg

    try:
        with session(copy) as connection:
            connection.execute(SETTINGS)
            connection.execute("select set_config('desk.key', %s, false)", [masks.key.reveal()])
            loader = _Loader(connection, masks, known)
            for chunk in line:
                try:
                    with connection.transaction():
                        loader.store(chunk)
                except psycopg.Error as error:
                    if connection.closed:
                        raise
                    raise misfit(error) from None
    except BaseException:
        line.stopped.set()
        raise


@dataclass
class _Loader:
    """Stores chunks in one session; `raw` holds the temporary table for the rows of each table."""

    connection: psycopg.Connection[Any]
    masks: Masks
    known: KnownValues
    raw: dict[str, str] = field(default_factory=dict)

    def store(self, chunk: _Chunk) -> None:
        """Within the open transaction."""
        copied = parse_copy(chunk.statement)
        owner = self.masks.partitions.get(copied.table, copied.table) if copied else ""
        masked = self.masks.expressions.get(owner)
        if copied is None:
            self.connection.execute(chunk.statement)
        elif masked is None:
            copy_in(self.connection, chunk.statement, [chunk.rows])
        else:
            raw = self._raw_table(copied)
            copy_in(self.connection, f"copy {raw} ({copied.listed}) from stdin".encode(), [chunk.rows])
            self.known.collect(self.connection, owner, raw)
            values = ", ".join(masked.get(name) or quote(name) for name in copied.columns)
            # into the whole table: a masked row may belong into another partition
            insert = f"insert into {table_name(owner)} ({copied.listed}) overriding system value"
            self.connection.execute(f"{insert} select {values} from {raw}".encode())

    def _raw_table(self, copied: Copied) -> str:
        """A temporary table for these rows; it is empty after each transaction."""
        if copied.table not in self.raw:
            raw = f"pg_temp.desk_raw_{len(self.raw)}"
            rows = f"select {copied.listed} from {table_name(copied.table)} with no data"
            self.connection.execute(f"create temp table {raw} on commit delete rows as {rows}".encode())
            self.raw[copied.table] = raw
        return self.raw[copied.table]


def parse_copy(statement: bytes) -> Copied | None:
    """What a `COPY` of an archive copies into; None for any other statement."""
    match = COPY.fullmatch(statement.decode("utf-8", "surrogateescape"))
    if match is None:
        return None
    columns = tuple(unquoted(name) for name in COLUMN.findall(match[3]))
    return Copied(key_of(unquoted(match[1]), unquoted(match[2])), columns, match[3])


def misfit(error: psycopg.Error) -> Refused:
    """A rule that the schema does not allow, told without the value that the server quotes."""
    return Refused(
        f"the rules don't fit the data; nothing was changed{quoted_lines(_without_values(error))}",
        "choose another rule for that column in `masking.toml`",
    )


def _without_values(error: psycopg.Error) -> str:
    """The server's message without the row or value that it quotes, which may identify a person."""
    diag = error.diag
    where = ".".join(filter(None, (diag.schema_name, diag.table_name, diag.column_name)))
    rule = f" (constraint `{diag.constraint_name}`)" if diag.constraint_name else ""
    primary = redact(diag.message_primary or type(error).__name__)
    if str(diag.sqlstate or "").startswith(DATA_CLASS):
        primary = re.sub(r'"(?:[^"]|"")*"', '"..."', primary)
    return f"{where}: {primary[:LENGTH]}{rule}" if where else f"{primary[:LENGTH]}{rule}"
