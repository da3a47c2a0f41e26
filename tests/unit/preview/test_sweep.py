"""`preview.sweep` and `preview.down`: what is over ends, what is not stays, and a race has one winner."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from scripts.config.outcome import Outcome
from scripts.errors import CommandFailed, Locked
from scripts.git.command import Update
from scripts.preview import up
from scripts.preview.commands import down, show_list
from scripts.preview.request import PreviewDownRequest, PreviewListRequest, PreviewSweepRequest
from scripts.preview.sweep import sweep
from scripts.replit.live import Answer
from scripts.state.preview_lease import PREFIX
from tests.fakes.previews import Previews
from tests.fakes.world import ending
from tests.unit.preview.test_up import die


def swept(previews: Previews, **options: bool) -> Outcome:
    """`preview.sweep` on another machine."""
    return sweep(previews.world.desk("Eve", host="elsewhere"), PreviewSweepRequest(**options))


def ended(outcome: Outcome) -> list[tuple[str, str]]:
    """Branch and reason of what a sweep ended."""
    return [(each["branch"], each["reason"]) for each in outcome.data["ended"]]


def nothing_is_left(previews: Previews) -> bool:
    """No lease, lock, candidate or database."""
    return (previews.leases, previews.at_work, previews.databases.there) == ({}, [], {})


def test_what_is_not_over_stays(previews: Previews) -> None:
    """A plan says so, too."""
    previews.up()
    before = dict(previews.world.remote.refs)

    assert swept(previews).ending == "nothing"
    assert previews.world.remote.refs == before


def test_a_branch_without_a_commit_of_its_own_is_not_taken_for_merged(previews: Previews) -> None:
    """It stands at the head of `develop` from the beginning."""
    previews.world.remote.refs["refs/heads/feature/new"] = previews.world.head("develop")
    previews.up("feature/new")

    assert swept(previews).ending == "nothing"


def expire(previews: Previews) -> None:
    previews.world.clock.sleep(3601)


def merge(previews: Previews) -> None:
    previews.world.remote.refs["refs/heads/develop"] = previews.world.head("feature/x")


def delete(previews: Previews) -> None:
    del previews.world.remote.refs["refs/heads/feature/x"]


@pytest.mark.parametrize(
    ("happen", "reason"),
    [(expire, "its time is over"), (merge, "its branch is merged"), (delete, "its branch was deleted")],
)
def test_what_is_over_leaves_nothing(previews: Previews, happen: object, reason: str) -> None:
    """Whoever began it; and its app makes way for the parked page."""
    previews.up()
    shown = previews.driver().served.commit
    happen(previews)  # type: ignore[operator]
    before = dict(previews.world.remote.refs)
    planned = swept(previews, plan=True)
    assert (ended(planned), previews.world.remote.refs) == ([("feature/x", reason)], before)
    outcome = swept(previews)

    assert ended(outcome) == [("feature/x", reason)]
    assert nothing_is_left(previews)
    assert previews.driver().served.commit not in (shown, None)
    assert swept(previews).ending == "nothing"


def test_the_clock_of_the_slot_counts(previews: Previews) -> None:
    """A machine whose clock is a year ahead ends nothing."""
    previews.up()
    previews.driver().served = Answer(
        **{**vars(previews.driver().served), "at": previews.world.clock.epoch()}
    )
    desk = previews.world.desk("Eve", now=lambda: "2099-01-01T00:00:00+00:00")
    outcome = sweep(desk, PreviewSweepRequest())

    assert outcome.ending == "nothing"
    assert any("this clock is" in line for line in desk.progress.lines)  # type: ignore[attr-defined]


def test_a_run_that_died_is_ended_from_another_machine(
    previews: Previews, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its lock was silent for its time to live."""
    die(previews, monkeypatch)
    began = previews.world.clock()
    outcome = swept(previews)

    assert ended(outcome) == [("feature/x", "its run died")]
    assert previews.world.clock() - began > previews.world.settings.lock.ttl
    assert nothing_is_left(previews)


