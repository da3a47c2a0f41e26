"""Rows in a file are read like those of an archive."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.database.backups import toc
from scripts.database.postgres.pg_restore import Archive
from scripts.database.refresh import masked_archive
from scripts.database.refresh.binary_rows import BinaryRows
from scripts.database.refresh.load import Copied
from scripts.database.refresh.masked_archive import MaskedArchive, Rows, write_rows
from scripts.errors import CommandFailed

DUMP = b"""SET client_encoding = 'UTF8';
COPY public.t (id, name) FROM stdin;
1\tAda
2\tBo
\\.
COPY public."U" (id) FROM stdin;
\\.
SELECT pg_catalog.setval('public."S x"', 3, true);
"""
DATABASE: Any = type("Database", (), {"host": "h", "port": 1, "name": "n", "user": "u", "environment": {}})


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The rows of that dump, and what was seen of them."""

    @contextlib.contextmanager
    def stream(_command: object) -> Iterator[io.BytesIO]:
        yield io.BytesIO(DUMP)

    monkeypatch.setattr(masked_archive, "stream_stdout", stream)
    programs: Any = type("Programs", (), {"path": lambda _self, name: name})()
    seen: list[tuple[Copied, bytes]] = []
    binary = BinaryRows(DATABASE, "0-1")
    written = write_rows(programs, tmp_path / "rows", lambda *each: seen.append(each), binary)
    assert [(copied.table, block) for copied, block in seen if block] == [("public.t", b"1\tAda\n2\tBo\n")]
    return written


def test_rows_are_listed_as_entries(rows: Rows) -> None:
    """Whatever names they have."""
    assert [(each.kind, each.schema, each.tag) for each in rows.places] == [
        ("TABLE DATA", "public", "t"),
        ("TABLE DATA", "public", "U"),
        ("SEQUENCE SET", "public", "S x"),
    ]


def test_only_the_wanted_rows_are_read(rows: Rows) -> None:
    """Each `COPY` with its blocks, each `setval` with none, whatever else the list names."""
    archive = MaskedArchive(Path("schema"), Path("pg_restore"), rows)
    first, _, last = rows.places
    with archive.data(f"9; 0 0 TABLE public t postgres\n{toc.list_text([first, last])}") as statements:
        read = [(statement, b"".join(blocks)) for statement, blocks in statements]

    assert read == [
        (b"COPY public.t (id, name) FROM stdin;\n", b"1\tAda\n2\tBo\n"),
        (b"SELECT pg_catalog.setval('public.\"S x\"', 3, true);\n", b""),
    ]


def test_a_file_that_was_cut_off_is_a_fault(rows: Rows) -> None:
    archive = MaskedArchive(Path("schema"), Path("pg_restore"), rows)
    rows.file.write_bytes(b"1")
    with archive.data(toc.list_text(rows.places)) as statements:
        (_, blocks), *_ = statements
        with pytest.raises(CommandFailed, match="is cut off"):
            list(blocks)


def test_the_schema_is_the_archive_s(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pg_restore` is never asked for rows that it does not have."""
    asked: list[tuple[str, str]] = []

    def sql(_archive: Archive, listed: str, section: str = "") -> bytes:
        asked.append((listed, section))
        return b"sql"

    monkeypatch.setattr(Archive, "sql", sql)
    archive = MaskedArchive(Path("schema"), Path("pg_restore"), rows)
    table, data = "9; 0 0 TABLE public t postgres\n", toc.list_text(rows.places)

    assert archive.sql(table + data, "pre-data") == b"sql"
    assert archive.sql(data) == b""
    assert asked == [(table, "pre-data")]
