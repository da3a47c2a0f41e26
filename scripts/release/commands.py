"""`deploy`: make the head of an environment's branch live, without touching the branch."""

from __future__ import annotations

from typing import Any

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import Refused
from scripts.release.asked import Asked


def deploy(desk: Desk, *, env: str, **options: Any) -> Outcome:
    """Observe, plan, and carry the plan out; for the options see `Asked`."""
    asked = Asked(**options)
    return asked.released(desk, asked.wish("deploy", desk.settings.environment(env)))


# `promote`: the commit that the environment before has proven goes live here; then the branch moves.


def promote(desk: Desk, *, to: str, **options: Any) -> Outcome:
    """Observe, plan, and carry the plan out; for the options see `Asked`."""
    target = desk.settings.environment(to)
    source = desk.settings.before(target)
    if source is None:
        raise Refused(
            f"{target.name} is the first of the chain: nothing promotes into it",
            f"merge into `{target.branch}`, then `invoke deploy --env {target.name}`",
        )
    asked = Asked(**options)
    return asked.released(desk, asked.wish("promote", target, source=source))


# `rollback`: a release that was proven here goes live again; the branch stays, the environment is held.


def rollback(desk: Desk, *, env: str, to: str, **options: Any) -> Outcome:
    """The skeleton of every release; only the commit comes from the ledger. For the options see `Asked`."""
    asked = Asked(**options)
    return asked.released(desk, asked.wish("rollback", desk.settings.environment(env), release=to))
