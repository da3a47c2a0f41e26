"""The step `functions`: what is deployed, read back, recorded and put back; whatever fails within it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from scripts.database.migrations.status import database_status
from scripts.database.request import DatabaseStatusRequest
from scripts.errors import (
    CommandFailed,
    DeskError,
    LiveUnknown,
    PushRefused,
    Refused,
    ReleaseFailed,
    Unreachable,
)
from scripts.release.commands import deploy, promote, rollback
from scripts.release.request import (
    DeployRequest,
    PromoteRequest,
    ResumeRequest,
    RollbackRequest,
    StatusRequest,
)
from scripts.release.resume import resume
from scripts.release.status import status
from scripts.state.ledger import REF
from scripts.system.signals import Stop
from tests.fakes.functions import FakeFunctions
from tests.fakes.world import World, ending
from tests.unit.release.test_resume import die, killed

HELLO, BYE = "supabase/functions/hello/index.ts", "supabase/functions/bye/index.ts"
SHARED = "supabase/functions/_shared/cors.ts"
CONFIG = "supabase/config.toml"
FIRST = {HELLO: 'import { cors } from "../_shared/cors.ts";', SHARED: "export const cors = 1;"}
DEV = DeployRequest(env="development")


@pytest.fixture
def project(world: World) -> FakeFunctions:
    """The project of development, which runs what v1 brought: `hello`."""
    world.commit("develop", FIRST)
    deploy(world.desk(), DEV)
    return world.projects["development"]


@pytest.fixture
def first(world: World, project: FakeFunctions) -> str:
    """The digest of `hello` as v1 has it."""
    return project.sources["hello"]


def change(world: World, **files: str) -> str:
    """A commit with another `hello`, and a new `bye`."""
    return world.commit("develop", {HELLO: "// second", BYE: "// new", **files})


def record(world: World, environment: str = "development") -> dict[str, Any]:
    """What the newest event says of the functions."""
    found: dict[str, Any] = world.last(environment).detail["functions"]
    return found


def is_as_before(project: FakeFunctions, first: str) -> bool:
    """`hello` is made from the sources of v1."""
    return project.sources["hello"] == first


# ------------------------------------------------------------------------------------ what is deployed


def test_what_differs_is_deployed_once_and_recorded(world: World, project: FakeFunctions) -> None:
    """A second release without a change asks for no deployment, and the record stays."""
    assert project.deployments == [["hello"]]
    assert record(world)["hello"]["digest"] == project.sources["hello"]

    world.commit("develop", {"file": "new"})
    outcome = deploy(world.desk(), DEV)

    assert (outcome.code, outcome.data["functions"], project.deployments) == (0, [], [["hello"]])
    assert deploy(world.desk(), DEV).ending == "nothing"


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({SHARED: "export const cors = 2;"}, "its sources or settings changed"),
        ({CONFIG: "[functions.hello]\nverify_jwt = false\n"}, "its sources or settings changed"),
        ({"supabase/functions/hello/deno.json": "{}"}, "its sources or settings changed"),
        ({"supabase/functions/hello/README.md": "not of the bundle"}, None),
        ({"supabase/functions/_shared/unused.ts": "nobody imports it"}, None),
    ],
)
def test_the_bundle_decides(
    world: World, project: FakeFunctions, files: dict[str, str], why: str | None
) -> None:
    """Shared imports, the import map and `config.toml` count; what is not uploaded does not."""
    world.commit("develop", files)
    plan = deploy(world.desk(), replace(DEV, plan=True))

    assert [each["why"] for each in plan.data["functions"]] == ([why] if why else [])
    assert ("functions" in [step["name"] for step in plan.data["steps"]]) == bool(why)


def test_the_step_comes_between_the_database_and_the_publish(world: World, project: FakeFunctions) -> None:
    """The plan shows it with its names, and it is the point of no return where there is no migration."""
    change(world)
    desk = world.desk()
    plan = deploy(desk, replace(DEV, plan=True))
    names = [step["name"] for step in plan.data["steps"]]
    lines = "\n".join(desk.progress.lines)  # type: ignore[attr-defined]
    done = deploy(world.desk(), DEV)

    assert names.index("functions") == names.index("publish") - 1
    assert plan.data["point_of_no_return"] == "functions"
    assert "function `bye`: new" in lines
    assert "functions deploy `bye`, `hello`" in " ".join(lines.split())
    assert done.data["functions"] == [{"name": "bye", "version": 1}, {"name": "hello", "version": 2}]
    assert "Edge Functions: `bye` (version 1), `hello` (version 2)" in done.message
    run = [step["name"] for step in done.data["steps"]]
    assert run.index("functions") < run.index("publish")


def test_what_somebody_else_deployed_is_deployed_again(world: World, project: FakeFunctions) -> None:
    """And `status` tells before that."""
    project.put("hello", "by hand")
    found = status(world.desk(), StatusRequest()).data["environments"][0]["problems"]
    databases = database_status(world.desk(), DatabaseStatusRequest(env="development"))
    outcome = deploy(world.desk(), DEV)

    assert [line for line in found if "`hello`: somebody else has deployed version 2" in line]
    assert "Edge Function `hello`: somebody else" in databases.message
    assert outcome.code == 0
    assert project.deployments == [["hello"], ["hello"]]
    assert "functions" not in " ".join(
        status(world.desk(), StatusRequest()).data["environments"][0]["problems"]
    )


def test_a_promotion_brings_them_along(world: World, project: FakeFunctions) -> None:
    """Each environment has its own project."""
    promote(world.desk(), PromoteRequest(to="staging"))

    assert world.projects["staging"].sources == project.sources
    assert record(world, "staging")["hello"]["version"] == 1


@pytest.mark.parametrize(
    ("value", "after", "expected"),
    [("false", "", True), ("false", "false", False), ("", "", False)],
    ids=["taken out again", "as before", "never said: set by hand"],
)
def test_who_may_call_is_as_the_commit_says(
    world: World, project: FakeFunctions, value: str, after: str, *, expected: bool
) -> None:
    """Where the commit says nothing, what a person has set stays."""
    text = "[functions.hello]\n"
    if value:
        world.commit("develop", {CONFIG: f"{text}verify_jwt = {value}\n"})
        deploy(world.desk(), DEV)
    else:
        project.put("hello", project.sources["hello"], verify_jwt=False)
    world.commit("develop", {CONFIG: f"{text}verify_jwt = {after}\n" if after else "", HELLO: "// other"})
    deploy(world.desk(), DEV)

    assert project.rows["hello"].verify_jwt is expected


# ------------------------------------------------------------------------------ what stands against it


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "no variable of development names a hosted project"),
        ({"SUPABASE_PROJECT_ID": "a" * 20}, "`SUPABASE_ACCESS_TOKEN` of development is missing"),
    ],
    ids=["project", "token"],
)
def test_without_access_a_release_is_refused_with_a_way_out(
    world: World, values: dict[str, str], why: str
) -> None:
    """Nothing was changed; a commit without functions needs none of it, and `""` leaves them alone."""
    known = {
        "DATABASE_URL": "postgresql://postgres@development.example.org/postgres",
        "DATABASE_PASSWORD": "password-of-a-fake",
        **values,
    }
    desk = world.desk(values=lambda _: known)
    deploy(desk, DEV)
    world.commit("develop", FIRST)
    refused = ending(lambda: deploy(desk, DEV))

    assert isinstance(refused, Refused)
    assert why in refused.message
    assert '`[supabase] functions = ""`' in str(refused.hint)
    silent = replace(desk.settings, supabase=desk.settings.supabase._replace(functions=""))
    assert deploy(world.desk(values=lambda _: known, settings=silent), DEV).code == 0


def test_a_rollback_goes_on_without_access(world: World, project: FakeFunctions) -> None:
    """The way back of the code is never blocked; it is said that the functions stay."""
    change(world)
    deploy(world.desk(), DEV)
    project.unreadable = Unreachable("Supabase answered 503")
    outcome = rollback(world.desk(), RollbackRequest(env="development"))

    assert outcome.code == 0
    assert "Edge Functions were left as they are: Supabase answered 503" in outcome.message
    assert len(project.deployments) == 2


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({CONFIG: "[functions"}, "`supabase/config.toml` of"),
        ({CONFIG: '[functions.x]\nentrypoint = "x.ts"\n'}, "its entry point `supabase/x.ts` is not"),
        ({"supabase/functions/hello/deno.json": "{"}, "`supabase/functions/hello/deno.json` can't be read"),
    ],
)
def test_what_can_not_be_bundled_is_refused(
    world: World, project: FakeFunctions, files: dict[str, str], why: str
) -> None:
    """Before anything changes."""
    world.commit("develop", files)

    assert why in ending(lambda: deploy(world.desk(), DEV)).message
    assert world.is_clean()


# ------------------------------------------------------------------------------------------ back again


def test_a_rollback_puts_them_back(world: World, project: FakeFunctions, first: str) -> None:
    """As the older commit has them; what it lacks stays, and is told."""
    change(world, **{CONFIG: "[functions.hello]\nverify_jwt = false\n"})
    deploy(world.desk(), DEV)
    desk = world.desk()
    outcome = rollback(desk, RollbackRequest(env="development"))

    assert outcome.code == 0
    assert is_as_before(project, first)
    assert project.rows["hello"].verify_jwt
    assert "bye" in project.rows
    assert "`bye` is not in the commit; it stays deployed" in "\n".join(desk.progress.lines)  # type: ignore[attr-defined]


BROKEN = ReleaseFailed("unexpected deploy status 400: failed to bundle")
AWAY = CommandFailed("unexpected deploy status 503")


@pytest.mark.parametrize(
    ("fault", "ends"), [(BROKEN, "failed"), (AWAY, "error")], ids=["the source", "the project"]
)
def test_a_deployment_that_fails_halfway_is_put_back(
    world: World, project: FakeFunctions, first: str, fault: DeskError, ends: str
) -> None:
    """The live app was never touched; the workspace is back; only the source's fault marks the commit."""
    v1 = world.head("develop")
    change(world)
    project.failing["bye"] = type(fault)(fault.message)
    error = ending(lambda: deploy(world.desk(), DEV))
    driver = world.drivers["development"]

    assert type(error) is type(fault)
    assert "Edge Functions of `v1` again: `hello`" in error.message
    assert is_as_before(project, first)
    assert (driver.served.commit, driver.workspace and driver.workspace.commit) == (v1, v1)
    assert world.last("development").ending == ends
    assert record(world)["hello"]["version"] == project.rows["hello"].version
    assert world.is_clean()


