# pure
"""What each action of `alter table` does to code that expects the older table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from scripts.database.migrations import column_types
from scripts.database.migrations.verdict_rules import BREAKS, LOST, Effect, Scene, shown
from scripts.database.sql import tree
from scripts.database.sql.parse import Node, Statement
from scripts.database.sql.schema import Schema, Table

FILLED = frozenset("CONSTR_DEFAULT CONSTR_IDENTITY CONSTR_GENERATED".split())
RULING = frozenset("CONSTR_CHECK CONSTR_UNIQUE CONSTR_PRIMARY CONSTR_EXCLUSION CONSTR_FOREIGN".split())
NULL_PROOF = frozenset("CoalesceExpr CaseExpr NullTest BooleanTest SubLink".split())
QUIET = frozenset(
    """AT_SetStatistics AT_SetOptions AT_ResetOptions AT_SetStorage AT_SetCompression AT_DropNotNull
    AT_ValidateConstraint AT_ClusterOn AT_DropCluster AT_SetLogged AT_SetTableSpace AT_SetAccessMethod
    AT_DisableRowSecurity AT_NoForceRowSecurity AT_DetachPartitionFinalize AT_AlterConstraint""".split()
)
OPTIONS = ("AT_SetRelOptions", "AT_ResetRelOptions")
BREAKING = {
    "AT_ForceRowSecurity": "row level security on `{t}`: older code may see nothing",
    "AT_DropExpression": "`{t}.{n}` is no longer computed: older inserts leave it empty",
    "AT_DropIdentity": "`{t}.{n}` no longer numbers itself",
    "AT_SetUnLogged": "`{t}` would be emptied by a crash",
    "AT_AddInherit": "`{t}` becomes part of another table",
    "AT_DropInherit": "`{t}` is no longer part of its parent",
    "AT_DetachPartition": "takes a partition from `{t}`: older code no longer sees its rows",
    "AT_ChangeOwner": "`{t}` gets another owner: older code may lose its rights",
}


def effects(scene: Scene, statement: Statement) -> Iterator[Effect]:
    """Everything that an `alter table` does, and those of views, sequences, indexes and types."""
    node = statement.node
    table = scene.schema.table(tree.name_of(node["relation"]))
    for each in node.get("cmds") or ():
        command = each["AlterTableCmd"]
        action = command.get("subtype", "AT_AddColumn")
        if action == "AT_ChangeOwner":
            yield from _owner(shown(tree.name_of(node["relation"])), command)
        elif table and table.new and action not in ("AT_AttachPartition", "AT_AddInherit"):
            yield from _on_new(table, command)
        elif action.startswith(("AT_DisableTrig", "AT_EnableTrig")):
            yield from _switch(scene, statement, command)
        else:
            yield from _on_old(scene.schema, table, statement, command)


def _on_old(schema: Schema, table: Table | None, statement: Statement, command: Node) -> Iterator[Effect]:
    title = shown(tree.name_of(statement.node["relation"]))
    kind, action = statement.node.get("objtype"), command.get("subtype", "AT_AddColumn")
    if kind == "OBJECT_TYPE":
        yield from _attribute(title, action)
    elif kind in ("OBJECT_VIEW", "OBJECT_MATVIEW") and action in OPTIONS:
        yield Effect(BREAKS, f"changes the options of the view `{title}`", title)
    elif kind != "OBJECT_INDEX":
        yield from _action(schema, table, title, command, statement.head)


def _action(schema: Schema, table: Table | None, title: str, command: Node, head: str) -> Iterator[Effect]:
    name, action = command.get("name", ""), command.get("subtype", "AT_AddColumn")
    column = table.columns.get(name) if table else None
    if column and column.new and (column.sure or action not in ("AT_DropColumn", "AT_AlterColumnType")):
        return
    rule = ACTIONS.get(action)
    if rule:
        yield from rule(schema, table, title, command)
    elif action in BREAKING:
        yield Effect(BREAKS, BREAKING[action].format(t=title, n=name), title)
    elif action not in OPTIONS and action not in QUIET:
        yield Effect(BREAKS, f"not understood: `{head}`", title)


def _switch(scene: Scene, statement: Statement, command: Node) -> Iterator[Effect]:
    """A trigger that is off while the file runs, and on again at its end, is no one's business."""
    name = tree.name_of(statement.node["relation"])
    key = ("enabled", name[-1], command.get("name", ""))
    goes_off = "Disable" in command["subtype"]
    if goes_off and key in scene.made:
        scene.dropped[key] = None
    elif goes_off or key not in scene.dropped:
        yield Effect(BREAKS, f"switches a trigger of `{shown(name)}`", shown(name))


