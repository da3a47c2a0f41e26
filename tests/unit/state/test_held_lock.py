"""A lock while it is held: one winner, heartbeats, loss, and a release that does no harm."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import pytest

from scripts.config.settings import Lock as Limits
from scripts.errors import CommandFailed, ConfigError, Locked, PushRefused, Unreachable
from scripts.git.client import StaleError
from scripts.git.command import Update
from scripts.git.merge import MergingGit
from scripts.state.held_lock import SOON, HeldLock, new_lock
from scripts.state.ledger import REF
from scripts.state.lock import LOCK_FILE, candidate_ref, lock_of, lock_ref
from scripts.state.remote import record
from scripts.system.secret import remember
from tests.fakes.git import FakeGit
from tests.fakes.world import World, ending

LOCK = lock_ref("staging")


class Deaf(FakeGit):
    """A clone whose remote can't be reached for reading."""

    def ls_remote(self) -> dict[str, str]:
        """No answer."""
        raise Unreachable("the remote `origin` can't be read")


def lock_by(world: World, actor: str = "Ada", **more: str) -> HeldLock:
    """A lock of staging that this person is about to acquire."""
    desk = world.desk(actor)
    return HeldLock(desk, new_lock(desk, "staging", "promote", world.head("develop"), **more))


def acquired(world: World, actor: str = "Ada") -> HeldLock:
    """One that he holds."""
    lock = lock_by(world, actor)
    lock.acquire()
    return lock


def stolen(world: World) -> str:
    """Another run moves the ref; gives its commit."""
    world.remote.refs[LOCK] = world.remote.commit({LOCK_FILE: "{}"}, subject="theirs")
    return world.remote.refs[LOCK]


def answer_lost(world: World) -> None:
    """The next push arrives, and its answer does not."""

    def before_push(updates: Sequence[Update]) -> None:
        world.remote.before_push = lambda _: None
        world.remote.apply(updates)
        raise Unreachable("no answer")

    world.remote.before_push = before_push


# ------------------------------------------------------------------------------------ its content


@pytest.mark.parametrize("part", [slice(40), slice(8), slice(20, 30)])
def test_a_mask_that_would_hide_the_commit_is_refused_before_anything_is_pushed(
    world: World, part: slice
) -> None:
    """`BUILD_CACHE_KEY=<commit>` made a release that belonged to nobody."""
    remember(world.head("develop")[part], "`BUILD_CACHE_KEY` of the process environment")
    refs = dict(world.remote.refs)

    with pytest.raises(
        ConfigError, match="`BUILD_CACHE_KEY` of the process environment is masked"
    ) as refused:
        lock_by(world)

    assert world.head("develop")[part] not in refused.value.message
    assert refs == world.remote.refs


def test_a_new_lock_says_who_where_and_for_how_long(world: World) -> None:
    """Each has a nonce of its own; other fields come along."""
    desk = world.desk()
    one, two = (new_lock(desk, "staging", "deploy", "a" * 40, run="r1", reason="why") for _ in "12")

    assert (one.run, one.actor, one.host, one.reason) == ("r1", "Ada", "laptop", "why")
    assert (one.ttl, one.acquired_at) == (600, world.clock.now())
    assert one.nonce != two.nonce
    assert new_lock(desk, "staging", "deploy", "a" * 40).run not in ("", "r1")


# ---------------------------------------------------------------------------------------- acquiring


def test_lock_and_candidate_come_in_one_push(world: World) -> None:
    """A workspace can fetch the commit as soon as the lock is held."""
    lock = acquired(world)

    assert world.remote.refs[LOCK] == lock.id
    assert world.remote.refs[lock.candidate] == world.head("develop")
    assert lock.candidate == candidate_ref("staging", lock.content.run)
    assert world.lock("staging") == lock.content
    assert len(world.remote.pushes) == 1