def test_an_exit_code_of_zero_proves_nothing(world: World, project: FakeFunctions, first: str) -> None:
    """The list decides; what was not changed is not deployed again."""
    change(world)
    project.silent.add("hello")
    error = ending(lambda: deploy(world.desk(), DEV))

    assert "ended with 0, but `hello` is still version 1" in error.message
    assert "no release before had `bye`: deployed, and not deleted" in error.message
    assert is_as_before(project, first)
    assert len(project.deployments) == 2


def no_publish(world: World) -> None:
    """Replit takes no Publish."""

    def refuse() -> None:
        raise CommandFailed("no room")

    world.drivers["development"].faults["publish"] = refuse


def bad_pages(world: World) -> None:
    """The new commit answers 500; the previous one works."""
    driver = world.drivers["development"]
    good = driver.served.commit

    def publish() -> None:
        bad = driver.workspace is not None and driver.workspace.commit != good
        driver.serve(driver.workspace, **({"pages": (("/", 500),)} if bad else {}))

    driver.faults["publish"] = publish


def refused_finish(world: World) -> None:
    """A hook refuses the last push, and takes the next."""

    def refuse(updates: Any) -> None:
        if any(each.ref == REF for each in updates) and any(each.new is None for each in updates):
            world.remote.before_push = lambda _: None
            raise PushRefused("a hook says no")

    world.remote.before_push = refuse


