# pure
"""What the database's own user could not create again: no backup of it can be restored in place.

A superuser made it, or it belongs to a role that this user is no member of. The check is made before a
dump, so that no backup is called proven that `db.restore` would refuse.
"""

# ruff: noqa: S608 - the queries are put together from the constants below
from __future__ import annotations

from typing import NamedTuple

from scripts.database.postgres.catalogue_queries import (
    CLASS,
    FREE_CLASS,
    FREE_PROC,
    FREE_TYPE,
    KIND,
    ROUTINE,
    is_member,
)

# In all queries, `n` is the schema. Each yields the columns of `Unrestorable`.
FOREIGN_OWNER = "not pg_has_role({owner}, 'usage')"
OWNED = "'is owned by ' || {owner}::regrole || ', and ' || current_user || ' is no member of that role'"
MAKE_OWNER = "format('alter %s %s owner to %I', {kind}, {name}, current_user)"


def _owned(kind: str, name: str, owner: str, source: str, schema: str = "n.nspname") -> str:
    """Objects whose owner this user can't act as."""
    return (
        f"select {schema}, {kind} || ' ' || {name}, {OWNED.format(owner=owner)},"
        f" {MAKE_OWNER.format(kind=kind, name=name, owner=owner)} {source}"
        f" and {FOREIGN_OWNER.format(owner=owner)}"
    )


def _superusers(kind: str, name: str, source: str) -> str:
    """Objects that only a superuser may create."""
    return (
        f"select n.nspname, '{kind} ' || {name}, 'can be made by a superuser only',"
        f" format('drop {kind} %s', {name}) {source}"
    )


def _named(column: str) -> str:
    return f"quote_ident(n.nspname) || '.' || quote_ident(k.{column})"


def _in(source: str, catalogue: str, namespace: str) -> str:
    return (
        f"from {source} join pg_namespace n on n.oid = k.{namespace}"
        f" where not {is_member(catalogue, 'k.oid')}"
    )


ROUTINE_KIND = "case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end"
OWN_CLASSES = f"from {CLASS} where c.relkind in ('r','p','v','m','f','S') and {FREE_CLASS}"
# not the constructors of a range type, which come with it
OWN_ROUTINE = f"""{FREE_PROC} and not exists (select from pg_depend d
  where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'i')"""
OPERATOR_CLASSES = _in("pg_opclass k join pg_am m on m.oid = k.opcmethod", "pg_opclass", "opcnamespace")
OWNED_BY_OTHERS = (
    _owned(
        KIND,
        "c.oid::regclass",
        "c.relowner",
        f"""{OWN_CLASSES} and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass
          and d.objid = c.oid and d.deptype in ('a','i') and d.refobjsubid > 0)""",
    ),
    _owned(ROUTINE_KIND, "p.oid::regprocedure", "p.proowner", f"from {ROUTINE} where {OWN_ROUTINE}"),
    _owned(
        "'type'",
        "t.oid::regtype",
        "t.typowner",
        f"""from pg_type t join pg_namespace n on n.oid = t.typnamespace
        where t.typtype in ('e','d','r') and {FREE_TYPE}""",
    ),
    _owned(
        "'schema'",
        "quote_ident(n.nspname)",
        "n.nspowner",
        "from pg_namespace n where n.nspname <> 'public'",
    ),
    _owned(
        "'large object'",
        "k.oid",
        "k.lomowner",
        "from pg_largeobject_metadata k where true",
        schema="'public'",
    ),
    _owned(
        "'event trigger'",
        "quote_ident(v.evtname)",
        "v.evtowner",
        f"from pg_event_trigger v join ({ROUTINE}) on p.oid = v.evtfoid where true",
    ),
    _owned(
        "'publication'",
        "quote_ident(k.pubname)",
        "k.pubowner",
        f"""from pg_publication_rel r join pg_publication k on k.oid = r.prpubid
        join ({CLASS}) on c.oid = r.prrelid where true""",
    ),
)
MADE_BY_SUPERUSERS = (
    _superusers("operator class", f"{_named('opcname')} || ' using ' || m.amname", OPERATOR_CLASSES),
    _superusers(
        "text search parser", _named("prsname"), _in("pg_ts_parser k", "pg_ts_parser", "prsnamespace")
    ),
    _superusers(
        "text search template",
        _named("tmplname"),
        _in("pg_ts_template k", "pg_ts_template", "tmplnamespace"),
    ),
    _superusers(
        "type",
        "t.oid::regtype",
        f"""from pg_type t join pg_namespace n on n.oid = t.typnamespace
        where t.typtype = 'b' and t.typelem = 0 and {FREE_TYPE}""",
    ),
)
WHOLE_SCHEMAS = """
select n.nspname, 'publication ' || quote_ident(k.pubname),
  'publishes a whole schema, which a superuser can do only',
  format('alter publication %I drop tables in schema %I', k.pubname, n.nspname)
from pg_publication_namespace r join pg_publication k on k.oid = r.pnpubid
join pg_namespace n on n.oid = r.pnnspid
"""
FUNCTIONS = f"""
select n.nspname, {ROUTINE_KIND} || ' ' || p.oid::regprocedure,
  case when p.proleakproof then 'is leakproof, which only a superuser can declare'
    else 'is written in `' || l.lanname || '`, which only a superuser can use' end,
  format(case when p.proleakproof then 'alter function %s not leakproof' else 'drop function %s' end,
    p.oid::regprocedure)
from {ROUTINE} join pg_language l on l.oid = p.prolang where {OWN_ROUTINE} and (p.proleakproof
  or p.prokind <> 'a' and not (l.lanpltrusted and has_language_privilege(l.oid, 'usage')))
"""
DEFAULT_PRIVILEGES = """
select n.nspname,
  concat('default privileges of ', k.defaclrole::regrole, ' in schema ', quote_ident(n.nspname)),
  concat('belong to a role of which ', current_user, ' is no member'),
  format('grant %s to %I', k.defaclrole::regrole, current_user)
from pg_default_acl k join pg_namespace n on n.oid = k.defaclnamespace
where not pg_has_role(k.defaclrole, 'usage') and k.defaclrole::regrole::text !~ '^supabase_'
"""
OWNERS_WITHOUT_RIGHTS = f"""
select n.nspname, {KIND} || ' ' || c.oid::regclass,
  concat('is owned by ', c.relowner::regrole, ', who may not create anything in ', quote_ident(n.nspname)),
  format('grant create on schema %I to %s', n.nspname, c.relowner::regrole)
{OWN_CLASSES} and c.relowner <> (select oid from pg_roles where rolname = current_user)
  and pg_has_role(c.relowner, 'usage') and not has_schema_privilege(c.relowner, n.oid, 'create')
"""
QUERY = " union all ".join(
    (
        *OWNED_BY_OTHERS,
        *MADE_BY_SUPERUSERS,
        *(WHOLE_SCHEMAS, FUNCTIONS, DEFAULT_PRIVILEGES, OWNERS_WITHOUT_RIGHTS),
    )
)

# The schemas in which this user owns anything: one that only reads restores nothing anyway.
SCHEMAS_OF_OWN = f"select distinct n.nspname {OWN_CLASSES} and pg_has_role(c.relowner, 'usage')"


class Unrestorable(NamedTuple):
    """An object that this user can't create again, why, and the statement that fixes it."""

    schema: str
    what: str
    why: str
    fix: str
