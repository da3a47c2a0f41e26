# pure
"""What each statement makes of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scripts.database.sql import schema_tables, tree
from scripts.database.sql.parse import Node, Statement
from scripts.database.sql.schema import Domain, Function, Name, Schema, Table, Trigger

INPUTS = ("FUNC_PARAM_IN", "FUNC_PARAM_INOUT", "FUNC_PARAM_VARIADIC", "FUNC_PARAM_DEFAULT")
TABLE_KINDS = {
    "OBJECT_TABLE": "table",
    "OBJECT_VIEW": "view",
    "OBJECT_MATVIEW": "materialized view",
    "OBJECT_FOREIGN_TABLE": "foreign table",
    "OBJECT_SEQUENCE": "sequence",
}
ROUTINES = frozenset({"OBJECT_FUNCTION", "OBJECT_PROCEDURE", "OBJECT_ROUTINE", "OBJECT_AGGREGATE"})
ON_TABLES = {"OBJECT_TRIGGER": "triggers", "OBJECT_POLICY": "policies", "OBJECT_RULE": "rules"}
HELD = ("OBJECT_TYPE", "OBJECT_DOMAIN")
PARTS = {"OBJECT_COLUMN": "columns", "OBJECT_TABCONSTRAINT": "constraints", **ON_TABLES}
EVENTS = {4: "insert", 8: "delete", 16: "update", 32: "truncate"}
BEFORE = 2


def apply(schema: Schema, statement: Statement) -> None:
    """Change the catalogue as the statement would."""
    change = CHANGES.get(statement.kind)
    if change:
        change(schema, statement)


def type_key(type_name: Node | None) -> str:
    """A type as one word, to compare arguments: without its schema, with `[]` for arrays."""
    fields = type_name or {}
    names = tree.strings(fields.get("names"))
    return (names[-1] if names else "") + ("[]" if fields.get("arrayBounds") else "")


def inputs(parameters: Any) -> list[Node]:
    """The parameters that a call gives."""
    found = [each["FunctionParameter"] for each in parameters or () if "FunctionParameter" in each]
    return [each for each in found if each.get("mode", "FUNC_PARAM_DEFAULT") in INPUTS]


def function_path(node: Node) -> tuple[str, ...] | None:
    """The `search_path` that a function sets for itself; None if it takes the caller's."""
    for each in node.get("options") or node.get("actions") or ():
        option = each.get("DefElem", {})
        kind, fields = tree.only(option.get("arg"))
        if option.get("defname") == "set" and kind == "VariableSetStmt":
            found = path_of(fields)
            if fields.get("name") == "search_path" and found is not None:
                return found
    return None


def path_of(fields: Node) -> tuple[str, ...] | None:
    """The schemas of a `set search_path`; None if it goes back to the default or can't be told."""
    words = [tree.constant(each) for each in fields.get("args") or ()]
    if not words or None in words:
        return None
    return tuple(
        name
        for word in words
        for name in [part.strip().strip('"') for part in str(word).split(",")]
        if name and name not in ("$user", "pg_catalog", "pg_temp")
    )


def _set(schema: Schema, statement: Statement) -> None:
    node = statement.node
    if node.get("name") == "search_path" or node.get("kind") == "VAR_RESET_ALL":
        is_reset = node.get("kind") in ("VAR_SET_DEFAULT", "VAR_RESET", "VAR_RESET_ALL")
        found = path_of(node)
        schema.path = schema.usual_path if is_reset else found


def _function(schema: Schema, statement: Statement) -> None:
    node = statement.node
    given = inputs(node.get("parameters"))
    arguments = tuple(type_key(each.get("argType")) for each in given)
    optional = sum("defexpr" in each for each in given)
    variadic = any(each.get("mode") == "FUNC_PARAM_VARIADIC" for each in given)
    home = schema.home(tree.strings(node.get("funcname")))
    known = schema.functions.setdefault(home, [])
    most = 1000 if variadic else len(given)
    made = Function(*home, arguments, len(given) - optional - variadic, most, statement)
    made.path, made.new = function_path(node), schema.releasing
    for other in known:
        if other.arguments == arguments:
            made.new = other.new
            if node.get("replace") and not schema.conditional:
                other.statement, other.path, other.body = statement, made.path, None
                return
    known.append(made)  # beside one of the same arguments: either may be the one that is called


