-- Keys are numbers without a meaning.
create schema pgsodium;
create table pgsodium.key (
  id uuid primary key default gen_random_uuid(),
  status text default 'valid',
  created timestamptz not null default now(),
  name text unique
);
create view pgsodium.valid_key as select id, name, status, created from pgsodium.key where status = 'valid';
grant usage on schema pgsodium to postgres;
grant select on pgsodium.key, pgsodium.valid_key to postgres;
