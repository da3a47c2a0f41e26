"""A schema as text, read from PostgreSQL's catalogue: the only describer, for backup proofs and for drift.

Unlike `pg_dump -s` it needs no program of the server's major version, and the order in which objects
were created does not show. Owners and the order of columns are not compared. In schemas that are not the
app's, only triggers that call the app's functions, policies, rules and publications are described.

A proof's lines are stored in backups (`schema.json`), so their text must not change: add a kind instead.
"""

# ruff: noqa: S608 - the queries are put together from the constants below
from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import psycopg


IsOurs = Callable[[str], bool]
OLD_SCHEMA_PREFIX = "desk_aside_"  # of schemas that a restore replaced, and keeps for a while

FOREIGN = "'^(pg_toast|pg_temp_|pg_toast_temp_)|^(pg_catalog|information_schema)$'"
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


def is_member(catalogue: str, oid: str) -> str:
    """Belongs to an extension, and so comes and goes with it."""
    return (
        "exists (select from pg_depend d where d.deptype = 'e'"
        f" and d.classid = 'pg_catalog.{catalogue}'::regclass and d.objid = {oid})"
    )


def _acl(column: str, kind: str, owner: str) -> str:
    """Who may do what, whether it was granted or is the default; in one order on every server."""
    rights = f"unnest(coalesce({column}, acldefault({kind}, {owner}))) x"
    return f"""array(select x::text from {rights} order by x::text collate "C")"""


# The columns of `Row`: `select {OWN}, kind, name, label, text, acl`; `n` is the object's namespace.
OWN = "n.nspname::text, n.nspname::text"
ALWAYS = "n.nspname::text, null"
KIND = """case c.relkind when 'v' then 'view' when 'm' then 'materialized view'
  when 'f' then 'foreign table' when 'S' then 'sequence' when 'c' then 'type' when 'i' then 'index'
  when 'I' then 'index' else 'table' end"""
RELATION = f"{KIND}, c.oid::regclass::text"
FUNCTION = "'function', p.oid::regprocedure::text"
TYPE = "'type', t.oid::regtype::text"
NO_ACL = "null::text[]"
RELATION_ACL = "case c.relkind when 'S' then 's' else 'r' end::\"char\""
ON_RELATION = "' on ' || c.oid::regclass"
CLASS = "pg_class c join pg_namespace n on n.oid = c.relnamespace"
ATTRIBUTE = f"pg_attribute a join ({CLASS}) on c.oid = a.attrelid"
ROUTINE = "pg_proc p join pg_namespace n on n.oid = p.pronamespace"
FREE_CLASS = f"n.nspname !~ {FOREIGN} and not {is_member('pg_class', 'c.oid')}"
FREE_PROC = f"n.nspname !~ {FOREIGN} and not {is_member('pg_proc', 'p.oid')}"
FREE_TYPE = f"n.nspname !~ {FOREIGN} and not {is_member('pg_type', 't.oid')}"
BY_NAME = """join pg_namespace n on n.nspname = v.schemaname
  join pg_class c on (c.relnamespace, c.relname) = (n.oid, v.tablename)"""

