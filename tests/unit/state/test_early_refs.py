"""The remote is asked while the workflow is imported, and the first look of a task gets the answer."""

from __future__ import annotations

import pytest

from scripts.errors import Unreachable
from scripts.state.early_refs import ask_early
from scripts.state.ledger import REF
from scripts.state.remote import observe_remote, record
from tests.fakes.world import World, ending


def live(world: World, release: str) -> None:
    """A release that is live on staging, as the ledger has it."""
    commit = world.remote.commit({"file": release})
    record(world.desk("Bob"), "staging", "release", commit=commit, release=release)


def test_the_first_look_gets_the_answer_and_later_ones_ask_anew(world: World) -> None:
    """What happened since then is in the second look."""
    live(world, "v1")
    desk = world.desk()
    early = ask_early(desk.git)
    answer = early()
    desk = world.desk(git=desk.git, early_refs=iter([answer, None]).__next__)
    live(world, "v2")

    first, second = observe_remote(desk), observe_remote(desk)

    assert [len(each.ledger.events) for each in (first, second)] == [1, 2]
    assert early() is None


def test_what_another_run_in_this_clone_appends_meanwhile_is_no_alarm(world: World) -> None:
    """It trusts more of the ledger by now than the remote had when it was asked."""
    live(world, "v1")
    desk = world.desk()
    observe_remote(desk)
    answer = ask_early(desk.git)()
    live(world, "v2")
    desk.git.trust(REF, world.remote.refs[REF])

    early = world.desk(git=desk.git, early_refs=lambda: answer)

    assert len(observe_remote(early).ledger.events) == 1


def test_what_the_refs_hold_is_fetched_beside_the_question_where_others_follow(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger was read before that: a fetch moves what was seen of it."""
    desk, told = world.desk(), list[object]()
    trusted = desk.git.trusted

    def read(ref: str) -> str | None:
        told.append("trusted")
        return trusted(ref)

    monkeypatch.setattr(desk.git, "trusted", read)
    monkeypatch.setattr(desk.git, "fetch_ahead", lambda refs: told.append(list(refs)))

    alone = ask_early(desk.git, ["refs/heads/develop"])()
    early = ask_early(desk.git, ["refs/heads/develop"], more_follow=True)()

    assert alone
    assert alone.ahead is None
    assert early
    assert early.ahead
    assert early.ahead.result(10) is None
    assert told == ["trusted", "trusted", [REF, "refs/heads/develop"]]


def test_a_remote_that_does_not_answer_is_told_by_the_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it would be without the early question."""
    desk = world.desk()

    def away() -> dict[str, str]:
        raise Unreachable("the remote `origin` can't be read")

    monkeypatch.setattr(desk.git, "ls_remote", away)
    desk = world.desk(git=desk.git, early_refs=ask_early(desk.git))

    assert type(ending(lambda: observe_remote(desk))) is Unreachable
