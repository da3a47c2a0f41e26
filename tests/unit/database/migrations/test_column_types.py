"""Which types hold every value of another, unchanged."""

from __future__ import annotations

import pytest

from scripts.database.migrations import column_types
from scripts.database.sql.parse import Node, parse


def type_of(name: str) -> Node:
    """The TypeName of a type."""
    (statement,) = parse(f"create table t (a {name})")
    found: Node = statement.node["tableElts"][0]["ColumnDef"]["typeName"]
    return found


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("int", "integer", "same"),
        ("varchar(100)", "character varying(100)", "same"),
        ("serial", "int", "same"),
        ("varchar(100)", "varchar(200)", "wider"),
        ("varchar(100)", "text", "wider"),
        ("varchar(100)[]", "text[]", "wider"),
        ("text", "varchar", "wider"),
        ("smallint", "bigint", "wider"),
        ("numeric(8,2)", "numeric(10,2)", "wider"),
        ("numeric(8,2)", "numeric", "wider"),
        ("timestamptz(3)", "timestamptz", "wider"),
        ("varchar(200)", "varchar(100)", "narrower"),
        ("text", "varchar(10)", "narrower"),
        ("bigint", "int", "narrower"),
        ("numeric(8,2)", "numeric(8,4)", "narrower"),
        ("numeric", "numeric(8,2)", "narrower"),
        ("timestamptz", "date", "narrower"),
        ("double precision", "real", "narrower"),
        ("numeric(8,2)", "int", "narrower"),
        ("numeric(8,2)", "numeric(10,4)", "other"),
        ("int", "text", "other"),
        ("real", "double precision", "other"),
        ("int", "int[]", "other"),
        ("public.mood", "text", "other"),
        ("text", "public.mood", "other"),
    ],
)
def test_what_the_step_from_one_type_to_another_means(old: str, new: str, change: str) -> None:
    """Wider only where every value stays as it is shown."""
    assert column_types.change(type_of(old), type_of(new)) == change


def test_a_type_that_is_not_known_is_another() -> None:
    """It may be anything."""
    assert column_types.change(None, type_of("text")) == "other"
    assert column_types.title(type_of("numeric(8, 2)[]")) == "numeric(8, 2)[]"
