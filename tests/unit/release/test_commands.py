"""`deploy`, `promote`, `rollback`: observe, plan and execute; and the tests that `--run-missing` runs."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Gates
from scripts.config.settings import Lock as Limits
from scripts.errors import Refused
from scripts.quality.app_tests import command as app_command
from scripts.quality.e2e import command
from scripts.quality.load import command as load_command
from scripts.quality.request import AppTestRequest, E2eRequest, LoadRequest
from scripts.release import commands, execute
from scripts.release.commands import deploy, promote, rollback
from scripts.release.plan import decide
from scripts.release.request import DeployRequest, PromoteRequest, RollbackRequest
from scripts.release.resume import settle
from scripts.state.held_lock import HeldLock, new_lock
from scripts.state.lock import candidate_ref
from scripts.state.remote import record
from tests.fakes.world import Notes, World, ending
from tests.support.evidence import measured
from tests.unit.quality.test_gates import facts, proof
from tests.unit.release.samples import LOCK, A

ALL = Gates(e2e="full", load="steady", approval=1, soak_minutes=300)
TOOLS = cast("Desk", SimpleNamespace(progress=SimpleNamespace(note=lambda _text: None)))


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """The runs, which do nothing."""
    seen: list[tuple[str, str, str]] = []
    for name, workflow in (("e2e", command), ("load", load_command)):

        def run(_desk: Desk, request: E2eRequest | LoadRequest, *, _name: str = name) -> Outcome:
            level = request.suite if isinstance(request, E2eRequest) else request.profile
            seen.append((_name, request.env, level))
            return Outcome.done("passed")

        monkeypatch.setattr(workflow, {"e2e": "test_e2e", "load": "load_test"}[name], run)
    return seen


def test_what_can_be_run_is_run_on_the_environment_before(ran: list[tuple[str, str, str]]) -> None:
    """Both tests, at the level that is demanded; approvals and time can't be run."""
    assert commands.run_missing(TOOLS, decide(facts(ALL)))
    assert [
        ("e2e", "staging", "full"),
        ("load", "staging", "steady"),
    ] == ran


