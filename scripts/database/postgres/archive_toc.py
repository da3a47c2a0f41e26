"""The table of contents of a custom-format archive, read from the file itself.

`pg_restore -l` prints it with blanks between the fields, so that `my schema` can't be told from a schema
`my` with a table `schema`. In the file every text has its length.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from scripts.database.postgres.names import key_of, unquoted
from scripts.errors import CommandFailed

MAGIC = b"PGDMP"
CUSTOM = 1  # the number of the format
FORMATS = ((1, 14), (1, 15), (1, 16))  # of PostgreSQL 12 to 18
COMPRESSION_BY_NAME = (1, 15)  # the first format that stores a method; before, a level
RELATION_KIND = (1, 16)  # the first format with the kind of a table
TIME_FIELDS = 7
# `pg_restore` doesn't list these: settings of the session, and what only `--create` restores
UNLISTED = ("ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES")
ATTACHED = ("COMMENT", "ACL", "SECURITY LABEL")
OF_THE_DATABASE = "DATABASE "


@dataclass(frozen=True)
class Entry:
    """One entry of the table of contents.

    Args:
        line: as `pg_restore -L` reads it, and people.
        kind: such as `TABLE DATA`; "" for a line that can't be parsed.
        schema: "" for what belongs to no schema.
        tag: its name; for comments and grants, the object that they belong to (`SCHEMA public`).
        owner: "" for what has none.
        sql: the statement that creates it.
        needs: the numbers of the entries that it depends on.
    """

    line: str
    kind: str = ""
    schema: str = ""
    tag: str = ""
    owner: str = ""
    sql: str = ""
    needs: tuple[str, ...] = field(default=(), compare=False)

    @property
    def number(self) -> str:
        """Tells it from the archive's other entries."""
        return self.line.partition(";")[0]

    @property
    def key(self) -> str:
        """`schema.table`, as in a manifest."""
        return key_of(self.schema, self.tag)

    @property
    def about_schema(self) -> str:
        """The schema that it creates, or that its comment or grant is about; "" for anything else."""
        if self.kind == "SCHEMA":
            return self.tag
        about, _, name = self.tag.partition(" ")
        return unquoted(name) if self.kind in ATTACHED and not self.schema and about == "SCHEMA" else ""

    def __str__(self) -> str:
        """As in the listing, without the numbers."""
        return self.line.split(" ", 3)[-1].strip() if self.kind else self.line


def read_contents(file: Path) -> tuple[Entry, ...]:
    """The entries in the order in which they would be restored.

    Raises:
        CommandFailed: it is no such archive, it is cut off, or of a newer format.
    """
    try:
        with file.open("rb") as stream:
            return tuple(_Reader(stream).entries())
    except (OSError, ValueError, IndexError) as fault:
        raise CommandFailed(f"`{file.name}` can't be read as an archive: {fault}") from None


def list_text(entries: Iterable[Entry]) -> str:
    """The entries as `pg_restore -L` reads them."""
    return "".join(f"{entry.line}\n" for entry in entries)


class _Reader:
    """Numbers and texts, as `pg_dump` writes them."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        if self._bytes(len(MAGIC)) != MAGIC:
            raise ValueError("it does not begin like one")
        major, minor, _, self._int_size, self._offset_size, form = self._bytes(6)
        self._version = (major, minor)
        if form != CUSTOM or self._version not in FORMATS:
            raise ValueError(f"its format is {major}.{minor}, which is not known here")

    def entries(self) -> list[Entry]:
        """Everything that `pg_restore -l` lists."""
        if self._version >= COMPRESSION_BY_NAME:
            self._bytes(1)
        else:
            self._number()
        for _ in range(TIME_FIELDS):
            self._number()
        for _ in ("database", "server", "pg_dump"):
            self._text()
        found = [self._entry() for _ in range(self._number())]
        return [entry for entry in found if _is_listed(entry)]

    def _entry(self) -> Entry:
        number, _ = self._number(), self._number()
        table_oid, oid, tag, kind = self._text(), self._text(), self._text(), self._text()
        self._number()  # the section
        sql, _, _, schema, _, _ = (self._text() for _ in range(6))  # with drop, copy, tablespace, method
        if self._version >= RELATION_KIND:
            self._number()
        owner, _ = self._text(), self._text()
        needs = tuple(iter(self._maybe_text, None))
        self._bytes(1 + self._offset_size)  # where its rows are
        names = " ".join((kind, schema or "-", tag, owner)).replace("\n", " ").replace("\r", " ")
        return Entry(f"{number}; {table_oid} {oid} {names}", kind, schema, tag, owner, sql, needs)

    def _bytes(self, count: int) -> bytes:
        found = self._stream.read(count)
        if len(found) != count:
            raise ValueError("it is cut off")
        return found

    def _number(self) -> int:
        sign, *digits = self._bytes(1 + self._int_size)
        return int.from_bytes(bytes(digits), "little") * (-1 if sign else 1)

    def _maybe_text(self) -> str | None:
        length = self._number()
        return None if length < 0 else self._bytes(length).decode("utf-8", "surrogateescape")

    def _text(self) -> str:
        return self._maybe_text() or ""


def _is_listed(entry: Entry) -> bool:
    of_database = entry.kind in ATTACHED and entry.tag.startswith(OF_THE_DATABASE)
    return not of_database and entry.kind not in UNLISTED
