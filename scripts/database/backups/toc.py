# pure
"""An archive's table of contents, and what a restore does with each entry.

An archive is one full dump; what is restored is decided here. Deny by default: an entry that fits
no list is `unknown`, and a backup that has one fails, so that no new schema, trigger on `auth.users`,
storage policy or publication is forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from scripts.database.postgres import archive_toc
from scripts.database.postgres.archive_toc import ATTACHED, Entry
from scripts.database.postgres.catalogue import OLD_SCHEMA_PREFIX
from scripts.database.postgres.names import unquoted

# schemas that Supabase owns and fills; everything else is the app's
PLATFORM = frozenset(
    "auth storage realtime _realtime extensions graphql graphql_public vault pgsodium pgsodium_masks"
    " pgbouncer net cron supabase_functions _analytics _supavisor pgtle topology tiger tiger_data"
    " information_schema".split()
)
PLATFORM_ROLE = re.compile(r"supabase_\w+|pgbouncer|dashboard_user|authenticator|pgtle_admin|cloud_admin")
USER_SCHEMAS = ("auth", "storage")  # platform schemas with rows of the app's users
ACCOUNTS = (("auth", "users"), ("auth", "identities"))  # what the app's rows refer to
BOOKKEEPING = {("auth", "schema_migrations"), ("storage", "migrations")}

DATA = ("TABLE DATA", "SEQUENCE SET")
ON_A_TABLE = ("TRIGGER", "POLICY", "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA")
DATABASE_WIDE = ("EXTENSION", "PUBLICATION", "FOREIGN DATA WRAPPER", "SERVER", "USER MAPPING")
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
WITHOUT_SCHEMA = (
    "BLOB", "BLOB COMMENTS", "BLOB METADATA", "BLOBS", "CAST", "EVENT TRIGGER", "LARGE OBJECT",
    "PROCEDURAL LANGUAGE", "SCHEMA", "SUBSCRIPTION", "SUBSCRIPTION TABLE", "TRANSFORM",
)  # fmt: skip
WRAPPER = re.compile(r"CREATE SERVER .*? FOREIGN DATA WRAPPER ([^\s;]+)", re.DOTALL)
OLD_SCHEMA = re.compile(rf"\b{OLD_SCHEMA_PREFIX}")
CALLED_SCHEMA = re.compile(r'EXECUTE FUNCTION ("(?:[^"]|"")+"|\w+)\.')  # of an event trigger
KNOWN = (*DATA, *ON_A_TABLE, *DATABASE_WIDE, *ATTACHED, *OBJECTS, *PARTS, *WITHOUT_SCHEMA)
LINE = re.compile(
    r"(?P<id>\d+); \d+ \d+ (?P<kind>" + "|".join(sorted(KNOWN, key=len, reverse=True)) + r")"
    r" (?P<schema>\S+) (?P<tag>.*?) (?P<owner>\S*)"
)


@dataclass(frozen=True)
class Omitted:
    """An entry that no restore brings back, and why."""

    entry: Entry
    why: str


@dataclass(frozen=True)
class Lists:
    """Every entry of an archive in one of seven lists, each in the archive's order.

    Args:
        app: the app's schemas with everything in them; restored into empty ones.
        users: rows of `auth` and `storage`; only for a new project, whose tables are empty.
        extras: what the app attached to the platform's tables, and publications of its own tables.
        database: what is in no schema; created only where it is missing.
        large_objects: written again where they differ.
        left_out: what belongs to the platform.
        unknown: what fits nowhere; a backup with such an entry fails.
        order: all entries in the archive's order.
    """

    app: tuple[Entry, ...] = ()
    users: tuple[Entry, ...] = ()
    extras: tuple[Entry, ...] = ()
    database: tuple[Entry, ...] = ()
    large_objects: tuple[Entry, ...] = ()
    left_out: tuple[Omitted, ...] = ()
    unknown: tuple[Entry, ...] = ()
    order: tuple[Entry, ...] = ()

    @property
    def schemas(self) -> tuple[str, ...]:
        """The app's schemas; `public` is always one."""
        own = [entry.tag for entry in self.app if entry.kind == "SCHEMA"]
        return tuple(dict.fromkeys(["public", *own, *(entry.schema for entry in self.app if entry.schema)]))

    @property
    def tables(self) -> tuple[str, ...]:
        """`schema.table` of the app's tables whose rows are in the archive."""
        return tuple(entry.key for entry in self.app if entry.kind == "TABLE DATA")

    @property
    def views(self) -> tuple[str, ...]:
        """`schema.view` of the app's materialized views whose rows a restore computes."""
        return tuple(entry.key for entry in self.app if entry.kind == "MATERIALIZED VIEW DATA")


