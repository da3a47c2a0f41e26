# pure
"""What drops, renames and changes of other things than tables do to code that expects the older schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from scripts.database.migrations import verdict_tables
from scripts.database.migrations.verdict_rules import (
    BREAKS,
    GOOD,
    LOST,
    WITH_ROWS,
    Effect,
    Scene,
    shown,
)
from scripts.database.migrations.verdict_rules import RULES as MAKING
from scripts.database.migrations.verdict_rules import effects as made
from scripts.database.sql import tree
from scripts.database.sql.parse import Node, Statement
from scripts.database.sql.schema import Name, Schema, Table
from scripts.database.sql.schema_changes import ROUTINES, TABLE_KINDS, same_functions

WORDS = {"OBJECT_MATVIEW": "materialized view", "OBJECT_TSCONFIGURATION": "text search configuration"}
ALONE = frozenset("OBJECT_POLICY OBJECT_TRIGGER OBJECT_RULE OBJECT_INDEX OBJECT_STATISTIC_EXT".split())
HELD = frozenset("OBJECT_TYPE OBJECT_DOMAIN".split())
NAMES_ONLY = frozenset("OBJECT_INDEX OBJECT_POLICY OBJECT_TRIGGER OBJECT_RULE OBJECT_STATISTIC_EXT".split())
HARMLESS_SEQUENCE = frozenset("owned_by as cache maxvalue logged".split())
HARMLESS_FUNCTION = frozenset("cost rows parallel volatility leakproof support set".split())


def effects(scene: Scene, statement: Statement) -> Iterator[Effect]:
    """Everything that the statement does; one that no rule knows is breaking."""
    rule = RULES.get(statement.kind)
    yield from rule(scene, statement) if rule else made(scene, statement)


def kind_in_words(kind: str) -> str:
    """`OBJECT_VIEW` -> `view`."""
    return WORDS.get(kind, kind.removeprefix("OBJECT_").lower().replace("_", " "))


# -------------------------------------------------------------------------------------- drops


def _drop(scene: Scene, statement: Statement) -> Iterator[Effect]:
    node = statement.node
    kind, cascades = node.get("removeType", ""), node.get("behavior") == "DROP_CASCADE"
    for each in node.get("objects") or ():
        item, fields = tree.only(each)
        name = _name(item, fields)
        absent = node.get("missing_ok") and _is_absent(scene.schema, kind, name)
        if not absent and not _is_new(scene.schema, kind, name, fields):
            yield from _drop_one(scene, kind, name, bool(cascades), node)


def _is_absent(schema: Schema, kind: str, name: Name) -> bool:
    """Whether the database was asked, and has no such thing; it was asked about the app's schemas alone."""
    place = name[:-2] if kind in ("OBJECT_POLICY", "OBJECT_TRIGGER") else name[:-1]
    if not schema.whole or not (place in ((), ("public",)) or place[-1] in schema.schemas):
        return False
    if kind in ("OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE"):
        return schema.table(name) is None
    if kind in ROUTINES:
        return not schema.functions_of(name)
    table = schema.table(name[:-1]) if len(name) > 1 else None
    members = {"OBJECT_POLICY": "policies", "OBJECT_TRIGGER": "triggers"}.get(kind)
    return bool(members and table and name[-1] not in getattr(table, members))


def _name(item: str, fields: Node) -> Name:
    if item == "String":
        return (fields.get("sval", ""),)
    return tree.strings(fields.get("items") or fields.get("names") or fields.get("objname"))


def _is_new(schema: Schema, kind: str, name: Name, fields: Node) -> bool:
    """Whether the release itself makes what is dropped, renamed or moved."""
    if kind in TABLE_KINDS:
        table = schema.table(name)
        return bool(table) and not any(
            each.holds_old_rows for each in (table.descendants() if table else ())
        )
    if kind in ROUTINES:
        functions = same_functions(schema, fields)
        return bool(functions) and all(each.new for each in functions)
    if kind in HELD:
        return any(new and key[1] == name[-1] for key, new in schema.types.items())
    return _is_new_place(schema, kind, name)


