"""`--wait`: a lock that somebody else holds is waited for, up to `[lock] wait`."""

from __future__ import annotations

from collections.abc import Callable

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import Locked

PAUSE = 2.0


def retry_while_locked(desk: Desk, work: Callable[[], Outcome], *, wait: bool) -> Outcome:
    """Do the work; while it is locked before it began, try again until the patience is over.

    Raises:
        Locked: still, or in the midst of the work, where trying again would be wrong.
    """
    until = desk.clock() + desk.settings.lock.wait
    while True:
        try:
            return work()
        except Locked as fault:
            if not wait or fault.data.get("run") or desk.clock() > until:
                raise
            desk.progress.note(f"waiting: {fault.message}")
            desk.sleep(PAUSE)
