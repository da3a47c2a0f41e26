"""`db.refresh`: nothing personal arrives, in whatever column it stood; killed anywhere, never a mixture."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from scripts.shell.temporary import PREFIX
from tests.integration.desk import Desk, ended

pytestmark = pytest.mark.timeout(900)

ROUNDS = int(os.environ.get("DESK_REFRESH_ROUNDS", "1"))
MOMENTS = ("mask", "search", "dump", "restore", "compare", "switch", "tidy", "migrate")
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
"""


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


def ask(desk: Desk, environment: str, query: str) -> list[tuple[Any, ...]]:
    return desk.sql(environment, query)


@pytest.fixture(scope="module")
def planted(desk: Desk) -> Iterator[Desk]:
    """All three are live; production has people in every kind of column, staging is one migration ahead."""
    assert desk("deploy", "--env", "development", "--wait").code in (0, 1)
    for step in (("promote", "--to", "staging"), ("promote", "--to", "production", "--yes")):
        call = desk(*step)
        assert call.code == 0, call.err
    with psycopg.connect(desk.world.environment("production").database_url, autocommit=True) as session:
        session.execute(PLANT.encode())
    assert desk("backup", "--env", "production").code == 0
    ahead = "supabase/migrations/20990301000000_ahead.sql"
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
            desk.sql(
                each, "delete from supabase_migrations.schema_migrations where version = '20990301000000'"
            )
        assert desk("deploy", "--env", "development").code == 0
        assert desk("promote", "--to", "staging").code == 0


@pytest.fixture(scope="module")
def refreshed(planted: Desk) -> Desk:
    call = planted(*TO)
    assert call.code == 0, call.err
    assert "20990301000000" == call.document["schema"]
    return planted


def test_nothing_personal_arrives(refreshed: Desk) -> None:
    """Thirteen values, each in a column of its own: all are in production, none is in staging."""
    there, here = dumped(refreshed, "production"), dumped(refreshed, "staging")

    # a generated tsvector and bytes are told in another way
    assert [] == [each for each in SECRETS if each not in there and each != "bytes@in.here"]
    assert [] == [each for each in SECRETS if each in here]
    assert b"bytes@in.here".hex() in there
    assert b"bytes@in.here".hex() not in here
    assert "curie" not in here.lower()
    assert [] == [row for row in ask(refreshed, "staging", "select mail from crm.seen") if "@" in str(row)]


def test_shape_keys_and_uniqueness_survive(refreshed: Desk) -> None:
    """As many people, notes that find them, a JSON of the same shape, test users, and the old rows gone."""
    (found,) = ask(
        refreshed,
        "staging",
        "select count(*), count(distinct email), count(distinct login),"
        " bool_and(email like 'user-%@example.invalid') from crm.people",
    )
    assert (3, 3, 2, True) == found
    joined = "select count(*) from crm.notes n join crm.people p using (login)"
    assert [(2,)] == ask(refreshed, "staging", joined)
    assert [(2,)] == ask(refreshed, "staging", "select count(*) from crm.notes")
    shape = "select extra #>> '{a,0,n}', length(extra #>> '{a,0,mail}') from crm.people where id = 1"
    assert [("5", len("deep.in@json.fr"))] == ask(refreshed, "staging", shape)
    user = (
        "select email like '%@example.invalid', phone, encrypted_password, recovery_token,"
        " raw_user_meta_data::text"
    )
    (row,) = ask(refreshed, "staging", f"{user} from auth.users where id::text like 'c1000000%'")
    assert (True, None, "", "", "{}") == row
    assert [] == ask(refreshed, "staging", "select 1 from pg_namespace where nspname like 'desk\\_%'")


def test_staging_is_ahead_exactly_as_before(refreshed: Desk) -> None:
    """Its own migration is there again, on masked data; histories and schemas agree, the lock is free."""
    assert "20990301000000" in refreshed.versions("staging")
    assert "20990301000000" not in refreshed.versions("production")
    assert 0 == refreshed("db.status", "--env", "staging").code
    assert {} == refreshed.refs("refs/deploy/")
    assert ("refresh", "done") == (refreshed.ledger()[-1]["kind"], refreshed.ledger()[-1]["ending"])


def test_an_unruled_new_column_stops_it(refreshed: Desk) -> None:
    """Before anything: no copy is made, staging is as it was, and the column is named."""
    before = dumped(refreshed, "staging")
    refreshed.sql("production", "alter table crm.people add column diary text")
    try:
        call = refreshed(*TO)
    finally:
        refreshed.sql("production", "alter table crm.people drop column diary")

    assert 1 == call.code
    assert "`crm.people.diary` (text) has no rule" in call.document["message"]
    assert before == dumped(refreshed, "staging")


def test_what_a_careless_rule_keeps_is_found(refreshed: Desk) -> None:
    """`keep` on a text in which somebody's address stands: the search stops it, and tells no value."""
    rules = refreshed.world.env_dir / "masking.toml"
    text, before = rules.read_text(), dumped(refreshed, "staging")
    rules.write_text(text.replace('body = "fake text"\nrows', 'body = "keep"\nrows'))
    try:
        call = refreshed(*TO)
    finally:
        rules.write_text(text)

    assert 1 == call.code, call.err
    assert "`crm.notes.body` holds 1 addresses outside `example.invalid`" in call.document["message"]
    assert "sorbonne" not in call.err + call.out
    assert before == dumped(refreshed, "staging")


@pytest.mark.parametrize("target", ["production", "prod"])
def test_a_guarded_environment_is_never_refreshed(planted: Desk, target: str) -> None:
    call = planted("db.refresh", "--to", target, "--from", "staging", "--yes")

    assert 1 == call.code
    assert "guarded" in call.document["message"]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_killed_anywhere_it_is_the_old_or_the_new(refreshed: Desk, number: int) -> None:
    """SIGKILL in the midst of a step; then `resume` frees the lock, and the next run leaves no scratch."""
    moment = MOMENTS[number % len(MOMENTS)]
    refreshed.sql("staging", "create table if not exists public.refresh_old (id int)")
    child = refreshed.start(*TO)
    assert child.stderr is not None
    for line in child.stderr:
        if line.startswith(f"-> {moment} ") or not line:
            break
    child.send_signal(signal.SIGKILL)
    child.communicate()
    resumed = refreshed("resume", "--env", "staging", "--yes")
    old = refreshed.sql("staging", "select to_regclass('public.refresh_old') is not null")[0][0]
    new = dumped(refreshed, "staging")

    assert 0 == resumed.code, resumed.err
    assert {} == refreshed.refs("refs/deploy/")
    assert [] == [each for each in SECRETS if each in new]
    assert "20990301000000" in refreshed.versions("staging")
    assert 3 == ask(refreshed, "staging", "select count(*) from crm.people")[0][0]
    if moment not in ("switch", "tidy"):
        assert old
    again = ended(refreshed.start(*TO))
    assert 0 == again.code, again.err
    assert not refreshed.sql("staging", "select to_regclass('public.refresh_old') is not null")[0][0]
    left = [
        each for each in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") if str(child.pid) in _owner(each)
    ]
    assert [] == left


def _owner(folder: Path) -> str:
    file = folder / "owner"
    return file.read_text() if file.exists() else ""
