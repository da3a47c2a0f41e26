"""`db.adopt` in a world of fakes: the plan, the locks, the history, the ledger; and a run that died."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scripts.config.outcome import Outcome
from scripts.database.adopt import command, record, replay
from scripts.database.adopt.judge import Elements
from scripts.database.adopt.replay import Live
from scripts.database.request import AdoptRequest
from scripts.errors import CommandFailed, Declined, Refused
from scripts.release.request import ResumeRequest
from scripts.release.resume import resume
from scripts.state.operation import LockedOperation
from scripts.system.signals import Stop
from tests.fakes.world import Notes, World, build_world, ending
from tests.unit.database.adopt.samples import INIT, NOTE, NOTED, SEED, STEPS, WIDE, WIDER

FILES = {f"supabase/migrations/{each.file}": each.sql for each in (INIT, NOTE, WIDER, SEED)}


@dataclass
class Adopting:
    """The world, and what stands in staging's database."""

    world: World
    live: Elements = field(default_factory=lambda: NOTED)

    def __call__(self, actor: str = "Ada", **options: Any) -> Outcome:
        return command.adopt(self.world.desk(actor), AdoptRequest(env="staging", **options))

    @property
    def versions(self) -> list[str]:
        """Staging's history."""
        return self.world.databases["staging"].versions


@pytest.fixture
def adopting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Adopting:
    """Staging was made by hand, up to the second file."""
    made = Adopting(build_world(tmp_path, monkeypatch))
    made.world.commit("staging", FILES)

    def run(call: Any, *_: object) -> Any:
        return made.world.databases["staging"].repair(call.files, call.status, call.versions)

    monkeypatch.setattr(command, "required_postgres", lambda *_: made.world.databases["staging"])
    monkeypatch.setattr(record, "Postgres", lambda _: made.world.databases["staging"])
    monkeypatch.setattr(record, "run_polling", run)
    monkeypatch.setattr(record, "look", lambda *_: Live(17, made.live))
    monkeypatch.setattr(replay, "look", lambda *_: Live(17, made.live))
    monkeypatch.setattr(replay, "replay", lambda *_: (STEPS, frozenset()))
    return made


def words(outcome: Outcome) -> Mapping[str, str]:
    """Version -> verdict."""
    return {each["version"]: each["verdict"] for each in outcome.data["files"]}


def test_a_plan_says_what_stands_and_changes_nothing(adopting: Adopting) -> None:
    """The hint names the files that only a person can decide on."""
    outcome = adopting(plan=True)

    assert words(outcome) == {"1": "stands", "2": "stands", "3": "missing", "4": "unknown"}
    counted = "2 of 4 files stand, 1 missing, 1 can't be told"
    assert outcome.message == f"staging: {counted}; 2 to record as applied; nothing was changed"
    assert outcome.hint == "if these are applied: `invoke db.adopt --env staging --also 4`"
    assert (outcome.data["record"], adopting.versions) == (["1", "2"], [])
    assert adopting.world.is_clean()


def test_what_stands_is_recorded_under_the_lock_and_in_the_ledger(adopting: Adopting) -> None:
    """Then there is nothing left to do."""
    outcome = adopting(yes=True, reason="made in the dashboard")
    event = adopting.world.last("staging")

    assert (outcome.ending, adopting.versions) == ("done", ["1", "2"])
    assert (event.kind, event.ending, event.detail["versions"]) == ("adopt", "done", ["1", "2"])
    assert (event.detail["schema"], event.detail["reason"]) == ("2", "made in the dashboard")
    assert adopting.world.is_clean()
    assert adopting(yes=True).ending == "nothing"


def test_a_person_is_asked_of_what_can_not_be_told_and_may_say_it_beforehand(adopting: Adopting) -> None:
    """A version that no file has is refused."""
    adopting(yes=True, also="4")

    assert adopting.versions == ["1", "2", "4"]
    desk = adopting.world.desk(progress=Notes(types="yes"))
    adopting.world.databases["staging"].rows.clear()
    with pytest.raises(Declined):  # yes to the question, and not the name of the environment
        command.adopt(desk, AdoptRequest(env="staging"))
    assert "on yes: 3 to record as applied" in desk.progress.lines  # type: ignore[attr-defined]
    with pytest.raises(Refused, match="no migration of the version 7"):
        adopting(yes=True, also="7")


def test_a_database_that_changed_since_the_plan_is_refused(
    adopting: Adopting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is recorded; the lock is free."""
    monkeypatch.setattr(record, "look", lambda *_: Live(17, WIDE))
    error = ending(lambda: adopting(yes=True))

    assert "the schema of staging changed since the plan" in error.message
    assert (adopting.versions, adopting.world.is_clean()) == ([], True)


def test_a_history_that_is_not_as_planned_is_told_though_the_cli_ended_with_0(adopting: Adopting) -> None:
    """Exit code 0 proves nothing."""
    adopting.world.databases["staging"].silent = {"2"}
    with pytest.raises(CommandFailed, match="not recorded: 2"):
        adopting(yes=True)

    assert adopting.world.last("staging").ending == "error"
    assert adopting.world.is_clean()


def test_no_files_and_two_of_one_version_are_refused(adopting: Adopting) -> None:
    """There is nothing to compare with."""
    adopting.world.commit("main", {"file": "none"})
    with pytest.raises(Refused, match="has no migrations"):
        command.adopt(adopting.world.desk(), AdoptRequest(env="production"))
    adopting.world.commit("staging", {**FILES, "supabase/migrations/1_two.sql": "select 1"})
    with pytest.raises(Refused, match="have the same version: 1"):
        adopting()


@pytest.mark.parametrize(("at", "recorded"), [("before", False), ("after", True)])
def test_a_run_that_died_is_settled_by_what_the_history_says(
    adopting: Adopting, monkeypatch: pytest.MonkeyPatch, at: str, recorded: bool
) -> None:
    """By another person, on another machine; the next run goes on."""
    database = adopting.world.databases["staging"]

    def die(*_: object) -> None:
        raise Stop("killed")

    with monkeypatch.context() as patch:
        patch.setattr(LockedOperation, "abandon", lambda *_: None)
        if at == "before":
            database.before_push = die
        else:
            patch.setattr(record, "finish", die)
        with pytest.raises(Stop):
            adopting(yes=True)
    database.before_push = lambda: None
    outcome = resume(adopting.world.desk("Bob"), ResumeRequest(env="staging"))
    event = adopting.world.last("staging")

    assert (event.actor, event.kind, event.ending) == ("Bob", "adopt", "done" if recorded else "error")
    assert adopting.versions == (["1", "2"] if recorded else [])
    assert database.ended == 1
    assert adopting.world.is_clean()
    assert ("2 of 2" in outcome.message or "all of it" in outcome.message) is recorded
    assert adopting(yes=True).ending == ("nothing" if recorded else "done")
