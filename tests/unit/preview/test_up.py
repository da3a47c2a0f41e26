"""`preview.up`: who gets which slot, and what is left when something fails."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.config.outcome import Outcome
from scripts.errors import CommandFailed, Interrupted, Locked, Refused, ReleaseFailed, Unanswered
from scripts.git.command import Update
from scripts.preview import up as module
from scripts.preview.request import PreviewUpRequest
from scripts.replit.live import Answer
from scripts.state.preview_lease import PREFIX
from scripts.system.signals import Stop
from tests.fakes.driver import FakeDriver
from tests.fakes.previews import Previews, build_previews
from tests.fakes.world import ending


def test_a_branch_is_up_when_its_url_answers_with_its_commit(previews: Previews) -> None:
    """Lock and candidate are gone; the lease says who, what and until when."""
    commit = previews.world.head("feature/x")
    outcome = previews.up()
    lease = previews.leases["one"]

    assert (outcome.ending, outcome.code) == ("done", 0)
    assert {"slot": "one", "branch": "feature/x", "commit": commit, "url": "https://one.example.org",
            "database": "preview_one", "state": "up"}.items() <= outcome.data.items()  # fmt: skip
    assert [step["name"] for step in outcome.data["steps"]] == [
        *("database", "build", "scan", "content", "publish", "verify")
    ]
    assert (lease.live, lease.owner, lease.host, lease.base) == (
        *(commit, "Ada", "laptop"),
        previews.world.head("develop"),
    )
    assert lease.since < lease.until
    assert previews.at_work == []
    assert previews.driver().served.commit == commit
    assert previews.driver().served.environment == "preview-one"
    assert previews.databases.there == {"one": commit}


def test_a_push_is_shown_in_the_same_slot(previews: Previews) -> None:
    """Its time begins anew; since when it is there does not."""
    previews.up()
    first = previews.leases["one"]
    commit = previews.feature(text="2")
    previews.world.clock.sleep(60)
    previews.up()
    lease = previews.leases["one"]

    assert list(previews.leases) == ["one"]
    assert (lease.live, lease.since) == (commit, first.since)
    assert lease.until > first.until


def test_what_is_up_already_is_renewed_and_not_built_again(previews: Previews) -> None:
    """The URL is looked at all the same."""
    previews.up()
    calls = list(previews.driver().calls)
    until = previews.leases["one"].until
    outcome = previews.up(ttl="2d")

    assert outcome.ending == "done"
    assert previews.driver().calls == calls
    assert previews.leases["one"].until > until


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"branch": ""}, "which branch"),
        ({"branch": "feature/none"}, "no branch `feature/none`"),
        ({"branch": "develop"}, "gets no preview"),
        ({"branch": "fix/x"}, "gets no preview"),
        ({"branch": "feature/../x"}, "no plain branch name"),
        ({"branch": "feature/x", "ttl": "9"}, "no time"),
        ({"branch": "feature/x", "ttl": "31d"}, "no time"),
    ],
)
def test_what_can_not_be_shown_is_refused(previews: Previews, options: dict[str, str], why: str) -> None:
    """Before anything is changed."""
    refs = dict(previews.world.remote.refs)

    assert why in ending(lambda: previews.up(**options)).message
    assert previews.world.remote.refs == refs


def test_a_plan_changes_nothing(previews: Previews) -> None:
    """It names slot, address and database."""
    refs = dict(previews.world.remote.refs)
    outcome = previews.up(plan=True)

    assert (outcome.data["slot"], outcome.data["database"], outcome.data["updates"]) == (
        "one",
        "preview_one",
        False,
    )
    assert previews.world.remote.refs == refs


def test_the_last_slot_is_taken(previews: Previews) -> None:
    """The error names who has each, and until when."""
    for branch in ("feature/x", "feature/y"):
        previews.feature(branch)
        previews.up(branch)
    previews.feature("feature/z")
    error = ending(lambda: previews.up("feature/z", actor="Bob"))

    assert isinstance(error, Locked)
    assert error.code == 5
    for slot, branch in (("one", "feature/x"), ("two", "feature/y")):
        assert f"{slot}: `{branch}` by Ada on `laptop` until {previews.leases[slot].until}" in error.message
    assert {each["branch"] for each in error.data["previews"]} == {"feature/x", "feature/y"}
    assert previews.at_work == []


def quicker(previews: Previews, work: object) -> None:
    """Somebody else does something just before the first push that takes a slot arrives."""
    remote = previews.world.remote

    def before_push(updates: Sequence[Update]) -> None:
        if any(update.ref.startswith(PREFIX) for update in updates):
            remote.before_push = lambda _updates: None
            work()  # type: ignore[operator]

    remote.before_push = before_push


def test_two_at_once_for_the_last_slot(previews: Previews) -> None:
    """One gets it, and the other is told who has it."""
    previews.feature("feature/y")
    previews.up("feature/y")
    previews.feature("feature/z")
    quicker(previews, lambda: previews.up("feature/z", actor="Bob"))
    error = ending(previews.up)

    assert isinstance(error, Locked)
    assert "two: `feature/z` by Bob on `laptop` until " in error.message
    assert {each.branch for each in previews.leases.values()} == {"feature/y", "feature/z"}
    assert previews.at_work == []


def test_two_at_once_of_one_branch_get_one_slot(previews: Previews) -> None:
    """Although each saw another one free: the second finds the twin, and lets go."""
    previews.feature("feature/y")
    previews.up("feature/y")  # `one` is taken when the first looks, and free when the second does
    outcomes: list[Outcome] = []

    def other() -> None:
        taken = previews.world.remote.refs.pop(f"{PREFIX}one")
        outcomes.append(previews.up(actor="Bob"))
        assert taken

    quicker(previews, other)
    second = previews.up()

    assert [each.data["slot"] for each in outcomes] == ["one"]
    assert second.data["slot"] == "one"
    assert list(previews.leases) == ["one"]
    assert previews.at_work == []


def test_a_build_that_fails_leaves_nothing(previews: Previews) -> None:
    """No lease, no lock, no database; nothing was published."""

    def build(*_: object) -> None:
        raise ReleaseFailed("the build failed")

    previews.driver().faults["build"] = build

    assert ending(previews.up).message == "the build failed"
    assert (previews.leases, previews.at_work, previews.databases.there) == ({}, [], {})
    assert "publish" not in previews.driver().calls


def test_an_update_that_does_not_build_leaves_the_preview_as_it_was(previews: Previews) -> None:
    """Its old commit is live, and its time is not changed."""
    previews.up()
    before = previews.leases["one"]
    previews.feature(text="2")

    def build(*_: object) -> None:
        raise ReleaseFailed("the build failed")

    previews.driver().faults["build"] = build
    ending(previews.up)

    assert previews.leases["one"] == before
    assert previews.at_work == []


def test_what_never_answers_is_taken_down(previews: Previews) -> None:
    """The slot is free again, and shows the parked page."""
    driver, published = previews.driver(), []

    def publish() -> None:
        published.append(driver.workspace)
        driver.serve(driver.workspace, pages=(("/", 500 if len(published) == 1 else 200),))

    driver.faults["publish"] = publish
    error = ending(previews.up)

    assert isinstance(error, ReleaseFailed)
    assert (previews.leases, previews.at_work, previews.databases.there) == ({}, [], {})
    assert len(published) == 2
    parked = previews.world.remote.commits[str(driver.served.commit)]
    assert "http.server" in parked.files[".replit"]


def test_an_update_that_never_answers_is_marked_and_can_be_repeated(previews: Previews) -> None:
    """The database stays; the next `preview.up` fixes it."""
    previews.up()
    commit = previews.feature(text="2")
    driver = previews.driver()
    driver.faults["publish"] = lambda: driver.serve(driver.workspace, pages=(("/", 500),))
    ending(previews.up)
    lease = previews.leases["one"]

    assert (lease.state, lease.live, lease.commit) == ("failed", "", commit)
    assert "`/` gives 500" in lease.said
    assert previews.at_work == []
    driver.faults.clear()
    assert previews.up().ending == "done"
    assert previews.leases["one"].live == commit


def test_a_publish_without_an_answer_is_decided_by_the_url(previews: Previews) -> None:
    """It is up; or what is shown is unknown, and the slot is settled by a sweep."""
    driver = previews.driver()

    def lost() -> None:
        driver.serve(driver.workspace)
        raise Unanswered("no answer")

    driver.faults["publish"] = lost
    assert previews.up().ending == "done"

    previews.feature("feature/y")
    other = previews.driver("two")
    other.faults["live"] = lambda: Answer(None, error="can't connect")
    error = ending(lambda: previews.up("feature/y"))
    assert error.code == 7
    assert "two" not in previews.leases


def test_a_run_whose_lock_was_taken_publishes_nothing(previews: Previews) -> None:
    """It leaves lease, lock and database to who took them."""
    remote, driver = previews.world.remote, previews.driver()
    lock = "refs/deploy/lock/preview-one"

    def build(*_: object) -> None:
        remote.refs[lock] = remote.commit({"lock.json": "{}"}, subject="theirs")

    driver.faults["build"] = build
    error = ending(previews.up)

    assert isinstance(error, Locked)
    assert "publish" not in driver.calls
    assert previews.leases["one"].state == "starting"
    assert lock in remote.refs
    assert "one" in previews.databases.there


def die(previews: Previews, monkeypatch: pytest.MonkeyPatch, branch: str = "feature/x") -> None:
    """A run is killed while it builds: nothing of it is undone."""

    def killed(*_: object) -> None:
        raise Interrupted("killed")

    previews.driver().faults["build"] = killed
    with monkeypatch.context() as patch:
        patch.setattr(module._Run, "_undo", lambda *_: None)
        ending(lambda: previews.up(branch))
    previews.driver().faults.clear()


def test_a_dead_run_is_taken_over_by_who_waits(previews: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `--wait` nobody can know that it is dead; the hint says what to type."""
    die(previews, monkeypatch)
    error = ending(lambda: previews.up(actor="Bob"))

    assert (error.code, error.hint) == (
        5,
        "`invoke preview.up --branch feature/x --wait` waits, and takes over if that run is dead",
    )
    monkeypatch.setattr(module, "Postgres", lambda _: type("P", (), {"end_desks": lambda _self: None})())
    outcome = previews.up(actor="Bob", wait=True)
    assert (outcome.ending, outcome.data["owner"]) == ("done", "Bob")
    assert previews.at_work == []


