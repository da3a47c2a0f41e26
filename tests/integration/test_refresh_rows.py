"""Masks, and rows that a refresh passes on in binary form, on a real server: what was searched arrives."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from scripts.database.backups import toc
from scripts.database.counting import rows_in
from scripts.database.postgres.archive_toc import list_text
from scripts.database.postgres.client import session
from scripts.database.postgres.content import read_content, read_snapshot
from scripts.database.postgres.local_server import LocalServer
from scripts.database.postgres.pg_restore import copy_in
from scripts.database.postgres.programs import Programs
from scripts.database.postgres.url import Database, parse_database
from scripts.database.refresh import binary_rows, masking_sql
from scripts.database.refresh.binary_rows import BinaryRows
from scripts.database.refresh.masked_archive import MaskedArchive, write_rows
from scripts.database.refresh.rules import Column
from scripts.errors import CommandFailed
from tests.support import databases

pytestmark = pytest.mark.timeout(300)

ROWS = 3000
SCHEMA = """
create type public.mood as enum ('fine', 'so so');
create table public."Every kind" (
  id bigint generated always as identity primary key, "a "" b" bool, i2 int2, i4 int4,
  f4 float4, f8 float8, n numeric, t text, v varchar(9), c char(4), u uuid, d date, ti time, tz timetz,
  ts timestamp, at timestamptz, iv interval, b bytea, j json, jb jsonb, ip inet, net cidr, mac macaddr,
  m public.mood,  list text[], days date[], twice int generated always as (i4 * 2) stored);
create table public.by_name (id int, rel regclass);
create table public.of_moods (id int, moods public.mood[]);
create domain public.word as text;
create table public.words (id int, word public.word);
"""
FILL = f"""
insert into public."Every kind" ("a "" b", i2, i4, f4, f8, n, t, v, c, u, d, ti, tz, ts, at, iv, b, j, jb,
  ip, net, mac, m, list, days)
select i % 2 = 0, i % 9, -i, i / 3.0, 'NaN', i / 7.0, E'l\\u00efne\\n\\t' || i, 'v', 'c', gen_random_uuid(),
  'infinity', '12:00', '12:00+02', now(), '-infinity', i * interval '1 month 1 day 1 s', '\\x0a0d00',
  '{{"a": 1}}', '{{"b": [1, "x"]}}', '10.0.0.1', '10.0.0.0/8', '08:00:2b:01:02:03',
  case i % 3 when 0 then 'fine'::public.mood end, array['a', null, 'b'], '{{}}'
from generate_series(1, {ROWS}) i;
insert into public.by_name values (1, 'pg_class');
insert into public.of_moods values (1, '{{fine}}');
insert into public.words values (1, 'word');
"""  # noqa: S608 - constants only


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with databases.serving(tmp_path_factory.mktemp("rows")) as made:
        yield made


def database(server: LocalServer, name: str, *scripts: str) -> Database:
    """A new one, in which these scripts were run."""
    server.create_database(name)
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        for script in scripts:
            connection.execute(script.encode())
    return parse_database(server.url(name), None, where="here", folder=Path())


def test_what_was_searched_is_what_arrives(
    server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every kind of value, in binary form where it can be; what changes after the snapshot is not seen."""
    monkeypatch.setattr(binary_rows, "LEAST", 0)
    monkeypatch.setattr(binary_rows, "BLOCK", 4096)
    copy, target = database(server, "copy", SCHEMA, FILL), database(server, "target", SCHEMA)
    programs, seen = Programs(server.bin, "17.0"), list[int]()

    def on_rows(_copied: object, block: bytes) -> None:
        seen.append(rows_in(block))

    with read_snapshot(copy) as reader:
        binary = BinaryRows.of(programs, copy, reader.snapshot)
        assert binary.tables == {"public.Every kind"}
        rows = write_rows(programs, tmp_path / "rows", on_rows, binary)
        expected = read_content(copy, is_ours=toc.is_app_schema, snapshot=reader.snapshot)
        with session(copy) as connection:
            connection.execute('delete from public."Every kind" where id > 5')
        archive = MaskedArchive(tmp_path / "none", server.bin / "pg_restore", rows)
        told = 0
        with session(target) as connection, archive.data(list_text(rows.places)) as statements:
            for statement, blocks in statements:
                if not statement.startswith(b"COPY "):
                    connection.execute(statement)
                    continue
                arrived = []
                for block in blocks:
                    arrived.append(block)
                    told += rows_in(block)
                copy_in(connection, statement, arrived)

    found = read_content(target, is_ours=toc.is_app_schema)
    sums = {name: sums[:2] for name, sums in expected.tables.items()}
    assert {name: sums[:2] for name, sums in found.tables.items()} == sums
    assert found.sequences == expected.sequences
    assert told == sum(seen) == sum(rows for rows, _ in sums.values()) == ROWS + 3
    assert b"Every kind" not in (tmp_path / "rows").read_bytes()
    assert (tmp_path / "rows").stat().st_size < 100  # the three small tables