def is_app_schema(schema: str) -> bool:
    """Whether a schema is the app's: not the platform's, not PostgreSQL's, not replaced by a restore."""
    return schema not in PLATFORM and not schema.startswith(("pg_", OLD_SCHEMA_PREFIX))


def parse_listing(listing: str) -> tuple[Entry, ...]:
    """The entries that `pg_restore -l` prints, in the order in which they would be restored."""
    lines = [line for line in listing.splitlines() if line.strip() and not line.startswith(";")]
    return tuple(_entry(line) for line in lines)


def classify(entries: Iterable[Entry]) -> Lists:
    """Put every entry into its list."""
    order = tuple(entries)
    lists: dict[str, list[Entry]] = {}
    omitted: list[Omitted] = []
    for entry in order:
        place = _list_or_reason(entry)
        if place in ("app", "users", "extras", "database", "large_objects", "unknown"):
            lists.setdefault(place, []).append(entry)
        else:
            omitted.append(Omitted(entry, place))
    return Lists(**{name: tuple(own) for name, own in lists.items()}, left_out=tuple(omitted), order=order)


list_text = archive_toc.list_text


def _entry(line: str) -> Entry:
    match = LINE.fullmatch(line)
    if match is None:
        return Entry(line)
    schema = "" if match["schema"] == "-" else match["schema"]
    return Entry(line, match["kind"], schema, match["tag"], match["owner"])


def _list_or_reason(entry: Entry) -> str:
    """The name of its list, or the reason why it is left out."""
    if entry.kind not in KNOWN:
        return "unknown"
    schema = entry.about_schema or entry.schema
    if schema.startswith(OLD_SCHEMA_PREFIX):
        return "replaced by an earlier restore"
    if not schema:
        return _without_schema(entry)
    return _of_the_app(entry) if is_app_schema(schema) else _of_the_platform(entry)


def _of_the_app(entry: Entry) -> str:
    if entry.kind in ON_A_TABLE[2:]:
        return "extras"
    if entry.kind == "DEFAULT ACL" and PLATFORM_ROLE.fullmatch(entry.owner):
        return "a default of the platform's own role"
    if entry.about_schema == "public":
        return "database"  # every database has it, and keeps what it has
    return "unknown" if entry.kind in (*DATABASE_WIDE, "EVENT TRIGGER") else "app"


def _of_the_platform(entry: Entry) -> str:
    if entry.kind in DATA:
        if (entry.schema, entry.tag) in BOOKKEEPING:
            return "the platform's own migrations"
        return "users" if entry.schema in USER_SCHEMAS else "the platform's own data"
    if entry.kind in ON_A_TABLE or (entry.kind == "COMMENT" and entry.tag.startswith(ON_A_TABLE[:2])):
        return "extras"
    if entry.kind in OBJECTS and not PLATFORM_ROLE.fullmatch(entry.owner):
        return "unknown"  # an object of the app's in a schema that no restore creates
    return "the platform creates it"


def _without_schema(entry: Entry) -> str:
    """What is in no schema; comments and grants are treated like their object."""
    subject = entry.tag if entry.kind in ATTACHED else entry.kind
    if entry.kind == "DEFAULT ACL":
        platform = PLATFORM_ROLE.fullmatch(entry.owner)
        return "a default of the platform's own role" if platform else "database"
    if subject.startswith(("CAST", "TRANSFORM")) and OLD_SCHEMA.search(entry.tag):
        return "replaced by an earlier restore"
    if subject.startswith("EVENT TRIGGER"):
        return "extras" if _is_apps_event_trigger(entry) else "the platform creates it"
    return next((place for kinds, place in PLACES if subject.startswith(kinds)), "unknown")


