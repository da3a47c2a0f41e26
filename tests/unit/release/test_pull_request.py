"""`promote` by pull request: every ending of it, with nothing half done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from scripts.config.settings import Lock
from scripts.errors import CommandTimedOut, LiveUnknown, PushRefused, Refused, Unreachable
from scripts.git.refusals import retry_delay
from scripts.notify.events import Fact, Notice
from scripts.release import messages
from scripts.release.commands import deploy, promote
from scripts.release.request import DeployRequest, PromoteRequest, ResumeRequest
from scripts.release.resume import resume
from scripts.state.held_lock import HeldLock, new_lock
from scripts.state.ledger import Event
from tests.fakes.github import github_of
from tests.fakes.world import Notes, World, build_world, ending
from tests.support.github_stand_in import StandIn

CHECK = {"type": "required_status_checks", "parameters": {"required_status_checks": [{"context": "ci"}]}}
REVIEW: dict[str, Any] = {
    "type": "pull_request",
    "parameters": {"required_approving_review_count": 1, "allowed_merge_methods": ["merge", "squash"]},
}
GONE_BY: Any = (502, None, {})


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """One commit is live everywhere, and a newer one on development."""
    made = build_world(tmp_path, monkeypatch)
    made.commit("develop", {"supabase/migrations/20240101000000_first.sql": "create table a ();"}, "first")
    deploy(made.desk(), DeployRequest(env="development"))
    promote(made.desk(), PromoteRequest(to="staging"))
    app = made.settings.app._replace(land="pull-request")
    github = made.settings.github._replace(wait=600)
    made.settings = replace(made.settings, app=app, github=github)
    made.commit("develop", {"a": "1"}, "feature @ada fixes #1 `x`")
    return made


@pytest.fixture
def hub(world: World, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """GitHub; the newer commit is live on development."""
    made = github_of(world, monkeypatch)
    deploy(world.desk(), DeployRequest(env="development"))
    return made


def to_staging(world: World, **changes: Any) -> Any:
    """Promote, by a desk whose notes can be read."""
    return promote(world.desk(**changes), PromoteRequest(to="staging"))


def released(world: World) -> Event:
    """The release on staging."""
    return world.last("staging")


def is_untouched(world: World, before: str) -> bool:
    """Nothing moved, nothing is published, nothing is locked."""
    return (world.head("staging"), world.drivers["staging"].live().commit, world.is_clean()) == (
        before,
        before,
        True,
    )


def at_look(hub: StandIn, number: int, deed: Callable[[], object]) -> None:
    """Do something when the reviews are asked for the so manieth time."""
    looks = [0]

    def look() -> None:
        looks[0] += 1
        if looks[0] == number:
            deed()

    hub.faults["GET /pulls/1/reviews"] = [look] * (number + 1)


# ---------------------------------------------------------------------------------------- good endings


def test_a_commit_lands_and_github_takes_it_for_merged(world: World, hub: StandIn) -> None:
    """The very commit, by the one push; the pull request has the plan."""
    commit = world.head("develop")
    done = to_staging(world)

    assert (done.ending, world.head("staging")) == ("done", commit)
    assert hub.pull(1)["merged"]
    body = hub.pulls[0]["body"]
    assert f"`{commit}` was proven on development" in body
    assert "`feature @ada fixes #1 'x'`, `Ada`" in body
    assert "**Way back**" in body
    assert released(world).detail["pull_request"]["number"] == done.data["pull_request"]["number"] == 1
    assert not [each for each in hub.asked if each.startswith("PUT")]


def test_it_waits_for_checks_and_approvals(world: World, hub: StandIn) -> None:
    """What it waits for is said once for each change; then it goes on by itself."""
    hub.protect("staging", CHECK, REVIEW)
    hub.bypass = "always"  # the desk may push; it waits all the same
    commit = world.head("develop")
    at_look(hub, 2, lambda: hub.check("ci", commit, None))
    notes = Notes()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.clock.sleep(seconds)
        if len(slept) == 3:
            hub.check("ci", commit)
        if len(slept) == 5:
            hub.review("grace")

    done = to_staging(world, progress=notes, sleep=sleep)

    assert (done.ending, world.head("staging")) == ("done", commit)
    told = [line.partition("waits: ")[2] for line in notes.lines if "waits: " in line and "#1" in line]
    assert told == [
        "check `ci` has not reported yet; 0 of 1 approvals",
        "check `ci` is running; 0 of 1 approvals",
        "0 of 1 approvals",
    ]
    assert released(world).detail["pull_request"]["approved_by"] == ["grace"]


def test_the_team_is_told_once_that_a_review_is_wanted(
    world: World, hub: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the page, when it is opened; not where nobody is asked."""
    sent: list[Notice] = []
    monkeypatch.setattr(
        messages, "send", lambda _desk, make, **_: sent.append(made) if (made := make()) else None
    )
    hub.protect("staging", REVIEW)
    for _ in range(2):
        ending(lambda: to_staging(world))
    facts = {fact.label: fact for fact in sent[0].facts}

    assert [(each.kind, each.environment) for each in sent] == [("approval", "staging")]
    assert facts["review"] == Fact("review", "https://github.com/o/r/pull/1", link=True)
    assert facts["wanted"].text == "1 approval"
    assert messages.PULL_PAGE.fullmatch("javascript://github.com/o/r/pull/1") is None


