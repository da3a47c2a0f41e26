"""`backup = "always"`: a proven backup before each release, beside the build."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.release.commands import deploy, promote, rollback
from scripts.release.request import DeployRequest, PromoteRequest, RollbackRequest
from tests.fakes.world import Notes, World, build_world, ending
from tests.unit.release.test_execute import migration

SECOND = "20300201000000"


@pytest.fixture
def always(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Production is at its second release, which brought no migration."""
    world = build_world(tmp_path, monkeypatch, environment__production__backup="always")
    world.commit("develop", migration("20300101000000", "create table a ();"))
    to_production(world)
    world.backups.clear()
    world.commit("develop", {"code": "two"})
    return world


def to_production(world: World) -> Notes:
    """The head of `develop` through all environments; what was said of the last one."""
    deploy(world.desk(), DeployRequest(env="development"))
    promote(world.desk(), PromoteRequest(to="staging"))
    desk = world.desk()
    promote(desk, PromoteRequest(to="production", yes=True))
    assert isinstance(desk.progress, Notes)
    return desk.progress


def test_a_release_without_migrations_is_backed_up_too(always: World) -> None:
    """Once, and before it is published; the plan says so."""
    deploy(always.desk(), DeployRequest(env="development"))
    promote(always.desk(), PromoteRequest(to="staging"))
    plan = promote(always.desk(), PromoteRequest(to="production", plan=True))
    assert "backup" in [step["name"] for step in plan.data["steps"]]

    notes = to_production(always)

    assert always.backups == ["production"]
    assert notes.steps.index("build") < notes.steps.index("backup") < notes.steps.index("publish")


def test_one_with_migrations_is_backed_up_once(always: World) -> None:
    """Right before them: what is written during the build is in it."""
    always.commit("develop", migration(SECOND, "create table b ();"))
    notes = to_production(always)

    assert always.backups == ["production"]
    assert notes.steps.index("scan") < notes.steps.index("backup") < notes.steps.index("migrate")


def test_without_a_backup_nothing_is_published(always: World) -> None:
    """The old release stays live, and the branch stays where it is."""
    before = always.head("main")
    always.backup_fails = True
    error = ending(lambda: to_production(always))

    assert (error.code, always.drivers["production"].served.commit) == (3, before)
    assert always.head("main") == before
    assert always.is_clean()


def test_a_rollback_waits_for_no_backup(always: World) -> None:
    """Somebody is in a hurry."""
    to_production(always)
    always.backups.clear()
    outcome = rollback(always.desk(), RollbackRequest(env="production", yes=True))

    assert (outcome.code, always.backups) == (0, [])


def test_other_environments_are_as_before(always: World) -> None:
    """Their setting is `migrations`."""
    deploy(always.desk(), DeployRequest(env="development"))

    assert always.backups == []
