# pure
"""DORA's four figures from the ledger: how often, how quickly, how well, and how soon it is fixed."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from scripts.git.history import Dated
from scripts.state.event_rules import RELEASES
from scripts.state.ledger import Event

PERIODS = (30, 90, 365)  # days
DAY = 86400.0


@dataclass(frozen=True)
class Change:
    """A release that went live or failed.

    Args:
        at: when, in seconds since 1970.
        leads: for each commit that it brought, the seconds from the commit to that moment.
        failed: it failed, or was rolled back later.
        restored: seconds until the environment was good again; None: nothing was to be restored, or
            it is not good yet.
    """

    at: float
    live: bool
    leads: tuple[float, ...] = ()
    failed: bool = False
    restored: float | None = None


@dataclass(frozen=True)
class Figures:
    """Of one environment over so many days; times are medians in seconds, None where there are none."""

    environment: str
    days: int
    releases: int
    per_week: float
    lead_seconds: float | None
    changes: int
    failed: int
    failure_rate: float | None
    restore_seconds: float | None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def stats(
    events: Sequence[Event], environments: Iterable[str], dated: Sequence[Dated], now: str
) -> list[Figures]:
    """The figures of each environment and period.

    Args:
        dated: the commits of all releases with their ancestors, as far as the clone has them.
    """
    known, end = {each.id: each for each in dated}, seconds_of(now)
    found = []
    for name in environments:
        changes = changes_of([each for each in events if each.environment == name], known)
        found += [figures(name, days, changes, end) for days in PERIODS]
    return found


def figures(environment: str, days: int, changes: Sequence[Change], now: float) -> Figures:
    """The figures of the changes in the last days."""
    inside = [each for each in changes if now - days * DAY < each.at <= now]
    failed = sum(each.failed for each in inside)
    live = sum(each.live for each in inside)
    return Figures(
        environment,
        days,
        releases=live,
        per_week=round(live * 7 / days, 2),
        lead_seconds=_median(lead for each in inside for lead in each.leads),
        changes=len(inside),
        failed=failed,
        failure_rate=round(failed / len(inside), 4) if inside else None,
        restore_seconds=_median(each.restored for each in inside if each.restored is not None),
    )


def changes_of(events: Sequence[Event], known: Mapping[str, Dated]) -> list[Change]:
    """The changes of one environment, oldest first. What ended in an error of the desk itself is none."""
    judged = [each for each in events if each.kind in RELEASES and each.ending in ("done", "failed")]
    shipped, found, live = set[str](), list[Change](), ""
    for number, event in enumerate(judged):
        at, later = seconds_of(event.at), judged[number + 1 :]
        if event.ending == "done":
            brought = [*_brought(event.commit, known, shipped)]
            if event.kind == "release":
                back = _taken_back(event, later)
                found.append(
                    Change(
                        at,
                        live=True,
                        # of the first release all history is new: it says nothing of how quick the team is
                        leads=tuple(max(0.0, at - each.at) for each in brought) if live else (),
                        failed=back is not None,
                        restored=seconds_of(back.at) - at if back else None,
                    )
                )
            live = event.commit
        elif event.kind == "release":
            broken = event.detail.get("live") not in (None, live)
            good = next((each for each in later if each.ending == "done"), None) if broken else None
            restored = seconds_of(good.at) - at if good else None
            found.append(Change(at, live=False, failed=True, restored=restored))
    return found


def _taken_back(event: Event, later: Sequence[Event]) -> Event | None:
    """The rollback that says the release is bad, before the next release is live."""
    for each in later:
        if each.ending == "done":
            bad = each.kind == "rollback" and each.detail.get("bad") == event.commit
            return each if bad else None
    return None


def _brought(commit: str, known: Mapping[str, Dated], shipped: set[str]) -> Iterator[Dated]:
    """The commits that were not live here before; merges bring nothing of their own."""
    waiting = [commit]
    while waiting:
        each = known.get(waiting.pop())
        if each and each.id not in shipped:
            shipped.add(each.id)
            waiting += each.parents
            if len(each.parents) < 2:
                yield each


def _median(values: Iterable[float]) -> float | None:
    every = [*values]
    return round(statistics.median(every), 1) if every else None


def seconds_of(at: str) -> float:
    """A time of the ledger in seconds since 1970."""
    return datetime.fromisoformat(at).timestamp()


def span(seconds: float | None) -> str:
    """A length of time with two digits: `4.2 h`; `-` for none."""
    if seconds is None:
        return "-"
    for unit, size in (("d", DAY), ("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.2g} {unit}" if seconds < 10 * size else f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
