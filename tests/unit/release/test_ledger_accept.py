"""A ledger that was rewritten or deleted: the alarm stays until a person decides, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import Declined, UsageError
from scripts.git.merge import MergingGit
from scripts.release.commands import deploy
from scripts.release.history import history
from scripts.release.ledger_accept import accept
from scripts.release.ledger_check import check
from scripts.release.request import (
    DeployRequest,
    HistoryRequest,
    LedgerAcceptRequest,
    LedgerCheckRequest,
    ResumeRequest,
    StatusRequest,
)
from scripts.release.resume import resume
from scripts.release.status import status
from scripts.setup.remote_checks import check_ledger
from scripts.state.ledger import REF, Event
from scripts.state.remote import append, fetch_ledger, new_event, record
from scripts.state.rewritten import LedgerRewritten
from tests.fakes.world import World, ending
from tests.support.fake_desk import fake_desk
from tests.support.repositories import Repository, clone, seeded


class Scene:
    """A real remote, two clones that have seen its ledger, and one that has not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.origin, person = seeded(folder)
        self.ada = self.desk("ada", person)
        self.bob = self.desk("bob")
        self.commit = person.git("rev-parse", "HEAD")
        for number in (1, 2, 3):
            self.release(self.ada, number)
        self.good = self.tip
        fetch_ledger(self.bob)

    def desk(self, name: str, person: Repository | None = None) -> Desk:
        """The desk of somebody, in a clone of his own."""
        person = person or clone(self.origin, self.folder / name)
        return fake_desk(self.folder, git=MergingGit(person.folder, "origin"), actor=name)

    def release(self, desk: Desk, number: int) -> None:
        """A release on staging."""
        record(
            desk,
            "staging",
            "release",
            commit=self.commit,
            release=f"v{number}",
            run=f"r{number}-{desk.actor}",
        )

    @property
    def tip(self) -> str:
        """The ledger of the remote."""
        return self.origin.refs()[REF]

    def replace(self) -> str:
        """Somebody replaces the newest event by one of his own."""
        tip = self.origin.git("rev-parse", f"{self.good}^")
        self.origin.git("update-ref", REF, tip)
        self.release(self.desk("eve"), 3)
        return self.tip


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Three releases."""
    return Scene(tmp_path)


def decide(desk: Desk, keep: str) -> None:
    """A person decides."""
    assert accept(desk, LedgerAcceptRequest(keep=keep, yes=True, reason="looked at it")).ending == "done"


def show(desk: Desk) -> Outcome:
    """`history`."""
    return history(desk, HistoryRequest())


def freeze(desk: Desk) -> Event:
    """Some event."""
    return record(desk, "staging", "freeze", until="2031-01-01T00:00:00+00:00")


def runs(desk: Desk) -> list[str]:
    """The runs of the ledger's releases."""
    return [event.run for event in fetch_ledger(desk).ledger.events if event.kind == "release"]


def test_the_alarm_rings_until_somebody_decides(scene: Scene) -> None:
    """In each clone that has seen the ledger, whatever it does; both tips and what differs are shown."""
    evil = scene.replace()
    for desk in (scene.ada, scene.bob) * 2:
        for look in (fetch_ledger, show, freeze):
            alarm = ending(lambda: look(desk))  # noqa: B023
            assert isinstance(alarm, LedgerRewritten)
            for said in (scene.good[:12], evil[:12], "(ada, ", "(eve, ", "staging v3 release"):
                assert said in alarm.message
            assert "force" not in f"{alarm.message}{alarm.hint}"
        (finding,) = check_ledger(desk)
        assert finding.state == "error"
    assert scene.tip == evil, "nothing was written on top of it"


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        ("seen", ["r1-ada", "r2-ada", "r3-ada"]),
        ("remote", ["r1-ada", "r2-ada", "r3-eve"]),
        ("both", ["r1-ada", "r2-ada", "r3-ada", "r3-eve"]),
    ],
)
def test_a_decision_counts_for_every_clone_and_loses_nothing(
    scene: Scene, keep: str, kept: list[str]
) -> None:
    """The branch moves forward from both, so no force is needed; the other tip stays in its history."""
    evil = scene.replace()
    scene.origin.git("config", "receive.denyNonFastForwards", "true")
    eve = scene.desk("eve2")
    fetch_ledger(eve)
    decide(scene.ada, keep)

    assert [runs(desk) for desk in (scene.ada, scene.bob, eve)] == [kept] * 3
    for tip in (scene.good, evil):
        scene.origin.git("merge-base", "--is-ancestor", tip, scene.tip)
    assert check(scene.bob, LedgerCheckRequest()).code == 0
    assert accept(scene.ada, LedgerAcceptRequest(keep=keep, yes=True)).ending == "nothing"
    scene.release(scene.bob, 9)
    assert runs(scene.ada) == [*kept, "r9-bob"]


def test_of_both_no_release_id_is_there_twice(scene: Scene) -> None:
    """The copy gets the next one, and says which it had."""
    scene.replace()
    decide(scene.ada, "both")
    events = [event for event in fetch_ledger(scene.ada).ledger.events if event.kind == "release"]

    assert [event.release for event in events] == ["v1", "v2", "v3", "v4"]
    assert events[-1].detail["was"] == "v3"


def test_the_good_one_put_back_by_hand_ends_the_alarm(scene: Scene) -> None:
    """It holds all that was seen."""
    scene.replace()
    ending(lambda: fetch_ledger(scene.ada))
    scene.origin.git("update-ref", REF, scene.good)

    assert runs(scene.ada) == ["r1-ada", "r2-ada", "r3-ada"]


