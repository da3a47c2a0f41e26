"""A proof: what was found out about a commit in an environment, for whoever demands it; in the ledger."""

from __future__ import annotations

from typing import Any

from scripts.domain.release.ledger import Event, Ledger
from scripts.domain.settings import Environment
from scripts.workflows.release.observe import observe_remote
from scripts.workflows.run.record import append
from scripts.workflows.toolbox import Toolbox


def prove(
    tools: Toolbox,
    environment: Environment,
    what: str,
    commit: str,
    *,
    passed: bool = True,
    **detail: Any,
) -> Event:
    """Append a proof of `what` (`e2e`, `load`) for this very commit; a failed one takes back an older one.

    Args:
        tools: the toolbox.
        environment: where it was found out.
        what: the kind of proof, as `[environment.<name>.gates]` names it.
        commit: 40 hex digits: the commit that was served while it was found out.
        passed: whether the verdict is good.
        detail: what a reader wants to know: `level` (suite or profile, as the gate names it), `report`
            (its path), `digest` (of the report: `sha256:<64 hex>`), figures.

    Raises:
        CommandFailed: the remote refused, can't be reached, or moves too fast.
    """
    run = tools.new_id()

    def make(ledger: Ledger) -> Event:
        live = ledger.live(environment.name)
        return Event(
            environment=environment.name,
            kind="proof",
            ending="done" if passed else "failed",
            release=live.release if live and live.commit == commit else "",
            commit=commit,
            actor=tools.actor,
            at=tools.now(),
            run=run,
            detail={**detail, "what": what},
        )

    return append(tools, observe_remote(tools).ledger.tip, make)