def test_the_apps_own_tests_are_run_on_the_very_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of both suites."""
    seen: list[tuple[str, str, str]] = []

    def run(_desk: Desk, request: AppTestRequest) -> Outcome:
        seen.append((request.suite, request.env, request.sha))
        return Outcome.done("passed")

    monkeypatch.setattr(app_command, "test_app", run)

    assert commands.run_missing(TOOLS, decide(facts(Gates(unit=True, integration=True))))
    assert [("unit", "staging", A), ("integration", "staging", A)] == seen


def test_what_is_there_is_not_run_again(ran: list[tuple[str, str, str]]) -> None:
    """One proof is there, the other is missing."""
    assert commands.run_missing(TOOLS, decide(facts(ALL, proof("e2e", "full"))))
    assert ["load"] == [name for name, _, _ in ran]


def test_nothing_is_run_in_vain(ran: list[tuple[str, str, str]]) -> None:
    """Another rule says no, or nothing that could be run is missing."""
    locked = decide(replace(facts(ALL), lock=LOCK))
    only_time = decide(facts(Gates(soak_minutes=300)))

    assert not commands.run_missing(TOOLS, locked)
    assert not commands.run_missing(TOOLS, only_time)
    assert ran == []


# ------------------------------------------------------------------------------ observe, plan, execute


def test_nothing_promotes_into_the_first_environment(world: World) -> None:
    """The hint says what to do instead; nothing was looked at."""
    error = ending(lambda: promote(world.desk(), PromoteRequest(to="development")))

    assert type(error) is Refused
    assert "development is the first of the chain" in error.message
    assert "`invoke deploy --env development`" in str(error.hint)


def held_by_bob(world: World) -> HeldLock:
    """Bob is at work on development."""
    bob = world.desk("Bob")
    lock = HeldLock(bob, new_lock(bob, "development", "deploy", world.head("develop")))
    lock.acquire()
    return lock


@pytest.mark.parametrize("waits", [False, True])
def test_a_release_waits_for_a_lock_only_when_asked_to(world: World, waits: bool) -> None:
    """Then it observes and plans anew."""
    lock, pauses = held_by_bob(world), [0]

    def sleep(seconds: float) -> None:
        pauses[0] += 1
        world.clock.sleep(seconds)
        if pauses[0] == 3:
            lock.release()

    desk = world.desk(sleep=sleep)
    if not waits:
        assert ending(lambda: deploy(desk, DeployRequest(env="development"))).code == 5
        assert pauses == [0]
        return

    assert deploy(desk, DeployRequest(env="development", wait=True)).code == 0
    assert cast(Notes, desk.progress).lines[0].startswith("development: nothing -> ")
    assert len([line for line in cast(Notes, desk.progress).lines if line.startswith("waiting: ")]) == 1


@pytest.mark.parametrize("task", ["deploy", "rollback"])
def test_the_run_of_a_dead_owner_is_finished_before_ones_own(world: World, task: str) -> None:
    """A cancelled job keeps nobody waiting longer than its time to live."""
    deploy(world.desk(), DeployRequest(env="development"))
    first = world.head("develop")
    theirs = world.commit("develop", {"file": "theirs"})
    deploy(world.desk(), DeployRequest(env="development"))
    if task == "deploy":
        theirs = world.commit("develop", {"file": "newer"})
    bob = world.desk("Bob", settings=replace(world.settings, lock=Limits(ttl=30, heartbeat=1000)))
    commit, release = (theirs, "") if task == "deploy" else (first, "v1")
    HeldLock(bob, new_lock(bob, "development", task, commit, release=release)).acquire()
    ours = world.commit("develop", {"file": "ours"})
    desk = world.desk()
    try:
        code = deploy(desk, DeployRequest(env="development", wait=True)).code
    except Refused as fault:
        code = fault.code

    said = "\n".join(cast(Notes, desk.progress).lines)
    assert "the owner of the lock of development is silent for 30 s: dead; its run is taken over" in said
    assert world.clock.seconds < 40
    events = [(event.kind, event.commit) for event in world.ledger.events][2:]
    if task == "deploy":
        assert (code, events) == (0, [("release", theirs), ("release", ours)])
    else:  # a rollback holds the environment
        assert (code, events) == (1, [("rollback", first)])
    assert world.is_clean()


@pytest.mark.parametrize("named", [False, True])
def test_who_waited_does_not_go_back_twice(world: World, named: bool) -> None:
    """Two people roll the same release back, or a dead one's rollback is finished first."""
    for content in ("one", "two", "three"):
        world.commit("develop", {"file": content})
        deploy(world.desk(), DeployRequest(env="development"))
    before = world.ledger.good("development")[1]
    bob = world.desk("Bob", settings=replace(world.settings, lock=Limits(ttl=30, heartbeat=1000)))
    lock = new_lock(bob, "development", "rollback", before.commit, release=before.release)
    HeldLock(bob, lock).acquire()
    request = RollbackRequest(env="development", wait=True, to="v1" if named else "")
    if named:
        assert rollback(world.desk(), request).code == 0
        return
    outcome = ending(lambda: rollback(world.desk(), request))
    last = world.ledger.live("development")

    assert last is not None
    assert (outcome.code, last.commit, last.release) == (1, before.commit, "v4")
    assert "` took the place of v3 in development while this run waited" in outcome.message
    assert world.is_clean()


def test_an_owner_that_wakes_up_is_not_taken_over(world: World) -> None:
    """Its heartbeat came after it was seen to be silent: it is waited for again."""
    lock = held_by_bob(world)
    silent = lock.id
    lock.heartbeat()
    settle(world.desk(), world.settings.environments["development"], silent, yes=True)

    assert world.lock("development") is not None
    assert world.remote.refs[lock.ref] == lock.id


