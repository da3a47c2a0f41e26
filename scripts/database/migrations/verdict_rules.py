# pure
"""What a statement does to code that expects the older schema, apart from the rows that it writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from scripts.database.migrations import replacements
from scripts.database.sql import tree
from scripts.database.sql.builtin_functions import BUILT_IN
from scripts.database.sql.parse import Node, Statement
from scripts.database.sql.schema import PATH, Function, Policy, Schema, Table, Trigger
from scripts.database.sql.schema_changes import ROUTINES, inputs, same_functions, type_key

Weight = Literal["compatible", "breaking", "irreversible"]
GOOD: Weight = "compatible"
BREAKS: Weight = "breaking"
LOST: Weight = "irreversible"

# What they add, no older code has; what they do, no older code sees. What of it is executed, and the
# rows that it writes, are followed elsewhere.
QUIET = frozenset(
    """SelectStmt InsertStmt UpdateStmt DeleteStmt MergeStmt TruncateStmt CallStmt DoStmt ExplainStmt
    PrepareStmt ExecuteStmt DeclareCursorStmt FetchStmt ClosePortalStmt DeallocateStmt DiscardStmt
    CreateStmt CreateForeignTableStmt CreateTableAsStmt CreateSeqStmt CreateEnumStmt CreateRangeStmt
    CompositeTypeStmt CreateDomainStmt CreateSchemaStmt CreateExtensionStmt CreateFdwStmt
    CreateForeignServerStmt CreateUserMappingStmt ImportForeignSchemaStmt CreateRoleStmt CreateStatsStmt
    CopyStmt CreateOpFamilyStmt CreatePLangStmt CreateAmStmt CreateTransformStmt CommentStmt SecLabelStmt
    ListenStmt UnlistenStmt NotifyStmt LockStmt CheckPointStmt VariableShowStmt VariableSetStmt
    ConstraintsSetStmt VacuumStmt ClusterStmt ReindexStmt AlterObjectDependsStmt
    AlterStatsStmt""".split()
)
BREAKING = {
    "CreateEventTrigStmt": "an event trigger",
    "AlterEventTrigStmt": "changes an event trigger",
    "DropRoleStmt": "drops a role",
    "DropSubscriptionStmt": "drops a subscription",
    "DropUserMappingStmt": "drops a user mapping",
    "AlterRoleStmt": "changes a role",
    "AlterRoleSetStmt": "changes a role's settings",
    "AlterDatabaseSetStmt": "changes the database's settings",
    "AlterOperatorStmt": "changes an operator",
    "AlterOpFamilyStmt": "changes an operator family",
    "AlterTSConfigurationStmt": "changes a text search configuration",
    "AlterTSDictionaryStmt": "changes a text search dictionary",
    "AlterForeignServerStmt": "changes a foreign server",
    "AlterFdwStmt": "changes a foreign-data wrapper",
    "AlterUserMappingStmt": "changes a user mapping",
    "AlterExtensionStmt": "changes an extension",
    "ReassignOwnedStmt": "gives things another owner",
    "TransactionStmt": "ends or begins a transaction: the Supabase CLI loses what follows",
}
DESTROYING = {
    "DropOwnedStmt": "drops everything that a role owns",
    "DropdbStmt": "drops a database",
}
OPERATORS = frozenset(
    "+ - * / % ^ = <> != < > <= >= || @> <@ && & | # ~ ~* !~ -> ->> #> << >> ? @@ -|-".split()
)
WITH_ROWS = frozenset("pg_cron pgmq pg_net pg_partman timescaledb supabase_vault pgsodium postgis".split())
SETTINGS = frozenset("standard_conforming_strings".split())
FORWARD = frozenset("max greatest nextval currval last_value pg_sequence_last_value".split())


@dataclass(frozen=True)
class Effect:
    """What a statement does: how bad it is, why, and to which thing (`x`, not `public.x`)."""

    weight: Weight
    reason: str = ""
    table: str = ""


@dataclass
class Scene:
    """What the rules know: the schema, and what the same file drops and makes again.

    Args:
        made: policies and triggers that the file makes, and triggers that it switches on: their kind,
            table and name.
        dropped: those that it dropped before.
    """

    schema: Schema
    made: set[tuple[str, str, str]] = field(default_factory=set)
    dropped: dict[tuple[str, str, str], Policy | Trigger | None] = field(default_factory=dict)


def effects(scene: Scene, statement: Statement) -> Iterator[Effect]:
    """Everything that the statement does; one that no rule knows is breaking."""
    kind = statement.kind
    rule = RULES.get(kind)
    if rule:
        yield from rule(scene, statement)
    elif kind in BREAKING:
        yield Effect(BREAKS, BREAKING[kind])
    elif kind in DESTROYING:
        yield Effect(LOST, DESTROYING[kind])
    elif kind not in QUIET or (kind == "VariableSetStmt" and statement.node.get("name") in SETTINGS):
        yield Effect(BREAKS, f"not understood: `{statement.head}`")


def shown(name: tuple[str, ...]) -> str:
    """A name for people: without `public`."""
    return ".".join(name[1:] if name[:1] == ("public",) else name)


def _index(scene: Scene, statement: Statement) -> Iterator[Effect]:
    node = statement.node
    table = scene.schema.table(tree.name_of(node["relation"]))
    if node.get("unique") and not (table and (table.new or _only_new(table, node))):
        title = shown(tree.name_of(node["relation"]))
        yield Effect(BREAKS, f"a unique index on `{title}`: older writes may break it", title)


def _only_new(table: Table, index: Node) -> bool:
    """Whether an index is about columns alone that the release adds, and that older code leaves empty."""
    names = {each.get("IndexElem", {}).get("name") for each in index.get("indexParams") or ()}
    columns = [table.columns.get(str(name)) for name in names]
    return all(each and each.new and each.default is None for each in columns)


def _view(scene: Scene, statement: Statement) -> Iterator[Effect]:
    node = statement.node
    old = scene.schema.table(tree.name_of(node["view"]))
    title = shown(tree.name_of(node["view"]))
    if not node.get("replace") or (old and old.new):
        return
    if old is None or old.statement is None:
        if not scene.schema.whole:
            yield Effect(GOOD, f"`create or replace`: older code may use what it replaces: `{title}`")
        return
    for breaks, reason in replacements.of_view(old.statement, statement, title):
        yield Effect(BREAKS if breaks else GOOD, reason, title)


def _function(scene: Scene, statement: Statement) -> Iterator[Effect]:
    node, schema = statement.node, scene.schema
    home = schema.home(tree.strings(node["funcname"]))
    given = inputs(node.get("parameters"))
    arguments = tuple(type_key(each.get("argType")) for each in given)
    title = home[1] if home[0] == "public" else ".".join(home)
    known = schema.functions.get(home, [])
    old = next((each for each in known if each.arguments == arguments), None)
    if old is not None and not old.new and node.get("replace"):
        for breaks, reason in replacements.of_function(old.statement, statement, title):
            yield Effect(BREAKS if breaks else GOOD, reason, title)
    elif old is None:
        yield from _overload(schema, title, home, arguments, given)
        if node.get("replace") and not known and not schema.whole:
            yield Effect(GOOD, f"`create or replace`: older code may use what it replaces: `{title}()`")


def _overload(
    schema: Schema, title: str, home: tuple[str, str], arguments: tuple[str, ...], given: list[Node]
) -> Iterator[Effect]:
    """A function beside others of its name: older calls may mean it, or fit both."""
    if any(new and key[1] in arguments for key, new in schema.types.items()):
        return  # no older call has a value of that type
    optional = sum("defexpr" in each for each in given)
    variadic = any(each.get("mode") == "FUNC_PARAM_VARIADIC" for each in given)
    fewest, most = len(given) - optional - variadic, 1000 if variadic else len(given)
    for other in schema.functions.get(home, []):
        if not other.new and other.required <= most and fewest <= other.most:
            mine = f"{title}({', '.join(arguments)})"
            theirs = f"{title}({', '.join(other.arguments)})"
            yield Effect(BREAKS, f"`{mine}` beside `{theirs}`: older calls may fit both", title)
    if home[1] in BUILT_IN and home[0] in (schema.path if schema.path is not None else PATH):
        yield Effect(BREAKS, f"`{title}()` has the name of one of PostgreSQL's: older calls may mean it")


def _define(scene: Scene, statement: Statement) -> Iterator[Effect]:
    node, schema = statement.node, scene.schema
    name = tree.strings(node.get("defnames"))
    definition = tree.options(node.get("definition"))
    if node.get("kind") == "OBJECT_OPERATOR":
        sides = [definition.get(side, {}).get("TypeName") for side in ("leftarg", "rightarg")]
        words = {type_key(side) for side in sides if side}
        of_new = any(new and key[1] in words for key, new in schema.types.items())
        if (name[-1] in OPERATORS or name[-1] in schema.operators) and not of_new:
            yield Effect(BREAKS, f"another operator `{name[-1]}`: older expressions may mean it")
    elif node.get("kind") == "OBJECT_AGGREGATE":
        home = schema.home(name)
        arguments: tuple[str, ...] = ()
        if any(not each.new for each in schema.functions.get(home, ())) or home[1] in BUILT_IN:
            yield Effect(
                BREAKS, f"another function `{home[1]}()`: older calls may mean it", ".".join(arguments)
            )


def _cast(scene: Scene, statement: Statement) -> Iterator[Effect]:
    node = statement.node
    ends = [type_key(node["sourcetype"]), type_key(node["targettype"])]
    of_new = any(new and key[1] in ends for key, new in scene.schema.types.items())
    if node.get("context", "COERCION_IMPLICIT") != "COERCION_EXPLICIT" and not of_new:
        yield Effect(
            BREAKS, f"an automatic cast from `{ends[0]}` to `{ends[1]}`: older expressions may use it"
        )


def _default_class(_scene: Scene, statement: Statement) -> Iterator[Effect]:
    if statement.node.get("isDefault") or statement.node.get("def"):
        yield Effect(BREAKS, "a new default for operators or encodings: older code may meet it")


def _trigger(scene: Scene, statement: Statement) -> Iterator[Effect]:
    node = statement.node
    name = tree.name_of(node["relation"])
    table = scene.schema.table(name)
    if table and table.new:
        return
    key = ("trigger", name[-1], node["trigname"])
    before = scene.dropped.get(key) or (table.triggers.get(node["trigname"]) if table else None)
    if not (before and replacements.same_trigger(before.node, node)):
        yield Effect(BREAKS, f"a trigger on `{shown(name)}`: it runs for older writes too", shown(name))


def _rule(scene: Scene, statement: Statement) -> Iterator[Effect]:
    name = tree.name_of(statement.node["relation"])
    table = scene.schema.table(name)
    if not (table and table.new):
        yield Effect(BREAKS, f"a rule on `{shown(name)}`: it changes what older code does", shown(name))


def _policy(scene: Scene, statement: Statement) -> Iterator[Effect]:
    node = statement.node
    name = tree.name_of(node["table"])
    table = scene.schema.table(name)
    if table and table.new:
        return
    before = scene.dropped.get(("policy", name[-1], node["policy_name"]))
    if not node.get("permissive") and not (before and tree.same(before.node, node)):
        yield Effect(BREAKS, f"a restrictive policy on `{shown(name)}`", shown(name))
    elif isinstance(before, Policy):
        for breaks, reason in replacements.of_policy(before, node, shown(name), statement.text):
            yield Effect(BREAKS if breaks else GOOD, reason, shown(name))


def _alter_policy(scene: Scene, statement: Statement) -> Iterator[Effect]:
    node = statement.node
    table = scene.schema.table(tree.name_of(node["table"]))
    old = table.policies.get(node["policy_name"]) if table else None
    title = shown(tree.name_of(node["table"]))
    if table and (table.new or (old and old.new)):
        return
    if old is None:
        yield Effect(BREAKS, f"changes a policy on `{title}` whose text is not known", title)
        return
    changed = {key: node[key] for key in ("roles", "qual", "with_check") if key in node}
    for breaks, reason in replacements.of_policy(old, {**old.node, **changed}, title, statement.text):
        yield Effect(BREAKS if breaks else GOOD, reason, title)


def _grant(scene: Scene, statement: Statement) -> Iterator[Effect]:
    node = statement.node.get("action") or statement.node
    if node.get("is_grant"):
        return
    if statement.kind == "GrantStmt" and _all_new(scene.schema, node):
        return
    names = [
        shown(tree.name_of(each["RangeVar"])) for each in node.get("objects") or () if "RangeVar" in each
    ]
    yield Effect(BREAKS, f"revokes rights{' on `' + '`, `'.join(names) + '`' if names else ''}")


def _all_new(schema: Schema, node: Node) -> bool:
    """Whether a grant is about things alone that the release itself makes."""
    found: list[bool] = []
    for each in node.get("objects") or ():
        kind, fields = tree.only(each)
        if kind == "RangeVar":
            table = schema.table(tree.name_of(fields))
            found.append(bool(table and table.new))
        elif kind == "ObjectWithArgs":
            functions: list[Function] = same_functions(schema, fields)
            found.append(bool(functions) and all(function.new for function in functions))
        elif kind == "String" and node.get("objtype") == "OBJECT_SCHEMA":
            found.append(schema.schemas.get(fields.get("sval", ""), False))
        else:
            found.append(False)
    return bool(found) and all(found) and node.get("targtype") == "ACL_TARGET_OBJECT"


def _owner(_scene: Scene, statement: Statement) -> Iterator[Effect]:
    """The owner of a function changes nothing for its callers; `postgres` may do what the app may."""
    node = statement.node
    role = node.get("newowner", {})
    usual = role.get("rolename") == "postgres" or role.get("roletype") != "ROLESPEC_CSTRING"
    if node.get("objectType") not in ROUTINES and not usual:
        yield Effect(BREAKS, f"gives something to `{role.get('rolename')}`: older code may lose its rights")


def _refresh(_scene: Scene, statement: Statement) -> Iterator[Effect]:
    if statement.node.get("skipData"):
        title = shown(tree.name_of(statement.node["relation"]))
        yield Effect(BREAKS, f"empties the materialized view `{title}`: older reads of it fail", title)


def set_to(schema: Schema, given: list[Any]) -> Iterator[Effect]:
    """A `setval`: forward at most."""
    named = tree.constant(given[0]) if given else None
    sequence = schema.table(tuple(part.strip('"') for part in named.split("."))) if named else None
    if sequence and sequence.new:
        return
    called = [
        tree.strings(node.get("funcname")) for kind, node in tree.walk(given[1:]) if kind == "FuncCall"
    ]
    words = {name[-1] for name in called if name} | tree.columns_in(given[1:])
    if not words & FORWARD:
        yield Effect(
            BREAKS, f"sets the sequence `{named or '?'}`, perhaps backwards: older inserts may fail"
        )


RULES: dict[str, Callable[[Scene, Statement], Iterator[Effect]]] = {
    "IndexStmt": _index,
    "ViewStmt": _view,
    "CreateFunctionStmt": _function,
    "DefineStmt": _define,
    "CreateCastStmt": _cast,
    "CreateOpClassStmt": _default_class,
    "CreateConversionStmt": _default_class,
    "CreateTrigStmt": _trigger,
    "RuleStmt": _rule,
    "CreatePolicyStmt": _policy,
    "AlterPolicyStmt": _alter_policy,
    "GrantStmt": _grant,
    "GrantRoleStmt": _grant,
    "AlterDefaultPrivilegesStmt": _grant,
    "AlterOwnerStmt": _owner,
    "RefreshMatViewStmt": _refresh,
}
