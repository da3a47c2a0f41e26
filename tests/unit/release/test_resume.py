"""`resume` and `lock.steal`: finish or undo what a dead run began, whatever step it died in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from scripts.database.refresh import command as refresh_command
from scripts.database.restore import in_place, way_back
from scripts.database.restore.kept import Kept
from scripts.database.restore.plan import Counts
from scripts.database.restore.way_back import PutBack
from scripts.errors import DeskError, LiveUnknown, Locked, Refused
from scripts.release import leak_gate, restore_data, steps
from scripts.release.commands import deploy, promote, rollback
from scripts.release.facts import Facts
from scripts.release.freeze import freeze
from scripts.release.hotfix import hotfix
from scripts.release.plan import Plan
from scripts.release.request import (
    DeployRequest,
    FreezeRequest,
    HotfixRequest,
    PromoteRequest,
    ResumeRequest,
    RollbackRequest,
    StealRequest,
)
from scripts.release.resume import resume, steal_lock
from scripts.replit.live import Answer, Expected
from scripts.secrets.site import Site
from scripts.state.held_lock import HeldLock, new_lock
from scripts.state.lock import Lock, lock_ref
from scripts.system.signals import Stop
from tests.fakes.world import World, ending

FIRST, SECOND = "20240101000000", "20240102000000"
RENAME = {
    f"supabase/migrations/{SECOND}_more.sql": "alter table a rename to b;",
    f"supabase/rollbacks/{SECOND}_more.sql": "alter table b rename to a;",
}


def die(*_: object) -> None:
    """The process ends here."""
    raise Stop("killed")


def killed(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Run until it dies, without any of its cleaning up."""
    with monkeypatch.context() as patch:
        patch.setattr(steps, "recover", lambda _run, error: error)
        with pytest.raises(DeskError):
            work()


