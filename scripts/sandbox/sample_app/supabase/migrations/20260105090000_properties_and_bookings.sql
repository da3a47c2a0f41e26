create type public.booking_status as enum ('pending', 'confirmed', 'cancelled');

create table public.profiles (
  id uuid primary key references auth.users (id) on delete cascade,
  display_name text not null default '',
  created_at timestamptz not null default now()
);

create table public.properties (
  id uuid primary key default gen_random_uuid(),
  host_id uuid references public.profiles (id) on delete set null,
  name text not null check (name <> ''),
  city text not null check (city <> ''),
  price_cents integer not null check (price_cents > 0),
  currency text not null default 'EUR' check (currency ~ '^[A-Z]{3}$'),
  published boolean not null default false,
  created_at timestamptz not null default now()
);

create index properties_host_id on public.properties (host_id);

create table public.bookings (
  id uuid primary key default gen_random_uuid(),
  property_id uuid not null references public.properties (id) on delete cascade,
  guest_name text not null check (guest_name <> ''),
  guest_email text not null check (guest_email like '%_@_%'),
  check_in date not null,
  check_out date not null,
  status public.booking_status not null default 'pending',
  created_at timestamptz not null default now(),
  constraint bookings_dates_in_order check (check_in < check_out)
);

create index bookings_property_id on public.bookings (property_id, check_in);

-- Nobody can book a night twice, whoever writes: the web server, or a host through the API.
-- The lock on the property makes two bookings that come at once wait for each other.
create function public.refuse_overlapping_booking() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  perform 1 from public.properties where id = new.property_id for no key update;
  if exists (
    select 1 from public.bookings as other
    where other.property_id = new.property_id
      and other.id <> new.id
      and other.status <> 'cancelled'
      and other.check_in < new.check_out
      and new.check_in < other.check_out
  ) then
    raise exclusion_violation using message = 'the property is taken on these dates';
  end if;
  return new;
end;
$$;

revoke execute on function public.refuse_overlapping_booking() from public, anon, authenticated;

create trigger bookings_no_overlap
  before insert or update of property_id, check_in, check_out, status on public.bookings
  for each row when (new.status <> 'cancelled')
  execute function public.refuse_overlapping_booking();
