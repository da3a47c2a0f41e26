"""GitHub's three buttons, with gates on: a proof counts for the same files, unless something was undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scripts.config.outcome import Outcome
from scripts.config.settings import Gates
from scripts.quality.approve import approve
from scripts.quality.proofs import prove
from scripts.quality.request import ApproveRequest
from scripts.release import steps
from scripts.release.commands import deploy, promote, rollback
from scripts.release.freeze import release_hold
from scripts.release.request import (
    DeployRequest,
    PromoteRequest,
    ResumeRequest,
    RollbackRequest,
    StatusRequest,
    UnfreezeRequest,
)
from scripts.release.resume import resume
from scripts.release.status import status
from scripts.system.signals import Stop
from tests.fakes.world import World, ending
from tests.support.evidence import measured

REPORT: dict[str, Any] = {"level": "full", "digest": "sha256:" + "0" * 64}
Button = Callable[[World, str, str], str]


@pytest.fixture(autouse=True)
def _gates(world: World) -> None:
    """Staging demands a test on development, production a test, an approval and some minutes of staging."""
    demands = {
        "staging": Gates(e2e="full"),
        "production": Gates(e2e="full", approval=1, soak_minutes=1),
    }
    for name, gates in demands.items():
        changed = world.settings.environments[name]._replace(gates=gates)
        world.settings.environments[name] = changed  # type: ignore[index]


def head(world: World, branch: str) -> str | None:
    """Where a branch is."""
    return world.remote.refs.get(f"refs/heads/{branch}")


def put(world: World, branch: str, files: dict[str, str], *parents: str | None, author: str = "Zoe") -> str:
    """A commit with exactly these files becomes the head of a branch."""
    known = tuple(parent for parent in parents if parent)
    made = world.remote.add(files, known, author, f"into {branch}")
    world.remote.refs[f"refs/heads/{branch}"] = made
    return made


def merge(world: World, source: str, into: str) -> str:
    """A merge commit."""
    files = dict(world.remote.commits[world.head(source)].files)
    return put(world, into, files, head(world, into), world.head(source))


def squash(world: World, source: str, into: str) -> str:
    """One commit with all the changes."""
    files = dict(world.remote.commits[world.head(source)].files)
    return put(world, into, files, head(world, into), author="Ada")


def rebase(world: World, source: str, into: str) -> str:
    """A copy of each commit that the branch has no copy of."""
    git: Any = world.desk().git
    tip, base = world.head(source), head(world, into)
    rows = git.history(tip, base)
    copied = git.copied(base, tip) if base else frozenset()
    for row in rows:
        if row.id not in copied and len(row.parents) < 2:
            put(world, into, dict(world.remote.commits[row.id].files), head(world, into), author="Ada")
    return world.head(into)


BUTTONS: dict[str, Button] = {"merge": merge, "squash": squash, "rebase": rebase}


def proven(world: World, environment: str, **changes: Any) -> None:
    """CI tests what is live there; somebody who did not make it approves; a while passes."""
    live = world.ledger.live(environment)
    assert live is not None
    desk = world.desk("Carl")
    where = desk.settings.environment(environment)
    prove(
        desk, where, "e2e", live.commit, **{**REPORT, "measured": measured(desk, where, "e2e"), **changes}
    )
    approve(world.desk("Bob"), ApproveRequest(env=environment))
    world.clock.sleep(120)


def ci(world: World, environment: str, **more: Any) -> Outcome:
    """CI's deploy after a button."""
    return deploy(world.desk("CI"), DeployRequest(env=environment, yes=True, **more))


def developed(world: World, number: int, **files: str) -> str:
    """A feature arrives on develop, is deployed and tested."""
    commit = world.commit("develop", files or {"app": str(number)}, f"feature {number}")
    ci(world, "development")
    proven(world, "development")
    return commit


def files(world: World, branch: str) -> dict[str, str]:
    """What is in the head of a branch."""
    return dict(world.remote.commits[world.head(branch)].files)


# ------------------------------------------------------------------------------------------ the good ways


@pytest.mark.parametrize("name", BUTTONS)
def test_three_rounds_by_a_button_and_ci(world: World, name: str) -> None:
    """Each head is deployed with what was proven before it: nothing is typed but the deploys."""
    for number in (1, 2, 3):
        developed(world, number)
        staged = BUTTONS[name](world, "develop", "staging")
        assert ci(world, "staging").data["commit"] == staged
        proven(world, "staging")
        made = BUTTONS[name](world, "staging", "main")
        assert ci(world, "production").data["commit"] == made

    assert files(world, "main") == files(world, "develop")
    assert world.drivers["production"].served.commit == world.head("main")
    assert world.is_clean()