PLACES = (
    (DATABASE_WIDE, "database"),
    (("CAST", "TRANSFORM"), "app"),
    (("BLOB", "LARGE OBJECT"), "large_objects"),
    (("SUBSCRIPTION",), "a subscription would take rows from its publisher twice"),
)


def _is_apps_event_trigger(entry: Entry) -> bool:
    """By the function that it calls; a comment on one goes by its owner."""
    calls = CALLED_SCHEMA.search(entry.sql)
    return is_app_schema(unquoted(calls[1])) if calls else not PLATFORM_ROLE.fullmatch(entry.owner)


STAND_INS = ("auth", "storage", "realtime")  # platform schemas that a scratch server gets from the archive


def for_scratch_server(lists: Lists, extensions: Collection[str], *, superuser: bool) -> tuple[Entry, ...]:
    """What is restored into an empty database of a server that is not Supabase, in the archive's order.

    Everything that can be restored there, and the platform's tables that the app's objects depend on.

    Args:
        lists: the archive's.
        extensions: what that server can create; what needs another one is not compared.
        superuser: its user is one, and may create event triggers.
    """
    database = [entry for entry in lists.database if _can_be_created(entry, extensions)]
    homes = {number for entry in database if entry.kind == "EXTENSION" for number in entry.needs}
    stand_ins = [
        omitted.entry
        for omitted in lists.left_out
        if _is_stand_in(omitted.entry) or (omitted.entry.kind == "SCHEMA" and omitted.entry.number in homes)
    ]
    extras = [
        entry
        for entry in lists.extras
        if (superuser or "EVENT TRIGGER" not in (entry.kind, entry.tag[:13]))
        and (is_app_schema(entry.schema) or entry.schema in (*STAND_INS, ""))
    ]
    lines = {
        entry.line
        for entry in (*lists.app, *lists.users, *extras, *database, *lists.large_objects, *stand_ins)
    }
    return tuple(entry for entry in lists.order if entry.line in lines)


def exists(entry: Entry, installed: Collection[str]) -> bool:
    """Whether an object outside of the schemas need not be created, by `scratch.installed_objects`.

    `public` is always created again; default privileges and user mappings are never touched.
    """
    if entry.about_schema:
        return False
    if entry.kind in ("DEFAULT ACL", "USER MAPPING"):
        return True
    kind, name = entry.kind, entry.tag
    if kind in ATTACHED:
        kind = next((each for each in DATABASE_WIDE if name.startswith(f"{each} ")), "")
        name = unquoted(name.removeprefix(f"{kind} "))
    return f"{kind} {name}" in installed


def _is_stand_in(entry: Entry) -> bool:
    """Part of the definition of a platform schema that the app's objects need."""
    if entry.kind in DATA or entry.kind in (*DATABASE_WIDE, "EVENT TRIGGER", "DEFAULT ACL"):
        return False
    if schema := entry.about_schema:
        return schema in (*STAND_INS, "extensions")
    return entry.schema in STAND_INS


def _can_be_created(entry: Entry, extensions: Collection[str]) -> bool:
    if entry.kind == "EXTENSION":
        return entry.tag in extensions
    if entry.tag.startswith("EXTENSION "):
        return entry.tag.removeprefix("EXTENSION ").strip('"') in extensions
    if entry.kind == "SERVER":
        wrapper = WRAPPER.search(entry.sql)
        return wrapper is not None and unquoted(wrapper[1]) in extensions
    return entry.kind not in ("FOREIGN DATA WRAPPER", "USER MAPPING") and not entry.tag.startswith(
        ("FOREIGN", "SERVER", "USER")
    )


# What every Supabase database has, and no migration of the team creates.
SCHEMAS = (*sorted(PLATFORM), "supabase_migrations")
EXTENSIONS = tuple(
    "plpgsql pgcrypto uuid-ossp pg_stat_statements pgjwt pg_graphql supabase_vault pgsodium pg_net".split()
)
