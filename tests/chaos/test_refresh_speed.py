"""How long `db.refresh` takes, beside a dump and a restore by hand on the same servers.

`DESK_REFRESH_ROWS=500000 DESK_REFRESH_TIMES=3 pytest -s tests/chaos/test_refresh_speed.py` prints the
times and the medians of their ratios: beside both programs with their defaults, and beside zstd and two
jobs. Nothing is asserted about seconds: machines differ.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.desk import Desk, ended

ROWS = int(os.environ.get("DESK_REFRESH_ROWS", "0"))
HOUR = 3600.0  # seconds
TIMES = int(os.environ.get("DESK_REFRESH_TIMES", "3"))
SEED = """
create schema crm;
create table crm.people (
  id bigint generated always as identity primary key,
  email text not null unique, phone text, name text not null, note text not null, city text,
  extra jsonb, born date, salary numeric(10,2), created_at timestamptz not null default now());
insert into crm.people (email, phone, name, note, city, extra, born, salary)
select 'p' || i || '@mail' || i % 97 || '.fr', '+33 6 ' || lpad((i % 100000000)::text, 8, '0'),
  'Jean' || i % 5000 || ' Dupont' || i % 777, 'Bonjour, arrival on day ' || i % 30 || ' at noon. ' || i,
  (array['Lyon', 'Paris', 'Nice'])[1 + i % 3], '{"beds": 2}', date '1950-01-01' + i % 20000,
  1000 + i % 90000
from generate_series(1, {rows}) i;
create index on crm.people (city);
create index on crm.people (created_at);
"""
RULES = """
[tables."crm.people"]
email = "fake email"
phone = "fake phone"
name = "fake name"
note = "fake text"
city = "keep"
extra = "scrub"
born = "fake date"
salary = "keep"
"""
pytestmark = [
    pytest.mark.timeout(60 * 60 * 4),
    pytest.mark.skipif(ROWS == 0, reason="set DESK_REFRESH_ROWS"),
]


def test_a_refresh_beside_a_dump_and_a_restore(desk: Desk, tmp_path: Path) -> None:
    """The same rows, the same server settings, one after the other."""
    assert desk("deploy", "--env", "development", "--wait").code in (0, 1)
    for step in (("promote", "--to", "staging"), ("promote", "--to", "production", "--yes")):
        assert 0 == desk(*step).code
    desk.sql("production", SEED.replace("{rows}", str(ROWS)))
    assert 0 == ended(desk.start("backup", "--env", "production", "--accept-shrink"), HOUR).code
    rules = desk.world.env_dir / "masking.toml"
    rules.write_text(rules.read_text() + RULES)
    ratios: dict[str, list[float]] = {"as usual": [], "at its quickest": []}
    for _ in range(TIMES):
        by_hand = {
            "as usual": dump_and_restore(desk, tmp_path, dump=[], restore=[]),
            "at its quickest": dump_and_restore(desk, tmp_path, dump=["-Z", "zstd:3"], restore=["-j2"]),
        }
        started = time.monotonic()
        call = ended(desk.start("db.refresh", "--to", "staging", "--yes"), HOUR)
        refresh = time.monotonic() - started
        assert 0 == call.code, call.err
        for way, seconds in by_hand.items():
            ratios[way].append(refresh / seconds)
        hands = ", ".join(f"{seconds:.1f} s {way}" for way, seconds in by_hand.items())
        steps = ", ".join(f"{step['name']} {step['seconds']}" for step in call.document["steps"])
        print(f"{ROWS} rows: by hand {hands}; refresh {refresh:.1f} s ({steps})", flush=True)
    for way, found in ratios.items():
        print(f"{ROWS} rows: {statistics.median(found):.2f} times a dump and a restore {way}", flush=True)
    assert (ROWS,) == desk.sql("staging", "select count(*) from crm.people")[0]
    assert [] == desk.sql("staging", "select 1 from crm.people where email not like 'user-%' limit 1")


def dump_and_restore(desk: Desk, folder: Path, *, dump: list[str], restore: list[str]) -> float:
    """Seconds for `pg_dump` and `pg_restore` into an empty database, with these options."""
    server = desk.world.postgres
    url = desk.world.environment("production").database_url
    with server.connect("postgres") as admin:
        admin.execute("drop database if exists by_hand")
        admin.execute("create database by_hand")
    file = folder / "by_hand.dump"
    started = time.monotonic()
    subprocess.run([server.bin / "pg_dump", "-Fc", *dump, "-n", "crm", "-f", file, url], check=True)
    into = url.rpartition("/")[0].replace(
        f"postgres:{server.password}", f"supabase_admin:{server.admin_password}"
    )
    subprocess.run([server.bin / "pg_restore", *restore, "-d", f"{into}/by_hand", file], check=True)
    return time.monotonic() - started
