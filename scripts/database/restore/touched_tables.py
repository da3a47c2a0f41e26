# pure
"""Which tables' rows migrations change: by their own statements, and by what these set off.

Too many tables is safe: their rows come from the archive, and the plan counts what that loses. Too few
is not, so a migration that can't be understood is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from scripts.database.sql import tree
from scripts.database.sql.parse import Node, Statement, parse
from scripts.database.sql.routines import COMPOSES, body_of
from scripts.errors import Refused

PLATFORM_TABLES = ("auth", "storage")
RESHAPING = frozenset("AT_AlterColumnType AT_DropColumn AT_SetExpression".split())
BOTH = ("update", "delete")
VERBS = {"InsertStmt": ("update",), "UpdateStmt": ("update",), "DeleteStmt": BOTH}
COMMANDS = {"CMD_UPDATE": ("update",), "CMD_DELETE": ("delete",), "CMD_INSERT": ("update",)}


@dataclass(frozen=True)
class WriteEffects:
    """What a database does by itself when rows are written.

    Args:
        functions: name without schema -> the definitions of all functions of that name.
        triggers: `schema.table` -> names of the functions that its triggers call.
        cascades: `delete schema.table`, `update schema.table` -> tables that foreign keys then change.
    """

    functions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    triggers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    cascades: Mapping[str, frozenset[str]] = field(default_factory=dict)


def touched(texts: Mapping[str, str], tables: Collection[str], effects: WriteEffects) -> frozenset[str]:
    """`schema.table` of all tables whose rows these migrations may have changed.

    Args:
        texts: file -> SQL.
        tables: `schema.table` of all tables of the app, live or in the archive.
        effects: of the live database.

    Raises:
        Refused: a file can't be understood; it is named.
    """
    search = _Search(frozenset(tables), effects)
    for text in texts.values():
        search.created |= {name[-1] for name in _created(parse(text))}
    for file, text in texts.items():
        search.file = file
        search.read(parse(text))
    return frozenset(search.touched) & search.tables


def _created(statements: Iterable[Statement]) -> Iterator[tuple[str, ...]]:
    """The tables that statements make, also inside of blocks and functions."""
    for statement in statements:
        node = statement.node
        into = node.get("into") or node.get("intoClause")
        if statement.kind in ("CreateStmt", "CreateForeignTableStmt"):
            yield tree.name_of((node.get("base") or node)["relation"])
        elif into:
            yield tree.name_of(into.get("rel"))
        elif statement.kind in ("DoStmt", "CreateFunctionStmt"):
            yield from _created(body_of(statement).statements)


def _renames_table(node: Node) -> bool:
    if node.get("renameType") == "OBJECT_COLUMN":
        return node.get("relationType") == "OBJECT_TABLE"
    return node.get("renameType") == "OBJECT_TABLE"


@dataclass
class _Search:
    tables: frozenset[str]
    effects: WriteEffects
    file: str = ""
    touched: set[str] = field(default_factory=set)
    created: set[str] = field(default_factory=set)  # tables of the migrations themselves
    _followed: set[str] = field(default_factory=set)

    def read(self, statements: Iterable[Statement]) -> None:
        """Statements, with the bodies of their functions and blocks."""
        for statement in statements:
            if not statement.kind:
                raise Refused(f"`{self.file}` can't be understood: `{statement.head}`")
            if statement.kind in ("DoStmt", "CreateFunctionStmt"):
                self._read_body(statement)
            elif statement.kind != "GrantStmt":
                self._read_one(statement)

    def _read_body(self, statement: Statement) -> None:
        body = body_of(statement)
        if COMPOSES in body.unknown:
            raise Refused(f"`{self.file}` runs SQL that it composes: which rows it changed can't be told")
        if body.unknown:
            raise Refused(f"`{self.file}` can't be understood: a function {body.unknown[0]}")
        self.read(body.statements)

    def _read_one(self, statement: Statement) -> None:
        kind, node = statement.kind, statement.node
        if kind == "DropStmt" and node.get("removeType") == "OBJECT_TABLE":
            for each in node.get("objects") or ():
                self.touched |= self._tables_named(tree.strings(tree.only(each)[1].get("items")))
        elif kind == "AlterTableStmt":
            actions = {each["AlterTableCmd"].get("subtype") for each in node.get("cmds") or ()}
            if actions & RESHAPING:
                self.touched |= self._tables_named(tree.name_of(node["relation"]))
        elif kind == "RenameStmt" and _renames_table(node):
            self.touched |= self._tables_named(tree.name_of(node["relation"]))
        elif kind == "CopyStmt" and node.get("is_from"):
            self._write(self._tables_named(tree.name_of(node["relation"])), ("update",))
        for inner, fields in tree.walk({kind: node}):
            self._read_node(inner, fields)

    def _read_node(self, kind: str, node: Node) -> None:
        if kind in VERBS:
            self._write(self._tables_named(tree.name_of(node["relation"])), VERBS[kind])
        elif kind == "MergeStmt":
            clauses = [each["MergeWhenClause"] for each in node.get("mergeWhenClauses") or ()]
            verbs = [verb for each in clauses for verb in COMMANDS.get(each.get("commandType", ""), ())]
            if verbs:
                self._write(self._tables_named(tree.name_of(node["relation"])), tuple(verbs))
        elif kind == "TruncateStmt":
            for each in node.get("relations") or ():
                self._write(self._tables_named(tree.name_of(each["RangeVar"])), BOTH)
        elif kind in ("FuncCall", "CallStmt"):
            self._call(tree.strings(node.get("funccall", node).get("funcname"))[-1])

    def _write(self, tables: Iterable[str], verbs: tuple[str, ...]) -> None:
        """Rows of these tables change: follow their triggers and the foreign keys that refer to them."""
        for table in set(tables):
            self.touched.add(table)
            for function in self.effects.triggers.get(table, ()):
                self._call(function)
            for write in {f"{verb} {table}" for verb in verbs} - self._followed:
                self._followed.add(write)
                self._write(self.effects.cascades.get(write, ()), BOTH)

    def _call(self, name: str) -> None:
        if name in self._followed:
            return
        self._followed.add(name)
        for definition in self.effects.functions.get(name, ()):
            self.read(parse(definition))

    def _tables_named(self, name: tuple[str, ...]) -> set[str]:
        """The tables of that name; without a schema, those of every schema."""
        wanted = ".".join(name[-2:])
        if len(name) > 1:
            tables = {table for table in self.tables if table == wanted}
        else:
            tables = {table for table in self.tables if table.partition(".")[2] == wanted}
        if len(name) > 1 and name[-2] in PLATFORM_TABLES:
            return {wanted}  # a restore keeps their rows, but rows of the app may refer to them
        if not tables and name[-1] not in self.created:
            raise Refused(f"`{self.file}` changes `{wanted}`, which is not a table of the app")
        return tables
