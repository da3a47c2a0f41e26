"""Fill production with a believable amount of data; the server generates it, so 100 MB take seconds."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from scripts.config import supabase_cli
from scripts.database import supabase
from scripts.database.postgres.url import parse_database
from scripts.errors import UsageError
from scripts.sandbox.world_facts import World
from scripts.system.process import attempt

SQL = Path(__file__).with_name("seed.sql")
SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(kB|MB|GB)", re.IGNORECASE)
UNITS = {"kb": 1e3, "mb": 1e6, "gb": 1e9}
PER_BOOKING = 671  # bytes on disk for a booking with its message, host and indexes (measured)
LARGEST = 20e9
MEASURE = """select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c
join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname in ('public', 'auth')"""


def size_of(text: str) -> float:
    """The number of bytes in `100MB`, `1.5 GB` or `500kB`.

    Raises:
        UsageError: it is not a size, or more than 20 GB.
    """
    match = SIZE.fullmatch(text.strip())
    size = float(match[1]) * UNITS[match[2].lower()] if match else 0
    if not 0 < size <= LARGEST:
        raise UsageError(f"`{text}` is no size for a sandbox", "`invoke sandbox.up --seed 100MB`")
    return size


def plant(world: World, size: float, on_step: Callable[[str], None]) -> int:
    """Apply the sample app's migrations to production and insert about `size` bytes of rows.

    Returns the bytes that the tables take. Idempotent: rows have the same ids each time.

    Raises:
        CommandFailed: the migrations can't be applied.
    """
    import psycopg

    production = world.environments[-1]
    with psycopg.connect(production.database_url, autocommit=True) as connection:
        row = connection.execute("select to_regclass('public.bookings') is null").fetchone()
        if row and row[0]:
            _migrate(world, production.database_url)
            on_step("migrations of the sample app on production")
        rows = max(1, int(size / PER_BOOKING))
        with connection.transaction():
            connection.execute(SQL.read_text().replace("{rows}", str(rows)).encode())
        connection.execute("analyze")
        total = connection.execute(MEASURE).fetchone()
    held = int(total[0]) if total else 0
    on_step(f"production holds {held / 1e6:.1f} MB in {rows} bookings, as many messages, and their hosts")
    return held


def _migrate(world: World, url: str) -> None:
    folder = world.clone / "supabase" / "migrations"
    files = {file.name: file.read_text() for file in folder.glob("*.sql")}
    binary = supabase_cli.find(world.clone, "")
    database = parse_database(url, None, where="the sandbox", folder=world.folder)
    with supabase.cli_with_migrations(binary, files) as cli:
        supabase_cli.answer(attempt(cli.db_push(database, 300, 5)), "supabase db push")
