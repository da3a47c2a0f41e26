"""`publish = "launcher"`: the ref is moved under the lock; what the launcher says is progress alone."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from scripts import http
from scripts.errors import (
    CommandFailed,
    ConfigError,
    Locked,
    Refused,
    ReleaseFailed,
    Unanswered,
    Unreachable,
)
from scripts.replit.launcher_driver import HEADER, LauncherDriver, live_ref
from scripts.state.held_lock import HeldLock, new_lock
from scripts.state.lock import LOCK_FILE, lock_ref
from tests.fakes.launcher import TOKEN, FakeLauncher, driver_for, launched, staging
from tests.fakes.world import World, ending

LIVE, LOCK = live_ref("staging"), lock_ref("staging")


@dataclass
class Scene:
    """A launcher, a driver that asks it, and a run of staging that holds its lock."""

    world: World
    launcher: FakeLauncher
    driver: LauncherDriver
    lock: HeldLock
    commit: str

    def build(self) -> object:
        """Have the run's commit prepared."""
        return self.driver.build(staging(self.commit), self.lock.candidate, send=True)

    def publish(self) -> None:
        """Have it go live."""
        self.driver.publish(staging(self.commit), self.lock)


@pytest.fixture
def scene(world: World, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Staging has nothing live."""
    launcher, driver = launched(world, monkeypatch)
    desk = world.desk(values=lambda _: {"LAUNCHER_TOKEN": TOKEN})
    commit = world.head("develop")
    lock = HeldLock(desk, new_lock(desk, "staging", "promote", commit))
    lock.acquire()
    return Scene(world, launcher, driver, lock, commit)


def fails(step: str) -> dict[str, str]:
    """What the launcher says of a commit that does not work."""
    return {"step": step, "reason": "exit 1", "log": "npm ERR! broken"}


# ---------------------------------------------------------------------------------------------- build


def test_a_build_waits_until_the_launcher_has_prepared_the_commit(scene: Scene) -> None:
    """It is told to look at once; nothing is sent back: it was scanned there."""
    scene.launcher.builds = 4

    assert scene.build() is None
    assert scene.launcher.prepared == {scene.commit: "ready"}
    assert scene.launcher.pokes == 1
    assert scene.launcher.live is None


def test_what_the_launcher_kept_needs_no_build(scene: Scene) -> None:
    """A way back begins at once: one question."""
    scene.launcher.kept = [scene.commit]
    scene.launcher.asked.clear()

    assert scene.build() is None
    assert (len(scene.launcher.asked), scene.launcher.pokes) == (1, 0)
    assert scene.world.clock() == 0.0


@pytest.mark.parametrize(
    ("step", "kind"),
    [("build", ReleaseFailed), ("scan", ReleaseFailed), ("fetch", CommandFailed), ("refused", Refused)],
)
def test_what_the_launcher_can_not_prepare_ends_the_build(scene: Scene, step: str, kind: type) -> None:
    """Only a build or a scan is the commit's own fault; what was said there is shown."""
    scene.launcher.builds = 99

    def fail(method: str) -> None:
        scene.launcher.failed = {"commit": scene.commit, **fails(step)} if scene.launcher.pokes else None

    scene.launcher.answers = fail
    error = ending(scene.build)

    assert type(error) is kind
    assert f"could not prepare `{scene.commit[:12]}`: {step}: exit 1" in error.message
    assert "npm ERR! broken" in error.message


def test_a_retry_does_not_end_with_the_failure_before(scene: Scene) -> None:
    """The launcher forgets it when it is told to look again."""
    scene.launcher.failed = {"commit": scene.commit, **fails("build")}

    assert scene.build() is None


def test_a_build_that_takes_too_long_is_a_failed_release(scene: Scene) -> None:
    scene.launcher.builds = 10**6
    error = ending(scene.build)

    assert type(error) is ReleaseFailed
    assert "has not prepared" in error.message
    assert 900 < scene.world.clock() < 910


def test_a_launcher_that_starts_anew_is_waited_for(scene: Scene) -> None:
    """A restart in the middle of a build costs some seconds, and no release."""
    requests = [0]

    def silent(method: str) -> None:
        requests[0] += 1
        if 2 < requests[0] < 12:
            raise http.FetchError("can't connect")

    scene.launcher.answers = silent

    assert scene.build() is None
    assert requests[0] >= 12


def test_a_launcher_that_goes_silent_for_good_is_unreachable(scene: Scene) -> None:
    """What is live is untouched."""
    requests = [0]

    def silent(method: str) -> None:
        requests[0] += 1
        if requests[0] > 2:
            raise http.FetchError("can't connect")

    scene.launcher.answers = silent
    scene.launcher.builds = 99

    assert isinstance(ending(scene.build), Unreachable)
    assert scene.world.clock() < 70


def test_every_instance_that_answers_must_have_it(scene: Scene) -> None:
    """On autoscale each prepares by itself; a request meets one of them in turn."""
    other = FakeLauncher(scene.world.remote, instance="i-2", builds=9)
    turns = [0]

    def in_turn(method: str) -> http.Response | None:
        turns[0] += 1
        if turns[0] % 2:
            return None
        return other.fetch("https://staging.example.org/-/release", headers={HEADER: TOKEN}, method=method)

    scene.launcher.answers, scene.launcher.builds = in_turn, 4
    scene.build()

    assert other.prepared[scene.commit] == "ready"


# -------------------------------------------------------------------------------------------- publish


def test_a_publish_moves_the_ref_and_the_lock_in_one_push(scene: Scene) -> None:
    """So a lost lock moves nothing."""
    scene.publish()

    assert scene.world.remote.refs[LIVE] == scene.commit
    assert {update.ref for update in scene.world.remote.pushes[-1]} == {LOCK, LIVE}
    assert scene.world.remote.refs[LOCK] == scene.lock.id
    assert scene.launcher.pokes == 1


def test_a_publish_of_what_is_asked_for_already_moves_nothing(scene: Scene) -> None:
    """A run that is resumed finds the ref where the dead one has put it."""
    scene.publish()
    pushes = len(scene.world.remote.pushes)
    scene.publish()

    assert len(scene.world.remote.pushes) == pushes
    assert scene.driver.asked_for() == scene.commit


def test_a_dead_owner_that_wakes_up_moves_nothing(scene: Scene) -> None:
    """Its lock is another run's by now."""
    before = scene.world.commit("develop")
    scene.world.remote.refs[LIVE] = before
    scene.world.remote.refs[LOCK] = scene.world.remote.commit({LOCK_FILE: "{}"}, subject="theirs")
    error = ending(scene.publish)

    assert type(error) is Locked
    assert scene.world.remote.refs[LIVE] == before
    assert scene.lock.lost


def test_a_ref_that_somebody_moves_meanwhile_is_no_lost_lock(scene: Scene) -> None:
    """It is said which one; the lock is still held."""
    stranger = scene.world.commit("develop")

    def meanwhile(_updates: object) -> None:
        scene.world.remote.before_push = lambda _: None
        scene.world.remote.refs[LIVE] = stranger

    scene.world.remote.before_push = meanwhile
    error = ending(scene.publish)

    assert type(error) is CommandFailed
    assert f"`{LIVE}` was moved by somebody else" in error.message
    assert not scene.lock.lost


def test_a_push_without_an_answer_may_have_arrived(scene: Scene) -> None:
    """The public URL decides."""

    def lose(_updates: object) -> None:
        raise Unreachable("the remote `origin` can't be read")

    scene.world.remote.before_push = lose

    assert type(ending(scene.publish)) is Unanswered


def test_a_launcher_that_can_not_be_told_looks_by_itself(scene: Scene) -> None:
    """The ref is what counts."""

    def silent(method: str) -> None:
        raise http.FetchError("timed out")

    scene.launcher.answers = silent
    scene.publish()

    assert scene.driver.asked_for() == scene.commit


# --------------------------------------------------------------------------------------------- status


def test_the_status_is_running_until_the_wanted_commit_is_live(scene: Scene) -> None:
    scene.publish()

    assert scene.driver.publish_status()[0] == "running"
    scene.build()
    assert scene.driver.publish_status()[0] == "other"


def test_a_start_that_fails_is_told_with_its_last_words(scene: Scene) -> None:
    """Only of the commit that this run published."""
    scene.publish()
    scene.launcher.failed = {"commit": scene.commit, **fails("health")}

    assert scene.driver.publish_status() == ("failed", "health: exit 1\nnpm ERR! broken")
    scene.launcher.failed = {"commit": "f" * 40, **fails("health")}
    assert scene.driver.publish_status()[0] == "running"


def test_an_instance_that_lags_is_named(scene: Scene) -> None:
    """With what it serves, what is wanted, and why it is not there yet."""
    scene.launcher.live = "0" * 40
    scene.publish()
    scene.launcher.failed = {"commit": scene.commit, **fails("start")}
    (line,) = scene.driver.lagging()

    assert "`i-1`" in line
    assert f"serves `{'0' * 12}`" in line
    assert f"`{scene.commit[:12]}` is wanted (start failed: exit 1)" in line


def test_nothing_lags_where_all_is_well_or_nobody_answers(scene: Scene) -> None:
    """`objection` says that nobody answers."""
    scene.publish()
    scene.build()
    scene.driver.publish_status()
    assert scene.driver.lagging() == ()
    scene.launcher.says = {"launcher": "no"}
    assert scene.driver.lagging() == ()


# ------------------------------------------------------------------------------------------ objection


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ({"environment": "production"}, "is that of `production`"),
        ({"environment": ""}, "is that of `nothing`"),
        ({"launcher": "0"}, "is of version 0"),
        (
            {"remote": {"seen": None, "problem": "Permission denied (publickey)"}},
            "can't read the git remote",
        ),
    ],
)
def test_a_launcher_that_does_not_fit_is_an_objection(
    scene: Scene, says: dict[str, str], words: str
) -> None:
    """And nothing is built there."""
    scene.launcher.says = dict(says)
    found = scene.driver.objection()

    assert found is not None
    assert words in found.message
    assert type(ending(scene.build)) is Refused