GRANTS = f"""
select {OWN}, 'schema', quote_ident(n.nspname), 'schema ' || quote_ident(n.nspname), null,
  {_acl("n.nspacl", "'n'", "n.nspowner")}
from pg_namespace n where n.nspname !~ {FOREIGN}
union all
select {OWN}, {RELATION}, c.oid::regclass::text, null,
  {_acl("c.relacl", RELATION_ACL, "c.relowner")}
from {CLASS} where c.relkind in ('r','p','v','m','f','S') and {FREE_CLASS}
union all
select {OWN}, {RELATION}, 'column ' || c.oid::regclass || '.' || quote_ident(a.attname), null,
  {_acl("a.attacl", "'c'", "c.relowner")}
from {ATTRIBUTE} where a.attacl is not null and not a.attisdropped and {FREE_CLASS}
union all
select {OWN}, {FUNCTION}, 'function ' || p.oid::regprocedure, null,
  {_acl("p.proacl", "'f'", "p.proowner")}
from {ROUTINE} where {FREE_PROC}
union all
select {OWN}, {TYPE}, 'type ' || t.oid::regtype, null, {_acl("t.typacl", "'T'", "t.typowner")}
from pg_type t join pg_namespace n on n.oid = t.typnamespace
where t.typtype in ('e','d','r') and {FREE_TYPE}
"""
RELATIONS = f"""
select {OWN}, {RELATION}, {KIND} || ' ' || c.oid::regclass,
  concat_ws(' ', c.relkind::text, c.relpersistence::text,
    case when c.relrowsecurity then 'row security' end,
    case when c.relforcerowsecurity then 'forced' end, nullif(c.relreplident::text, 'd'),
    c.reloptions::text, pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid),
    (select string_agg('child of ' || i.inhparent::regclass, ' ' order by i.inhseqno)
      from pg_inherits i where i.inhrelid = c.oid),
    case when c.relkind in ('v','m') then pg_get_viewdef(c.oid) end), {NO_ACL}
from {CLASS} where c.relkind in ('r','p','v','m','f') and {FREE_CLASS}
union all
select {OWN}, {RELATION}, 'column ' || c.oid::regclass || '.' || quote_ident(a.attname),
  concat_ws(' ', format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end,
    'default ' || pg_get_expr(d.adbin, d.adrelid), nullif(a.attidentity::text, ''),
    nullif(a.attgenerated::text, ''),
    (select 'collate ' || k.collname from pg_collation k, pg_type t
      where k.oid = a.attcollation and t.oid = a.atttypid and t.typcollation <> a.attcollation)),
  {NO_ACL}
from {ATTRIBUTE} left join pg_attrdef d on (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
where c.relkind in ('r','p','v','m','f','c') and a.attnum > 0 and not a.attisdropped and {FREE_CLASS}
union all
select {OWN}, {RELATION}, {KIND} || ' ' || c.oid::regclass,
  concat_ws(' ', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache,
    s.seqcycle, (select 'owned by ' || d.refobjid::regclass || '.' || a.attname
      from pg_depend d join pg_attribute a on (a.attrelid, a.attnum) = (d.refobjid, d.refobjsubid)
      where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid
      and d.deptype in ('a','i') and d.refobjsubid > 0 limit 1)), {NO_ACL}
from pg_sequence s join ({CLASS}) on c.oid = s.seqrelid where {FREE_CLASS}
union all -- from 18 on `not null` is a constraint too: it is described with its column
select {OWN}, case when c.oid is null then 'type' else {KIND} end,
  coalesce(c.oid::regclass::text, k.contypid::regtype::text), 'constraint ' || quote_ident(k.conname)
  || ' on ' || coalesce(c.oid::regclass::text, k.contypid::regtype::text),
  pg_get_constraintdef(k.oid), {NO_ACL}
from pg_constraint k join pg_namespace n on n.oid = k.connamespace
left join pg_class c on c.oid = k.conrelid
where k.contype not in ('n','t') and not (k.contype = 'f' and k.conparentid <> 0) and {FREE_CLASS}
  and not {is_member("pg_type", "k.contypid")}
union all
select {OWN}, {RELATION}, 'index ' || i.indexrelid::regclass, pg_get_indexdef(i.indexrelid)
  || case when i.indisvalid then '' else ' INVALID' end
  || case when i.indisclustered then ' clustered' else '' end, {NO_ACL}
from pg_index i join ({CLASS}) on c.oid = i.indrelid where {FREE_CLASS}
union all
select {OWN}, {RELATION}, 'statistics ' || quote_ident(n.nspname) || '.' || quote_ident(s.stxname),
  pg_get_statisticsobjdef(s.oid), {NO_ACL}
from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace join pg_class c on c.oid = s.stxrelid
union all
select {OWN}, {RELATION}, 'comment on ' || d.classoid::regclass || ' '
  || pg_describe_object(d.classoid, d.objoid, d.objsubid), d.description, {NO_ACL}
from pg_description d join ({CLASS}) on c.oid = d.objoid
where d.classoid = 'pg_catalog.pg_class'::regclass and {FREE_CLASS}
"""
ROUTINES_AND_TYPES = f"""
select {OWN}, {FUNCTION}, 'function ' || p.oid::regprocedure,
  case p.prokind when 'a' then 'aggregate' else pg_get_functiondef(p.oid) end, {NO_ACL}
from {ROUTINE} where {FREE_PROC}
union all
select {OWN}, {FUNCTION}, 'aggregate ' || p.oid::regprocedure,
  concat_ws(' ', pg_get_function_result(p.oid), g.aggtransfn::text, g.aggtranstype::regtype,
    g.aggfinalfn::text, g.agginitval), {NO_ACL}
from pg_aggregate g join ({ROUTINE}) on p.oid = g.aggfnoid where {FREE_PROC}
union all
select {OWN}, {TYPE}, 'type ' || t.oid::regtype, concat_ws(' ', t.typtype::text,
    (select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
      from pg_enum e where e.enumtypid = t.oid),
    case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end, t.typdefault,
    case when t.typnotnull then 'not null' end,
    (select format_type(r.rngsubtype, null) from pg_range r where r.rngtypid = t.oid)), {NO_ACL}
from pg_type t join pg_namespace n on n.oid = t.typnamespace
where t.typtype in ('e','d','r') and {FREE_TYPE}
union all
select {OWN}, {RELATION}, 'composite type ' || c.oid::regclass, '', {NO_ACL}
from {CLASS} where c.relkind = 'c' and {FREE_CLASS}
union all
select {OWN}, 'event trigger', quote_ident(v.evtname), 'event trigger ' || quote_ident(v.evtname),
  concat_ws(' ', v.evtevent, v.evttags::text, p.oid::regprocedure, v.evtenabled::text), {NO_ACL}
from pg_event_trigger v join ({ROUTINE}) on p.oid = v.evtfoid
"""
# what may be attached to a table of the platform, and is the app's all the same
ATTACHED = f"""
select n.nspname::text, f.nspname::text, {RELATION}, 'trigger ' || quote_ident(t.tgname) || {ON_RELATION},
  pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text, {NO_ACL}
from pg_trigger t join ({CLASS}) on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
join pg_namespace f on f.oid = p.pronamespace where not t.tgisinternal and t.tgparentid = 0
union all
select {ALWAYS}, {RELATION}, 'policy ' || quote_ident(v.policyname) || {ON_RELATION},
  concat_ws(' ', v.permissive, v.roles::text, v.cmd, v.qual, v.with_check), {NO_ACL}
from pg_policies v {BY_NAME}
union all
select {ALWAYS}, {RELATION}, 'publication ' || quote_ident(v.pubname) || ' of ' || c.oid::regclass,
  concat_ws(' ', v.attnames::text, v.rowfilter), {NO_ACL}
from pg_publication_tables v {BY_NAME}
union all
select {ALWAYS}, {RELATION}, 'rule ' || quote_ident(r.rulename) || {ON_RELATION}, pg_get_ruledef(r.oid),
  {NO_ACL}
from pg_rewrite r join ({CLASS}) on c.oid = r.ev_class where r.rulename <> '_RETURN' and {FREE_CLASS}
"""
QUERY = f"{GRANTS} union all {RELATIONS} union all {ROUTINES_AND_TYPES} union all {ATTACHED}"
EXTENSIONS = """select 'extension ' || quote_ident(extname), 'in schema ' || quote_ident(nspname)
from pg_extension join pg_namespace n on n.oid = extnamespace where extname <> all(%s)"""
# Kinds that were added after the first backups were taken: their `schema.json` has none of them.
ADDED_KINDS = ("aggregate ", "composite type ", "event trigger ")


