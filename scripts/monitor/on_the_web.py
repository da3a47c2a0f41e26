"""`status --web`: what `status` saw, in the browser. Without `--web` nothing of the page is imported."""

from __future__ import annotations

from collections.abc import Callable

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.release.request import StatusRequest


def on_the_web(
    look: Callable[[Desk, StatusRequest], Outcome],
) -> Callable[[Desk, StatusRequest], Outcome]:
    """`status`, which with `--web` shows what it saw in the browser."""

    def shown(desk: Desk, request: StatusRequest) -> Outcome:
        seen = look(desk, request)
        if not request.web or seen.code:
            return seen
        from scripts.monitor.page import show

        return show(desk, seen)

    return shown
