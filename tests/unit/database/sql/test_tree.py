"""Small looks into a tree."""

from __future__ import annotations

from typing import Any

from scripts.database.sql import tree
from scripts.database.sql.parse import expression, parse


def value(text: str) -> Any:
    """The tree of an expression."""
    query = expression(text)
    assert query
    return query["SelectStmt"]["targetList"][0]["ResTarget"]["val"]


def test_every_node_is_found() -> None:
    """Wherever it stands."""
    (found,) = parse("with d as (delete from t returning f()) select * from d where g() = any (array[h()])")
    names = [tree.strings(each["funcname"]) for kind, each in tree.walk(found.node) if kind == "FuncCall"]

    assert sorted(names) == [("f",), ("g",), ("h",)]
    assert "DeleteStmt" in {kind for kind, _ in tree.walk(found.node)}


def test_constants() -> None:
    """Also with a cast; anything else is none."""
    assert [tree.constant(value(text)) for text in ("'a'", "'a'::text", "1", "a", "''")] == [
        "a", "a", None, None, ""]  # fmt: skip
    assert [tree.number(value(text)) for text in ("7", "0", "'7'", "x")] == [7, 0, None, None]
    assert [tree.is_null(value(text)) for text in ("null", "null::int", "1", "a")] == [
        True, True, False, False]  # fmt: skip


def test_options_are_on_unless_they_are_off() -> None:
    """As PostgreSQL reads them."""
    for text, on in (("analyze", True), ("analyze true", True), ("analyze 1", True), ("analyze on", True),
                     ("analyze off", False), ("analyze false", False), ("analyze 0", False)):  # fmt: skip
        (found,) = parse(f"explain ({text}) select 1")

        assert tree.is_on(tree.options(found.node["options"])["analyze"]) is on, text


def test_trees_are_compared_without_their_places() -> None:
    """Spaces and comments are no difference."""
    assert tree.same(value("a  +   1"), value("a+1"))
    assert not tree.same(value("a + 1"), value("a + 2"))
    assert tree.digest(value("a + 1")) == tree.digest(value("a +  1"))
    assert tree.columns_in(value("t.a + b")) == {"a", "b"}
