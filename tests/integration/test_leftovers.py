"""Nothing with production's rows outlives its owner: a real scratch server of a run that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import DESK
from scripts.database.backups import scratch_notes, scratch_server
from scripts.database.backups.unproven import VARIABLE
from scripts.database.postgres.local_server import SUPERUSER, LocalServer
from scripts.database.postgres.scratch import PREFIX, scratch_databases
from scripts.setup import environment_checks
from scripts.system import daemon
from tests.support import databases
from tests.support.processes import wait_until

RUN = """import sys, time
sys.path.insert(0, sys.argv[1])
from scripts.database.backups.scratch_server import _local_server, scratch_folder
with scratch_folder() as folder, _local_server(folder, supabase=False) as server:
    with server.connect("postgres") as connection:
        connection.execute("create table guests as select 'a customer' as name")
        connection.commit()
        print(folder, flush=True)
        time.sleep(600)
"""


def working_in(folder: Path) -> list[int]:
    """The processes whose command line or folder is below a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            named = str(folder).encode() in (process / "cmdline").read_bytes()
            if named or (process / "cwd").readlink().is_relative_to(folder):
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.fixture
def run() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A run with a scratch server, and the folder that it is in."""
    argv = [sys.executable, "-c", RUN, str(DESK)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert folder.name
        yield process, folder
        process.kill()


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A PostgreSQL that stands in for the team's scratch server."""
    with databases.serving(tmp_path_factory.mktemp("server")) as made:
        yield made


@pytest.mark.parametrize("group", [False, True])
def test_a_scratch_server_ends_with_its_killed_owner(
    run: tuple[subprocess.Popen[str], Path], group: bool
) -> None:
    """The owner alone, or with all of its process group."""
    process, folder = run
    assert working_in(folder)
    (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)

    assert wait_until(lambda: not working_in(folder) and not folder.exists(), 10)


def test_databases_of_a_killed_run_on_the_teams_server_are_named_and_dropped(
    server: LocalServer, tmp_path: Path
) -> None:
    """By the next run of any task; those of a run that lives stay."""
    desk = databases.desk(
        tmp_path,
        {
            VARIABLE: f"postgresql://{SUPERUSER}:{server.admin_password}@127.0.0.1:{server.port}/postgres?sslmode=disable"
        },
    )
    environment = desk.settings.environment("production")
    dead, living = f"{PREFIX}dead_restored", f"{PREFIX}living_restored"
    notes = desk.state_folder / scratch_notes.FOLDER
    notes.mkdir(parents=True)
    with subprocess.Popen(["true"]) as owner:
        daemon.record(notes / "production.dead", owner.pid)
    with (
        scratch_notes.noted(desk, environment),
        scratch_server.bare_server(desk, environment, tmp_path, 17) as named,
        scratch_databases(named, "living") as mine,
        server.connect("postgres") as connection,
    ):
        mine.copy("template0", "restored")
        connection.autocommit = True
        connection.execute(f'create database "{dead}" template template0'.encode())
        (finding,) = environment_checks.check_scratch(desk, environment)
        dropped = scratch_server.drop_left(desk)
        there = {row[0] for row in connection.execute("select datname from pg_database")}

    assert (finding.state, dead in finding.message, living in finding.message) == ("warning", True, False)
    assert dropped == [dead]
    assert (dead in there, living in there) == (False, True)
    assert list(notes.iterdir()) == []
