"""After a hotfix: merge it back into the branches before, whoever has released it."""

from __future__ import annotations

from dataclasses import replace

from scripts.branches.backmerge import bring_back, way_back
from scripts.branches.request import BackmergeRequest
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import DeskError, Interrupted
from scripts.state.waiting import retry_while_locked
from scripts.system.signals import Stop

LATER = "`invoke backmerge --all --plan`"


def brought_back(desk: Desk, outcome: Outcome, *, wait: bool = False) -> Outcome:
    """Merge it back into the earlier branches; a failure of that does not undo the release."""
    way = way_back(desk.settings)

    def work() -> Outcome:
        return bring_back(desk, way, BackmergeRequest(yes=True))

    try:
        back = retry_while_locked(desk, work, wait=wait, environments=way)
    except Stop as stop:
        broken_off = Interrupted(f"{stop}, and not brought back yet: {outcome.message}", LATER)
        broken_off.data = outcome.data
        raise broken_off from None
    except DeskError as fault:
        message = f"{outcome.message}\n  | not brought back yet: {fault.message}"
        hint = f"{fault.hint}; then {LATER}" if fault.hint else LATER
        return replace(outcome, message=message, hint=hint, data={**outcome.data, "backmerge": fault.data})
    data = {**outcome.data, "backmerge": back.document()}
    if back.ending == "nothing":
        return replace(outcome, data=data)
    message = f"{outcome.message}\n  | brought back: {back.message}"
    return replace(outcome, ending="done", message=message, hint=back.hint, data=data)
