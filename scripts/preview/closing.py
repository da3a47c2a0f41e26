"""The end of a task of previews: what the slot shows by its lease, and whether somebody works on it."""

from __future__ import annotations

from typing import Any

from scripts.config.desk import Desk
from scripts.config.slots import environment_name
from scripts.state.lock import FREE, lock_ref
from scripts.state.preview_lease import observe_leases

NEXT = "`invoke preview.list`"


def closing(desk: Desk, branch: str) -> tuple[str, dict[str, Any]]:
    """In words, and for `--json`; `branch` "": of all slots, who works on them.

    Raises:
        Unreachable: the remote can't be read.
    """
    refs, leases = observe_leases(desk)
    slots = dict.fromkeys((*desk.settings.preview.slots, *leases))
    locked = [slot for slot in slots if lock_ref(environment_name(slot)) in refs]
    own = next((each.lease for each in leases.values() if each.lease.branch == branch), None)
    if branch and own is None:
        return f"`{branch}` has no preview, and holds no lock", {"live": None, "lock": FREE}
    if own is None:
        held = f"locked: {', '.join(locked)}" if locked else "no slot is locked"
        return held, {"lock": {"state": "held", "slots": locked} if locked else FREE}
    shows = f"shows {own.live[:8]}" if own.live else "shows no release"
    held = "another run works on it, or died there" if own.slot in locked else "its lock is free"
    words = f"{own.slot}: `{branch}` is {own.state or 'unreadable'}, {shows} until {own.until[:16]}; {held}"
    lock = {"state": "held", "slots": [own.slot]} if own.slot in locked else FREE
    return words, {"live": own.live or None, "lock": lock}
