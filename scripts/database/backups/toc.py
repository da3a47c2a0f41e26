# pure
"""What an archive holds, entry by entry, and what becomes of each when it is restored. Pure.

An archive is one full dump; what is restored is decided here. Deny by default: an entry that fits
no list is `unknown`, and the backup that holds one fails, so that no new schema, trigger on
`auth.users`, storage policy or publication can be forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

# schemas that Supabase owns and fills; everything else is the app's
PLATFORM = frozenset(
    "auth storage realtime _realtime extensions graphql graphql_public vault pgsodium pgsodium_masks"
    " pgbouncer net cron supabase_functions _analytics _supavisor pgtle topology tiger tiger_data"
    " information_schema".split()
)
PLATFORM_ROLE = re.compile(r"supabase_\w+|pgbouncer|dashboard_user|authenticator|pgtle_admin|cloud_admin")
ASIDE = "desk_aside_"  # schemas that a restore moved out of the way
USERS = ("auth", "storage")  # platform schemas with rows that belong to the app's people
ACCOUNTS = (("auth", "users"), ("auth", "identities"))  # to whom the app's rows refer
BOOKKEEPING = {("auth", "schema_migrations"), ("storage", "migrations")}

DATA = ("TABLE DATA", "SEQUENCE SET")
ON_A_TABLE = ("TRIGGER", "POLICY", "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA")
DATABASE_WIDE = ("EXTENSION", "PUBLICATION", "FOREIGN DATA WRAPPER", "SERVER", "USER MAPPING")
ATTACHED = ("COMMENT", "ACL", "SECURITY LABEL")  # they go where their object goes
OBJECTS = (
    "AGGREGATE", "COLLATION", "CONVERSION", "DOMAIN", "FOREIGN TABLE", "FUNCTION", "MATERIALIZED VIEW",
    "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "PROCEDURE", "SEQUENCE", "SHELL TYPE", "TABLE",
    "TEXT SEARCH CONFIGURATION", "TEXT SEARCH DICTIONARY", "TEXT SEARCH PARSER", "TEXT SEARCH TEMPLATE",
    "TYPE", "VIEW",
)  # fmt: skip
PARTS = (
    "CHECK CONSTRAINT", "CONSTRAINT", "DEFAULT", "DEFAULT ACL", "FK CONSTRAINT", "INDEX", "INDEX ATTACH",
    "MATERIALIZED VIEW DATA", "ROW SECURITY", "RULE", "SEQUENCE OWNED BY", "STATISTICS",
    "STATISTICS DATA", "TABLE ATTACH",
)  # fmt: skip
BARE = ("BLOB", "BLOB COMMENTS", "BLOB METADATA", "BLOBS", "CAST", "EVENT TRIGGER", "LARGE OBJECT",
        "PROCEDURAL LANGUAGE", "SCHEMA", "SUBSCRIPTION", "SUBSCRIPTION TABLE", "TRANSFORM")  # fmt: skip
KNOWN = (*DATA, *ON_A_TABLE, *DATABASE_WIDE, *ATTACHED, *OBJECTS, *PARTS, *BARE)
LINE = re.compile(
    r"(?P<id>\d+); \d+ \d+ (?P<kind>" + "|".join(sorted(KNOWN, key=len, reverse=True)) + r")"
    r" (?P<schema>\S+) (?P<tag>.*?) (?P<owner>\S*)"
)


@dataclass(frozen=True)
class Entry:
    """One line of `pg_restore -l`.

    Args:
        kind: what it is, such as `TABLE DATA`; "" for a line that can't be read.
        schema: "" for what belongs to no schema.
        tag: its name; for attached ones, what they are attached to (`SCHEMA public`).
        line: as pg_restore wants it back in `-L`.
    """

    line: str
    kind: str = ""
    schema: str = ""
    tag: str = ""
    owner: str = ""

    def __str__(self) -> str:
        """As in the listing, without its numbers."""
        return self.line.split(" ", 3)[-1].strip() if self.kind else self.line


@dataclass(frozen=True)
class LeftOut:
    """What no restore brings back, and why."""

    entry: Entry
    why: str


@dataclass(frozen=True)
class Lists:
    """Every entry of an archive in one of them, each in the archive's order.

    Args:
        app: the app's schemas with all that is in them; restored into empty ones.
        users: rows of `auth` and `storage`; only for a new project, whose tables are empty.
        extras: what the app hangs on the platform's tables, and who hears of its own tables.
        database: what stands in the database beside the schemas; made only where it is missing.
        left_out: what belongs to the platform.
        unknown: what fits nowhere: no backup with such an entry counts.
        order: all of them, as they came.
    """

    app: tuple[Entry, ...] = ()
    users: tuple[Entry, ...] = ()
    extras: tuple[Entry, ...] = ()
    database: tuple[Entry, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    unknown: tuple[Entry, ...] = ()
    order: tuple[Entry, ...] = ()

    @property
    def schemas(self) -> tuple[str, ...]:
        """The app's schemas; `public` is always one."""
        own = [each.tag for each in self.app if each.kind == "SCHEMA"]
        return tuple(dict.fromkeys(["public", *own, *(each.schema for each in self.app if each.schema)]))

    @property
    def tables(self) -> tuple[str, ...]:
        """`schema.table` of the app's tables whose rows are in the archive."""
        return tuple(f"{each.schema}.{each.tag}" for each in self.app if each.kind == "TABLE DATA")


