"""After a release the watch window of its environment, if that has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.release.request import ReleaseRequest

if TYPE_CHECKING:
    from scripts.monitor.watcher import Probe

R = TypeVar("R", bound=ReleaseRequest)


def watched(
    workflow: Callable[[Desk, R], Outcome], probe: Probe | None = None
) -> Callable[[Desk, R], Outcome]:
    """The workflow of a release, and then the window.

    What watches is imported only where something will be, and then before the release begins.
    """

    def run(desk: Desk, request: R) -> Outcome:
        environment = request.target(desk.settings)
        if request.plan or not environment.watch.minutes:
            return workflow(desk, request)
        from scripts.monitor.probes import look_at
        from scripts.monitor.takeover import after

        outcome = workflow(desk, request)
        return after(desk, environment, outcome, probe or look_at) if outcome.ending == "done" else outcome

    return run
