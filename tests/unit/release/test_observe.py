"""What is observed before anything is decided: from the remote, the public URLs and the database."""

from __future__ import annotations

import pytest

from scripts.config.settings import Gates, Settings
from scripts.errors import Refused
from scripts.release import observe as observing
from scripts.release.commands import deploy, promote, rollback
from scripts.release.facts import Facts
from scripts.release.observe import observe
from scripts.release.request import (
    DeployRequest,
    DrillRequest,
    HotfixRequest,
    PromoteRequest,
    ReleaseRequest,
    RollbackRequest,
)
from scripts.secrets.finding import Finding
from scripts.state.lock import lock_ref
from scripts.state.remote import record
from tests.fakes.world import World, ending
from tests.unit.release.samples import begun

FIRST, SECOND = "20240101000000", "20240102000000"
MORE = {f"supabase/migrations/{SECOND}_more.sql": "create table b ();"}
DEPLOY = DeployRequest(env="development")


def seen(world: World, request: ReleaseRequest = DEPLOY) -> Facts:
    """The facts of a request."""
    return observe(world.desk(), request)


def deployed(world: World) -> str:
    """The head of develop goes live on development; gives the commit."""
    deploy(world.desk(), DEPLOY)
    return world.head("develop")


def promoted(world: World, *names: str) -> str:
    """And on these."""
    commit = deployed(world)
    for name in names:
        promote(world.desk(), PromoteRequest(to=name, yes=True))
    return commit


# ------------------------------------------------------------------------------------------ what goes


def test_a_deploy_looks_at_the_head_of_the_branch(world: World) -> None:
    """Its migrations, what is live, and what the database has; the environment before does not matter."""
    facts = seen(world)

    assert facts.wanted == facts.head == world.head("develop")
    assert (facts.source, facts.source_live, facts.contained, facts.at_source) == (None, None, True, True)
    assert [migration.version for migration in facts.committed] == [FIRST]
    assert (facts.applied, facts.live.silent, facts.lock) == ((), True, None)
    assert [commit.subject for commit in facts.commits] == ["first"]
    assert facts.now == world.clock.now()


def test_after_a_release_only_what_is_new_is_listed(world: World) -> None:
    """Against what is live for a deploy, against the branch for a promotion."""
    promoted(world, "staging")
    world.commit("develop", {"a": "1"}, "second")
    world.commit("develop", {"a": "2"}, "third")
    deploying = seen(world)
    deployed(world)
    world.commit("develop", {"a": "3"}, "fourth")
    promoting = seen(world, PromoteRequest(to="staging", sha=world.ledger.events[-1].commit))

    assert [commit.subject for commit in deploying.commits] == ["third", "second"]
    assert [commit.subject for commit in promoting.commits] == ["third", "second"]
    assert [row.version for row in deploying.applied or ()] == [FIRST]


def test_a_promotion_looks_at_its_source_too(world: World) -> None:
    """The commit is the head of the source's branch; both URLs are asked."""
    commit = deployed(world)
    facts = seen(world, PromoteRequest(to="staging"))

    assert (facts.wanted, facts.head) == (commit, None)
    assert facts.source is not None
    assert facts.source.name == "development"
    assert facts.source_live is not None
    assert facts.source_live.commit == commit
    assert facts.at_source


def test_a_commit_that_is_named_may_be_older(world: World) -> None:
    """By any revision; it is on the branch, and no longer its head."""
    first = deployed(world)
    second = world.commit("develop", {"a": "1"})
    facts = seen(world, DeployRequest(env="development", sha=first[:12]))

    assert (facts.wanted, facts.head, facts.contained) == (first, second, True)
    assert not seen(world, PromoteRequest(to="staging", sha=first)).at_source


def test_a_commit_of_another_branch_is_not_contained(world: World) -> None:
    """What the branch has beyond it is listed."""
    world.remote.refs["refs/heads/feature"] = world.remote.commit({"a": "1"}, world.head("develop"))
    world.commit("develop", {"b": "1"}, "theirs")
    facts = seen(world, DeployRequest(env="development", sha="feature"))

    assert facts.wanted == world.head("feature")
    assert not facts.contained
    assert [commit.subject for commit in facts.strangers] == ["theirs"]


@pytest.mark.parametrize(
    ("request_", "branch"),
    [(DeployRequest(env="staging"), "staging"), (PromoteRequest(to="production"), "staging")],
)
def test_a_branch_that_is_not_there_is_refused(world: World, request_: ReleaseRequest, branch: str) -> None:
    """With the command that makes it."""
    error = ending(lambda: seen(world, request_))

    assert (type(error), error.message) == (Refused, f"the remote has no branch `{branch}`")
    assert error.hint is not None
    assert f"`git push origin HEAD:refs/heads/{branch}`" in error.hint


