# pure
"""Whether this desk is older than one that wrote to the ledger: the ledger knows, without the network."""

from __future__ import annotations

import re

from scripts import DESK, IS_COPY, VERSION
from scripts.state.ledger import Event, Ledger

RECENT = (
    50  # events that are looked at: who went back to an older desk on purpose is not told of it for ever
)
NUMBER = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){0,3}")


def newer_desk(ledger: Ledger, ours: str = VERSION) -> Event | None:
    """The last event by the newest desk, if that is newer than `ours`; what is no number counts as old."""
    found = max(reversed(ledger.events[-RECENT:]), key=lambda event: _numbers(event.desk), default=None)
    return found if found and _numbers(found.desk) > _numbers(ours) else None


def outdated(ledger: Ledger, ours: str = VERSION) -> str:
    """One sentence for people; "" where no newer desk is known."""
    event = newer_desk(ledger, ours)
    if event is None:
        return ""
    what = " ".join(word for word in (event.environment, event.release, event.kind) if word)
    return f"this desk is {ours}, and {event.actor} has used {event.desk} ({what})"


def how_to_upgrade() -> str:
    """The command that brings this desk up to date."""
    if IS_COPY:
        return "`invoke upgrade --from ../release-desk`, with the newer desk's folder"
    return f"`git -C {DESK} pull --ff-only`"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split("."))) if NUMBER.fullmatch(version) else ()
