"""Wait until an environment serves the commit that is to be tested."""

from __future__ import annotations

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import ReleaseFailed
from scripts.replit.drivers import driver_of
from scripts.replit.live import Expected, watch


def await_commit(desk: Desk, environment: Environment, commit: str) -> None:
    """Wait until the public URL answers with the commit and its pages work.

    Raises:
        ReleaseFailed: it did not within `[verify] timeout`; nothing was tested.
    """
    for seen in watch(desk, driver_of(desk, environment).live, Expected(commit, environment.name)):
        if seen.proven:
            return
        if seen.problem and seen.late:
            raise ReleaseFailed(
                f"nothing was tested: {environment.url} does not serve `{commit[:12]}`: {seen.problem}"
                + (f"; {seen.flapping}" if seen.flapping else ""),
                f"`invoke deploy --env {environment.name}`",
            )
