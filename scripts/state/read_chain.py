# pure
"""From the commits of the ledger's branch to its events: what can't be used is named, and stops nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.git.chain import Link
from scripts.state.event_rules import ACCEPT, BEGIN, CORRECTION, RELEASE, RELEASES, fault_of, newer
from scripts.state.ledger import Doubt, Event, Ledger, event_of


def ledger_of(tip: str, links: Sequence[Link]) -> Ledger:
    """The ledger that ends in `tip`. An event that was corrected neither counts nor raises a doubt."""
    events: dict[str, Event] = {}
    doubts: list[Doubt] = []
    merged: list[str] = []
    for link in links:
        fault = link.fault or fault_of(link.document)
        later = "" if link.fault else newer(link.document)
        if not fault and len(link.parents) > 1:
            fault = "" if link.document["kind"] == ACCEPT else "it is a merge"
            merged += () if fault else link.parents[1:]
        if not fault:
            events[link.commit] = event_of(link.document)
        if later or fault:
            doubts.append(Doubt(link.commit, later or fault, newer=bool(later)))
    corrected, departed = _corrections(events)
    counted = [event for commit, event in events.items() if commit not in corrected]
    return Ledger(
        tip,
        tuple(event for event in counted if event.kind != BEGIN),
        tuple(doubt for doubt in doubts if doubt.commit not in corrected),
        commits=tuple(link.commit for link in links),
        merged=tuple(merged),
        used=frozenset(_used(link.document) for link in links) - {("", "")},
        departed=departed,
        begun=tuple(event for event in counted if event.kind == BEGIN),
    )


def _corrections(events: Mapping[str, Event]) -> tuple[set[str], frozenset[str]]:
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