def proof_lines(connection: psycopg.Connection[Any], is_ours: IsOurs) -> tuple[str, ...]:
    """One sorted line for each thing: `trigger x on auth.users: CREATE TRIGGER ...`."""
    return tuple(sorted({_proof_line(row) for row in _rows(connection, is_ours)}))


def describe(
    connection: psycopg.Connection[Any], is_ours: IsOurs, platform_extensions: Collection[str]
) -> Mapping[str, tuple[str, ...]]:
    """Object (`table public.bookings`) -> its lines, in an order that is always the same.

    Leaves out the platform's extensions, what the platform publishes of its own tables, and grants to
    owners and to the platform's roles, which differ from one server to another.
    """
    things: dict[str, set[str]] = {}
    connection.execute("set search_path = ''")
    for row in _rows(connection, is_ours):
        if row.label.startswith("publication ") and not is_ours(row.schema):
            continue
        things.setdefault(f"{row.kind} {row.name}", set()).update(_drift_texts(row))
    for thing, text in connection.execute(EXTENSIONS, [list(platform_extensions)]):
        things[thing] = {text}
    return {
        thing: tuple("\n".join(sorted(texts)).splitlines()) or (thing.partition(" ")[0],)
        for thing, texts in sorted(things.items())
    }


def _rows(connection: psycopg.Connection[Any], is_ours: IsOurs) -> Iterator[Row]:
    """What counts; asked with an empty `search_path`, so that every name comes with its schema."""
    for row in map(Row._make, connection.execute(QUERY)):
        if row.schema.startswith(OLD_SCHEMA_PREFIX):
            continue
        if row.decides is None or is_ours(row.schema) or is_ours(row.decides):
            yield row


