create schema if not exists supabase_migrations;
create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text);
insert into supabase_migrations.schema_migrations values ('1', '{select 1}', 'first');
create schema billing;
grant usage on schema billing to authenticated;
alter default privileges in schema billing grant select on tables to authenticated;
create type billing.kind as enum ('card', 'cash');
create domain public.email as text check (value like '%@%');
create table public.profiles (
  id uuid primary key references auth.users (id) on delete cascade, mail public.email, note text
);
create table public.bookings (
  id bigint generated always as identity primary key, profile uuid references public.profiles (id),
  guest text not null, day date not null, details jsonb not null default '{}', tags text[],
  shout text generated always as (upper(guest)) stored
);
create index bookings_day on public.bookings (day);
create statistics public.bookings_stats on guest, day from public.bookings;
create table billing.payments (
  id serial primary key, booking bigint references public.bookings (id) on delete cascade,
  kind billing.kind, amount numeric(10, 2), paid timestamptz default now()
);
create table public.events (id int, at date, body text, primary key (id, at)) partition by range (at);
create table public.events_2026 partition of public.events for values from ('2026-01-01') to ('2027-01-01');
create table public."Odd name" ("a, b" text, "say ""it""" text);
create view public.guests with (security_invoker = true) as select guest, day from public.bookings;
create function public.on_user() returns trigger language plpgsql security definer set search_path = ''
  as $$ begin
insert into public.profiles (id, mail) values (new.id, new.email);
return new; end $$;
create trigger on_auth_user_created after insert on auth.users for each row execute function public.on_user();
create function public.mine(text) returns boolean language sql stable as $$ select $1 is not null $$;
create policy "my own objects" on storage.objects for select to authenticated using (public.mine(name));
alter table public.bookings enable row level security;
create policy "my bookings" on public.bookings for all to authenticated using (profile = (select auth.uid()));
comment on policy "my bookings" on public.bookings is 'theirs alone';
comment on schema public is 'the app';
revoke all on public.profiles from anon;
alter publication supabase_realtime add table public.bookings;
insert into auth.users (id, email)
  select ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, 'u' || i || '@example.invalid'
  from generate_series(1, 20) i;
insert into storage.buckets (id, name) values ('photos', 'photos');
insert into public.bookings (profile, guest, day, details, tags)
  select ('00000000-0000-4000-8000-' || lpad((1 + i % 20)::text, 12, '0'))::uuid, E'gu\test\n\\' || i,
    date '2026-01-01' + i % 300, jsonb_build_object('n', i, 'text', repeat('x', 200)), array['a', null, '{']
  from generate_series(1, {rows}) i;
insert into billing.payments (booking, kind, amount) select id, 'card', id * 1.25 from public.bookings;
insert into public.events select i, date '2026-01-01' + i % 300, 'e' from generate_series(1, {rows}) i;
insert into public."Odd name" values ('tab' || chr(9), null), ('', '\N'), ('\.', 'end');
create materialized view public.totals as select kind, sum(amount) from billing.payments group by kind;
