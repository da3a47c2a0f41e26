"""The questions behind `content`: what the catalogue says, in words that are the same on every server.

All are asked with an empty `search_path`, so that every name comes out with its schema.
"""

from __future__ import annotations

# Texts of values depend on these; nothing here may depend on who asks, or on the server's defaults.
SETTINGS = """
set local search_path = '';
set local datestyle = 'ISO, YMD';
set local intervalstyle = 'postgres';
set local timezone = 'UTC';
set local extra_float_digits = 1;
set local bytea_output = 'hex';
set local xmloption = 'content';
set local row_security = off;
set local statement_timeout = 0;
set local lock_timeout = '10s';
set local idle_in_transaction_session_timeout = 0;
set local max_parallel_workers_per_gather = 0;
set local jit = off;
"""

FOREIGN = "'^(pg_toast|pg_temp_|pg_toast_temp_)|^(pg_catalog|information_schema)$'"
# what belongs to an extension comes and goes with it
MEMBER = (
    "exists (select from pg_depend d where d.deptype = 'e' and d.classid = '{catalogue}'::regclass"
    " and d.objid = {oid})"
)


def _acl(column: str, kind: str, owner: str, computed: str = "") -> str:
    """Who may do what, in one order, whether it was granted or is the default."""
    default = f"acldefault({computed or repr(kind)}, {owner})"
    rights = f"unnest(coalesce({column}, {default})) x"
    return f"coalesce((select string_agg(x::text, ',' order by x::text) from {rights}), 'none')"  # noqa: S608


def _member(catalogue: str, oid: str) -> str:
    return MEMBER.format(catalogue=f"pg_catalog.{catalogue}", oid=oid)


# Types whose own hash tells every two values apart that are not equal, whatever server asks; the
# others are hashed as text. An enum's hash is its oid, a float's takes -0 for 0. A number in a
# jsonb counts by its value (1.0 is 1.00), as one of fixed scale does.
BINARY = "bool int2 int4 int8 text varchar uuid timestamp timestamptz date time bytea jsonb".split()
COLUMNS = """
select a.attrelid, a.attname, t.typname = any(%s) and t.typnamespace = 'pg_catalog'::regnamespace
    and coalesce(k.collisdeterministic, true)
  or (t.oid = 'pg_catalog.numeric'::regtype and a.atttypmod <> -1)
from pg_attribute a join pg_type t on t.oid = a.atttypid left join pg_collation k on k.oid = a.attcollation
where a.attrelid = any(%s) and a.attnum > 0 and not a.attisdropped order by a.attrelid, a.attnum
"""
TABLES = f"""
select c.oid, n.nspname, c.relname, pg_table_size(c.oid),
  (pg_relation_size(c.oid) / current_setting('block_size')::int)::bigint
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where (c.relkind = 'r' or c.relkind = 'm' and c.relispopulated) and c.relpersistence <> 't'
  and n.nspname !~ {FOREIGN} and not {_member("pg_class", "c.oid")} order by 2, 3
"""  # noqa: S608 - constants only
SEQUENCES = """
select schemaname, sequencename, coalesce(last_value, start_value), increment_by < 0 from pg_sequences
order by 1, 2
"""
EXTENSIONS = "select extname, extversion from pg_extension order by 1"
HAS_HISTORY = (
    "select from pg_tables where (schemaname, tablename) = ('supabase_migrations', 'schema_migrations')"
)
STANDING = """
select pg_current_wal_lsn()::text, current_setting('server_version'),
  current_setting('server_version_num')::int
"""

