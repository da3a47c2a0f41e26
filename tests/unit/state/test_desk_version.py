"""A desk that is older than one that wrote to the ledger is told so."""

from __future__ import annotations

import json

import pytest

from scripts import VERSION
from scripts.state.desk_version import RECENT, how_to_upgrade, newer_desk, outdated
from scripts.state.ledger import Event, Ledger, event_of
from scripts.state.remote import new_event
from tests.fakes.world import World

AT = "2030-01-01T00:00:00+00:00"


def ledger(*versions: str) -> Ledger:
    """Releases of production, oldest first, each by a desk of that version."""
    events = [
        Event("production", "release", "done", f"v{number}", "a" * 40, "Ada", AT, f"r{number}", {}, version)
        for number, version in enumerate(versions, start=1)
    ]
    return Ledger("b" * 40, tuple(events))


@pytest.mark.parametrize(
    ("versions", "found"),
    [
        ((), ""),
        (("1.9.0", "1.10.0"), ""),
        (("1.10.1", "1.10.0"), "this desk is 1.10.0, and Ada has used 1.10.1 (production v1 release)"),
        (("2.0", "1.11", "2.0"), "this desk is 1.10.0, and Ada has used 2.0 (production v3 release)"),
        (("", "main", "1.x", "9" * 40, "\u0662.0"), ""),
        (("2.0.0", *["1.10.0"] * RECENT), ""),
    ],
)
def test_the_newest_desk_of_the_ledger_is_named(versions: tuple[str, ...], found: str) -> None:
    """By numbers, not by letters; what is no version, and what is long ago, counts as nothing."""
    assert outdated(ledger(*versions), "1.10.0") == found


def test_an_event_says_which_desk_wrote_it(world: World) -> None:
    """And one of a desk that said nothing, or nonsense, can be read."""
    event = new_event(world.desk(), "staging", "freeze", release="", commit="", run="r1", detail={})
    document = json.loads(json.dumps(event.document()))

    assert (document["desk"], event_of(document).desk) == (VERSION, VERSION)
    assert [event_of({**document, "desk": other}).desk for other in (None, 7, "\n")] == ["", "", "\ufffd"]
    assert newer_desk(Ledger(None, (event,))) is None


def test_the_way_out_is_a_command() -> None:
    """Of a desk beside the app; a copy has `invoke upgrade`."""
    assert "pull --ff-only`" in how_to_upgrade()
