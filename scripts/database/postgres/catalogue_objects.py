# pure
"""The catalogue's queries about everything that `catalogue_queries` leaves out.

Casts, operators, text search, collations, default privileges, publications, foreign servers, large
objects, comments, owners, and how columns are stored. Each yields the columns of `catalogue.Row`.
"""

# ruff: noqa: S608 - the queries are put together from the constants below
from __future__ import annotations

from scripts.database.postgres.catalogue_queries import (
    ALWAYS,
    ATTRIBUTE,
    CLASS,
    FOREIGN,
    FREE_CLASS,
    FREE_PROC,
    FREE_TYPE,
    FUNCTION,
    KIND,
    NO_ACL,
    ON_RELATION,
    OWN,
    RELATION,
    ROUTINE,
    TYPE,
    acl,
    is_member,
)

NOWHERE = "''::text, null"  # for what is in no schema
FIRST_OID = 16384  # what `initdb` made has a lower one
ROLES = "'^(supabase_|(pgbouncer|dashboard_user|authenticator|pgtle_admin|cloud_admin)$)'"  # the platform's
OPTION_NAMES = "(select string_agg(split_part(o, '=', 1), ' ' order by o) from unnest({}) o)"


def _in_schema(catalogue: str, name: str, namespace: str, more: str = "") -> str:
    """`from` and `where` of a catalogue whose objects are in a schema; `k` is the object."""
    return (
        f"from {catalogue} k {more} join pg_namespace n on n.oid = k.{namespace}"
        f" where n.nspname !~ {FOREIGN} and not {is_member(catalogue, 'k.oid')} and k.{name} is not null"
    )


def _named(kind: str, name: str) -> str:
    """The kind, the name and the label of an object in a schema."""
    full = f"quote_ident(n.nspname) || '.' || quote_ident(k.{name})"
    return f"'{kind}', {full}, '{kind} ' || {full}"


