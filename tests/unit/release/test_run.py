"""A run begins with the lock, and ends with one push in which all moves or nothing does."""

from __future__ import annotations

import pytest

from scripts.errors import CommandFailed, ConfigError, DeskError, Locked
from scripts.release.observe import observe
from scripts.release.plan import decide
from scripts.release.request import DeployRequest, PromoteRequest, ReleaseRequest, RollbackRequest
from scripts.release.run import ReleaseRun, acquire, lock_for, write_down
from scripts.release.steps import locked_run
from scripts.state.held_lock import HeldLock, new_lock
from scripts.state.ledger import REF
from scripts.state.lock import LOCK_FILE, lock_ref
from scripts.state.remote import record
from scripts.system.secret import remember
from tests.fakes.world import World, ending
from tests.unit.release.samples import begun

LOCK = lock_ref("development")
DEPLOY = DeployRequest(env="development")


def live(world: World, environment: str = "development", release: str = "v1") -> str:
    """The head of develop is live there, says the ledger; gives the commit."""
    commit = world.head("develop")
    record(world.desk(), environment, "release", commit=commit, release=release)
    return commit


# ------------------------------------------------------------------------------------------- the lock


def test_a_run_holds_the_lock_and_the_candidate(world: World) -> None:
    """It knows the schema and what is live, and has done one step."""
    run = begun(world)

    held = world.lock("development")

    assert held is not None
    assert (held.run, held.nonce) == (run.id, run.lock.content.nonce)
    assert world.remote.refs[run.lock.candidate] == world.head("develop")
    assert [(step["name"], step["ending"]) for step in run.steps] == [("lock", "done")]
    assert (run.environment.name, run.schema, run.release) == ("development", None, None)
    assert run.live == world.drivers["development"].served


def test_the_journal_begins_with_lock_and_plan(world: World) -> None:
    """For people who read it later."""
    run = begun(world)
    first = run.journal.file.read_text().splitlines()[0]

    assert run.journal.file.parent.name == run.id
    assert '"task": "deploy"' in first
    assert '"point_of_no_return": "migrate"' in first


def test_the_lock_holds_what_was_agreed_to(world: World) -> None:
    """With the release that was found for a rollback, and the source of a promotion."""
    desk = world.desk()
    good = live(world)
    world.drivers["development"].serve(decide(observe(desk, DEPLOY)).facts.expected)
    promotion = lock_for(desk, decide(observe(desk, PromoteRequest(to="staging", retry=True))), "why")
    world.commit("develop")
    live(world, release="v2")
    rollback = lock_for(desk, decide(observe(desk, RollbackRequest(env="development"))))

    assert (promotion.task, promotion.source, promotion.release) == ("promote", "development", "")
    assert (promotion.reason, promotion.commit) == ("why", good)
    assert promotion.request == {"to": "staging", "retry": True}
    assert (rollback.task, rollback.release, rollback.commit) == ("rollback", "v1", good)
    assert rollback.request == {"env": "development", "to": "v1"}


def test_a_mask_that_would_hide_a_migrations_version_is_refused_before_the_lock(world: World) -> None:
    """What a person reads of the run would say `***`."""
    desk = world.desk()
    plan = decide(observe(desk, DEPLOY))
    remember("20240101000000", "`DB_PASSWORD` of development")
    refs = dict(world.remote.refs)

    error = ending(lambda: acquire(desk, plan))

    assert (type(error), refs) == (ConfigError, world.remote.refs)
    assert "`DB_PASSWORD` of development is masked" in error.message


def test_another_run_that_holds_the_lock_is_named(world: World) -> None:
    """It took it while this run was planning."""
    desk = world.desk()
    plan = decide(observe(desk, DEPLOY))
    begun(world, actor="Bob")
    error = ending(lambda: acquire(desk, plan))

    assert (type(error), error.code) == (Locked, 5)
    assert "development is locked by Bob" in error.message


