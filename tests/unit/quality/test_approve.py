"""`approve`: who may approve what, and who did."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.config.outcome import Outcome
from scripts.errors import Refused
from scripts.quality.approve import approve
from scripts.quality.request import ApproveRequest
from tests.fakes.world import World


def approved(world: World, actor: str, **more: Any) -> Outcome:
    """What `approve --env staging` gives."""
    return approve(world.desk(actor), ApproveRequest(env="staging", **more))


def test_approvals_are_counted_per_person(world: World) -> None:
    """The same person on a laptop and in CI counts once; the next step is named."""
    assert approved(world, "Bob").data["approvals"] == ["Bob"]
    assert approved(world, "bob (CI)").data["approvals"] == ["bob (CI)"]
    second = approved(world, "Cleo", reason="tried it")

    assert second.data["approvals"] == ["bob (CI)", "Cleo"]
    assert second.hint == "next: `invoke promote --to production --plan`"
    last = world.ledger.approvals("staging", {world.head("staging")})[-1]
    assert (last.actor, last.release, last.detail) == ("Cleo", "v3", {"reason": "tried it"})


def test_an_approval_can_be_withdrawn(world: World) -> None:
    """Only by the person who gave it, from a laptop or in CI."""
    approved(world, "Bob")
    assert approved(world, "Cleo", withdraw=True).ending == "nothing"
    withdrawn = approved(world, "Bob (CI)", withdraw=True)

    assert (withdrawn.ending, withdrawn.data["approvals"]) == ("done", [])
    assert world.ledger.approvals("staging", world.head("staging")) == ()
    assert approved(world, "Bob", withdraw=True).ending == "nothing"


def test_the_author_can_t_approve_their_own_commit(world: World) -> None:
    """Another person has to look at it."""
    with pytest.raises(Refused, match=r"Ada made `.{12}`: another person has to approve it"):
        approved(world, "Ada")


def test_only_a_commit_that_was_live_there_can_be_approved(world: World) -> None:
    """Otherwise nobody can have tried it."""
    other = world.commit("develop", {"other": "1"})
    with pytest.raises(Refused, match="was never proven live on staging"):
        approved(world, "Bob", commit=other)
    with pytest.raises(Refused, match="nothing was released on production yet"):
        approve(world.desk("Bob"), ApproveRequest(env="production"))
