"""A schema as text, read from the catalogue: for each thing the lines that define it.

Unlike `pg_dump -s` it needs no program of the server's major, names the thing that a line belongs to,
and knows no order: two schemas are equal when their descriptions are. Owners, comments and the order
of columns don't count; of the platform's own schemas only the triggers and policies that are ours do.
"""

# ruff: noqa: S608, E501 - the query is put together from the constants below
from __future__ import annotations

from collections.abc import Collection, Mapping

from scripts.database.postgres.client import Postgres
from scripts.database.postgres.url import Database

# `{ours}`: the namespace `n` is the team's own; `{free}`: the thing belongs to no extension.
TABLE = "'table ' || c.oid::regclass"
KIND = """case c.relkind when 'v' then 'view ' when 'm' then 'materialized view '
  when 'f' then 'foreign table ' when 'c' then 'type ' else 'table ' end || c.oid::regclass"""
FREE = "not exists (select from pg_depend d where d.classid = '{catalog}'::regclass and d.objid = {oid} and d.deptype = 'e')"
PLATFORM_ROLES = "^(supabase_|dashboard_user$|postgres$|pgbouncer$)"


def _grants(acl: str, kind: str, owner: str) -> str:
    """Who may do what, but for the owner and the platform's own roles."""
    explicit = f"coalesce({acl}, acldefault('{kind}', {owner}))"
    return f"""(select string_agg('grant to ' || who || ': ' || what, e'\\n' order by who) from (
      select case when g.grantee = 0 then 'public' else g.grantee::regrole::text end as who,
        string_agg(g.privilege_type || case when g.is_grantable then '*' else '' end, ', '
          order by g.privilege_type) as what
      from aclexplode({explicit}) g where g.grantee <> {owner} group by 1) granted
      where who !~ '{PLATFORM_ROLES}')"""


def _free(catalog: str, oid: str) -> str:
    return FREE.format(catalog=catalog, oid=oid)


RELATION = f"c.relkind in ('r','p','v','m','f','c') and {{ours}} and {_free('pg_class', 'c.oid')}"
ROUTINE = f"from pg_proc p join pg_namespace n on n.oid = p.pronamespace where {{ours}} and {_free('pg_proc', 'p.oid')}"

