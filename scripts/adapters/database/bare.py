"""A database that is no Supabase project: what it can make, and the roles that an archive speaks of."""

from __future__ import annotations

import re
from collections.abc import Collection

from scripts.adapters.database.database_url import Database
from scripts.adapters.database.session import session

ROLE = re.compile(
    r"\b(?:TO|FROM|FOR ROLE|AUTHORIZATION) ((?:\"(?:[^\"]|\"\")+\"|\w+)(?:, (?:\"(?:[^\"]|\"\")+\"|\w+))*)"
)
NAME = re.compile(r"\"((?:[^\"]|\"\")+)\"|(\w+)")
NO_ROLES = ("public", "none", "current_user", "current_role", "session_user")
GRANTS = re.compile(r"^\s*(?:GRANT|REVOKE|ALTER|CREATE POLICY)\b.*?;$", re.MULTILINE | re.DOTALL)


def extensions(database: Database) -> frozenset[str]:
    """The extensions that the server can make."""
    with session(database) as connection:
        return frozenset(
            str(row[0]) for row in connection.execute("select name from pg_available_extensions")
        )


def standing(database: Database) -> frozenset[str]:
    """What stands beside the schemas: `EXTENSION citext`, `PUBLICATION supabase_realtime`."""
    query = """select 'EXTENSION ' || extname from pg_extension
union all select 'PUBLICATION ' || pubname from pg_publication
union all select 'SERVER ' || srvname from pg_foreign_server
union all select 'FOREIGN DATA WRAPPER ' || fdwname from pg_foreign_data_wrapper"""
    with session(database) as connection:
        return frozenset(str(row[0]) for row in connection.execute(query))


def is_superuser(database: Database) -> bool:
    """Whether its user is one."""
    with session(database) as connection:
        return connection.info.parameter_status("is_superuser") == "on"


def major(database: Database) -> int:
    """The server's major version."""
    with session(database) as connection:
        return connection.info.server_version // 10_000


def roles_in(script: str) -> frozenset[str]:
    """The roles that a schema's SQL names; a word too many does no harm on a scratch server."""
    found = set()
    for statement in GRANTS.findall(script):
        for names in ROLE.findall(statement):
            found |= {quoted.replace('""', '"') or bare for quoted, bare in NAME.findall(names)}
    return frozenset(each for each in found if each.lower() not in NO_ROLES)


def make_roles(database: Database, names: Collection[str]) -> None:
    """Make those that are missing, unable to log in."""
    from psycopg import sql

    with session(database) as connection:
        known = {str(row[0]) for row in connection.execute("select rolname from pg_roles")}
        for name in sorted(set(names) - known):
            if not name.startswith("pg_"):
                connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(name)))
