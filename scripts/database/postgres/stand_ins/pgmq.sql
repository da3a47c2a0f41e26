-- Queues are names: what is sent is numbered and not kept, so there is never anything to read.
create type pgmq.message_record as (
  msg_id bigint, read_ct integer, enqueued_at timestamptz, vt timestamptz, message jsonb
);
create table pgmq.meta (
  queue_name text primary key, is_partitioned boolean not null default false,
  is_unlogged boolean not null default false, created_at timestamptz not null default now()
);
create sequence pgmq.msg_id;
create function pgmq.create(queue_name text) returns void
  language sql as 'insert into pgmq.meta (queue_name) values ($1) on conflict do nothing';
create function pgmq.create_non_partitioned(queue_name text) returns void
  language sql as 'insert into pgmq.meta (queue_name) values ($1) on conflict do nothing';
create function pgmq.drop_queue(queue_name text) returns boolean
  language sql as 'delete from pgmq.meta m where m.queue_name = $1 returning true';
create function pgmq.list_queues() returns setof pgmq.meta language sql as 'select * from pgmq.meta';
create function pgmq.send(queue_name text, msg jsonb, delay integer default 0) returns setof bigint
  language sql as $$ select nextval('pgmq.msg_id') $$;
create function pgmq.send_batch(queue_name text, msgs jsonb[], delay integer default 0) returns setof bigint
  language sql as $$ select nextval('pgmq.msg_id') from unnest($2) $$;
create function pgmq.read(queue_name text, vt integer, qty integer) returns setof pgmq.message_record
  language sql as 'select null::pgmq.message_record where false';
create function pgmq.pop(queue_name text) returns setof pgmq.message_record
  language sql as 'select null::pgmq.message_record where false';
create function pgmq.delete(queue_name text, msg_id bigint) returns boolean language sql as 'select false';
create function pgmq.archive(queue_name text, msg_id bigint) returns boolean language sql as 'select false';
create function pgmq.purge_queue(queue_name text) returns bigint language sql as 'select 0::bigint';
grant usage on schema pgmq to postgres, service_role;
grant all on pgmq.meta to postgres, service_role;
grant all on sequence pgmq.msg_id to postgres, service_role;
