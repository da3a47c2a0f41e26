# pure
"""The catalogue's queries about schemas, tables, routines, types, and what is attached to tables.

Each yields the columns of `catalogue.Row`. The text of a line must not change: backups store them.
"""

# ruff: noqa: S608 - the queries are put together from the constants below
from __future__ import annotations

FOREIGN = "'^(pg_toast|pg_temp_|pg_toast_temp_)|^(pg_catalog|information_schema)$'"


def is_member(catalogue: str, oid: str) -> str:
    """Belongs to an extension, and so comes and goes with it."""
    return (
        "exists (select from pg_depend d where d.deptype = 'e'"
        f" and d.classid = 'pg_catalog.{catalogue}'::regclass and d.objid = {oid})"
    )


def acl(column: str, kind: str, owner: str) -> str:
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
  {acl("n.nspacl", "'n'", "n.nspowner")}
from pg_namespace n where n.nspname !~ {FOREIGN}
union all
select {OWN}, {RELATION}, c.oid::regclass::text, null,
  {acl("c.relacl", RELATION_ACL, "c.relowner")}
from {CLASS} where c.relkind in ('r','p','v','m','f','S') and {FREE_CLASS}
union all
select {OWN}, {RELATION}, 'column ' || c.oid::regclass || '.' || quote_ident(a.attname), null,
  {acl("a.attacl", "'c'", "c.relowner")}
from {ATTRIBUTE} where a.attacl is not null and not a.attisdropped and {FREE_CLASS}
union all
select {OWN}, {FUNCTION}, 'function ' || p.oid::regprocedure, null,
  {acl("p.proacl", "'f'", "p.proowner")}
from {ROUTINE} where {FREE_PROC}
union all
select {OWN}, {TYPE}, 'type ' || t.oid::regtype, null, {acl("t.typacl", "'T'", "t.typowner")}
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

# The tables and views of all schemas but PostgreSQL's own: schema, and what each is. Not partitions, which
# come and go, and not what extensions bring.
TABLES = f"""
select n.nspname::text, {KIND} || ' ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname)
from {CLASS} where c.relkind in ('r','p','v','m','f') and not c.relispartition and {FREE_CLASS}"""

# ordinary tables, which may hold rows: schema, and the name as a query writes it
FILLABLE = """select n.nspname::text, c.oid::regclass::text from pg_class c
join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and c.relpersistence <> 't'"""
