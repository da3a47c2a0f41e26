"""Tell a service something while something else goes on: best effort, within the budget, and said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from contextlib import contextmanager

from scripts.config.desk import Desk
from scripts.errors import DeskError
from scripts.system.background import submit
from scripts.system.secret import redact


@contextmanager
def meanwhile(
    desk: Desk, work: Callable[[float], None], service: str, faults: tuple[type[Exception], ...]
) -> Iterator[None]:
    """Do the work while the block runs, within `[notices] budget` seconds; say what failed.

    Args:
        work: told by which moment of the desk's clock it must have ended.
        service: what is told, for people.
        faults: errors whose text is for people, beside the desk's own.
    """
    until = desk.clock() + desk.settings.notices.budget
    running = submit(work, until)
    yield
    why = _why_not(running, max(0.0, until - desk.clock()), faults)
    if why:
        desk.progress.note(f"warning: {service} does not know of this: {redact(why)}")


def _why_not(running: Future[None], seconds: float, faults: tuple[type[Exception], ...]) -> str:
    try:
        running.result(timeout=seconds)
    except TooLate:
        return "no answer in time"
    except Exception as fault:  # noqa: BLE001 - our own bug is no reason to fail a release
        if isinstance(fault, (DeskError, *faults)):
            return str(fault)
        return f"a fault of the desk ({type(fault).__name__})"
    return ""
