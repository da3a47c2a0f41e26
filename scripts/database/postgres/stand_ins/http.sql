-- Nothing is sent: each call fails.
create type http_header as (field varchar, value varchar);
create type http_response as (status integer, content_type varchar, headers http_header[], content varchar);
create function http_get(uri varchar) returns http_response language plpgsql as $$
  begin raise exception 'this server sends no requests'; end $$;
create function http_post(uri varchar, content varchar, content_type varchar) returns http_response
language plpgsql as $$ begin raise exception 'this server sends no requests'; end $$;
