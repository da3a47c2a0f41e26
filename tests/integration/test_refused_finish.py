"""The last push of a promotion does not arrive: a hook, somebody who pushes meanwhile, a lost remote."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.integration.desk import Call, Desk, ended, git
from tests.support import skips

pytestmark = pytest.mark.timeout(600)
STAGING = "refs/heads/staging"


@pytest.fixture(scope="module")
def live(desk: Desk) -> Desk:
    """A world with a release on staging."""
    assert desk("deploy", "--env", "development").code in (0, 1)
    assert desk("promote", "--to", "staging").code in (0, 1)
    return desk


@pytest.fixture
def newer(live: Desk) -> str:
    """Gives a commit that is on development alone."""
    commit = live.commit({"NOTES.md": f"{time.time()}\n"})
    assert live("deploy", "--env", "development", "--wait").code == 0
    return commit


@contextmanager
def hook(desk: Desk, condition: str) -> Iterator[None]:
    """The origin refuses what fits the condition of the shell."""
    file = desk.world.origin / "hooks" / "update"
    file.write_text(f"#!/bin/sh\nif {condition}; then echo 'not on a Sunday' >&2; exit 1; fi\n")
    file.chmod(0o755)
    try:
        yield
    finally:
        file.unlink()


def meanwhile(desk: Desk, work: Callable[[], object]) -> Call:
    """Promote to staging, and do the work when the new commit answers there."""
    old = desk.served("staging")
    run = desk.start("promote", "--to", "staging", "--wait")
    deadline = time.monotonic() + 120
    while desk.served("staging") in (old, None) and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    work()
    return ended(run)


def free(desk: Desk) -> bool:
    """Whether nothing is left of any run."""
    return not [ref for ref in desk.refs() if ref.startswith("refs/deploy/")]


def test_a_branch_that_takes_no_push(live: Desk, newer: str) -> None:
    """The previous release is live again, as branch and ledger say; then the same command works."""
    before = live.served("staging")
    with hook(live, f'[ "$1" = {STAGING} ]'):
        call = live("promote", "--to", "staging", "--wait")

    assert call.code == 3, call.err
    assert "not on a Sunday" in call.document["message"]
    assert f"`{newer[:12]}` is not released on staging" in call.document["message"]
    assert "is live again, and verified" in call.document["message"]
    assert (before, before) == (live.served("staging"), live.refs()[STAGING])
    assert "error" == live.ledger()[-1]["ending"]
    assert free(live)
    assert live("promote", "--to", "staging", "--retry", "--wait").code == 0


def test_a_ledger_that_takes_no_push(live: Desk, newer: str) -> None:
    """Found with the lock: nothing was built. Found at the end: the previous release is live again."""
    before, refs, events = live.served("staging"), live.refs(), len(live.ledger())
    with hook(live, '[ "$1" = refs/heads/deploy-ledger ]'):
        early = live("promote", "--to", "staging", "--wait")

    assert early.code == 3, early.err
    assert "staging can't be locked" in early.document["message"]
    assert "not on a Sunday" in early.document["message"]
    assert "-> build" not in early.err
    assert (before, refs) == (live.served("staging"), live.refs())
    with hook(live, '[ "$1" = refs/heads/deploy-ledger ] && ! git log -1 --format=%s $3 | grep -qw begin'):
        late = live("promote", "--to", "staging", "--wait")

    assert late.code == 3, late.err
    assert "the ledger does not have this attempt" in late.document["message"]
    assert (before, events) == (live.served("staging"), len(live.ledger()))
    assert free(live)
    assert live("promote", "--to", "staging", "--retry", "--wait").code == 0
    assert live.served("staging") == newer


def test_somebody_pushes_to_the_branch(live: Desk, newer: str) -> None:
    """What they pushed stays; what is live is what the ledger says."""
    before = live.served("staging")
    theirs = git(live.world.origin, "rev-parse", f"{newer}^{{tree}}").strip()

    def push() -> None:
        name = ("-c", "user.name=Mallory", "-c", "user.email=mallory@example.invalid")
        made = git(live.world.origin, *name, "commit-tree", theirs, "-p", STAGING, "-m", "by hand").strip()
        git(live.world.origin, "update-ref", STAGING, made)

    call = meanwhile(live, push)

    assert call.code == 5, call.err
    assert "`staging` was moved by somebody else" in call.document["message"]
    assert "is live again, and verified" in call.document["message"]
    assert before == live.served("staging")
    assert free(live)
    git(live.world.origin, "update-ref", STAGING, str(before))
    assert live("promote", "--to", "staging", "--retry", "--wait").code == 0


@skips.LONG
def test_a_remote_that_is_gone(live: Desk, newer: str) -> None:
    """Both commits and `resume` are said; when the remote is back, `resume` finishes."""
    origin = live.world.origin
    away = origin.with_name("away.git")
    before = live.served("staging")
    call = meanwhile(live, lambda: shutil.move(origin, away))
    away.rename(origin)

    assert call.code == 7, call.err
    assert f"live now: `{newer[:12]}`" in call.document["message"]
    assert f"(`{str(before)[:12]}`)" in call.document["message"]
    assert "invoke resume --env staging" in call.document["hint"]
    assert live("resume", "--env", "staging").code == 0
    assert newer == live.served("staging") == live.refs()[STAGING]
    assert free(live)
