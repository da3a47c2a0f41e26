-- A believable amount of production data, by the server alone. `{rows}` is the number of bookings; everything else is in
-- proportion. Invented people: the addresses can't be delivered to, the numbers belong to nobody.
set session_replication_role = replica;   -- by construction no night is booked twice: no trigger need look
set synchronous_commit = off;

insert into auth.users (id, aud, role, email, encrypted_password, email_confirmed_at, raw_user_meta_data, created_at)
select md5('user' || i)::uuid, 'authenticated', 'authenticated', 'host' || i || '@hosts.example',
  '$2a$10$' || left(md5('p' || i) || md5('q' || i), 53), now() - i * interval '1 minute',
  jsonb_build_object('display_name', 'Host ' || i, 'phone', '+999' || lpad(i::text, 9, '0')),
  now() - (i % 900) * interval '1 day'
from generate_series(1, greatest(1, {rows} / 40)) i on conflict do nothing;

insert into public.profiles (id, display_name, created_at)
select id, raw_user_meta_data ->> 'display_name', created_at from auth.users on conflict do nothing;

insert into public.properties (id, host_id, name, city, price_cents, published, created_at)
select md5('property' || i)::uuid, md5('user' || 1 + i % greatest(1, {rows} / 40))::uuid,
  (array['Loft', 'Studio', 'Maison', 'Chalet', 'Cabane', 'Chambre'])[1 + i % 6] || ' no. ' || i,
  (array['Lyon', 'Marseille', 'Biarritz', 'Paris', 'Toulouse', 'Annecy', 'Nantes', 'Lille'])[1 + i % 8],
  4000 + i % 200 * 100, i % 9 <> 0, now() - (i % 900) * interval '1 day'
from generate_series(1, greatest(1, {rows} / 20)) i on conflict do nothing;

insert into public.bookings (id, property_id, guest_name, guest_email, check_in, check_out, status, created_at)
select md5('booking' || i)::uuid, md5('property' || 1 + i % greatest(1, {rows} / 20))::uuid,
  (array['Ada', 'Bo', 'Cleo', 'Dana', 'Eli', 'Finn', 'Gwen', 'Hugo'])[1 + i % 8] || ' Guest ' || i,
  'guest' || i || '@guests.example', date '2024-01-01' + (i / greatest(1, {rows} / 20)) * 5,
  date '2024-01-01' + (i / greatest(1, {rows} / 20)) * 5 + 1 + i % 4,
  (array['confirmed', 'confirmed', 'pending', 'cancelled'])[1 + i % 4]::public.booking_status,
  timestamptz '2023-12-01' + i * interval '3 minutes'
from generate_series(1, {rows}) i on conflict do nothing;

insert into public.messages (id, whatsapp_id, property_id, sender, body, received_at)
select md5('message' || i)::uuid, 'wamid.' || md5('w' || i),
  case when i % 10 = 0 then null else md5('property' || 1 + i % greatest(1, {rows} / 20))::uuid end,
  '+999' || lpad((i % 90000)::text, 9, '0'),
  repeat('Hello, we would like to know when we can arrive. ', 1 + i % 4),
  timestamptz '2023-12-01' + i * interval '2 minutes'
from generate_series(1, {rows}) i on conflict do nothing;
reset session_replication_role;