def is_apps(schema: str) -> bool:
    """Whether a schema is the app's: what is neither the platform's nor PostgreSQL's nor moved aside."""
    return schema not in PLATFORM and not schema.startswith(("pg_", ASIDE))


def entries(listing: str) -> tuple[Entry, ...]:
    """What `pg_restore -l` says, in the order in which it would be restored."""
    lines = [line for line in listing.splitlines() if line.strip() and not line.startswith(";")]
    return tuple(_entry(line) for line in lines)


def sort(found: Iterable[Entry]) -> Lists:
    """Put every entry where it belongs."""
    order = tuple(found)
    into: dict[str, list[Entry]] = {}
    left: list[LeftOut] = []
    for each in order:
        place = _place(each)
        if place in ("app", "users", "extras", "database", "unknown"):
            into.setdefault(place, []).append(each)
        else:
            left.append(LeftOut(each, place))
    return Lists(**{name: tuple(each) for name, each in into.items()}, left_out=tuple(left), order=order)


def text(chosen: Iterable[Entry]) -> str:
    """The list as pg_restore reads it (`-L`)."""
    return "".join(f"{each.line}\n" for each in chosen)


def _entry(line: str) -> Entry:
    match = LINE.fullmatch(line)
    if match is None:
        return Entry(line)
    schema = "" if match["schema"] == "-" else match["schema"]
    return Entry(line, match["kind"], schema, match["tag"], match["owner"])


def _place(entry: Entry) -> str:
    """The name of its list, or why it is left out."""
    if not entry.kind:
        return "unknown"
    schema = entry.schema
    if entry.kind == "SCHEMA":
        schema = entry.tag
    elif entry.kind in ATTACHED and entry.tag.startswith("SCHEMA "):
        schema = entry.tag.removeprefix("SCHEMA ").strip('"')
    if schema.startswith(ASIDE):
        return "moved aside by an earlier restore"
    if not schema:
        return _beside_schemas(entry)
    return _of_the_apps(entry, schema) if is_apps(schema) else _of_the_platform(entry)


def _of_the_apps(entry: Entry, schema: str) -> str:
    if entry.kind in ON_A_TABLE[2:]:
        return "extras"
    if entry.kind == "DEFAULT ACL" and PLATFORM_ROLE.fullmatch(entry.owner):
        return "a default of the platform's own role"
    if schema == "public" and (entry.kind == "SCHEMA" or entry.tag == "SCHEMA public"):
        return "database"  # it is there in every database, and keeps what it has
    return "unknown" if entry.kind in (*DATABASE_WIDE, "EVENT TRIGGER") else "app"


