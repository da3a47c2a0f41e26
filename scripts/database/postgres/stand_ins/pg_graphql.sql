-- Queries have no answer.
create function graphql.resolve(
  query text, variables jsonb default '{}'::jsonb, "operationName" text default null,
  extensions jsonb default null
) returns jsonb language sql stable as $$ select '{"data": null}'::jsonb $$;
grant usage on schema graphql to postgres, anon, authenticated, service_role;