KIND = "case c.relkind when 'S' then 's' else 'r' end::\"char\""
# (schema it stands in, the schema that decides whether it is ours, the line)
SCHEMA = f"""
select n.nspname, 'grants on schema ' || quote_ident(n.nspname) || ': '
  || {_acl("n.nspacl", "n", "n.nspowner")}
from pg_namespace n where n.nspname !~ {FOREIGN}
union all
select n.nspname, 'grants on ' || c.oid::regclass || ': '
  || {_acl("c.relacl", "", "c.relowner", KIND)}
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and not {_member("pg_class", "c.oid")}
union all
select n.nspname, 'grants on column ' || c.oid::regclass || '.' || quote_ident(a.attname) || ': '
  || (select string_agg(x::text, ',' order by x::text) from unnest(a.attacl) x)
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where a.attacl is not null and not a.attisdropped and not {_member("pg_class", "c.oid")}
union all
select n.nspname, 'grants on function ' || p.oid::regprocedure || ': '
  || {_acl("p.proacl", "f", "p.proowner")}
from pg_proc p join pg_namespace n on n.oid = p.pronamespace where not {_member("pg_proc", "p.oid")}
union all
select n.nspname, 'grants on type ' || t.oid::regtype || ': ' || {_acl("t.typacl", "T", "t.typowner")}
from pg_type t join pg_namespace n on n.oid = t.typnamespace
where t.typtype in ('e', 'd', 'r') and not {_member("pg_type", "t.oid")}
union all
select n.nspname, case c.relkind when 'v' then 'view ' when 'm' then 'materialized view '
    when 'f' then 'foreign table ' else 'table ' end || c.oid::regclass || ': '
  || concat_ws(' ', c.relkind::text, c.relpersistence::text,
    case when c.relrowsecurity then 'row security' end,
    case when c.relforcerowsecurity then 'forced' end, nullif(c.relreplident::text, 'd'),
    c.reloptions::text, pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid),
    (select string_agg('child of ' || i.inhparent::regclass, ' ' order by i.inhseqno)
      from pg_inherits i where i.inhrelid = c.oid),
    case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not {_member("pg_class", "c.oid")}
union all
select n.nspname, 'column ' || c.oid::regclass || '.' || quote_ident(a.attname) || ': '
  || concat_ws(' ', format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end,
    'default ' || pg_get_expr(d.adbin, d.adrelid), nullif(a.attidentity::text, ''),
    nullif(a.attgenerated::text, ''),
    (select 'collate ' || k.collname from pg_collation k, pg_type t
      where k.oid = a.attcollation and t.oid = a.atttypid and t.typcollation <> a.attcollation))
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
left join pg_attrdef d on (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'c') and a.attnum > 0 and not a.attisdropped
  and not {_member("pg_class", "c.oid")}
union all
select n.nspname, 'sequence ' || c.oid::regclass || ': ' || concat_ws(' ', s.seqtypid::regtype, s.seqstart,
  s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
  (select 'owned by ' || d.refobjid::regclass || '.' || a.attname
    from pg_depend d join pg_attribute a
    on (a.attrelid, a.attnum) = (d.refobjid, d.refobjsubid)
    where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid
    and d.deptype in ('a', 'i') and d.refobjsubid > 0 limit 1))
from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
where not {_member("pg_class", "c.oid")}
union all
select n.nspname, 'constraint ' || quote_ident(k.conname) || ' on '
  || coalesce(nullif(k.conrelid, 0)::regclass::text, k.contypid::regtype::text) || ': '
  || pg_get_constraintdef(k.oid)
from pg_constraint k join pg_namespace n on n.oid = k.connamespace
where k.contype not in ('n', 't') and not (k.contype = 'f' and k.conparentid <> 0)
  and not {_member("pg_class", "k.conrelid")} and not {_member("pg_type", "k.contypid")}
union all
select n.nspname, 'index ' || i.indexrelid::regclass || ': ' || pg_get_indexdef(i.indexrelid)
  || case when i.indisvalid then '' else ' INVALID' end
  || case when i.indisclustered then ' clustered' else '' end
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ {FOREIGN} and not {_member("pg_class", "i.indrelid")}
union all
select n.nspname, 'function ' || p.oid::regprocedure || ': ' || case when p.prokind = 'a' then 'aggregate'
    else pg_get_functiondef(p.oid) end
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname !~ {FOREIGN} and not {_member("pg_proc", "p.oid")}
union all
select n.nspname, 'type ' || t.oid::regtype || ': ' || concat_ws(' ', t.typtype::text,
  (select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
    from pg_enum e where e.enumtypid = t.oid),
  case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end, t.typdefault,
  case when t.typnotnull then 'not null' end,
  (select format_type(r.rngsubtype, null) from pg_range r where r.rngtypid = t.oid))
from pg_type t join pg_namespace n on n.oid = t.typnamespace
where t.typtype in ('e', 'd', 'r') and not {_member("pg_type", "t.oid")}
union all
select n.nspname, 'statistics ' || quote_ident(n.nspname) || '.' || quote_ident(s.stxname) || ': '
  || pg_get_statisticsobjdef(s.oid)
from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace
union all
select n.nspname, 'comment on ' || d.classoid::regclass || ' '
  || pg_describe_object(d.classoid, d.objoid, d.objsubid) || ': ' || d.description
from pg_description d join pg_class c on d.classoid = 'pg_catalog.pg_class'::regclass and c.oid = d.objoid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ {FOREIGN} and not {_member("pg_class", "c.oid")}
"""  # noqa: S608 - constants only

# what may hang on a table of the platform and is ours all the same: by the schema of the table, then
# by that of the function, if it calls one
HANGING = f"""
select n.nspname, f.nspname, 'trigger ' || quote_ident(t.tgname) || ' on ' || t.tgrelid::regclass || ': '
  || pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
join pg_proc p on p.oid = t.tgfoid join pg_namespace f on f.oid = p.pronamespace
where not t.tgisinternal and t.tgparentid = 0
union all
select p.schemaname, null, 'policy ' || quote_ident(p.policyname) || ' on '
  || quote_ident(p.schemaname) || '.' || quote_ident(p.tablename) || ': '
  || concat_ws(' ', p.permissive, p.roles::text, p.cmd, p.qual, p.with_check)
from pg_policies p
union all
select p.schemaname, null, 'publication ' || quote_ident(p.pubname) || ' of '
  || quote_ident(p.schemaname) || '.' || quote_ident(p.tablename) || ': '
  || concat_ws(' ', p.attnames::text, p.rowfilter)
from pg_publication_tables p
union all
select n.nspname, null, 'rule ' || quote_ident(r.rulename) || ' on ' || r.ev_class::regclass || ': '
  || pg_get_ruledef(r.oid)
from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
where r.rulename <> '_RETURN' and n.nspname !~ {FOREIGN} and not {_member("pg_class", "c.oid")}
"""  # noqa: S608 - constants only