# An option's value may be a password or an API key: only the names are described.
CASTS_AND_OPERATORS = f"""
select case when sn.nspname like 'desk\\_aside\\_%' or tn.nspname = 'pg_catalog' then sn.nspname
    else tn.nspname end::text,
  case when sn.nspname = tn.nspname and tn.nspname = 'pg_catalog' then null
    when tn.nspname = 'pg_catalog' then sn.nspname else tn.nspname end::text,
  'cast', format('(%s AS %s)', s.oid::regtype, t.oid::regtype),
  format('cast (%s AS %s)', s.oid::regtype, t.oid::regtype),
  concat_ws(' ', k.castcontext, k.castmethod, nullif(k.castfunc, 0)::regprocedure), {NO_ACL}
from pg_cast k join pg_type s on s.oid = k.castsource join pg_namespace sn on sn.oid = s.typnamespace
join pg_type t on t.oid = k.casttarget join pg_namespace tn on tn.oid = t.typnamespace
where k.oid >= {FIRST_OID} and not {is_member("pg_cast", "k.oid")}
union all
select {OWN}, 'operator', k.oid::regoperator::text, 'operator ' || k.oid::regoperator,
  concat_ws(' ', k.oprcode, nullif(k.oprcom, 0)::regoperator, nullif(k.oprnegate, 0)::regoperator,
    case when k.oprcanmerge then 'merges' end, case when k.oprcanhash then 'hashes' end,
    nullif(k.oprrest, 0)::regproc, nullif(k.oprjoin, 0)::regproc), {NO_ACL}
{_in_schema("pg_operator", "oprname", "oprnamespace")} and k.oprcode <> 0
union all
select {OWN}, {_named("operator class", "opcname")} || ' using ' || m.amname,
  concat_ws(' ', case when k.opcdefault then 'default' end, k.opcintype::regtype,
    nullif(k.opckeytype, 0)::regtype, (select quote_ident(f.opfname) from pg_opfamily f
      where f.oid = k.opcfamily)), {NO_ACL}
{_in_schema("pg_opclass", "opcname", "opcnamespace", "join pg_am m on m.oid = k.opcmethod")}
union all
select {OWN}, {_named("operator family", "opfname")} || ' using ' || m.amname, concat_ws(' ',
    (select string_agg(concat_ws(' ', o.amopstrategy, o.amoppurpose, o.amopopr::regoperator), ', '
      order by o.amopstrategy, o.amopopr::regoperator::text) from pg_amop o where o.amopfamily = k.oid),
    (select string_agg(concat_ws(' ', o.amprocnum, o.amproc::regprocedure), ', '
      order by o.amprocnum, o.amproc::regprocedure::text) from pg_amproc o where o.amprocfamily = k.oid)),
  {NO_ACL}
{_in_schema("pg_opfamily", "opfname", "opfnamespace", "join pg_am m on m.oid = k.opfmethod")}
"""
# `to_jsonb`: the columns have other names in other major versions
TEXTS = f"""
select {OWN}, {_named("collation", "collname")}, concat_ws(' ', k.collprovider, k.collisdeterministic,
    k.collcollate, k.collctype, coalesce(to_jsonb(k) ->> 'colllocale',
      to_jsonb(k) ->> 'colliculocale'), to_jsonb(k) ->> 'collicurules'), {NO_ACL}
{_in_schema("pg_collation", "collname", "collnamespace")}
union all
select {OWN}, {_named("conversion", "conname")}, concat_ws(' ', pg_encoding_to_char(k.conforencoding),
    pg_encoding_to_char(k.contoencoding), k.conproc, case when k.condefault then 'default' end), {NO_ACL}
{_in_schema("pg_conversion", "conname", "connamespace")}
union all
select {OWN}, {_named("text search configuration", "cfgname")}, concat_ws(' ', k.cfgparser::regclass,
    (select pn.nspname || '.' || r.prsname from pg_ts_parser r join pg_namespace pn
      on pn.oid = r.prsnamespace where r.oid = k.cfgparser),
    (select string_agg(concat_ws(' ', m.maptokentype, m.mapdict::regdictionary), ', '
      order by m.maptokentype, m.mapseqno) from pg_ts_config_map m where m.mapcfg = k.oid)), {NO_ACL}
{_in_schema("pg_ts_config", "cfgname", "cfgnamespace")}
union all
select {OWN}, {_named("text search dictionary", "dictname")}, concat_ws(' ',
    (select tn.nspname || '.' || m.tmplname from pg_ts_template m join pg_namespace tn
      on tn.oid = m.tmplnamespace where m.oid = k.dicttemplate), k.dictinitoption), {NO_ACL}
{_in_schema("pg_ts_dict", "dictname", "dictnamespace")}
""".replace("k.cfgparser::regclass,\n    ", "")
DATABASE_WIDE = f"""
select coalesce(n.nspname, '')::text, n.nspname::text, 'default privileges',
  concat('of ', k.defaclrole::regrole, ' in schema ' || quote_ident(n.nspname)),
  concat('default privileges of ', k.defaclrole::regrole, ' for ', case k.defaclobjtype
    when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types'
    when 'n' then 'schemas' else 'large objects' end, ' in schema ' || quote_ident(n.nspname)), null,
  array(select x::text from unnest(k.defaclacl) x order by x::text collate "C")
from pg_default_acl k left join pg_namespace n on n.oid = k.defaclnamespace
where k.defaclrole::regrole::text !~ {ROLES}
union all
select {NOWHERE}, 'publication', quote_ident(k.pubname),
  'options of publication ' || quote_ident(k.pubname), concat_ws(' ',
    case when k.puballtables then 'all tables' end, case when k.pubinsert then 'insert' end,
    case when k.pubupdate then 'update' end, case when k.pubdelete then 'delete' end,
    case when k.pubtruncate then 'truncate' end, case when k.pubviaroot then 'via root' end,
    'generated columns ' || nullif(to_jsonb(k) ->> 'pubgencols', 'n')), {NO_ACL}
from pg_publication k where k.pubname = 'supabase_realtime' or k.pubowner::regrole::text !~ {ROLES}
union all
select {ALWAYS}, 'publication', quote_ident(k.pubname),
  'members of publication ' || quote_ident(k.pubname) || ': schema', quote_ident(n.nspname), {NO_ACL}
from pg_publication_namespace r join pg_publication k on k.oid = r.pnpubid
join pg_namespace n on n.oid = r.pnnspid
union all
select {NOWHERE}, 'transform', format('for %s language %I', k.trftype::regtype, g.lanname),
  format('transform for %s language %I', k.trftype::regtype, g.lanname),
  concat_ws(' ', k.trffromsql, k.trftosql), {NO_ACL}
from pg_transform k join pg_language g on g.oid = k.trflang
where k.oid >= {FIRST_OID} and not {is_member("pg_transform", "k.oid")}
union all
select {NOWHERE}, 'language', quote_ident(k.lanname), 'language ' || quote_ident(k.lanname), concat_ws(
    ' ', case when k.lanpltrusted then 'trusted' end, nullif(k.lanplcallfoid, 0)::regproc), {NO_ACL}
from pg_language k where k.oid >= {FIRST_OID} and not {is_member("pg_language", "k.oid")}
union all
select {NOWHERE}, 'server', quote_ident(k.srvname), 'server ' || quote_ident(k.srvname),
  concat_ws(' ', quote_ident(w.fdwname), k.srvtype, k.srvversion, {OPTION_NAMES.format("k.srvoptions")}),
  {NO_ACL}
from pg_foreign_server k join pg_foreign_data_wrapper w on w.oid = k.srvfdw
union all
select {OWN}, {RELATION}, 'options of foreign table ' || c.oid::regclass, concat_ws(' ',
    quote_ident(s.srvname), k.ftoptions::text, (select string_agg(quote_ident(a.attname) || ' '
      || a.attfdwoptions::text, ' ' order by a.attname) from pg_attribute a
      where a.attrelid = c.oid and a.attfdwoptions is not null)), {NO_ACL}
from pg_foreign_table k join pg_foreign_server s on s.oid = k.ftserver join ({CLASS}) on c.oid = k.ftrelid
union all
select {NOWHERE}, 'large object', k.oid::text, 'large object ' || k.oid, null,
  {acl("k.lomacl", "'L'", "k.lomowner")} from pg_largeobject_metadata k
"""
ABOUT_RELATIONS = f"""
select {OWN}, {RELATION}, 'storage of column ' || c.oid::regclass || '.' || quote_ident(a.attname),
  concat_ws(' ', 'target ' || nullif(coalesce(a.attstattarget, -1), -1),
    case when c.relkind not in ('i','I') then concat_ws(' ', 'storage '
      || case when a.attstorage <> t.typstorage then a.attstorage::text end,
      nullif(a.attcompression::text, ''), a.attoptions::text) end), {NO_ACL}
from {ATTRIBUTE} join pg_type t on t.oid = a.atttypid
where a.attnum > 0 and not a.attisdropped and {FREE_CLASS} and c.relkind in ('r','p','m','f','i','I')
  and (coalesce(a.attstattarget, -1) <> -1 or c.relkind not in ('i','I') -- an index follows its table
    and (a.attstorage <> t.typstorage or a.attcompression <> '' or a.attoptions is not null))
union all
select {OWN}, {RELATION}, 'details of {{}} ' || c.oid::regclass, concat_ws(' ',
    (select 'tablespace ' || quote_ident(s.spcname) from pg_tablespace s where s.oid = c.reltablespace),
    'of ' || nullif(c.reloftype, 0)::regtype,
    (select 'identity ' || i.indexrelid::regclass from pg_index i
      where i.indrelid = c.oid and i.indisreplident and c.relreplident = 'i'),
    (select 'access method ' || m.amname from pg_am m where m.oid = c.relam and m.amname <> 'heap')),
  {NO_ACL}
from {CLASS} where c.relkind in ('r','p','m') and {FREE_CLASS} and (c.reltablespace <> 0 or c.reloftype <> 0
  or c.relreplident = 'i' or exists (select from pg_am m where m.oid = c.relam and m.amname <> 'heap'))
union all
select {OWN}, {RELATION}, 'state of rule ' || quote_ident(r.rulename) || {ON_RELATION}, r.ev_enabled::text,
  {NO_ACL}
from pg_rewrite r join ({CLASS}) on c.oid = r.ev_class where r.ev_enabled <> 'O' and {FREE_CLASS}
union all -- of a partition's own copy of a trigger, and of a foreign key's
select {OWN}, {RELATION}, 'state of trigger ' || coalesce((select quote_ident(k.conname)
    from pg_constraint k where k.oid = t.tgconstraint), quote_ident(t.tgname))
  || {ON_RELATION}, string_agg(t.tgenabled::text, '' order by t.tgenabled, t.tgfoid), {NO_ACL}
from pg_trigger t join ({CLASS}) on c.oid = t.tgrelid
where t.tgenabled <> 'O' and (t.tgisinternal or t.tgparentid <> 0) and {FREE_CLASS}
group by 1, 2, 3, 4, 5
union all
select {OWN}, {RELATION},
  'details of statistics ' || quote_ident(n.nspname) || '.' || quote_ident(s.stxname),
  to_jsonb(s) ->> 'stxstattarget', {NO_ACL}
from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace join pg_class c on c.oid = s.stxrelid
where coalesce(to_jsonb(s) ->> 'stxstattarget', '-1') <> '-1'
union all
select {OWN}, {FUNCTION}, 'details of aggregate ' || p.oid::regprocedure, concat_ws(' ', g.aggkind,
    g.aggnumdirectargs, nullif(g.aggcombinefn, 0)::regproc, nullif(g.aggserialfn, 0)::regproc,
    nullif(g.aggdeserialfn, 0)::regproc, nullif(g.aggmtransfn, 0)::regproc,
    nullif(g.aggminvtransfn, 0)::regproc, nullif(g.aggmfinalfn, 0)::regproc,
    nullif(g.aggmtranstype, 0)::regtype, nullif(g.aggsortop, 0)::regoperator, g.agginitval, g.aggminitval,
    g.aggfinalextra, g.aggmfinalextra, g.aggfinalmodify, g.aggmfinalmodify, g.aggtransspace,
    p.proparallel), {NO_ACL}
from pg_aggregate g join ({ROUTINE}) on p.oid = g.aggfnoid where {FREE_PROC}
union all
select {OWN}, {TYPE}, 'details of type ' || t.oid::regtype, concat_ws(' ',
    (select concat_ws(' ', nullif(r.rngcanonical, 0)::regproc, nullif(r.rngsubdiff, 0)::regproc,
        nullif(r.rngmultitypid, 0)::regtype, (select quote_ident(k.collname) from pg_collation k
          where k.oid = r.rngcollation), (select quote_ident(o.opcname) from pg_opclass o
          where o.oid = r.rngsubopc)) from pg_range r where r.rngtypid = t.oid),
    (select 'collate ' || quote_ident(k.collname) from pg_collation k
      where k.oid = t.typcollation and t.typtype = 'd')), {NO_ACL}
from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.typtype in ('r','d') and {FREE_TYPE}
union all
select {OWN}, {RELATION}, 'composite type ' || c.oid::regclass, null, {acl("t.typacl", "'T'", "t.typowner")}
from {CLASS} join pg_type t on t.oid = c.reltype where c.relkind = 'c' and {FREE_CLASS}
""".replace("details of {}", "details of table")
MEMBER = """exists (select from pg_depend x where x.deptype = 'e' and x.classid = d.classoid
  and x.objid = d.objoid)"""
