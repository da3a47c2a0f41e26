"""Tables are filled after those that their checks read."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.database.postgres import load_order
from scripts.database.postgres.archive_toc import Entry
from scripts.database.postgres.load_order import may_read, ordered, readers

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


@pytest.mark.parametrize(
    ("kind", "sql", "may"),
    [
        ("TABLE", "CREATE TABLE public.t (known text, known_2 text, CHECK (other(known)))", False),
        ("TABLE", "CREATE TABLE public.t (word text, CHECK (public.known(word)))", True),
        ("TABLE", 'CREATE TABLE public.t (word text, CHECK (public."known"(word)))', True),
        ("TABLE", 'CREATE TABLE public.t (word text, CHECK (public."odd ""name"(word)))', True),
        (
            "CHECK CONSTRAINT",
            "ALTER TABLE public.t ADD CONSTRAINT c CHECK (public.known(word))",
            True,
        ),
        ("DOMAIN", "CREATE DOMAIN public.d AS text CHECK (public.known(VALUE))", True),
        ("TYPE", "CREATE TYPE public.d (INPUT = public.known, OUTPUT = textout)", True),
        ("CAST", "CREATE CAST (text AS public.d) WITH FUNCTION public.other(text)", True),
        ("VIEW", "CREATE VIEW public.v AS SELECT public.known(word)", False),
        ("TRIGGER", "CREATE TRIGGER t EXECUTE FUNCTION public.known()", False),
    ],
)
def test_a_check_calls_what_its_statement_names(kind: str, sql: str, may: bool) -> None:
    functions = [
        Entry("1; f", "FUNCTION", "public", "known(text)"),
        Entry("2; f", "FUNCTION", "public", 'odd "name(text)'),
    ]
    assert may_read([*functions, Entry("3; x", kind, "public", "x", sql=sql)]) == may
    assert not may_read([Entry("3; x", kind, "public", "x", sql=sql)])
