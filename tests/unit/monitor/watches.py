"""A watch over production whose looks a test writes, on a clock that passes when somebody sleeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.config.desk import Desk
from scripts.monitor.checks import Check, Look
from scripts.monitor.probes import Round
from scripts.monitor.store import Store
from scripts.monitor.watcher import Result, Watcher
from scripts.state.lock import lock_ref
from tests.fakes.world import Notes, World
from tests.support.posts import Webhook, webhook

GOOD, BAD, WARN = Look("good", seconds=0.1), Look("bad", "it answers 500"), Look("warn", "slow")
Answer = Callable[[float], Look]  # by the seconds since the beginning


@dataclass
class Watched:
    """The watch, and what it sees.

    Args:
        answers: what each check gives; good by default.
        looked: check and time of each look.
    """

    world: World
    folder: Path
    values: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    looked: list[tuple[str, float]] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)
    environments: tuple[str, ...] = ("production",)
    watcher: Watcher | None = None

    def desk(self, **changes: Any) -> Desk:
        """Whose state lies in the folder."""
        known = {
            "state_folder": self.folder,
            "progress": self.notes,
            "values": lambda _environment: self.values,
        }
        return self.world.desk("monitor", **{**known, **changes})

    def start(self) -> Watcher:
        """A new process over the same folder."""
        desk = self.desk()
        store = Store(desk.state_folder, desk.progress.note)
        environments = [desk.settings.environments[name] for name in self.environments]
        self.watcher = Watcher(desk, environments, store, self.probe)
        return self.watcher

    def probe(self, _made: Round, check: Check) -> Look:
        """As the test says."""
        now = self.world.clock.seconds
        self.looked.append((check.name, now))
        return self.answers[check.name](now) if check.name in self.answers else GOOD

    def minutes(self, number: int) -> list[Result]:
        """So many passes; the results of the last."""
        results: list[Result] = []
        for _ in range(number):
            began = self.world.clock.seconds
            results = (self.watcher or self.start()).one_pass()
            self.world.clock.seconds = began + 60
        return results

    def breaks(self, check: str, begin: float, end: float, look: Look = BAD) -> None:
        """The check is in trouble for some time."""
        self.answers[check] = lambda now: look if begin <= now < end else GOOD

    @contextmanager
    def chat(self, *replies: Any) -> Iterator[Webhook]:
        """A real webhook on loopback for the time of a test."""
        with webhook(*replies) as server:
            self.values["SLACK_WEBHOOK_URL"] = server.url.reveal()
            yield server

    def hold_lock(self, commit: str) -> None:
        """A release is at work in production; a new commit is a heartbeat."""
        self.world.remote.refs[lock_ref("production")] = commit

    def free_lock(self) -> None:
        """It has ended."""
        self.world.remote.refs.pop(lock_ref("production"), None)


def titles(chat: Webhook) -> list[str]:
    """What the chat was told, one line a message."""
    return [str(each["blocks"][0]["text"]["text"]) for each in chat.taken]


def whole(message: dict[str, Any]) -> str:
    """All the text of a message."""
    return str(message)
