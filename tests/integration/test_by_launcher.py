"""A chain with both drivers: development and staging by launcher, production by workspace.

The launchers are real, as are git, ssh and PostgreSQL; the hosts that keep them running are stand-ins.
`DESK_LONG=1` runs rollback, hold, resume and drill by launcher as well.
"""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration import test_back
from tests.integration.desk import Desk, left_by_runs
from tests.integration.test_back import two  # noqa: F401 - the fixture of the tests below
from tests.support import skips
from tests.support.sandboxes import sandbox

pytestmark = pytest.mark.timeout(600)
DEV = ("--env", "development")
BAD_HOME = "export function home() { throw new Error('no'); }\n"

# the same tests, by launcher
test_rollback = skips.LONG(test_back.test_rollback_brings_the_last_good_release_back)
test_good_ones = skips.LONG(test_back.test_rollback_knows_only_good_releases)
test_resume = skips.LONG(test_back.test_killed_run_is_finished_elsewhere)
test_drill = skips.LONG(test_back.test_drill_proves_that_a_broken_release_is_taken_back)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The tasks, in a world of their own."""
    with sandbox(tmp_path_factory, "launched", driver="mixed") as made:
        yield Desk(made)


@contextmanager
def visited(desk: Desk, environment: str) -> Iterator[list[str | int]]:
    """Somebody asks for the stamp all the time: each commit that answered, or what came instead."""
    seen: list[str | int] = []
    ended = threading.Event()

    def visit() -> None:
        while not ended.wait(0.005):
            seen.append(desk.served(environment) or 0)

    thread = threading.Thread(target=visit)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def status_of(desk: Desk, environment: str) -> int:
    """What the front page gives."""
    try:
        with urllib.request.urlopen(desk.world.environment(environment).url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as fault:
        return fault.code


def test_a_way_back_needs_no_build_and_loses_no_request(desk: Desk) -> None:
    """From the first answer of the old release on none of the new one comes."""
    old = desk.commit({"NOTES.md": "first\n"})
    first = desk("deploy", *DEV)
    assert first.code == 0, first.err
    new = desk.commit({"NOTES.md": "newer\n"})
    with visited(desk, "development") as seen:
        assert desk("deploy", *DEV).code == 0
    assert list(dict.fromkeys(seen)) == [old, new]
    with visited(desk, "development") as seen:
        call = desk("rollback", *DEV, "--reason", "slow")

    assert call.code == 0, call.err
    assert list(dict.fromkeys(seen)) == [new, old]
    assert [step["name"] for step in call.document["steps"]][:4] == ["lock", "build", "publish", "verify"]
    assert desk("release-hold", *DEV, "--reason", "test").code == 0


@skips.LONG
def test_a_chain_with_both_drivers(desk: Desk) -> None:
    """One commit travels: by launcher, by launcher, by workspace; nothing disagrees afterwards."""
    commit = desk.commit({"NOTES.md": "second\n"})
    first = desk("deploy", *DEV)
    assert first.code == 0, first.err
    staging = desk("promote", "--to", "staging")
    assert staging.code == 0, staging.err
    call = desk("promote", "--to", "production", "--yes")

    assert call.code == 0, call.err
    names = ("development", "staging", "production")
    assert [desk.served(name) for name in names] == [commit] * 3
    refs = desk.refs()
    assert left_by_runs(refs) == []
    assert [refs.get(f"refs/deploy/live/{name}") for name in names] == [commit, commit, None]
    assert [each["problems"] for each in desk("status").document["environments"]] == [[], [], []]


@skips.LONG
def test_a_release_that_does_not_work_never_takes_a_visitor(desk: Desk) -> None:
    """It is not healthy, so the old one goes on; the desk says what the launcher saw, and goes back."""
    good = desk.served("development") or ""
    desk.commit({"server/home.js": BAD_HOME})
    with visited(desk, "development") as seen:
        call = desk("deploy", *DEV)

    assert call.code == 1, call.err
    assert set(seen) == {good}
    assert "gives 500" in call.document["message"]
    assert f"`{good[:12]}`) is live again, and verified" in call.document["message"]
    assert desk.refs()["refs/deploy/live/development"] == good
    assert status_of(desk, "development") == 200
    assert left_by_runs(desk.refs()) == []