def test_an_unknown_commit_is_refused(world: World) -> None:
    assert type(ending(lambda: seen(world, DeployRequest(env="development", sha="0" * 40)))) is Refused


def test_the_commit_of_a_drill_is_on_no_branch(world: World) -> None:
    """And that is no objection."""
    broken = world.remote.commit({"a": "broken"}, world.head("develop"))

    assert seen(world, DrillRequest(env="development", sha=broken)).contained


# -------------------------------------------------------------------------------------------- diverged


@pytest.mark.parametrize("harmless", [True, False])
def test_what_the_target_has_beyond_is_harmless_or_not(world: World, harmless: bool) -> None:
    """GitHub's button makes merges that bring nothing; a hotfix brings something."""
    promoted(world, "staging")
    files = {} if harmless else {"fix": "1"}
    world.remote.refs["refs/heads/staging"] = world.remote.commit(files, world.head("staging"))
    world.commit("develop", {"a": "1"})
    deployed(world)
    facts = seen(world, PromoteRequest(to="staging"))

    assert facts.contained is harmless
    assert (facts.merges == world.head("develop")) is harmless
    assert len(facts.strangers) == (0 if harmless else 1)


# ------------------------------------------------------------------------------------------------ lock


def test_the_lock_of_another_run_is_a_fact(world: World) -> None:
    """That of the run that is resumed is none."""
    run = begun(world, actor="Bob")
    locked = seen(world)
    resumed = seen(world, DeployRequest(env="development", resumes=run.id))

    assert locked.lock is not None
    assert locked.lock.actor == "Bob"
    assert resumed.lock is None
    assert lock_ref("development") in world.remote.refs


# -------------------------------------------------------------------------------------- configuration


@pytest.mark.parametrize(
    ("request_", "asked"),
    [
        (DEPLOY, True),
        (DeployRequest(env="development", resumes="r1"), False),
        (RollbackRequest(env="development"), False),
    ],
)
def test_the_configuration_is_checked_for_what_is_new(
    world: World, monkeypatch: pytest.MonkeyPatch, request_: ReleaseRequest, asked: bool
) -> None:
    """A rollback, or a run that is resumed, is not held up by it."""
    deployed(world)
    world.commit("develop", {"a": "1"})
    deployed(world)
    finding = Finding("ENV001", "error", "x", 1, "x", "x")
    monkeypatch.setattr(observing, "check_for_release", lambda *_: (finding,))

    assert seen(world, request_).findings == ((finding,) if asked else ())


# --------------------------------------------------------------------------------------------- proofs


def with_gates(world: World) -> Settings:
    """Production demands an approval."""
    production = world.settings.environments["production"]._replace(gates=Gates(approval=1))
    world.settings.environments["production"] = production  # type: ignore[index]
    return world.settings


def test_where_proofs_are_demanded_their_environment_and_the_maker_are_known(world: World) -> None:
    """Elsewhere nobody asks."""
    promoted(world, "staging")
    without = seen(world, PromoteRequest(to="production"))
    with_gates(world)
    facts = seen(world, PromoteRequest(to="production"))

    assert without.before is None
    assert facts.before is not None
    assert (facts.before.name, facts.twins.makers) == ("staging", ("Ada",))
    assert seen(world, PromoteRequest(to="production", resumes="r1")).before is None


# ------------------------------------------------------------------------------------------- going back


def three_releases(world: World) -> list[str]:
    """v1, v2 and v3 on development; gives their commits."""
    commits = [deployed(world)]
    for number in "23":
        world.commit("develop", {"a": number})
        commits.append(deployed(world))
    return commits


def test_a_rollback_goes_to_the_last_good_release(world: World) -> None:
    """Or to the one that was named."""
    first, second, third = three_releases(world)
    last = seen(world, RollbackRequest(env="development"))
    named = seen(world, RollbackRequest(env="development", to="v1"))

    assert (last.wanted, last.target and last.target.release) == (second, "v2")
    assert (named.wanted, named.target and named.target.release) == (first, "v1")
    assert last.rolls_back
    assert last.previous is not None
    assert last.previous.commit == third


def test_after_a_rollback_the_next_one_goes_further_back(world: World) -> None:
    """Not to what was rolled back, and not to what is live."""
    first, _second, _third = three_releases(world)
    rollback(world.desk(), RollbackRequest(env="development"))

    assert seen(world, RollbackRequest(env="development")).wanted == first


def test_a_release_whose_commit_is_gone_is_refused(world: World) -> None:
    """A rewritten branch has lost it; git is not asked to go there."""
    first, *_ = three_releases(world)
    del world.remote.commits[first]
    error = ending(lambda: seen(world, RollbackRequest(env="development", to="v1")))

    assert (type(error), error.message) == (Refused, f"`{first}` is no commit of this repository")