def test_a_signal_after_publish_leaves_the_rest_to_a_sweep(previews: Previews) -> None:
    """There are eight seconds: the lease says that it ends, and nobody holds it."""
    driver = previews.driver()

    def stopped() -> Answer:
        if "publish" in driver.calls:
            raise Stop("interrupted by SIGTERM")
        return Answer(None, error="can't connect")

    driver.faults["live"] = stopped
    with pytest.raises(Stop):
        previews.up()

    assert previews.leases["one"].state == "ending"
    assert previews.at_work == []


def test_what_can_not_be_undone_is_said(previews: Previews) -> None:
    """The database's server is away: the sweep is named, and the lock is free."""

    def build(*_: object) -> None:
        raise ReleaseFailed("the build failed")

    previews.driver().faults["build"] = build
    previews.databases.faults["drop"] = CommandFailed("the server is away")
    desk = previews.world.desk()
    error = ending(lambda: module.up(desk, PreviewUpRequest(branch="feature/x")))

    assert error.message == "the build failed"
    assert any("`invoke preview.sweep` settles what is left" in line for line in desk.progress.lines)  # type: ignore[attr-defined]
    assert previews.leases["one"].state == "starting"
    assert previews.at_work == []


def test_a_build_that_would_lack_a_variable_is_refused(previews: Previews) -> None:
    """Before anything is changed; the hint names the file of previews."""
    settings = previews.world.settings
    object.__setattr__(settings, "app", settings.app._replace(build_variables=("VITE_X",)))
    refs = dict(previews.world.remote.refs)
    error = ending(previews.up)

    assert isinstance(error, Refused)
    assert "`VITE_X`" in error.message
    assert ".env.preview`" in str(error.hint)
    assert previews.world.remote.refs == refs


