"""What a long run leaves behind is collected while it pauses."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Iterator

import pytest

from scripts.config.desk import Desk
from scripts.system.pause import LONG, pause


class Loop:
    """An object that refers to itself: counting references does not free it."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Seconds of the sleeps, in a process that does not collect by itself."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    gc.disable()
    yield made
    gc.enable()


@pytest.mark.parametrize(("seconds", "kept"), [(0.1, True), (LONG, False)])
def test_a_long_pause_collects(slept: list[float], seconds: float, kept: bool) -> None:
    """And takes no longer for it."""
    left = weakref.ref(Loop())
    pause(seconds)

    assert (left() is not None) is kept
    assert 0 <= slept[0] <= seconds


def test_the_desk_pauses_so() -> None:
    """A watch, a window and a stream of logs sleep by this."""
    assert Desk.__dataclass_fields__["sleep"].default is pause
