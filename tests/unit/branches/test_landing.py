"""A branch that takes no push: known in the plan, and a pull request instead of GitHub's raw words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from scripts.branches import landing
from scripts.branches.backmerge import backmerge
from scripts.branches.request import BackmergeRequest
from scripts.errors import PushRefused
from scripts.git.command import Update
from scripts.git.refusals import PROTECTION_HINT, retry_delay
from scripts.github import remote
from scripts.github.client import Github
from scripts.release.commands import deploy, promote
from scripts.release.hotfix import hotfix
from scripts.release.request import DeployRequest, HotfixRequest, PromoteRequest
from scripts.system.secret import Secret
from tests.fakes.world import Notes, World, ending
from tests.support.github import TOKEN, Hub, serving

ALL = BackmergeRequest(all=True, yes=True)
SAID = """:
remote: error: GH013: Repository rule violations found for refs/heads/develop.
remote: - Changes must be made through a pull request.
 ! [remote rejected] develop -> develop (push declined due to repository rule violations)"""
GH006 = """:
remote: error: GH006: Protected branch update failed for refs/heads/release/1.x.
 ! [remote rejected] abc -> release/1.x (protected branch hook declined)"""


@pytest.fixture(scope="module")
def running() -> Iterator[Hub]:
    """A stand-in for GitHub."""
    with serving() as hub:
        yield hub


@pytest.fixture
def hub(running: Hub, world: World, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The remote is there, without any rule; one commit is live everywhere."""
    running.answers.clear()
    running.made.clear()
    deploy(world.desk(), DeployRequest(env="development"))
    promote(world.desk(), PromoteRequest(to="staging"))
    promote(world.desk(), PromoteRequest(to="production", yes=True))
    found = Github("o/r", Secret(TOKEN), running.url)
    monkeypatch.setattr(landing, "hub_of", lambda *_: found)
    monkeypatch.setattr(landing, "remote_urls", lambda *_: ["https://github.com/o/r.git"])
    return running


def refuse_pushes(world: World, *branches: str) -> None:
    """The remote refuses a push to these branches, as GitHub does."""

    def look(updates: Sequence[Update]) -> None:
        if any(update.ref.removeprefix("refs/heads/") in branches for update in updates):
            retry_delay(SAID, "origin", 9)

    world.remote.before_push = look


def fixed(world: World) -> str:
    """A fix that `main` alone has."""
    return world.commit("main", {"fix": "1"}, "fix the login")


@pytest.mark.parametrize(
    ("said", "barred"),
    [(SAID, {"develop"}), (GH006, {"release/1.x"}), (": pre-receive hook declined", set())],
)
def test_the_words_of_github_come_with_a_hint(said: str, barred: set[str]) -> None:
    """The branches are read from them; a hook's own words are passed on."""
    with pytest.raises(PushRefused) as caught:
        retry_delay(said, "origin", 0)

    assert caught.value.barred == barred
    assert caught.value.hint == (PROTECTION_HINT if barred else None)


# ---------------------------------------------------------------------------------------- back-merges


@pytest.mark.parametrize("known", [True, False])
def test_a_protected_develop_gets_a_pull_request(world: World, hub: Hub, known: bool) -> None:
    """Whether the rules can be read or the push is refused: staging moves, and develop's merge waits."""
    fix = fixed(world)
    before = world.head("develop")
    if known:
        hub.protect("develop", "pull_request")
    refuse_pushes(world, "develop")
    first = backmerge(world.desk(), ALL)
    again = backmerge(world.desk(), ALL)

    assert (first.ending, again.ending) == ("done", "nothing")
    assert "pull request #1 was opened: https://github.com/o/r/pull/1" in first.message
    assert "pull request #1 waits" in again.message
    assert world.head("staging") == fix
    assert world.head("develop") == before
    assert world.desk().git.is_ancestor(fix, world.head("backmerge/staging-into-develop"))
    assert [(each["head"], each["base"]) for each in hub.made] == [
        ("backmerge/staging-into-develop", "develop")
    ]
    assert world.is_clean()


def test_who_may_bypass_the_rule_pushes(world: World, hub: Hub) -> None:
    """No pull request is opened."""
    fix = fixed(world)
    hub.protect("develop", "pull_request", bypass="always")

    assert backmerge(world.desk(), ALL).code == 0
    assert world.head("develop") == fix
    assert hub.made == []


