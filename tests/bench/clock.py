"""Seconds and CPU seconds of a program with all its children."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

from tests.bench.plan import Broken

TAIL = 12  # lines that are shown of what failed
CLEANED = (
    "PYTHON",
    "GIT_",
    "AIRHOST_",
    "INVOKE_",
    "XDG_",
    "COVERAGE_",
)  # variables that would change what is measured


@dataclass(frozen=True)
class Spent:
    """What one run took: seconds, and CPU seconds of the program and of every child it has waited for.

    Daemons that it asks (an ssh server, PostgreSQL) are not among its children. `value`: what is compared,
    where that is not the seconds.
    """

    seconds: float
    cpu: float
    out: str = ""
    value: float | None = None

    @property
    def compared(self) -> float:
        """What stands in the table."""
        return self.seconds if self.value is None else self.value


def clean_env(**more: str) -> dict[str, str]:
    """The environment of this process, without what would change a measurement."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(CLEANED)}
    return {**kept, **more}


def spend(
    *argv: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: Path | None = None,
    codes: Collection[int] = (0,),
) -> Spent:
    """Run a program to its end.

    Raises:
        Broken: it is missing, or ended otherwise than with one of `codes`.
    """
    with tempfile.TemporaryFile() as out, (stdin or Path(os.devnull)).open("rb") as given:
        began = time.perf_counter()
        try:
            child = subprocess.Popen(
                [str(word) for word in argv],
                cwd=cwd,
                env=clean_env() if env is None else dict(env),
                stdin=given,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        except OSError as fault:
            raise Broken(f"can't run `{argv[0]}`: {fault.strerror}") from None
        try:
            _, status, used = os.wait4(child.pid, 0)
        except BaseException:
            child.terminate()
            child.wait()
            raise
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode(errors="replace")
    if child.returncode not in codes:
        lines = "\n".join(f"  | {line}" for line in text.splitlines()[-TAIL:])
        raise Broken(f"`{' '.join(map(str, argv))}` ended with {child.returncode}\n{lines}")
    return Spent(seconds, used.ru_utime + used.ru_stime, text)


def spend_here(work: Callable[[], object]) -> Spent:
    """Do something in this process; its CPU seconds and those of children that it waited for."""
    before, began = _cpu(), time.perf_counter()
    work()
    return Spent(time.perf_counter() - began, _cpu() - before)


def _cpu() -> float:
    return sum(
        used.ru_utime + used.ru_stime for used in (getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN))
    )
