# pure
"""Judges statement by statement: what the rules say of it, and which rows it writes, whatever its form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from scripts.database.migrations import verdict_changes
from scripts.database.migrations.verdict_rules import BREAKS, LOST, Effect, Scene, set_to
from scripts.database.sql import schema_changes, tree
from scripts.database.sql.parse import Statement, parse
from scripts.database.sql.routines import body_of
from scripts.database.sql.schema import Schema
from scripts.database.sql.writes import LARGE_OBJECTS, QUERIES, Trace, Write

WORDS = {"update": "changes rows of", "delete": "deletes rows of", "truncate": "truncates"}
Path = tuple[str, ...] | None  # a `search_path`; None for the session's
OPCLASS_FUNCTION = 2
# a tree that is nested too deeply, or of a form that nobody foresaw
TREE_FAULTS = (RecursionError, LookupError, TypeError, ValueError)
DATABASE_CHANGES = (
    "Create",
    "Alter",
    "Drop",
    "Rename",
    "Index",
    "View",
    "Rule",
    "Define",
    "Grant",
    "Comment",
)


# expressions that are computed for rows, now or whenever one of them is written
COMPUTED = {
    "IndexStmt": ("indexParams", "whereClause"),
    "AlterDomainStmt": ("def",),
    "CreateDomainStmt": ("constraints",),
    "CreateStatsStmt": ("exprs",),
    "CreateStmt": ("partspec",),
}
# functions that are called where no tree shows it
USED_UNSEEN: dict[str, Callable[[Any], list[tuple[str, ...]]]] = {
    "CreateCastStmt": lambda node: [tree.strings(node.get("func", {}).get("objname"))],
    "CreateOpClassStmt": lambda node: [
        tree.strings(each["CreateOpClassItem"].get("name", {}).get("objname"))
        for each in node.get("items") or ()
        if each["CreateOpClassItem"].get("itemtype") == OPCLASS_FUNCTION
    ],
}


class Judge:
    """Judges files in order; each of them changes the schema that the next one meets."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.effects: list[Effect] = []
        self.writes: list[Write] = []
        self.backfills: set[str] = set()  # tables of which only columns of the release are filled
        self._scene = Scene(schema)
        self._depth = 0
        self._seen: set[object] = set()

    def learn(self, texts: Iterable[str]) -> None:
        """Take the definitions of files that are applied already."""
        for text in texts:
            self.schema.begin_file()
            for statement in parse(text):
                self._apply(statement)

    def _apply(self, statement: Statement) -> None:
        if statement.kind == "DoStmt":
            for inner in body_of(statement).statements:
                self._apply(inner)
        schema_changes.apply(self.schema, statement)

    def file(self, text: str) -> list[list[Effect]]:
        """The effects of each statement of a file."""
        self.schema.releasing = True
        self.schema.begin_file()
        self._scene = Scene(self.schema, made=set(_made(parse(text))))
        return [self.statement(statement) for statement in parse(text)]

    def statement(self, statement: Statement) -> list[Effect]:
        """The effects of one statement, with all that it sets off."""
        before = len(self.effects)
        self._seen = set()
        try:
            self._run(statement, "", None)
        except TREE_FAULTS:
            self.effects.append(Effect(BREAKS, f"not understood: `{statement.head}`"))
        return self.effects[before:]

    def _run(self, statement: Statement, by: str, path: Path) -> None:
        """One statement, of the file or of something that it runs."""
        trace = Trace(self.schema, self._run_inside, seen=self._seen)
        self._follow(trace, statement, by, path)
        self.effects += self._of_rules(statement, by)
        self._take(trace, by)
        self._apply_here(statement, path)

    def _run_inside(self, statement: Statement, by: str, path: Path) -> None:
        if self._depth > 30:
            self.effects.append(Effect(BREAKS, "not understood: it calls itself too often"))
            return
        before, self.schema.conditional = self.schema.conditional, True
        self._depth += 1
        self._run(statement, by, path)
        self._depth -= 1
        self.schema.conditional = before

    def _apply_here(self, statement: Statement, path: Path) -> None:
        before = self.schema.path
        self.schema.path = path if path is not None else before
        schema_changes.apply(self.schema, statement)
        if path is not None:
            self.schema.path = before

    def _of_rules(self, statement: Statement, by: str) -> Iterator[Effect]:
        if not statement.kind:
            yield Effect(BREAKS, f"not understood: `{statement.head}`")
            return
        for effect in verdict_changes.effects(self._scene, statement):
            where = f" (by {by})" if by and effect.reason else ""
            yield Effect(effect.weight, effect.reason + where, effect.table)

    def _take(self, trace: Trace, by: str) -> None:
        """What was written, and what can't be seen, as effects."""
        self.writes += trace.writes
        self.effects += [Effect(BREAKS, reason) for reason in dict.fromkeys(trace.unknown)]
        for given in trace.set_to:
            self.effects += set_to(self.schema, given)
        for write in trace.writes:
            self.effects += self._of_write(write, by)

    def _of_write(self, write: Write, by: str) -> Iterator[Effect]:
        table = write.table
        if write.verb == "insert" or (table and not table.holds_old_rows):
            return
        columns = [table.columns.get(each) for each in write.columns or ()] if table else []
        if (
            write.verb == "update"
            and columns
            and all(column and column.new and column.sure for column in columns)
        ):
            self.backfills.add(f"{table.schema}.{table.name}" if table else "")
            return
        through = write.by or by
        where = f" (by {through})" if through else ""
        named = write.title if write.title == LARGE_OBJECTS else f"`{write.title}`"
        lost = "the old values are lost" if write.verb == "update" else "they are lost"
        yield Effect(LOST, f"{WORDS[write.verb]} {named}{where}: {lost}", write.title)

    # --------------------------------------------------------------------- what is executed

    def _follow(self, trace: Trace, statement: Statement, by: str, path: Path) -> None:
        kind, node = statement.kind, statement.node
        if kind in QUERIES:
            trace.query({kind: node}, by, path)
        elif kind == "DoStmt":
            body = body_of(statement)
            trace.unknown += [f"a `do` block {why}" for why in body.unknown]
            trace.run(body.statements, by, path)
        elif kind in ("ExplainStmt", "CreateTableAsStmt", "DeclareCursorStmt"):
            chosen = tree.options(node.get("options")) if kind == "ExplainStmt" else {"analyze": None}
            if "analyze" in chosen and tree.is_on(chosen["analyze"]):
                self._nested(trace, node.get("query"), by, path)
        elif kind == "ExecuteStmt":
            self._execute(trace, node, by, path)
        elif kind == "CopyStmt":
            self._copy(trace, node, by, path)
        else:
            self._definition(trace, kind, node, by, path)

    def _nested(self, trace: Trace, query: Any, by: str, path: Path) -> None:
        kind, node = tree.only(query)
        if kind == "ExecuteStmt":
            self._execute(trace, node, by, path)
        elif kind == "CreateTableAsStmt":
            self._nested(trace, node.get("query"), by, path)
        else:
            trace.query(query, by, path)

    def _execute(self, trace: Trace, node: Any, by: str, path: Path) -> None:
        trace.query(node.get("params"), by, path)
        if node.get("name") in self.schema.prepared:
            trace.query(self.schema.prepared[node["name"]], by, path)
        else:
            trace.unknown.append(
                f"not understood: `execute {node.get('name')}`, which the file does not prepare"
            )

    def _copy(self, trace: Trace, node: Any, by: str, path: Path) -> None:
        trace.query([node.get("query"), node.get("whereClause")], by, path)
        if node.get("is_from") or node.get("filename"):
            trace.unknown.append("not understood: `copy` with data that the migration does not hold")

    def _definition(self, trace: Trace, kind: str, node: Any, by: str, path: Path) -> None:
        """Expressions that are computed for rows that exist, and what events set off."""
        if kind == "RefreshMatViewStmt":
            table = self.schema.table(tree.name_of(node["relation"]), path)
            trace.query(table.query if table else None, by, path)
        elif kind in ("VacuumStmt", "ReindexStmt", "ClusterStmt"):
            trace.query(list(self._indexes(node)), by, path)
        elif kind == "AlterTableStmt":
            self._altered(trace, node, by, path)
        elif kind in COMPUTED:
            trace.query([node.get(each) for each in COMPUTED[kind]], by, path)
        elif kind in USED_UNSEEN:
            for name in USED_UNSEEN[kind](node):
                trace.call(name, None, by, path)
        if kind.startswith(DATABASE_CHANGES):
            self._events(trace, path)

    def _altered(self, trace: Trace, node: Any, by: str, path: Path) -> None:
        """What is computed for the rows of a table."""
        table = self.schema.table(tree.name_of(node["relation"]), path)
        for command in (each["AlterTableCmd"] for each in node.get("cmds") or ()):
            definition = command.get("def") or {}
            domain = self.schema.domain(definition.get("ColumnDef", {}).get("typeName"))
            trace.query([definition, domain.checks if domain else []], by, path)
            if table and command.get("subtype") in ("AT_ValidateConstraint", "AT_AlterColumnType"):
                checks = [each.node.get("raw_expr") for each in table.constraints.values()]
                trace.query([checks, [each.node for each in table.indexes.values()]], by, path)

    def _indexes(self, node: Any) -> Iterator[Any]:
        """The indexes of the tables that are named; of all tables if none is."""
        named = [each["VacuumRelation"].get("relation") for each in node.get("rels") or ()]
        named = named or [node["relation"]] if "relation" in node else named
        found = [self.schema.table(tree.name_of(each)) for each in named if each]
        for table in found if named else list(self.schema.tables.values()):
            yield from [index.node for index in table.indexes.values()] if table else ()

    def _events(self, trace: Trace, path: Path) -> None:
        """What an event trigger is known to write; what of it can't be seen does not count."""
        if self.schema.event_triggers:
            inner = Trace(self.schema, self._run_inside, trace.writes)
            for name, function in self.schema.event_triggers.items():
                inner.call(function, None, f"the event trigger `{name}`", path)


def _made(statements: Sequence[Statement]) -> Iterator[tuple[str, str, str]]:
    """The policies and triggers that a file makes."""
    for statement in statements:
        node = statement.node
        if statement.kind == "CreatePolicyStmt":
            yield "policy", node["table"].get("relname", ""), node["policy_name"]
        elif statement.kind == "CreateTrigStmt":
            yield "trigger", node["relation"].get("relname", ""), node["trigname"]
        elif statement.kind == "AlterTableStmt":
            for command in (each["AlterTableCmd"] for each in node.get("cmds") or ()):
                if command.get("subtype", "").startswith("AT_EnableTrig"):
                    yield "enabled", node["relation"].get("relname", ""), command.get("name", "")
