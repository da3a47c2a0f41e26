"""What people ask of a release: the same class for the task, the plan, the lock and `resume`."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.errors import Refused
from scripts.release.request import (
    REQUESTS,
    DeployRequest,
    DrillRequest,
    HotfixRequest,
    PromoteRequest,
    ReleaseRequest,
    RollbackRequest,
    resumed,
)
from tests.support.tables import settings

SETTINGS = settings()


def test_only_what_is_not_at_its_default_goes_to_the_lock() -> None:
    """An option that a later desk adds is at its default there."""
    assert DeployRequest().document() == {}
    assert PromoteRequest(to="staging", retry=True, allow_bad="why").document() == {
        "to": "staging",
        "retry": True,
        "allow_bad": "why",
    }
    assert DrillRequest(env="staging").document() == {}


@pytest.mark.parametrize(
    ("task", "request_"),
    [
        ("deploy", DeployRequest(env="staging", sha="abc", out_of_order=True)),
        ("promote", PromoteRequest(to="production", accept_irreversible=True, yes=True)),
        ("hotfix", HotfixRequest(branch="hotfix/x", reason="now")),
        ("rollback", RollbackRequest(env="staging", to="v3", scope="tables", backup="b1", with_data=True)),
        ("drill", DrillRequest(env="development")),
    ],
)
def test_a_request_survives_its_lock(task: str, request_: ReleaseRequest) -> None:
    """`resume` knows all that was agreed to; the commit failed here before, so it is a retry."""
    again = resumed(task, request_.document())

    assert type(again) is type(request_)
    assert {**again.document(), "retry": True} == {**request_.document(), "retry": True}
    assert again.retry


def test_what_the_heir_has_found_out_counts_more_than_the_lock() -> None:
    """The commit and the dead run."""
    again = resumed("deploy", {"env": "production", "sha": "v1"}, sha="a" * 40, resumes="r1", env="staging")

    assert (again.env, again.sha, again.resumes) == ("staging", "a" * 40, "r1")


def test_the_lock_of_another_desk_is_a_deploy() -> None:
    """A task that this desk does not know."""
    assert type(resumed("blue-green", {}, env="staging")) is DeployRequest


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"accept_irreversible": True}, True),
        ({"accept_irreversible": "yes"}, False),
        ({"unknown": 1}, False),
        ({}, False),
    ],
)
def test_a_request_is_read_from_a_lock_without_trust(document: dict[str, object], expected: bool) -> None:
    """A field of another type, or an unknown one, agrees to nothing."""
    request = resumed("deploy", document, env="development")

    assert isinstance(request, ReleaseRequest)
    assert request.accept_irreversible is expected
    assert request.retry is True


def test_every_task_that_releases_can_be_resumed() -> None:
    """The table holds each class that has a task."""
    classes = {each for each in _subclasses(ReleaseRequest) if each.task}

    assert set(REQUESTS.values()) == classes
    assert all(REQUESTS[each.task] is each for each in classes)


def _subclasses(kind: type[ReleaseRequest]) -> set[type[ReleaseRequest]]:
    direct = set(kind.__subclasses__())
    return direct.union(*(_subclasses(each) for each in direct))


@pytest.mark.parametrize(
    ("request_", "target", "source"),
    [
        (DeployRequest(env="dev"), "development", None),
        (PromoteRequest(to="prod"), "production", "staging"),
        (PromoteRequest(to="development"), "development", None),
        (HotfixRequest(branch="x"), "production", None),
        (RollbackRequest(env="staging", to="v1"), "staging", None),
        (DrillRequest(), "staging", None),
    ],
)
def test_each_task_has_its_target_and_its_source(
    request_: ReleaseRequest, target: str, source: str | None
) -> None:
    """By name or alias; a hotfix goes to the end of the chain."""
    found = request_.source(SETTINGS)

    assert request_.target(SETTINGS).name == target
    assert (found.name if found else None) == source


@pytest.mark.parametrize("request_", [DeployRequest(env="qa"), PromoteRequest(), RollbackRequest()])
def test_an_environment_that_does_not_exist_is_refused(request_: ReleaseRequest) -> None:
    """The known ones are in the hint."""
    with pytest.raises(Refused) as caught:
        request_.target(SETTINGS)

    assert "`development`, `staging`, `production`" in str(caught.value.hint)


def test_which_tasks_move_the_branch_and_which_go_back() -> None:
    """`promote` and `hotfix` move it; `rollback` goes back."""
    moving = [task for task, kind in REQUESTS.items() if kind().moves_branch]
    back = [task for task, kind in REQUESTS.items() if kind().goes_back]

    assert (moving, back) == (["promote", "hotfix"], ["rollback"])


@pytest.mark.parametrize(
    ("request_", "revision"),
    [
        (DeployRequest(), ""),
        (DeployRequest(sha="v1"), "v1"),
        (HotfixRequest(branch="hotfix/x"), "hotfix/x"),
        (HotfixRequest(branch="hotfix/x", sha="abc"), "abc"),
    ],
)
def test_the_revision_that_was_named(request_: ReleaseRequest, revision: str) -> None:
    """The head of the branch when none was; a hotfix that is resumed keeps its commit."""
    assert request_.revision == revision


@pytest.mark.parametrize(
    ("options", "restores"),
    [({}, False), ({"with_data": True}, True), ({"backup": "b1"}, True), ({"scope": "code"}, True)],
)
def test_the_data_may_go_back_only_when_that_was_said(options: dict[str, Any], restores: bool) -> None:
    """In words, or by naming a backup or a scope."""
    assert RollbackRequest(env="staging", **options).restores_data is restores
