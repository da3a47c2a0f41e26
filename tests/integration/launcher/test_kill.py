"""The launcher and its app are killed at random moments of a release: the site comes back by itself.

`DESK_LONG=1 DESK_LAUNCHER_ROUNDS=100 pytest -s tests/integration/launcher/test_kill.py` goes on longer.
"""

from __future__ import annotations

import http.client
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.integration.launcher.world import World, world
from tests.support.skips import LONG

SLOW_BUILD = "mkdir -p public && sleep 0.2\n"


def followers(app: World) -> list[int]:
    """The launcher's processes besides the one that the platform started."""
    return [pid for pid, line in app.processes().items() if "launcher.py" in line and pid != app.supervisor]


def servers(app: World) -> list[int]:
    """The processes of the app."""
    return [pid for pid, line in app.processes().items() if "server.cjs" in line]


VICTIMS: dict[str, Callable[[World], list[int]]] = {
    "supervisor": lambda app: [app.supervisor],
    "follower": followers,
    "app": servers,
    "both": lambda app: [app.supervisor, *followers(app), *servers(app)],
    "builders": lambda app: [
        pid for pid, line in app.processes().items() if "build.sh" in line or "git" in line
    ],
}


def seconds_until_answered(app: World, proven: set[str]) -> float:
    """From now to the next answer, which must be a proven release's."""
    begun = time.monotonic()
    while True:
        try:
            status, body = app.get("/")
        except (OSError, http.client.HTTPException):
            assert time.monotonic() - begun < 60, "the site did not come back"
            time.sleep(0.01)
            continue
        assert (status, body.decode() in proven) == (200, True), (status, body)
        return time.monotonic() - begun


def kill_rounds(app: World, rounds: int, seed: int) -> list[tuple[float, str]]:
    """So many kills, each at a random moment of a release or a way back; how long the site was away."""
    chance, away = random.Random(seed), []  # noqa: S311
    for number in range(rounds):
        victim = list(VICTIMS)[number % len(VICTIMS)]
        back = number % 3 == 2
        target = chance.choice(app.commits[-3:]) if back else app.commit()
        app.want(target)
        app.until(lambda: bool(app.status()), "the launcher answers")
        app.poke()
        moment = chance.uniform(0, 0.8)
        time.sleep(moment)
        for pid in VICTIMS[victim](app):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        away.append((seconds_until_answered(app, set(app.commits)), f"{victim} at {moment:.3f}"))
        app.until_live(target)
    return away


def killed(tmp_path: Path, rounds: int, seed: int) -> list[tuple[float, str]]:
    """A world in which things die."""
    with world(tmp_path) as app:
        app.want(app.commit({"build.sh": SLOW_BUILD}))
        app.start()
        app.until_live(app.commits[0])

        away = kill_rounds(app, rounds, seed)

        assert app.status()["state"] == "serving"
        app.until(lambda: len(servers(app)) <= 2, "no process is left of those that were killed")
    assert app.processes() == {}
    return away


def test_it_comes_back(tmp_path: Path) -> None:
    """A kill of each kind; afterwards a proven release answers, and then the one that was wanted."""
    killed(tmp_path, len(VICTIMS), 7)


@LONG
def test_it_comes_back_every_time(tmp_path: Path) -> None:
    """Very many kills."""
    seed = int(os.environ.get("DESK_LAUNCHER_SEED") or time.time())
    away = killed(tmp_path, int(os.environ.get("DESK_LAUNCHER_ROUNDS") or 100), seed)

    print(f"seed {seed}: {len(away)} kills, away for {sorted(away)[-5:]}")  # noqa: T201 - the figures of a long run