@pytest.mark.parametrize("name", BUTTONS)
def test_a_person_promotes_after_a_button(world: World, name: str) -> None:
    """Three rounds in turn with the button: the branches only move forward, and get develop's files."""
    for number in (1, 2, 3):
        developed(world, 2 * number)
        BUTTONS[name](world, "develop", "staging")
        ci(world, "staging")
        proven(world, "staging")
        BUTTONS[name](world, "staging", "main")
        ci(world, "production")
        work = developed(world, 2 * number + 1)
        before = [world.head(branch) for branch in ("staging", "main")]
        promote(world.desk("Bob"), PromoteRequest(to="staging"))
        proven(world, "staging")
        done = promote(world.desk("Bob"), PromoteRequest(to="production", yes=True))

        assert done.data["commit"] == world.head("main")
        git = world.desk().git
        assert all(map(git.is_ancestor, before, [world.head("staging"), world.head("main")]))
        assert git.is_ancestor(work, world.head("main"))
        assert files(world, "main") == files(world, "staging") == files(world, "develop")
        again = promote(world.desk("Bob"), PromoteRequest(to="production", yes=True))
        assert again.ending == "nothing"


def test_the_button_alone_is_not_called_out(world: World) -> None:
    """The head of staging has the files that are live: `status` names no problem, and it may go on."""
    developed(world, 1)
    promote(world.desk("Bob"), PromoteRequest(to="staging"))
    proven(world, "staging")
    world.remote.refs["refs/heads/main"] = world.head("staging")
    ci(world, "production")
    developed(world, 2)
    promote(world.desk("Bob"), PromoteRequest(to="staging"))
    proven(world, "staging")
    put(world, "staging", files(world, "staging"), world.head("staging"), world.head("develop"))
    seen = {each["name"]: each for each in status(world.desk(), StatusRequest()).data["environments"]}
    done = promote(world.desk("Bob"), PromoteRequest(to="production", yes=True))

    assert seen["staging"]["problems"] == []
    assert done.data["commit"] == world.head("main") == world.head("staging")


def test_an_approval_of_the_merge_commit_itself_counts(world: World) -> None:
    """It was never live on staging, but its files were."""
    developed(world, 1)
    merge(world, "develop", "staging")
    ci(world, "staging")
    staging = world.settings.environment("staging")
    known = measured(world.desk(), staging, "e2e")
    prove(world.desk(), staging, "e2e", world.head("staging"), measured=known, **REPORT)
    world.clock.sleep(120)
    made = merge(world, "staging", "main")
    refused = ending(lambda: ci(world, "production"))
    assert f"invoke approve --env staging --commit {made[:12]}" in str(refused.hint)
    approve(world.desk("Bob"), ApproveRequest(env="staging", commit=made[:12]))

    assert ci(world, "production").data["commit"] == made


def test_the_maker_of_the_files_may_not_approve_them(world: World) -> None:
    """Not by way of a merge that somebody else made; who only pressed the button may."""
    developed(world, 1)
    merge(world, "develop", "staging")
    ci(world, "staging")

    assert "Ada made" in ending(lambda: approve(world.desk("Ada"), ApproveRequest(env="staging"))).message
    assert approve(world.desk("Zoe"), ApproveRequest(env="staging")).code == 0


def test_a_merge_that_failed_is_not_tried_again_by_itself(world: World) -> None:
    """Each run makes it anew: it is judged by its files, and `--retry` tries it once more."""
    staged(world)
    developed(world, 3)
    driver = world.drivers["staging"]
    driver.faults["publish"] = lambda: None
    ending(lambda: promote(world.desk("Bob"), PromoteRequest(to="staging")))
    driver.faults.clear()

    assert (
        "failed on staging" in ending(lambda: promote(world.desk(), PromoteRequest(to="staging"))).message
    )
    assert promote(world.desk("Bob"), PromoteRequest(to="staging", retry=True)).code == 0