def test_checks_of_classic_protection_are_waited_for(world: World, hub: StandIn) -> None:
    """A token that may not read the protection is shown its checks all the same."""
    hub.classic_checks["staging"] = ["ci"]
    fault = ending(lambda: to_staging(world))
    hub.check("ci", world.head("develop"))

    assert "check `ci` has not reported yet" in fault.message
    assert to_staging(world).ending == "done"


def test_a_long_limit_is_waited_out_and_said(world: World, hub: StandIn) -> None:
    """As long as for an approval."""
    hub.faults["GET /pulls/1/reviews"] = [(429, None, {"retry-after": "400"})]
    notes = Notes()

    assert to_staging(world, progress=notes).ending == "done"
    assert "GitHub takes requests again in 400 s: waiting" in notes.lines


def test_where_no_push_is_taken_github_merges_the_very_commit(world: World, hub: StandIn) -> None:
    """Its merge has the same files; the next promotion finds nothing to do."""
    hub.protect("staging", REVIEW)
    commit = world.head("develop")
    at_look(hub, 1, lambda: hub.review("grace"))
    done = to_staging(world)
    head = world.head("staging")

    assert done.ending == "done"
    assert hub.pull(1)["merge_commit_sha"] == head != commit
    assert world.remote.commits[head].files == world.remote.commits[commit].files
    assert (released(world).commit, released(world).detail["pull_request"]["merged_as"]) == (commit, head)
    assert [step["name"] for step in done.data["steps"]][-2:] == ["merge", "finish"]
    assert world.is_clean()


def test_a_push_that_is_refused_at_the_end_becomes_a_merge(world: World, hub: StandIn) -> None:
    """The rules could not be read before."""
    said = ":\nremote: error: GH013: Repository rule violations found for refs/heads/staging."

    def look(updates: Any) -> None:
        if any(update.ref == "refs/heads/staging" and update.old != update.new for update in updates):
            retry_delay(said, "origin", 9)

    world.remote.before_push = look

    assert to_staging(world).ending == "done"
    assert hub.pull(1)["merge_commit_sha"] == world.head("staging")


def test_a_review_is_the_approval_that_the_gate_demands(world: World, hub: StandIn) -> None:
    """Of this commit, by somebody who may merge and did not make it."""
    staging = world.settings.environments["staging"]
    gates = staging.gates._replace(approval=1)
    environments = {**world.settings.environments, "staging": staging._replace(gates=gates)}
    world.settings = replace(world.settings, environments=environments)
    people = iter(
        [
            {"who": "eve", "author_association": "NONE"},
            {"who": "ada"},  # who made it
            {"who": "old", "commit_id": "b" * 40},
            {"who": "grace"},
        ]
    )

    def sleep(seconds: float) -> None:
        world.clock.sleep(seconds)
        if person := next(people, None):
            hub.review(**cast("Any", person))

    done = to_staging(world, sleep=sleep)

    assert done.ending == "done"
    assert hub.reviews[1][-1]["user"]["login"] == "grace"
    assert next(people, None) is None


def test_what_somebody_merged_by_the_button_is_released(world: World, hub: StandIn) -> None:
    """While it waited; the review there still is the approval."""
    hub.protect("staging", REVIEW)

    def press() -> None:
        hub.review("grace")
        hub.press_merge()

    at_look(hub, 2, press)
    done = to_staging(world)

    assert (done.ending, released(world).commit) == ("done", world.head("staging"))
    assert world.is_clean()