def test_no_slot_is_configured(previews: Previews) -> None:
    """The hint names the table."""
    object.__setattr__(
        previews.world.settings, "preview", previews.world.settings.preview._replace(slots={})
    )
    error = ending(previews.up)

    assert isinstance(error, Refused)
    assert "[preview.slots.<name>]" in str(error.hint)


@pytest.mark.parametrize(
    ("build", "steps"),
    [
        ("artifact", ["database", "build", "scan", "deliver", "content", "publish", "verify"]),
        ("there", ["database", "build", "content", "publish", "verify"]),
    ],
)
def test_a_slot_with_a_launcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, build: str, steps: list[str]
) -> None:
    """What the desk built is scanned and delivered; what the launcher builds it scans itself."""
    slots = {"one": {"url": "https://one.example.org", "publish": "launcher", "build": build}}
    made = build_previews(tmp_path, monkeypatch, preview__slots=slots)
    made.world.drivers["preview-one"] = FakeDriver("launcher", staged=False, sends=build == "artifact")
    outcome = made.up()

    assert [step["name"] for step in outcome.data["steps"]] == steps
    assert made.driver().served.commit == made.world.head("feature/x")


def test_many_at_once_get_as_many_slots_as_there_are(previews: Previews) -> None:
    """Each slot has one branch, and all others are told so; round after round."""
    branches = [f"feature/{number}" for number in range(8)]
    for branch in branches:
        previews.feature(branch)

    def contend(branch: str) -> tuple[str, int]:
        try:
            return branch, previews.up(branch, actor=branch).code
        except Locked as error:
            return branch, error.code

    for _ in range(5):
        with ThreadPoolExecutor(len(branches)) as pool:
            codes = dict(pool.map(contend, branches))
        winners = {branch for branch, code in codes.items() if code == 0}

        assert sorted(codes.values()) == [0, 0, *[5] * 6]
        assert {lease.branch for lease in previews.leases.values()} == winners
        assert (len(previews.leases), previews.at_work) == (2, [])
        for slot in ("one", "two"):
            del previews.world.remote.refs[f"{PREFIX}{slot}"]
        previews.databases.there.clear()