def test_a_bad_release_is_only_gone_back_to_with_a_reason(world: World) -> None:
    """The good ones are in the hint."""
    *_, third = three_releases(world)
    rollback(world.desk(), RollbackRequest(env="development"))
    error = ending(lambda: seen(world, RollbackRequest(env="development", to="v3")))
    allowed = seen(world, RollbackRequest(env="development", to="v3", allow_bad="it was the cache"))

    assert (type(error), error.message) == (Refused, "`v3` is no good release of development")
    assert "good ones are `v1` (" in str(error.hint)
    assert allowed.wanted == third


@pytest.mark.parametrize("name", ["v9", "v2"])
def test_a_release_that_was_never_proven_here_is_refused(world: World, name: str) -> None:
    """Unknown, or of another environment, or failed."""
    deployed(world)
    record(world.desk(), "staging", "release", commit=world.head("develop"), release="v9")
    record(world.desk(), "development", "release", "failed", commit=world.head("develop"), release="v2")
    error = ending(lambda: seen(world, RollbackRequest(env="development", to=name)))

    assert error.message == f"`{name}` is no good release of development"
    assert "invoke history" in str(error.hint)


def test_with_one_release_there_is_nothing_to_go_back_to(world: World) -> None:
    deployed(world)
    error = ending(lambda: seen(world, RollbackRequest(env="development")))

    assert error.message == "development has no other good release to go back to"


def test_a_release_with_the_same_files_is_named(world: World) -> None:
    """After a revert the older release is good, and going back to it would change nothing."""
    deployed(world)
    world.commit("develop", dict(world.remote.commits[world.head("develop")].files))
    deployed(world)
    error = ending(lambda: seen(world, RollbackRequest(env="development")))

    assert error.message.startswith("there is nothing to go back to: `v1` (")
    assert error.message.endswith(" has the same files as what is live in development")
    assert "`invoke rollback --env development --to v1`" in str(error.hint)


# --------------------------------------------------------------------------------------------- hotfixes


def hotfix_from(world: World, branch: str) -> HotfixRequest:
    """A fix on top of a branch."""
    world.remote.refs["refs/heads/hotfix/x"] = world.remote.commit(
        {"fix": "1"}, world.head(branch), subject="fix"
    )
    return HotfixRequest(branch="hotfix/x")


def test_a_hotfix_from_the_last_branch_carries_nothing_else(world: World) -> None:
    """It fast-forwards `main`, and brings its own commit alone."""
    promoted(world, "staging", "production")
    world.commit("develop", {"a": "1"}, "half a feature")
    facts = seen(world, hotfix_from(world, "main"))

    assert facts.wanted == world.head("hotfix/x")
    assert (facts.environment.name, facts.source, facts.contained) == ("production", None, True)
    assert [commit.subject for commit in facts.commits] == ["fix"]
    assert facts.carried == ()


def test_a_hotfix_from_develop_would_carry_what_was_proven_nowhere(world: World) -> None:
    """Each such commit is named; a run that is resumed was judged already."""
    promoted(world, "staging", "production")
    world.commit("develop", {"a": "1"}, "half a feature")
    request = hotfix_from(world, "develop")
    resumed = HotfixRequest(branch="hotfix/x", resumes="r1")

    assert [commit.subject for commit in seen(world, request).carried] == ["half a feature"]
    assert seen(world, resumed).carried == ()


def test_a_hotfix_that_is_behind_lacks_what_the_branch_has(world: World) -> None:
    promoted(world, "staging", "production")
    request = hotfix_from(world, "main")
    world.remote.refs["refs/heads/main"] = world.remote.commit(
        {"b": "1"}, world.head("main"), subject="newer"
    )
    facts = seen(world, request)

    assert not facts.contained
    assert [commit.subject for commit in facts.strangers] == ["newer"]


# -------------------------------------------------------------------------------------------- no database


def test_an_environment_without_a_database_has_no_history(world: World) -> None:
    """None, which is not the same as an empty one."""
    development = world.settings.environments["development"]._replace(database=False)
    world.settings.environments["development"] = development  # type: ignore[index]

    assert seen(world).applied is None
    assert seen(world).standing is None


def test_what_the_history_lost_is_seen(world: World) -> None:
    """By the ledger; not where the whole database is a new one, nor after a restore."""
    deployed(world)
    database = world.databases["development"]
    assert seen(world).lost == ()
    database.rows.clear()
    assert seen(world).lost == ()
    database.kept.add(FIRST)
    assert seen(world).lost == (FIRST,)
    gone = world.remote.commits[world.head("develop")]
    without = {name: text for name, text in gone.files.items() if FIRST not in name}
    world.remote.refs["refs/heads/develop"] = world.remote.add(without, (gone.id,), "Ada", "taken out")
    assert seen(world).lost == ()  # nothing would be applied again
    world.remote.refs["refs/heads/develop"] = gone.id
    record(world.desk(), "development", "restore")
    assert seen(world).lost == ()
