-- What earlier migrations made, for the statements beside this file; every table holds rows.
create extension if not exists citext with schema public;
create schema if not exists extensions;
create schema "my schema";
create schema billing;
create type public.mood as enum ('calm', 'odd');
create type public.pair as (a int, b text);
create domain public.cents as int check (value >= 0);
create domain public.must as text not null;
create sequence public.counter start 100;
create table public.guests (
  id bigint generated always as identity primary key, name text not null, mail citext, mood public.mood,
  score numeric(8, 2), visits int not null default 0, seen timestamptz default now(), born date,
  code varchar(100), extra jsonb default '{}', tags text[], ratio real, small smallint, big bigint,
  note text, price public.cents, shout text generated always as (upper(name)) stored
);
create table public.bookings (
  id bigint primary key, guest_id bigint references public.guests (id) on delete cascade, guest_email text,
  day date not null default current_date, total numeric(10, 2) default 0, state text default 'new',
  constraint positive check (total >= 0)
);
create unique index bookings_mail_day on public.bookings (guest_email, day, id);
create index bookings_day on public.bookings (day);
create index bookings_upper on public.bookings (upper(guest_email));
create table public.messages (id int primary key, body text, updated_at timestamptz default now());
create table public.no_key (a int, b text);
create table public.log (id bigint generated always as identity, what text);
create table billing.invoices (id int primary key, amount int, paid boolean default false);
create table "my schema"."Odd Table" ("Id" int primary key, "The Value" text);
create table public.events (id int, at date not null, body text) partition by range (at);
create table public.events_2026 partition of public.events for values from ('2026-01-01') to ('2027-01-01');
create table public.parents (id int primary key, v int);
create table public.children (id int primary key, parent int references public.parents (id) on update cascade on delete set null);
create view public.named as select id, name from public.guests;
create materialized view public.totals as select guest_id, sum(total) as total from public.bookings group by 1;
create function public.wipe() returns int language plpgsql as $$ begin delete from public.messages; return 1; end $$;
create function public.wipe_sql() returns int language sql as 'delete from public.messages; select 1';
create function public.wipe_atomic() returns int language sql begin atomic; delete from public.messages; select 1; end;
create function public.deep() returns int language plpgsql as $$ declare n int; begin n := public.wipe(); return n; end $$;
create function public.harmless(n int) returns int language sql immutable as 'select n + 1';
create function public.composed(t text) returns void language plpgsql as $$ begin execute 'delete from ' || t; end $$;
create function public.composed_constant() returns void language plpgsql as $$ begin execute 'delete from public.messages'; end $$;
create function public.f4(int) returns int language sql as 'select $1';
create function public.lower(int) returns int language sql as 'delete from public.messages; select $1';
create function public.touch() returns trigger language plpgsql as $$ begin new.updated_at := now(); return new; end $$;
create function public.blank() returns trigger language plpgsql as $$ begin new.guest_email := ''; return new; end $$;
create function public.note_it() returns trigger language plpgsql as $$ begin insert into public.log (what) values (tg_op); return new; end $$;
create function public.cleaning() returns trigger language plpgsql as $$ begin delete from public.messages; return new; end $$;
create procedure public.sweep() language plpgsql as $$ begin delete from public.messages; end $$;
create procedure public.idle() language sql as 'select 1';
create view public.wiping as select public.wipe() as n;
create view public.open_messages as select id, body from public.messages;
create trigger touched before update on public.messages for each row execute function public.touch();
create trigger noted after insert on public.guests for each row execute function public.note_it();
create trigger cleaned after insert on billing.invoices for each row execute function public.cleaning();
create rule log_rule as on insert to public.no_key do also delete from public.messages;
alter table public.guests enable row level security;
create policy "own guests" on public.guests for select using (name = current_user);
create policy everyone on public.guests for select to public using (true);
create publication feed for table public.guests;
insert into public.guests (name, code, score, ratio) select 'g' || i, 'c' || i, i * 1.25, i / 3.0 from generate_series(1, 5) i;
insert into public.bookings (id, guest_id, guest_email, total) select i, i, 'm' || i || '@example.org', i from generate_series(1, 5) i;
insert into public.messages (id, body) select i, 'b' || i from generate_series(1, 5) i;
insert into public.log (what) values ('first');
insert into "my schema"."Odd Table" values (1, 'one');
insert into public.events values (1, '2026-05-05', 'e');
insert into public.parents values (1, 1), (2, 2);
insert into public.children values (1, 1), (2, 2);
