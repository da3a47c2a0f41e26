"""`lock.show`: who holds what, and what he is doing."""

from __future__ import annotations

from scripts.domain.outcome import Outcome
from scripts.domain.release.lock import lock_ref
from scripts.workflows.release.observe import read_lock
from scripts.workflows.toolbox import Toolbox


def run(tools: Toolbox, *, env: str | None) -> Outcome:
    """The locks of one environment, or of all."""
    asked = [tools.settings.environment(env)] if env else list(tools.settings)
    refs = tools.git.observe([lock_ref(each.name) for each in asked])
    found = [(each, read_lock(tools, refs, each)) for each in asked]
    held = [lock for _, lock in found if lock]
    locks = {each.name: lock.document() if lock else None for each, lock in found}
    if not held:
        return Outcome.nothing("nothing is locked", locks=locks)
    message = "\n".join(f"{lock.environment} is locked by {lock}" for lock in held)
    return Outcome.done(message, locks=locks)
