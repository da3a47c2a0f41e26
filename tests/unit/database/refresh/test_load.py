"""Rows on their way into a copy: what a `COPY` says, chunks of whole rows, errors without values."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from scripts.database.refresh import load
from scripts.database.refresh.load import Copied, parse_copy


@pytest.mark.parametrize(
    ("statement", "copied"),
    [
        ("COPY public.t (id, email) FROM stdin;\n", Copied("public.t", ("id", "email"), "id, email")),
        (
            'COPY "my schema"."T ""x""" (id, "order", "a,b (c)") FROM stdin;\n',
            Copied('my schema.T "x"', ("id", "order", "a,b (c)"), 'id, "order", "a,b (c)"'),
        ),
        ("SELECT pg_catalog.setval('public.s', 3, true);\n", None),
    ],
)
def test_a_copy_is_read_with_all_quotes(statement: str, copied: Copied | None) -> None:
    assert parse_copy(statement.encode()) == copied


def test_rows_are_cut_into_chunks_between_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement without rows is a chunk of its own; a table without rows is none."""
    monkeypatch.setattr(load, "CHUNK", 10)
    blocks = [b"12345\n", b"67890\n", b"a\n", b"b\n"]
    chunks = list(load._chunks(b"COPY public.t (c) FROM stdin;\n", blocks))

    assert [chunk.rows for chunk in chunks] == [b"12345\n67890\n", b"a\nb\n"]
    assert list(load._chunks(b"COPY public.t (c) FROM stdin;\n", [])) == []
    assert [chunk.statement for chunk in load._chunks(b"SELECT 1", [])] == [b"SELECT 1"]


@pytest.mark.parametrize(
    ("state", "message", "told"),
    [
        ("22P02", 'invalid input syntax for type integer: "Marie Curie"', 'type integer: "..."'),
        (
            "23514",
            'new row for relation "t" violates check constraint "c"',
            'violates check constraint "c"',
        ),
    ],
)
def test_the_server_s_message_is_told_without_values(state: str, message: str, told: str) -> None:
    """Neither the value nor the row that it quotes."""
    diag = SimpleNamespace(
        sqlstate=state, message_primary=message, message_detail="Failing row: Marie Curie",
        schema_name="public", table_name="t", column_name=None, constraint_name=None,
    )  # fmt: skip
    error: Any = SimpleNamespace(diag=diag)
    refused = load.misfit(error)

    assert told in refused.message
    assert "public.t" in refused.message
    assert "Curie" not in refused.message


def test_nobody_waits_for_a_session_that_failed() -> None:
    """Neither who brings chunks nor who takes them."""
    line = load._Line()
    line.stopped.set()
    for _ in range(load.WORKERS + 1):
        line.put(load._Chunk(b"SELECT 1"))

    assert list(line) == []