def _proof_line(row: Row) -> str:
    if row.acl is None:
        line = f"{row.label}: {row.text}"
    else:
        line = f"grants on {row.label}: {','.join(row.acl) or 'none'}"
    return " ".join(line.split())


def _drift_texts(row: Row) -> Iterator[str]:
    """The line without the name of the object that it stands below; one line for each role's grants."""
    own = row.label in (row.name, f"{row.kind} {row.name}")
    label = row.label.removesuffix(f" on {row.name}").replace(f" {row.name}.", " ", 1)
    if row.acl is None:
        yield f"{row.kind if own else label} {row.text}"
        return
    for grant in grants(row.acl):
        yield grant if own else f"{label} {grant}"


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


# The names alone of what migrations create, platform schemas included, to see what a failed one left
# behind. An index that a failed `create index concurrently` left is an `invalid index`.
NAMES = """
select case c.relkind when 'r' then 'table' when 'p' then 'table' when 'v' then 'view'
  when 'm' then 'materialized view' when 'S' then 'sequence' when 'f' then 'foreign table'
  when 'i' then case when i.indisvalid then 'index' else 'invalid index' end
  else 'relation' end || ' ' || c.oid::regclass
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_index i on i.indexrelid = c.oid
where c.relkind in ('r','p','v','m','S','f','i') and {ours}
union all select 'column ' || c.oid::regclass || '.' || a.attname
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r','p') and a.attnum > 0 and not a.attisdropped and {ours}
union all select 'function ' || p.oid::regprocedure
from pg_proc p join pg_namespace n on n.oid = p.pronamespace where {ours}
union all select 'type ' || t.oid::regtype
from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.typtype in ('e','d') and {ours}
union all select 'trigger ' || t.tgname || ' on ' || t.tgrelid::regclass
from pg_trigger t where not t.tgisinternal
union all select 'policy ' || p.polname || ' on ' || p.polrelid::regclass from pg_policy p
union all select 'constraint ' || k.conname || ' on ' || k.conrelid::regclass
from pg_constraint k join pg_namespace n on n.oid = k.connamespace where k.conrelid <> 0 and {ours}
union all select 'publication ' || pubname from pg_publication
union all select 'schema ' || n.nspname from pg_namespace n where {ours}
union all select 'extension ' || extname from pg_extension
""".replace("{ours}", "n.nspname !~ '^(pg_|information_schema$|supabase_migrations$)'")