def test_without_a_token_the_page_is_named(world: World, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The branch is pushed, and a person opens the pull request."""
    monkeypatch.setattr(landing, "hub_of", lambda *_: None)
    fixed(world)
    refuse_pushes(world, "develop")
    done = backmerge(world.desk(), ALL)

    assert "/o/r/compare/develop...backmerge/staging-into-develop?expand=1" in done.message
    assert done.data["pull_requests"][0]["number"] is None
    assert hub.made == []


def test_a_refusal_that_names_no_branch_stays_one(world: World, hub: Hub) -> None:
    """Nothing moved, nothing is locked, no branch is left."""
    fixed(world)
    before = dict(world.remote.refs)

    def look(updates: Sequence[Update]) -> None:
        if any(update.ref == "refs/heads/develop" for update in updates):
            retry_delay(": not on a Sunday", "origin", 9)

    world.remote.before_push = look

    assert "not on a Sunday" in ending(lambda: backmerge(world.desk(), ALL)).message
    heads = {ref: sha for ref, sha in world.remote.refs.items() if "ledger" not in ref}
    assert heads == {ref: sha for ref, sha in before.items() if "ledger" not in ref}


def test_a_hotfix_comes_back_by_pull_request(world: World, hub: Hub) -> None:
    """The release is done, and its message says what waits."""
    hub.protect("develop", "pull_request")
    fix = world.remote.commit({"fix": "1"}, world.head("main"), subject="fix")
    world.remote.refs["refs/heads/hotfix/x"] = fix
    done = hotfix(world.desk(), HotfixRequest(branch="hotfix/x", yes=True))

    assert (done.ending, world.head("main"), world.head("staging")) == ("done", fix, fix)
    assert "pull request #1 was opened" in done.message
    assert "merge it by its merge button" in str(done.hint)


# ------------------------------------------------------------------------------------------- promotions


def planned(world: World, **more: Any) -> tuple[str, str]:
    """The refusal of a promotion to staging, and its hint; "" where nothing is refused."""
    outcome = promote(world.desk(), PromoteRequest(to="staging", plan=True, **more))
    refused = outcome.data["refused"]
    return (refused, str(outcome.hint)) if refused else ("", "")


@pytest.mark.parametrize(
    ("rule", "says", "then"),
    [
        ("pull_request", "changes have to come by a pull request", "invoke deploy --env staging"),
        ("merge_queue", "changes have to come by a pull request", "invoke deploy --env staging"),
        ("update", "only accounts on the bypass list may push", "put this account on the bypass list"),
        ("required_signatures", "commits have to be signed", "invoke deploy --env staging"),
        ("required_status_checks", "checks have not passed for it: `ci`", "wait until they passed"),
        ("required_linear_history", "", ""),
        ("non_fast_forward", "", ""),
    ],
)
def test_a_push_that_will_be_refused_is_told_in_the_plan(
    world: World, hub: Hub, rule: str, says: str, then: str
) -> None:
    """With what helps; nothing is published before."""
    world.commit("develop", {"a": "1"}, "feature")
    deploy(world.desk(), DeployRequest(env="development"))
    hub.protect("staging", rule, required_status_checks=[{"context": "ci"}])
    why, hint = planned(world)

    assert says in why
    assert then in hint
    assert bool(why) is bool(says)


def test_a_linear_history_takes_no_merge(world: World, hub: Hub) -> None:
    """Also not the one that `promote` would make."""
    side = world.remote.commit({"b": "1"}, world.head("develop"))
    world.remote.refs["refs/heads/develop"] = world.remote.commit({"b": "1"}, world.head("develop"), side)
    deploy(world.desk(), DeployRequest(env="development"))
    hub.protect("staging", "required_linear_history")

    assert "linear history, and there is a merge" in planned(world)[0]


def test_a_ledger_that_takes_no_push_is_told(world: World, hub: Hub) -> None:
    """Every release needs it; a rule against force pushes does no harm."""
    world.commit("develop", {"a": "1"}, "feature")
    hub.protect("deploy-ledger", "pull_request", "non_fast_forward")
    refused = ending(lambda: deploy(world.desk(), DeployRequest(env="development")))
    hub.protect("deploy-ledger", "non_fast_forward", "deletion")

    assert "push nothing to `deploy-ledger`" in refused.message
    assert deploy(world.desk(), DeployRequest(env="development")).code == 0


def test_a_github_that_does_not_answer_stops_nothing(
    world: World, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said; the push itself decides."""
    silent = Github("o/r", Secret(TOKEN), "http://127.0.0.1:9", sleep=lambda _: None)
    monkeypatch.setattr(landing, "hub_of", lambda *_: silent)
    world.commit("develop", {"a": "1"}, "feature")
    notes = Notes()

    assert deploy(world.desk(progress=notes), DeployRequest(env="development")).code == 0
    assert any("the branch's rules on GitHub can't be read" in line for line in notes.lines)


@pytest.mark.parametrize(
    ("url", "found"), [("https://github.com/o/r.git", True), ("/srv/origin.git", False)]
)
def test_only_the_rules_of_the_remote_are_read(
    world: World, monkeypatch: pytest.MonkeyPatch, url: str, found: bool
) -> None:
    """Not those of the repository that a CI job runs for; and nothing without a token."""
    monkeypatch.setattr(remote, "remote_urls", lambda *_: [url])
    for name in ("GH_TOKEN", "GITHUB_TOKEN", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    environments = list(world.settings)
    assert remote.hub_of(world.desk(), environments) is None
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)

    assert (remote.hub_of(world.desk(), environments) is not None) is found
