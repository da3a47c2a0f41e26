"""A release by launcher: what it does otherwise than one by way of a workspace."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.errors import CommandFailed, ReleaseFailed
from scripts.release import leak_gate
from scripts.release.commands import deploy, rollback
from scripts.release.observe import observe
from scripts.release.plan import decide
from scripts.release.request import DeployRequest, ResumeRequest, RollbackRequest, StatusRequest
from scripts.release.resume import resume
from scripts.release.status import status
from scripts.secrets.site import Site
from tests.fakes.driver import FakeDriver
from tests.fakes.world import World, ending
from tests.unit.release.test_resume import die, killed

DEPLOY = DeployRequest(env="development")


def launched(world: World, build: str = "there") -> World:
    """Development is released by launcher."""
    environments = {**world.settings.environments}
    own = environments["development"]
    environments["development"] = own._replace(
        publish="launcher",
        launcher=own.launcher._replace(build=build),  # type: ignore[arg-type]
    )
    world.settings = replace(world.settings, environments=environments)
    world.drivers["development"] = FakeDriver("launcher", staged=False, sends=build == "artifact")
    return world


@pytest.fixture
def there(world: World) -> World:
    """Built by the launcher itself."""
    return launched(world)


@pytest.fixture
def artifact(world: World) -> World:
    """Built by the desk."""
    return launched(world, "artifact")


def test_what_the_launcher_built_it_has_scanned(there: World) -> None:
    """No archive comes: what is served is scanned, and nothing has to be put back."""
    deploy(there.desk(), DEPLOY)

    names = [step["name"] for step in there.last("development").detail["steps"]]
    assert "scan" not in names[: names.index("publish")]
    assert names[-2:] == ["verify", "scan"]
    assert "artifact" not in there.last("development").detail


def test_what_is_served_is_still_scanned(there: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A launcher that lets a secret through is not the last word."""
    leak = b'const k = "sb_secret_0123456789abcdefghijkl_01234567";'
    monkeypatch.setattr(leak_gate, "read_site", lambda *_, **__: Site({"app.js": leak}))

    assert "a Supabase secret key is in it" in ending(lambda: deploy(there.desk(), DEPLOY)).message


def test_an_artifact_is_delivered_after_its_scan_and_before_the_database(artifact: World) -> None:
    """The ledger holds its digest."""
    deploy(artifact.desk(), DEPLOY)
    event = artifact.last("development")

    names = [step["name"] for step in event.detail["steps"]]
    assert names.index("scan") < names.index("deliver") < names.index("migrate") < names.index("publish")
    assert event.detail["artifact"] == {"digest": "d" * 64}


def test_an_artifact_that_leaks_is_never_delivered(artifact: World) -> None:
    """What was scanned is what would be pushed."""
    artifact.drivers["development"].files = {"a.js": "sb_secret_0123456789abcdefghijkl_01234567"}
    error = ending(lambda: deploy(artifact.desk(), DEPLOY))

    assert type(error) is ReleaseFailed
    assert not [call for call in artifact.drivers["development"].calls if "deliver" in call]


def test_a_delivery_that_fails_costs_nothing(artifact: World) -> None:
    """The database is untouched, and the lock free."""

    def refuse() -> None:
        raise CommandFailed("the remote takes no such ref")

    artifact.drivers["development"].faults["deliver"] = refuse
    error = ending(lambda: deploy(artifact.desk(), DEPLOY))

    assert "takes no such ref" in error.message
    assert "workspace" not in error.message
    assert artifact.databases["development"].versions == []
    assert artifact.lock("development") is None


@pytest.mark.parametrize(
    ("build", "place"), [("there", "the launcher of"), ("artifact", "a clean checkout")]
)
def test_the_plan_says_where_it_is_built(world: World, build: str, place: str) -> None:
    """And that what is built is delivered, if it is."""
    plan = decide(observe(launched(world, build).desk(), DEPLOY))
    details = {step.name: step.detail for step in plan.steps}

    assert place in details["build"]
    assert ("deliver" in details) == (build == "artifact")
    assert "launcher" in details["publish"]


def test_a_rollback_goes_the_same_way(there: World) -> None:
    deploy(there.desk(), DEPLOY)
    first = there.head("develop")
    there.commit("develop", {"app.txt": "second"})
    deploy(there.desk(), DEPLOY)
    rollback(there.desk(), RollbackRequest(env="development"))

    assert there.drivers["development"].served.commit == first


@pytest.mark.parametrize("undo", [False, True])
def test_the_ref_tells_who_resumes_what_the_dead_run_asked_for(
    there: World, monkeypatch: pytest.MonkeyPatch, undo: bool
) -> None:
    """The launcher has not followed yet: the old release answers, and the new one may come any time."""
    deploy(there.desk(), DEPLOY)
    first, driver = there.head("develop"), there.drivers["development"]
    second = there.commit("develop", {"app.txt": "second"})

    def publish() -> None:
        driver.asked = second
        die()

    driver.faults["publish"] = publish
    killed(monkeypatch, lambda: deploy(there.desk(), DEPLOY))
    driver.faults.clear()
    driver.calls.clear()
    outcome = resume(there.desk("Bob"), ResumeRequest(env="development", undo=undo))

    assert outcome.code == 0
    assert driver.served.commit == (first if undo else second)
    assert "publish" in driver.calls  # also to go back to what still answers


def test_status_shows_what_lags(there: World) -> None:
    """Beside what disagrees otherwise."""
    deploy(there.desk(), DEPLOY)
    there.drivers["development"].lags = ("instance `i-2` of the launcher serves `0000`",)
    (first, *_) = status(there.desk(), StatusRequest()).data["environments"]

    assert first["problems"] == ["instance `i-2` of the launcher serves `0000`"]


def test_after_a_failed_release_nothing_has_to_be_put_back(there: World) -> None:
    """No workspace holds the bad commit."""
    deploy(there.desk(), DEPLOY)
    driver = there.drivers["development"]
    there.commit("develop", {"app.txt": "second"})

    def refuse() -> None:
        raise CommandFailed("the ref does not move")

    driver.faults["publish"] = refuse
    driver.calls.clear()
    error = ending(lambda: deploy(there.desk(), DEPLOY))

    assert "workspace" not in error.message
    assert len([call for call in driver.calls if call.startswith("build")]) == 1
