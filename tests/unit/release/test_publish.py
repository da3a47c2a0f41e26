"""The driver's part of a release: what is built and published, and what proves that it is live."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from scripts.config.settings import Verify
from scripts.errors import CommandFailed, LiveUnknown, Locked, ReleaseFailed, Unanswered, Unreachable
from scripts.release import publish
from scripts.release.leak_gate import Reading
from scripts.release.run import ReleaseRun
from scripts.replit.live import Answer, Expected
from scripts.state.lock import LOCK_FILE, lock_ref
from tests.fakes.driver import FakeDriver
from tests.fakes.world import World, ending
from tests.unit.release.samples import begun

SILENT = Answer(None, error="timed out")


@pytest.fixture
def run(world: World) -> ReleaseRun:
    """A deploy to development that holds its lock."""
    return begun(world)


@pytest.fixture
def driver(world: World) -> FakeDriver:
    """The driver of development; it serves an older commit."""
    made = world.drivers["development"]
    made.serve(Expected("0" * 40, "development"))
    return made


def expected(run: ReleaseRun) -> Expected:
    """What the public URL must answer."""
    return run.plan.facts.expected


def good(run: ReleaseRun) -> Answer:
    """That answer."""
    made = FakeDriver()
    made.serve(expected(run))
    return made.served


def answers(driver: FakeDriver, given: Iterable[Answer], then: Answer | None = None) -> list[int]:
    """The public URL gives these, one at a look, and then always the last; counts the looks."""
    waiting, looks = list(given), [0]
    last = then or waiting[-1]

    def live() -> Answer:
        looks[0] += 1
        return waiting.pop(0) if waiting else last

    driver.faults["live"] = live
    return looks


# ---------------------------------------------------------------------------------------------- build


def test_a_build_is_noted_before_it_is_published(run: ReleaseRun, driver: FakeDriver) -> None:
    """The workspace was built to it; what is live is untouched; nothing is sent back unasked."""
    archive = publish.build(run, expected(run))

    assert (archive, run.built, run.sent) == (b"", expected(run), False)
    assert driver.workspace == expected(run)
    assert driver.served.commit == "0" * 40
    assert publish.build(run, expected(run), send=True) != b""


def test_a_build_that_fails_is_not_noted(run: ReleaseRun, driver: FakeDriver) -> None:
    """The workspace is taken to be as it was."""

    def build(*_: object) -> None:
        raise ReleaseFailed("the build failed in the workspace")

    driver.faults["build"] = build

    assert type(ending(lambda: publish.build(run, expected(run)))) is ReleaseFailed
    assert run.built is None
    assert run.steps[-1]["ending"] == "failed"


# -------------------------------------------------------------------------------------------- publish


def test_a_publish_that_is_accepted_is_sent(run: ReleaseRun) -> None:
    """From here on what is live may change."""
    publish.build(run, expected(run))
    publish.publish(run)

    assert (run.sent, run.doubt) == (True, None)


@pytest.mark.parametrize("fault", [CommandFailed("refused"), Unreachable("no connection")])
def test_a_publish_that_is_refused_was_never_sent(
    run: ReleaseRun, driver: FakeDriver, fault: CommandFailed
) -> None:
    """Nothing has begun."""

    def refuse() -> None:
        raise fault

    driver.faults["publish"] = refuse

    assert ending(lambda: publish.publish(run)) is fault
    assert (run.sent, run.doubt) == (False, None)


def test_a_publish_without_an_answer_is_no_refusal(run: ReleaseRun, driver: FakeDriver) -> None:
    """The public URL decides; the doubt is kept, and gone with the next Publish that is accepted."""

    def lose() -> None:
        raise Unanswered("no answer from Replit")

    driver.faults["publish"] = lose
    publish.publish(run)
    assert (run.sent, run.doubt) == (True, "no answer from Replit")
    assert run.steps[-1]["ending"] == "done"
    driver.faults.clear()
    publish.publish(run)

    assert (run.sent, run.doubt) == (True, None)


def test_nothing_is_published_under_a_lost_lock(world: World, run: ReleaseRun, driver: FakeDriver) -> None:
    """The remote is asked right before it."""
    world.remote.refs[lock_ref("development")] = world.remote.commit({LOCK_FILE: "{}"})

    assert type(ending(lambda: publish.publish(run))) is Locked
    assert "publish" not in driver.calls
    assert not run.sent


# --------------------------------------------------------------------------------------------- verify


def test_two_good_answers_in_a_row_are_a_proof(world: World, run: ReleaseRun, driver: FakeDriver) -> None:
    """A single one may come from an instance that is about to be replaced."""
    right, wrong = good(run), driver.served
    looks = answers(driver, [wrong, right, wrong, right, right])
    seen = publish.verify(run, expected(run))

    assert (seen, run.live) == (right, right)
    assert looks == [7]
    assert run.proven == world.clock.seconds


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"commit": "f" * 40}, "`ffffffffffff` answers"),
        ({"environment": "production"}, "it says that it is `production`"),
        ({"schema": "1"}, "it was built for schema `1`"),
        ({"pages": (("/", 500),)}, "`/` gives 500"),
        ({"commit": None, "error": "no JSON"}, "can't be read: no JSON"),
    ],
)
def test_what_answers_otherwise_for_too_long_is_a_bad_release(
    world: World, run: ReleaseRun, driver: FakeDriver, wrong: dict[str, object], said: str
) -> None:
    """After `[verify] timeout`, with the driver's own hint."""
    answers(driver, [replace(good(run), **wrong)])  # type: ignore[arg-type]
    error = ending(lambda: publish.verify(run, expected(run)))

    assert type(error) is ReleaseFailed
    assert said in error.message
    assert "after 10 s" in error.message
    assert error.hint == "look at the publishing log"
    assert world.clock.seconds > 10
    assert run.live is not None