def kill_at(world: World, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """A deploy to development that dies in a step: before its effect, or after (`published`, `pushed`)."""
    driver, database = world.drivers["development"], world.databases["development"]
    if step == "published":

        def publish() -> None:
            driver.serve(driver.workspace)
            die()

        driver.faults["publish"] = publish
    elif step == "migrate":
        database.before_push = die
    elif step == "finish":
        world.remote.before_push = lambda updates: die() if any(u.new is None for u in updates) else None
    else:
        driver.faults[{"verify": "live"}.get(step, step)] = (
            die if step != "verify" else die_in_verify(world)
        )
    killed(monkeypatch, lambda: deploy(world.desk(), DeployRequest(env="development")))
    driver.faults.clear()
    database.before_push = lambda: None
    world.remote.before_push = lambda _: None


def die_in_verify(world: World) -> Callable[[], object]:
    """The public URL is looked at while planning too: only the look after Publish dies."""
    driver = world.drivers["development"]

    def live() -> object:
        if "publish" in driver.calls:
            die()
        return driver.served

    driver.calls.clear()
    return live


STEPS = ("build", "migrate", "publish", "published", "verify", "finish")


@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_died_anywhere_is_finished(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """From another clone, by another person: live, recorded once, nothing left behind."""
    deploy(world.desk(), DeployRequest(env="development"))
    wanted = world.commit("develop", RENAME)
    kill_at(world, monkeypatch, step)
    assert world.lock("development") is not None
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development"))

    assert outcome.code == 0
    assert world.drivers["development"].served.commit == wanted
    assert world.databases["development"].versions == [FIRST, SECOND]
    assert [event.ending for event in world.ledger.events] == ["done", "done"]
    assert world.last("development").actor == "Bob"
    assert world.databases["development"].ended == 1
    assert world.is_clean()


@pytest.mark.parametrize("seen", ["served", "unreadable"])
@pytest.mark.parametrize("step", ["verify", "finish"])
def test_what_a_dead_run_published_is_scanned_again(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str, seen: str
) -> None:
    """No pass of its scan is recorded: what is served is looked at, or else what is built again."""
    deploy(world.desk(), DeployRequest(env="development"))
    good = world.head("develop")
    world.commit("develop", RENAME)
    kill_at(world, monkeypatch, step)
    leak = 'const k = "sb_secret_0123456789abcdefghijkl_01234567";'
    if seen == "served":
        monkeypatch.setattr(leak_gate, "read_site", lambda *_, **__: Site({"app.js": leak.encode()}))
    else:
        monkeypatch.setattr(leak_gate, "read_site", lambda *_, **__: Site(complete=False))
        world.drivers["development"].files = {"index.html": "<p>", "app.js": leak}

    error = ending(lambda: resume(world.desk("Bob"), ResumeRequest(env="development")))

    assert "a Supabase secret key is in it" in error.message
    assert world.drivers["development"].served.commit == good
    assert [event.ending for event in world.ledger.events] == ["done", "failed"]


@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_died_anywhere_is_undone_on_request(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The previous release is live and its schema back; the commit may come again."""
    deploy(world.desk(), DeployRequest(env="development"))
    good = world.head("develop")
    world.commit("develop", RENAME)
    kill_at(world, monkeypatch, step)
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development", undo=True))

    assert outcome.code == 0
    assert "was undone" in outcome.message
    assert world.drivers["development"].served.commit == good
    assert world.databases["development"].versions == [FIRST]
    assert world.last("development").ending == "error"
    assert world.is_clean()


def test_nothing_to_resume(world: World) -> None:
    """Not locked: nothing to do."""
    assert resume(world.desk(), ResumeRequest(env="development")).ending == "nothing"


def test_an_owner_who_is_alive_is_left_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """His lock moves while the other waits."""
    kill_at(world, monkeypatch, "build")
    ref = lock_ref("development")
    lock = world.lock("development")
    assert lock is not None
    desk = world.desk("Bob")

    def sleep(seconds: float) -> None:
        world.clock.sleep(seconds)
        world.remote.refs[ref] = desk.git.commit_json("lock.json", lock.document(), "alive", None)

    error = ending(lambda: resume(replace(desk, sleep=sleep), ResumeRequest(env="development")))

    assert (type(error), error.code) == (Locked, 5)
    assert "the lock holder is alive" in error.message


def test_a_lock_that_is_released_while_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run has just ended by itself."""
    kill_at(world, monkeypatch, "build")

    def sleep(_seconds: float) -> None:
        world.remote.refs.pop(lock_ref("development"), None)

    desk = replace(world.desk("Bob"), sleep=sleep)
    error = ending(lambda: resume(desk, ResumeRequest(env="development")))

    assert "has just ended by itself" in error.message


def test_only_one_of_two_takes_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other finds the lock taken."""
    kill_at(world, monkeypatch, "build")
    seen: list[DeskError] = []

    def build(*_: object) -> None:
        world.drivers["development"].faults.clear()
        seen.append(ending(lambda: deploy(world.desk("Eve"), DeployRequest(env="development"))))

    world.drivers["development"].faults["build"] = build
    resume(world.desk("Bob"), ResumeRequest(env="development"))

    assert isinstance(seen[0], Locked)
    assert "Bob" in seen[0].message


def test_the_dead_owner_that_wakes_up_can_do_no_harm(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped in its build, taken over, woken: it changes nothing more."""
    deploy(world.desk(), DeployRequest(env="development"))
    wanted = world.commit("develop", RENAME)
    driver = world.drivers["development"]

    def build(*_: object) -> None:
        driver.faults.clear()
        steal_lock(world.desk("Bob"), StealRequest(env="development", reason="he sleeps"))
        driver.calls.append("woken")

    driver.faults["build"] = build
    error = ending(lambda: deploy(world.desk(), DeployRequest(env="development")))
    after = driver.calls[driver.calls.index("woken") + 1 :]

    assert (type(error), error.code) == (Locked, 5)
    assert "publish" not in after
    assert [event.ending for event in world.ledger.events] == ["done", "done"]
    assert world.last("development").actor == "Bob"
    assert driver.served.commit == wanted
    assert world.is_clean()


def test_stealing_needs_a_reason(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes to the lock and the ledger."""
    kill_at(world, monkeypatch, "build")
    error = ending(lambda: steal_lock(world.desk("Bob"), StealRequest(env="development")))

    assert isinstance(error, Refused)
    assert world.lock("development") is not None


def test_stealing_what_is_not_locked(world: World) -> None:
    """Nothing to do."""
    asked = StealRequest(env="development", reason="x")

    assert steal_lock(world.desk(), asked).ending == "nothing"


def test_what_was_agreed_to_counts_for_whoever_resumes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock holds the request: nobody is asked a second time for `--accept-irreversible`."""
    deploy(world.desk(), DeployRequest(env="development"))
    promote(world.desk(), PromoteRequest(to="staging"))
    promote(world.desk(), PromoteRequest(to="production", yes=True))
    world.commit("develop", {f"supabase/migrations/{SECOND}_more.sql": "drop table a;"})
    deploy(world.desk(), DeployRequest(env="development"))
    promote(world.desk(), PromoteRequest(to="staging"))
    world.drivers["production"].faults["publish"] = die
    asked = PromoteRequest(to="production", yes=True, accept_irreversible=True)
    killed(monkeypatch, lambda: promote(world.desk(), asked))
    world.drivers["production"].faults.clear()
    lock = world.lock("production")
    outcome = resume(world.desk("Bob"), ResumeRequest(env="production", yes=True))

    assert lock is not None
    assert lock.request["accept_irreversible"] is True
    assert outcome.code == 0
    assert world.head("main") == world.head("develop")
    assert world.is_clean()


def test_a_rollback_that_died_is_finished(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the release that its lock names, whatever the ledger would choose now."""
    deploy(world.desk(), DeployRequest(env="development"))
    good = world.head("develop")
    world.commit("develop", {"file": "new"})
    deploy(world.desk(), DeployRequest(env="development"))
    world.drivers["development"].faults["publish"] = die
    asked = RollbackRequest(env="development", reason="broken")
    killed(monkeypatch, lambda: rollback(world.desk(), asked))
    world.drivers["development"].faults.clear()
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development"))

    assert outcome.code == 0
    assert world.drivers["development"].served.commit == good
    assert (world.last("development").kind, world.last("development").detail["to"]) == ("rollback", "v1")
    assert world.last("development").detail["reason"] == "broken"


def test_a_run_that_had_finished_leaves_only_its_lock(world: World) -> None:
    """Somebody put the lock back: nothing is released a second time."""
    deploy(world.desk(), DeployRequest(env="development"))
    desk = world.desk()
    lock = {"run": "dead", "task": "deploy", "environment": "development", "commit": world.head("develop")}
    world.remote.refs[lock_ref("development")] = desk.git.commit_json("lock.json", lock, "lock", None)
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development"))

    assert outcome.code == 0
    assert "had left nothing but its lock" in outcome.message
    assert len(world.ledger.events) == 1
    assert world.is_clean()


def test_a_guarded_environment_asks_before_it_is_resumed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody types its name: the lock stays."""
    deploy(world.desk(), DeployRequest(env="development"))
    promote(world.desk(), PromoteRequest(to="staging"))
    world.drivers["production"].faults["build"] = die
    killed(monkeypatch, lambda: promote(world.desk(), PromoteRequest(to="production", yes=True)))
    error = ending(lambda: resume(world.desk("Bob"), ResumeRequest(env="production")))

    assert error.code == 6
    assert world.lock("production") is not None


# ------------------------------------------------------------------------------- whether the owner is dead


@pytest.mark.parametrize(
    ("ttl", "expected"), [(600.0, 600), (90.0, 90), (0.0, 600), (1e9, 600), (-5.0, 600)]
)
def test_it_is_waited_as_long_as_the_lock_says(world: World, ttl: float, expected: float) -> None:
    """A lock that says nonsense was not written by a desk: then as long as our own would live."""
    leave_lock(world, ttl=ttl)
    resume(world.desk("Bob"), ResumeRequest(env="development"))

    assert expected <= world.clock.seconds < expected * 1.2


def leave_lock(world: World, environment: str = "development", **changes: Any) -> Lock:
    """The lock of a run that died before it did anything."""
    desk = world.desk("Eve")
    known: dict[str, Any] = {"task": "deploy", "commit": world.head("develop"), "run": "dead", **changes}
    ttl = known.pop("ttl", 600.0)
    held = HeldLock(
        desk,
        replace(
            new_lock(desk, environment, known.pop("task"), known.pop("commit"), run=known.pop("run")),
            ttl=ttl,
            **known,
        ),
    )
    held.acquire()
    return held.content


def beating(world: World, times: int) -> None:
    """The owner's heartbeat comes right before each of so many pushes of somebody else."""
    left, ref = [times], lock_ref("development")

    def before_push(updates: object) -> None:
        if left[0] and ref in {update.ref for update in updates}:  # type: ignore[attr-defined]
            left[0] -= 1
            lock = world.lock("development")
            assert lock is not None
            git = world.desk("Eve").git
            alive = lock.alive(step="build")
            world.remote.refs[ref] = git.commit_json("lock.json", alive.document(), "alive", None)

    world.remote.before_push = before_push


@pytest.mark.parametrize(("beats", "taken"), [(1, True), (4, True), (5, False)])
def test_a_thief_tries_again_against_the_heartbeats_of_whom_he_robs(
    world: World, beats: int, taken: bool
) -> None:
    """Some times; then the holder is named."""
    leave_lock(world)
    beating(world, beats)
    asked = StealRequest(env="development", reason="he sleeps")
    if taken:
        assert steal_lock(world.desk("Bob"), asked).code == 0
        assert world.is_clean()
        return
    error = ending(lambda: steal_lock(world.desk("Bob"), asked))

    assert (type(error), error.code) == (Locked, 5)
    assert "Eve" in error.message


def test_a_thief_who_is_late_loses_to_another(world: World) -> None:
    """He never robs somebody else than whom he meant."""
    leave_lock(world)
    theirs: list[str] = []

    def before_push(_updates: object) -> None:
        world.remote.before_push = lambda _: None
        other = replace(
            new_lock(world.desk("Cleo"), "development", "deploy", world.head("develop")), run="other"
        )
        git = world.desk("Cleo").git
        theirs.append(git.commit_json("lock.json", other.document(), "lock", None))
        world.remote.refs[lock_ref("development")] = theirs[0]

    world.remote.before_push = before_push
    error = ending(lambda: steal_lock(world.desk("Bob"), StealRequest(env="development", reason="x")))

    assert type(error) is Locked
    assert "Cleo" in error.message
    assert world.remote.refs[lock_ref("development")] == theirs[0]


# ----------------------------------------------------------------------------- what is undone, not finished


def test_a_run_that_was_going_back_is_taken_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commit proved bad: it stays marked."""
    deploy(world.desk(), DeployRequest(env="development"))
    good = world.head("develop")
    bad = world.commit("develop", {"file": "new"})
    leave_lock(world, commit=bad, back="the pages answer 500")
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development"))

    assert outcome.code == 0
    assert "was undone: the pages answer 500" in outcome.message
    assert world.drivers["development"].served.commit == good
    assert (world.last("development").commit, world.last("development").ending) == (bad, "failed")
    assert world.is_clean()


def test_a_run_that_a_rule_refuses_by_now_is_undone(world: World) -> None:
    """Somebody has frozen the environment since; the commit may come again."""
    deploy(world.desk(), DeployRequest(env="development"))
    commit = world.commit("develop", {"file": "new"})
    leave_lock(world, commit=commit)
    freeze(world.desk(), FreezeRequest(env="development", until="2030-02-01", reason="the fair"))
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development"))

    assert "was undone: development is frozen" in outcome.message
    assert world.last("development").ending == "error"
    assert world.is_clean()


def test_a_drill_that_was_broken_off_is_undone(world: World) -> None:
    """Its broken commit goes, and it proves nothing."""
    deploy(world.desk(), DeployRequest(env="development"))
    good = world.head("develop")
    broken = world.remote.commit({"index.html": "BROKEN"}, good)
    leave_lock(world, task="drill", commit=broken)
    driver = world.drivers["development"]
    driver.serve(Expected(broken, "development"), pages=(("/", 500),))
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development"))

    assert "was undone: a drill" in outcome.message
    assert driver.served.commit == good
    assert world.last("development").kind == "drill"
    assert world.ledger.proof("development", "drill") is None
    assert world.is_clean()


def test_an_undo_that_fails_is_told_as_it_is(world: World) -> None:
    """Not as a run that was undone."""
    deploy(world.desk(), DeployRequest(env="development"))
    commit = world.commit("develop", {"file": "new"})
    leave_lock(world, commit=commit)
    driver = world.drivers["development"]
    driver.serve(Expected(commit, "development"))
    driver.faults["publish"] = lambda: None
    error = ending(lambda: resume(world.desk("Bob"), ResumeRequest(env="development", undo=True)))

    assert (type(error), error.code) == (LiveUnknown, 7)
    assert world.drivers["development"].served.commit == commit


def test_a_run_before_a_log_in_is_not_published_again(world: World) -> None:
    """That would end the next token too. With a token that is valid it is finished as it is."""
    deploy(world.desk(), DeployRequest(env="development"))
    commit = world.commit("develop", {"file": "new"})
    leave_lock(world, commit=commit)
    driver = world.drivers["development"]
    driver.served, driver.calls = Answer(307, error="it refuses the access token", login=True), []
    error = ending(lambda: resume(world.desk("Bob"), ResumeRequest(env="development")))

    assert (type(error), error.code) == (LiveUnknown, 7)
    assert "REPLIT_ACCESS_TOKEN" in str(error.hint)
    assert (world.lock("development") is not None, driver.calls.count("publish")) == (True, 0)
    driver.serve(Expected(commit, "development"))
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development"))

    assert (outcome.code, driver.calls.count("publish")) == (0, 0)
    assert world.is_clean()


# ------------------------------------------------------------------------------------------- other tasks


def test_a_hotfix_that_died_is_finished_and_brought_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its branch is known from its commit; the branches before get it."""
    deploy(world.desk(), DeployRequest(env="development"))
    promote(world.desk(), PromoteRequest(to="staging"))
    promote(world.desk(), PromoteRequest(to="production", yes=True))
    fix = world.remote.commit({"fix": "1"}, world.head("main"))
    world.remote.refs["refs/heads/hotfix/x"] = fix
    world.drivers["production"].faults["publish"] = die
    killed(monkeypatch, lambda: hotfix(world.desk(), HotfixRequest(branch="hotfix/x", yes=True)))
    world.drivers["production"].faults.clear()
    del world.remote.refs["refs/heads/hotfix/x"]
    outcome = resume(world.desk("Bob"), ResumeRequest(env="production", yes=True))

    assert outcome.code == 0
    assert [world.head(branch) for branch in ("main", "staging", "develop")] == [fix] * 3
    assert "brought back" in outcome.message


def test_a_back_merge_that_died_gives_its_locks_back(world: World) -> None:
    """It had moved nothing."""
    leave_lock(world, task="backmerge")
    leave_lock(world, "staging", task="backmerge")
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development"))

    assert "had moved nothing" in outcome.message
    assert world.is_clean()
    assert world.ledger.events == ()


@pytest.mark.parametrize(
    ("task", "committed", "hint"),
    [
        ("db.restore", True, "db.drop-aside"),
        ("db.restore", False, "invoke db.restore b1 --env development"),
        ("db.refresh", True, None),
        ("db.refresh", False, "invoke db.refresh --to development"),
        ("db.drop-aside", False, None),
    ],
)
def test_a_restore_that_died_is_written_down_as_the_server_says(
    world: World, monkeypatch: pytest.MonkeyPatch, task: str, committed: bool, hint: str | None
) -> None:
    """Its one transaction arrived or it did not; its sessions were ended before that was asked."""
    database, tidied = world.databases["development"], []

    def has_committed(_desk: object, _database: object, run: str) -> bool:
        assert (run, database.ended) == ("dead", 1)
        return committed

    monkeypatch.setattr(in_place, "has_committed", has_committed)
    monkeypatch.setattr(refresh_command, "drop_old_schemas_of_refreshes", lambda *_: tidied.append(1))
    leave_lock(world, task=task, release="b1", reason="why")
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development"))
    event = world.last("development")

    assert outcome.ending == "done"
    assert (event.kind, event.actor) == (task.removeprefix("db."), "Bob")
    assert event.ending == ("done" if committed else "error")
    assert (event.detail["of_run"], event.detail["backup"]) == ("dead", "b1")
    assert (outcome.hint or "").count(hint or "nothing") == (1 if hint else 0)
    assert tidied == ([1] if (task, committed) == ("db.refresh", True) else [])
    assert world.is_clean()


def test_a_restore_that_is_alive_after_all_is_not_taken_over(world: World) -> None:
    """Its heartbeat came between the silence and the push."""
    leave_lock(world, task="db.restore")
    beating(world, 1)
    error = ending(lambda: resume(world.desk("Bob"), ResumeRequest(env="development")))

    assert type(error) is Locked
    assert world.ledger.events == ()


KEPT = Kept(
    "dead",
    "until the restore of b1",
    {"public": "desk_aside_dead_public"},
    outcome={
        "scope": "full",
        "backup": "b1",
        "aside": "dead",
        "way_back": "the command",
        "lost": 3,
        "planned": 1,
        "late": {"public.t": 2},
        "details": ["public.t: 3"],
    },
)


@pytest.fixture
def asked(world: World, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """v2 is live, and a rollback with data to v1 died; what was asked about the data since."""
    made: list[bool] = []

    def with_losses(_desk: object, facts: Facts, _backup: str) -> Facts:
        made.append(facts.request.with_data)
        return facts

    monkeypatch.setattr(restore_data, "with_losses", with_losses)
    deploy(world.desk(), DeployRequest(env="development"))
    good = world.head("develop")
    world.commit("develop", {"file": "new"})
    deploy(world.desk(), DeployRequest(env="development"))
    request = {"with_data": True, "env": "x"}
    leave_lock(world, task="rollback", commit=good, release="v1", request=request)
    return made


def put_back(monkeypatch: pytest.MonkeyPatch, world: World) -> list[str]:
    """The kept schemas can be put back; gives the runs whose schemas were."""
    made: list[str] = []

    def put(_desk: object, _environment: object, kept: Kept, **_more: object) -> PutBack:
        made.append(kept.run)
        world.kept.clear()
        return PutBack(Counts((), {}), aside=False)

    monkeypatch.setattr(way_back, "put_back", put)
    return made


def test_data_that_were_switched_are_not_switched_again(world: World, asked: list[bool]) -> None:
    """Only the rest is done, and the ledger has what was lost."""
    world.kept["development"] = [KEPT]
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development"))

    assert outcome.code == 0
    assert asked == []
    assert world.drivers["development"].served.commit == world.ledger.events[0].commit
    assert outcome.data["restored"] == KEPT.outcome
    assert world.last("development").detail["restored"]["lost"] == 3
    assert "3 rows are live no longer" in outcome.message
    assert world.is_clean()


def test_data_that_were_not_switched_are(world: World, asked: list[bool]) -> None:
    """The plan of the dead run is made again, with its data."""
    assert resume(world.desk("Bob"), ResumeRequest(env="development")).code == 0
    assert asked == [True]


def test_a_switch_that_is_seen_late_is_not_done_again(
    world: World, asked: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dead run's commit arrived after the plan was made, before its sessions were ended."""
    answers = [[], [KEPT], [KEPT]]
    monkeypatch.setattr(
        way_back, "kept_sets", lambda *_: answers.pop(0) if len(answers) > 1 else answers[0]
    )
    restored = Plan.restores
    monkeypatch.setattr(Plan, "restores", property(lambda plan: plan.facts.request.with_data))
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development"))
    monkeypatch.setattr(Plan, "restores", restored)

    assert (outcome.code, asked) == (0, [True])
    assert outcome.data["restored"] == KEPT.outcome


@pytest.mark.parametrize("published", [True, False])
def test_a_rollback_with_data_is_undone_on_request(
    world: World, asked: list[bool], monkeypatch: pytest.MonkeyPatch, published: bool
) -> None:
    """The present release with the present data, wherever it had died."""
    world.kept["development"] = [KEPT]
    driver, good = world.drivers["development"], world.ledger.events[0].commit
    if published:
        driver.serve(Expected(good, "development", driver.served.schema))
    back = put_back(monkeypatch, world)
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development", undo=True))

    assert (outcome.code, back) == (0, ["dead"])
    assert "the data of development are those of before again, every row" in outcome.message
    assert driver.served.commit == world.head("develop")
    assert world.last("development").detail["restored"] is None
    assert world.is_clean()


def test_who_resumes_a_switched_rollback_may_die_too(
    world: World, asked: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third still knows that the data were switched."""
    world.kept["development"] = [KEPT]
    world.drivers["development"].faults["publish"] = die
    killed(monkeypatch, lambda: resume(world.desk("Bob"), ResumeRequest(env="development")))
    world.drivers["development"].faults.clear()
    outcome = resume(world.desk("Cleo"), ResumeRequest(env="development"))

    assert outcome.code == 0
    assert outcome.data["restored"] == KEPT.outcome


def test_who_settles_a_restore_may_die_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third asks the server about the first."""
    runs: list[str] = []

    def has_committed(_desk: object, _database: object, run: str) -> bool:
        runs.append(run)
        if len(runs) == 1:
            raise LiveUnknown("the server is away", resumable=True)
        return True

    monkeypatch.setattr(in_place, "has_committed", has_committed)
    leave_lock(world, task="db.restore", release="b1")
    ending(lambda: resume(world.desk("Bob"), ResumeRequest(env="development")))
    outcome = resume(world.desk("Cleo"), ResumeRequest(env="development"))

    assert runs == ["dead", "dead"]
    assert "run dead had restored" in outcome.message


def test_an_environment_without_a_database_is_resumed(world: World) -> None:
    """There are no sessions to end."""
    development = world.settings.environments["development"]._replace(database=False)
    world.settings.environments["development"] = development  # type: ignore[index]
    leave_lock(world)

    assert resume(world.desk("Bob"), ResumeRequest(env="development")).code == 0
    assert world.databases["development"].ended == 0
    assert world.is_clean()


def test_who_resumes_may_die_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third person finishes what two have begun."""
    deploy(world.desk(), DeployRequest(env="development"))
    wanted = world.commit("develop", RENAME)
    kill_at(world, monkeypatch, "publish")
    world.drivers["development"].faults["publish"] = die
    killed(monkeypatch, lambda: resume(world.desk("Bob"), ResumeRequest(env="development")))
    world.drivers["development"].faults.clear()
    outcome = resume(world.desk("Cleo"), ResumeRequest(env="development"))

    assert outcome.code == 0
    assert world.drivers["development"].served.commit == wanted
    assert world.databases["development"].versions == [FIRST, SECOND]
    assert [event.actor for event in world.ledger.events] == ["Ada", "Cleo"]
    assert world.is_clean()
