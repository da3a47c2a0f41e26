"""Old schemas: their names, and which of them may be dropped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.database.restore import swap_schemas
from scripts.database.restore.swap_schemas import OldSchema, SchemaSwap
from scripts.errors import CommandFailed


class Connection:
    """A connection that records its statements; rows are answered by a word of the statement."""

    def __init__(self, **rows: list[tuple[Any, ...]]) -> None:
        self.rows = rows
        self.statements: list[str] = []

    def execute(self, statement: Any, _values: Any = None) -> list[tuple[Any, ...]]:
        text = statement if isinstance(statement, str) else statement.as_string(None)
        self.statements.append(text)
        return next((rows for word, rows in self.rows.items() if word in text), [])

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        self.statements.append("begin")
        yield


def test_only_old_schemas_can_be_dropped() -> None:
    """A live schema's name is refused before anything is dropped."""
    connection: Any = Connection()
    with pytest.raises(CommandFailed, match="`public` is not an old schema"):
        swap_schemas.drop_old_schemas(connection, ["public"])
    assert connection.statements == ["begin"]

    swap_schemas.drop_old_schemas(connection, ["desk_aside_1_public"])
    assert connection.statements[-1] == 'drop schema "desk_aside_1_public" cascade'


def test_old_schemas_are_listed_with_note_and_size() -> None:
    """As plain values."""
    connection: Any = Connection(pg_namespace=[("desk_aside_1_public", "public: why", 8192)])

    assert swap_schemas.old_schemas(connection) == [OldSchema("desk_aside_1_public", "public: why", 8192)]


def test_an_extension_in_an_app_schema_can_not_be_renamed_with_it() -> None:
    """The lock step refuses, with the command that moves the extension."""
    connection: Any = Connection(pg_extension=[("citext", "public")], pg_namespace=[("public",)])
    swap = SchemaSwap(connection, lambda _schema: True, "1")
    with pytest.raises(CommandFailed) as error:
        swap.lock(3)

    assert error.value.hint == "move it as its owner: `alter extension citext set schema extensions`"
    assert "set local lock_timeout = 3000" in connection.statements


def test_only_the_apps_schemas_are_renamed() -> None:
    """With a note that says why they are kept."""
    connection: Any = Connection(pg_namespace=[("public",), ("auth",)])
    swap = SchemaSwap(connection, lambda schema: schema == "public", "1")
    assert swap.app_schemas() == ["public"]
    connection.statements.clear()
    swap.rename(["public"], "why")

    assert connection.statements == [
        'alter schema "public" rename to "desk_aside_1_public"',
        "comment on schema \"desk_aside_1_public\" is 'public: why'",
    ]
