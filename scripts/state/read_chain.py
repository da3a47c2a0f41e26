# pure
"""From the commits of the ledger's branch to its events: what can't be used is named, and stops nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from scripts.git.chain import Link
from scripts.state.event_rules import ACCEPT, BEGIN, CORRECTION, RELEASE, RELEASES, fault_of, newer
from scripts.state.ledger import Doubt, Event, Ledger, event_of


class Read(NamedTuple):
    """What one commit of the ledger says.

    Args:
        event: None where it is none.
        merged: the tips of other ledgers that a person decided against by it.
        used: the environment and the id of its release; ("", "") for none.
    """

    event: Event | None
    doubt: Doubt | None
    merged: tuple[str, ...]
    used: tuple[str, str]


def read(link: Link) -> Read:
    """Read one commit by itself."""
    fault = link.fault or fault_of(link.document)
    later = "" if link.fault else newer(link.document)
    merged: tuple[str, ...] = ()
    if not fault and len(link.parents) > 1:
        fault = "" if link.document["kind"] == ACCEPT else "it is a merge"
        merged = () if fault else link.parents[1:]
    event = None if fault else event_of(link.document)
    doubt = Doubt(link.commit, later or fault, newer=bool(later)) if later or fault else None
    return Read(event, doubt, merged, _used(link.document))


def ledger_of(tip: str, links: Sequence[Link]) -> Ledger:
    """The ledger that ends in `tip`. An event that was corrected neither counts nor raises a doubt."""
    found = {link.commit: read(link) for link in links}
    events = {commit: each.event for commit, each in found.items() if each.event}
    corrected, departed = corrections(events)
    counted = [event for commit, event in events.items() if commit not in corrected]
    return Ledger(
        tip,
        tuple(event for event in counted if event.kind != BEGIN),
        tuple(each.doubt for each in found.values() if each.doubt and each.doubt.commit not in corrected),
        commits=tuple(found),
        merged=tuple(commit for each in found.values() for commit in each.merged),
        used=frozenset(each.used for each in found.values()) - {("", "")},
        departed=departed,
        begun=tuple(event for event in counted if event.kind == BEGIN),
    )


def corrections(events: Mapping[str, Event]) -> tuple[set[str], frozenset[str]]:
    """The commits that were corrected, and the environments that left; a correction can be corrected."""
    corrected, departed = set[str](), set[str]()
    for commit, event in reversed([*events.items()]):
        if event.kind == CORRECTION and commit not in corrected:
            corrected |= {*event.detail["corrects"]}
            names = event.detail.get("departed")
            departed |= {str(name) for name in names} if isinstance(names, list) else set()
    return corrected, frozenset(departed)


def _used(document: Mapping[str, Any]) -> tuple[str, str]:
    """The environment and the id of a release, as far as they can be read."""
    environment, release = document.get("environment"), document.get("release")
    if isinstance(environment, str) and isinstance(release, str) and RELEASE.fullmatch(release):
        return (environment, release) if document.get("kind") in RELEASES else ("", "")
    return "", ""