@pytest.mark.parametrize("how", [HeldLock.acquire, HeldLock.begin])
def test_of_many_that_race_one_wins(world: World, how: Callable[[HeldLock], None]) -> None:
    """The others learn it from the push, and leave nothing behind."""
    locks = [lock_by(world, f"person {n}") for n in range(12)]
    start = threading.Barrier(len(locks))
    winners: list[HeldLock] = []

    def contend(lock: HeldLock) -> None:
        start.wait()
        try:
            how(lock)
        except StaleError:
            return
        winners.append(lock)

    threads = [threading.Thread(target=contend, args=(lock,)) for lock in locks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(winners) == 1
    assert world.lock("staging") == winners[0].content
    assert len([ref for ref in world.remote.refs if ref.startswith("refs/deploy/")]) == 2


def test_a_run_begins_with_an_event(world: World) -> None:
    """In the push of the lock; it says nothing of what is live, and a lost answer does not repeat it."""
    lock = lock_by(world)
    answer_lost(world)
    with pytest.raises(Unreachable):
        lock.begin()
    record(world.desk("Bob"), "production", "approval")
    world.remote.refs.pop(LOCK)
    lock = lock_by(world)
    lock.begin()

    assert [(event.kind, event.run, event.commit) for event in world.ledger.begun[1:]] == [
        ("begin", lock.content.run, world.head("develop"))
    ]
    assert [event.kind for event in world.ledger.events] == ["approval"]
    assert (world.ledger.live("staging"), world.ledger.next_release("staging")) == (None, "v1")
    assert world.lock("staging") == lock.content


def test_a_ledger_that_takes_nothing_is_found_with_the_lock(world: World) -> None:
    """The lock is not there, so there is nothing to free."""

    def before_push(updates: Sequence[Update]) -> None:
        if REF in {update.ref for update in updates}:
            raise PushRefused("hook declined")

    world.remote.before_push = before_push
    error = ending(lock_by(world).begin)

    assert (type(error), error.code) == (PushRefused, 3)
    assert "staging can't be locked: hook declined" in error.message
    assert "`deploy-ledger`" in str(error.hint)
    assert world.is_clean()


def test_the_lock_of_a_dead_run_is_taken_over_with_its_candidate(world: World) -> None:
    """In one push: the new lock, the new candidate, and the old one deleted."""
    dead = acquired(world)
    dead.stop()
    heir = lock_by(world, "Bob")
    heir.acquire(dead.id, dead.content)

    assert world.lock("staging") == heir.content
    assert dead.candidate not in world.remote.refs
    assert {update.ref for update in world.remote.pushes[-1]} == {LOCK, heir.candidate, dead.candidate}


def test_a_dead_run_without_a_candidate_is_taken_over(world: World) -> None:
    """Somebody has deleted it."""
    dead = acquired(world)
    del world.remote.refs[dead.candidate]
    heir = lock_by(world, "Bob")
    heir.acquire(dead.id, dead.content)

    assert world.lock("staging") == heir.content


def test_a_run_that_gives_a_sign_of_life_is_not_taken_over(world: World) -> None:
    """Its heartbeat came between the look and the push."""
    owner = acquired(world)
    seen = owner.id
    owner.heartbeat()
    heir = lock_by(world, "Bob")

    with pytest.raises(StaleError):
        heir.acquire(seen, owner.content)
    assert world.lock("staging") == owner.content
    assert owner.candidate in world.remote.refs


# --------------------------------------------------------------------------------------- heartbeats


def test_a_heartbeat_moves_the_ref_and_says_what_the_run_does(world: World) -> None:
    """The step and the digest of the journal, as noted; the beat counts up."""
    lock = acquired(world)
    first = lock.id
    lock.note("build", "digest", 60)
    lock.heartbeat()
    held = world.lock("staging")

    assert world.remote.refs[LOCK] == lock.id != first
    assert held is not None
    assert (held.step, held.journal, held.beat) == ("build", "digest", 2)
    assert held.nonce == lock.content.nonce


def test_a_step_past_its_limit_is_silent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may resume."""
    lock, beats, ends = acquired(world), list[int](), list[bool]()
    monkeypatch.setattr(lock._stopped, "wait", lambda _: ends.pop(0))
    monkeypatch.setattr(lock, "heartbeat", lambda: beats.append(1))
    for limit in (60.0, -1.0):
        lock.note("build", "digest", limit)
        ends[:] = [False, True]
        lock._keep_alive()

    assert beats == [1]


def test_a_heartbeat_can_say_that_the_run_goes_back(world: World) -> None:
    """`resume` reads it there."""
    lock = acquired(world)
    lock.heartbeat(back="the pages answer 500")
    held = world.lock("staging")

    assert held is not None
    assert held.back == "the pages answer 500"


def test_a_heartbeat_of_a_stolen_lock_notes_the_loss(world: World) -> None:
    """It does not raise, moves nothing, and is the last one."""
    lock = acquired(world)
    theirs = stolen(world)
    lock.heartbeat()
    pushes = len(world.remote.pushes)
    lock.heartbeat()

    assert lock.lost
    assert world.remote.refs[LOCK] == theirs
    assert len(world.remote.pushes) == pushes


def test_a_heartbeat_that_does_not_arrive_changes_nothing(world: World) -> None:
    """The network is away for a moment: the next one follows the last that arrived."""
    lock = acquired(world)
    first = lock.id

    def away(_updates: object) -> None:
        raise Unreachable("no answer")

    world.remote.before_push = away
    with pytest.raises(Unreachable):
        lock.heartbeat()
    assert lock.id == first
    world.remote.before_push = lambda _: None
    lock.heartbeat()

    assert not lock.lost
    assert world.remote.refs[LOCK] == lock.id


def test_a_step_begins_while_a_heartbeat_is_on_its_way(world: World) -> None:
    """Some remotes are far away; what the step is goes with the next one."""
    lock = acquired(world)
    sent, answer = threading.Event(), threading.Event()

    def slow(_updates: object) -> None:
        sent.set()
        assert answer.wait(10)

    world.remote.before_push = slow
    beating = threading.Thread(target=lock.heartbeat)
    beating.start()
    assert sent.wait(10)

    lock.note("build", "digest", 60)
    beats = lock.content.beat
    answer.set()
    beating.join(10)

    assert (lock.content.step, lock.content.beat) == ("build", beats)
    lock.heartbeat()
    held = world.lock("staging")
    assert held is not None
    assert (held.step, held.journal, held.beat) == ("build", "digest", beats + 1)


def test_a_heartbeat_that_was_on_its_way_needs_no_question(world: World) -> None:
    """It says more than the answer would."""
    lock = acquired(world)
    world.clock.sleep(world.settings.lock.ttl * 0.6)

    with lock.paused():
        checking = threading.Thread(target=lambda: lock.check(ask=False))
        checking.start()
        lock.heartbeat()
    checking.join(10)

    assert not checking.is_alive()
    assert questions(lock) == []


def test_a_step_that_confirms_the_lock_itself_asks_nothing(world: World) -> None:
    """After a long silence too; only what is known stops it."""
    lock = acquired(world)
    world.clock.sleep(world.settings.lock.ttl)

    lock.require()

    assert questions(lock) == []
    stolen(world)
    lock.heartbeat()
    with pytest.raises(Locked):
        lock.require()


def questions(lock: HeldLock) -> list[str]:
    """What the remote was asked by this clone."""
    return cast("FakeGit", lock._desk.git).questions


def test_a_heartbeat_whose_answer_was_lost_is_known_again(world: World) -> None:
    """The next one is refused, and the remote shows an own id: the lock is still held."""
    lock = acquired(world)
    answer_lost(world)
    with pytest.raises(Unreachable):
        lock.heartbeat()
    arrived = world.remote.refs[LOCK]
    assert lock.id != arrived
    lock.heartbeat()

    assert (lock.lost, lock.id) == (False, arrived)
    lock.heartbeat()
    assert world.remote.refs[LOCK] == lock.id != arrived


def test_heartbeats_come_by_themselves_until_they_are_stopped(world: World) -> None:
    """Also after one that failed."""
    settings = replace(world.settings, lock=Limits(heartbeat=0.001, ttl=90))
    desk = world.desk(settings=settings)
    lock = HeldLock(desk, new_lock(desk, "staging", "deploy", world.head("develop")))
    before = set(threading.enumerate())
    lock.acquire()
    (beating,) = set(threading.enumerate()) - before
    seen, beats = threading.Event(), [0]

    def before_push(_updates: object) -> None:
        beats[0] += 1
        if beats[0] == 1:
            raise Unreachable("no answer")
        seen.set()

    world.remote.before_push = before_push
    assert seen.wait(10)
    lock.stop()
    beating.join(10)

    assert not beating.is_alive()
    assert world.remote.refs[LOCK] == lock.id


def test_heartbeats_wait_while_the_ref_is_moved(world: World) -> None:
    """What is deleted by the last push must be the id that was seen."""
    lock = acquired(world)
    done = threading.Event()

    def beat() -> None:
        lock.heartbeat()
        done.set()

    with lock.paused() as current:
        thread = threading.Thread(target=beat)
        thread.start()
        assert not done.wait(0.02)
        assert world.remote.refs[LOCK] == current == lock.id
    thread.join(10)

    assert world.remote.refs[LOCK] == lock.id != current


# ---------------------------------------------------------------------------------- is it still held


@pytest.mark.parametrize("refs", ["own", "arrived", "stolen", "deleted"])
def test_the_remotes_refs_say_whether_it_is_held(world: World, refs: str) -> None:
    """An own heartbeat that arrived counts; another's commit, or none, does not."""
    lock = acquired(world)
    if refs == "arrived":
        answer_lost(world)
        with pytest.raises(Unreachable):
            lock.heartbeat()
    if refs == "stolen":
        stolen(world)
    if refs == "deleted":
        del world.remote.refs[LOCK]
    held = lock.reconcile(world.remote.refs)

    assert (held, lock.lost) == ((True, False) if refs in ("own", "arrived") else (False, True))
    assert (world.remote.refs.get(LOCK) == lock.id) == held


@pytest.mark.parametrize("how", ["stolen", "deleted"])
def test_before_a_step_that_can_not_be_repeated_the_remote_is_asked(world: World, how: str) -> None:
    """A lock that was taken over stops the run there."""
    lock = acquired(world)
    lock.check(ask=True)
    if how == "stolen":
        stolen(world)
    else:
        del world.remote.refs[LOCK]
    error = ending(lambda: lock.check(ask=True))

    assert (type(error), error.code) == (Locked, 5)
    assert error.message == "the lock of staging was taken over from this run"


@pytest.mark.parametrize("seconds", [0.0, SOON + 1])
def test_a_question_of_a_moment_ago_is_answer_enough(world: World, seconds: float) -> None:
    """One that is older is put again; either way a lock that was stolen before it stops the run."""
    lock = acquired(world)
    lock.ask_ahead()
    world.clock.sleep(seconds)
    asked = len(cast(FakeGit, lock._desk.git).questions)
    lock.check(ask=True)
    again = len(cast(FakeGit, lock._desk.git).questions) - asked
    stolen(world)
    lock.ask_ahead()

    assert type(ending(lambda: lock.check(ask=True))) is Locked
    assert again == (0 if seconds < SOON else 1)


def test_a_lock_that_is_stolen_after_an_old_question_stops_the_run(world: World) -> None:
    """What was true then counts for a moment only."""
    lock = acquired(world)
    lock.ask_ahead()
    stolen(world)
    world.clock.sleep(SOON + 1)

    assert type(ending(lambda: lock.check(ask=True))) is Locked


def test_a_heartbeat_after_the_question_says_more_than_its_answer(world: World) -> None:
    """The ref has moved on by then: the lock goes on from there."""
    lock = acquired(world)
    lock.ask_ahead()
    lock._asked.refs.result()  # type: ignore[union-attr]
    world.clock.sleep(1)
    lock.heartbeat()
    lock.check(ask=True)
    lock.heartbeat()

    assert world.remote.refs[LOCK] == lock.id
    assert lock.content.beat == 2


def test_before_other_steps_it_is_asked_only_after_a_long_silence(world: World) -> None:
    """Half of the time to live without a heartbeat; a heartbeat starts it anew."""
    lock = acquired(world)
    world.clock.sleep(299)
    lock.heartbeat()
    stolen(world)
    world.clock.sleep(300)
    lock.check(ask=False)
    world.clock.sleep(1)

    assert type(ending(lambda: lock.check(ask=False))) is Locked


def test_a_loss_that_is_known_stops_every_step(world: World) -> None:
    """Without a question."""
    lock = acquired(world)
    stolen(world)
    lock.heartbeat()

    assert type(ending(lambda: lock.check(ask=False))) is Locked


def test_a_remote_that_does_not_answer_is_no_loss(world: World) -> None:
    """Whoever can't be reached can't take the lock over, either: the last push has a lease."""
    desk = world.desk(git=cast(MergingGit, Deaf(world.remote)))
    lock = HeldLock(desk, new_lock(desk, "staging", "deploy", world.head("develop")))
    lock.acquire()
    lock.check(ask=True)

    assert not lock.lost


# --------------------------------------------------------------------------------------- the release


def test_a_release_deletes_lock_and_candidate(world: World) -> None:
    """In one push, and no heartbeat comes after it."""
    lock = acquired(world)
    lock.heartbeat()
    lock.release()

    assert world.is_clean()
    assert {update.ref for update in world.remote.pushes[-1]} == {LOCK, lock.candidate}
    assert all(update.new is None for update in world.remote.pushes[-1])


def test_a_late_release_by_a_dead_owner_does_no_harm(world: World) -> None:
    """Whoever took the lock over keeps it."""
    dead = acquired(world)
    heir = lock_by(world, "Bob")
    heir.acquire(dead.id, dead.content)
    before = dict(world.remote.refs)

    with pytest.raises(StaleError):
        dead.release()
    dead.heartbeat()

    assert world.remote.refs == before
    assert dead.lost
    assert lock_of(FakeGit(world.remote).document(before[LOCK], LOCK_FILE).document).actor == "Bob"


# ------------------------------------------------------------------------------------------- strays


def test_candidates_whose_run_is_over_are_swept_before_a_step(world: World) -> None:
    """Those of this environment but its own, and those of environments that nobody holds."""
    lock, other = acquired(world), lock_by(world, "Bob")
    bob = world.desk("Bob")
    held = HeldLock(bob, new_lock(bob, "production", "promote", world.head("develop")))
    held.acquire()
    strays = [
        candidate_ref("staging", "dead"),
        candidate_ref("development", "dead"),
        candidate_ref("qa", "x"),
    ]
    kept = [lock.candidate, held.candidate, candidate_ref("production", "who-knows"), LOCK, held.ref]
    for ref in (*strays, kept[2]):
        world.remote.refs[ref] = world.head("develop")
    lock.check(ask=True)

    assert not {*strays} & {*world.remote.refs}
    assert {*kept} <= {*world.remote.refs}
    assert other.candidate not in world.remote.refs


def test_a_sweep_that_fails_stops_nothing(world: World) -> None:
    """The remote refuses the deletion; the lock is held all the same."""
    lock, stray = acquired(world), candidate_ref("staging", "dead")
    world.remote.refs[stray] = world.head("develop")

    def refuse(_updates: object) -> None:
        raise CommandFailed("refused")

    world.remote.before_push = refuse
    lock.check(ask=True)

    assert stray in world.remote.refs
