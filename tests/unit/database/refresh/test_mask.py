"""Masking a copy and searching it, over a connection that answers from a list."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scripts.database.refresh import mask
from scripts.database.refresh.rules import Column
from scripts.system.secret import Secret

DATABASE: Any = None


class Rows(list[tuple[Any, ...]]):
    """Rows of a query."""

    def fetchall(self) -> Rows:
        return self


class Connection:
    """Records statements; rows and COPY data are answered by a word of the statement."""

    def __init__(self, rows: dict[str, list[tuple[Any, ...]]], copies: dict[str, list[bytes]]) -> None:
        self.rows, self.copies = rows, copies
        self.statements: list[str] = []

    def execute(self, statement: Any, _values: Any = None) -> Rows:
        text = statement.decode() if isinstance(statement, bytes) else statement
        text = text if isinstance(text, str) else text.as_string(None)
        self.statements.append(text)
        return Rows(next((rows for word, rows in self.rows.items() if word in text), []))

    def cursor(self) -> Connection:
        return self

    @contextlib.contextmanager
    def copy(self, statement: Any) -> Iterator[list[bytes]]:
        text = statement.as_string(None)
        yield next((data for word, data in self.copies.items() if word in text), [])

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        yield


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Connection]:
    """Sets the connection that `mask` opens."""

    def made(
        rows: dict[str, list[tuple[Any, ...]]] | None = None, copies: dict[str, list[bytes]] | None = None
    ) -> Connection:
        connection = Connection(rows or {}, copies or {})

        @contextlib.contextmanager
        def session(_database: object) -> Iterator[Connection]:
            yield connection

        monkeypatch.setattr(mask, "session", session)
        return connection

    return made


def test_leaks_name_the_column_and_never_the_value(connect: Callable[..., Connection]) -> None:
    """Addresses outside the test domain, and canaries."""
    columns = [("public", "t", "mail"), ("public", "t", "note"), ("public", "t", "clean")]
    copies = {
        '"mail"': [b"user-1@example.invalid\n", b"marie@sorbonne.fr\n"],
        '"note"': [b"call 0612345678\n"],
        '"clean"': [b"user-2@EXAMPLE.invalid\n"],
    }
    connect({"typcategory": columns}, copies)

    assert list(mask.leaks(DATABASE, "example.invalid", [b"0612345678"])) == [
        "`public.t.mail` holds 1 addresses outside `example.invalid`",
        "`public.t.note` holds values of production",
    ]


def test_a_value_is_found_wherever_a_block_ends(
    connect: Callable[..., Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are searched in blocks, and none is cut."""
    monkeypatch.setattr(mask, "BLOCK", 10)
    connect({"typcategory": [("public", "t", "c")]}, {'"c"': [b"aaaaaaaa\n"] * 5 + [b"secret-value\n"]})

    assert len(list(mask.leaks(DATABASE, "example.invalid", [b"secret-value"]))) == 1


def test_canaries_are_values_that_identify_somebody(connect: Callable[..., Connection]) -> None:
    """An address, a long number, several words; not a single short word."""
    connect({"length(v)": [("marie@sorbonne.fr",), ("0612345678",), ("Marie Curie",), ("single",)]})
    columns = [Column("public.t", "c", "text")]

    assert mask.canaries(DATABASE, columns) == [b"0612345678", b"Marie Curie", b"marie@sorbonne.fr"]


def test_canaries_of_documents_and_arrays_are_their_leaves(connect: Callable[..., Connection]) -> None:
    """A canary is a value, not a whole document."""
    connection = connect()
    mask.canaries(DATABASE, [Column("public.t", "j", "jsonb"), Column("public.t", "a", "text[]")])

    assert "jsonb_path_query(\"j\"::jsonb, 'strict $.**') #>> '{}'" in connection.statements[0]
    assert 'unnest("a")::text' in connection.statements[1]


def test_rows_are_deleted_before_triggers_are_off(connect: Callable[..., Connection]) -> None:
    """Foreign keys cascade then; the updates fire nothing; the functions are gone at the end."""
    connection = connect({"relkind in ('r','p') and not c.relispartition": [("auth", "sessions")]})
    mask.mask_copy(DATABASE, Secret("key"), ["delete from a"], ["update a"])
    order = [line for line in connection.statements if line.startswith(("delete", "update", "set", "drop"))]

    assert order == [
        "delete from a",
        "set local session_replication_role = replica",
        'delete from "auth"."sessions"',
        "update a",
        "set local session_replication_role = origin",
        "drop schema desk_mask cascade",
    ]


def test_the_key_is_in_no_statement(connect: Callable[..., Connection]) -> None:
    """It is a parameter of the session's setting."""
    connection = connect()
    mask.mask_copy(DATABASE, Secret("very-secret-key"), [], [])

    assert not [line for line in connection.statements if "very-secret-key" in line]


def test_accounts_elsewhere_are_masked_by_id(connect: Callable[..., Connection]) -> None:
    """Users by `id`, identities by `user_id`; nothing happens without updates."""
    connection: Any = connect()
    mask.mask_accounts(connection, Secret("key"), [], ["1"])
    assert connection.statements == []

    mask.mask_accounts(connection, Secret("key"), ["update auth.users", "update auth.identities i"], ["1"])
    assert "update auth.users where id = any(%s)" in connection.statements
    assert "update auth.identities i where user_id = any(%s)" in connection.statements
