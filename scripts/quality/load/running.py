"""One load test at a time on an environment, and the rows of those that were killed on this machine.

Two on this machine see each other by a file; those of two machines by a lease in the app's git remote.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import Locked
from scripts.state.held_lock import new_lock
from scripts.state.lease import PAUSE, Lease, leased
from scripts.system import file_lock

TASK = "load-test"
KEPT = 10  # runs of this machine that are remembered


@dataclass
class Running:
    """The runs that wrote rows which nobody has removed yet, in a file that is locked while one runs."""

    file: Path
    runs: list[str]
    lease: Lease

    def begin(self, run: str) -> None:
        """From now on it may write rows."""
        self._write([*self.runs, run])

    def over(self, run: str) -> None:
        """Its rows are removed."""
        self._write([each for each in self.runs if each != run])

    def _write(self, runs: list[str]) -> None:
        self.runs = runs
        self.file.write_text("".join(f"{run}\n" for run in runs))

    def tidy(self) -> None:
        """Leave no file where there is nothing to remember."""
        if not self.runs:
            self.file.unlink(missing_ok=True)


@contextlib.contextmanager
def running(desk: Desk, environment: Environment, commit: str, *, wait: bool = False) -> Iterator[Running]:
    """The file of an environment, and its lease.

    The lock of the file ends with this process, however that ends: an earlier owner of the lease who was
    of this machine is dead, then. Another machine's is when it was silent for its time to live.

    Args:
        commit: what is served there, as far as it is known.
        wait: for the other one, `[lock] wait` seconds.

    Raises:
        Locked: another load test is at work there.
    """
    folder, name = desk.state_folder / "load", environment.name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    until = desk.clock() + (desk.settings.lock.wait if wait else 0)
    what = f"a load test of {name}"
    lock = folder / f"{name}.lock"
    handle = _acquire(desk, lock, what, until)
    try:
        file, last = folder / f"{name}.runs", folder / f"{name}.lease"
        dead = last.read_text().split() if last.exists() else []
        content = new_lock(desk, name, TASK, commit, step="load")
        last.write_text("\n".join((*dead[-KEPT:], content.run)))
        # a lease that the remote did not take back may still be there, and names the run: the file stays
        forget = functools.partial(last.unlink, missing_ok=True)
        with leased(desk, content, what, until=until, dead=dead, freed=forget) as lease:
            runs = Running(file, file.read_text().split() if file.exists() else [], lease)
            try:
                yield runs
            finally:
                runs.tidy()
    finally:
        file_lock.release(lock, handle)


def _acquire(desk: Desk, lock: Path, what: str, until: float) -> int:
    waits = False
    while (handle := file_lock.acquire(lock)) is None:
        if desk.clock() >= until:
            said = f"{what} is under way on this machine: two at once would measure each other"
            raise Locked(said, "`--wait` waits until it is over")
        if not waits:
            desk.progress.note(f"waiting: {what} is under way on this machine")
        waits = True
        desk.sleep(PAUSE)
    return handle
