alter table public.profiles enable row level security;
alter table public.properties enable row level security;
alter table public.bookings enable row level security;

grant select on public.properties to anon, authenticated;
grant insert, update, delete on public.properties to authenticated;
grant select, update on public.profiles, public.bookings to authenticated;
grant all on public.profiles, public.properties, public.bookings to service_role;

create policy "everyone reads published properties" on public.properties
  for select to anon, authenticated
  using (published);

-- auth.uid() stands in a sub-select so that it is asked once a query, not once a row.
create policy "hosts manage their own properties" on public.properties
  for all to authenticated
  using (host_id = (select auth.uid()))
  with check (host_id = (select auth.uid()));

create policy "people read their own profile" on public.profiles
  for select to authenticated
  using (id = (select auth.uid()));

create policy "people change their own profile" on public.profiles
  for update to authenticated
  using (id = (select auth.uid()))
  with check (id = (select auth.uid()));

create policy "hosts read the bookings of their properties" on public.bookings
  for select to authenticated
  using (property_id in (select id from public.properties where host_id = (select auth.uid())));

create policy "hosts change the bookings of their properties" on public.bookings
  for update to authenticated
  using (property_id in (select id from public.properties where host_id = (select auth.uid())))
  with check (property_id in (select id from public.properties where host_id = (select auth.uid())));