def test_a_snapshot_that_ended_is_a_fault(
    server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the target's transaction is rolled back."""
    monkeypatch.setattr(binary_rows, "LEAST", 0)
    copy = database(server, "short", SCHEMA, FILL)
    programs = Programs(server.bin, "17.0")
    with read_snapshot(copy) as reader:
        binary = BinaryRows.of(programs, copy, reader.snapshot)
        rows = write_rows(programs, tmp_path / "rows", lambda *_: None, binary)
    archive = MaskedArchive(tmp_path / "none", server.bin / "pg_restore", rows)
    (entry,) = (each for each, place in rows.places.items() if place.stream)
    with archive.data(list_text([entry])) as statements:
        ((_, blocks),) = statements
        with pytest.raises(CommandFailed, match="snapshot"):
            list(blocks)


def test_small_tables_and_far_servers_go_by_the_file(server: LocalServer, tmp_path: Path) -> None:
    """The target waits for no server on another machine."""
    copy = database(server, "small", SCHEMA, FILL)
    programs = Programs(server.bin, "17.0")
    far = Database("far.example", copy.port, copy.name, copy.user, copy.password, "disable")
    assert BinaryRows.of(programs, far, "1").tables == frozenset()
    assert BinaryRows.of(Programs(tmp_path, "17.0"), copy, "1").tables == frozenset()
    with read_snapshot(copy) as reader:
        binary = BinaryRows.of(programs, copy, reader.snapshot)
        assert binary.tables == frozenset()
        rows = write_rows(programs, tmp_path / "rows", lambda *_: None, binary)
    assert not any(place.stream for place in rows.places.values())
    assert rows.file.read_bytes().count(b"\n") == ROWS + 3


@pytest.mark.parametrize(
    ("kind", "rule", "wanted"),
    [
        ("text", "hash", "{digest:.24}"),
        ("text", "fake email", "user-{digest:.20}@example.invalid"),
        ("uuid", "hash", "{digest:.32}"),
        ("macaddr", "hash", "02{digest:.10}"),
    ],
)
def test_a_mask_is_a_digest_under_the_key(server: LocalServer, kind: str, rule: str, wanted: str) -> None:
    """So that one `MASKING_KEY` masks alike from one refresh to the next, whatever the desk's version."""
    value = {"text": "l\u00efne", "macaddr": "08:00:2b:01:02:03"}.get(kind, str(uuid.uuid4()))
    digest = hashlib.sha256(f"cl\u00e9:{value}".encode()).hexdigest()
    mask = masking_sql.expression(Column("public.t", "v", kind), rule, "example.invalid")
    with server.connect("postgres") as connection:
        connection.execute("select set_config('desk.key', 'cl\u00e9', false)")
        query = f"select ({mask})::text from (select '{value}'::{kind} as v) t"  # noqa: S608 - ours
        (found,) = connection.execute(query.encode()).fetchone() or ("",)

    assert re.sub("[-:]" if kind != "text" else "$", "", found) == wanted.format(digest=digest)
