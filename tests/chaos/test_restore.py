"""SIGKILL, a cut connection or a restart of the server at any moment of a restore in place.

`DESK_CHAOS_ROUNDS=100 DESK_CHAOS_SEED=7 pytest tests/chaos/test_restore.py` goes on longer.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.adapters.database.content import ASIDE
from scripts.adapters.database.database_url import Database
from scripts.domain.database import toc
from scripts.sandbox.postgres import Server
from scripts.workflows.database import replacing
from tests.support import restores
from tests.support.restores import WRITES, run

ROUNDS = int(os.environ.get("DESK_CHAOS_ROUNDS", "4"))
SEED = int(os.environ.get("DESK_CHAOS_SEED", str(random.randrange(10**6))))
ACTIVE = """select pid from pg_stat_activity
where application_name = 'release-desk' and xact_start is not null"""
pytestmark = pytest.mark.timeout(60 * 60 * 4)


def disturbed(server: Server, folder: Path, mark: str, how: str, wait: float) -> None:
    """Begin a restore in a process of its own, and disturb it after some time."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.support.restores", str(folder), mark],
        cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 30
    with server.connect("postgres") as admin:
        while not admin.execute(ACTIVE).fetchone() and child.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
    time.sleep(wait)
    if how == "kill":
        child.kill()
    elif how == "cut":
        with server.connect("postgres") as admin:
            admin.execute(ACTIVE.replace("select pid", "select pg_terminate_backend(pid)").encode())
    elif how == "restart":
        server.stop()
        server.start()
    child.wait(90)
    with server.connect("postgres") as admin:  # a killed client's session ends when it next speaks
        while admin.execute(ACTIVE).fetchone() and time.monotonic() < until:
            time.sleep(0.02)


@pytest.mark.parametrize("programs", restores.MAJORS, ids=lambda each: str(each or "wheel"))
def test_never_a_mixture(programs: Path | None, tmp_path: Path) -> None:
    """SIGKILL, a cut connection, a restart of the server at any moment: the old state or the new one."""
    with restores.serving(programs) as server:
        rounds(server, tmp_path)


def rounds(server: Server, tmp_path: Path) -> None:
    """All of them on one server."""
    dice = random.Random(SEED)
    database = restores.filled(server, "project", tmp_path, 4000)
    restores.backed_up(server, database, tmp_path)
    new = restores.state(database)
    run(database, WRITES)
    old = restores.state(database)
    _, held = restores.opened(tmp_path)
    tools = restores.toolbox(tmp_path, database)
    ends = {"old": 0, "new": 0}
    for number in range(ROUNDS):
        how, wait = dice.choice(["kill", "cut", "restart"]), dice.uniform(0, 1.2)
        mark = f"r{number}"
        disturbed(server, tmp_path, mark, how, wait)
        arrived = replacing.settled(tools, database, mark)
        now = restores.state(database)

        assert now == (new if arrived else old), f"seed {SEED}, round {number}: {how} after {wait:.3f} s"
        ends["new" if arrived else "old"] += 1
        if arrived:
            back_to_old(server, database, held.lists, mark)
            assert restores.state(database) == old
    print(f"{ROUNDS} rounds with seed {SEED}: {ends}")


def back_to_old(server: Server, database: Database, lists: toc.Lists, mark: str) -> None:
    """What stands aside is the old state, whole: rename it back, as a person could."""
    with server.connect(database.name) as admin, admin.transaction():
        for schema in lists.schemas:
            admin.execute(f"drop schema {schema} cascade".encode())
            admin.execute(f"alter schema {ASIDE}{mark}_{schema} rename to {schema}".encode())
        admin.execute("comment on schema public is 'the app'")
        admin.execute(
            "create trigger on_auth_user_created after insert on auth.users"
            " for each row execute function public.on_user()"
        )
        admin.execute(
            'create policy "later" on storage.objects for select to authenticated using (public.mine(name))'
        )