def _of_the_platform(entry: Entry) -> str:
    if entry.kind in DATA:
        if (entry.schema, entry.tag) in BOOKKEEPING:
            return "the platform's own migrations"
        return "users" if entry.schema in USERS else "the platform's own data"
    if entry.kind in ON_A_TABLE or (entry.kind == "COMMENT" and entry.tag.startswith(ON_A_TABLE[:2])):
        return "extras"
    if entry.kind in OBJECTS and not PLATFORM_ROLE.fullmatch(entry.owner):
        return "unknown"  # something of the app's in a schema that no restore makes anew
    return "the platform makes it"


def _beside_schemas(entry: Entry) -> str:
    """What stands in no schema; what is attached to a thing is judged as the thing."""
    ours = not PLATFORM_ROLE.fullmatch(entry.owner)
    about = entry.tag if entry.kind in ATTACHED else entry.kind
    if about.startswith(DATABASE_WIDE) or (entry.kind == "DEFAULT ACL" and ours):
        return "database"
    if about.startswith(("CAST", "TRANSFORM")):
        return "app"
    if about.startswith("EVENT TRIGGER"):
        return "extras" if ours else "the platform makes it"
    if about.startswith("SUBSCRIPTION"):
        return "a subscription would take rows from its publisher twice"
    return "a default of the platform's own role" if entry.kind == "DEFAULT ACL" else "unknown"


# What of an archive goes into a database: an empty one of a scratch server, or a live one. Pure.


STOOD_IN = ("auth", "storage", "realtime")  # platform schemas that a scratch server gets from the archive


def beside(lists: Lists, extensions: Collection[str], *, whole: bool) -> tuple[Entry, ...]:
    """What is restored into an empty database of a server that is not Supabase, in the archive's order.

    Everything that can be: of the platform, the tables that the app's own things hang on.

    Args:
        lists: the archive's.
        extensions: what that server can make; what needs another one is not there to be compared.
        whole: its user is a superuser, who may make event triggers too.
    """
    stood_in = [each.entry for each in lists.left_out if _stood_in(each.entry)]
    database = [each for each in lists.database if _can_be_made(each, extensions)]
    extras = [each for each in lists.extras if whole or "EVENT TRIGGER" not in (each.kind, each.tag[:13])]
    extras = [each for each in extras if is_apps(each.schema) or each.schema in (*STOOD_IN, "")]
    chosen = {each.line for each in (*lists.app, *lists.users, *extras, *database, *stood_in)}
    return tuple(each for each in lists.order if each.line in chosen)


def stands(entry: Entry, there: Collection[str]) -> bool:
    """Whether a thing beside the schemas need not be made: it is there, or belongs to one that is.

    `public` is always made anew; defaults and user mappings are the database's, and are left alone.
    """
    if "SCHEMA" in (entry.kind, entry.tag.partition(" ")[0]):
        return False
    if entry.kind in ("DEFAULT ACL", "USER MAPPING"):
        return True
    name = entry.tag if entry.kind in ATTACHED else f"{entry.kind} {entry.tag}"
    return name.replace('"', "") in there


def _stood_in(entry: Entry) -> bool:
    """Part of the definition of a platform schema that the app's own things need."""
    if entry.kind in DATA or entry.kind in (*DATABASE_WIDE, "EVENT TRIGGER", "DEFAULT ACL"):
        return False
    if "SCHEMA" in (entry.kind, entry.tag.partition(" ")[0]):
        return entry.tag.removeprefix("SCHEMA ").strip('"') in (*STOOD_IN, "extensions")
    return entry.schema in STOOD_IN


def _can_be_made(entry: Entry, extensions: Collection[str]) -> bool:
    if entry.kind == "EXTENSION":
        return entry.tag in extensions
    if entry.tag.startswith("EXTENSION "):
        return entry.tag.removeprefix("EXTENSION ").strip('"') in extensions
    return entry.kind not in (
        "FOREIGN DATA WRAPPER",
        "SERVER",
        "USER MAPPING",
    ) and not entry.tag.startswith(("FOREIGN", "SERVER", "USER"))


# What Supabase brings into each database, that no migration of the team's makes.


SCHEMAS = (*sorted(PLATFORM), "supabase_migrations")
EXTENSIONS = tuple(
    "plpgsql pgcrypto uuid-ossp pg_stat_statements pgjwt pg_graphql supabase_vault pgsodium pg_net".split()
)