def same_functions(schema: Schema, node: Node) -> list[Function]:
    """The functions that an ObjectWithArgs means."""
    functions = schema.functions_of(tree.strings(node.get("objname")))
    if node.get("args_unspecified"):
        return functions
    types = [tree.only(each)[1] for each in node.get("objargs") or ()]
    wanted = tuple(type_key(each) for each in types)
    return [each for each in functions if each.arguments == wanted]


def _alter_function(schema: Schema, statement: Statement) -> None:
    found = function_path(statement.node)
    for function in same_functions(schema, statement.node.get("func", {})):
        function.path = found if found is not None else function.path


def _trigger(schema: Schema, statement: Statement) -> None:
    node = statement.node
    table = schema_tables.known(schema, node["relation"])
    if node["trigname"] not in table.triggers or node.get("replace"):
        events = frozenset(name for bit, name in EVENTS.items() if node.get("events", 0) & bit)
        before = bool(node.get("timing", 0) & BEFORE)
        function = tree.strings(node["funcname"])
        bound = list(schema.functions_of(function))
        table.triggers[node["trigname"]] = Trigger(function, events, before, node, bound=bound)


def _rule(schema: Schema, statement: Statement) -> None:
    schema_tables.known(schema, statement.node["relation"]).rules[statement.node["rulename"]] = (
        statement.node
    )


def _type(schema: Schema, statement: Statement) -> None:
    node = statement.node
    named = node.get("typevar")
    name = tree.name_of(named) if named else tree.strings(node.get("typeName") or node.get("domainname"))
    if name:
        schema.types.setdefault(schema.home(name), schema.releasing)


def _domain(schema: Schema, statement: Statement) -> None:
    node = statement.node
    rules = [each["Constraint"] for each in node.get("constraints") or ()]
    kinds = {each.get("contype") for each in rules}
    checks = [
        each["raw_expr"] for each in rules if each.get("contype") in ("CONSTR_CHECK", "CONSTR_DEFAULT")
    ]
    made = Domain("CONSTR_NOTNULL" in kinds, "CONSTR_DEFAULT" in kinds, checks, schema.releasing)
    schema.domains.setdefault(schema.home(tree.strings(node["domainname"])), made)
    _type(schema, statement)


def _define(schema: Schema, statement: Statement) -> None:
    node = statement.node
    name, definition = tree.strings(node.get("defnames")), tree.options(node.get("definition"))
    if node.get("kind") == "OBJECT_OPERATOR":
        called = definition.get("function") or definition.get("procedure") or {}
        function = tree.strings(called.get("TypeName", {}).get("names"))
        schema.operators.setdefault(name[-1], []).append(function)
    elif node.get("kind") == "OBJECT_AGGREGATE":
        given = [tree.only(each)[1] for each in _aggregate_inputs(node)]
        arguments = tuple(type_key(each.get("argType")) for each in given)
        home = schema.home(name)
        most = max(len(arguments), 1)
        made = Function(*home, arguments, len(arguments), most, statement, schema.releasing)
        schema.functions.setdefault(home, []).append(made)
    elif node.get("kind") == "OBJECT_TYPE" and name:
        schema.types.setdefault(schema.home(name), schema.releasing)


def _aggregate_inputs(node: Node) -> list[Any]:
    args = node.get("args") or []
    first = args[0] if args else {}
    items = first.get("List", {}).get("items", []) if isinstance(first, Mapping) else first
    return [each for each in items if "FunctionParameter" in each]


def _cast(schema: Schema, statement: Statement) -> None:
    node = statement.node
    called = tree.strings((node.get("func") or {}).get("objname"))
    schema.casts.append((type_key(node["sourcetype"]), type_key(node["targettype"]), called))


def _schema(schema: Schema, statement: Statement) -> None:
    name = statement.node.get("schemaname") or statement.node.get("authrole", {}).get("rolename", "")
    schema.schemas.setdefault(name, schema.releasing)
    before, schema.path = schema.path, (name, *(schema.path or ()))
    for element in statement.node.get("schemaElts") or ():
        kind, node = tree.only(element)
        apply(schema, Statement(kind, node, statement.text, statement.first, statement.last))
    schema.path = before


def _publication(schema: Schema, statement: Statement) -> None:
    node = statement.node
    members = schema.publications.setdefault(node["pubname"], set())
    for each in node.get("pubobjects") or ():
        relation = each.get("PublicationObjSpec", {}).get("pubtable", {}).get("relation")
        members.update({".".join(schema.home(tree.name_of(relation)))} if relation else ())


def _extension(schema: Schema, statement: Statement) -> None:
    schema.extensions.add(statement.node["extname"])


