# pure
"""The catalogue's queries for drift alone: what no backup holds, and what only says who has which rights.

Settings of roles and of the database, the API's roles, owners whose rights code runs with, grants on the
platform's tables, cron jobs, and options of foreign servers. Each yields the columns of `catalogue.Row`.
"""

# ruff: noqa: S608 - the queries are put together from the constants below
from __future__ import annotations

from scripts.database.postgres.catalogue_objects import NOWHERE
from scripts.database.postgres.catalogue_queries import (
    ALWAYS,
    ATTRIBUTE,
    CLASS,
    FREE_CLASS,
    FREE_PROC,
    FUNCTION,
    NO_ACL,
    ON_RELATION,
    OWN,
    RELATION,
    RELATION_ACL,
    ROUTINE,
    acl,
)

RIGHTS = "runs with the rights of"  # an owner's; drift leaves out who owns most of the app's objects
API_ROLES = "('anon', 'authenticated', 'service_role', 'authenticator')"
PLATFORM_ROLES = "'^(pg_|supabase_|cli_login_|(pgbouncer|dashboard_user|pgtle_admin|cloud_admin)$)'"
# Set by Supabase on each of its projects; a scratch server lacks them.
PLATFORM_SETTINGS = """('authenticator session_preload_libraries=safeupdate',
  'authenticator session_preload_libraries=supautils, safeupdate', 'authenticator statement_timeout=8s',
  'authenticator lock_timeout=8s', 'postgres search_path="$user", public, extensions',
  'postgres search_path="\\$user", public, extensions')"""
# tables of the platform whose grants are the same in every project
SHARED = """(n.nspname = 'auth' or n.nspname = 'vault'
  or n.nspname = 'storage' and c.relname in ('objects', 'buckets'))"""


def _hidden(value: str) -> str:
    """What stands for a value that may be a secret: enough to see that it changed."""
    return f"'*** (' || left(md5({value}), 6) || ')'"


# The value of a setting that PostgreSQL does not know may be a secret (`app.settings.jwt_secret`).
SETTINGS = f"""
select {NOWHERE}, case s.setrole when 0 then 'database' else 'role' end,
  case s.setrole when 0 then 'settings' else s.setrole::regrole::text end,
  'setting ' || split_part(x, '=', 1), case when split_part(x, '=', 1) in (select name from pg_settings)
    or split_part(x, '=', 1) like 'pgrst.db\\_%'
    then substr(x, strpos(x, '=') + 1) else {_hidden("x")} end, {NO_ACL}
from pg_db_role_setting s cross join unnest(s.setconfig) x
where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
  and (s.setrole = 0 or s.setrole::regrole::text !~ {PLATFORM_ROLES})
  and concat(nullif(s.setrole, 0)::regrole, ' ', x) not in {PLATFORM_SETTINGS}
  and x !~ '^app\\.settings\\.jwt_'
union all
select {NOWHERE}, 'role', quote_ident(r.rolname), 'attributes', concat_ws(' ', case when r.rolsuper
    then 'superuser' end, case when r.rolbypassrls then 'bypassrls' end, case when r.rolcreaterole
    then 'createrole' end, case when r.rolcreatedb then 'createdb' end, case when r.rolreplication
    then 'replication' end, 'member of ' || (select string_agg(m.roleid::regrole::text, ', '
      order by m.roleid::regrole::text) from pg_auth_members m where m.member = r.oid)), {NO_ACL}
from pg_roles r where r.rolname in {API_ROLES}
"""
OWNERS = f"""
select {OWN}, {FUNCTION}, '{RIGHTS}', p.proowner::regrole::text, {NO_ACL}
from {ROUTINE} where p.prosecdef and {FREE_PROC}
union all
select {OWN}, {RELATION}, '{RIGHTS}', c.relowner::regrole::text, {NO_ACL}
from {CLASS} where c.relkind in ('v', 'm') and {FREE_CLASS}
  and not coalesce(c.reloptions, '{{}}') && array['security_invoker=true', 'security_invoker=on']
"""
PLATFORM_TABLES = f"""
select {ALWAYS}, {RELATION}, c.oid::regclass::text, null, {acl("c.relacl", RELATION_ACL, "c.relowner")}
from {CLASS} where c.relkind in ('r', 'p', 'v') and {SHARED}
union all
select {ALWAYS}, {RELATION}, 'column ' || c.oid::regclass || '.' || quote_ident(a.attname), null,
  {acl("a.attacl", "'c'", "c.relowner")}
from {ATTRIBUTE} where a.attacl is not null and not a.attisdropped and {SHARED}
union all
select {ALWAYS}, 'schema', quote_ident(n.nspname), 'schema ' || quote_ident(n.nspname), null,
  {acl("n.nspacl", "'n'", "n.nspowner")} from pg_namespace n where n.nspname in ('auth', 'storage', 'vault')
union all -- a webhook: the function is the platform's too, of another schema
select {ALWAYS}, {RELATION}, 'trigger ' || quote_ident(t.tgname) || {ON_RELATION},
  pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text, {NO_ACL}
from pg_trigger t join ({CLASS}) on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
where not t.tgisinternal and t.tgparentid = 0 and n.nspname in ('auth', 'storage')
  and p.pronamespace <> c.relnamespace
union all
select {ALWAYS}, {RELATION}, 'row security of ' || c.oid::regclass, concat_ws(' ', case
    when c.relrowsecurity then 'on' else 'off' end, case when c.relforcerowsecurity then 'forced' end),
  {NO_ACL}
from {CLASS} where c.relkind = 'r' and n.nspname = 'storage' and c.relname in ('objects', 'buckets')
"""
OPTIONS = f"""
select {NOWHERE}, 'server', quote_ident(k.srvname), 'option ' || split_part(x, '=', 1), case
    when split_part(x, '=', 1) in ('host', 'port', 'dbname', 'fetch_size', 'updatable')
    then substr(x, strpos(x, '=') + 1) else {_hidden("x")} end, {NO_ACL}
from pg_foreign_server k cross join unnest(k.srvoptions) x
union all
select {NOWHERE}, 'server', quote_ident(u.srvname), 'user mapping for ' || u.usename, concat_ws(' ',
  (select string_agg(split_part(x, '=', 1), ' ' order by x) from unnest(u.umoptions) x),
  {_hidden("array_to_string(u.umoptions, ',')")}), {NO_ACL}
from pg_user_mappings u
union all
select {OWN}, {RELATION}, 'options of its toast table', t.reloptions::text, {NO_ACL}
from {CLASS} join pg_class t on t.oid = c.reltoastrelid where t.reloptions is not null and {FREE_CLASS}
"""
QUERY = f"{SETTINGS} union all {OWNERS} union all {PLATFORM_TABLES} union all {OPTIONS}"
CRON_EXISTS = "select to_regclass('cron.job') is not null"
CRON = """select 'cron job ' || coalesce(to_jsonb(j) ->> 'jobname', j.jobid::text), concat_ws(' ',
  'schedule', j.schedule, case when to_jsonb(j) ->> 'active' = 'false' then 'inactive' end,
  'command', j.command) from cron.job j"""
EXTENSIONS = """select e.extname::text, 'in schema ' || quote_ident(n.nspname), e.extversion,
  (select a.default_version from pg_available_extensions a where a.name = e.extname)
from pg_extension e join pg_namespace n on n.oid = e.extnamespace"""
