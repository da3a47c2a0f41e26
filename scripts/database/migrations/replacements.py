# pure
"""A function, view, policy or trigger that takes the place of an older one: what differs, and for whom."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from scripts.database.sql import tree
from scripts.database.sql.parse import Node, Statement
from scripts.database.sql.routines import body_of
from scripts.database.sql.schema import Policy
from scripts.database.sql.schema_changes import inputs, type_key

Finding = tuple[bool, str]  # whether it breaks older code, and what is said
MOST_LINES = 5  # of a difference, on each side
OUTPUTS = ("FUNC_PARAM_OUT", "FUNC_PARAM_INOUT", "FUNC_PARAM_TABLE")


def difference(old: str, new: str) -> str:
    """The lines that differ: the first that are gone, and the first that are new."""
    before, after = ([line.strip() for line in text.splitlines() if line.strip()] for text in (old, new))
    lines = [line for line in difflib.unified_diff(before, after, lineterm="", n=0) if line[:2] != "@@"][2:]
    shown: list[str] = []
    for line in lines:
        if sum(other[0] == line[0] for other in shown) < MOST_LINES:
            shown.append(line)
    hidden = len(lines) - len(shown)
    more = f"\n    ... and {hidden} more line{'s' if hidden > 1 else ''}" if hidden else ""
    return "".join(f"\n    {line}" for line in shown) + more


def of_function(old: Statement, new: Statement, title: str) -> Iterator[Finding]:
    """`create or replace function`: another interface breaks callers, another body is shown."""
    before, after = old.node, new.node
    parts = (("arguments", _arguments), ("result", _result), ("rights", _rights))
    for what, part in parts:
        if part(before) != part(after):
            yield True, f"changes the {what} of `{title}()`"
    if not tree.same(_without_flags(before), _without_flags(after)):
        shown = difference(*(body or text for body, text in _bodies(old, new)))
        yield False, f"replaces `{title}()`:{shown}"


def _bodies(old: Statement, new: Statement) -> list[tuple[str, str]]:
    """The two bodies, and the two texts for where the bodies are the same, or none."""
    bodies = [body_of(each).text for each in (old, new)]
    differ = all(bodies) and bodies[0].split() != bodies[1].split()
    return [(body if differ else "", each.text) for body, each in zip(bodies, (old, new), strict=True)]


def _without_flags(node: Node) -> Node:
    return {key: value for key, value in node.items() if key != "replace"}


def _arguments(node: Node) -> list[tuple[str, str]]:
    """Names and types of what a call gives."""
    return [
        (each.get("name", ""), type_key(each.get("argType"))) for each in inputs(node.get("parameters"))
    ]


def _result(node: Node) -> list[tuple[str, str]]:
    outputs = [
        each["FunctionParameter"]
        for each in node.get("parameters") or ()
        if each.get("FunctionParameter", {}).get("mode") in OUTPUTS
    ]
    result = node.get("returnType") or {}
    found = [(each.get("name", ""), type_key(each.get("argType"))) for each in outputs]
    return [("", f"{type_key(result)}{' of many' if result.get('setof') else ''}"), *found]


def _rights(node: Node) -> bool:
    """Whether it runs with its owner's rights."""
    return tree.is_on(tree.options(node.get("options")).get("security", {"Boolean": {}}))


def of_view(old: Statement, new: Statement, title: str) -> Iterator[Finding]:
    """`create or replace view`: lost columns or new options break, another query is shown."""
    if old.kind != "ViewStmt":
        yield True, f"`{title}` takes the place of something else"
        return
    names = [view_columns(each.node) for each in (old, new)]
    if names[0] is not None and names[1] is not None and names[1][: len(names[0])] != names[0]:
        yield True, f"changes the columns of the view `{title}`"
    for key in ("options", "withCheckOption"):
        if tree.plain(old.node.get(key)) != tree.plain(new.node.get(key)):
            yield True, f"changes the options of the view `{title}`"
    if not tree.same(old.node.get("query"), new.node.get("query")):
        yield False, f"replaces the view `{title}`:{difference(old.text, new.text)}"


def view_columns(node: Node) -> list[str] | None:
    """The names of a view's columns; None if they depend on something else."""
    if node.get("aliases"):
        return list(tree.strings(node["aliases"]))
    query = tree.only(node.get("query"))[1]
    while "larg" in query:
        query = query["larg"]
    names = []
    for each in query.get("targetList") or ():
        target = each["ResTarget"]
        kind, fields = tree.only(target.get("val"))
        name = target.get("name") or (_last(fields) if kind in ("ColumnRef", "FuncCall") else None)
        if not name:
            return None
        names.append(name)
    return names


def _last(fields: Node) -> str | None:
    found = fields.get("fields") or fields.get("funcname") or [{}]
    return str(found[-1]["String"].get("sval")) if "String" in found[-1] else None


def same_trigger(old: Node, new: Node) -> bool:
    """Whether two triggers are one, apart from the name of the schema and `or replace`."""

    def part(node: Node) -> Any:
        relation = {key: value for key, value in node["relation"].items() if key == "relname"}
        return tree.plain(
            {**node, "relation": relation, "replace": None, "funcname": node["funcname"][-1:]}
        )

    return bool(part(old) == part(new))


def of_policy(old: Policy, new: Node, title: str, text: str) -> Iterator[Finding]:
    """A permissive policy that takes the place of another: what it no longer permits breaks older code."""
    before = old.node
    narrower = not _roles(before) <= _roles(new) and "public" not in _roles(new)
    commands = [each.get("cmd_name", "all") for each in (before, new)]
    narrower = narrower or (commands[0] != commands[1] and commands[1] != "all")
    narrower = narrower or any(_narrower(before.get(key), new.get(key)) for key in ("qual", "with_check"))
    keys = ("qual", "with_check", "cmd_name")
    if narrower or not all(tree.same(before.get(key), new.get(key)) for key in keys):
        what = "permits less" if narrower else "is another"
        yield (
            narrower,
            f"the policy `{new['policy_name']}` on `{title}` {what}:{difference(old.text, text)}",
        )


def _roles(node: Node) -> set[str]:
    found = [tree.only(each)[1] for each in node.get("roles") or ()]
    return {each.get("rolename", "public") for each in found} or {"public"}


def _narrower(old: Any, new: Any) -> bool:
    """Whether a condition is known to hold for less: `false`, one where there was none, or more terms."""
    if new is None or tree.same(old, new):
        return False
    value = tree.only(new)[1].get("boolval")
    if value is not None:
        return not value.get("boolval")
    is_true = bool(tree.only(old)[1].get("boolval", {}).get("boolval")) if old else True
    before, after = _terms(old), _terms(new)
    return is_true or before < after


def _terms(condition: Any) -> set[str]:
    kind, fields = tree.only(condition)
    if kind == "BoolExpr" and fields.get("boolop") == "AND_EXPR":
        return {tree.digest(each) for each in fields["args"]}
    return {tree.digest(condition)}