def _event_trigger(schema: Schema, statement: Statement) -> None:
    node = statement.node
    schema.event_triggers[node["trigname"]] = tree.strings(node["funcname"])


def _prepare(schema: Schema, statement: Statement) -> None:
    schema.prepared[statement.node["name"]] = statement.node.get("query")


def _drop(schema: Schema, statement: Statement) -> None:
    kind = statement.node.get("removeType", "")
    for each in statement.node.get("objects") or ():
        _drop_one(schema, kind, each)


def _drop_one(schema: Schema, kind: str, each: Node) -> None:
    item, fields = tree.only(each)
    name: Name = tree.strings(fields.get("items") or fields.get("names") or ())
    table, index = schema.table(name[:-1]), schema.index(name) if name else None
    if kind in ON_TABLES and table:
        getattr(table, ON_TABLES[kind]).pop(name[-1], None)
    elif kind in TABLE_KINDS:
        schema_tables.remove(schema, schema.table(name))
    elif kind == "OBJECT_INDEX" and index:
        index[0].indexes.pop(name[-1])
    elif item == "ObjectWithArgs":
        for function in same_functions(schema, fields) if kind in ROUTINES else ():
            schema.functions[function.schema, function.name].remove(function)
    elif kind == "OBJECT_SCHEMA":
        _drop_schema(schema, fields.get("sval", ""))
    elif kind in HELD:
        schema.types.pop(schema.home(name), None)
        schema.domains.pop(schema.home(name), None)


def _drop_schema(schema: Schema, dropped: str) -> None:
    schema.schemas.pop(dropped, None)
    for table in [table for key, table in schema.tables.items() if key[0] == dropped]:
        schema_tables.remove(schema, table)
    for known in [key for key in schema.functions if key[0] == dropped]:
        del schema.functions[known]


def _rename(schema: Schema, statement: Statement) -> None:
    node = statement.node
    kind, new = node.get("renameType", ""), node["newname"]
    relation = node.get("relation")
    table = schema.table(tree.name_of(relation)) if relation else None
    index = schema.index(tree.name_of(relation)) if relation else None
    if table and kind in TABLE_KINDS:
        schema_tables.move(schema, table, table.schema, new)
    elif table and kind in PARTS:
        members: dict[str, Any] = getattr(table, PARTS[kind])
        members.update({new: members.pop(node["subname"])} if node["subname"] in members else {})
    elif index:
        index[0].indexes[new] = index[0].indexes.pop(tree.name_of(relation)[-1])
    elif kind in ROUTINES:
        for function in same_functions(schema, tree.only(node.get("object"))[1]):
            _move_function(schema, function, function.schema, new)
    elif kind == "OBJECT_SCHEMA":
        for each in [each for each in schema.tables.values() if each.schema == node["subname"]]:
            schema_tables.move(schema, each, new, each.name)


def _move_function(schema: Schema, function: Function, home: str, name: str) -> None:
    schema.functions[function.schema, function.name].remove(function)
    function.schema, function.name = home, name
    schema.functions.setdefault((home, name), []).append(function)


def _set_schema(schema: Schema, statement: Statement) -> None:
    node = statement.node
    relation = node.get("relation")
    table: Table | None = schema.table(tree.name_of(relation)) if relation else None
    if table:
        schema_tables.move(schema, table, node["newschema"], table.name)
    elif node.get("objectType") in ROUTINES:
        for function in same_functions(schema, tree.only(node.get("object"))[1]):
            _move_function(schema, function, node["newschema"], function.name)


CHANGES: dict[str, Callable[[Schema, Statement], None]] = {
    "VariableSetStmt": _set,
    "CreateFunctionStmt": _function,
    "AlterFunctionStmt": _alter_function,
    "CreateTrigStmt": _trigger,
    "RuleStmt": _rule,
    "CreateEnumStmt": _type,
    "CreateRangeStmt": _type,
    "CompositeTypeStmt": _type,
    "CreateDomainStmt": _domain,
    "DefineStmt": _define,
    "CreateCastStmt": _cast,
    "CreateSchemaStmt": _schema,
    "CreatePublicationStmt": _publication,
    "AlterPublicationStmt": _publication,
    "CreateEventTrigStmt": _event_trigger,
    "CreateExtensionStmt": _extension,
    "PrepareStmt": _prepare,
    "DropStmt": _drop,
    "RenameStmt": _rename,
    "AlterObjectSchemaStmt": _set_schema,
    **schema_tables.CHANGES,
}
