"""Production gets a believable amount of data: made by the server, so 100 MB are a matter of seconds."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from scripts.adapters.database import supabase
from scripts.adapters.database.database_url import database_of
from scripts.errors import Refused
from scripts.sandbox.world_facts import World
from scripts.shell.runner import attempt

SQL = Path(__file__).with_name("seed.sql")
SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(kB|MB|GB)", re.IGNORECASE)
UNITS = {"kb": 1e3, "mb": 1e6, "gb": 1e9}
PER_BOOKING = 671  # bytes on the disk, with indexes, and all that comes with a booking (measured)
LARGEST = 20e9
MEASURE = """select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c
join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname in ('public', 'auth')"""


def size_of(text: str) -> float:
    """Bytes of `100MB`, `1.5 GB`, `500kB`.

    Raises:
        Refused: it is no size, or more than a sandbox should hold.
    """
    found = SIZE.fullmatch(text.strip())
    size = float(found[1]) * UNITS[found[2].lower()] if found else 0
    if not 0 < size <= LARGEST:
        raise Refused(f"`{text}` is no size for a sandbox", "invoke sandbox.up --seed 100MB")
    return size


def plant(world: World, size: float, on_step: Callable[[str], None]) -> int:
    """Bring the sample app's migrations to production, and rows up to about that many bytes; returns them.

    Twice is harmless: rows have the same ids each time.

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
        found = connection.execute(MEASURE).fetchone()
    made = int(found[0]) if found else 0
    on_step(f"production holds {made / 1e6:.1f} MB in {rows} bookings, as many messages, and their hosts")
    return made


def _migrate(world: World, url: str) -> None:
    folder = world.clone / "supabase" / "migrations"
    files = {each.name: each.read_text() for each in folder.glob("*.sql")}
    binary = supabase.find(world.clone, "")
    database = database_of(url, None, where="the sandbox", folder=world.folder)
    with supabase.opened(binary, files) as cli:
        supabase.answer(attempt(cli.db_push(database, 300, 5)), "supabase db push")