def between_plan_and_lock(world: World, request: ReleaseRequest, change: object) -> DeskError:
    """The error of a run in whose planning something happened."""
    desk = world.desk()
    plan = decide(observe(desk, request))
    change()  # type: ignore[operator]
    return ending(lambda: acquire(desk, plan))


def test_a_release_that_came_and_went_while_planning_is_named(world: World) -> None:
    """The plan is no longer true: the lock is freed again."""
    error = between_plan_and_lock(world, DEPLOY, lambda: live(world))

    assert (type(error), error.code) == (Locked, 5)
    assert error.message.startswith("Ada released `")
    assert "on development as v1" in error.message
    assert "while this run was planning" in error.message
    assert world.is_clean()


def test_a_branch_that_moved_while_planning_stops_the_run(world: World) -> None:
    """And frees the lock."""
    error = between_plan_and_lock(world, DEPLOY, lambda: world.commit("develop"))

    assert (type(error), error.message) == (Locked, "`develop` moved while this run was planning")
    assert world.is_clean()
    assert not [each for each in world.remote.pushes if LOCK in {update.ref for update in each}]
    assert not world.drivers["development"].connected


def test_releases_elsewhere_do_not_matter(world: World) -> None:
    """The ledger may grow."""
    desk = world.desk()
    plan = decide(observe(desk, DEPLOY))
    live(world, "production")

    assert acquire(desk, plan).id
    assert world.drivers["development"].connected


def test_a_remote_that_does_not_show_the_lock_is_no_remote_to_release_over(world: World) -> None:
    """It pushes to another address than it reads from."""
    desk = world.desk()
    plan = decide(observe(desk, DEPLOY))
    world.drivers["development"].serve(plan.facts.expected)
    hidden = desk.git.ls_remote

    def ls_remote() -> dict[str, str]:
        return {ref: sha for ref, sha in hidden().items() if ref != LOCK}

    desk.git.ls_remote = ls_remote  # type: ignore[method-assign]
    run = acquire(desk, plan)
    with run.step("build"):  # changes what nobody sees
        pass

    def scan() -> None:
        with locked_run(run), run.step("scan"):
            raise AssertionError

    error = ending(scan)

    assert (type(error), error.code) == (CommandFailed, 3)
    assert "does not show the lock that was pushed to it" in error.message
    assert "git remote -v" in str(error.hint)
    assert world.is_clean()


# -------------------------------------------------------------------------------------------- the end


def test_one_push_ends_a_deploy(world: World) -> None:
    """Ledger, lock and candidate; the branch of a deploy stays where it is."""
    run = begun(world)
    event = write_down(run, "done", moves_branch=False, why="extra")

    assert {update.ref for update in world.remote.pushes[-1]} == {REF, LOCK, run.lock.candidate}
    assert world.is_clean()
    assert (event.kind, event.ending, event.release, event.run) == ("release", "done", "v1", run.id)
    assert run.release == "v1"
    assert event.detail["why"] == "extra"
    assert event.detail["migrations"] == ["20240101000000_first.sql"]
    assert event.detail["built_for"] == "20240101000000"
    assert [step["name"] for step in event.detail["steps"]] == ["lock"]


def promoting(world: World) -> ReleaseRun:
    """A run that is about to move `staging`."""
    live(world)
    world.drivers["development"].serve(decide(observe(world.desk(), DEPLOY)).facts.expected)
    return begun(world, PromoteRequest(to="staging"))


def test_a_promotion_moves_its_branch_in_that_push(world: World) -> None:
    """And its event names where it came from."""
    run = promoting(world)
    event = write_down(run, "done", moves_branch=True)

    assert world.head("staging") == world.head("develop")
    assert "refs/heads/staging" in {update.ref for update in world.remote.pushes[-1]}
    assert (event.detail["source"], event.detail["previous"]) == ("development", None)