def test_a_pull_request_of_a_person_keeps_its_text(world: World, hub: StandIn) -> None:
    """The plan is put after it, and takes its own place the next time."""
    hub.open_pull({}, {"title": "ours", "head": "develop", "base": "staging", "body": "Our words."})
    plan = promote(world.desk(), PromoteRequest(to="staging", plan=True))
    assert plan.data["pull_request"]["number"] == 1
    assert hub.pulls[0]["body"] == "Our words."
    to_staging(world)

    first = hub.pulls[0]["body"]
    assert first.startswith("Our words.\n\n<!-- release desk: the plan -->")
    assert first.count("### Commits") == 1
    assert (hub.pulls[0]["title"], len(hub.pulls)) == ("ours", 1)


def test_a_plan_opens_nothing(world: World, hub: StandIn) -> None:
    """It says what would be opened, and what is waited for."""
    hub.protect("staging", CHECK)
    notes = Notes()
    plan = promote(world.desk(progress=notes), PromoteRequest(to="staging", plan=True))

    assert (plan.ending, plan.data["refused"], hub.pulls) == ("done", None, [])
    assert plan.data["steps"][0]["name"] == "review"
    assert any(
        "waits: it is not opened yet; check `ci` has not reported yet" in each for each in notes.lines
    )


def test_an_older_commit_has_a_branch_of_its_own(world: World, hub: StandIn) -> None:
    """The source has gone on."""
    commit = world.head("develop")
    world.commit("develop", {"b": "2"}, "unproven")
    done = promote(world.desk(), PromoteRequest(to="staging", sha=commit))

    assert (done.ending, world.head("staging")) == ("done", commit)
    assert hub.pulls[0]["head"]["ref"] == "promote/develop-into-staging"


# ----------------------------------------------------------------------------------------- bad endings


@pytest.mark.parametrize(
    ("deed", "says"),
    [
        ("check", "of pull request #1 failed: `ci` (https://github.com/o/r/runs/"),
        ("head", "the head of pull request #1 moved to"),
        ("changes", "grace asked for changes"),
        ("close", "pull request #1 was closed"),
    ],
)
def test_what_forbids_it_ends_the_wait(world: World, hub: StandIn, deed: str, says: str) -> None:
    """At once, with nothing changed."""
    hub.protect("staging", CHECK, REVIEW)
    before, commit = world.head("staging"), world.head("develop")
    deeds = {
        "check": lambda: hub.check("ci", commit, "failure"),
        "head": lambda: world.commit("develop", {"c": "3"}, "newer"),
        "changes": lambda: hub.review("grace", "CHANGES_REQUESTED"),
        "close": lambda: hub.pulls[0].update(state="closed"),
    }
    at_look(hub, 2, deeds[deed])
    fault = ending(lambda: to_staging(world))

    assert type(fault) is Refused
    assert says in fault.message
    assert "nothing was changed" in fault.message
    assert is_untouched(world, before)


def test_a_wait_that_is_too_long_ends_and_is_gone_on_with(world: World, hub: StandIn) -> None:
    """On another machine, with the same pull request."""
    hub.protect("staging", REVIEW)
    before = world.head("staging")
    fault = ending(lambda: to_staging(world))

    assert type(fault) is CommandTimedOut
    assert "0 of 1 approvals, after 600 s; nothing was changed" in fault.message
    assert fault.data["pull_request"]["number"] == 1
    assert is_untouched(world, before)
    hub.review("grace")
    assert promote(world.desk("Bob"), PromoteRequest(to="staging")).ending == "done"
    assert len(hub.pulls) == 1


@pytest.mark.parametrize("deed", ["dismissed", "moved"])
def test_an_approval_that_is_withdrawn_under_the_lock_stops_it(
    world: World, hub: StandIn, deed: str
) -> None:
    """Before anything is built; the lock is free again."""
    hub.protect("staging", REVIEW)
    before = world.head("staging")
    at_look(hub, 1, lambda: hub.review("grace"))

    def look(updates: Any) -> None:
        if any("lock/staging" in update.ref and update.old is None for update in updates):
            hub.dismiss("grace") if deed == "dismissed" else world.commit("develop", {"d": "4"}, "newer")

    world.remote.before_push = look
    fault = ending(lambda: to_staging(world))

    assert type(fault) is Refused
    assert ("waits again: 0 of 1 approvals" if deed == "dismissed" else "moved to") in fault.message
    assert is_untouched(world, before)


