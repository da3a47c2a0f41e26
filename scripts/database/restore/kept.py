"""What a switch keeps: the old schemas, and a record of everything that putting them back needs.

The record is a table in a schema of its own beside the old ones, so it comes and goes with them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from scripts.database.postgres.catalogue import OLD_SCHEMA_PREFIX

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

TABLE = "record"
LONGEST = 63  # bytes of a name
RECORDS = f"""
select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relname = '{TABLE}' and n.nspname ~ '^{OLD_SCHEMA_PREFIX}[^_]+_$' order by c.oid
"""  # noqa: S608 - constants only
COMMENTS = "select nspname, obj_description(oid, 'pg_namespace') from pg_namespace where nspname = any(%s)"
# What the app attached to tables of other schemas, as statements that attach it again. Asked with an empty
# `search_path`, so that every name comes with its schema.
TRIGGERS = """
select pg_get_triggerdef(t.oid) || case when t.tgenabled = 'O' then '' else
    format(';\nalter table %%s %%s trigger %%I', c.oid::regclass, case t.tgenabled when 'D' then 'disable'
      when 'R' then 'enable replica' else 'enable always' end, t.tgname) end
  || coalesce(format(';\ncomment on trigger %%I on %%s is ', t.tgname, c.oid::regclass)
    || quote_literal(obj_description(t.oid, 'pg_trigger')), '')
from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
join pg_proc p on p.oid = t.tgfoid join pg_namespace f on f.oid = p.pronamespace
where not t.tgisinternal and f.nspname = any(%(apps)s) and n.nspname <> all(%(apps)s) order by t.oid
"""
POLICIES = """
select format('create policy %%I on %%s as %%s for %%s to %%s', p.polname, c.oid::regclass,
    case when p.polpermissive then 'permissive' else 'restrictive' end,
    case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
      when 'd' then 'delete' else 'all' end,
    (select string_agg(case r when 0 then 'public' else quote_ident(pg_get_userbyid(r)) end, ', ')
      from unnest(p.polroles) r))
  || coalesce(' using (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
  || coalesce(' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')
  || coalesce(format(';\ncomment on policy %%I on %%s is ', p.polname, c.oid::regclass)
    || quote_literal(obj_description(p.oid, 'pg_policy')), '')
from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname <> all(%(apps)s) and n.nspname not like 'desk\\_aside\\_%%'
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
    and d.deptype = 'e') order by p.oid
"""
PUBLICATIONS = """
select format('alter publication %%I add table only %%s', p.pubname, c.oid::regclass)
  || coalesce((select ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attnum) || ')'
    from pg_attribute a where a.attrelid = c.oid and a.attnum = any(r.prattrs)), '')
  || coalesce(' where (' || pg_get_expr(r.prqual, c.oid) || ')', '')
from pg_publication_rel r join pg_publication p on p.oid = r.prpubid join pg_class c on c.oid = r.prrelid
join pg_namespace n on n.oid = c.relnamespace where n.nspname = any(%(apps)s)
union all
select format('alter publication %%I add tables in schema %%I', p.pubname, n.nspname)
from pg_publication_namespace r join pg_publication p on p.oid = r.pnpubid
join pg_namespace n on n.oid = r.pnnspid where n.nspname = any(%(apps)s)
"""
EVENT_TRIGGERS = """
select format('create event trigger %%I on %%s', e.evtname, e.evtevent)
  || coalesce((select ' when tag in (' || string_agg(quote_literal(t), ', ') || ')'
    from unnest(e.evttags) t), '')
  || format(' execute function %%s()', e.evtfoid::regproc)
  || case when e.evtenabled = 'O' then '' else format(';\nalter event trigger %%I %%s', e.evtname,
    case e.evtenabled when 'D' then 'disable' when 'R' then 'enable replica' else 'enable always' end) end
  || coalesce(format(';\ncomment on event trigger %%I is ', e.evtname)
    || quote_literal(obj_description(e.oid, 'pg_event_trigger')), '')
from pg_event_trigger e join pg_proc p on p.oid = e.evtfoid join pg_namespace n on n.oid = p.pronamespace
where n.nspname = any(%(apps)s) order by e.oid
"""
# A statement that found a table under its old name, and waited for it, must not write to what was kept.
# What foreign keys to the platform's tables delete is let through: else nobody could delete an account.
REFUSE = """
create function {schema}.refuse() returns trigger language plpgsql as $$ begin
  raise exception 'this table was replaced by a restore' using errcode = '40001', hint = 'try again';
