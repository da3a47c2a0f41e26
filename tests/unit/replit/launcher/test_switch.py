"""The moment of the change, with releases that do as they are told, and with those that don't."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.replit.launcher import switch
from scripts.replit.launcher.config import Config
from scripts.replit.launcher.files import Journal
from scripts.replit.launcher.instance import StartFailed
from scripts.replit.launcher.switch import Switch


class Release:
    """A release's process, which writes down what it is told.

    Args:
        refuses: words that it does not answer, and how often each.
    """

    said: list[str]
    refuses: dict[str, int]
    made: list[Release]

    def __init__(self, _config: Config, commit: str, *_: object) -> None:
        self.commit, self.turns, self.retired, self.is_alive = commit, 16, 0.0, False
        self.path = Path(f"/{commit}{len(Release.made)}")
        Release.made.append(self)

    async def start(self, _listening: socket.socket) -> None:
        self._do("start")
        self.is_alive = True

    async def tell(self, words: str) -> None:
        self._do(words)

    async def accept(self) -> None:
        self.turns -= 1
        self._do("accept")

    async def kill(self) -> None:
        self._note("kill")
        self.is_alive = False

    async def stop(self) -> None:
        self._note("stop")
        self.is_alive = False

    async def was_killed(self) -> bool:
        return "killed" in self.refuses

    def _do(self, words: str) -> None:
        self._note(words)
        key = f"{self.commit} {words.split(maxsplit=1)[0]}"
        if Release.refuses.get(key, 0) > 0:
            Release.refuses[key] -= 1
            raise StartFailed("start", "no answer")

    def _note(self, words: str) -> None:
        Release.said.append(f"{self.commit} {words}")


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Go to these releases in turn; what all of them were told, and how it ended."""
    Release.said, Release.refuses, Release.made = [], {}, []
    monkeypatch.setattr(switch, "Instance", Release)

    def run(
        *commits: str,
        refuses: dict[str, int] | None = None,
        stuck_later: dict[str, int] | None = None,
        **settings: Any,
    ) -> list[str]:
        given = {"drain_seconds": 0, **settings}
        config = Config(home=tmp_path, remote="r", environment="e", branch="b", port=1, run=("x",), **given)

        async def all_of_them() -> None:
            with socket.socket() as listening:
                listening.bind(("127.0.0.1", 0))
                here = Switch(config, listening, tmp_path, Journal(tmp_path))
                Release.refuses = refuses or {}
                for number, commit in enumerate(commits):
                    if number == 2:
                        Release.refuses |= stuck_later or {}
                    try:
                        await here.go_to(commit, tmp_path)
                    except StartFailed:
                        Release.said.append(f"{commit} failed")
                    await _settled()
                live = here.live
                Release.said.append(f"live: {live.commit if live and live.is_alive else None}")

        asyncio.run(all_of_them())
        return Release.said

    return run


async def _settled(rounds: int = 20) -> None:
    for _ in range(rounds):
        await asyncio.sleep(0)


def test_the_order_of_a_change(play: Callable[..., list[str]]) -> None:
    """The new one is healthy before the old one holds; nobody answers between hold and accept."""
    assert play("a", "b") == [
        *("a start", "a accept", "b start", "a hold", "b accept", "a forward /b1", "a close", "live: b"),
    ]


def test_the_way_back_starts_nothing(play: Callable[..., list[str]]) -> None:
    """The one before is warm."""
    said = play("a", "b", "a")

    assert said[7:] == ["b hold", "a accept", "b forward /a0", "b close", "live: a"]


def test_those_that_are_too_many_end(play: Callable[..., list[str]]) -> None:
    """The one that was live last stays."""
    assert [each for each in play("a", "b", "c", "d") if each.endswith("stop")] == ["a stop", "b stop"]


def test_one_that_is_not_healthy_changes_nothing(play: Callable[..., list[str]]) -> None:
    """The old one is not even asked to hold."""
    said = play("a", "b", refuses={"b start": 1})

    assert said == ["a start", "a accept", "b start", "b failed", "live: a"]


def test_one_that_does_not_accept_gives_the_port_back(play: Callable[..., list[str]]) -> None:
    """The old one, which holds already, goes on."""
    said = play("a", "b", refuses={"b accept": 1})

    assert said[2:] == ["b start", "a hold", "b accept", "a accept", "b kill", "b failed", "live: a"]


def test_one_that_does_not_hold_is_ended_first(play: Callable[..., list[str]]) -> None:
    """It would go on to answer beside the new one."""
    said = play("a", "b", refuses={"a hold": 1})

    assert said[2:] == ["b start", "a hold", "a kill", "b accept", "live: b"]


def test_one_that_was_warm_and_is_stuck_is_started_anew(play: Callable[..., list[str]]) -> None:
    """That it was healthy once counts for nothing."""
    said = play("a", "b", "a", stuck_later={"a accept": 1})
    assert said[7:] == [
        *("b hold", "a accept", "b accept", "a kill", "a start", "b hold", "a accept", "b forward /a2"),
        *("b close", "live: a"),
    ]


def test_without_memory_nothing_stays_warm(
    play: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends once it has finished."""
    monkeypatch.setattr(switch, "free_memory", lambda: 1)

    assert play("a", "b")[-3:] == ["a close", "a stop", "live: b"]