@pytest.mark.parametrize("resumes", [False, True])
def test_an_approval_that_is_withdrawn_during_the_build_stops_it(
    world: World, hub: StandIn, resumes: bool
) -> None:
    """Before the database and the app change; the workspace is put back, whoever runs it."""
    hub.protect("staging", REVIEW)
    hub.bypass = "always"  # GitHub itself would take the push
    world.commit("develop", {"supabase/migrations/20240102000000_b.sql": "create table b ();"}, "more")
    deploy(world.desk(), DeployRequest(env="development"))
    before, commit = world.head("staging"), world.head("develop")
    hub.open_pull({}, {"title": "t", "head": "develop", "base": "staging", "body": ""})
    hub.review("grace")
    driver = world.drivers["staging"]
    build = driver.build

    def building(*known: Any, **more: Any) -> bytes | None:
        hub.dismiss("grace")
        return build(*known, **more)

    driver.build = building  # type: ignore[method-assign]
    if resumes:
        bob = world.desk("Bob", settings=replace(world.settings, lock=Lock(ttl=30, heartbeat=1000)))
        HeldLock(bob, new_lock(bob, "staging", "promote", commit, source="development")).acquire()
        done = resume(world.desk(), ResumeRequest(env="staging"))
        assert "waits again: 0 of 1 approvals" in done.message
    else:
        assert "waits again: 0 of 1 approvals" in ending(lambda: to_staging(world)).message

    assert is_untouched(world, before)
    assert driver.workspace is not None
    assert driver.workspace.commit == before
    assert "20240102000000" not in world.databases["staging"].versions


def test_a_head_that_moves_at_the_very_end_is_not_merged(world: World, hub: StandIn) -> None:
    """GitHub refuses by `sha`; the release before is published again."""
    hub.protect("staging", REVIEW)
    before = world.head("staging")
    at_look(hub, 1, lambda: hub.review("grace"))
    hub.faults["PUT /pulls/1/merge"] = [lambda: world.commit("develop", {"e": "5"}, "newer") and None]
    fault = ending(lambda: to_staging(world))

    assert type(fault) is PushRefused
    assert "Head branch was modified" in fault.message
    assert is_untouched(world, before)


# ------------------------------------------------------------------------- faults of GitHub, and deaths


@pytest.mark.parametrize(
    "fault", [GONE_BY, (0, None, {}), (403, {"message": "secondary rate limit"}, {"retry-after": "5"})]
)
@pytest.mark.parametrize(
    "where", ["GET /pulls", "POST /pulls", "GET /pulls/1/reviews", "PATCH /pulls/1", "PUT /pulls/1/merge"]
)
def test_a_fault_in_the_middle_is_gone_past(world: World, hub: StandIn, where: str, fault: Any) -> None:
    """Whatever it hits: one pull request, one merge."""
    hub.protect("staging", REVIEW)
    at_look(hub, 1, lambda: hub.review("grace"))
    hub.faults.setdefault(where, []).append(fault)

    assert to_staging(world).ending == "done"
    assert len(hub.pulls) == 1
    assert hub.pull(1)["merge_commit_sha"] == world.head("staging")


@pytest.mark.parametrize("where", ["POST /pulls", "PUT /pulls/1/merge"])
def test_an_answer_that_is_lost_does_nothing_twice(world: World, hub: StandIn, where: str) -> None:
    """It was carried out, and the answer did not arrive."""
    hub.protect("staging", REVIEW)
    at_look(hub, 1, lambda: hub.review("grace"))

    def lose() -> None:
        raise Unreachable("the API at `127.0.0.1` gave no answer (timed out)")

    hub.after[where] = lose

    assert to_staging(world).ending == "done"
    assert len(hub.pulls) == 1
    assert hub.pull(1)["merge_commit_sha"] == world.head("staging")


def test_a_github_that_is_away_changes_nothing(world: World, hub: StandIn) -> None:
    """Before the lock."""
    before = world.head("staging")
    hub.faults["GET /pulls"] = [GONE_BY] * 99

    assert type(ending(lambda: to_staging(world))) is Unreachable
    assert is_untouched(world, before)


