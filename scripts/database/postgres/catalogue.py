"""A schema as text, read from PostgreSQL's catalogue: the only describer, for backup proofs and for drift.

Unlike `pg_dump -s` it needs no program of the server's major version, and the order in which objects
were created does not show. The order of columns is not compared, and drift leaves out most owners. In
schemas that are not the app's, only triggers that call the app's functions, policies, rules and
publications are described; for drift also who may use them.

A proof's lines are stored in backups (`schema.json`), so their text must not change: add a kind instead.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from scripts.database.postgres import catalogue_drift as drift
from scripts.database.postgres import catalogue_objects as objects
from scripts.database.postgres import catalogue_queries as queries

if TYPE_CHECKING:
    import psycopg


IsOurs = Callable[[str], bool]
OLD_SCHEMA_PREFIX = "desk_aside_"  # of schemas that a restore replaced, and keeps for a while

PLATFORM_ROLE = re.compile(r"supabase_|(dashboard_user|postgres|pgbouncer)$")
ACL_ITEM = re.compile(r'(?P<grantee>"(?:[^"]|"")*"|[^"=]*)=(?P<letters>[A-Za-z*]*)/(?P<grantor>.*)')
PRIVILEGES = {
    "a": "INSERT",
    "r": "SELECT",
    "w": "UPDATE",
    "d": "DELETE",
    "D": "TRUNCATE",
    "x": "REFERENCES",
    "t": "TRIGGER",
    "m": "MAINTAIN",
    "X": "EXECUTE",
    "U": "USAGE",
    "C": "CREATE",
}


class Row(NamedTuple):
    """One line of a description.

    Args:
        schema: where the object is.
        decides: an object in a platform schema counts all the same if this schema is the app's; None:
            it always counts.
        kind: of the object that the line belongs to, such as `table`.
        name: of that object, as SQL writes it.
        label: what the line defines, such as `column public.bookings.note`.
        text: the definition; None for a line of grants.
        acl: the grants, one `aclitem` as text each; None for a definition.
    """

    schema: str
    decides: str | None
    kind: str
    name: str
    label: str
    text: str | None
    acl: list[str] | None


# The first line of a description that has all kinds; older ones, which backups keep, lack some.
ALL_KINDS = " all kinds are described"
ADDED_KINDS = ("aggregate ", "composite type ", "event trigger ", *objects.KINDS)
QUERY = " union all ".join(
    (queries.GRANTS, queries.RELATIONS, queries.ROUTINES_AND_TYPES, queries.ATTACHED, *objects.QUERIES)
)


def proof_lines(connection: psycopg.Connection[Any], is_ours: IsOurs) -> tuple[str, ...]:
    """One sorted line for each thing: `trigger x on auth.users: CREATE TRIGGER ...`."""
    return tuple(sorted({ALL_KINDS, *(_proof_line(row) for row in _rows(connection, is_ours))}))


def describe(
    connection: psycopg.Connection[Any], is_ours: IsOurs, platform_extensions: Collection[str] = ()
) -> Mapping[str, tuple[str, ...]]:
    """Object (`table public.bookings`) -> its lines, in an order that is always the same.

    Leaves out the named extensions, what the platform publishes of its own tables, grants to owners and
    to the platform's roles, and who owns things, except where code runs with the owner's rights and that
    is not the role that owns most of the app: all of that differs from one server to another.
    """
    return {
        thing: tuple("\n".join(sorted({text for _, text in parts})).splitlines())
        or (thing.partition(" ")[0],)
        for thing, parts in sorted(_parts(connection, is_ours, platform_extensions).items())
    }


def elements(connection: psycopg.Connection[Any], is_ours: IsOurs) -> Mapping[str, Mapping[str, str]]:
    """As `describe`, by what each line defines: object -> element -> its definition.

    An element is what a migration can change by itself, such as `column note`, or `grant to anon` of a
    table; the object itself is the element named as its kind.
    """
    things = {}
    for thing, parts in sorted(_parts(connection, is_ours, ()).items()):
        found: dict[str, set[str]] = {} if parts else {thing.partition(" ")[0]: set()}
        for element, text in parts:
            found.setdefault(element, set()).add(text)
        things[thing] = {element: "\n".join(sorted(texts)) for element, texts in sorted(found.items())}
    return things


def _parts(
    connection: psycopg.Connection[Any], is_ours: IsOurs, platform_extensions: Collection[str]
) -> dict[str, set[tuple[str, str]]]:
    """Object -> the elements that it has, each with its text."""
    things: dict[str, set[tuple[str, str]]] = {}
    owners: Counter[str] = Counter()
    connection.execute("set search_path = ''")
    for row in _rows(connection, is_ours):
        published_by_platform = row.label.startswith("publication ") and not is_ours(row.schema)
        if row.label.startswith(objects.OWNER):
            owners[str(row.text)] += is_ours(row.schema)
        elif not published_by_platform:
            things.setdefault(_thing(row, is_ours), set()).update(_drift_parts(row))
    usual = max(sorted(owners), key=owners.__getitem__, default="")
    for row in map(Row._make, connection.execute(drift.QUERY)):
        counts = row.decides is None or is_ours(row.schema)
        if counts and not (row.label == drift.RIGHTS and row.text == usual):
            parts = {*_drift_parts(row)}
            things.setdefault(_thing(row, is_ours), set()).update(parts) if parts else None
    return things | _described_apart(connection, platform_extensions)


def _described_apart(
    connection: psycopg.Connection[Any], platform_extensions: Collection[str]
) -> dict[str, set[tuple[str, str]]]:
    """Extensions with what version they have, and cron jobs, which are rows of a table."""
    things = {}
    for name, place, version, default in connection.execute(drift.EXTENSIONS):
        if name not in platform_extensions:
            # a server of another version of PostgreSQL has another default
            usual = "the server's default" if version == default else f"{version}, not the default"
            things[f"extension {quoted(name)}"] = {("extension", f"{place}, version {usual}")}
    if connection.execute(drift.CRON_EXISTS).fetchall()[0][0]:
        things |= {str(name): {("cron job", str(text))} for name, text in connection.execute(drift.CRON)}
    return things


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_$]*", name) else '"' + name.replace('"', '""') + '"'


def _thing(row: Row, is_ours: IsOurs) -> str:
    """The object that a line belongs to; what the app attached to a platform's table is one of its own."""
    attached = row.label.startswith(("policy ", "trigger ", "rule ")) and row.text is not None
    return row.label if attached and not is_ours(row.schema) else f"{row.kind} {row.name}"