PARTS = (
    f"""select 'schema ' || quote_ident(n.nspname), 'schema' from pg_namespace n where {{ours}}
    union all select 'schema ' || quote_ident(n.nspname), {_grants("n.nspacl", "n", "n.nspowner")}
    from pg_namespace n where {{ours}}""",
    f"""select {KIND}, concat_ws(' ', case c.relkind when 'c' then 'composite' else 'relation' end,
      case c.relpersistence when 'u' then 'unlogged' end,
      case when c.relrowsecurity then 'row level security' end,
      case when c.relforcerowsecurity then 'forced' end,
      case when c.relkind in ('v','m','c') then null else
        case c.relreplident when 'f' then 'replica identity full' when 'n' then 'replica identity nothing' end end,
      'with (' || array_to_string(c.reloptions, ', ') || ')',
      'partition by ' || pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid))
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where {RELATION}""",
    f"""select {KIND}, {_grants("c.relacl", "r", "c.relowner")}
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where {RELATION} and c.relkind <> 'c'""",
    f"""select {KIND}, 'inherits ' || i.inhparent::regclass from pg_inherits i
    join pg_class c on c.oid = i.inhrelid join pg_namespace n on n.oid = c.relnamespace where {RELATION}""",
    f"""select {KIND}, concat_ws(' ', 'column', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
      case when a.attcollation not in (0, 100, t.typcollation)
        then 'collate ' || a.attcollation::regcollation end,
      case when a.attnotnull then 'not null' end,
      case a.attidentity when 'a' then 'identity always' when 'd' then 'identity by default' end,
      case a.attgenerated when '' then 'default' else 'generated' end || ' ' || pg_get_expr(e.adbin, e.adrelid))
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    join pg_type t on t.oid = a.atttypid left join pg_attrdef e on e.adrelid = c.oid and e.adnum = a.attnum
    where c.relkind in ('r','p','f','c') and a.attnum > 0 and not a.attisdropped and {RELATION}""",
    f"""select {KIND}, 'column ' || quote_ident(a.attname) || ' ' || {_grants("a.attacl", "c", "c.relowner")}
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where a.attacl is not null and not a.attisdropped and {RELATION}""",
    f"""select {KIND}, pg_get_viewdef(c.oid) from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('v','m') and {RELATION}""",
    # from 18 on `not null` is a constraint too: it stands with its column
    f"""select {TABLE}, 'constraint ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid)
    from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
    where k.contype <> 'n' and {RELATION}""",
    f"""select {KIND}, case when i.indisvalid then '' else 'invalid ' end || pg_get_indexdef(i.indexrelid)
    from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
    where not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p','u','x'))
      and {RELATION}""",
    f"""select {KIND}, pg_get_triggerdef(t.oid) || case t.tgenabled when 'O' then '' else ' -- ' || t.tgenabled::text end
    from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
    join pg_namespace n on n.oid = p.pronamespace where not t.tgisinternal and t.tgparentid = 0 and {{ours}}""",
    f"""select {KIND}, concat_ws(' ', 'policy', quote_ident(l.polname),
      case when not l.polpermissive then 'restrictive' end,
      'for', case l.polcmd when '*' then 'all' when 'r' then 'select' when 'a' then 'insert'
        when 'w' then 'update' else 'delete' end, 'to',
      (select string_agg(case r when 0 then 'public' else r::regrole::text end, ', ' order by 1)
        from unnest(l.polroles) r),
      'using (' || pg_get_expr(l.polqual, l.polrelid) || ')',
      'with check (' || pg_get_expr(l.polwithcheck, l.polrelid) || ')')
    from pg_policy l join pg_class c on c.oid = l.polrelid""",
    f"""select {KIND}, pg_get_ruledef(r.oid) from pg_rewrite r join pg_class c on c.oid = r.ev_class
    join pg_namespace n on n.oid = c.relnamespace where r.rulename <> '_RETURN' and {RELATION}""",
    f"""select 'function ' || p.oid::regprocedure, case p.prokind when 'a'
      then 'aggregate ' || pg_get_function_result(p.oid) else pg_get_functiondef(p.oid) end {ROUTINE}""",
    f"""select 'function ' || p.oid::regprocedure, {_grants("p.proacl", "f", "p.proowner")} {ROUTINE}""",
    f"""select 'type ' || t.oid::regtype, case t.typtype
      when 'e' then 'enum ' || (select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
        from pg_enum e where e.enumtypid = t.oid)
      when 'd' then concat_ws(' ', 'domain', format_type(t.typbasetype, t.typtypmod),
        case when t.typnotnull then 'not null' end, 'default ' || t.typdefault,
        (select string_agg(pg_get_constraintdef(k.oid), ' ' order by k.conname) from pg_constraint k
          where k.contypid = t.oid and k.contype <> 'n'))
      else 'range' end
    from pg_type t join pg_namespace n on n.oid = t.typnamespace
    where t.typtype in ('e','d','r') and {{ours}} and {_free("pg_type", "t.oid")}""",
    f"""select 'sequence ' || c.oid::regclass, concat_ws(' ', s.seqtypid::regtype, 'start', s.seqstart,
      'increment', s.seqincrement, 'from', s.seqmin, 'to', s.seqmax, case when s.seqcycle then 'cycle' end)
    from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
    where {{ours}} and {_free("pg_class", "c.oid")}
      and not exists (select from pg_depend i where i.objid = c.oid and i.deptype = 'i')""",
    """select 'publication ' || quote_ident(pubname), concat_ws(' ', 'table', quote_ident(schemaname) || '.' ||
      quote_ident(tablename), 'where ' || rowfilter) from pg_publication_tables
    join pg_namespace n on n.nspname = schemaname where {ours}""",
    """select 'event trigger ' || quote_ident(evtname), 'on ' || evtevent || ' ' || evtfoid::regprocedure
    from pg_event_trigger join pg_proc p on p.oid = evtfoid join pg_namespace n on n.oid = p.pronamespace
    where {ours}""",
)
EXTENSIONS = """select 'extension ' || quote_ident(extname), 'in schema ' || quote_ident(nspname)
from pg_extension join pg_namespace n on n.oid = extnamespace where extname <> all(%(extensions)s)"""
OURS = "n.nspname <> all(%(schemas)s) and n.nspname !~ '^(pg_|desk_aside_)'"
QUERY = " union all ".join([*PARTS, EXTENSIONS]).replace("{ours}", OURS)


def described(
    database: Database, schemas: Collection[str], extensions: Collection[str]
) -> Mapping[str, tuple[str, ...]]:
    """Thing -> its lines, in an order that is always the same; what the platform brings (these schemas and extensions) is left out.

    Raises:
        Unreachable: no connection, or the catalogue can't be read.
    """
    found: dict[str, set[str]] = {}
    with Postgres(database).session() as connection:
        connection.execute("set search_path = ''")
        given = {"schemas": list(schemas), "extensions": list(extensions)}
        for thing, text in connection.execute(QUERY, given):
            found.setdefault(thing, set()).update([text] if text else [])
    return {thing: tuple("\n".join(sorted(texts)).splitlines()) for thing, texts in sorted(found.items())}