def test_a_release_that_shows_in_the_last_moment_is_not_late(run: ReleaseRun, driver: FakeDriver) -> None:
    """The answer that begins a streak may come before the time is over, and the next one after it."""
    right, wrong = good(run), driver.served
    desk = run.desk

    def live() -> Answer:
        return right if desk.clock() > 9.9 else wrong

    driver.faults["live"] = live

    assert publish.verify(run, expected(run)) == right


def test_silence_is_unknown(run: ReleaseRun, driver: FakeDriver) -> None:
    """Code 7; nothing can be resumed: Replit has taken the Publish, or there was none."""
    answers(driver, [SILENT])
    error = ending(lambda: publish.verify(run, expected(run)))

    assert isinstance(error, LiveUnknown)
    assert (error.code, error.resumable) == (7, False)
    assert "timed out" in error.message


def test_a_log_in_is_unknown_and_not_waited_for(world: World, run: ReleaseRun, driver: FakeDriver) -> None:
    """The Publish ended the token: a new one, and `resume`; long before `[verify] timeout` is over."""
    world.settings = replace(world.settings, verify=world.settings.verify._replace(timeout=900))
    run.desk = replace(run.desk, settings=world.settings)
    answers(driver, [Answer(307, error="it refuses the access token", login=True)])
    began = world.clock.seconds
    error = ending(lambda: publish.verify(run, expected(run)))

    assert isinstance(error, LiveUnknown)
    assert (error.code, error.resumable) == (7, True)
    assert "does not let the desk in (it refuses the access token)" in error.message
    assert "REPLIT_ACCESS_TOKEN" in str(error.hint)
    assert "`invoke resume --env development`" in str(error.hint)
    assert world.clock.seconds - began < 60


def test_a_publish_in_doubt_is_unknown_and_can_be_resumed(run: ReleaseRun, driver: FakeDriver) -> None:
    """It may still arrive."""
    run.doubt = "no answer from Replit"
    error = ending(lambda: publish.verify(run, expected(run)))

    assert isinstance(error, LiveUnknown)
    assert error.resumable
    assert "no answer from Replit" in error.message
    assert "`invoke resume --env development`" in str(error.hint)


def test_a_publish_in_doubt_that_arrives_is_a_release(run: ReleaseRun, driver: FakeDriver) -> None:
    """The public URL decides."""
    run.doubt = "no answer from Replit"
    driver.serve(expected(run))

    assert publish.verify(run, expected(run)).commit == expected(run).commit


@pytest.mark.parametrize("flaps", [False, True])
def test_what_was_read_before_another_commit_answered_is_dropped(
    run: ReleaseRun, driver: FakeDriver, flaps: bool
) -> None:
    """The reading of the site begins with the last looks: of a streak in which all are good it counts."""
    settings = replace(run.desk.settings, verify=Verify(window=0))
    run.desk = replace(run.desk, settings=settings)
    wrong, looks, reading = driver.served, itertools.count(1), Told(run)
    groups = [group for size in (1, 6, 23) for group in [threading.Barrier(size)] * size]

    def live() -> Answer:
        number = next(looks)
        if number <= len(groups):
            groups[number - 1].wait(10)
        return wrong if number == 30 and flaps else good(run)

    driver.faults["live"] = live
    publish.verify(run, expected(run), reading=reading)

    assert reading.told[:1] == ["begin"]
    assert ("drop" in reading.told) == flaps