def test_nothing_to_do_is_said_only_when_nobody_is_at_work(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback that takes its lock while a deploy plans: the deploy does not call that commit live."""
    deploy(world.desk(), DeployRequest(env="development"))
    monkeypatch.setattr(execute, "words", lambda _plan: held_by_bob(world) and ())
    error = ending(lambda: deploy(world.desk(), DeployRequest(env="development")))

    assert error.code == 5
    assert "development is locked by Bob" in error.message


def test_an_address_that_flaps_is_not_nothing_to_do(world: World) -> None:
    """One good answer is no proof: the others are named."""
    deploy(world.desk(), DeployRequest(env="development"))
    driver = world.drivers["development"]
    right = driver.served
    answers = itertools.cycle([right, right, right, replace(right, commit="e" * 40)])
    driver.faults["live"] = lambda: next(answers)
    error = ending(lambda: deploy(world.desk(), DeployRequest(env="development")))

    assert error.code == 1
    assert "development is not live as a whole: it flaps" in error.message
    assert "`eeeeeeeeeeee` 3 times" in error.message


def test_who_waits_looks_for_a_while_before_nothing_to_do(world: World) -> None:
    """A rollback that was typed at the same moment has no lock yet: it is seen, and waited for."""
    deploy(world.desk(), DeployRequest(env="development"))
    world.commit("develop", {"file": "new"})
    deploy(world.desk(), DeployRequest(env="development"))
    locks: list[HeldLock] = []

    def sleep(seconds: float) -> None:
        before = world.clock.seconds
        world.clock.sleep(seconds)
        if before < 1.0 <= world.clock.seconds - start and not locks:
            locks.append(held_by_bob(world))
        elif locks and world.clock.seconds - start > 10:
            locks.pop().release()

    start = world.clock.seconds
    desk = world.desk(sleep=sleep)
    assert deploy(desk, DeployRequest(env="development", wait=True)).ending == "nothing"
    assert world.clock.seconds - start > 10
    assert [line for line in cast(Notes, desk.progress).lines if line.startswith("waiting: ")]


def test_what_ended_while_it_was_planned_is_planned_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole rollback took place meanwhile: its commit is not live any more."""
    deploy(world.desk(), DeployRequest(env="development"))
    world.commit("develop", {"file": "new"})
    deploy(world.desk(), DeployRequest(env="development"))
    begun: list[int] = []

    def rolled_back(_plan: object) -> tuple[str, ...]:
        if not begun:
            begun.append(1)
            rollback(world.desk("Bob"), RollbackRequest(env="development"))
        return ()

    monkeypatch.setattr(execute, "words", rolled_back)
    error = ending(lambda: deploy(world.desk(), DeployRequest(env="development")))

    assert "until a moment ago" in error.message
    assert error.code == 5


def test_candidates_of_dead_runs_are_swept_though_there_is_nothing_to_do(world: World) -> None:
    """Also those of other environments that nobody holds."""
    deploy(world.desk(), DeployRequest(env="development"))
    for name in ("development", "production"):
        world.remote.refs[candidate_ref(name, "dead")] = world.head("develop")

    assert deploy(world.desk(), DeployRequest(env="development")).ending == "nothing"
    assert world.is_clean()


def test_a_plan_never_waits(world: World) -> None:
    """It says that the environment is locked."""
    held_by_bob(world)
    outcome = deploy(world.desk(), DeployRequest(env="development", plan=True, wait=True))

    assert (outcome.ending, outcome.code) == ("failed", 5)
    assert "locked by Bob" in outcome.message


@pytest.mark.parametrize(("plan", "tests"), [(False, 1), (True, 0)])
def test_missing_proofs_are_run_and_then_it_is_planned_again(
    world: World, monkeypatch: pytest.MonkeyPatch, plan: bool, tests: int
) -> None:
    """With the proof in the ledger the promotion goes through; a plan runs nothing."""
    staging = world.settings.environments["staging"]._replace(gates=Gates(e2e="smoke"))
    settings = replace(world.settings, environments={**world.settings.environments, "staging": staging})
    deploy(world.desk(), DeployRequest(env="development"))
    runs = []

    def run(desk: Desk, env: str, level: str, _commit: str) -> Outcome:
        runs.append((env, level))
        digest = f"sha256:{'0' * 64}"
        known = measured(desk, desk.settings.environment(env), "e2e")
        record(desk, env, "proof", what="e2e", level=level, digest=digest, measured=known)
        return Outcome.done("passed")

    monkeypatch.setitem(commands.RUNS, "e2e", run)
    asked = PromoteRequest(to="staging", run_missing=True, plan=plan)
    outcome = promote(world.desk(settings=settings), asked)

    assert runs == [("development", "smoke")] * tests
    assert outcome.code == 1 - tests
    assert ("refs/heads/staging" in world.remote.refs) == bool(tests)
