"""One load test at a time on an environment from this machine, and the rows of those that were killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import Refused


@dataclass
class Running:
    """The runs that wrote rows which nobody has removed yet, in a file that is locked while one runs."""

    file: Path
    runs: list[str]

    def begin(self, run: str) -> None:
        """From now on it may write rows."""
        self._write([*self.runs, run])

    def over(self, run: str) -> None:
        """Its rows are removed."""
        self._write([each for each in self.runs if each != run])

    def _write(self, runs: list[str]) -> None:
        self.runs = runs
        self.file.write_text("".join(f"{run}\n" for run in runs))


@contextlib.contextmanager
def running(desk: Desk, environment: Environment) -> Iterator[Running]:
    """The file of an environment; its lock ends with this process, however that ends.

    Raises:
        Refused: another load test of this machine is at work there.
    """
    folder = desk.state_folder / "load"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / f"{environment.name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(lock, environment)
        file = folder / f"{environment.name}.runs"
        yield Running(file, file.read_text().split() if file.exists() else [])
    finally:
        os.close(lock)


def _acquire(lock: int, environment: Environment) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        what = f"a load test of {environment.name} is under way on this machine"
        raise Refused(f"{what}: two at once would measure each other", "wait until it is over") from None
