"""Values of people in every place of a database that can hold text, for tests of `db.refresh`.

Each `@name@` becomes an address of its own, which stands in that place only. `REPLACED` are places in which
a refresh masks the value or leaves it out; `REFUSED` are places that it can't change: it names them.
"""

from __future__ import annotations

import re

PLANT = re.compile(r"@(\w+)@")

REPLACED = """
create schema plant;
create domain plant.mail as text check (value like '%@%');
create domain plant.doc as jsonb;
create type plant.addr as (street text, zip text);
create type plant.texts as range (subtype = text);
create table plant.kinds (
  id bigint generated always as identity primary key,
  t text, v varchar(60) not null, c char(40), n name, ty text unique,
  j json, jb jsonb, doc plant.doc, jba jsonb[], ja json[], ta text[], tt text[][],
  mail plant.mail not null, mails plant.mail[], addr plant.addr, addrs plant.addr[],
  x xml, b bytea, ts tsvector, r plant.texts, telefon bigint, fee money, born date, at point,
  up text generated always as (upper(t)) stored);
insert into plant.kinds (t, v, c, n, ty, j, jb, doc, jba, ja, ta, tt, mail, mails, addr, addrs, x, b, ts, r,
  telefon, fee, born, at) values (
  '@text@', '@varchar@', '@char@', '@name@', '@unique@',
  '{"a": "@json@"}', '{"@json_key@": {"x": 1}, "b": [{"@json_deep_key@": "@json_deep@"}]}',
  '{"a": "@doc@"}',
  array['{"a": "@json_list@"}', '{"@json_list_key@": 1}']::jsonb[], array['["@json_list_old@"]']::json[],
  array['@list@'], array[['a', '@list_of_lists@']],
  '@domain@', array['@domain_list@'], ('@composite@', '1'), array[('@composite_list@', '1')::plant.addr],
  '<a>@xml@</a>', convert_to('@bytes@', 'utf8'), to_tsvector('simple', '@words@'),
  plant.texts('@range@', '@range@x'), 33612345678, 1234.5, '1980-05-05', '(48.85, 2.35)');
create table plant.people (email text primary key);
create table plant.orders (id int primary key, email text references plant.people);
insert into plant.people values ('@key@');
insert into plant.orders values (1, '@key@');
create table plant.log (id int, who text, day date, primary key (id, day)) partition by range (day);
create table plant.log_old partition of plant.log for values from ('2020-01-01') to ('2030-01-01');
insert into plant.log values (1, '@partition@', '2025-01-01');
create table plant.parent (id int primary key, who text);
create table plant.child (more text) inherits (plant.parent);
insert into plant.child values (1, '@inherited@', '@child@');
create unlogged table plant.quick (id int primary key, who text);
insert into plant.quick values (1, '@unlogged@');
create view plant.seen as select t from plant.kinds;
create materialized view plant.counted as select t || '!' as t, count(*) as n from plant.kinds group by t;
create function plant.nothing() returns void language sql as 'select';
create sequence plant.numbers;
comment on schema plant is 'ask @comment_schema@';
comment on table plant.kinds is 'ask @comment_table@';
comment on column plant.kinds.t is 'ask @comment_column@';
comment on function plant.nothing() is 'ask @comment_function@';
comment on type plant.addr is 'ask @comment_type@';
comment on domain plant.mail is 'ask @comment_domain@';
comment on view plant.seen is 'ask @comment_view@';
comment on sequence plant.numbers is E'ask\\n@comment_sequence@';
comment on index plant.kinds_pkey is 'ask @comment_index@';
comment on constraint kinds_pkey on plant.kinds is 'ask @comment_constraint@';
insert into auth.users (id, email, phone, encrypted_password, recovery_token, confirmation_token,
  raw_user_meta_data, raw_app_meta_data, aud) values ('d1000000-0000-4000-8000-000000000001',
  '@account@', '@account_phone@', '@account_password@', '@account_token@', '@account_token_2@',
  '{"display_name": "@account_meta@", "@account_key@": 1}', '{"a": "@account_app@"}', '@account_aud@');
insert into storage.buckets (id, name) values ('@bucket@', '@bucket_name@');
insert into storage.objects (bucket_id, name, metadata)
  values ('@bucket@', 'faces/@object@', '{"owner": "@object_meta@"}');
update supabase_migrations.schema_migrations set statements = array['insert into x values (''@history@'')']
  where version = (select min(version) from supabase_migrations.schema_migrations);
"""
# a table of the platform that a sandbox lacks
IDENTITIES = """
create table auth.identities (id uuid primary key, user_id uuid, provider text, provider_id text,
  identity_data jsonb, hint text);
grant all on auth.identities to postgres;
"""
# what `postgres` may not make or write, beside Vault, which a sandbox has
PLATFORM = """
insert into vault.secrets (secret) values ('@vault@');
create schema cron; create table cron.job (command text); insert into cron.job values ('select ''@cron@''');
create schema net; create table net.queue (body text); insert into net.queue values ('@net@');
create schema realtime; create table realtime.messages (payload jsonb);
insert into realtime.messages values ('{"a": "@realtime@"}');
create schema supabase_functions; create table supabase_functions.hooks (hook text);
insert into supabase_functions.hooks values ('@hook@');
create table auth.sessions (id int primary key, agent text);
insert into auth.sessions values (1, '@session@');
insert into auth.identities values ('d1000000-0000-4000-8000-000000000002',
  'd1000000-0000-4000-8000-000000000001', 'email', '@identity@', '{"email": "@identity_data@"}', '@hint@');
"""
REFUSED = """
create schema kept;
create domain kept.d1 as text default '@domain_default@';
create domain kept.d2 as text constraint d2 check (value <> '@domain_check@');
create type kept.label as enum ('a', '@enum@');
create table kept.t (id int primary key, a text default '@default@', b text,
  c text generated always as (a || '@generated@') stored, constraint named check (a <> '@check@'));
create table kept.p (who text, id int) partition by list (who);
create table kept.p1 partition of kept.p for values in ('@bound@');
create table kept."p2 @table_name@" partition of kept.p for values in ('b');
alter table kept.t add column "@column_name@" int default 0;
create index partial on kept.t (id) where a = '@index@';
create index expression on kept.t ((coalesce(a, '@index_expression@')));
create statistics kept.stats on (coalesce(a, '@statistics@')), b from kept.t;
create function kept.body() returns text language sql as $$ select '@function@' $$;
create function kept.argument(a text default '@argument@') returns text language sql as $$ select a $$;
create function kept.setting() returns void language sql set application_name = '@setting@' as 'select';
create procedure kept.proc() language plpgsql as $$ begin /* @procedure@ */ end $$;
create view kept.v as select id from kept.t where a <> '@view@';
create materialized view kept.m as select '@matview@'::text as a;
create policy pol on kept.t using (a = '@policy@');
create policy "@policy_name@" on kept.t for select using (true);
create policy kept_objects on storage.objects using (name = '@storage_policy@');
create function kept.fire() returns trigger language plpgsql as 'begin return new; end';
create trigger tr before insert on kept.t for each row when (new.a = '@trigger@')
  execute function kept.fire();
create trigger tr2 before insert on kept.t for each row execute function kept.fire('@trigger_argument@');
create rule ru as on delete to kept.t do instead notify r, '@rule@';
create publication kept_pub for table kept.t where (id > 0 and b <> '@publication@');
create sequence kept."s @sequence@";
create type kept.comp as ("@attribute@" int);
"""
TIDY = """
drop publication if exists kept_pub;
drop policy if exists kept_objects on storage.objects;
drop schema if exists kept, plant, cron, net, realtime, supabase_functions cascade;
drop table if exists auth.sessions, auth.identities;
delete from vault.secrets where secret like '%@leak.example';
delete from auth.users where id::text like 'd1000000%';
delete from storage.objects where name like '%@leak.example';
delete from storage.buckets where name like '%@leak.example';
"""


def address(name: str) -> str:
    """The value in a place."""
    return f"{name.replace('_', '.')}@leak.example"


def planted(script: str) -> str:
    """The script with its values."""
    return PLANT.sub(lambda match: address(match[1]), script)


def places(*scripts: str) -> list[str]:
    """The names of the places of scripts."""
    return sorted({name for script in scripts for name in PLANT.findall(script)})
