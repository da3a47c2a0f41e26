"""Functions that find a name only by the session's `search_path`, which no restore sets.

They work in production, and no dump of it can be restored: their checks, indexes or views fail.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import psycopg


MISSING = re.compile(
    r"(?:relation|function|type|collation|text search \w+|procedure) \"?(?P<name>[^\s\"(]+)[^\n]*"
    r" does not exist|operator does not exist: [^\n]*? (?P<operator>[^\w\s\"]+)(?= |$)",
    re.MULTILINE,
)
FUNCTION = re.compile(r"(?:SQL|PL/pgSQL) function (?:\"(?P<name>[^\"]+)\"|(?P<full>[^\n]+?\)) line)")
# the function itself, and the schemas in which the missing name is
FUNCTIONS = """
select p.oid::regprocedure::text, n.nspname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where (p.proname = %(name)s or p.oid = to_regprocedure(%(full)s)) and p.oid >= 16384
  and not exists (select from unnest(p.proconfig) c where c like 'search_path=%%') order by 1
"""
SCHEMAS = """
select distinct n.nspname from pg_namespace n where n.nspname !~ '^pg_' and n.oid in (
  select relnamespace from pg_class where relname = %(name)s
  union select pronamespace from pg_proc where proname = %(name)s
  union select oprnamespace from pg_operator where oprname = %(name)s
  union select typnamespace from pg_type where typname = %(name)s) order by 1
"""


class LostName(NamedTuple):
    """A function, as SQL writes it with its arguments, and the name that it does not find."""

    function: str
    name: str
    search_path: tuple[str, ...]

    @property
    def fix(self) -> str:
        """The statement that fixes it."""
        return f"alter function {self.function} set search_path = {', '.join(self.search_path)}"


def lost_name(connection: psycopg.Connection[Any], error: str) -> LostName | None:
    """The function that the server's error is about; None if it is about something else.

    Args:
        connection: to a database that has the function, and an empty `search_path`.
        error: the server's message with its context.
    """
    missing, function = MISSING.search(error), FUNCTION.search(error)
    if not (missing and function):
        return None
    connection.execute("set search_path = ''")  # so that names come with their schemas
    parameters = {"name": function["name"], "full": function["full"]}
    found = connection.execute(FUNCTIONS, parameters).fetchone()
    if found is None:
        return None
    name = missing["operator"] or missing["name"].rpartition(".")[2]
    schemas = [schema for (schema,) in connection.execute(SCHEMAS, {"name": name}).fetchall()]
    own = str(found[1])
    path = [own, *(schema for schema in schemas if schema != own)] if own not in schemas else [own]
    return LostName(str(found[0]), name, tuple(path))