def _owner(title: str, command: Node) -> Iterator[Effect]:
    role = command.get("newowner", {})
    if role.get("roletype") == "ROLESPEC_CSTRING" and role.get("rolename") != "postgres":
        yield Effect(BREAKS, BREAKING["AT_ChangeOwner"].format(t=title, n=""), title)


def _on_new(table: Table, command: Node) -> Iterator[Effect]:
    """A table of the release's own; only an older one that is part of it may lose something."""
    older = [each for each in table.descendants() if each.holds_old_rows]
    if command.get("subtype") in ("AT_DropColumn", "AT_AlterColumnType") and older:
        yield Effect(
            LOST, f"drops or changes a column of `{older[0].title}`: its values are lost", older[0].title
        )


def _attribute(title: str, action: str) -> Iterator[Effect]:
    if action == "AT_DropColumn":
        yield Effect(LOST, f"drops a part of the type `{title}`: its values are lost", title)
    else:
        yield Effect(BREAKS, f"changes the type `{title}`", title)


def _add_column(schema: Schema, table: Table | None, title: str, command: Node) -> Iterator[Effect]:
    definition = command["def"]["ColumnDef"]
    name = definition["colname"]
    if command.get("missing_ok") and table and name in table.columns:
        return
    rules = [each["Constraint"] for each in definition.get("constraints") or ()]
    kinds = {each.get("contype") for each in rules}
    domain = schema.domain(definition.get("typeName"))
    filled = any(each.get("contype") in FILLED and not tree.is_null(each.get("raw_expr")) for each in rules)
    type_name = tree.strings((definition.get("typeName") or {}).get("names"))
    filled = filled or bool(type_name and "serial" in type_name[-1]) or bool(domain and domain.has_default)
    required = bool(kinds & {"CONSTR_NOTNULL", "CONSTR_PRIMARY"}) or bool(domain and domain.required)
    if required and not filled:
        why = f"adds the required column `{title}.{name}` without a default"
        yield Effect(BREAKS, why, title)
        return
    constant = filled and not kinds & {"CONSTR_IDENTITY", "CONSTR_GENERATED"}
    for rule in rules:
        if rule.get("contype") == "CONSTR_CHECK" and _may_fail(rule.get("raw_expr"), {name}, filled=filled):
            yield Effect(
                BREAKS, f"a check with the new column `{title}.{name}`: older writes may break it", title
            )
        if rule.get("contype") == "CONSTR_UNIQUE" and constant:
            yield Effect(
                BREAKS, f"`{title}.{name}` is unique and has a default: a second row breaks it", title
            )


def _may_fail(check: Any, new: set[str], *, filled: bool) -> bool:
    """Whether a check may refuse a row that leaves the new columns out; most checks let null pass."""
    if not tree.columns_in(check) <= new:
        return True
    return not filled and any(kind in NULL_PROOF for kind, _ in tree.walk(check)) and not _lets_null(check)


def _lets_null(check: Any) -> bool:
    """`x is null or ...` lets null pass."""
    kind, fields = tree.only(check)
    if kind == "NullTest":
        return bool(fields.get("nulltesttype", "IS_NULL") == "IS_NULL")
    if kind == "BoolExpr" and fields.get("boolop") == "OR_EXPR":
        return any(_lets_null(each) for each in fields["args"])
    return False


def _drop_column(_schema: Schema, table: Table | None, title: str, command: Node) -> Iterator[Effect]:
    if table and table.whole and command["name"] not in table.columns and command.get("missing_ok"):
        return
    yield Effect(LOST, f"drops column `{title}.{command['name']}`: its values are lost", title)


def _retype(_schema: Schema, table: Table | None, title: str, command: Node) -> Iterator[Effect]:
    definition = command["def"]["ColumnDef"]
    name, new = command["name"], definition.get("typeName")
    old = table.columns[name].type if table and name in table.columns else None
    found = column_types.change(old, new)
    using = definition.get("raw_default")
    step = f"`{title}.{name}` from `{column_types.title(old)}` to `{column_types.title(new)}`"
    if using is not None and not (found in ("same", "wider") and _is_plain(using, name)):
        what = f"changes the type of `{title}.{name}` with `using`: the old values are lost"
        yield Effect(LOST, what, title)
    elif found == "narrower":
        yield Effect(LOST, f"narrows {step}: values may be cut or rounded", title)
    elif found == "other":
        yield Effect(BREAKS, f"changes the type of {step if old else f'`{title}.{name}`'}", title)
    elif definition.get("collClause"):
        yield Effect(BREAKS, f"changes the order of `{title}.{name}`", title)


def _is_plain(using: Any, column: str) -> bool:
    """The column itself, or a cast of it."""
    kind, fields = tree.only(using)
    inner = fields.get("arg") if kind == "TypeCast" else using
    kind, fields = tree.only(inner)
    return kind == "ColumnRef" and tree.strings(fields.get("fields"))[-1:] == (column,)


