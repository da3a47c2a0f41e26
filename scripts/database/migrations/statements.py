# pure
"""Whether a text runs in one transaction with others, and the fingerprint by which it is known again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator

from scripts.database.sql import tree
from scripts.database.sql.parse import Statement, parse
from scripts.database.sql.routines import body_of

# What PostgreSQL refuses inside a transaction, whatever its options.
ALONE = frozenset(
    """AlterSystemStmt CreatedbStmt DropdbStmt CreateTableSpaceStmt DropTableSpaceStmt
    CreateSubscriptionStmt DropSubscriptionStmt""".split()
)
CONCURRENT = frozenset("IndexStmt DropStmt".split())


def unfit(sql: str) -> str | None:
    """The first words of what can't run in one transaction with other scripts; None if all of it can."""
    for statement in parse(sql):
        if statement.kind == "TransactionStmt" or _is_alone(statement):
            return " ".join(statement.text.lower().split()[:3])
        if statement.kind == "DoStmt" and body_of(statement).ends_transaction:
            return "a `commit` or `rollback` in a `do` block"
    return None


def _is_alone(statement: Statement) -> bool:
    node = statement.node
    if statement.kind == "ReindexStmt":
        whole = node.get("kind") in (
            "REINDEX_OBJECT_SCHEMA",
            "REINDEX_OBJECT_SYSTEM",
            "REINDEX_OBJECT_DATABASE",
        )
        return whole or "concurrently" in tree.options(node.get("params"))
    if statement.kind == "VacuumStmt":
        return bool(node.get("is_vacuumcmd"))
    if statement.kind == "ClusterStmt":
        return "relation" not in node
    if statement.kind == "AlterTableStmt":
        commands = [each["AlterTableCmd"].get("def", {}) for each in node.get("cmds") or ()]
        return any(each.get("PartitionCmd", {}).get("concurrent") for each in commands)
    return statement.kind in ALONE or (statement.kind in CONCURRENT and bool(node.get("concurrent")))


def transaction_control(sql: str) -> Iterator[tuple[int, str]]:
    """Line and words of each `begin`, `commit` and the like at the top level of a text."""
    for statement in parse(sql):
        if statement.kind == "TransactionStmt":
            yield statement.first, " ".join(statement.text.lower().split()[:3])


def _comment_end(sql: str, place: int) -> int:
    """Where a `/*` comment ends; PostgreSQL nests them."""
    depth = 1
    while depth:
        mark = _COMMENT_MARK.search(sql, place)
        if mark is None:
            return len(sql)
        depth += 1 if mark[0] == "/*" else -1
        place = mark.end()
    return place


_COMMENT_MARK = re.compile(r"/\*|\*/")

# The ledger holds fingerprints: a change of these patterns voids every proof and measurement in it.
_QUOTES = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*)
    | (?P<quoted>(?<![\w$])[eE]'(?:\\.|''|[^'\\])*'|'(?:''|[^'])*'|"(?:""|[^"])*")
    | (?P<dollar>(?<![\w$])\$(?:[A-Za-z_\x80-\uffff][\w\x80-\uffff]*)?\$)
    """,
    re.VERBOSE | re.DOTALL,
)
# Words and single signs. The space between two of them counts for nothing, but it keeps them apart.
_WORDS = re.compile(r"[\w$]+|[^\w\s;\ufeff]")


def fingerprint(sql: str) -> str:
    """The digest of a text's words and signs, without comments, white space and `;` outside quotes.

    A file and the statements that the Supabase CLI recorded of it have the same fingerprint, however
    the CLI cut the file. An edit of anything that runs changes it; other line ends alone do not.
    """
    sql = re.sub(r"\r\n?", "\n", sql)
    kept: list[str] = []
    place = 0
    while match := _QUOTES.search(sql, place):
        kept += _WORDS.findall(sql[place : match.start()])
        place = _quote_end(sql, match)
        if not match["comment"]:
            kept.append(sql[match.start() : place])
    kept += _WORDS.findall(sql[place:])
    return hashlib.sha256("\x1f".join(kept).encode("utf-8", "surrogateescape")).hexdigest()


def outside_quotes(sql: str, change: Callable[[str], str]) -> str:
    """The text with `change` done to what is neither quoted nor a comment."""
    parts, place = [], 0
    while match := _QUOTES.search(sql, place):
        end = _quote_end(sql, match)
        parts += [change(sql[place : match.start()]), sql[match.start() : end]]
        place = end
    return "".join([*parts, change(sql[place:])])


def _quote_end(sql: str, match: re.Match[str]) -> int:
    """Where a comment or quotation that `_QUOTES` has found ends."""
    if match["comment"] == "/*":
        return _comment_end(sql, match.end())
    if match["dollar"]:
        end = sql.find(match["dollar"], match.end())
        return len(sql) if end < 0 else end + len(match["dollar"])
    return match.end()
