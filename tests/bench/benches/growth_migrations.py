"""How `db.status` and a plan grow with the migrations."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from scripts.sandbox.world_facts import World
from tests.bench.parts.desk import typed
from tests.bench.parts.histories import migration
from tests.bench.parts.quiet_world import quiet_world
from tests.bench.parts.worlds import lacks, released
from tests.bench.plan import Bench, Run
from tests.bench.turns import Row, growth

NUMBERS = (10, 100, 500)
ENV = ("--env", "development")
CALLS = {"db.status": ("db.status", *ENV), "deploy --plan": ("deploy", *ENV, "--plan")}
HISTORY = """
create schema supabase_migrations;
create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text);
"""


def measure(run: Run) -> Iterator[Row]:
    """Rows for each call, and its growth; the last migration is not applied."""
    world = released(run)
    worlds = {number: _made(run, world, number) for number in NUMBERS}
    for name, words in CALLS.items():
        ways = {number: partial(typed, *words, env_dir=env_dir) for number, env_dir in worlds.items()}
        yield from growth(name, "migrations", ways, run.runs)


def _made(run: Run, world: World, number: int) -> Path:
    import psycopg

    env_dir = quiet_world(run, commits=1_000, events=200, migrations=number)
    server, name = world.postgres, f"bench_{number}"
    server.create_database(name)
    with psycopg.connect(server.url(name), autocommit=True) as connection, connection.transaction():
        connection.execute(HISTORY)
        for each in range(number - 1):
            called, text = migration(each)
            version, _, rest = called.removesuffix(".sql").partition("_")
            connection.execute(text.encode())
            row = (version, [text.strip().removesuffix(";")], rest)
            connection.execute("insert into supabase_migrations.schema_migrations values (%s, %s, %s)", row)
    file = env_dir / ".env.development"
    file.touch(mode=0o600)
    address = f"postgresql://postgres@127.0.0.1:{world.postgres_port}/{name}"
    file.write_text(f"DATABASE_URL={address}\nDATABASE_PASSWORD={world.password}\n")
    return env_dir


BENCH = Bench(
    "growth-migrations",
    "`db.status` and `deploy --plan` with 10, 100 and 500 migrations, of which one waits",
    "none; its growth is told",
    measure,
    lacks,
)