def _is_new_place(schema: Schema, kind: str, name: Name) -> bool:
    if kind == "OBJECT_SCHEMA":
        inside = [table for key, table in schema.tables.items() if key[0] == name[-1]]
        return schema.schemas.get(name[-1], False) and not any(table.holds_old_rows for table in inside)
    if kind == "OBJECT_INDEX":
        found = schema.index(name)
        return bool(found and (found[1].new or found[0].new))
    owner: Table | None = schema.table(name[:-1]) if len(name) > 1 else None
    if owner and kind in ("OBJECT_POLICY", "OBJECT_TRIGGER", "OBJECT_RULE"):
        policy = owner.policies.get(name[-1]) if kind == "OBJECT_POLICY" else None
        return owner.new or bool(policy and policy.new)
    return False


def _drop_one(scene: Scene, kind: str, name: Name, cascades: bool, node: Node) -> Iterator[Effect]:
    title, word = shown(name), kind_in_words(kind)
    if kind in ("OBJECT_POLICY", "OBJECT_TRIGGER"):
        yield from _drop_from_table(scene, word, name)
    elif kind == "OBJECT_INDEX":
        yield from _drop_index(scene, name, bool(node.get("missing_ok")))
    elif kind == "OBJECT_STATISTIC_EXT":
        yield Effect(GOOD)
    elif kind == "OBJECT_TABLE":
        yield Effect(LOST, f"drops table `{title}`: its rows are lost", title)
    elif kind == "OBJECT_SCHEMA":
        yield Effect(LOST, f"drops `{title}` and everything in it", title)
    elif kind == "OBJECT_EXTENSION" and name[-1] in WITH_ROWS:
        yield Effect(LOST, f"drops extension `{title}`: the rows of its tables are lost")
    elif cascades and kind not in ALONE:
        yield Effect(LOST, f"drops {word} `{title}` with `cascade`: everything that depends on it goes too")
    else:
        yield Effect(BREAKS, f"drops {word} `{title}`", title)


def _drop_from_table(scene: Scene, word: str, name: Name) -> Iterator[Effect]:
    """A policy or trigger; one that the file makes again is judged there."""
    table = scene.schema.table(name[:-1])
    members = (table.policies if word == "policy" else table.triggers) if table else {}
    key = (word, name[-2], name[-1])
    if key in scene.made:
        if name[-1] in members:
            scene.dropped[key] = members[name[-1]]
        return
    title = shown(name[:-1])
    yield Effect(BREAKS, f"drops {word} `{name[-1]}` on `{title}`", title)


def _drop_index(scene: Scene, name: Name, missing_ok: bool) -> Iterator[Effect]:
    found = scene.schema.index(name)
    if found is None:
        if not (scene.schema.whole and missing_ok):
            yield Effect(BREAKS, f"drops index `{shown(name)}`, which is not known: it may be unique")
    elif found[1].unique or found[1].owned:
        title = found[0].title
        yield Effect(
            BREAKS, f"drops the unique index `{shown(name)}` of `{title}`: older code may rely on it", title
        )


# ------------------------------------------------------------------------------------ changes


def _rename(scene: Scene, statement: Statement) -> Iterator[Effect]:
    node = statement.node
    kind = node.get("renameType", "")
    name = tree.name_of(node.get("relation"))
    if kind in NAMES_ONLY or (
        kind == "OBJECT_TABLE" and not scene.schema.table(name) and scene.schema.index(name)
    ):
        return
    table = scene.schema.table(name) if name else None
    column = table.columns.get(node.get("subname", "")) if table and kind == "OBJECT_COLUMN" else None
    item, fields = tree.only(node.get("object"))
    own = name or _name(item, fields) or (node.get("subname", ""),)
    if (table and table.new) or (column and column.new) or _is_new(scene.schema, kind, own, fields):
        return
    what = (
        f"`{shown(name)}.{node['subname']}`"
        if kind == "OBJECT_COLUMN"
        else f"{kind_in_words(kind)} `{shown(own)}`"
    )
    yield Effect(BREAKS, f"renames {what} to `{node.get('newname')}`", shown(name))


