-- Supabase makes this publication with each new project; a plain PostgreSQL has none.
do $$
begin
  if not exists (select 1 from pg_publication where pubname = 'supabase_realtime') then
    create publication supabase_realtime;
  end if;
  if not exists (
    select 1 from pg_publication_tables
    where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = 'messages'
  ) then
    alter publication supabase_realtime add table public.messages;
  end if;
end;
$$;

insert into public.properties (id, name, city, price_cents, published)
values
  ('a1000000-0000-4000-8000-000000000001', 'Loft des Pentes', 'Lyon', 9200, true),
  ('a1000000-0000-4000-8000-000000000002', 'Studio du Vieux-Port', 'Marseille', 7400, true),
  ('a1000000-0000-4000-8000-000000000003', 'Maison des Dunes', 'Biarritz', 16800, true),
  ('a1000000-0000-4000-8000-000000000004', 'Chambre sous les toits', 'Paris', 11500, true),
  ('a1000000-0000-4000-8000-000000000005', 'Cabane du Canal', 'Toulouse', 6300, true),
  ('a1000000-0000-4000-8000-000000000006', 'Chalet des Aravis', 'Annecy', 18900, false)
on conflict (id) do nothing;