class Told(Reading):
    """A reading that only notes what it is told."""

    def __init__(self, run: ReleaseRun) -> None:
        super().__init__(run)
        self.told: list[str] = []

    def begin(self) -> None:
        """Once is enough."""
        self.told.append("begin")

    def drop(self) -> None:
        """It does not count."""
        self.told.append("drop")


@pytest.mark.parametrize("pages", [True, False])
def test_pages_may_not_count_yet(run: ReleaseRun, driver: FakeDriver, pages: bool) -> None:
    """A rollback's pages may need the older schema, which comes after it."""
    driver.serve(expected(run), pages=(("/", 500),))
    work: Callable[[], object] = lambda: publish.verify(run, expected(run), pages=pages)  # noqa: E731

    if pages:
        assert type(ending(work)) is ReleaseFailed
    else:
        assert work() == driver.served


# ------------------------------------------------------------------------------- what Replit says of it


def statuses(driver: FakeDriver, *given: str) -> list[str]:
    """What Replit says, one after the other and then always the last; notes what was asked."""
    waiting, asked = list(given), list[str]()

    def status() -> tuple[str, str]:
        asked.append(waiting.pop(0) if len(waiting) > 1 else waiting[0])
        return asked[-1], "out of memory"

    driver.faults["publish_status"] = status
    return asked


def test_replits_word_is_believed_when_it_says_twice_that_it_failed(
    world: World, run: ReleaseRun, driver: FakeDriver
) -> None:
    """It is not waited for any longer; its words are shown."""
    asked = statuses(driver, "failed")
    error = ending(lambda: publish.verify(run, expected(run)))

    assert type(error) is ReleaseFailed
    assert "Replit could not publish development" in error.message
    assert "out of memory" in error.message
    assert len(asked) == publish.FAILED_TWICE
    assert world.clock.seconds < 10


def test_a_release_that_its_launcher_could_not_start_says_why_at_once(
    run: ReleaseRun, driver: FakeDriver
) -> None:
    """In the first line, which a drill and the ledger keep; it is no word of Replit's."""
    driver.staged = False
    statuses(driver, "failed")
    error = ending(lambda: publish.verify(run, expected(run)))

    assert error.message.startswith("development did not start the release (out of memory): live is `0000")
    assert error.hint == driver.unproven_hint


def test_a_failure_that_is_taken_back_does_not_count(run: ReleaseRun, driver: FakeDriver) -> None:
    """Another try of Replit's own has begun in between."""
    verify = run.desk.settings.verify._replace(timeout=60)
    run.desk = replace(run.desk, settings=replace(run.desk.settings, verify=verify))
    asked = statuses(driver, "failed", "running", "failed", "other")
    error = ending(lambda: publish.verify(run, expected(run)))

    assert "is not what was released" in error.message
    assert asked[:3] == ["failed", "running", "failed"]


def test_replit_is_not_asked_while_nobody_answers(run: ReleaseRun, driver: FakeDriver) -> None:
    """Its word could prove nothing: what is live is unknown anyway."""
    asked = statuses(driver, "failed")
    answers(driver, [SILENT])

    assert isinstance(ending(lambda: publish.verify(run, expected(run))), LiveUnknown)
    assert asked == []


def test_replit_is_not_asked_when_all_is_well(run: ReleaseRun, driver: FakeDriver) -> None:
    asked = statuses(driver, "failed")
    driver.serve(expected(run))
    publish.verify(run, expected(run))

    assert asked == []


def test_on_the_way_back_a_running_publish_is_waited_for(run: ReleaseRun, driver: FakeDriver) -> None:
    """The bad release may still replace the good one."""
    asked = statuses(driver, "running", "running", "other")
    driver.serve(expected(run))
    looks = answers(driver, [driver.served])
    publish.verify(run, expected(run), quiet=True)

    assert asked == ["running", "running", "other"]
    assert looks == [4]


def test_on_the_way_back_replit_is_asked_once_it_matters(run: ReleaseRun, driver: FakeDriver) -> None:
    """Not after each of the thirty answers that prove it."""
    run.desk = replace(run.desk, settings=replace(run.desk.settings, verify=Verify(window=0)))
    asked = statuses(driver, "other")
    driver.serve(expected(run))
    looks = answers(driver, [driver.served])
    publish.verify(run, expected(run), quiet=True)

    assert (asked, looks) == (["other"], [30])


def test_a_publish_that_runs_for_ever_is_not_waited_for_longer_than_the_rest(
    world: World, run: ReleaseRun, driver: FakeDriver
) -> None:
    """What answers is right, and stays so until the time is over."""
    statuses(driver, "running")
    driver.serve(expected(run))
    publish.verify(run, expected(run), quiet=True)

    assert 10 < world.clock.seconds < 12