def _set_schema(scene: Scene, statement: Statement) -> Iterator[Effect]:
    node = statement.node
    item, fields = tree.only(node.get("object"))
    name = tree.name_of(node.get("relation")) or _name(item, fields)
    if not _is_new(scene.schema, node.get("objectType", ""), name, fields):
        yield Effect(BREAKS, f"moves `{shown(name)}` to the schema `{node.get('newschema')}`", shown(name))


def _enum(scene: Scene, statement: Statement) -> Iterator[Effect]:
    name = tree.strings(statement.node.get("typeName"))
    if statement.node.get("oldVal") and not _is_new(scene.schema, "OBJECT_TYPE", name, {}):
        yield Effect(BREAKS, f"renames a value of `{shown(name)}`")


def _domain(scene: Scene, statement: Statement) -> Iterator[Effect]:
    node = statement.node
    name = tree.strings(node.get("typeName"))
    loosens = node.get("subtype") in ("N", "X", "V") or (node.get("subtype") == "T" and node.get("def"))
    if not loosens and not _is_new(scene.schema, "OBJECT_DOMAIN", name, {}):
        yield Effect(BREAKS, f"changes what the domain `{shown(name)}` takes: older writes may break it")


def _sequence(scene: Scene, statement: Statement) -> Iterator[Effect]:
    sequence = scene.schema.table(tree.name_of(statement.node["sequence"]))
    words = set(tree.options(statement.node.get("options")))
    if not (sequence and sequence.new) and not words <= HARMLESS_SEQUENCE:
        title = shown(tree.name_of(statement.node["sequence"]))
        yield Effect(BREAKS, f"numbers `{title}` in another way", title)


def _function(scene: Scene, statement: Statement) -> Iterator[Effect]:
    node = statement.node
    functions = same_functions(scene.schema, node.get("func", {}))
    actions = tree.options(node.get("actions"))
    loosens = set(actions) <= {*HARMLESS_FUNCTION, "security", "strict"}
    loosens = loosens and not ("security" in actions and not tree.is_on(actions["security"]))
    loosens = loosens and not ("strict" in actions and tree.is_on(actions["strict"]))
    if not loosens and not (functions and all(each.new for each in functions)):
        yield Effect(
            BREAKS, f"changes the function `{shown(tree.strings(node.get('func', {}).get('objname')))}()`"
        )


def _publication(scene: Scene, statement: Statement) -> Iterator[Effect]:
    """A table without a key can't be updated any more once it is published."""
    node, schema = statement.node, scene.schema
    if node.get("action", "AP_AddObjects") != "AP_AddObjects" or (
        statement.kind == "AlterPublicationStmt" and node.get("options")
    ):
        yield Effect(BREAKS, f"changes the publication `{node['pubname']}`")
        return
    for table, title in _published(schema, node):
        keyed = table.keyed if table else None
        if not keyed:
            lacks = "has no primary key" if keyed is False else "may have no primary key"
            yield Effect(BREAKS, f"publishes `{title}`, which {lacks}: updates of it would fail", title)


def _published(schema: Schema, node: Node) -> Iterator[tuple[Table | None, str]]:
    tables = [each for each in schema.tables.values() if each.kind == "table"]
    if node.get("for_all_tables"):
        yield from ((each, each.title) for each in tables)
    for each in node.get("pubobjects") or ():
        member = each.get("PublicationObjSpec", {})
        relation = member.get("pubtable", {}).get("relation")
        if relation:
            yield schema.table(tree.name_of(relation)), shown(tree.name_of(relation))
        else:
            inside = [table for table in tables if table.schema == member.get("name", "public")]
            yield from ((table, table.title) for table in inside)


RULES: dict[str, Callable[[Scene, Statement], Iterator[Effect]]] = {
    **MAKING,
    "AlterTableStmt": verdict_tables.effects,
    "DropStmt": _drop,
    "RenameStmt": _rename,
    "AlterObjectSchemaStmt": _set_schema,
    "AlterEnumStmt": _enum,
    "AlterDomainStmt": _domain,
    "AlterSeqStmt": _sequence,
    "AlterFunctionStmt": _function,
    "CreatePublicationStmt": _publication,
    "AlterPublicationStmt": _publication,
}
