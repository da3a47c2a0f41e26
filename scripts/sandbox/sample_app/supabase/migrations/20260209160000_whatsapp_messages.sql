create table public.messages (
  id uuid primary key default gen_random_uuid(),
  whatsapp_id text not null unique,
  -- Empty until somebody says which property the guest writes about.
  property_id uuid references public.properties (id) on delete set null,
  sender text not null,
  body text not null default '',
  received_at timestamptz not null default now()
);

create index messages_property_id on public.messages (property_id, received_at desc);

alter table public.messages enable row level security;

grant select on public.messages to authenticated;
grant all on public.messages to service_role;

create policy "hosts read the messages about their properties" on public.messages
  for select to authenticated
  using (property_id in (select id from public.properties where host_id = (select auth.uid())));

-- security_invoker: the reader's own policies apply, not those of the view's owner.
create view public.host_inbox with (security_invoker = true) as
  select message.id, property.name as property_name, message.sender, message.body, message.received_at
  from public.messages as message
  join public.properties as property on property.id = message.property_id
  where property.host_id = (select auth.uid());

grant select on public.host_inbox to authenticated, service_role;
