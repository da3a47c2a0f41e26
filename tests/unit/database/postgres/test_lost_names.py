"""Which function a failed restore is about, and what fixes it."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.database.postgres import lost_names
from scripts.database.postgres.lost_names import lost_name

INLINED = """pg_restore: error: COPY failed for table "t": ERROR:  relation "words" does not exist
LINE 1: select from words
CONTEXT:  SQL function "known" during inlining"""
STARTED = """ERROR:  function inner1(text) does not exist
CONTEXT:  PL/pgSQL function public.known(text) line 1 at RETURN"""
OPERATOR = """ERROR:  operator does not exist: text === text
CONTEXT:  SQL function "known" statement 1"""


class Connection:
    """Has one function `public.known`, and the name in these schemas."""

    def __init__(self, *schemas: str) -> None:
        self.schemas = schemas
        self.asked: dict[str, Any] = {}

    def execute(self, query: str, parameters: dict[str, Any] | None = None) -> Any:
        self.asked[query] = parameters
        return self

    def fetchone(self) -> Any:
        return "public.known(text)", "public"

    def fetchall(self) -> Any:
        return [(schema,) for schema in self.schemas]


@pytest.mark.parametrize(("error", "name"), [(INLINED, "words"), (STARTED, "inner1"), (OPERATOR, "===")])
def test_the_function_and_the_name_are_found(error: str, name: str) -> None:
    connection: Any = Connection("public")
    found = lost_name(connection, error)

    assert found
    assert (found.function, found.name) == ("public.known(text)", name)
    assert found.fix == "alter function public.known(text) set search_path = public"
    assert connection.asked[lost_names.SCHEMAS] == {"name": name}


def test_the_schema_of_the_name_is_added() -> None:
    connection: Any = Connection("extensions")
    found = lost_name(connection, INLINED)

    assert found
    assert found.search_path == ("public", "extensions")


def test_another_error_is_about_no_function() -> None:
    connection: Any = Connection("public")
    assert lost_name(connection, 'ERROR:  relation "words" does not exist') is None
    assert lost_name(connection, 'ERROR: division by zero\nCONTEXT:  SQL function "known"') is None