def test_a_run_that_is_alive_is_left_alone(previews: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its heartbeats move the lock."""
    die(previews, monkeypatch)
    remote, lock = previews.world.remote, "refs/deploy/lock/preview-one"
    previews.world.clock.sleep(7200)
    tick = previews.world.clock.sleep

    def alive(seconds: float) -> None:
        tick(seconds)
        remote.refs[lock] = remote.commit(remote.commits[remote.refs[lock]].files, subject="beat")

    outcome = sweep(previews.world.desk("Eve", sleep=alive), PreviewSweepRequest())
    assert outcome.ending == "nothing"
    assert previews.leases["one"].state == "starting"


def test_a_renewal_wins_over_a_sweep_that_saw_the_old_lease(previews: Previews) -> None:
    """Compare-and-swap decides: the sweep's push comes too late."""
    previews.up()
    expire(previews)
    remote = previews.world.remote

    def before_push(updates: Sequence[Update]) -> None:
        if any(update.ref.startswith(PREFIX) for update in updates):
            remote.before_push = lambda _updates: None
            previews.up()

    remote.before_push = before_push
    outcome = swept(previews)

    assert (outcome.code, outcome.data["ended"], outcome.data["left"]) == (0, [], [])
    assert previews.leases["one"].state == "up"
    assert "one" in previews.databases.there
    assert previews.at_work == []


def test_a_database_that_no_lease_names_goes(previews: Previews) -> None:
    """Only while the slot's lock is held: nobody can be making it."""
    previews.up()
    previews.databases.there |= {"two": "x", "gone": "y"}
    outcome = swept(previews)

    assert outcome.data["databases"] == ["two", "gone"]
    assert list(previews.databases.there) == ["one"]
    assert previews.at_work == []


def test_what_can_not_be_dropped_is_said_and_tried_again(previews: Previews) -> None:
    """The others end all the same; the lease says `ending`, and the next sweep does the rest."""
    previews.up()
    expire(previews)
    previews.databases.faults["drop"] = CommandFailed("the server is away")
    outcome = swept(previews)

    assert (outcome.code, [each["slot"] for each in outcome.data["left"]]) == (1, ["one"])
    assert previews.leases["one"].state == "ending"
    assert previews.at_work == []
    previews.databases.faults.clear()
    assert ended(swept(previews)) == [("feature/x", "its time is over")]
    assert nothing_is_left(previews)


def test_a_lease_that_no_desk_wrote_goes(previews: Previews) -> None:
    """It would keep a slot for ever."""
    previews.world.remote.refs[f"{PREFIX}one"] = previews.world.head("develop")

    assert ended(swept(previews)) == [("", "its lease can't be read")]
    assert previews.leases == {}


def test_a_page_that_can_not_be_parked_keeps_no_slot(previews: Previews) -> None:
    """It is said what the address may still show."""
    previews.up()
    expire(previews)

    def build(*_: object) -> None:
        raise CommandFailed("ssh is away")

    previews.driver().faults["build"] = build
    outcome = swept(previews)

    assert outcome.data["ended"][0]["left"] == "https://one.example.org may still show it: ssh is away"
    assert nothing_is_left(previews)


# ---------------------------------------------------------------------------------- `down` and `list`


def test_down_ends_one_also_of_a_deleted_branch(previews: Previews) -> None:
    """And nothing else; a plan changes nothing."""
    previews.feature("feature/y")
    previews.up()
    previews.up("feature/y")
    delete(previews)
    desk = previews.world.desk("Bob")
    before = dict(previews.world.remote.refs)
    assert down(desk, PreviewDownRequest(branch="feature/x", plan=True)).data["slot"] == "one"
    assert previews.world.remote.refs == before
    outcome = down(desk, PreviewDownRequest(branch="feature/x", reason="seen"))

    assert (outcome.ending, outcome.data["ended"]["reason"]) == ("done", "seen")
    assert list(previews.leases) == ["two"]
    assert list(previews.databases.there) == ["two"]
    assert down(desk, PreviewDownRequest(branch="feature/x")).ending == "nothing"


def test_down_does_not_stop_a_run_that_may_be_alive(
    previews: Previews, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--wait` looks whether it is dead."""
    die(previews, monkeypatch)
    desk = previews.world.desk("Bob")
    error = ending(lambda: down(desk, PreviewDownRequest(branch="feature/x")))

    assert isinstance(error, Locked)
    assert "--wait" in str(error.hint)
    assert down(desk, PreviewDownRequest(branch="feature/x", wait=True)).ending == "done"
    assert nothing_is_left(previews)


def test_the_list_says_what_is_wrong(previews: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each slot: free, up, expired, not what it should show, died."""

    def rows() -> dict[str, tuple[str, str | None]]:
        found = show_list(previews.world.desk("Bob"), PreviewListRequest()).data["previews"]
        return {row["slot"]: (row["state"], row["problem"]) for row in found}

    assert rows() == {"one": ("free", None), "two": ("free", None)}
    previews.up()
    assert rows()["one"] == ("up", None)
    expire(previews)
    assert rows()["one"] == ("up", "its time is over: `invoke preview.sweep`")
    previews.driver().served = Answer(200, commit="f" * 40)
    assert "does not show" in str(rows()["one"][1])
    swept(previews)
    die(previews, monkeypatch)
    previews.world.remote.refs.pop("refs/deploy/lock/preview-one")
    assert rows()["one"] == ("starting", "its run died: `invoke preview.sweep`")
    assert up.TASK == "preview.up"
