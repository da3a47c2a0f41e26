"""Tables are filled after those that their checks read."""

from __future__ import annotations

from typing import Any

from scripts.database.postgres import load_order
from scripts.database.postgres.load_order import ordered, readers

DATA, DICT, OTHER = ("public", "data"), ("public", "dict"), ("my schema", "the words")


class Connection:
    """Knows which functions run for a row, and their texts."""

    def __init__(self, calls: list[tuple[str, ...]], sources: list[tuple[str, str]]) -> None:
        self.answers: dict[str, list[Any]] = {load_order.CALLS: calls, load_order.SOURCES: sources}

    def execute(self, query: str) -> Any:
        self.found: list[Any] = self.answers[query]
        return self

    def fetchall(self) -> list[Any]:
        return self.found

    def __iter__(self) -> Any:
        return iter(self.found)


def read(calls: list[tuple[str, ...]], sources: list[tuple[str, str]]) -> dict[Any, Any]:
    connection: Any = Connection(calls, sources)
    return dict(readers(connection, [DATA, DICT, OTHER]))


def test_a_check_reads_what_its_functions_mention() -> None:
    """Directly, or through another function; a name may have several words."""
    sources = [("known", "select inner_known(p)"), ("inner_known", "select from DICT")]
    assert read([(*DATA, "known")], sources) == {DATA: {DICT}}
    assert read([(*DATA, "f")], [("f", 'select from "my schema"."the words"')]) == {DATA: {OTHER}}


def test_a_check_of_its_own_row_reads_nothing() -> None:
    assert read([(*DATA, "f")], [("f", "select p > 1 -- data")]) == {}
    assert read([], []) == {}


def test_tables_keep_their_order_as_far_as_possible() -> None:
    tables = [("public", name) for name in "abcd"]
    a, b, c, d = tables

    assert ordered(tables, {}) == tables
    assert ordered(tables, {a: frozenset({c}), c: frozenset({d})}) == [d, c, a, b]
    assert ordered(tables, {a: frozenset({b}), b: frozenset({a})}) == [b, a, c, d]
