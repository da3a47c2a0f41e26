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


@pytest.mark.parametrize("group", [False, True])
def test_a_scratch_server_ends_with_its_killed_owner(
    run: tuple[subprocess.Popen[str], Path], group: bool
) -> None:
    """The owner alone, or with all of its process group."""
    process, folder = run
    assert working_in(folder)
    (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)

    assert wait_until(lambda: not working_in(folder) and not folder.exists(), 10)
