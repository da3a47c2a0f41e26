# pure
"""What the ledger knows of a database: the versions and tables that its live release left there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from scripts.database.migrations.files import newest
from scripts.state.event_rules import RELEASES
from scripts.state.ledger import Choice, Event, Ledger

TABLES = "tables"  # in a release's event: what stood when it was proven, such as `table public.bookings`
REPLACED = ("restore", "refresh")  # kinds of events after which the release says nothing of the database


def live_state(ledger: Ledger, environment: str) -> Event | None:
    """The live release; None if there is none, or the database was restored or refreshed since."""
    left = next(ledger.newest(Choice(environment, (*RELEASES, *REPLACED), ("done",))), None)
    return left if left and left.kind in RELEASES else None


def lost_versions(live: Event, released: Iterable[str], applied: Collection[str]) -> tuple[str, ...]:
    """Versions that the live release had in the history, and that are no longer there.

    Args:
        released: the versions of the migrations of its commit.
        applied: those in the history now.
    """
    schema = live.detail.get("schema")
    if not schema:  # it was released without a database
        return ()
    return tuple(sorted({*released, str(schema)} - {*applied}))


def lost_tables(live: Event, tables: Collection[str]) -> tuple[str, ...]:
    """Tables and views that stood when the release was proven, and are gone, though nothing undid it."""
    known = live.detail.get(TABLES)
    return tuple(sorted(set(map(str, known)) - {*tables})) if isinstance(known, list) else ()


def problems(
    live: Event, released: Iterable[str], applied: Collection[str], tables: Collection[str]
) -> Iterator[str]:
    """Where the database no longer is what the live release left, in words."""
    lost = lost_versions(live, released, applied)
    schema = live.detail.get("schema")
    if lost and not applied:
        yield f"the history is empty, though {live.release} was released with schema `{schema}`"
    elif lost:
        at = newest(applied)
        yield f"the history lost {_listed(lost)}, which {live.release} was released with; it ends at `{at}`"
    gone = lost_tables(live, tables)
    if gone:
        yield f"gone since {live.release}, though no migration dropped it: {_listed(gone)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
