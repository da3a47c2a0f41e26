"""Backup, proof, restore and refresh, beside `pg_dump` and `pg_restore` of the same data by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from scripts.database.postgres.local_server import LocalServer
from scripts.sandbox import seed
from scripts.sandbox.world_facts import World
from tests.bench.clock import Spent, spend
from tests.bench.figures import exponent
from tests.bench.parts.desk import document, typed, where
from tests.bench.parts.worlds import lacks, released
from tests.bench.plan import NO_LIMIT, Bench, Broken, Limit, Run
from tests.bench.turns import Row

GB = 1e9
FEW = 3  # runs with a gigabyte and more
BY_HAND = "by_hand"
PRODUCTION = ("--env", "production")
COUNT = """select format('select count(*) from %I.%I', n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname in ('public', 'auth') \\gexec
"""
Taken = dict[str, list[Spent]]


def measure(run: Run) -> Iterator[Row]:
    """Rows for each size, then how each call grows."""
    world = released(run)
    grown = defaultdict[str, list[tuple[float, float]]](list)
    for size in run.up_to(small=[0.1 * GB], medium=[GB], large=[5 * GB]):
        held = seed.plant(world, size, lambda text: run.say(f"  {text}"))
        times = min(run.runs, FEW) if size >= GB else run.runs
        taken = _turns(world, run.folder, times, int(size / seed.PER_BOOKING))
        for row in _rows(f"{size / GB:g} GB", taken, whole=size >= GB):
            grown[row.case.partition(",")[0]].append((held, row.mine.median))
            yield row
    if run.size != "small":
        for name, points in grown.items():
            yield Row.of(f"{name}, growth", taken[name.strip("`")], exponent=exponent(points))


def _rows(size: str, taken: Taken, *, whole: bool) -> Iterator[Row]:
    """`whole`: the size for which the limit of a backup is meant."""
    both = [
        Spent(one.seconds + two.seconds, one.cpu + two.cpu)
        for one, two in zip(taken["dump"], taken["restored"], strict=True)
    ]
    for name, beside, other, limit in (
        ("backup --no-proof", "pg_dump", taken["dump"], Limit(ratio=1.05) if whole else NO_LIMIT),
        ("backup.verify", "pg_restore, counts", taken["restored"], Limit(ratio=1.2)),
        ("db.restore", "pg_restore, counts", taken["restored"], NO_LIMIT),
        ("db.refresh", "both by hand", both, Limit(ratio=2.5)),
    ):
        told = where(taken[name])
        yield Row.of(f"`{name}`, {size}", taken[name], other, beside=beside, limit=limit, note=told)


def _turns(world: World, folder: Path, times: int, rows: int) -> Taken:
    taken = defaultdict[str, list[Spent]](list)
    call = partial(typed, env_dir=world.env_dir)
    file = folder / "by_hand.dump"
    for _ in range(times):
        backup = call("backup", *PRODUCTION, "--no-proof", "--json", "--accept-shrink")
        identity = document(backup.out)["backup"]
        taken["backup --no-proof"].append(backup)
        taken["dump"].append(_dump(world, file))
        taken["backup.verify"].append(call("backup.verify", identity, *PRODUCTION, "--json"))
        taken["restored"].append(_restore(world.postgres, file, rows))
        taken["db.refresh"].append(call("db.refresh", "--to", "staging", "--yes", "--json"))
        taken["db.restore"].append(call("db.restore", identity, *PRODUCTION, "--yes", "--json"))
        call("db.drop-aside", *PRODUCTION, "--yes")
    file.unlink()
    return taken


def _dump(world: World, file: Path) -> Spent:
    url = world.environment("production").database_url
    return spend(world.postgres.bin / "pg_dump", "-Fc", "-Z", "zstd:3", "-f", file, url, cwd=file.parent)


def _restore(server: LocalServer, file: Path, rows: int) -> Spent:
    """Into an empty database of the same server, which then counts the rows of each table."""
    with server.connect("postgres") as admin:
        admin.execute(f"drop database if exists {BY_HAND}".encode())
        admin.execute(f"create database {BY_HAND} template template0".encode())
    url = server.url(BY_HAND).replace(
        f"postgres:{server.password}", f"supabase_admin:{server.admin_password}"
    )
    restored = spend(server.bin / "pg_restore", "-j2", "-d", url, file, cwd=file.parent, codes=(0, 1))
    query = file.with_suffix(".sql")
    query.write_text(COUNT)
    counted = spend(server.bin / "psql", "-Atq", "-f", query, url, cwd=file.parent)
    if counted.out.split().count(str(rows)) < 2:  # bookings, and as many messages
        raise Broken(f"`pg_restore` by hand did not bring {rows} bookings:\n{restored.out[-2000:]}")
    return Spent(restored.seconds + counted.seconds, restored.cpu + counted.cpu)


BENCH = Bench(
    "database",
    "`backup --no-proof`, its proof, `db.restore`, `db.refresh`, beside `pg_dump` and `pg_restore` into an"
    " empty database of the same server with the rows of each table counted; 0.1 GB",
    "backup 1.05 x from 1 GB on, proof 1.2 x, refresh 2.5 x dump and restore",
    measure,
    lacks,
    {"medium": "also 1 GB", "large": "also 5 GB"},
)
