"""Writing to the ledger: append by compare-and-swap, together with whatever must move with it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from scripts.adapters.git import StaleError
from scripts.adapters.git_command import Update
from scripts.domain.release import ledger as ledgers
from scripts.domain.release.ledger import Event, Ledger
from scripts.errors import CommandFailed
from scripts.workflows.release.observe import read_ledger
from scripts.workflows.toolbox import Toolbox

APPENDS = 15  # tries while other environments append as well


def append(
    tools: Toolbox,
    tip: str | None,
    make: Callable[[Ledger], Event],
    updates: Callable[[], Sequence[Update]] = tuple,
    stale: Callable[[StaleError], None] = lambda _: None,
) -> Event:
    """Append the event that `make` builds on the newest ledger; `updates` move with it, or nothing does.

    Args:
        tools: the toolbox.
        tip: where the ledger was seen last.
        make: the event, given the ledger that it is to follow.
        updates: the other refs of the push.
        stale: looks at the refs when the push was refused; raises if more than the ledger moved.

    Raises:
        CommandFailed: the remote refused, can't be reached, or moves too fast.
    """
    for attempt in range(APPENDS):
        event = make(read_ledger(tools, tip))
        written = tools.git.write(ledgers.FILE, event.document(), event.subject, tip)
        try:
            tools.git.push([Update(ledgers.REF, tip, written), *updates()])
        except StaleError as fault:
            tip = tools.git.observe([ledgers.REF]).get(ledgers.REF)
            arrived = read_ledger(tools, tip).of_run(event.run, event.kind)
            if arrived:  # an earlier push of this run did, and only its answer was lost
                return arrived
            stale(fault)
            tools.sleep(random.uniform(0.05, 0.2) * (attempt + 1))  # noqa: S311 - jitter
            continue
        return event
    raise CommandFailed("the ledger moves faster than this run can append to it", "try again")
