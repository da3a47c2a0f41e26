# pure
"""Which rows statements write: by themselves, and by the functions, triggers and keys that they set off."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from scripts.database.sql import tree
from scripts.database.sql.builtin_functions import (
    BUILT_IN,
    DESTROYERS,
    OF_EXTENSIONS,
    OF_THE_PLATFORM,
    POSTGIS,
    TRIGGER_FUNCTIONS,
)
from scripts.database.sql.parse import Node, Statement
from scripts.database.sql.routines import ALL, Body, body_of
from scripts.database.sql.schema import Function, Name, Schema, Table, Trigger

Verb = Literal["insert", "update", "delete", "truncate"]
QUERIES = frozenset("SelectStmt InsertStmt UpdateStmt DeleteStmt MergeStmt TruncateStmt CallStmt".split())
OPERATES = {"A_Expr": "name", "SubLink": "operName", "SortBy": "useOp"}  # where its operator stands
LOOKS = ("TypeCast", "ColumnRef", "A_Indirection")
COMMANDS: dict[str, Verb] = {"CMD_INSERT": "insert", "CMD_UPDATE": "update", "CMD_DELETE": "delete"}
STATEMENTS: dict[str, Verb] = {"InsertStmt": "insert", "UpdateStmt": "update", "DeleteStmt": "delete"}
CASCADES = {"c": "delete", "n": "update", "d": "update"}  # what a foreign key does
AGGREGATES = ("sfunc", "sfunc1", "finalfunc", "combinefunc", "msfunc", "minvfunc", "mfinalfunc")
LARGE_OBJECTS = "large objects"


@dataclass(frozen=True)
class Write:
    """Rows of a table are written.

    Args:
        table: None if no migration made it.
        columns: that get a value; None where any may.
        by: what does it, if not the statement itself, such as `f()`.
    """

    verb: Verb
    title: str
    table: Table | None
    columns: tuple[str, ...] | None = None
    by: str = ""


Other = Callable[[Statement, str, tuple[str, ...] | None], None]


@dataclass
class Trace:
    """Follows statements and collects what they write, and what of them can't be seen.

    Args:
        other: gets the statements in functions that are no queries.
        set_to: the calls of `setval` that were seen: their arguments.
        seen: what was followed already, as it was then: it is followed once.
    """

    schema: Schema
    other: Other
    writes: list[Write] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    set_to: list[list[Any]] = field(default_factory=list)
    seen: set[object] = field(default_factory=set)

    def run(self, statements: Iterable[Statement], by: str, path: tuple[str, ...] | None) -> None:
        """Follow the statements of a function or a block."""
        for statement in statements:
            if statement.kind in QUERIES and not statement.node.get("intoClause"):
                self.query({statement.kind: statement.node}, by, path)
            else:
                self.other(statement, by, path)

    def query(self, query: Any, by: str = "", path: tuple[str, ...] | None = None) -> None:
        """Follow a tree that is executed: every write, call, view and operator in it."""
        for kind, node in tree.walk(query):
            if kind == "FuncCall":
                self._call_of(node, by, path)
            elif kind == "RangeVar":
                self._read(tree.name_of(node), by, path)
            elif kind in OPERATES:
                name = tree.strings(node.get(OPERATES[kind]))
                for function in self.schema.operators.get(name[-1], ()) if name else ():
                    self.call(function, None, by, path)
            elif kind == "CallStmt":
                self._call_of(node["funccall"], by, path)
            elif kind in LOOKS:
                self._look(kind, node, by, path)
            else:
                self._statement(kind, node, by, path)

    def _look(self, kind: str, node: Node, by: str, path: tuple[str, ...] | None) -> None:
        """A cast; or `row.f`, which calls `f(row)` where the row has no such column."""
        if kind == "TypeCast":
            self._cast(node, by, path)
            return
        name = tree.strings(node.get("fields") or node.get("indirection"))
        for function in self.schema.functions_of(name[-1:], path) if name else ():
            if len(function.arguments) == 1 and any(
                key[1] == function.arguments[0] for key in self.schema.tables
            ):
                self.function(function, f"`{function.title}()`", path)

    def _statement(self, kind: str, node: Node, by: str, path: tuple[str, ...] | None) -> None:
        verb = STATEMENTS.get(kind)
        if verb:
            named = node.get("cols") if verb == "insert" else node.get("targetList")
            self.write(verb, node["relation"], _targets(named), by, path)
            conflict = node.get("onConflictClause") or {}
            if conflict.get("action") == "ONCONFLICT_UPDATE":
                self.write("update", node["relation"], _targets(conflict.get("targetList")), by, path)
        elif kind == "MergeStmt":
            for each in node.get("mergeWhenClauses") or ():
                clause = each["MergeWhenClause"]
                verb = COMMANDS.get(clause.get("commandType", ""))
                if verb:
                    self.write(verb, node["relation"], _targets(clause.get("targetList")), by, path)
        elif kind == "TruncateStmt":
            self._truncate(node, by, path)

    def _truncate(self, node: Node, by: str, path: tuple[str, ...] | None) -> None:
        for each in node.get("relations") or ():
            self.write("truncate", each["RangeVar"], None, by, path)
            table = self.schema.table(tree.name_of(each["RangeVar"]), path)
            if table and node.get("behavior") == "DROP_CASCADE":
                for other, _ in list(self.schema.referring(table)):
                    self.write_to("truncate", other, None, by, path)

    # ----------------------------------------------------------------------------- writes

    def write(
        self,
        verb: Verb,
        relation: Node,
        columns: tuple[str, ...] | None,
        by: str,
        path: tuple[str, ...] | None,
    ) -> None:
        """Rows of what is named are written."""
        name = tree.name_of(relation)
        table = self.schema.table(name, path)
        if table is None:
            title = name[-1] if name[:-1] in ((), ("public",)) else ".".join(name)
            self.writes.append(Write(verb, title, None, columns, by))
            return
        if relation.get("inh"):
            self.write_all(verb, table, columns, by, path)
        else:
            self.write_to(verb, table, columns, by, path)

    def write_all(
        self,
        verb: Verb,
        table: Table,
        columns: tuple[str, ...] | None,
        by: str,
        path: tuple[str, ...] | None,
    ) -> None:
        """Rows of a table are written, and those of its partitions."""
        for each in table.descendants():
            self.write_to(verb, each, columns, by, path)

    def write_to(
        self,
        verb: Verb,
        table: Table,
        columns: tuple[str, ...] | None,
        by: str,
        path: tuple[str, ...] | None,
    ) -> None:
        """Rows of a table or a view are written: follow all that this sets off."""
        state = (len(table.triggers), len(table.rules), len(table.columns), len(table.constraints))
        if (verb, id(table), columns, state) in self.seen:
            return
        self.seen.add((verb, id(table), columns, state))
        if table.kind == "view":
            self._write_through(verb, table, by, path)
        else:
            self.writes.append(Write(verb, table.title, table, columns, by))
            self._keys(verb, table, columns, by, path)
        self._computed(verb, table, by, path)
        for each in table.ancestors():
            for name, trigger in each.triggers.items():
                if verb in trigger.events and trigger.enabled and _concerns(trigger, verb, columns):
                    self._fire(verb, table, name, trigger, path)
            for rule in each.rules.values():
                if rule.get("event", "").removeprefix("CMD_").lower() == verb:
                    self.query(rule.get("actions"), f"a rule on `{each.title}`", path)

    def _write_through(self, verb: Verb, view: Table, by: str, path: tuple[str, ...] | None) -> None:
        """A view hands a write on to what it selects from, unless a trigger takes it over."""
        instead = any(each.node.get("timing") == 64 for each in view.triggers.values())
        for kind, node in tree.walk(view.query):
            if kind == "RangeVar" and not instead:
                bound = view.bound.get(tree.name_of(node))
                through = by or f"the view `{view.title}`"
                if bound:
                    self.write_all(verb, bound, None, through, path)
                else:
                    self.write(verb, node, None, through, path)

    def _keys(
        self,
        verb: Verb,
        table: Table,
        columns: tuple[str, ...] | None,
        by: str,
        path: tuple[str, ...] | None,
    ) -> None:
        """Foreign keys change the rows that refer to a changed row."""
        if verb not in ("update", "delete"):
            return
        for other, constraint in list(self.schema.referring(table)):
            action = constraint.node.get("fk_del_action" if verb == "delete" else "fk_upd_action", "a")
            used = set(tree.strings(constraint.node.get("pk_attrs")))
            untouched = verb == "update" and columns is not None and used and not used & set(columns)
            if action not in CASCADES or untouched:
                continue
            follows: Verb = "delete" if CASCADES[action] == "delete" and verb == "delete" else "update"
            changed = constraint.columns if follows == "update" else None
            self.write_to(follows, other, changed, by or f"a foreign key of `{other.title}`", path)

    def _computed(self, verb: Verb, table: Table, by: str, path: tuple[str, ...] | None) -> None:
        """What the server computes for each written row: defaults, checks, index expressions, policies."""
        if verb not in ("insert", "update"):
            return
        checks = [each.node.get("raw_expr") for each in table.constraints.values()]
        found = [each.generated for each in table.columns.values()] + checks
        domains = [self.schema.domain(each.type) for each in table.columns.values()]
        found += [check for domain in domains if domain for check in domain.checks]
        found += [index.node for index in table.indexes.values()]
        if verb == "insert":
            found += [each.default for each in table.columns.values()]
        self.query([each for each in found if each], by, path)
        self.quietly([each.node for each in table.policies.values()], path)

    def quietly(self, trees: list[Any], path: tuple[str, ...] | None) -> None:
        """Follow what may be computed: only what it is known to write counts."""
        inner = Trace(self.schema, self.other, self.writes)
        key = ("quietly", *map(id, trees))
        if trees and key not in self.seen:
            self.seen.add(key)
            inner.seen = self.seen | {"quietly"}
            inner.query([{name: each[name] for name in ("qual", "with_check") if name in each}
                         for each in trees], "a policy", path)  # fmt: skip

    def _fire(
        self, verb: Verb, table: Table, name: str, trigger: Trigger, path: tuple[str, ...] | None
    ) -> None:
        by = f"the trigger `{name}` on `{table.title}`"
        functions = trigger.bound or self.schema.functions_of(trigger.function, path)
        if not functions and trigger.function[-1] not in TRIGGER_FUNCTIONS:
            self.unknown.append(f"sets off {by}: what that does can't be seen")
        if trigger.node.get("whenClause"):
            self.query(trigger.node["whenClause"], by, path)
        changed = set(_stamped(trigger))
        for function in functions:
            changed |= self.function(function, by, path).assigned
        if trigger.before and verb == "update" and changed:
            columns = None if ALL in changed else tuple(sorted(changed))
            self.writes.append(Write("update", table.title, table, columns, by))

    # ------------------------------------------------------------------------------ calls

    def _call_of(self, node: Node, by: str, path: tuple[str, ...] | None) -> None:
        name, given = tree.strings(node.get("funcname")), node.get("args") or []
        if name[-1] == "setval" and not self.schema.functions_of(name, path):
            self.set_to.append(list(given))
        elif name[-1] == "set_config" and len(given) > 1:
            self._configure(given)
        else:
            self.call(name, len(given), by, path)

    def _configure(self, given: list[Any]) -> None:
        setting, value = tree.constant(given[0]), tree.constant(given[1])
        if setting is None or setting.lower() == "standard_conforming_strings":
            self.unknown.append("changes a setting that can't be told")
        elif setting.lower() == "search_path":
            names = [part.strip().strip('"') for part in (value or "").split(",")]
            self.schema.path = tuple(name for name in names if name) if value is not None else None

    def call(self, name: Name, count: int | None, by: str, path: tuple[str, ...] | None) -> None:
        """A function, procedure or aggregate is called, with so many arguments."""
        functions = self.schema.functions_of(name, path)
        fitting = [each for each in functions if count is None or each.required <= count <= each.most]
        for function in fitting or functions:
            self.function(function, f"`{function.title}()`", path)
        if not name or functions or self._is_harmless(name):
            return
        if name[-1] in DESTROYERS and name[:-1] in ((), ("pg_catalog",)):
            self.writes.append(Write("delete", LARGE_OBJECTS, None, None, by))
        else:
            self.unknown.append(f"calls `{'.'.join(name)}()`: what that does can't be seen")

    def _is_harmless(self, name: Name) -> bool:
        if len(name) > 1:
            if name[-2] == "pg_catalog":
                return name[-1] in BUILT_IN
            if (name[-2], name[-1]) in self.schema.types or ".".join(name[-2:]) in OF_THE_PLATFORM:
                return True
            return name[-2] == "extensions" and name[-1] in OF_EXTENSIONS
        word = name[-1] if name else ""
        of_postgis = word.startswith(POSTGIS) and "postgis" in self.schema.extensions
        return word in BUILT_IN or word in OF_EXTENSIONS or of_postgis

    def function(self, function: Function, by: str, path: tuple[str, ...] | None) -> Body:
        """Follow what a function runs, once."""
        if function.statement.kind == "DefineStmt":
            body = Body()
            definition = tree.options(function.statement.node.get("definition"))
            parts = [definition[each]["TypeName"] for each in AGGREGATES if each in definition]
        else:
            function.body = function.body or body_of(function.statement)
            body, parts = function.body, []
        if (id(function), id(function.statement)) in self.seen:
            return body
        self.seen.add((id(function), id(function.statement)))
        for part in parts:
            self.call(tree.strings(part.get("names")), None, by, path)
        self.unknown += [f"calls `{function.title}()`, which {why}" for why in body.unknown]
        self.run(body.statements, by, function.path if function.path is not None else path)
        return body

    def _read(self, name: Name, by: str, path: tuple[str, ...] | None) -> None:
        table = self.schema.table(name, path)
        if table is None or ("read", id(table), id(table.query)) in self.seen:
            return
        self.seen.add(("read", id(table), id(table.query)))
        if table.kind == "view":
            self.query(table.query, by or f"the view `{table.title}`", path)
        elif table.policies:
            self.quietly([each.node for each in table.policies.values()], path)

    def _cast(self, node: Node, by: str, path: tuple[str, ...] | None) -> None:
        names = tree.strings(node["typeName"].get("names"))
        for _, target, function in self.schema.casts:
            if names and names[-1] == target and function:
                self.call(function, None, by, path)
        domain = self.schema.domain(node["typeName"])
        if domain and ("domain", id(domain)) not in self.seen:
            self.seen.add(("domain", id(domain)))
            self.query(domain.checks, by, path)


def _concerns(trigger: Trigger, verb: Verb, columns: tuple[str, ...] | None) -> bool:
    """`after update of a` minds only statements that name `a`."""
    named = tree.strings(trigger.node.get("columns"))
    return verb != "update" or not named or columns is None or bool(set(named) & set(columns))


def _stamped(trigger: Trigger) -> tuple[str, ...]:
    """The column that `moddatetime` sets."""
    return tree.strings(trigger.node.get("args")) if trigger.function[-1] == "moddatetime" else ()


def _targets(nodes: Any) -> tuple[str, ...] | None:
    """The columns that are named on the left side."""
    found = [each["ResTarget"].get("name", "") for each in nodes or () if "ResTarget" in each]
    return tuple(sorted(set(found))) or None
