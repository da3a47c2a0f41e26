"""Bad weather in the midst of a run: the remote goes, ssh drops, PostgreSQL restarts, the disk is full.

Whatever it hits, the run ends with the truth, or `resume` finds it; afterwards all is settled.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.conftest import DEV, next_version, resumed, settled
from tests.integration.desk import ROOT, Desk, ended
from tests.support import skips

ROUNDS = int(os.environ.get("DESK_WEATHER_ROUNDS", "1"))
SEED = int(os.environ.get("DESK_CHAOS_SEED", str(random.randrange(10**6))))
pytestmark = [pytest.mark.timeout(60 * 60 * 2), skips.LONG]


@contextmanager
def no_remote(desk: Desk) -> Iterator[None]:
    """The remote can't be reached for a moment."""
    away = desk.world.origin.with_suffix(".away")
    desk.world.origin.rename(away)
    time.sleep(0.4)
    yield
    away.rename(desk.world.origin)


@contextmanager
def dropped_ssh(desk: Desk) -> Iterator[None]:
    """Every ssh session is cut shortly after it began."""
    desk.play(DEV, ssh="drops")
    yield
    desk.play(DEV)


@contextmanager
def restarted_postgres(desk: Desk) -> Iterator[None]:
    """PostgreSQL goes down with all its sessions, and comes back."""
    server = desk.world.postgres
    server.stop()
    yield
    server.start()


WEATHER: dict[str, Callable[[Desk], object]] = {
    "no remote": no_remote,
    "ssh drops": dropped_ssh,
    "postgres restarts": restarted_postgres,
}


@pytest.mark.parametrize("kind", WEATHER)
def test_weather(desk: Desk, kind: str, tmp_path: Path) -> None:
    """Never a false success; one more try, or `resume`, brings the world to the commit."""
    dice = random.Random(f"{SEED}{kind}")
    print(f"\nseed {SEED}, {ROUNDS} rounds of {kind}")
    for _ in range(ROUNDS):
        version = next_version()
        files = {
            f"supabase/migrations/{version}_w.sql": f"select pg_sleep(0.5); create table w{version}();\n"
        }
        commit = desk.commit({"NOTES.md": f"{time.time()}\n", **files})
        child = desk.start("deploy", "--env", DEV)
        time.sleep(dice.uniform(0.3, 3.0))
        with WEATHER[kind](desk):  # type: ignore[attr-defined]
            time.sleep(dice.uniform(0.2, 1.0))
        call = ended(child)
        print(f"{kind}: {call.code} {str(call.document.get('message'))[:150]!r}", flush=True)
        if call.code == 0:
            assert commit == desk.served(DEV)
        else:
            settle(desk, tmp_path)
        settled(desk, DEV, "develop")


def settle(desk: Desk, folder: Path) -> None:
    """What a person does next: resume if it is locked, then try again."""
    if any(ref.startswith("refs/deploy/lock") for ref in desk.refs()):
        back = resumed(desk, DEV, folder)
        assert back.code == 0, back.err
    deadline = time.monotonic() + 60
    while (call := desk("deploy", "--env", DEV, "--retry", "--wait")).code and time.monotonic() < deadline:
        time.sleep(1)
    assert call.code == 0, call.err


def test_full_disk(desk: Desk, tmp_path: Path) -> None:
    """No file can grow any more (a limit stands in for the full disk): nothing is reported as done."""
    commit = desk.commit({"NOTES.md": f"{time.time()} {'x' * 5000}\n"})
    child = subprocess.run(
        ["prlimit", "--fsize=64", sys.executable, "-m", "invoke", "deploy", "--env", DEV, "--json"],
        cwd=ROOT,
        env={**os.environ, "AIRHOST_ENV_DIR": str(desk.world.env_dir), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 != child.returncode
    assert commit != desk.served(DEV)
    settle(desk, tmp_path)
    settled(desk, DEV, "develop")


@pytest.mark.parametrize("number", range(ROUNDS))
def test_two_thieves_and_a_slow_owner(desk: Desk, number: int) -> None:
    """One thief wins, the late owner changes nothing more, and there is one release."""
    import signal

    commit = desk.commit({"NOTES.md": f"thieves {number} {time.time()}\n"})
    owner = desk.start("deploy", "--env", DEV)
    while not any(ref.startswith("refs/deploy/lock") for ref in desk.refs()):
        time.sleep(0.02)
    time.sleep(random.uniform(0, 1.0))
    owner.send_signal(signal.SIGSTOP)
    thieves = [desk.start("lock.steal", "--env", DEV, "--reason", "slow") for _ in range(2)]
    waker = threading.Timer(random.uniform(0.5, 4), owner.send_signal, [signal.SIGCONT])
    waker.start()
    calls = [ended(thief) for thief in thieves]
    waker.join()
    late = ended(owner)

    codes = sorted(call.code for call in calls)
    assert codes in ([0, 5], [0, 0]), [call.document.get("message") for call in [*calls, late]]
    if codes == [0, 0]:
        assert "nothing" in {call.document["ending"] for call in calls}
    released = [each for each in desk.ledger() if each["commit"] == commit and each["ending"] == "done"]
    assert 1 == len(released)
    assert late.code in (0, 5), late.err
    settled(desk, DEV, "develop")