def test_a_promotion_over_a_button_that_died_is_finished(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The merge that it made is the candidate: whoever resumes publishes that very commit."""
    staged(world)
    work = developed(world, 3)
    driver = world.drivers["staging"]

    def die() -> None:
        raise Stop("killed")

    with monkeypatch.context() as patch:
        patch.setattr(steps, "recover", lambda _run, error: error)
        driver.faults["publish"] = die
        ending(lambda: promote(world.desk("Bob"), PromoteRequest(to="staging")))
    driver.faults.clear()
    done = resume(world.desk("Carl"), ResumeRequest(env="staging"))

    assert done.data["commit"] == world.head("staging") == driver.served.commit
    assert world.desk().git.is_ancestor(work, world.head("staging"))
    assert world.is_clean()


# --------------------------------------------------------------------------------- what must never count


def staged(world: World) -> str:
    """A commit is proven on staging and not yet in production; an older one is in production."""
    developed(world, 1)
    merge(world, "develop", "staging")
    ci(world, "staging")
    proven(world, "staging")
    merge(world, "staging", "main")
    ci(world, "production")
    developed(world, 2)
    merge(world, "develop", "staging")
    ci(world, "staging")
    proven(world, "staging")
    return world.head("staging")


def drop_a_fix(world: World) -> None:
    """A fix on main is overwritten by the files of staging, without a merge of it."""
    world.commit("main", {"fix": "1"}, "fix the login")
    put(world, "main", files(world, "staging"), world.head("main"))


def overwrite_in_a_merge(world: World) -> None:
    """The same, by a merge that keeps nothing of main."""
    world.commit("main", {"fix": "1"}, "fix the login")
    put(world, "main", files(world, "staging"), world.head("main"), world.head("staging"))


def revert_a_revert(world: World) -> None:
    """The feature is taken out on main, and put in again."""
    merge(world, "staging", "main")
    old = {**files(world, "main"), "app": "1"}
    put(world, "main", old, world.head("main"))
    put(world, "main", files(world, "staging"), world.head("main"))


def fail(world: World) -> None:
    """A later test of the same files failed."""
    proven(world, "staging", passed=False)
    merge(world, "staging", "main")


def prove_elsewhere(world: World) -> None:
    """Staging goes on; the files of main are proven on development alone."""
    developed(world, 3)
    put(world, "main", files(world, "develop"), world.head("main"), world.head("develop"))


def roll_back(world: World) -> None:
    """Staging went back from it after its proof."""
    rollback(world.desk("Bob"), RollbackRequest(env="staging", reason="bad", yes=True))
    merge(world, "staging", "main")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (drop_a_fix, "lacks what production demands"),
        (overwrite_in_a_merge, "lacks what production demands"),
        (revert_a_revert, "lacks what production demands"),
        (fail, "e2e `full` on staging: failed"),
        (prove_elsewhere, "lacks what production demands"),
        (roll_back, "was rolled back on staging"),
    ],
)
def test_a_proof_of_the_same_files_does_not_count(
    world: World, spoil: Callable[[World], None], why: str
) -> None:
    """Where something was undone on the way to them, or where they were found bad since."""
    staged(world)
    spoil(world)
    live = world.drivers["production"].served.commit

    assert why in ending(lambda: ci(world, "production")).message
    assert world.drivers["production"].served.commit == live


def test_an_approval_that_was_withdrawn_on_another_commit_does_not_count(world: World) -> None:
    """One person has one say about the same files."""
    staged(world)
    made = merge(world, "staging", "main")
    approve(world.desk("Bob"), ApproveRequest(env="staging", commit=made, withdraw=True))

    assert "1 approval on staging: missing" in ending(lambda: ci(world, "production")).message


def test_files_that_were_rolled_back_stay_bad_under_another_commit(world: World) -> None:
    """A new merge of them is refused like the old one, and a rollback never goes back to them."""
    staged(world)
    merge(world, "staging", "main")
    ci(world, "production")
    put(world, "main", files(world, "main"), world.head("main"))
    ci(world, "production")
    back = rollback(world.desk("Bob"), RollbackRequest(env="production", reason="bad", yes=True))
    assert world.remote.commits[back.data["commit"]].files["app"] == "1"
    put(world, "main", files(world, "main"), world.head("main"))
    refused = ending(lambda: ci(world, "production"))

    assert "held since the rollback" in refused.message
    release_hold(world.desk("Bob"), UnfreezeRequest(env="production", reason="looked at"))
    refused = ending(lambda: ci(world, "production"))
    assert "(with the files of" in refused.message
    assert "was rolled back on production" in refused.message
    assert ci(world, "production", allow_bad="it was the network").code == 0


# ----------------------------------------------------------------------------------------- grey buttons


def test_a_grey_button_is_told(world: World) -> None:
    """Develop can't be merged: CI's deploy of staging says so, `status` too, and the hint ends well."""
    staged(world)
    ungated = world.settings.environments["staging"]._replace(gates=Gates())
    world.settings.environments["staging"] = ungated  # type: ignore[index]
    world.commit("staging", {"app": "fix of staging"}, "by hand")
    ci(world, "staging")
    developed(world, 3)
    told = ci(world, "staging")
    seen = {each["name"]: each for each in status(world.desk(), StatusRequest()).data["environments"]}

    assert told.ending == "nothing"
    assert (
        "`develop` waits: it can't be merged into `staging` by itself, conflicts in `app`" in told.message
    )
    assert "merge by hand" in str(told.hint)
    assert any("`develop` waits" in problem for problem in seen["staging"]["problems"])


def test_a_button_that_is_grey_for_its_history_alone(world: World) -> None:
    """After squashes git sees conflicts in what is the same: `promote` takes it over all the same."""
    world.remote.refs["refs/heads/staging"] = world.head("develop")
    developed(world, 1)
    squash(world, "develop", "staging")
    ci(world, "staging")
    developed(world, 2)
    squash(world, "develop", "staging")
    ci(world, "staging")
    developed(world, 3)
    told = ci(world, "staging")

    assert "`invoke promote --to staging`" in str(told.hint)
    assert promote(world.desk("Bob"), PromoteRequest(to="staging")).code == 0
    assert ci(world, "staging").hint is None
    assert files(world, "staging") == files(world, "develop")