@pytest.mark.parametrize("arrived", [False, True])
def test_a_merge_nobody_knows_of_is_finished_elsewhere(world: World, hub: StandIn, arrived: bool) -> None:
    """GitHub went away at the merge, before or after it; the lock is left to `resume`."""
    hub.protect("staging", REVIEW)
    commit = world.head("develop")
    at_look(hub, 1, lambda: hub.review("grace"))

    def away() -> Any:
        if arrived and not hub.pulls[0]["merged_at"]:
            hub.press_merge()
        return GONE_BY

    hub.faults["PUT /pulls/1/merge"] = [away] * 5
    hub.faults["GET /pulls/1"] = [None, None, None, None, *[GONE_BY] * 9]
    fault = ending(lambda: to_staging(world))
    hub.faults.clear()

    assert type(fault) is LiveUnknown
    done = resume(world.desk("Bob"), ResumeRequest(env="staging"))
    assert (done.ending, released(world).commit, released(world).ending) == ("done", commit, "done")
    assert hub.pull(1)["merge_commit_sha"] == world.head("staging")
    assert [each for each in hub.asked if each.startswith("POST /pulls")] == ["POST /pulls"]
    assert world.is_clean()
    assert to_staging(world).ending == "nothing"


@pytest.mark.parametrize(
    ("since", "ending_of", "ends"),
    [("nothing", "done", "done"), ("dismissed", "done", "error"), ("moved", "done", "error")],
)
def test_a_run_that_died_is_finished_or_undone(
    world: World, hub: StandIn, since: str, ending_of: str, ends: str
) -> None:
    """By what the pull request says now: it had all that it needed when it took the lock."""
    hub.protect("staging", REVIEW)
    before, commit = world.head("staging"), world.head("develop")
    hub.open_pull({}, {"title": "t", "head": "develop", "base": "staging", "body": ""})
    hub.review("grace")
    bob = world.desk("Bob", settings=replace(world.settings, lock=Lock(ttl=30, heartbeat=1000)))
    HeldLock(bob, new_lock(bob, "staging", "promote", commit, source="development")).acquire()
    if since == "dismissed":
        hub.dismiss("grace")
    if since == "moved":
        world.commit("develop", {"f": "6"}, "newer")
    done = resume(world.desk(), ResumeRequest(env="staging"))

    assert (done.ending, released(world).ending) == (ending_of, ends)
    if ends == "done":
        assert released(world).commit == commit
        assert world.head("staging") == hub.pull(1)["merge_commit_sha"]
    else:
        assert is_untouched(world, before)
        assert not hub.pull(1)["merged"]
    assert world.is_clean()


def test_githubs_merge_of_what_is_live_brings_nothing(world: World, hub: StandIn) -> None:
    """Automation that deploys on a push finds nothing to do; the branch stays where it is."""
    hub.protect("staging", REVIEW)
    at_look(hub, 1, lambda: hub.review("grace"))
    to_staging(world)
    head = world.head("staging")
    publishes = world.drivers["staging"].calls.count("publish")

    assert deploy(world.desk(), DeployRequest(env="staging")).ending == "nothing"
    assert to_staging(world).ending == "nothing"
    assert (world.head("staging"), world.drivers["staging"].calls.count("publish")) == (head, publishes)
    world.commit("develop", {"g": "7"}, "next")
    deploy(world.desk(), DeployRequest(env="development"))
    hub.faults.clear()
    hub.faults["GET /pulls/2/reviews"] = [lambda: hub.review("grace", number=2)]
    assert to_staging(world).ending == "done"
    assert world.remote.commits[world.head("staging")].files["g"] == "7"


@pytest.mark.parametrize("method", ["squash", "merge"])
def test_production_gets_what_staging_proved(world: World, hub: StandIn, method: str) -> None:
    """Whatever GitHub's merges made of it on the way."""
    rule = {**REVIEW, "parameters": {**REVIEW["parameters"], "allowed_merge_methods": [method]}}
    app = replace(world.settings, app=world.settings.app._replace(land="push"))
    promote(world.desk(settings=app), PromoteRequest(to="production", yes=True))
    hub.protect("staging", rule)
    hub.protect("main", rule)
    commit = world.head("develop")
    at_look(hub, 1, lambda: hub.review("grace"))
    to_staging(world)
    hub.faults["GET /pulls/2/reviews"] = [lambda: hub.review("grace", number=2)]
    done = promote(world.desk(), PromoteRequest(to="production", yes=True))

    assert done.ending == "done"
    files = [
        world.remote.commits[each].files for each in (world.head("main"), world.last("production").commit)
    ]
    assert files == [world.remote.commits[commit].files] * 2
    assert world.is_clean()


def test_without_a_token_it_is_refused(world: World, hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is asked."""
    from scripts.branches import pull_request

    monkeypatch.setattr(pull_request, "hub_of", lambda *_: None)
    fault = ending(lambda: to_staging(world))

    assert 'land = "pull-request"` needs a repository on GitHub' in fault.message
    assert "GH_TOKEN" in str(fault.hint)
