"""A connection for the refs that stays open: what it says, what it costs, and what happens without it."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from scripts.errors import Unreachable
from scripts.git import refs_line
from scripts.git.client import Git
from scripts.system.process import _children
from tests.support.processes import wait_until
from tests.support.repositories import Repository, clone
from tests.support.servers import Server, text

DEVELOP = "refs/heads/develop"
QUESTION = "/origin.git/git-upload-pack"


@pytest.fixture
def desk(tmp_path: Path, origin: Repository, server: tuple[str, Server]) -> Iterator[Git]:
    """A clone whose remote is that server."""
    mine = clone(origin, tmp_path / "mine")
    mine.git("remote", "set-url", "origin", server[0])
    git = Git(mine.folder, "origin")
    yield git
    git.drop_line()


def line(desk: Git) -> dict[str, str] | None:
    """What the open line alone says."""
    return refs_line.ask(desk.folder, desk.remote)


def test_it_says_what_ls_remote_says(desk: Git, origin: Repository, tmp_path: Path) -> None:
    """Branches and deploy refs, as they are at that moment; no tags, no pull requests."""
    other = clone(origin, tmp_path / "other", "--branch=develop")
    plain = desk.ls_remote()
    desk.hold_line()
    first = line(desk)
    made = other.commit("one more")
    pushed = ("develop:refs/tags/v1", "develop:refs/pull/1/head", "develop:refs/deploy/lock/x", "develop")
    other.git("push", "-q", "origin", *pushed, f"develop:refs/heads/\u00e9t\u00e9/{'x' * 100}")
    second = line(desk)
    desk.drop_line()

    assert first == plain
    assert second == desk.ls_remote()
    assert second is not None
    assert len(second) == len(plain) + 2
    assert second[DEVELOP] == made


def test_a_question_is_one_request(desk: Git, server: tuple[str, Server]) -> None:
    """After the line was opened, which is one more."""
    desk.hold_line()
    line(desk)
    opened = len(server[1].asked)
    desk.hold_line()
    desk.ls_remote()
    desk.ls_remote()

    assert opened == 2
    assert server[1].asked[opened:] == [QUESTION] * 2


def test_no_line_leads_to_other_remotes(origin: Repository, tmp_path: Path) -> None:
    """They are asked as ever."""
    mine = Git(clone(origin, tmp_path / "mine").folder, "origin")
    mine.hold_line()

    assert line(mine) is None
    assert DEVELOP in mine.ls_remote()
    mine.drop_line()


def test_a_server_of_the_first_protocol_is_asked_as_ever(
    desk: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The helper says so, and ends."""
    (tmp_path / "old").write_text("[protocol]\nversion = 0\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "old"))
    before = set(_children)
    desk.hold_line()

    assert line(desk) is None
    assert DEVELOP in desk.ls_remote()
    assert set(_children) == before


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"000dERR gone\n0000",
        b"zzzz",
        b"0003",
        b"ffff",
        b"0041" + b"1" * 61,
        b"<h1>hello</h1>",
    ],
)
def test_an_answer_that_can_not_be_read_is_asked_for_anew(
    desk: Git, server: tuple[str, Server], said: bytes
) -> None:
    """By `ls-remote`, whose answer counts; nothing is taken for an empty remote."""
    desk.hold_line()
    plain, true = line(desk), server[1].answers[QUESTION]
    answers = [text(said, Content_Type="application/x-git-upload-pack-result"), true]

    def once(handler: BaseHTTPRequestHandler) -> None:
        (answers.pop(0) if len(answers) > 1 else answers[0])(handler)

    server[1].answers[QUESTION] = once
    refs = desk.ls_remote()

    assert plain
    assert refs == plain


def test_a_remote_that_is_gone_is_told_in_the_usual_words(desk: Git, server: tuple[str, Server]) -> None:
    """And the program that kept the line has ended."""
    before = set(_children)
    desk.hold_line()
    assert line(desk)
    server[1].answers.clear()

    with pytest.raises(Unreachable, match="the remote `origin` of"):
        desk.ls_remote()
    assert wait_until(lambda: set(_children) == before, 5)


def test_a_line_that_is_busy_holds_nobody_up(desk: Git) -> None:
    """A second thread asks by itself."""
    desk.hold_line()
    held = refs_line._lines[desk.folder, desk.remote]

    with held._guard:
        assert held.ask() is None
        assert DEVELOP in desk.ls_remote()


def test_no_program_is_left_when_it_is_dropped(desk: Git) -> None:
    """It goes with the lock."""
    before = set(_children)
    desk.hold_line()
    assert line(desk)
    assert len(set(_children) - before) == 1
    desk.drop_line()

    assert set(_children) == before
    assert line(desk) is None