COMMENT = f"'description of ' || i.type || ' ' || i.identity, d.description, {NO_ACL}"
COMMENTS = f"""
select {OWN}, i.type, i.identity, {COMMENT}
from pg_description d cross join pg_identify_object(d.classoid, d.objoid, d.objsubid) i
join pg_namespace n on n.nspname = coalesce(i.schema, case i.type when 'schema' then i.name end)
where d.classoid <> 'pg_class'::regclass and n.nspname !~ {FOREIGN} and not {MEMBER}
union all
select {NOWHERE}, i.type, i.identity, {COMMENT}
from pg_description d cross join pg_identify_object(d.classoid, d.objoid, d.objsubid) i
where d.objoid >= {FIRST_OID} and not {MEMBER} and d.classoid in ('pg_cast'::regclass,
  'pg_transform'::regclass, 'pg_language'::regclass, 'pg_foreign_server'::regclass,
  'pg_largeobject'::regclass, 'pg_publication'::regclass) and i.identity !~ '\\mdesk_aside_'
union all
select {OWN}, {RELATION}, {COMMENT} from pg_description d
cross join pg_identify_object(d.classoid, d.objoid, d.objsubid) i
join pg_constraint k on k.oid = d.objoid join ({CLASS}) on c.oid = k.conrelid
where d.classoid = 'pg_constraint'::regclass and {FREE_CLASS}
union all
select {OWN}, {TYPE}, {COMMENT} from pg_description d
cross join pg_identify_object(d.classoid, d.objoid, d.objsubid) i
join pg_constraint k on k.oid = d.objoid join pg_type t on t.oid = k.contypid
join pg_namespace n on n.oid = t.typnamespace
where d.classoid = 'pg_constraint'::regclass and {FREE_TYPE}
union all
select n.nspname::text, f.nspname::text, {RELATION}, {COMMENT} from pg_description d
cross join pg_identify_object(d.classoid, d.objoid, d.objsubid) i
join pg_trigger t on t.oid = d.objoid join ({CLASS}) on c.oid = t.tgrelid
join pg_proc p on p.oid = t.tgfoid join pg_namespace f on f.oid = p.pronamespace
where d.classoid = 'pg_trigger'::regclass
union all
select {ALWAYS}, {RELATION}, {COMMENT} from pg_description d
cross join pg_identify_object(d.classoid, d.objoid, d.objsubid) i
join pg_policy p on p.oid = d.objoid join ({CLASS}) on c.oid = p.polrelid
where d.classoid = 'pg_policy'::regclass
union all
select {OWN}, {RELATION}, {COMMENT} from pg_description d
cross join pg_identify_object(d.classoid, d.objoid, d.objsubid) i
join pg_rewrite r on r.oid = d.objoid join ({CLASS}) on c.oid = r.ev_class
where d.classoid = 'pg_rewrite'::regclass and {FREE_CLASS}
union all
select {NOWHERE}, 'event trigger', i.identity, {COMMENT} from pg_description d
cross join pg_identify_object(d.classoid, d.objoid, d.objsubid) i
join pg_event_trigger v on v.oid = d.objoid where d.classoid = 'pg_event_trigger'::regclass
  and v.evtowner::regrole::text !~ {ROLES}
union all
select n.nspname::text, n.nspname::text, l.objtype, l.objname,
  concat('security label of ', l.provider, ' on ', l.objtype, ' ', l.objname), l.label, {NO_ACL}
from pg_seclabels l join pg_namespace n on n.oid = l.objnamespace
"""
OWNERS = f"""
select {OWN}, 'schema', quote_ident(n.nspname), 'owner of schema ' || quote_ident(n.nspname),
  n.nspowner::regrole::text, {NO_ACL} from pg_namespace n where n.nspname !~ {FOREIGN}
union all
select {OWN}, {RELATION}, 'owner of ' || {KIND} || ' ' || c.oid::regclass, c.relowner::regrole::text,
  {NO_ACL}
from {CLASS} where c.relkind in ('r','p','v','m','f','S') and {FREE_CLASS}
union all
select {OWN}, {FUNCTION}, 'owner of function ' || p.oid::regprocedure, p.proowner::regrole::text, {NO_ACL}
from {ROUTINE} where {FREE_PROC}
union all
select {OWN}, {TYPE}, 'owner of type ' || t.oid::regtype, t.typowner::regrole::text, {NO_ACL}
from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
where (t.typtype in ('e','d','r') or c.relkind = 'c') and {FREE_TYPE}
"""
QUERIES = (CASTS_AND_OPERATORS, TEXTS, DATABASE_WIDE, ABOUT_RELATIONS, COMMENTS, OWNERS)
OWNER = "owner of "
# What lines of these queries begin with: a description from before they were added has none of them.
KINDS = (
    *("cast (", "operator ", "collation ", "conversion ", "text search ", "transform ", "language "),
    *("server ", "large object ", "options of ", "storage of ", "details of ", "state of ", OWNER),
    *("description of ", "security label of ", "members of "),
    *(f"grants on {kind} " for kind in ("default privileges", "large object", "composite type")),
)
