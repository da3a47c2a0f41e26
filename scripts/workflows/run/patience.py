"""`--wait`: a lock that somebody else holds is waited for, up to `[lock] wait`."""

from __future__ import annotations

from collections.abc import Callable

from scripts.domain.outcome import Outcome
from scripts.errors import Locked
from scripts.workflows.toolbox import Toolbox

PAUSE = 2.0


def patiently(tools: Toolbox, work: Callable[[], Outcome], *, wait: bool) -> Outcome:
    """Do the work; while it is locked before it began, try again until the patience is over.

    Raises:
        Locked: still, or in the midst of the work, where trying again would be wrong.
    """
    until = tools.clock() + tools.settings.lock.wait
    while True:
        try:
            return work()
        except Locked as fault:
            if not wait or fault.data.get("run") or tools.clock() > until:
                raise
            tools.progress.note(f"waiting: {fault.message}")
            tools.sleep(PAUSE)