def test_a_page_of_the_app_is_no_launcher(scene: Scene) -> None:
    """The app was never published with one, or it has another token."""
    scene.launcher.answers = lambda _: http.Response(200, {}, b"<html>", complete=True)
    assert "no report of a launcher" in str(scene.driver.objection())
    scene.launcher.answers = lambda _: http.Response(404, {}, b"", complete=True)
    assert "answers 404" in str(scene.driver.objection())


def test_a_log_in_is_named_as_one(scene: Scene) -> None:
    """The app is private; the token of the launcher does not open it."""
    login = {"location": "https://replit.com/__replshield?redirect=x"}
    scene.launcher.answers = lambda _: http.Response(307, login, b"", complete=True)

    assert "a log-in stands before it" in str(scene.driver.objection())


def test_a_good_launcher_is_none(scene: Scene) -> None:
    """`doctor` says what it serves."""
    assert scene.driver.objection() is None
    assert (
        scene.driver.check() == "the launcher of staging answers, and waits for its first release (waiting)"
    )
    scene.launcher.live = scene.commit
    assert f"serves `{scene.commit[:12]}`" in scene.driver.check()


@pytest.mark.parametrize(
    ("values", "url", "words"),
    [
        ({}, "https://x.example.org", "is not set"),
        ({"LAUNCHER_TOKEN": TOKEN}, "http://x.example.org", "unencrypted"),
    ],
)
def test_the_token_is_needed_and_never_travels_in_the_clear(
    scene: Scene, values: dict[str, str], url: str, words: str
) -> None:
    environment = scene.world.settings.environments["staging"]._replace(url=url, publish="launcher")
    driver = LauncherDriver(scene.world.desk(values=lambda _: values), environment)
    scene.launcher.asked.clear()

    with pytest.raises(ConfigError, match=words):
        driver.check()
    assert scene.launcher.asked == []


def test_a_private_app_gets_both_tokens_each_in_its_own_header(scene: Scene) -> None:
    """Replit reads `Authorization`."""
    values = {"LAUNCHER_TOKEN": TOKEN, "REPLIT_ACCESS_TOKEN": "access-token-of-a-test"}
    driver = driver_for(scene.world.desk(values=lambda _: values), scene.world)
    opened = driver._environment._replace(
        access=driver._environment.access._replace(header="Authorization")
    )
    LauncherDriver(driver._desk, opened).check()

    sent = scene.launcher.asked[-1]
    assert (sent["Authorization"], sent[HEADER]) == ("Bearer access-token-of-a-test", TOKEN)
