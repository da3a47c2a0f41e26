# pure
"""What a migration does that its schema does not show: rows that it writes, functions that it calls."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from scripts.database.sql import tree
from scripts.database.sql.parse import Statement, parse
from scripts.database.sql.routines import body_of

WRITES = {
    "InsertStmt": "inserts into",
    "UpdateStmt": "updates",
    "DeleteStmt": "deletes from",
    "MergeStmt": "merges into",
    "CopyStmt": "copies into",
}
RUNS = frozenset((*WRITES, "SelectStmt", "TruncateStmt", "CallStmt"))
GRANTS = frozenset("GrantStmt AlterDefaultPrivilegesStmt GrantRoleStmt".split())
HARMLESS = frozenset("set_config now current_setting pg_sleep format".split())


def written(sql: str) -> tuple[str, ...]:
    """What it does to rows, in words, each once: `inserts into public.plans`, `calls storage.create()`."""
    return tuple(dict.fromkeys(word for statement in parse(sql) for word in _of(statement)))


def left(words: Sequence[str], gone: Collection[str]) -> tuple[str, ...]:
    """Those that are not about tables that are gone, such as `public.drafts`."""
    return tuple(word for word in words if _table(word) not in gone)


def _table(word: str) -> str:
    name = word.rpartition(" ")[2]
    return name if "." in name else f"public.{name}"


def says_grants(sql: str) -> bool:
    """Whether it says itself who may do what; a `do` block may."""
    return any(statement.kind in (*GRANTS, "DoStmt") for statement in parse(sql))


def _of(statement: Statement) -> Iterator[str]:
    if not statement.kind:
        yield f"line {statement.first} can't be read"
    elif statement.kind == "DoStmt":
        body = body_of(statement)
        for each in body.statements:
            yield from _of(each) if each.kind in RUNS and each.kind != "SelectStmt" else ()
    elif statement.kind in RUNS:
        yield from _queries({statement.kind: statement.node})


def _queries(query: Any) -> Iterator[str]:
    for kind, node in tree.walk(query):
        if kind in WRITES and node.get("relation"):
            yield f"{WRITES[kind]} {'.'.join(tree.name_of(node['relation']))}"
        elif kind == "TruncateStmt":
            for each in node.get("relations") or ():
                yield f"truncates {'.'.join(tree.name_of(each['RangeVar']))}"
        elif kind == "FuncCall":
            name = tree.strings(node.get("funcname"))
            if name and name[-1] not in HARMLESS and ("SelectStmt" in query or "CallStmt" in query):
                yield f"calls {'.'.join(name)}()"