def _default(_schema: Schema, table: Table | None, title: str, command: Node) -> Iterator[Effect]:
    name, value = command["name"], command.get("def")
    if value is None or tree.is_null(value):
        column = table.columns.get(name) if table else None
        if not (column and table and table.whole and column.default is None):
            yield Effect(BREAKS, f"drops the default of `{title}.{name}`", title)


def _not_null(_schema: Schema, table: Table | None, title: str, command: Node) -> Iterator[Effect]:
    column = table.columns.get(command["name"]) if table else None
    if not (column and column.required):
        yield Effect(BREAKS, f"requires `{title}.{command['name']}`: older writes may leave it out", title)


def _set_expression(_schema: Schema, _table: Table | None, title: str, command: Node) -> Iterator[Effect]:
    yield Effect(LOST, f"computes `{title}.{command['name']}` anew: the old values are lost", title)


def _identity(_schema: Schema, _table: Table | None, title: str, command: Node) -> Iterator[Effect]:
    kind, fields = tree.only(command.get("def"))
    if kind == "Constraint":
        loose = fields.get("generated_when") == "d"
    else:
        chosen = [each.get("DefElem", {}) for each in fields.get("items") or ()]
        loose = [each.get("defname") for each in chosen] == ["generated"] and (
            tree.only(chosen[0].get("arg"))[1].get("ival") == ord("d")
        )
    if not loose:
        yield Effect(BREAKS, f"numbers `{title}.{command['name']}` in another way", title)


def _add_constraint(_schema: Schema, table: Table | None, title: str, command: Node) -> Iterator[Effect]:
    rule = command["def"]["Constraint"]
    keys = tree.strings(rule.get("keys") or rule.get("fk_attrs"))
    names = set(keys) or tree.columns_in(rule.get("raw_expr"))
    columns = [table.columns.get(each) for each in names] if table else []
    only_new = bool(columns) and all(each and each.new and each.default is None for each in columns)
    kind = rule.get("contype")
    fails = kind == "CONSTR_CHECK" and _may_fail(rule.get("raw_expr"), names, filled=False)
    if kind in ("CONSTR_PRIMARY", "CONSTR_NOTNULL", "CONSTR_EXCLUSION") or not only_new or fails:
        yield Effect(BREAKS, f"a new constraint on `{title}`: older writes may break it", title)


def _drop_constraint(_schema: Schema, table: Table | None, title: str, command: Node) -> Iterator[Effect]:
    known = table.constraints.get(command["name"]) if table else None
    new_columns = known and table and all(
        name in table.columns and table.columns[name].new for name in known.columns
    )  # fmt: skip
    if known and (known.kind == "CONSTR_CHECK" or (known.columns and new_columns)):
        return
    why = f"drops constraint `{command['name']}` of `{title}`: older code may rely on it"
    yield Effect(BREAKS, why, title)


def _security(_schema: Schema, table: Table | None, title: str, _command: Node) -> Iterator[Effect]:
    if not (table and table.secured):
        yield Effect(BREAKS, f"row level security on `{title}`: older code may see nothing", title)


def _replica(_schema: Schema, table: Table | None, title: str, command: Node) -> Iterator[Effect]:
    kind = command["def"]["ReplicaIdentityStmt"].get("identity_type", "d")
    has_key = bool(table) and any(
        each.kind == "CONSTR_PRIMARY" for each in (table.constraints.values() if table else ())
    )
    if kind == "n" or (kind == "d" and not has_key):
        yield Effect(
            BREAKS, f"`{title}` gets no replica identity: updates of it fail once published", title
        )


def _attach(schema: Schema, _table: Table | None, title: str, command: Node) -> Iterator[Effect]:
    part = schema.table(tree.name_of(command["def"]["PartitionCmd"]["name"]))
    if not (part and part.new):
        yield Effect(BREAKS, f"attaches a partition to `{title}` that older code writes as a table", title)


ACTIONS: dict[str, Callable[[Schema, Table | None, str, Node], Iterator[Effect]]] = {
    "AT_AddColumn": _add_column,
    "AT_DropColumn": _drop_column,
    "AT_AlterColumnType": _retype,
    "AT_ColumnDefault": _default,
    "AT_SetNotNull": _not_null,
    "AT_SetExpression": _set_expression,
    "AT_AddIdentity": _identity,
    "AT_SetIdentity": _identity,
    "AT_AddConstraint": _add_constraint,
    "AT_DropConstraint": _drop_constraint,
    "AT_EnableRowSecurity": _security,
    "AT_ReplicaIdentity": _replica,
    "AT_AttachPartition": _attach,
}
