"""What takes the place of something older, and what of it older code notices."""

from __future__ import annotations

import pytest

from scripts.database.migrations import replacements
from scripts.database.sql.parse import Statement, parse
from scripts.database.sql.schema import Policy

FUNCTION = "create or replace function f(a int) returns int language sql as 'select a'"
VIEW = "create or replace view v as select id, name from t"
POLICY = "create policy p on t for select to anon using (a = 1 and b = 2)"


def one(sql: str) -> Statement:
    """The one statement of a text."""
    (statement,) = parse(sql)
    return statement


@pytest.mark.parametrize(
    ("new", "breaks"),
    [
        (FUNCTION, []),
        (FUNCTION.replace("select a", "select a + 1"), [False]),
        (FUNCTION.replace("a int", "b int"), [True, False]),
        (FUNCTION.replace("returns int", "returns setof int"), [True, False]),
        (FUNCTION.replace("sql as", "sql security definer as"), [True, False]),
        (FUNCTION.replace("(a int)", "(a int default 1)"), [False]),
        (FUNCTION.replace("sql as", "sql immutable as"), [False]),
        (FUNCTION.replace("f(a int)", "f( a   integer )").upper().replace("'SELECT A'", "'select a'"), []),
    ],
)
def test_a_function_that_takes_the_place_of_another(new: str, breaks: list[bool]) -> None:
    """Another interface breaks callers; another body is only shown."""
    assert [each for each, _ in replacements.of_function(one(FUNCTION), one(new), "f")] == breaks


@pytest.mark.parametrize(
    ("new", "breaks"),
    [
        (VIEW, []),
        (VIEW.replace("from t", "from t where id > 1"), [False]),
        (VIEW.replace("id, name", "id, name, more"), [False]),
        (VIEW.replace("id, name", "id, upper(name) as name"), [False]),
        (VIEW.replace("id, name", "id, other"), [True, False]),
        (VIEW.replace("v as", "v with (security_invoker = true) as"), [True]),
        (VIEW + " with check option", [True]),
    ],
)
def test_a_view_that_takes_the_place_of_another(new: str, breaks: list[bool]) -> None:
    """Its columns stay, and its options."""
    assert [each for each, _ in replacements.of_view(one(VIEW), one(new), "v")] == breaks


@pytest.mark.parametrize(
    ("new", "breaks"),
    [
        (POLICY, []),
        (POLICY.replace("a = 1 and b = 2", "true"), [False]),
        (POLICY.replace("a = 1 and b = 2", "a = 1"), [False]),
        (POLICY.replace("a = 1", "a = 3"), [False]),
        (POLICY.replace("to anon", "to public"), []),
        (POLICY.replace("for select", "for all"), [False]),
        (POLICY.replace("a = 1 and b = 2", "false"), [True]),
        (POLICY.replace("b = 2", "b = 2 and c = 3"), [True]),
        (POLICY.replace("to anon", "to somebody"), [True]),
        (POLICY.replace("for select", "for insert").replace("using", "with check"), [True]),
    ],
)
def test_a_policy_that_takes_the_place_of_another(new: str, breaks: list[bool]) -> None:
    """What it no longer permits breaks older code."""
    old = Policy(one(POLICY).node, POLICY)

    assert [each for each, _ in replacements.of_policy(old, one(new).node, "t", new)] == breaks


def test_a_difference_shows_both_sides() -> None:
    """The first lines that are gone, and the first that are new."""
    old, new = "\n".join(f"old {line}" for line in range(9)), "same\nnew 1"
    shown = replacements.difference("same\n" + old, new).splitlines()

    assert [line.strip() for line in shown[1:]] == [
        *(f"-old {line}" for line in range(5)), "+new 1", "... and 4 more lines"]  # fmt: skip