end $$
"""
GUARD = """
create trigger desk_refuse before insert or update or delete or truncate on {table}
for each statement when (pg_catalog.pg_trigger_depth() = 0) execute function {schema}.refuse()
"""
OWN_TABLES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname = any(%s) and has_table_privilege(c.oid, 'trigger')
"""


@dataclass(frozen=True)
class Kept:
    """The record of one switch.

    Args:
        run: that switched.
        what: it did, for people.
        schemas: schema -> the name that it is kept under.
        comments: of these schemas; none for a schema without one.
        triggers: statements for the triggers on the platform's tables.
        attached: statements for policies there, publications and event triggers.
        lines: the schema, as `catalogue.proof_lines` describes it.
        sums: rows and checksum of each table that took a kept one's place.
        outcome: what the run has to tell, for whoever finishes it.
    """

    run: str
    what: str
    schemas: Mapping[str, str]
    comments: Mapping[str, str] = field(default_factory=dict)
    triggers: tuple[str, ...] = ()
    attached: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    sums: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    outcome: Mapping[str, Any] = field(default_factory=dict)


def old_schema_name(run: str, schema: str) -> str:
    """What the run renames a schema to, in the 63 bytes that PostgreSQL allows; ends in `_` for ""."""
    name = f"{OLD_SCHEMA_PREFIX}{run}_{schema}"
    if len(name.encode()) <= LONGEST:
        return name
    mark = hashlib.sha256(schema.encode()).hexdigest()[:8]
    return name.encode()[: LONGEST - len(mark) - 1].decode(errors="ignore") + f"~{mark}"


def observe(
    connection: Connection, run: str, what: str, schemas: Iterable[str], lines: tuple[str, ...]
) -> Kept:
    """What is attached now, before the schemas are renamed; in a transaction without a `search_path`."""
    names = list(schemas)
    apps = {"apps": names}
    found = [
        tuple(str(row[0]) for row in connection.execute(query, apps))
        for query in (TRIGGERS, POLICIES, PUBLICATIONS, EVENT_TRIGGERS)
    ]
    comments = {name: text for name, text in connection.execute(COMMENTS, [names]) if text is not None}
    kept = {schema: old_schema_name(run, schema) for schema in names}
    return Kept(run, what, kept, comments, found[0], (*found[1], *found[2], *found[3]), lines)


def write(connection: Connection, kept: Kept) -> None:
    """Make the record, and refuse writes to what is kept; the caller commits it with the switch."""
    from psycopg import sql

    schema = sql.Identifier(old_schema_name(kept.run, ""))
    connection.execute(sql.SQL("create schema {}").format(schema))
    note = f"how the rest was attached; {kept.what}, run {kept.run}"
    connection.execute(sql.SQL("comment on schema {} is {}").format(schema, note))
    table = sql.SQL("{}.{}").format(schema, sql.Identifier(TABLE))
    connection.execute(sql.SQL("create table {} (document pg_catalog.jsonb not null)").format(table))
    insert = sql.SQL("insert into {} values (%s::pg_catalog.jsonb)").format(table)
    connection.execute(insert, [json.dumps(asdict(kept))])
    connection.execute(sql.SQL(REFUSE).format(schema=schema))
    for name in connection.execute(OWN_TABLES, [list(kept.schemas.values())]).fetchall():
        connection.execute(sql.SQL(GUARD).format(table=sql.Identifier(*name), schema=schema))


def read_all(connection: Connection) -> list[Kept]:
    """The records of all switches whose old schemas are kept, oldest first."""
    from psycopg import sql

    names = [str(name) for (name,) in connection.execute(RECORDS)]
    tables = [sql.Identifier(name, TABLE) for name in names]
    rows = [connection.execute(sql.SQL("select document from {}").format(table)) for table in tables]
    return [_kept(document) for cursor in rows for (document,) in cursor]


def _kept(document: Mapping[str, Any]) -> Kept:
    texts = {name: tuple(document[name]) for name in ("triggers", "attached", "lines")}
    sums = {table: (int(rows), str(checksum)) for table, (rows, checksum) in document["sums"].items()}
    return Kept(**{**document, **texts, "sums": sums})
