"""People in every kind of column of production, and the rules that mask them: for tests of `db.refresh`."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

import psycopg

from tests.integration.desk import Desk

TO = ("db.refresh", "--to", "staging", "--yes")
# what must not arrive, each in a column of its own
SECRETS = (
    "marie.curie@sorbonne.fr", "+33 6 12 34 56 78", "Pierre Curie", "irene@joliot.fr", "deep.in@json.fr",
    "third@of.list", "Sklodowska-87654321", "203.0.113.77", "first-of-enum-as-text", "bytes@in.here",
    "whole row of a matview", "leaf partition person", "key+of@json.fr",
)  # fmt: skip
PLANT = """
create schema crm;
create table crm.people (
  id int generated always as identity primary key,
  email text not null unique, phone varchar(20), name text not null,
  extra jsonb, tags text[], born date, ip inet, blob bytea,
  kind text check (kind in ('first-of-enum-as-text', 'other')), login varchar(30) unique,
  words tsvector generated always as (to_tsvector('simple', name)) stored);
create table crm.notes (id int primary key, login varchar(30) references crm.people (login),
  body text not null, at timestamptz not null default now());
create table crm.log (id int, who text, day date) partition by range (day);
create table crm.log_2030 partition of crm.log for values from ('2030-01-01') to ('2031-01-01');
create view crm.seen as select name, extra #>> '{a,0,mail}' as mail from crm.people;
create materialized view crm.counted as select name, count(*) as n from crm.people group by name;
insert into crm.people (email, phone, name, extra, tags, ip, blob, kind, login) values
 ('marie.curie@sorbonne.fr', '+33 6 12 34 56 78', 'Pierre Curie',
  '{"a": [{"mail": "deep.in@json.fr", "n": 5}], "key+of@json.fr": {"x": ["irene@joliot.fr"]}}',
  '{a,b,third@of.list}', '203.0.113.77', 'bytes@in.here', 'first-of-enum-as-text', 'Sklodowska-87654321'),
 ('x@y.fr', null, 'whole row of a matview', 'null', '{}', null, null, 'other', 'b'),
 ('z@y.fr', '', 'Sam', '[]', null, null, null, null, null);
insert into crm.notes values (1, 'Sklodowska-87654321', 'write to marie.curie@sorbonne.fr', now()),
 (2, 'b', 'fine', now()), (3, null, 'old', now() - interval '400 days');
insert into crm.log values (1, 'leaf partition person', '2030-02-02');
refresh materialized view crm.counted;
insert into auth.users (id, email, phone, encrypted_password, recovery_token, raw_user_meta_data) values
 ('c1000000-0000-4000-8000-000000000001', 'marie.curie@sorbonne.fr', '+33 6 12 34 56 78',
  '$2a$10$x', 'tok-1234567', '{"display_name": "Pierre Curie"}') on conflict do nothing;
"""
RULES = """
[tables."crm.people"]
email = "fake email"
phone = "fake phone"
name = "fake name"
extra = "scrub"
tags = "hash"
ip = "null"
blob = "null"
kind = "null"
login = "hash"
born = "null"
[tables."crm.notes"]
login = "hash"
body = "fake text"
rows = "at older than 365 days"
[tables."crm.log"]
who = "truncate 3"
id = "keep"
day = "keep"
[tables."public.bookings"]
ahead = "keep"
"""

# newer than what any other test leaves in a world that it shares
AHEAD = "22000301000000"


def dumped(desk: Desk, environment: str) -> str:
    """Every row that a database holds, as pg_dump tells it: an independent witness."""
    url = desk.world.environment(environment).database_url
    program = desk.world.postgres.bin / "pg_dump"
    done = subprocess.run(
        [program, "--data-only", "--inserts", "--exclude-schema=supabase_migrations", url],
        capture_output=True,
        text=True,
        check=True,
    )
    said = [line for line in done.stdout.splitlines() if "restrict " not in line]  # a token of its own
    return "\n".join([*said, *(str(row) for row in desk.sql(environment, "select * from crm.counted"))])


@contextlib.contextmanager
def planted(desk: Desk) -> Iterator[Desk]:
    """All three are live; production has people in every kind of column, staging is one migration ahead."""
    assert desk("deploy", "--env", "development", "--wait").code in (0, 1)
    for step in (("promote", "--to", "staging"), ("promote", "--to", "production", "--yes")):
        call = desk(*step)
        assert call.code == 0, call.err
    with psycopg.connect(desk.world.environment("production").database_url, autocommit=True) as session:
        session.execute(PLANT.encode())
    assert desk("backup", "--env", "production").code == 0
    ahead = f"supabase/migrations/{AHEAD}_ahead.sql"
    desk.commit({ahead: "alter table public.bookings add column ahead text not null default 'new';\n"})
    for step in (("deploy", "--env", "development"), ("promote", "--to", "staging")):
        call = desk(*step)
        assert call.code == 0, call.err
    rules = desk.world.env_dir / "masking.toml"
    before = rules.read_text()
    rules.write_text(before + RULES)
    try:
        yield desk
    finally:
        rules.write_text(before)
        desk.remove(ahead)
        for each in ("development", "staging", "production"):
            desk.sql(each, "drop schema if exists crm cascade")
            desk.sql(each, "alter table public.bookings drop column if exists ahead")
            desk.sql(each, "delete from auth.users where id::text like 'c1000000%'")
            desk.sql(each, "delete from supabase_migrations.schema_migrations where version like '2200%'")
        for step in (("deploy", "--env", "development"), ("promote", "--to", "staging")):
            call = desk(*step)
            assert call.code == 0, call.err