def _rows(connection: psycopg.Connection[Any], is_ours: IsOurs) -> Iterator[Row]:
    """What counts; asked with an empty `search_path`, so that every name comes with its schema."""
    for row in map(Row._make, connection.execute(QUERY)):
        if row.schema.startswith(OLD_SCHEMA_PREFIX) or (row.decides or "").startswith(OLD_SCHEMA_PREFIX):
            continue
        if row.decides is None or is_ours(row.schema) or is_ours(row.decides):
            yield row


def _proof_line(row: Row) -> str:
    if row.acl is None:
        line = f"{row.label}: {row.text}"
    else:
        line = f"grants on {row.label}: {','.join(row.acl) or 'none'}"
    return " ".join(line.split())


def _drift_parts(row: Row) -> Iterator[tuple[str, str]]:
    """The element, and the line without the name of its object; one for each role's grants."""
    own = row.label in (row.name, f"{row.kind} {row.name}")
    label = row.label.removesuffix(f" on {row.name}").replace(f" {row.name}.", " ", 1)
    if row.acl is None:
        element = row.kind if own else label
        yield element, f"{element} {row.text}"
        return
    for grant in grants(row.acl):
        text = grant if own else f"{label} {grant}"
        yield text.partition(": ")[0] if own else f"{label} {grant.partition(': ')[0]}", text


def grants(acl: Collection[str]) -> list[str]:
    """`grant to anon: INSERT, SELECT*` (`*`: with grant option), not those to owners and the platform."""
    by_role: dict[str, set[str]] = {}
    for item in filter(None, map(ACL_ITEM.fullmatch, acl)):
        role = item["grantee"]
        if role != item["grantor"] and not PLATFORM_ROLE.match(role.strip('"')):
            letters = re.findall(r"([A-Za-z])(\*?)", item["letters"])
            by_role.setdefault(role or "public", set()).update(
                PRIVILEGES.get(letter, letter) + star for letter, star in letters
            )
    return [f"grant to {role}: {', '.join(sorted(words))}" for role, words in sorted(by_role.items())]
