"""`lock.steal`: end somebody else's run, alive or not; the thief recovers before anything else."""

from __future__ import annotations

from scripts.domain.outcome import Outcome
from scripts.errors import Refused
from scripts.workflows.run.resume import confirm, look, recover
from scripts.workflows.toolbox import Toolbox


def run(tools: Toolbox, *, env: str, reason: str, undo: bool, yes: bool) -> Outcome:
    """Take the lock by compare-and-swap without waiting, then finish or undo what was begun."""
    environment = tools.settings.environment(env)
    if not reason.strip():
        raise Refused("say why: the owner will ask", f"invoke lock.steal --env {env} --reason ...")
    found = look(tools, environment)
    if found is None:
        return Outcome.nothing(f"nothing to steal: {environment.name} is not locked")
    confirm(tools, environment, yes=yes)
    held_by, owner = found
    tools.progress.note(f"stealing from {owner}: {reason}")
    return recover(tools, environment, held_by, owner, undo=undo)
