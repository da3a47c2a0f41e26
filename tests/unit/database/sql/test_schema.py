"""The catalogue that migrations make: what is new, what names mean."""

from __future__ import annotations

import pytest

from scripts.database.sql import schema_changes
from scripts.database.sql.parse import parse
from scripts.database.sql.schema import Schema, Table


def made(sql: str, earlier: str = "") -> Schema:
    """The catalogue after earlier migrations and a release."""
    schema = Schema()
    for releasing, text in ((False, earlier), (True, sql)):
        schema.releasing = releasing
        schema.begin_file()
        for statement in parse(text):
            schema_changes.apply(schema, statement)
    return schema


def table(schema: Schema, *name: str) -> Table:
    """That table, which must be there."""
    found = schema.table(name)
    assert found
    return found


def test_what_the_release_makes_is_new() -> None:
    """What is there already stays old, whatever the statement."""
    sql = "create table if not exists a (x int); create table b (y int); alter table a add z int"
    schema = made(sql, "create table a (x int)")

    assert (table(schema, "a").new, table(schema, "b").new) == (False, True)
    assert [each.new for each in table(schema, "a").columns.values()] == [False, True]
    schema.settle()
    assert not table(schema, "b").new


def test_what_may_have_been_there_is_not_sure() -> None:
    """Unless the database was asked."""
    schema = made("create table if not exists a (x int); create table b (x int)")

    assert (table(schema, "a").holds_old_rows, table(schema, "b").holds_old_rows) == (True, False)


def test_a_name_means_what_the_search_path_says() -> None:
    """Temporary tables come first, and a name with a schema means only that."""
    schema = made("set search_path = s, public; create table t (a int); create temp table u (a int)",
                  "create schema s; create table t (a int); create table public.u (a int)")  # fmt: skip

    assert table(schema, "t").schema == "s"
    assert table(schema, "public", "t").new is False
    assert table(schema, "u").schema == "pg_temp"
    assert schema.table(("s", "u")) is None
    schema.begin_file()
    assert table(schema, "u").schema == "public"


def test_a_table_keeps_its_age_under_another_name() -> None:
    """A new table under the old name is another one."""
    schema = made("alter table a rename to b; create table a (x int); alter table b set schema s",
                  "create table a (x int)")  # fmt: skip

    assert (table(schema, "s", "b").new, table(schema, "a").new) == (False, True)


@pytest.mark.parametrize(
    ("sql", "keyed"),
    [
        ("create table t (a int primary key)", True),
        ("create table t (a int, primary key (a))", True),
        ("create table t (a int); alter table t add constraint k primary key (a)", True),
        ("create table t (a int)", False),
        ("create table t (a int primary key); alter table t drop constraint t_pkey", False),
        ("create table t (a int); alter table t replica identity full", True),
        ("create table t (a int primary key); alter table t replica identity nothing", False),
        ("create table t as select 1", None),
    ],
)
def test_whether_updates_can_be_published(sql: str, keyed: bool | None) -> None:
    """By the key or the replica identity."""
    assert table(made(sql), "t").keyed is keyed


def test_indexes_have_the_names_that_postgresql_gives() -> None:
    """So that a later drop finds them."""
    schema = made(
        "create table t (a int unique, b text); create index on t (b); create index on t (b, lower(b));"
        "create unique index u on t (a); alter index u rename to w"
    )

    found = {name: (each.unique, each.owned) for name, each in table(schema, "t").indexes.items()}
    assert found == {
        "t_a_key": (True, True),
        "t_b_idx": (False, False),
        "t_b_lower_idx": (False, False),
        "w": (True, False),
    }


def test_functions_are_told_apart_by_their_arguments() -> None:
    """A drop takes the one that it names."""
    schema = made("create function f(int) returns int language sql as '1';"
                  "create function f(text, int default 1) returns int language sql as '1';"
                  "drop function f(int)")  # fmt: skip

    (left,) = schema.functions_of(("f",))
    assert (left.arguments, left.required, left.most) == (("text", "int4"), 1, 2)
