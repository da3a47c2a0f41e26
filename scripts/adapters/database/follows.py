"""What a database does of its own when rows are written: triggers, their functions, foreign keys."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

FUNCTIONS = """
select p.proname, p.prosrc || coalesce(pg_get_function_sqlbody(p.oid), '') from pg_proc p
join pg_namespace n on n.oid = p.pronamespace where n.nspname = any(%s)
"""
TRIGGERS = """
select n.nspname, c.relname, p.proname from pg_trigger t join pg_class c on c.oid = t.tgrelid
join pg_namespace n on n.oid = c.relnamespace join pg_proc p on p.oid = t.tgfoid where not t.tgisinternal
"""
CASCADES = """
select x.verb || ' ' || pn.nspname || '.' || p.relname, n.nspname || '.' || c.relname from pg_constraint k
join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
join pg_class p on p.oid = k.confrelid join pg_namespace pn on pn.oid = p.relnamespace
cross join lateral (values ('delete', k.confdeltype), ('update', k.confupdtype)) x(verb, what)
where k.contype = 'f' and x.what in ('c', 'n', 'd')
"""


@dataclass(frozen=True)
class Standing:
    """What the database does of its own.

    Args:
        functions: name -> the sources of all that are called so.
        triggers: `schema.table` -> the functions that its triggers call.
        cascades: `delete schema.table`, `update schema.table` -> the tables that foreign keys change then.
    """

    functions: dict[str, tuple[str, ...]]
    triggers: dict[str, frozenset[str]]
    cascades: dict[str, frozenset[str]]


def standing(connection: psycopg.Connection[Any], schemas: Collection[str]) -> Standing:
    """What the functions of these schemas and the triggers and foreign keys of all tables do."""
    functions: dict[str, tuple[str, ...]] = {}
    for name, source in connection.execute(FUNCTIONS, [list(schemas)]):
        functions[name] = (*functions.get(name, ()), source)
    triggers: dict[str, frozenset[str]] = {}
    for schema, table, function in connection.execute(TRIGGERS):
        triggers[f"{schema}.{table}"] = triggers.get(f"{schema}.{table}", frozenset()) | {function}
    cascades: dict[str, frozenset[str]] = {}
    for parent, child in connection.execute(CASCADES):
        cascades[parent] = cascades.get(parent, frozenset()) | {child}
    return Standing(functions, triggers, cascades)
