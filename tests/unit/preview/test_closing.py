"""The last line of a task of previews."""

from __future__ import annotations

import pytest

from scripts.config.outcome import Outcome
from scripts.preview.request import PreviewDownRequest, PreviewSweepRequest, PreviewUpRequest
from scripts.release.closing import closed
from scripts.state.lock import FREE
from scripts.system.signals import Stop
from tests.fakes.previews import Previews


def test_what_a_slot_shows(previews: Previews) -> None:
    """By its lease: which branch, which commit, until when; and whether it is locked."""
    commit = previews.world.head("feature/x")
    outcome = previews.up()
    end = closed(previews.world.desk(), PreviewUpRequest(branch="feature/x"), outcome)

    assert end.closing.startswith(f"one: `feature/x` is up, shows {commit[:8]} until ")
    assert end.closing.endswith("; its lock is free")
    assert (end.data["live"], end.data["lock"]) == (commit, FREE)
    assert end.data["next"] == ["invoke preview.list"]


def test_an_interruption_leaves_the_slot_free(previews: Previews) -> None:
    """Nothing of it is left, and that is what was read."""

    def interrupted(*_: object) -> None:
        raise Stop("interrupted by SIGINT")

    previews.driver().faults["build"] = interrupted
    with pytest.raises(Stop):
        previews.up()
    fault = Outcome("failed", "interrupted by SIGINT", code=130)
    end = closed(previews.world.desk(), PreviewDownRequest(branch="feature/x"), fault)

    assert end.closing == "`feature/x` has no preview, and holds no lock"
    assert end.data["lock"] == FREE


def test_a_sweep_names_the_slots_that_are_locked(previews: Previews) -> None:
    """Somebody is at work there."""
    seen = []

    def build(*_: object) -> None:
        seen.append(
            closed(previews.world.desk(), PreviewSweepRequest(), Outcome.nothing("nothing")).closing
        )

    previews.driver().faults["build"] = build
    previews.up()

    assert seen == ["locked: one"]
    assert (
        closed(previews.world.desk(), PreviewSweepRequest(), Outcome.nothing("nothing")).closing
        == "no slot is locked"
    )
