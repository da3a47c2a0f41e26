"""`approve` on a real ledger: who may approve what, and who did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import Refused
from scripts.git.client import Git
from scripts.quality.approve import approve
from scripts.quality.request import ApproveRequest
from scripts.state.ledger import Event
from scripts.state.remote import append, observe_remote
from tests.support.fake_desk import NOW, fake_desk
from tests.support.repositories import Repository, seeded


@pytest.fixture
def person(tmp_path: Path) -> Repository:
    """Ada's clone; its head is live on staging."""
    _, repository = seeded(tmp_path)
    desk = desk_of(repository, "Ada")
    commit = repository.git("rev-parse", "HEAD")
    live = Event("staging", "release", "done", "v3", commit, "Ada", NOW, "r0")
    append(desk, observe_remote(desk).ledger.tip, lambda _: live)
    return repository


def desk_of(repository: Repository, actor: str) -> Desk:
    """Somebody's desk."""
    return fake_desk(repository.folder.parent, git=Git(repository.folder, "origin"), actor=actor)


def approved(repository: Repository, actor: str, **more: Any) -> Outcome:
    """What `approve --env staging` gives."""
    return approve(desk_of(repository, actor), ApproveRequest(env="staging", **more))


def test_approvals_are_counted_per_person(person: Repository) -> None:
    """The same person twice counts once; the next step is named."""
    assert approved(person, "Bob").data["approvals"] == ["Bob"]
    assert approved(person, "bob (CI)").data["approvals"] == ["bob (CI)"]
    second = approved(person, "Cleo", reason="tried it")

    assert second.data["approvals"] == ["bob (CI)", "Cleo"]
    assert second.hint == "next: `invoke promote --to production --plan`"
    ledger = observe_remote(desk_of(person, "Ada")).ledger
    last = ledger.approvals("staging", second.data["commit"])[-1]
    assert (last.actor, last.release, last.detail) == ("Cleo", "v3", {"reason": "tried it"})


def test_an_approval_can_be_withdrawn(person: Repository) -> None:
    """Only by the person who gave it."""
    approved(person, "Bob")
    assert approved(person, "Cleo", withdraw=True).ending == "nothing"
    withdrawn = approved(person, "Bob", withdraw=True)

    assert (withdrawn.ending, withdrawn.data["approvals"]) == ("done", [])
    assert approved(person, "Bob", withdraw=True).ending == "nothing"


def test_the_author_can_t_approve_their_own_commit(person: Repository) -> None:
    """Another person has to look at it."""
    with pytest.raises(Refused, match=r"Ada made `.{12}`: another person has to approve it"):
        approved(person, "Ada")


def test_only_a_commit_that_was_live_there_can_be_approved(person: Repository) -> None:
    """Otherwise nobody can have tried it."""
    with pytest.raises(Refused, match="was never proven live on staging"):
        approved(person, "Bob", commit="HEAD~1")
    with pytest.raises(Refused, match="nothing was released on production yet"):
        approve(desk_of(person, "Bob"), ApproveRequest(env="production"))
