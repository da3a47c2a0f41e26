# pure
"""What each statement makes of the tables, views, indexes and policies of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from scripts.database.sql import tree
from scripts.database.sql.parse import Node, Statement
from scripts.database.sql.schema import Column, Constraint, Index, Policy, Schema, Table

LONGEST = 63  # bytes of a name
SERIAL = frozenset("serial bigserial smallserial serial2 serial4 serial8".split())
NAMED = {"CONSTR_PRIMARY": "pkey", "CONSTR_UNIQUE": "key", "CONSTR_FOREIGN": "fkey",
         "CONSTR_CHECK": "check", "CONSTR_EXCLUSION": "excl"}  # fmt: skip
BACKED = ("CONSTR_PRIMARY", "CONSTR_UNIQUE", "CONSTR_EXCLUSION")  # by an index


def known(schema: Schema, relation: Node) -> Table:
    """The table that is meant; one that no migration made is entered as one that exists."""
    name = tree.name_of(relation)
    table = schema.table(name)
    if table is None:
        table = Table(*schema.home(name), whole=False)
        schema.tables[table.schema, table.name] = table
    return table


def remove(schema: Schema, table: Table | None) -> None:
    """Take a table out."""
    if table is None:
        return
    schema.tables.pop((table.schema, table.name), None)
    for parent in table.parents:
        parent.children.remove(table)


def move(schema: Schema, table: Table, home: str, name: str) -> None:
    """Give a table another schema or name."""
    schema.tables.pop((table.schema, table.name), None)
    table.schema, table.name = home, name
    schema.tables[home, name] = table


def _make(
    schema: Schema, relation: Node, kind: str, *, replace: bool = False, may_exist: bool = False
) -> Table | None:
    """A new entry; None if there is one of that name, which then stays."""
    temporary = relation.get("relpersistence") == "t"
    home = schema.home(tree.name_of(relation), temporary=temporary)
    if home in schema.tables and not replace:
        return None
    before = schema.tables.get(home)
    table = Table(*home, kind, new=before.new if before else schema.releasing or temporary)
    table.sure = temporary or schema.whole or not (may_exist or schema.conditional)
    if before:
        table.triggers, table.rules = before.triggers, before.rules
    schema.tables[home] = table
    return table


def _create(schema: Schema, statement: Statement) -> None:
    node = statement.node.get("base") or statement.node
    is_foreign = statement.kind == "CreateForeignTableStmt"
    table = _make(schema, node["relation"], "foreign table" if is_foreign else "table",
                  may_exist=bool(node.get("if_not_exists")))  # fmt: skip
    if table is None:
        return
    table.statement = statement
    for parent in node.get("inhRelations") or ():
        add_parent(table, known(schema, parent["RangeVar"]))
    for element in node.get("tableElts") or ():
        kind, fields = tree.only(element)
        if kind == "ColumnDef":
            add_column(table, fields, new=table.new)
        elif kind == "Constraint":
            add_constraint(table, fields)
        else:  # `like` another table
            table.whole = False
            other = schema.table(tree.name_of(fields.get("relation")))
            table.columns.update(_copied(other.columns if other else {}, new=table.new))
    if node.get("ofTypename"):
        table.whole = False


def add_parent(table: Table, parent: Table) -> None:
    """The rows of the table are rows of the parent as well."""
    if parent in table.descendants():  # a circle, which the server refuses
        return
    table.parents.append(parent)
    parent.children.append(table)
    table.columns = {**_copied(parent.columns, new=table.new), **table.columns}
    table.whole = table.whole and parent.whole
    inherited = {name: each for name, each in parent.constraints.items() if each.kind != "CONSTR_FOREIGN"}
    table.constraints = {**inherited, **table.constraints}


def _copied(columns: Mapping[str, Column], *, new: bool) -> dict[str, Column]:
    return {name: replace(column, new=new) for name, column in columns.items()}


def add_column(table: Table, definition: Node, *, new: bool) -> None:
    """Enter a column, and the constraints that are written beside it."""
    name = definition["colname"]
    if name in table.columns:
        return
    column = table.columns[name] = Column(definition.get("typeName"), new=new)
    type_name = tree.strings((column.type or {}).get("names"))
    if type_name and type_name[-1] in SERIAL:
        column.required, column.default = True, {"SetToDefault": {}}
    for each in definition.get("constraints") or ():
        rule = each.get("Constraint", {})
        _rule_of(column, rule)
        if rule.get("contype") in NAMED:
            add_constraint(table, rule, (name,))


def _rule_of(column: Column, rule: Node) -> None:
    kind, value = rule.get("contype"), rule.get("raw_expr")
    if kind in ("CONSTR_NOTNULL", "CONSTR_PRIMARY"):
        column.required = True
    elif kind == "CONSTR_DEFAULT":
        column.default = None if tree.is_null(value) else value
    elif kind == "CONSTR_IDENTITY":
        column.required, column.default = True, {"SetToDefault": {}}
    elif kind == "CONSTR_GENERATED":
        column.generated = value


def add_constraint(table: Table, rule: Node, columns: tuple[str, ...] = ()) -> None:
    """Enter a constraint, and the index that backs it."""
    kind = rule.get("contype", "")
    if kind not in NAMED:
        if kind == "CONSTR_NOTNULL":
            for name in tree.strings(rule.get("keys")):
                if name in table.columns:
                    table.columns[name].required = True
        return
    columns = columns or tree.strings(rule.get("keys") or rule.get("fk_attrs"))
    if kind == "CONSTR_CHECK" and not columns:
        columns = tuple(sorted(tree.columns_in(rule.get("raw_expr"))))
    middle = () if kind == "CONSTR_PRIMARY" or (kind == "CONSTR_CHECK" and len(columns) > 1) else columns
    name = rule.get("conname") or free_name(table.constraints, table.name, *middle, NAMED[kind])
    table.constraints[name] = Constraint(kind, columns, rule)
    if kind in BACKED:
        used = rule.get("indexname")
        if used in table.indexes:
            table.indexes.pop(used)
        table.indexes[name] = Index(kind != "CONSTR_EXCLUSION", {}, owned=True)


def free_name(taken: Any, *parts: str) -> str:
    """A name as PostgreSQL makes it: the parts, and a number if it is taken."""
    suffix, number = parts[-1], 0
    while True:
        last = suffix + (str(number) if number else "")
        name = f"{'_'.join(parts[:-1])[: LONGEST - len(last) - 1]}_{last}"
        if name not in taken:
            return name
        number += 1


def _create_as(schema: Schema, statement: Statement) -> None:
    node = statement.node
    into = node.get("into") or node.get("intoClause")
    if not into:
        return
    kind = "materialized view" if node.get("objtype") == "OBJECT_MATVIEW" else "table"
    table = _make(schema, into["rel"], kind, may_exist=bool(node.get("if_not_exists")))
    if table:
        table.whole, table.query = False, node.get("query") if kind != "table" else None
        table.statement = statement
        _bind(schema, table)


def _bind(schema: Schema, view: Table) -> None:
    """A view goes on meaning the tables that it was made of, however they are renamed."""
    for kind, node in tree.walk(view.query):
        table = schema.table(tree.name_of(node)) if kind == "RangeVar" else None
        if table:
            view.bound[tree.name_of(node)] = table


def _view(schema: Schema, statement: Statement) -> None:
    node = statement.node
    table = _make(schema, node["view"], "view", replace=bool(node.get("replace")))
    if table:
        table.query, table.statement, table.whole = node.get("query"), statement, False
        _bind(schema, table)


def _sequence(schema: Schema, statement: Statement) -> None:
    _make(schema, statement.node["sequence"], "sequence")


def _index(schema: Schema, statement: Statement) -> None:
    node = statement.node
    table = known(schema, node["relation"])
    keys = [each["IndexElem"] for each in node.get("indexParams") or () if "IndexElem" in each]
    words = [each.get("name") or _function_name(each.get("expr")) for each in keys]
    name = node.get("idxname") or free_name(table.indexes, table.name, *words, "idx")
    if name not in table.indexes:
        table.indexes[name] = Index(bool(node.get("unique")), node, new=schema.releasing)


def _function_name(tree_of: Any) -> str:
    kind, fields = tree.only(tree_of)
    return tree.strings(fields.get("funcname"))[-1] if kind == "FuncCall" else "expr"


def _policy(schema: Schema, statement: Statement) -> None:
    node = statement.node
    table = known(schema, node["table"])
    table.policies.setdefault(node["policy_name"], Policy(node, statement.text, schema.releasing))


def _alter_policy(schema: Schema, statement: Statement) -> None:
    node = statement.node
    policy = known(schema, node["table"]).policies.get(node["policy_name"])
    if policy:
        changed = {key: node[key] for key in ("roles", "qual", "with_check") if key in node}
        policy.node, policy.text = {**policy.node, **changed}, f"{policy.text}\n{statement.text}"


def _alter(schema: Schema, statement: Statement) -> None:
    node = statement.node
    if node.get("objtype") == "OBJECT_TYPE":
        return
    name = tree.name_of(node["relation"])
    if schema.table(name) is None and schema.index(name):
        return
    table = known(schema, node["relation"])
    for each in node.get("cmds") or ():
        command = each["AlterTableCmd"]
        action = ACTIONS.get(command.get("subtype", "AT_AddColumn"))
        if action:
            action(schema, table, command)


def _add(schema: Schema, table: Table, command: Node) -> None:
    definition = command["def"]["ColumnDef"]
    sure = schema.whole or not (schema.conditional or (command.get("missing_ok") and not table.whole))
    for each in table.descendants():
        known_before = definition["colname"] in each.columns
        add_column(each, definition, new=schema.releasing)
        if not known_before:
            each.columns[definition["colname"]].sure = sure


def _drop_column(_schema: Schema, table: Table, command: Node) -> None:
    name = command["name"]
    for each in table.descendants():
        each.columns.pop(name, None)
        for places in (each.constraints, each.indexes):
            for key in [key for key, value in places.items() if name in _columns_of(value)]:
                del places[key]


def _columns_of(thing: Constraint | Index) -> set[str]:
    if isinstance(thing, Constraint):
        return set(thing.columns)
    keys = [each.get("IndexElem", {}) for each in thing.node.get("indexParams") or ()]
    return {key["name"] for key in keys if "name" in key}


def _retype(_schema: Schema, table: Table, command: Node) -> None:
    if command["name"] in table.columns:
        table.columns[command["name"]].type = command["def"]["ColumnDef"].get("typeName")


def _default(_schema: Schema, table: Table, command: Node) -> None:
    column = table.columns.get(command["name"])
    if column is None and table.kind == "view":
        column = table.columns[command["name"]] = Column()
    if column:
        value = command.get("def")
        column.default = None if tree.is_null(value) else value


def _null(_schema: Schema, table: Table, command: Node) -> None:
    column = table.columns.get(command["name"])
    if column:
        column.required = command["subtype"] == "AT_SetNotNull"


def _constraint(_schema: Schema, table: Table, command: Node) -> None:
    add_constraint(table, command["def"]["Constraint"])


def _drop_constraint(_schema: Schema, table: Table, command: Node) -> None:
    table.constraints.pop(command["name"], None)
    table.indexes.pop(command["name"], None)


def _security(_schema: Schema, table: Table, command: Node) -> None:
    table.secured = command["subtype"] == "AT_EnableRowSecurity"


def _identity(_schema: Schema, table: Table, command: Node) -> None:
    table.identity = command["def"]["ReplicaIdentityStmt"].get("identity_type", "d")


def _inherit(schema: Schema, table: Table, command: Node) -> None:
    add_parent(table, known(schema, command["def"]["RangeVar"]))


def _attach(schema: Schema, table: Table, command: Node) -> None:
    add_parent(known(schema, command["def"]["PartitionCmd"]["name"]), table)


def _switch(_schema: Schema, table: Table, command: Node) -> None:
    for name, trigger in table.triggers.items():
        if command.get("name", name) == name:
            trigger.enabled = "Enable" in command["subtype"]


ACTIONS: dict[str, Callable[[Schema, Table, Node], None]] = {
    "AT_AddColumn": _add,
    "AT_DropColumn": _drop_column,
    "AT_AlterColumnType": _retype,
    "AT_ColumnDefault": _default,
    "AT_SetNotNull": _null,
    "AT_DropNotNull": _null,
    "AT_AddConstraint": _constraint,
    "AT_DropConstraint": _drop_constraint,
    "AT_EnableRowSecurity": _security,
    "AT_DisableRowSecurity": _security,
    "AT_ReplicaIdentity": _identity,
    "AT_AddInherit": _inherit,
    "AT_AttachPartition": _attach,
    **dict.fromkeys(
        ("AT_EnableTrig", "AT_EnableAlwaysTrig", "AT_EnableTrigAll", "AT_EnableTrigUser"), _switch
    ),
    **dict.fromkeys(("AT_DisableTrig", "AT_DisableTrigAll", "AT_DisableTrigUser"), _switch),
}
CHANGES: dict[str, Callable[[Schema, Statement], None]] = {
    "CreateStmt": _create,
    "CreateForeignTableStmt": _create,
    "CreateTableAsStmt": _create_as,
    "SelectStmt": _create_as,
    "ViewStmt": _view,
    "CreateSeqStmt": _sequence,
    "IndexStmt": _index,
    "CreatePolicyStmt": _policy,
    "AlterPolicyStmt": _alter_policy,
    "AlterTableStmt": _alter,
}
