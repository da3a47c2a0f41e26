"""The alarm of a ledger that was rewritten or deleted: it stays until a person decides, and shows both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from scripts.errors import Refused
from scripts.git.chain import ChainGit
from scripts.state.ledger import Event, Ledger

SHOWN = 5  # events of each side


class LedgerRewritten(Refused):
    """The remote's ledger lacks what this clone has seen of it. Nothing may be changed on top of it.

    Args:
        seen: the ledger that this clone trusts.
        found: what the remote has; empty where it was deleted.
    """

    def __init__(self, remote: str, seen: Ledger, found: Ledger) -> None:
        what = "rewritten" if found.tip else "deleted"
        super().__init__(
            "\n  | ".join((f"the ledger was {what}", *_compared(remote, seen, found))),
            "find out who did it; `invoke ledger.accept --keep seen` puts back what this clone has seen,"
            + (" `--keep both` keeps the events of both," if found.tip else "")
            + f" `--keep remote` goes on with {'what is there' if found.tip else 'an empty one'};"
            " each keeps the other one in the branch's history",
        )
        self.seen, self.found = seen, found
        self.data = {"ledger": {"seen": side(seen), "remote": side(found)}}


def side(ledger: Ledger) -> dict[str, Any]:
    """One of two ledgers, for `--json`."""
    return {"tip": ledger.tip, "events": len(ledger.events)}


def holds(git: ChainGit, ledger: Ledger, commit: str) -> bool:
    """Whether a commit is in the ledger, or in one that a person has decided against."""
    return commit in ledger.commits or any(git.is_ancestor(commit, other) for other in ledger.merged)


def only_in(one: Ledger, other: Ledger) -> tuple[Event, ...]:
    """The events that the other one lacks, oldest first."""
    known: dict[tuple[str, str], list[Event]] = {}
    for event in other.events:
        known.setdefault((event.run, event.kind), []).append(event)
    return tuple(event for event in one.events if event not in known.get((event.run, event.kind), ()))


def _compared(remote: str, seen: Ledger, found: Ledger) -> Iterator[str]:
    yield f"this clone has seen {_said(seen)}"
    yield f"`{remote}` has {_said(found) if found.tip else 'none'}"
    if found.tip:
        yield from _listed("only in what this clone has seen", only_in(seen, found))
        yield from _listed(f"only in that of `{remote}`", only_in(found, seen))


def _said(ledger: Ledger) -> str:
    last = f", the newest of {ledger.events[-1].at}" if ledger.events else ""
    count = len(ledger.events)
    return f"`{(ledger.tip or '')[:12]}` with {count} event{'s' if count != 1 else ''}{last}"


def _listed(head: str, events: Sequence[Event]) -> Iterator[str]:
    for event in events[-SHOWN:]:
        yield f"{head}: {event.subject} ({event.actor}, {event.at})"
    if len(events) > SHOWN:
        yield f"{head}: and {len(events) - SHOWN} more"
