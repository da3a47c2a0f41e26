"""Which runs use a scratch server that the team names: their databases would stay there if they are killed.

A note is a file below the state folder, on this machine: `scratch/<environment>.<run>`, with the pid.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.system import daemon

FOLDER = "scratch"


@contextmanager
def noted(desk: Desk, environment: Environment) -> Iterator[None]:
    """Note that this run uses the server that the environment names."""
    folder = desk.state_folder / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    note = folder / f"{environment.name}.{desk.new_id()}"
    daemon.record(note, os.getpid())
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def of_dead_runs(desk: Desk) -> dict[Path, Environment]:
    """The notes of runs that were killed, with the environment that names the server."""
    environments = {environment.name: environment for environment in desk.settings}
    return {
        note: environments[note.name.partition(".")[0]]
        for note in sorted((desk.state_folder / FOLDER).glob("*.*"))
        if note.name.partition(".")[0] in environments and daemon.running(note) is None
    }
