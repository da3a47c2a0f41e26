"""How often the remote is asked: every question is a round trip, and some remotes are far away."""

from __future__ import annotations

import time
from concurrent.futures import Future, wait
from pathlib import Path

import pytest

from scripts.errors import CommandFailed
from scripts.git.client import Git
from scripts.git.command import Update
from scripts.system.background import submit
from tests.support.repositories import Repository, clone
from tests.support.servers import Server

DEVELOP, LOCK = "refs/heads/develop", "refs/deploy/lock/staging"
NOBODY = "0123456789" * 4


@pytest.fixture
def desk(tmp_path: Path, origin: Repository, server: tuple[str, Server]) -> Git:
    """A clone whose remote is that server."""
    mine = clone(origin, tmp_path / "mine")
    mine.git("remote", "set-url", "origin", server[0])
    return Git(mine.folder, "origin")


def work_of_somebody(origin: Repository, folder: Path) -> str:
    """A commit on the remote that the desk's clone lacks."""
    other = clone(origin, folder, "--branch=develop")
    made = other.commit("by somebody else")
    other.git("push", "-q", "origin", f"HEAD:{DEVELOP}")
    return made


def test_refs_that_bring_nothing_new_cost_one_question(desk: Git, server: tuple[str, Server]) -> None:
    """The capabilities of the server, and the refs."""
    desk.fetch([DEVELOP, LOCK])

    assert [path.rpartition("/")[2] for path in server[1].asked] == [
        "refs?service=git-upload-pack",
        "git-upload-pack",
    ]


def test_new_commits_are_fetched_without_asking_for_the_refs_again(
    desk: Git, origin: Repository, server: tuple[str, Server], tmp_path: Path
) -> None:
    """One question for the refs, one for the objects; each has two requests."""
    made = work_of_somebody(origin, tmp_path / "other")

    refs = desk.fetch([DEVELOP])

    asked = [body for command, body in server[1].bodies if command == "POST"]
    assert refs[DEVELOP] == made
    assert desk.log(made, None)[0].subject == "by somebody else"
    assert [b"command=ls-refs" in body for body in asked] == [True, False]
    assert len(server[1].asked) == 4


def test_what_was_fetched_beside_the_question_is_not_fetched_again(
    desk: Git, origin: Repository, server: tuple[str, Server], tmp_path: Path
) -> None:
    """Of refs that were seen before; a name that is new to this clone would make git fetch nothing."""
    desk.fetch([DEVELOP])
    work_of_somebody(origin, tmp_path / "first")
    desk.fetch([DEVELOP])
    made = work_of_somebody(origin, tmp_path / "other")
    ahead = submit(desk.fetch_ahead, [DEVELOP, LOCK])
    listed = desk.ls_remote()
    wait([ahead])
    server[1].asked.clear()

    refs = desk.fetch([DEVELOP], listed, ahead)

    assert (refs[DEVELOP], server[1].asked) == (made, [])
    assert desk.log(made, None)[0].subject == "by somebody else"


def test_a_commit_whose_files_are_on_their_way_is_waited_for(
    desk: Git, origin: Repository, tmp_path: Path
) -> None:
    """Git may write the commit before its trees."""
    made, listed = work_of_somebody(origin, tmp_path / "other"), desk.ls_remote()
    mine = Repository(desk.folder)
    raw = Repository(tmp_path / "other").git("cat-file", "commit", made)
    (tmp_path / "commit").write_text(f"{raw}\n")
    assert mine.git("hash-object", "-w", "-t", "commit", "--literally", str(tmp_path / "commit")) == made

    def slowly() -> None:
        time.sleep(0.3)
        mine.git("fetch", "-q", str(origin.folder), DEVELOP)

    ahead = submit(slowly)
    desk.fetch([DEVELOP], listed, ahead)

    assert ahead.done()
    assert desk.paths(made)


def test_what_could_not_be_fetched_ahead_is_fetched(desk: Git, origin: Repository, tmp_path: Path) -> None:
    """A remote that was away for a moment, or a clone that has seen nothing yet."""
    made = work_of_somebody(origin, tmp_path / "other")
    failed = Future[None]()
    failed.set_exception(CommandFailed("the network is away"))

    refs = desk.fetch([DEVELOP], desk.ls_remote(), failed)

    assert refs[DEVELOP] == made
    assert desk.log(made, None)[0].subject == "by somebody else"


def test_a_list_that_was_just_read_is_not_read_again(desk: Git, server: tuple[str, Server]) -> None:
    """Whoever has it already asks nothing."""
    listed = desk.ls_remote()
    server[1].asked.clear()

    assert desk.fetch([DEVELOP], listed) == listed
    assert server[1].asked == []


def test_a_commit_that_the_remote_has_no_more_makes_the_refs_be_read_again(
    desk: Git, origin: Repository, tmp_path: Path
) -> None:
    """Somebody moved the branch by force, and the server has forgotten what it was."""
    made = work_of_somebody(origin, tmp_path / "other")

    refs = desk.fetch([DEVELOP], {DEVELOP: NOBODY})

    assert refs[DEVELOP] == made
    assert desk.log(made, None)[0].subject == "by somebody else"


def test_a_lock_that_beats_meanwhile_is_the_one_that_was_listed(
    desk: Git, origin: Repository, tmp_path: Path
) -> None:
    """Its next heartbeat replaces the commit: list and objects still belong together."""
    holder = Git(clone(origin, tmp_path / "holder").folder, "origin")
    first = holder.commit_json("lock.json", {"beat": 1}, "lock", None)
    holder.push([Update(LOCK, None, first)])
    listed = desk.ls_remote()
    holder.push([Update(LOCK, first, holder.commit_json("lock.json", {"beat": 2}, "lock", None))])

    refs = desk.fetch([LOCK], listed)

    assert refs[LOCK] == first
    assert desk.log(first, None)[0].subject == "lock"


def test_an_old_server_gives_the_commits_out_by_name(
    desk: Git, origin: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that speaks the first protocol, and gives out no commit by its id that no ref is at."""
    made = work_of_somebody(origin, tmp_path / "other")
    listed = {DEVELOP: made}
    work_of_somebody(origin, tmp_path / "again")
    (tmp_path / "old").write_text("[protocol]\nversion = 0\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "old"))

    refs = desk.fetch([DEVELOP], listed)

    assert desk.log(refs[DEVELOP], None)[0].subject == "by somebody else"
