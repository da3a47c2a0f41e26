"""What `pg_restore` prints is read strictly; a program that prints canned text stands in for it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Self

import pytest

from scripts.database.postgres.pg_restore import Archive, play
from scripts.errors import CommandFailed
from tests.support import archives

DATA = b"""SET statement_timeout = 0;
COPY public.t (a, b) FROM stdin;
1\tone
2\ttwo
\\.

SELECT pg_catalog.setval('public.t_id_seq', 2, true);
COPY public.u (a) FROM stdin;
\\.
"""


def archive(tmp_path: Path, out: bytes, errors: str = "") -> Archive:
    """Has two tables and a sequence; prints `out`, and keeps its arguments."""
    (tmp_path / "db.dump").write_bytes(
        archives.archive_of("1; 0 0 TABLE DATA public t x\n2; 0 0 SEQUENCE SET public s x\n")
    )
    (tmp_path / "out").write_bytes(out)
    program = tmp_path / "pg_restore"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/arguments\nprintf "%s" "{errors}" >&2\ncat {tmp_path}/out\n'
    )
    program.chmod(0o755)
    return Archive(tmp_path / "db.dump", program)


def test_rows_come_as_blocks_and_sequences_as_statements(tmp_path: Path) -> None:
    with archive(tmp_path, DATA).data("1; 0 0 TABLE DATA public t x") as statements:
        found = [(statement, b"".join(blocks)) for statement, blocks in statements]

    assert found == [
        (b"COPY public.t (a, b) FROM stdin;\n", b"1\tone\n2\ttwo\n"),
        (b"SELECT pg_catalog.setval('public.t_id_seq', 2, true);\n", b""),
        (b"COPY public.u (a) FROM stdin;\n", b""),
    ]


def test_a_name_may_hold_a_line_feed(tmp_path: Path) -> None:
    data = b'COPY public."new\nline" (a) FROM stdin;\n1\n\\.\n'
    with archive(tmp_path, data).data("") as statements:
        found = [(statement, b"".join(blocks)) for statement, blocks in statements]

    assert found == [(b'COPY public."new\nline" (a) FROM stdin;\n', b"1\n")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (DATA[: DATA.index(b"\\.")], "ends in the middle of a table"),
        (b"INSERT INTO public.t VALUES (1);\n", "unknown form"),
        (b"COPY public.t FROM PROGRAM 'x';\n", "unknown form"),
    ],
)
def test_an_archive_that_is_cut_off_or_strange_fails(tmp_path: Path, data: bytes, message: str) -> None:
    with (
        archive(tmp_path, data).data("") as statements,
        pytest.raises(CommandFailed, match=message),
    ):
        list(itertools.chain.from_iterable(blocks for _, blocks in statements))


def test_the_script_has_no_psql_commands_and_no_timeouts(tmp_path: Path) -> None:
    script = b"""\\restrict Abc123
SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SET row_security = off;
CREATE FUNCTION f() AS $$
SET lock_timeout = 0;
$$;
\\unrestrict Abc123
"""
    sql = archive(tmp_path, script).sql("", "pre-data")

    assert b"restrict" not in sql
    assert b"statement_timeout" not in sql
    assert b"SET client_encoding = 'UTF8';" in sql
    assert b"SET lock_timeout = 0;" in sql  # inside a function it is the app's
    assert "--section=pre-data" in (tmp_path / "arguments").read_text()


def test_any_word_on_standard_error_fails(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="did not restore cleanly"):
        archive(tmp_path, b"", "a warning").sql("")


def test_the_entries_are_given_as_a_file_that_is_gone_afterwards(tmp_path: Path) -> None:
    archive(tmp_path, b"").sql("9; 0 0 TABLE public t x\n")
    _, list_file, *_ = (tmp_path / "arguments").read_text().split()

    assert not Path(list_file).exists()


class Connection:
    """Records what is executed and copied."""

    def __init__(self) -> None:
        self.log: list[bytes] = []

    def execute(self, statement: bytes | str) -> Self:
        if isinstance(statement, bytes):
            self.log.append(statement.strip())
        return self

    def cursor(self) -> Self:
        return self

    def copy(self, statement: bytes) -> Self:
        self.log.append(statement.strip())
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def fetchall(self) -> list[object]:
        return []

    def write(self, block: bytes) -> None:
        self.log.append(block.strip())


def test_a_replay_copies_rows_between_the_two_halves_of_the_schema(tmp_path: Path) -> None:
    connection = Connection()
    play(connection, archive(tmp_path, DATA), "1;", between=lambda: connection.log.append(b"between"))  # type: ignore[arg-type]

    assert connection.log[1:6] == [
        b"COPY public.t (a, b) FROM stdin;",
        b"1\tone\n2\ttwo",
        b"SELECT pg_catalog.setval('public.t_id_seq', 2, true);",
        b"COPY public.u (a) FROM stdin;",
        b"",
    ]
    assert connection.log[6] == b"between"
