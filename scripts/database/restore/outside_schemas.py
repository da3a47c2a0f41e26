"""What a restore in place brings back of the things that are in no schema.

Casts, transforms, global default privileges, options of publications, and large objects. They can't be
moved aside: they are changed in the restore's transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from scripts.database.backups.manifest import Manifest
from scripts.database.backups.toc import PLATFORM_ROLE, Lists
from scripts.database.postgres.archive_toc import Entry, list_text
from scripts.database.postgres.content import SnapshotReader
from scripts.database.postgres.names import LARGE_OBJECTS
from scripts.database.postgres.pg_restore import Archive, execute

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]


CASTS = """
select format('CAST (%s AS %s)', castsource::regtype, casttarget::regtype) from pg_cast where oid >= 16384
union all
select format('TRANSFORM FOR %s LANGUAGE %I', trftype::regtype, lanname)
from pg_transform t join pg_language l on l.oid = t.trflang where t.oid >= 16384
"""
DEFAULTS = """
select d.defaclrole::regrole::text, d.defaclobjtype::text,
  array_agg(distinct case x.grantee when 0 then 'public' else x.grantee::regrole::text end)
from pg_default_acl d cross join aclexplode(d.defaclacl) x
where d.defaclnamespace = 0 and pg_has_role(d.defaclrole, 'usage') group by 1, 2
"""
KINDS = {
    "r": "tables",
    "S": "sequences",
    "f": "functions",
    "T": "types",
    "n": "schemas",
    "L": "large objects",
}
FOR_EVERYONE = {"f": "execute", "T": "usage"}  # what PostgreSQL grants to everyone by itself
MAY_ACT_AS = "select rolname from pg_roles where pg_has_role(oid, 'usage')"
OWN_PUBLICATIONS = "select quote_ident(pubname) from pg_publication where pg_has_role(pubowner, 'usage')"
PUBLICATION = re.compile(r"CREATE PUBLICATION (?P<name>.+?)(?: FOR ALL TABLES)? WITH \((?P<options>.*)\);")
UNLESS_GIVEN = (("publish_via_partition_root", "false", 13), ("publish_generated_columns", "none", 18))
EXISTING_OBJECTS = "select oid from pg_largeobject_metadata where oid = any(%s::oid[])"


def clear(connection: Connection, lists: Lists) -> None:
    """Before the app's schemas are filled: drop what the archive makes again, and reset the defaults.

    Default privileges that are in force would change the grants on everything that is restored.
    """
    again = {entry.tag for entry in lists.app if entry.kind in ("CAST", "TRANSFORM")}
    for (name,) in connection.execute(CASTS).fetchall():
        if name in again:
            connection.execute(f"drop {name}".encode())
    for role, kind, grantees in connection.execute(DEFAULTS).fetchall():
        if PLATFORM_ROLE.fullmatch(role.strip('"')):
            continue
        for order in _reset(kind, grantees, role):
            connection.execute(f"alter default privileges for role {role} {order}".encode())


def _reset(kind: str, grantees: Iterable[str], role: str) -> Iterator[str]:
    """Back to what PostgreSQL grants by itself."""
    yield from (f"revoke all on {KINDS[kind]} from {grantee}" for grantee in grantees)
    yield f"grant all on {KINDS[kind]} to {role}"
    if kind in FOR_EVERYONE:
        yield f"grant {FOR_EVERYONE[kind]} on {KINDS[kind]} to public"


def bring_back(connection: Connection, archive: Archive, lists: Lists, manifest: Manifest) -> None:
    """After the app's schemas are filled: default privileges, options of publications, large objects."""
    roles = {str(name) for (name,) in connection.execute(MAY_ACT_AS)}
    defaults = [
        entry
        for entry in lists.database
        if entry.kind == "DEFAULT ACL" and not entry.schema and entry.owner in roles
    ]
    execute(connection, archive.sql(list_text(defaults)) if defaults else b"")
    _set_publications(connection, lists)
    _restore_large_objects(connection, archive, lists, manifest)


def _set_publications(connection: Connection, lists: Lists) -> None:
    """The options that they had; a publication that exists is not created again."""
    own = {str(name) for (name,) in connection.execute(OWN_PUBLICATIONS)}
    major = connection.info.server_version // 10_000
    for entry in lists.database:
        found = PUBLICATION.fullmatch(entry.sql.strip()) if entry.kind == "PUBLICATION" else None
        if found and found["name"] in own:
            options = [f"{name} = {value}" for name, value, since in UNLESS_GIVEN if major >= since]
            options = [each for each in options if each.split()[0] not in found["options"]]
            text = ", ".join([found["options"], *options])
            connection.execute(f"alter publication {found['name']} set ({text})".encode())


def _restore_large_objects(
    connection: Connection, archive: Archive, lists: Lists, manifest: Manifest
) -> None:
    """Those of the backup, unless all are as they were; others are left alone."""
    if not lists.large_objects:
        return
    oids = large_object_ids(lists.large_objects)
    then = manifest.tables.get(LARGE_OBJECTS)
    now = SnapshotReader(connection).large_objects(oids)
    if then and now and now[:2] == (then.rows, then.checksum):
        return
    for (oid,) in connection.execute(EXISTING_OBJECTS, [oids]).fetchall():
        connection.execute("select lo_unlink(%s::oid)", [oid])
    about = [entry for entry in lists.large_objects if entry.kind != "BLOBS"]
    execute(connection, archive.sql(list_text(about)))
    contents = [entry for entry in lists.large_objects if entry.kind == "BLOBS"]
    with archive.large_objects(list_text(contents)) as statements:
        for statement in statements:
            connection.execute(statement)


def large_object_ids(entries: Iterable[Entry]) -> list[int]:
    """The numbers of the large objects: one entry each, or from 17 on one entry for many."""
    texts = [
        entry.sql if entry.kind == "BLOB METADATA" else entry.tag for entry in entries if _is_one(entry)
    ]
    return [int(number) for text in texts for number in text.split()]


def _is_one(entry: Entry) -> bool:
    return entry.kind in ("BLOB", "BLOB METADATA")