@pytest.mark.parametrize("break_", [no_publish, bad_pages, refused_finish])
def test_what_fails_after_them_puts_them_back(
    world: World, project: FakeFunctions, first: str, break_: Callable[[World], None]
) -> None:
    """Before the previous release is published again; the previous release is live."""
    v1 = world.head("develop")
    change(world)
    break_(world)
    error = ending(lambda: deploy(world.desk(), DEV))

    assert "Edge Functions of `v1` again: `hello`" in error.message, error.message
    assert is_as_before(project, first)
    assert world.drivers["development"].served.commit == v1
    assert record(world)["hello"]["digest"] == first
    assert world.is_clean()


def test_functions_that_do_not_answer_are_unknown(world: World, project: FakeFunctions) -> None:
    """Nothing could be read back, so nothing is said to be there; the hint leads to a good end."""
    v1 = world.head("develop")
    change(world)

    def cut() -> None:
        project.unreadable = Unreachable("Supabase did not answer")

    project.after_deploy = cut
    error = ending(lambda: deploy(world.desk(), DEV))

    assert isinstance(error, LiveUnknown)
    assert "could not be put back to `v1`" in error.message
    assert f"`invoke deploy --env development --sha {v1[:12]}`" in str(error.hint)
    assert "hello" not in record(world)
    project.unreadable, project.after_deploy = None, lambda: None
    fixed = deploy(world.desk(), replace(DEV, sha=v1[:12]))
    assert (fixed.code, fixed.data["commit"]) == (0, v1)
    assert project.deployments[-1] == ["hello"]


