"""The masked copy as an archive that a restore reads: its schema, and its rows.

Rows come from a plain file, or in binary form from the copy itself.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.database.backups import encryption
from scripts.database.counting import rows_in
from scripts.database.postgres.archive_toc import Entry
from scripts.database.postgres.names import split_key, unquoted
from scripts.database.postgres.pg_restore import SEQUENCE_SET, TABLE_DATA, Archive, statements_of
from scripts.database.postgres.programs import Programs, environment
from scripts.database.refresh.binary_rows import BinaryRows, Stream
from scripts.database.refresh.load import COLUMN, Copied, parse_copy
from scripts.errors import CommandFailed
from scripts.system.command import Command
from scripts.system.process import stream_stdout

FIRST_ID = 100_000_000  # of entries that no archive has
BLOCK = 1 << 20  # bytes of rows that are read at once
TIMEOUT = 600.0  # seconds from the last row to the end of `pg_dump`
SETVAL = re.compile(r"SELECT pg_catalog\.setval\('((?:[^']|'')+)'")
OnRows = Callable[[Copied, bytes], None]


@dataclass(frozen=True)
class Place:
    """Where the rows of one `COPY` are; a `setval` has none.

    Args:
        start: where they begin in the file.
        end: where they end.
        stream: gives them instead of the file.
    """

    statement: bytes
    start: int
    end: int
    stream: Stream | None = None


@dataclass(frozen=True)
class Rows:
    """Rows in a file, as `COPY` reads them, or in the copy."""

    file: Path
    places: Mapping[Entry, Place]

    def statement(self, place: Place) -> tuple[bytes, Generator[bytes, None, None]]:
        """The statement with its rows."""
        if place.stream:
            return place.stream.statement, place.stream.blocks()
        return place.statement, _blocks(self.file, place.start, place.end)


@dataclass(frozen=True)
class MaskedArchive(Archive):
    """An archive whose rows are those of the masked copy."""

    rows: Rows

    def contents(self) -> tuple[Entry, ...]:
        """The schema's entries, and those of the rows."""
        schema = (entry for entry in super().contents() if entry.kind not in (TABLE_DATA, SEQUENCE_SET))
        return (*schema, *self.rows.places)

    def sql(self, entries: str, section: str = "") -> bytes:
        """The SQL of some entries without their rows."""
        own = {entry.line for entry in self.rows.places}
        rest = [line for line in entries.splitlines() if line not in own]
        return super().sql("\n".join(rest) + "\n", section) if rest else b""

    @contextlib.contextmanager
    def data(self, entries: str) -> Iterator[Iterator[tuple[bytes, Iterator[bytes]]]]:
        """The rows of some entries, in this order: each `COPY` with its blocks, each `setval` with none."""
        places = {entry.line: place for entry, place in self.rows.places.items()}
        wanted = [places[line] for line in entries.splitlines() if line in places]
        with contextlib.ExitStack() as held:

            def statements() -> Iterator[tuple[bytes, Iterator[bytes]]]:
                for place in wanted:
                    statement, blocks = self.rows.statement(place)
                    held.callback(blocks.close)
                    yield statement, blocks

            yield statements()


def write_rows(programs: Programs, file: Path, on_rows: OnRows, binary: BinaryRows) -> Rows:
    """Write the rows of a copy into a new private file; `on_rows` sees each block of whole rows.

    Not those that `binary` gives: a restore reads them in the same snapshot.

    Raises:
        CommandFailed: `pg_dump` failed, or printed anything.
    """
    argv = (programs.path("pg_dump"), "--section=data", "--format=plain", "--no-password", "--no-sync")
    command = Command(
        (*argv, f"--snapshot={binary.snapshot}"), env=environment(binary.copy), timeout=TIMEOUT
    )
    places: dict[Entry, Place] = {}
    with stream_stdout(command) as stream, encryption.create_private(file) as out:
        for statement, blocks in statements_of(stream):
            copied = parse_copy(statement)
            streamed = copied if copied and copied.table in binary.tables else None
            start, rows, size = out.tell(), 0, 0
            for block in blocks:
                if copied:
                    on_rows(copied, block)
                if streamed:
                    rows, size = rows + rows_in(block), size + len(block)
                else:
                    out.write(block)
            if entry := _entry(statement, FIRST_ID + len(places)):
                there = binary.stream(streamed, rows, size) if streamed else None
                places[entry] = Place(statement, start, out.tell(), there)
    return Rows(file, places)


def _entry(statement: bytes, number: int) -> Entry | None:
    """The entry that the statement would have in an archive; None for a setting."""
    if copied := parse_copy(statement):
        kind, names = TABLE_DATA, split_key(copied.table)
    elif match := SETVAL.match(statement.decode("utf-8", "surrogateescape")):
        kind, parts = SEQUENCE_SET, COLUMN.findall(match[1].replace("''", "'"))
        names = (unquoted(parts[0]), unquoted(parts[-1]))
    else:
        return None
    line = " ".join((f"{number}; 0 0", kind, *names)).replace("\n", " ")
    return Entry(line, kind, *names)


def _blocks(path: Path, start: int, end: int) -> Generator[bytes, None, None]:
    with path.open("rb") as file:
        file.seek(start)
        while start < end:
            block = file.read(min(BLOCK, end - start))
            if not block:
                raise CommandFailed(f"`{path.name}` is cut off")
            start += len(block)
            yield block