def test_a_failed_promotion_leaves_the_branch(world: World) -> None:
    """The event says that it failed."""
    run = promoting(world)
    write_down(run, "failed", moves_branch=False, at_step="verify")

    assert "refs/heads/staging" not in world.remote.refs
    assert world.last("staging").detail["at_step"] == "verify"
    assert world.is_clean()


def test_others_may_append_in_the_meantime(world: World) -> None:
    """The id of the release is that of the ledger it follows."""
    run = begun(world)
    record(
        world.desk("Bob"), "development", "release", "failed", commit=world.head("develop"), release="v1"
    )

    assert write_down(run, "done", moves_branch=False).release == "v2"
    assert [event.actor for event in world.ledger.events] == ["Bob", "Ada"]


def test_an_own_heartbeat_that_arrived_late_is_no_loss(world: World) -> None:
    """The ref is at an id that this run pushed: the last push follows it."""
    run = begun(world)
    old = run.lock.id
    run.lock.heartbeat()
    run.lock.id = old
    write_down(run, "done", moves_branch=False)

    assert world.is_clean()
    assert world.last("development").ending == "done"


@pytest.mark.parametrize("how", ["stolen", "deleted"])
def test_a_run_whose_lock_is_lost_writes_nothing(world: World, how: str) -> None:
    """Code 5; whoever holds it keeps it."""
    run = begun(world)
    world.remote.refs.pop(LOCK)
    if how == "stolen":
        world.remote.refs[LOCK] = world.remote.commit({LOCK_FILE: "{}"})
    error = ending(lambda: write_down(run, "done", moves_branch=False))

    assert (type(error), error.code) == (Locked, 5)
    assert "no longer held by this run: nothing was written" in error.message
    assert not world.ledger.events
    assert run.release is None


def test_a_branch_that_was_moved_stops_only_what_moves_it(world: World) -> None:
    """A failed attempt is written all the same."""
    run = promoting(world)
    world.remote.refs["refs/heads/staging"] = world.remote.commit({"file": "theirs"})
    error = ending(lambda: write_down(run, "done", moves_branch=True))
    write_down(run, "failed", moves_branch=False)

    assert (type(error), error.message) == (Locked, "`staging` was moved by somebody else during this run")
    assert world.last("staging").ending == "failed"
    assert world.is_clean()


def test_a_rollback_says_where_it_went_and_what_is_bad_now(world: World) -> None:
    """For the hold, and for whoever wants to release that commit again."""
    live(world)
    bad = world.commit("develop")
    live(world, release="v2")
    desk = world.desk()
    plan = decide(observe(desk, RollbackRequest(env="development")))
    event = write_down(acquire(desk, plan, "broken"), "done", moves_branch=False)

    assert (event.kind, event.release) == ("rollback", "v3")
    assert {key: event.detail[key] for key in ("to", "bad", "left", "reason")} == {
        "to": "v1",
        "bad": bad,
        "left": "v2",
        "reason": "broken",
    }


def test_how_long_it_took(world: World) -> None:
    """From the command to the proof."""
    run = begun(world)
    world.clock.sleep(30.0)
    run.proven = world.clock.seconds

    assert run.took == "in 30.0 s"


def test_the_document_is_that_of_the_contract(world: World) -> None:
    """Every key, also before anything is known."""
    run = begun(world)
    document = run.document()

    assert set(document) == {
        *("environment", "release", "commit", "live", "schema", "undone", "restored", "rehearsed"),
        *("run", "steps", "half_applied", "functions"),
    }
    assert (document["commit"], document["live"], document["run"]) == (world.head("develop"), None, run.id)


def test_a_lock_that_was_never_acquired_is_not_freed_by_a_loser(world: World) -> None:
    """The winner's lock stands after the loser has given up."""
    desk = world.desk()
    plan = decide(observe(desk, DEPLOY))
    bob = world.desk("Bob")
    held = HeldLock(bob, new_lock(bob, "development", "deploy", world.head("develop")))
    held.acquire()
    ending(lambda: acquire(desk, plan))

    assert world.remote.refs[LOCK] == held.id
