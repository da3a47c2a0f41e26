"""Taking it back, and stopping the line: rollback, hold, freeze, resume, steal."""

from __future__ import annotations

import re
import shlex
import signal
import time

import pytest

from tests.contract.test_docs import DOCS, blocks
from tests.integration.desk import Desk, ended, left_by_runs
from tests.support import skips
from tests.support.sandboxes import VERIFY_TIMEOUT, VITE

pytestmark = pytest.mark.timeout(600)
DEV = ("--env", "development")


@pytest.fixture
def two(desk: Desk) -> tuple[Desk, str, str]:
    """Two good releases on development; the world, the older commit and the newer."""
    commits = []
    for number in (1, 2):
        commits.append(desk.commit({"NOTES.md": f"release {number} at {time.time()}\n"}))
        assert desk("deploy", *DEV, "--wait").code == 0
    return desk, commits[0], commits[1]


def lift(desk: Desk) -> None:
    """Let the line go on."""
    assert desk("release-hold", *DEV, "--reason", "test").code == 0


def test_rollback_brings_the_last_good_release_back(two: tuple[Desk, str, str]) -> None:
    """The older commit answers, the branch stays, the newer is bad, the line is held, undo is named."""
    desk, old, new = two
    call = desk("rollback", *DEV, "--reason", "slow")

    assert 0 == call.code
    assert (old, old) == (call.document["live"], desk.served("development"))
    assert new == desk.refs()["refs/heads/develop"]
    assert "--allow-bad" in call.document["hint"]
    event = desk.ledger()[-1]
    assert ("rollback", "done", old, new) == (event["kind"], event["ending"], event["commit"], event["bad"])
    environment = desk("status").document["environments"][0]
    assert "slow" in environment["hold"]
    assert "branch ahead of live: rolled back" in environment["states"]
    held = desk("deploy", *DEV)
    assert (1, True) == (held.code, "slow" in held.document["message"])
    lift(desk)
    bad = desk("deploy", *DEV)
    assert (1, True) == (bad.code, "was rolled back" in bad.document["message"])
    assert 0 == desk("deploy", *DEV, "--allow-bad", "it was the network").code
    assert new == desk.served("development")


def test_the_page_for_the_night_says_what_happens(two: tuple[Desk, str, str]) -> None:
    """Its commands as they stand there, on development: look, see, go back, and lift the hold."""
    desk, old, new = two
    lines = [line for line in blocks((DOCS / "incident.md").read_text()) if line.startswith("invoke ")]
    typed = [shlex.split(line.replace("production", "development"))[1:] for line in lines]

    assert ["status", "rollback", "rollback", "release-hold", "promote"] == [words[0] for words in typed]
    status, plan, back, unhold, _ = typed
    assert 0 == desk(*status).code
    call = desk(*plan)
    assert (0, new) == (call.code, desk.served("development"))
    assert re.search(rf"{new[:8]} .* -> v\d+ {old[:8]} ", call.err)
    call = desk(*back)
    assert (0, old) == (call.code, desk.served("development"))
    assert all(text in call.document["message"] for text in ("is live", "is marked bad", "is held"))
    assert 0 == desk(*unhold).code


def test_rollback_knows_only_good_releases(two: tuple[Desk, str, str]) -> None:
    """An unknown or failed release is an error that lists the good ones; nothing changes."""
    desk, old, new = two
    before = desk.refs()
    call = desk("rollback", *DEV, "--to", "v9999")

    assert 1 == call.code
    assert old[:8] in call.document["hint"]
    assert before == desk.refs()
    assert new == desk.served("development")


def test_rollback_that_does_not_build_touches_nothing_live(two: tuple[Desk, str, str]) -> None:
    """It is found in the workspace, before the public URL is touched."""
    desk, _, new = two
    file = desk.world.env_dir / "pipeline.toml"
    text = file.read_text()
    file.write_text(text.replace(VITE, '[app]\nbuild = ["sh", "-c", "test ! -f BROKEN"]\n'))
    desk.world.environment("development").workspace.joinpath(".git/info/exclude").write_text("BROKEN\n")
    marker = desk.world.environment("development").workspace / "BROKEN"
    marker.touch()
    try:
        call = desk("rollback", *DEV)

        assert 1 == call.code, call.err
        assert "build failed" in call.document["message"]
        assert new == desk.served("development")
    finally:
        marker.unlink()
        file.write_text(text)


