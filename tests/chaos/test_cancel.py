"""A CI job is cancelled as GitHub does it: SIGINT, after 7.5 s SIGTERM, after 2.5 s more SIGKILL.

The desk gives up in time, so that the last words are its own, and they are true; then `resume` elsewhere.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.chaos.conftest import DEV, resumed, settled
from tests.chaos.deaths import own
from tests.chaos.test_kill import SEED, change
from tests.integration.desk import Call, Desk
from tests.support import skips

ROUNDS = int(os.environ.get("DESK_CANCEL_ROUNDS", "1"))
RHYTHM = (
    (signal.SIGINT, 7.5),
    (signal.SIGTERM, 2.5),
    (signal.SIGKILL, 5.0),
)  # signal, seconds until the next
pytestmark = [pytest.mark.timeout(60 * 60 * 2), skips.LONG]


def cancelled(child: subprocess.Popen[str], *, group: bool) -> tuple[Call, int]:
    """The rhythm; returns how the call ended, and which signal was the last one needed."""
    last = 0
    for number, wait in RHYTHM:
        if child.poll() is not None:
            break
        last = number
        for each in [child.pid, *(own(child.pid) if group else ())]:
            try:
                os.kill(each, number)
            except ProcessLookupError:
                continue
        try:
            child.wait(timeout=wait)
        except subprocess.TimeoutExpired:
            continue
    out, err = child.communicate()
    try:
        document = json.loads(out)
    except ValueError:
        document = {}
    return Call(child.returncode, document, err, out), last


def true(desk: Desk, call: Call, commit: str, before: str | None) -> None:
    """What was said last is so: what is live, whether it is locked, and how to go on."""
    live = desk.served(DEV)
    locked = any(ref.startswith("refs/deploy/lock") for ref in desk.refs())
    if call.code in (1, -signal.SIGINT) and not call.out:  # Python and Invoke were still starting
        assert (before, False) == (live, locked), call.err
        return
    assert call.code in (0, 7, 130), call.err
    assert locked == (call.code == 7), call.err  # handed over, or given back
    if call.code == 0:
        assert commit == live
    if call.code == 130:
        assert live == call.document.get("live", before) == before or live == commit, call.err
    if call.code == 7:
        assert "invoke resume" in call.err


def test_cancelled_as_github_does(desk: Desk, tmp_path: Path) -> None:
    """Over many moments: it ends by the first signal, its message is true, and all is recovered."""
    dice = random.Random(SEED)
    print(f"\nseed {SEED}, {ROUNDS} rounds")
    for number in range(ROUNDS):
        before = desk.served(DEV)
        change(desk, dice, number)
        commit = desk.refs()["refs/heads/develop"]
        child = desk.start("deploy", "--env", DEV, "--yes")
        moment = dice.uniform(0.2, 3.5)
        time.sleep(moment)
        group = dice.random() < 0.5
        call, last = cancelled(child, group=group)
        whom = "with its children" if group else "alone"
        print(f"round {number}: after {moment:.2f} s, {whom}: {call.code}", flush=True)
        assert last in (0, signal.SIGINT), f"it needed signal {last}\n{call.err}"
        true(desk, call, commit, before)
        if call.code == 7:
            back = resumed(desk, DEV, tmp_path)
            assert back.code == 0, back.err
        if desk.served(DEV) != commit:
            again = desk("deploy", "--env", DEV, "--wait")
            assert again.code == 0, again.err
        settled(desk, DEV, "develop")
    print(f"{ROUNDS} rounds with seed {SEED}: 0 failures")
