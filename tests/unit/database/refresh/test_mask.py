"""Accounts and history of a copy, over a connection that answers from a list."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scripts.database.migrations.files import Migration
from scripts.database.refresh import mask
from scripts.system.secret import Secret

DATABASE: Any = None


class Rows(list[tuple[Any, ...]]):
    """Rows of a query."""

    def fetchall(self) -> Rows:
        return self


class Connection:
    """Records statements and their values; rows are answered by a word of the statement."""

    closed = False

    def __init__(self, rows: dict[str, list[tuple[Any, ...]]]) -> None:
        self.rows = rows
        self.statements: list[str] = []
        self.values: list[Any] = []

    def execute(self, statement: Any, values: Any = None) -> Rows:
        text = statement.decode() if isinstance(statement, bytes) else statement
        text = text if isinstance(text, str) else text.as_string(None)
        self.statements.append(text)
        self.values.append(values)
        return Rows(next((rows for word, rows in self.rows.items() if word in text), []))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        yield


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Connection]:
    """Sets the connection that `mask` opens."""

    def made(rows: dict[str, list[tuple[Any, ...]]] | None = None) -> Connection:
        connection = Connection(rows or {})

        @contextlib.contextmanager
        def session(_database: object) -> Iterator[Connection]:
            yield connection

        monkeypatch.setattr(mask, "session", session)
        return connection

    return made


def test_the_key_is_in_no_statement(connect: Callable[..., Connection]) -> None:
    """It is a parameter of the session's setting; the masking function is gone at the end."""
    connection = connect()
    mask.mask_copy_accounts(DATABASE, Secret("very-secret-key"), ["update auth.users"])

    assert not [line for line in connection.statements if "very-secret-key" in line]
    assert connection.values[0] == ["very-secret-key"]
    assert connection.statements[1:] == ["update auth.users", "drop schema desk_mask cascade"]


def test_tables_are_unlogged_where_that_is_asked_for(connect: Callable[..., Connection]) -> None:
    """A copy whose schema is dumped keeps its tables as they are."""
    rows: dict[str, list[tuple[Any, ...]]] = {"relpersistence": [("public", "t")]}
    connection = connect(rows)
    mask.prepare(DATABASE, unlogged=False)
    assert not [line for line in connection.statements if "unlogged" in line]

    mask.prepare(DATABASE, unlogged=True)
    assert connection.statements[-1] == 'alter table "public"."t" set unlogged'


def test_the_history_holds_the_committed_files(connect: Callable[..., Connection]) -> None:
    """What was run by hand, and by whom, is cleared first; a column that must not be null stays."""
    connection = connect({"pg_attribute": [("statements",), ("name",), ("created_by",)]})
    mask.rewrite_history(DATABASE, [Migration("1", "1_first.sql", "select 1;")])

    cleared, statements, named = sorted(zip(connection.statements[1:], connection.values[1:], strict=True))
    assert cleared[0].endswith('set "created_by" = null, "name" = null, "statements" = null')
    assert statements[1] == ["first", "1"]
    assert named[1] == [["select 1;"], "1"]


def test_there_need_be_no_history(connect: Callable[..., Connection]) -> None:
    connection = connect()
    mask.rewrite_history(DATABASE, [Migration("1", "1_first.sql", "select 1;")])

    assert len(connection.statements) == 1


def test_materialized_views_follow_deleted_rows(connect: Callable[..., Connection]) -> None:
    """Nothing is done where no rows are too old."""
    rows: dict[str, list[tuple[Any, ...]]] = {"relkind = 'm'": [("public", "v")]}
    connection = connect(rows)
    mask.delete_rows(DATABASE, [])
    assert connection.statements == []

    mask.delete_rows(DATABASE, ["delete from a"])
    assert connection.statements[0] == "delete from a"
    assert connection.statements[-1] == 'refresh materialized view "public"."v"'


def test_accounts_elsewhere_are_masked_by_id(connect: Callable[..., Connection]) -> None:
    """Users by `id`, identities by `user_id`; nothing happens without updates."""
    connection: Any = connect()
    mask.mask_accounts(connection, Secret("key"), [], ["1"])
    assert connection.statements == []

    mask.mask_accounts(connection, Secret("key"), ["update auth.users", "update auth.identities i"], ["1"])
    assert 'update auth.users where "id" = any(%s)' in connection.statements
    assert 'update auth.identities i where "user_id" = any(%s)' in connection.statements


def test_rows_are_searched_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """No row is cut, and none is left out."""
    monkeypatch.setattr(mask, "BLOCK", 5)

    assert list(mask.batched([b"aaa\n", b"b\n", b"c\n"])) == [b"aaa\nb\n", b"c\n"]
    assert list(mask.batched([])) == []
