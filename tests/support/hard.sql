-- Everything that an app may have, each kind in a schema of its own; about 15,000 rows in over 57 tables.
create schema if not exists supabase_migrations;
create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text);
insert into supabase_migrations.schema_migrations values ('20260101000000', '{select 1}', 'first');

-- defacl_schema
create schema k_defacl_schema;
create schema k_billing;
alter default privileges for role postgres in schema k_billing grant select on tables to anon;
alter default privileges in schema k_defacl_schema revoke all on tables from anon;
create table k_billing.t(a int);

-- casts
create schema k_casts;
create type k_casts.addr as (s text);
create cast (text as k_casts.addr) with inout;
create type k_casts.e as enum('a','b');
create function k_casts.e2i(k_casts.e) returns int language sql immutable as 'select 1';
create cast (k_casts.e as int) with function k_casts.e2i(k_casts.e) as implicit;
create function k_casts.t2e(int) returns k_casts.e language sql immutable as $$select 'a'::k_casts.e$$;
create cast (int as k_casts.e) with function k_casts.t2e(int) as assignment;
create table k_casts.t(a k_casts.addr, e k_casts.e);
insert into k_casts.t values (row('x'), 'b');
comment on cast (text as k_casts.addr) is 'c';
create cast (k_casts.e as text) with inout as implicit;
create view k_casts.v as select (e::int) + 1 as x from k_casts.t;

-- ops
create schema k_ops;
create type k_ops.k as (a int);
create function k_ops.k_eq(k_ops.k, k_ops.k) returns boolean language sql immutable as 'select ($1).a = ($2).a';
create operator k_ops.=== (leftarg=k_ops.k, rightarg=k_ops.k, function=k_ops.k_eq, commutator = operator(k_ops.===));
create table k_ops.t(a k_ops.k, b k_ops.k, check (a operator(k_ops.===) b));
insert into k_ops.t values (row(1), row(1));
comment on operator k_ops.===(k_ops.k, k_ops.k) is 'eq';
create function k_ops.addi(int,int) returns int language sql immutable as 'select $1+$2';
create aggregate k_ops.total(int) (sfunc=k_ops.addi, stype=int, initcond='0');
create function k_ops.fin(float8[], float8) returns float8 language sql immutable as 'select $2';
create aggregate k_ops.pick(float8 order by float8) (sfunc=array_append, stype=float8[], finalfunc=k_ops.fin) ;
create view k_ops.v as select k_ops.total(1);

-- ops2
create schema k_ops2;
create function k_ops2.addi(int,int) returns int language sql immutable as 'select $1+$2';
create aggregate k_ops2.total(int) (sfunc=k_ops2.addi, stype=int, initcond='0', parallel=safe, combinefunc=k_ops2.addi, msfunc=k_ops2.addi, minvfunc=k_ops2.addi, mstype=int);
create function k_ops2.variadic_f(variadic a int[]) returns int language sql as 'select 1';
create procedure k_ops2.pr(inout a int) language plpgsql set work_mem='4MB' as $$begin a:=1; end$$;
create function k_ops2.setf() returns setof record language sql set search_path=k_ops2, pg_temp set datestyle='ISO, DMY' as 'select 1,2';
create function k_ops2.body_sql(x int) returns int language sql return x+1;
create function k_ops2.dflt(a int default 3, b text default 'x;y') returns table(z int, w text) language sql as 'select a,b';
create function k_ops2.win(int) returns int language sql stable cost 7 parallel safe strict security definer as 'select 1';

-- ts
create schema k_ts;
create text search configuration k_ts.conf (copy = pg_catalog.english);
create text search dictionary k_ts.dict (template=pg_catalog.simple, stopwords='english');
alter text search configuration k_ts.conf alter mapping for asciiword with k_ts.dict;
create table k_ts.d(t text, v tsvector generated always as (to_tsvector('k_ts.conf', t)) stored);
create index on k_ts.d using gin(v);
insert into k_ts.d values ('hello world of the cats');
comment on text search configuration k_ts.conf is 'x';

-- ts_reg
create schema k_ts_reg;
create text search configuration k_ts_reg.conf (copy = pg_catalog.english);
create table k_ts_reg.d(id int, c regconfig default 'k_ts_reg.conf');
insert into k_ts_reg.d values (1, 'k_ts_reg.conf');
create table k_ts_reg.r(a regclass, b regtype, c regproc, d regnamespace, e regrole);
create function k_ts_reg.zz() returns int language sql as 'select 1';
insert into k_ts_reg.r values ('k_ts_reg.d', 'k_ts_reg.d', 'k_ts_reg.zz', 'k_ts_reg', 'anon');

