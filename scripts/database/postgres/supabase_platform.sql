-- What a fresh Supabase project has before its first migration, as far as plain PostgreSQL 17 can
-- have it: roles, schemas, extensions, grants, the realtime publication. A STAND-IN: there is no
-- GoTrue, storage or realtime service behind these tables, and no `supautils`.
-- Applied by the superuser `supabase_admin` to a new, empty database. Roles are shared by all
-- databases of the server and may exist. The setting `sandbox.password` holds the password of
-- `postgres` (and `authenticator`), so that it is on no command line and in no file.

-- ---------------------------------------------------------------------------------------- roles
do $roles$
declare
  secret text := current_setting('sandbox.password');
  wanted record;
begin
  for wanted in
    select * from (values
      ('postgres', 'login createdb createrole bypassrls replication'),
      ('anon', 'nologin noinherit'),
      ('authenticated', 'nologin noinherit'),
      ('service_role', 'nologin noinherit bypassrls'),
      ('authenticator', 'login noinherit'),
      ('supabase_auth_admin', 'nologin noinherit createrole'),
      ('supabase_storage_admin', 'nologin noinherit createrole')
    ) as r (name, options)
  loop
    if not exists (select from pg_roles where rolname = wanted.name) then
      execute format('create role %I %s', wanted.name, wanted.options);
    end if;
  end loop;
  execute format('alter role postgres password %L', secret);
  execute format('alter role authenticator password %L', secret);
end
$roles$;

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role to postgres with admin option;
grant authenticator to postgres;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
do $since16$
begin
  if exists (select from pg_roles where rolname = 'pg_create_subscription') then
    grant pg_create_subscription to postgres;
  end if;
end
$since16$;
-- Supabase lets `postgres` set this through `supautils`; data restores need it.
grant set on parameter session_replication_role to postgres;
-- Supabase lets `postgres` make policies on storage tables through `supautils.policy_grants`; here
-- membership is the only way. Nothing of the kind for auth: its tables cannot be altered.
grant supabase_storage_admin to postgres;

alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role supabase_auth_admin set search_path = auth;
alter role supabase_storage_admin set search_path = storage;
alter role postgres set search_path = "$user", public, extensions;

-- ------------------------------------------------------------------------- database and schemas
do $owner$
begin
  execute format('alter database %I owner to postgres', current_database());
end
$owner$;

grant usage on schema public to anon, authenticated, service_role;
grant create on schema public to postgres;

create schema extensions authorization postgres;
create schema auth authorization supabase_auth_admin;
create schema storage authorization supabase_storage_admin;
grant usage on schema extensions, auth, storage to postgres, anon, authenticated, service_role;

alter default privileges for role postgres in schema public
  grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  grant all on sequences to postgres, anon, authenticated, service_role;

-- ----------------------------------------------------------------------------------- extensions
-- Made by `postgres`, who owns them and so can dump and restore them.
set role postgres;
do $extensions$
declare
  wanted text;
begin
  foreach wanted in array array['pgcrypto', 'uuid-ossp', 'pg_stat_statements'] loop
    -- no distribution marks pg_stat_statements as trusted: there it is missing
    if exists (
      select from pg_available_extension_versions where name = wanted and (trusted or not superuser)
    ) then
      execute format('create extension if not exists %I with schema extensions', wanted);
    end if;
  end loop;
  if exists (select from pg_available_extension_versions where name = 'supabase_vault' and trusted) then
    create schema vault;
    create extension supabase_vault with schema vault;
  end if;
end
$extensions$;
create publication supabase_realtime;
reset role;

-- ----------------------------------------------------------------------------------------- auth
set role supabase_auth_admin;

create table auth.users (
  instance_id uuid,
  id uuid primary key default gen_random_uuid(),
  aud varchar(255),
  role varchar(255),
  email varchar(255),
  encrypted_password varchar(255),
  email_confirmed_at timestamptz,
  invited_at timestamptz,
  confirmation_token varchar(255),
  confirmation_sent_at timestamptz,
  recovery_token varchar(255),
  recovery_sent_at timestamptz,
  last_sign_in_at timestamptz,
  raw_app_meta_data jsonb,
  raw_user_meta_data jsonb,
  is_super_admin boolean,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  phone text unique,
  phone_confirmed_at timestamptz,
  banned_until timestamptz,
  is_sso_user boolean not null default false,
  deleted_at timestamptz,
  is_anonymous boolean not null default false
);
create unique index users_email_partial_key on auth.users (email) where is_sso_user = false;
alter table auth.users enable row level security;

create function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim', true), ''),
                  nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
create function auth.uid() returns uuid language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
                  auth.jwt() ->> 'sub')::uuid
$$;
create function auth.role() returns text language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim.role', true), ''),
                  auth.jwt() ->> 'role')
$$;
create function auth.email() returns text language sql stable as $$
  select coalesce(nullif(current_setting('request.jwt.claim.email', true), ''),
                  auth.jwt() ->> 'email')
$$;

grant all on all tables in schema auth to postgres;
grant all on all functions in schema auth to postgres;
grant execute on function auth.jwt(), auth.uid(), auth.role(), auth.email() to public;
reset role;

-- -------------------------------------------------------------------------------------- storage
set role supabase_storage_admin;

create table storage.buckets (
  id text primary key,
  name text not null unique,
  owner uuid,
  public boolean default false,
  file_size_limit bigint,
  allowed_mime_types text[],
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
create table storage.objects (
  id uuid primary key default gen_random_uuid(),
  bucket_id text references storage.buckets (id),
  name text,
  owner uuid,
  metadata jsonb,
  version text,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  last_accessed_at timestamptz default now(),
  path_tokens text[] generated always as (string_to_array(name, '/')) stored,
  unique (bucket_id, name)
);
alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;

create function storage.foldername(name text) returns text[] language sql immutable as $$
  select (string_to_array(name, '/'))[1:array_length(string_to_array(name, '/'), 1) - 1]
$$;
create function storage.filename(name text) returns text language sql immutable as $$
  select (string_to_array(name, '/'))[array_length(string_to_array(name, '/'), 1)]
$$;
create function storage.extension(name text) returns text language sql immutable as $$
  select reverse(split_part(reverse(storage.filename(name)), '.', 1))
$$;

grant all on all tables in schema storage to postgres, anon, authenticated, service_role;
grant execute on all functions in schema storage to postgres, anon, authenticated, service_role;
reset role;
