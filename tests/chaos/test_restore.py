"""SIGKILL, a cut connection, a restart or a full disk of the server at any moment of a restore in place.

`DESK_CHAOS_ROUNDS=100 DESK_CHAOS_SEED=7 pytest tests/chaos/test_restore.py` goes on longer.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.database.postgres.client import session
from scripts.database.postgres.local_server import LocalServer
from scripts.database.postgres.url import Database
from scripts.database.restore import in_place, swap_schemas
from tests.support import disks, restores
from tests.support.restores import WRITES, run

ROUNDS = int(os.environ.get("DESK_CHAOS_ROUNDS", "4"))
SEED = int(os.environ.get("DESK_CHAOS_SEED", str(random.randrange(10**6))))
DISK = 700  # megabytes
HOWS = ("kill", "cut", "restart", "full disk")
ACTIVE = """select pid from pg_stat_activity
where application_name = 'release-desk' and xact_start is not null"""
LEFT = "select nspname from pg_namespace where nspname like 'desk%'"
pytestmark = pytest.mark.timeout(60 * 60 * 4)


@dataclass(frozen=True)
class Site:
    """A server on a small disk, and the folder of the desk that restores into it."""

    server: LocalServer
    disk: disks.Disk
    folder: Path


def disturbed(site: Site, mark: str, how: str, wait: float) -> float:
    """Begin a restore in a process of its own, and disturb it after a time; gives its seconds at work."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.support.restores", str(site.folder), mark],
        cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    server, until = site.server, time.monotonic() + 30
    with server.connect("postgres") as admin:
        while not admin.execute(ACTIVE).fetchone() and child.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
    began = time.monotonic()
    time.sleep(wait)
    if how == "kill":
        child.kill()
    elif how == "cut":
        with server.connect("postgres") as admin:
            admin.execute(ACTIVE.replace("select pid", "select pg_terminate_backend(pid)").encode())
    elif how == "restart":
        server.stop()
        server.start()
    elif how == "full disk":
        site.disk.fill()
    child.wait(90)
    seconds = time.monotonic() - began
    site.disk.free()
    server.start()  # a server that can't write its log of changes goes down
    with server.connect("postgres") as admin:  # a killed client's session ends when it next speaks
        while admin.execute(ACTIVE).fetchone() and time.monotonic() < until:
            time.sleep(0.02)
    return seconds


@pytest.mark.parametrize("programs", restores.MAJORS, ids=lambda each: str(each or "wheel"))
def test_never_a_mixture(programs: Path | None, tmp_path: Path) -> None:
    """SIGKILL, a cut connection, a restart of the server at any moment: the old state or the new one."""
    with (
        disks.small(tmp_path / "disk", DISK) as disk,
        restores.serving(programs, disk.folder) as server,
    ):
        (tmp_path / "desk").mkdir()
        rounds(Site(server, disk, tmp_path / "desk"))


def rounds(site: Site) -> None:
    """All of them on one server."""
    dice = random.Random(SEED)
    server, folder = site.server, site.folder
    database = restores.filled(server, "project", folder, 4000)
    restores.backed_up(server, database, folder)
    new = restores.state(database)
    run(database, WRITES)
    old = restores.state(database)
    tools = restores.toolbox(folder, database)
    longest = 1.2 * disturbed(site, "first", "nothing", 0)  # of the waits, on this machine
    back(folder, database, "first")
    ends, met = {"old": 0, "new": 0}, Counter[str]()
    for number in range(ROUNDS):
        how, wait = dice.choice(HOWS), dice.uniform(0, longest)
        mark = f"r{number}"
        disturbed(site, mark, how, wait)
        arrived = in_place.has_committed(tools, database, mark)
        now = restores.state(database)

        assert now == (new if arrived else old), f"seed {SEED}, round {number}: {how} after {wait:.3f} s"
        ends["new" if arrived else "old"] += 1
        met[how] += 1
        if arrived:
            back(folder, database, mark)
            assert restores.state(database) == old
        assert run(database, LEFT) == []
    print(f"{ROUNDS} rounds with seed {SEED}: {ends}, {dict(sorted(met.items()))}")


def back(folder: Path, database: Database, mark: str) -> None:
    """What the restore kept takes its place again; what it had restored is dropped."""
    restores.put_back(folder, mark, "back")
    with session(database) as connection:
        names = [each.name for each in swap_schemas.old_schemas(connection)]
        swap_schemas.drop_old_schemas(connection, names)