-- coll
create schema k_coll;
create collation k_coll.ci (locale='C');
create collation k_coll.cc from "C";
create table k_coll.t(a text collate k_coll.ci primary key, b text collate k_coll.cc);
insert into k_coll.t values ('a','b'),('B','c');
create conversion k_coll.conv for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
comment on collation k_coll.ci is 'ci';
create domain k_coll.dd as text collate k_coll.cc check (value <> '');
create type k_coll.tr as range (subtype=text, collation=k_coll.cc, multirange_type_name=k_coll.tmr);

-- types
create schema k_types;
create domain k_types.pos as int not null default 5 constraint positive check (value > 0);
create domain k_types.nested as k_types.pos check (value < 100);
create function k_types.fsub(float8,float8) returns float8 language sql immutable as 'select $1-$2';
create type k_types.fr as range (subtype=float8, subtype_diff=k_types.fsub);
create type k_types.comp as (a k_types.pos, b text[], c k_types.fr);
create table k_types.t(x k_types.nested, r k_types.fr, c k_types.comp, ca k_types.comp[], m k_types.fr[]);
insert into k_types.t values (7, '[1,2)', row(3, array['a,b','"q"'], '[0.5,1]'), array[row(1,null,null)::k_types.comp], array['empty'::k_types.fr]);
comment on type k_types.comp is 'c';
comment on column k_types.comp.a is 'ca';
comment on constraint positive on domain k_types.pos is 'dc';
create type k_types.e as enum();
create type k_types.e2 as enum('a b','''q');
grant usage on type k_types.e2 to anon;
revoke usage on type k_types.comp from public;
grant usage on domain k_types.pos to anon;

-- pubs
create schema k_pubs;
create schema s2;
create table k_pubs.a(id int primary key, b text, c int);
create table k_pubs.b(id int primary key);
create table s2.c(id int primary key);
create publication p1 for table k_pubs.a (id, b) where (id > 5), k_pubs.b with (publish='insert,update', publish_via_partition_root=true);
create publication p2;
alter publication supabase_realtime add table k_pubs.a;
comment on publication p1 is 'p1';
alter publication supabase_realtime set (publish='insert');

-- stats_rules
create schema k_stats_rules;
create table k_stats_rules.a(id int primary key, b text, c int);
create statistics k_stats_rules.st (ndistinct, mcv) on b, c from k_stats_rules.a;
create statistics k_stats_rules.st2 on (lower(b)), (c+1) from k_stats_rules.a;
alter statistics k_stats_rules.st set statistics 50;
comment on statistics k_stats_rules.st is 'st';
create view k_stats_rules.v as select * from k_stats_rules.a;
create rule r1 as on insert to k_stats_rules.v do instead insert into k_stats_rules.a values (new.id, new.b, new.c);
create rule r2 as on delete to k_stats_rules.a where old.id=1 do instead nothing;
alter table k_stats_rules.a disable rule r2;
comment on rule r2 on k_stats_rules.a is 'r2';
alter table k_stats_rules.a alter column b set statistics 77;
alter table k_stats_rules.a alter b set storage external;
alter table k_stats_rules.a alter b set compression pglz;
alter table k_stats_rules.a set (fillfactor=70, autovacuum_enabled=false);
alter table k_stats_rules.a alter c set (n_distinct=5);
comment on table k_stats_rules.a is 'a';
comment on column k_stats_rules.a.b is E'x\ny''z';
comment on index k_stats_rules.a_pkey is 'pk';
comment on constraint a_pkey on k_stats_rules.a is 'con';
comment on view k_stats_rules.v is 'v';
comment on column k_stats_rules.v.b is 'vb';

-- constraints
create schema k_constraints;
create extension btree_gist with schema extensions;
create table k_constraints.ex(room int, during tstzrange, exclude using gist (room with =, during with &&) where (room > 0));
insert into k_constraints.ex values (1,'[2020-01-01,2020-01-02)');
create table k_constraints.p(id int primary key, q int);
create table k_constraints.q(id int primary key, p int references k_constraints.p deferrable initially deferred);
alter table k_constraints.p add foreign key (q) references k_constraints.q on delete set null on update cascade deferrable initially immediate; begin;
insert into k_constraints.q values (1,1);
insert into k_constraints.p values (1,1); commit;
create table k_constraints.nv(a int, p int);
insert into k_constraints.nv values (-1, 99);
alter table k_constraints.nv add constraint nvc check (a > 0) not valid;
alter table k_constraints.nv add constraint nvf foreign key (p) references k_constraints.p not valid;
create table k_constraints.u(a int, b int, unique nulls not distinct (a) , unique (b) include (a));
insert into k_constraints.u values (null, 1);
create table k_constraints.noinh(a int constraint nn check (a>0) no inherit);
create unique index uq on k_constraints.u(a,b);
alter table k_constraints.u add constraint uqc unique using index uq;

-- triggers
create schema k_triggers;
create table k_triggers.a(id int primary key, b text);
create function k_triggers.tf() returns trigger language plpgsql as $$begin return new; end$$;
create trigger t1 before insert on k_triggers.a for each row execute function k_triggers.tf();
create trigger t2 after update of b on k_triggers.a for each row when (old.b is distinct from new.b) execute function k_triggers.tf('x','y');
create trigger t3 after insert on k_triggers.a referencing new table as nt for each statement execute function k_triggers.tf();
create constraint trigger t4 after insert on k_triggers.a deferrable initially deferred for each row execute function k_triggers.tf();
alter table k_triggers.a disable trigger t1;
alter table k_triggers.a enable always trigger t2;
alter table k_triggers.a enable replica trigger t3;
comment on trigger t1 on k_triggers.a is 'tr'; begin;
set constraints all immediate;
insert into k_triggers.a values (1,'a'); commit;
create table k_triggers.part(id int) partition by list(id);
create table k_triggers.part1 partition of k_triggers.part for values in (1);
create trigger pt after insert on k_triggers.part for each row execute function k_triggers.tf();
alter table k_triggers.part1 disable trigger pt;
alter table k_triggers.a enable row level security;
alter table k_triggers.a force row level security;
create policy "p ""x""y" on k_triggers.a as restrictive for update to anon, authenticated using (id>1) with check (id>2);
comment on policy "p ""x""y" on k_triggers.a is 'pol';
grant select (id), update (b) on k_triggers.a to anon;
grant select on k_triggers.a to authenticated with grant option;

-- tables
create schema k_tables;
create unlogged table k_tables.un(a int);
insert into k_tables.un values (1);
create table k_tables.zero();
insert into k_tables.zero default values;
insert into k_tables.zero default values;
create table k_tables.gen(a int, b int generated always as (a*2) stored, c text generated always as (a::text || 'x') stored);
insert into k_tables.gen values (1),(null);
create table k_tables.ident(id bigint generated always as identity (start 10 increment 5 cache 3), v text);
insert into k_tables.ident(v) values ('a'),('b');
delete from k_tables.ident where v='a';
create table k_tables.identd(id int generated by default as identity (minvalue -5 maxvalue 500 cycle));
insert into k_tables.identd values (77);
create sequence k_tables.sa as smallint increment -1 minvalue -100 maxvalue -1 cache 7 cycle;
select nextval('k_tables.sa');
create sequence k_tables.unused start 42;
create sequence k_tables.owned;
create table k_tables.o(a int default nextval('k_tables.owned'));
alter sequence k_tables.owned owned by k_tables.o.a;
select setval('k_tables.owned', 9, false);
create table k_tables.dropped(a int, b int, c int);
insert into k_tables.dropped values (1,2,3);
alter table k_tables.dropped drop column b;
alter table k_tables.dropped add column d text default 'dd';
create table k_tables.pt(id int, d date, v text, primary key (id, d)) partition by range(d);
create table k_tables.pt1 partition of k_tables.pt for values from ('2026-01-01') to ('2027-01-01') partition by hash(id);
create table k_tables.pt1a partition of k_tables.pt1 for values with (modulus 2, remainder 0);
create table k_tables.pt1b partition of k_tables.pt1 for values with (modulus 2, remainder 1);
create table k_tables.ptd partition of k_tables.pt default;
insert into k_tables.pt select i, date '2026-06-01' + i, 'v'||i from generate_series(1,500) i;
create table k_tables.att(v text, d date not null, id int not null);
alter table k_tables.att drop column v;
alter table k_tables.att add column v text;
alter table k_tables.pt attach partition k_tables.att for values from ('2030-01-01') to ('2031-01-01');
create index pti on k_tables.pt(v);
create index pti2 on only k_tables.pt(id);
create table k_tables.fkp(id int, d date, foreign key (id,d) references k_tables.pt);
create table k_tables.par(a int not null, b text default 'x');
create table k_tables.ch1(c int) inherits (k_tables.par);
create table k_tables.ch2() inherits (k_tables.par, k_tables.ch1);
alter table k_tables.ch1 alter b set default 'y';
insert into k_tables.par values (1);
insert into k_tables.ch1 values (2,'b',3);
insert into k_tables.ch2 values (3,'c',4);
create type k_tables.comp0 as (a int, b text);
create table k_tables.typed of k_tables.comp0 (a not null, primary key (a));
insert into k_tables.typed values (1,'b');
create table k_tables.likes(like k_tables.par including all);

-- view_cycles
create schema k_view_cycles;
create table k_view_cycles.t(id int primary key, a text);
create view k_view_cycles.v1 as select id, count(*) over () n, a from k_view_cycles.t group by id;
create view k_view_cycles.v2 with (security_barrier, security_invoker) as select * from k_view_cycles.v1 where id > 0;
create recursive view k_view_cycles.rv(n) as values (1) union all select n+1 from rv where n < 5;
create function k_view_cycles.rt() returns setof k_view_cycles.v1 language sql as 'select * from k_view_cycles.v1';
create view k_view_cycles.v3 as select * from k_view_cycles.rt();
create function k_view_cycles.trow(k_view_cycles.t) returns text language sql as 'select $1.a';
create view k_view_cycles.v4 as select k_view_cycles.trow(t) from k_view_cycles.t;
alter view k_view_cycles.v1 alter column n set default 5;
create table k_view_cycles.deflt(a timestamptz default now(), b text default 'it''s', c text default current_user, d uuid default gen_random_uuid());

-- check_fn_mend
create schema k_check_fn_mend;
create table k_check_fn_mend.tbl_dict (id bigint generated always as identity primary key, val text not null unique);
insert into k_check_fn_mend.tbl_dict(val) values ('a'),('b');
create function k_check_fn_mend.in_dict(p text) returns boolean language sql stable set search_path = k_check_fn_mend as $$ select exists (select 1 from tbl_dict where val = p) $$;
create table k_check_fn_mend.tbl_data (id bigint generated always as identity primary key, val text not null check (k_check_fn_mend.in_dict(val)));
insert into k_check_fn_mend.tbl_data(val) values ('a');

-- names
create schema "my schema";
create table "my schema"."my table" ("a col" int primary key, "b""q" text);
insert into "my schema"."my table" values (1,'x');
create schema "a.b";
create table "a.b"."c.d" (x int);
insert into "a.b"."c.d" values (3);
create schema "a";
create table a."b.c.d"(x int);
insert into a."b.c.d" values (4);
create schema "Up Per";
create table "Up Per"."TaBle" (x int generated always as identity);
insert into "Up Per"."TaBle" default values;
create schema "do$lar";
create table "do$lar"."$1"("$$" int);
insert into "do$lar"."$1" values (5);
create schema "ünï çödé 日本";
create table "ünï çödé 日本"."täble 表"("cöl 列" text);
insert into "ünï çödé 日本"."täble 表" values ('ü');
create schema "9lives";
create table "9lives"."1st"(a int);
insert into "9lives"."1st" values (1);
create schema "qu""ote";
create table "qu""ote"."ta""b""le"("c""c" int);
insert into "qu""ote"."ta""b""le" values (1);
create schema "''apos";
create table "''apos"."t'x"(a int);
insert into "''apos"."t'x" values (1)
;
create sequence "my schema"."my seq";
select nextval('"my schema"."my seq"');
create view "my schema"."v v" as select * from "my schema"."my table";
create materialized view "my schema"."m v" as select * from "my schema"."my table";
create function "my schema"."f f"(a int) returns int language sql as 'select 1';
create type "my schema"."t t" as enum ('a b');
create policy "p p" on "my schema"."my table" using (true);
alter publication supabase_realtime add table "my schema"."my table", "a.b"."c.d";
create index "i i" on "my schema"."my table" ("b""q");
comment on table "my schema"."my table" is 'c: d; e';
grant usage on schema "my schema" to anon;
comment on schema "my schema" is 'x y';
alter default privileges in schema "my schema" grant select on tables to anon;
create table "my schema"."back\slash"(a int);
create table "my schema"."tab	tab"(a int);
create table "my schema"."; drop table x; --"(a int);
create table "my schema"."per%s {x}"("p%s" int, "{y}" int);
insert into "my schema"."per%s {x}" values (1,2);
create table "my schema"."colon: x"(a int, "b: c" int);
create function public.tf() returns trigger language plpgsql as 'begin return new; end';
create trigger "tr tr" before insert on "my schema"."my table" for each row execute function public.tf();
create statistics "my schema"."s s" on "a col", "b""q" from "my schema"."my table";

-- values
create schema k_values;
create table k_values.vals(f float8, r real, n numeric, d date, ts timestamptz, b bytea, t text, a int[], e text[], j jsonb, js json, iv interval, i inet, m macaddr, x xml, bt bit(3), vb bit varying, mo money, p point, po polygon, u uuid, tv tsvector, tq tsquery, c "char", nm name, tz timetz, ch char(5), dr daterange, mr int4multirange, pl pg_lsn);
insert into k_values.vals(f,r,n,d,ts) values ('NaN','NaN','NaN','infinity','-infinity'),('Infinity','-Infinity','Infinity','-infinity','infinity'),('-0','-0','-0','0001-01-01 BC','4713-01-01 00:00:00+00 BC'),(1e-300,1e-40,1.000000000000000000000000000001,'9999-12-31','294276-12-31 23:59:59.999999+00'),(0.1+0.2, 0.1, 1e1000,null,null);
insert into k_values.vals(b,t,a,e,j,js,iv) values ('\x00ff5c5c0a', repeat('huge ', 200000), '{}', array[null,'','NULL','{','"',E'\\\\'], '{"a":1.0,"b":1.00,"c":1e400,"d":-0.0,"e":"\u0041"}', '{"a":1.0, "a":2}', '1 mon -3 days 04:05:06.789'),(E'\\x', E'\t\n\r\\N\\.', '[2:3]={1,2}', '{}', 'null', 'null', '-1 year 1 day'),('',E'\x01\x7f','{{1,2},{3,4}}',array[[]]::text[],'[]','[]','178000000 years');
insert into k_values.vals(i,m,x,bt,vb,mo,p,po,u,tv,tq,c,nm,tz,ch,dr,mr,pl) values ('::1/64','08:00:2b:01:02:03','<a>x</a>','101','',-12.34,'(NaN,Infinity)','((0,0),(1,1),(1,0))',gen_random_uuid(),$$'a b':1A 'c''d':2$$,'a & !b <-> c','\','n','12:00:00-15:59','ab','empty','{[1,3),[5,)}','0/16B3748');

-- lo
create schema k_lo;
select lo_create(4242);
select lo_put(4242, 0, '\x00ff1234');
select lo_create(4243);
select lo_put(4243, 0, decode(repeat('ab', 100000),'hex'));
grant select on large object 4242 to anon;
comment on large object 4243 is 'big';
create table k_lo.f(id int, o oid);
insert into k_lo.f values (1, 4242);

-- mv
create schema k_mv;
create table k_mv.b(a int primary key, v text);
insert into k_mv.b select i, 'v' || i from generate_series(1,500) i;
create materialized view k_mv.m as select a % 7 as k, count(*) as n, min(v) as v from k_mv.b group by 1;
create unique index on k_mv.m(k);
create materialized view k_mv.m2 as select sum(n) as n from k_mv.m;
create materialized view k_mv.empty as select 1 as x with no data;
comment on materialized view k_mv.m is 'm';
grant select on k_mv.m to anon;

-- many tables with many rows, and what hangs on the platform's
do $$ begin
for i in 1..25 loop
  execute format('create table public.many_%s (id bigint generated always as identity primary key, parent bigint references public.many_%s, body text not null, at timestamptz default now(), price numeric(10,2), tags text[], extra jsonb)', i, greatest(i - 1, 1));
  execute format('insert into public.many_%s (body, at, price, tags, extra) select ''body '' || i, timestamptz ''2026-01-01 UTC'' + i * interval ''1 hour'', i / 3.0, array[''t'' || i, null], jsonb_build_object(''n'', i, ''deep'', array[1.50, i]) from generate_series(1, 520) i', i);
end loop; end $$;
create function public.on_user() returns trigger language plpgsql security definer set search_path = ''
  as $$ begin insert into public.many_1 (body) values (new.email); return new; end $$;
create trigger on_auth_user_created after insert on auth.users for each row execute function public.on_user();
create policy "my own files" on storage.objects for select to authenticated using (bucket_id = 'photos');
comment on schema public is 'the app';
alter default privileges for role postgres revoke execute on functions from public;
alter default privileges for role postgres grant usage on sequences to anon;
alter default privileges for role postgres revoke usage on types from public;