def test_a_deleted_ledger_is_told_and_pushed_back(scene: Scene) -> None:
    """By every clone that has seen it; one that never did takes it as empty."""
    scene.origin.git("update-ref", "-d", REF)
    for desk in (scene.ada, scene.bob) * 2:
        alarm = ending(lambda: fetch_ledger(desk))  # noqa: B023
        assert alarm.message.startswith("the ledger was deleted\n")
        assert "3 events" in alarm.message
        assert "`invoke ledger.accept --keep seen`" in str(alarm.hint)
    assert type(ending(lambda: accept(scene.ada, LedgerAcceptRequest(yes=True)))) is LedgerRewritten
    decide(scene.bob, "seen")

    assert runs(scene.ada) == runs(scene.desk("new")) == ["r1-ada", "r2-ada", "r3-ada"]


def test_a_deletion_can_be_accepted(scene: Scene) -> None:
    """The old ledger stays in the history of the new one."""
    scene.origin.git("update-ref", "-d", REF)
    decide(scene.ada, "remote")

    assert (runs(scene.ada), runs(scene.bob)) == ([], [])
    scene.origin.git("merge-base", "--is-ancestor", scene.good, scene.tip)
    assert check(scene.bob, LedgerCheckRequest()).code == 0


def test_a_new_ledger_after_a_deletion_can_be_joined(scene: Scene) -> None:
    """Somebody who never saw the old one has released meanwhile."""
    carl = scene.desk("carl")
    carl.git._local("update-ref", "-d", "refs/remotes/origin/deploy-ledger")
    scene.origin.git("update-ref", "-d", REF)
    scene.release(carl, 1)
    decide(scene.ada, "both")

    assert runs(scene.bob) == runs(carl) == ["r1-ada", "r2-ada", "r3-ada", "r1-carl"]


def test_nothing_is_decided_without_consent(scene: Scene) -> None:
    """Nor by `--plan`, nor with a word that is unknown."""
    evil = scene.replace()

    assert type(ending(lambda: accept(scene.ada, LedgerAcceptRequest(keep="seen")))) is Declined
    assert (
        type(ending(lambda: accept(scene.ada, LedgerAcceptRequest(plan=True, yes=True)))) is LedgerRewritten
    )
    assert type(ending(lambda: accept(scene.ada, LedgerAcceptRequest(keep="mine")))) is UsageError
    assert scene.tip == evil


def test_a_ledger_deleted_during_a_run_comes_back_with_its_event(scene: Scene) -> None:
    """All of it: the push of the run makes the branch again, and says so."""

    def deleted(_ledger: object) -> object:
        scene.origin.git("update-ref", "-d", REF)
        return new_event(scene.ada, "staging", "proof", release="", commit="", run="r4", detail={})

    append(scene.ada, scene.good, deleted)  # type: ignore[arg-type]

    assert runs(scene.bob) == ["r1-ada", "r2-ada", "r3-ada"]
    assert fetch_ledger(scene.bob).ledger.events[-1].run == "r4"
    assert "somebody deleted the ledger" in scene.ada.progress.lines[-1]  # type: ignore[attr-defined]


def test_a_ledger_rewritten_during_a_run_is_not_appended_to(scene: Scene) -> None:
    """The event is not written on top of what lacks what the run has seen."""

    def replaced(_ledger: object) -> object:
        scene.replace()
        return new_event(scene.ada, "staging", "proof", release="", commit="", run="r4", detail={})

    alarm = ending(lambda: append(scene.ada, scene.good, replaced))  # type: ignore[arg-type]

    assert type(alarm) is LedgerRewritten
    assert "r4" not in {event.run for event in fetch_ledger(scene.desk("new")).ledger.events}


def test_status_shows_what_is_live_and_fails(world: World) -> None:
    """By the ledger that this clone has seen."""
    desk = world.desk()
    deploy(desk, DeployRequest(env="development"))
    del world.remote.refs[REF]
    for _ in range(2):
        outcome = status(desk, StatusRequest())
        assert (outcome.code, outcome.data["environments"][0]["release"]) == (1, "v1")
        assert outcome.message.startswith("the ledger was deleted")
        assert outcome.data["ledger"]["remote"] == {"tip": None, "events": 0}


def test_a_rewrite_during_a_release_leaves_it_to_a_person_and_to_resume(world: World) -> None:
    """It is live, and is not written on top of the other ledger: code 7, both commits, and what to type."""
    deploy(world.desk(), DeployRequest(env="development"))
    world.commit("develop", {"file": "new"})
    deploy(world.desk(), DeployRequest(env="development"))
    wanted = world.commit("develop", {"file": "newer"})
    driver, desk = world.drivers["development"], world.desk()

    def publish() -> None:
        driver.serve(driver.workspace)
        parents = world.remote.commits[world.remote.refs[REF]].parents
        world.remote.refs[REF] = world.remote.add({"event.json": "{}"}, parents, "Eve", "by hand")

    driver.faults["publish"] = publish
    error = ending(lambda: deploy(desk, DeployRequest(env="development")))
    driver.faults.clear()

    assert error.code == 7
    assert f"live now: `{wanted[:12]}`" in error.message
    assert "`invoke ledger.accept --plan`" in str(error.hint)
    assert "`invoke resume --env development`" in str(error.hint)
    decide(desk, "seen")
    assert resume(desk, ResumeRequest(env="development")).code == 0
    assert [event.release for event in world.ledger.events] == ["v1", "v2", "", "v3"]
    assert world.is_clean()