# --------------------------------------------------------------------------------------- runs that die


@pytest.mark.parametrize("when", ["before_deploy", "after_deploy"])
@pytest.mark.parametrize("undo", [False, True], ids=["finished", "undone"])
def test_a_run_that_died_within_them_is_settled_elsewhere(
    world: World,
    project: FakeFunctions,
    first: str,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
    *,
    undo: bool,
) -> None:
    """By the list and the record, from another clone: what the dead run has touched is known."""
    wanted = change(world)
    setattr(project, when, die)
    killed(monkeypatch, lambda: deploy(world.desk(), DEV))
    setattr(project, when, lambda: None)
    lock = world.lock("development")
    assert lock is not None
    assert lock.functions["hello"]["version"] == 1
    outcome = resume(world.desk("Bob"), ResumeRequest(env="development", undo=undo))

    assert outcome.code == 0
    assert is_as_before(project, first) == undo
    assert (world.drivers["development"].served.commit == wanted) == (not undo)
    assert world.is_clean()
    assert (deploy(world.desk(), DEV).ending == "nothing") == (not undo)


def test_what_a_dead_run_did_not_touch_is_left_alone(
    world: World, project: FakeFunctions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Undoing deploys nothing over what a person has deployed."""
    change(world)
    project.put("hello", "by hand")
    driver = world.drivers["development"]
    driver.faults["build"] = lambda *_: die()
    killed(monkeypatch, lambda: deploy(world.desk(), DEV))
    driver.faults.clear()
    resume(world.desk("Bob"), ResumeRequest(env="development", undo=True))

    assert project.sources["hello"] == "by hand"


def test_a_signal_within_them_leaves_them_to_resume(world: World, project: FakeFunctions) -> None:
    """Nobody has the time to put them back; the lock stays, and the state is unknown."""
    change(world)

    def stop() -> None:
        raise Stop("interrupted by SIGTERM")

    project.after_deploy = stop
    error = ending(lambda: deploy(world.desk(), DEV))
    project.after_deploy = lambda: None

    assert isinstance(error, LiveUnknown)
    assert "the deployment of the Edge Functions" in error.message
    assert world.lock("development") is not None
    assert resume(world.desk("Bob"), ResumeRequest(env="development")).code == 0