@skips.LONG
def test_freeze_stops_everybody_until_it_is_lifted(desk: Desk) -> None:
    """Deploy is refused with the reason; `unfreeze` lets it go on; a past or odd time is refused."""
    desk.commit({"NOTES.md": f"{time.time()}\n"})
    assert 1 == desk("freeze", *DEV, "--until", "2001-01-01", "--reason", "x").code
    assert 1 == desk("freeze", *DEV, "--until", "someday", "--reason", "x").code
    assert 0 == desk("freeze", *DEV, "--until", "2999-01-01", "--reason", "holidays").code
    call = desk("deploy", *DEV)

    assert (1, True) == (call.code, "holidays" in call.document["message"])
    assert 0 == desk("unfreeze", *DEV, "--reason", "urgent").code
    assert 0 == desk("deploy", *DEV).code
    assert "nothing" == desk("unfreeze", *DEV, "--reason", "again").document["ending"]


def test_owner_that_lives_is_not_resumed_but_can_be_stolen_from(two: tuple[Desk, str, str]) -> None:
    """`resume` sees the signs of life; the thief finishes; the dethroned owner changes nothing more."""
    desk, _, _ = two
    commit = desk.commit({"NOTES.md": f"{time.time()}\n"})
    desk.play("development", publish="hangs")
    file = desk.world.env_dir / "pipeline.toml"
    text = file.read_text()
    file.write_text(text.replace(VERIFY_TIMEOUT, "timeout = 60"))  # the owner lives until he is robbed
    owner = desk.start("deploy", *DEV)
    while not any(ref.startswith("refs/deploy/lock") for ref in desk.refs()):
        time.sleep(0.05)
    time.sleep(3)
    file.write_text(text)
    alive = desk("resume", *DEV)
    shown = desk("lock.show")
    desk.play("development")
    thief = desk("lock.steal", *DEV, "--reason", "test")
    late = ended(owner)

    assert (5, True) == (alive.code, "alive" in alive.document["message"])
    assert commit == shown.document["locks"]["development"]["commit"]
    assert 0 == thief.code, thief.err
    assert commit == desk.served("development")
    assert 5 == late.code, late.err
    events = [each for each in desk.ledger() if each["commit"] == commit]
    assert ["done"] == [each["ending"] for each in events]


def test_wait_waits_for_the_lock(desk: Desk) -> None:
    """The second run goes on when the first has ended, and finds nothing left to do."""
    desk.commit({"NOTES.md": f"{time.time()}\n"})
    first, second = desk.start("deploy", *DEV), desk.start("deploy", *DEV, "--wait")
    codes = {ended(first).code, ended(second).code}

    assert codes <= {0, 5}
    assert 0 in codes


def test_killed_run_is_finished_elsewhere(desk: Desk) -> None:
    """SIGKILL in the midst; `resume` waits out the silence, says so, and finishes the same commit."""
    commit = desk.commit({"NOTES.md": f"{time.time()}\n"})
    child = desk.start("deploy", *DEV)
    while not any(ref.startswith("refs/deploy/lock") for ref in desk.refs()):
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    blocked = desk("deploy", *DEV)
    call = desk("resume", *DEV)

    assert (5, True) == (blocked.code, "invoke resume" in blocked.document["hint"])
    assert 0 == call.code, call.err
    assert "heartbeat" in call.err
    assert commit == desk.served("development") == desk.ledger()[-1]["commit"]
    assert "nothing" == desk("resume", *DEV).document["ending"]


def test_drill_proves_that_a_broken_release_is_taken_back(two: tuple[Desk, str, str]) -> None:
    """Caught, live again, written down with its date; it is no release, and never for production."""
    desk, _, new = two
    guarded = desk("drill", "--env", "production", "--yes")
    releases = [each["release"] for each in desk.ledger() if each["kind"] == "release"]
    call = desk("drill", *DEV)

    assert 1 == guarded.code
    assert 0 == call.code, call.err
    assert "gives 500" in call.document["caught"]
    assert new == call.document["back"] == desk.served("development")
    proof = desk.ledger()[-1]
    assert ("proof", "drill", "development") == (proof["kind"], proof["what"], proof["environment"])
    assert releases == [each["release"] for each in desk.ledger() if each["kind"] == "release"]
    assert [] == left_by_runs(desk.refs())


@skips.LONG
def test_promotion_can_demand_a_drill(two: tuple[Desk, str, str]) -> None:
    """Without a fresh drill on the environment before, it is refused, and the command is named."""
    desk, _, _ = two
    file = desk.world.env_dir / "pipeline.toml"
    text = file.read_text()
    file.write_text(
        text.replace("[environment.production]\n", "[environment.production]\ndrill_days = 30\n")
    )
    try:
        assert desk("promote", "--to", "staging").code == 0
        call = desk("promote", "--to", "production", "--yes")

        assert 1 == call.code
        assert "demands a drill on staging within 30 days" in call.document["message"]
        assert "invoke drill --env staging" in call.document["hint"]
    finally:
        file.write_text(text)
