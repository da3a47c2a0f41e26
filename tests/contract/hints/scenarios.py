"""Scenarios: somebody is stuck. Each sets up its world, and gives the line that is typed first."""

from __future__ import annotations

import sys
from typing import Any

from scripts.config.settings import AppTests, Gates
from scripts.release import steps
from scripts.state.held_lock import HeldLock, new_lock
from scripts.system.signals import Stop
from tests.contract.hints.typist import Typist
from tests.fakes.world import World

SECOND = "supabase/migrations/20240102000000_more.sql"


def everywhere(typist: Typist) -> None:
    """The commit goes to production."""
    for line in ("deploy --env development", "promote --to staging", "promote --to production --yes"):
        assert typist.type(line).code == 0
    typist.typed.clear()


def work(world: World, branch: str = "develop", **files: str) -> str:
    """Somebody pushes a commit."""
    return world.commit(branch, files or {"work": str(len(world.remote.commits))})


def nothing_there(_typist: Typist) -> str:
    """Nothing was released anywhere."""
    return "promote --to staging"


def two_behind(typist: Typist) -> str:
    """Neither development nor staging has the newest commit."""
    everywhere(typist)
    work(typist.world)
    return "promote --to production --sha develop"


def failed_before(typist: Typist) -> str:
    """The commit failed here; its cause is gone."""
    everywhere(typist)
    work(typist.world)
    driver = typist.world.drivers["development"]
    bad = typist.world.head("develop")

    def publish() -> None:
        assert driver.workspace is not None
        driver.serve(driver.workspace, pages=(("/", 500 if driver.workspace.commit == bad else 200),))

    driver.faults["publish"] = publish
    assert typist.type("deploy --env development").code == 1
    driver.faults.clear()
    return "deploy --env development"


def rolled_back(typist: Typist) -> str:
    """The environment is held after a rollback, and the head is what was rolled back."""
    everywhere(typist)
    work(typist.world)
    typist.type("deploy --env development")
    assert typist.type("rollback --env development --reason x --yes").code == 0
    return "deploy --env development"


def rolled_back_before(typist: Typist) -> str:
    """Staging went back from what production is to get."""
    gate(typist.world, e2e="full")
    everywhere_with_gates(typist)
    head = work(typist.world)
    for line in ("deploy --env development", "promote --to staging"):
        assert typist.type(line).code == 0
    assert typist.type("test-e2e --env staging --suite full").code == 0
    typist.world.remote.refs["refs/heads/main"] = head
    assert typist.type("rollback --env staging --reason x --yes").code == 0
    typist.typed.clear()
    return "deploy --env production --yes"


def frozen(typist: Typist) -> str:
    """The environment is frozen."""
    everywhere(typist)
    work(typist.world)
    assert typist.type("freeze --env development --until 2099-01-01 --reason x").code == 0
    return "deploy --env development"


def diverged(typist: Typist) -> str:
    """`main` has a fix that staging lacks."""
    everywhere(typist)
    work(typist.world, "main", fix="1")
    work(typist.world)
    typist.type("deploy --env development")
    return "promote --to staging" if typist.type("promote --to staging").code else "promote --to production"


def gates_missing(typist: Typist) -> str:
    """Production demands a test and an approval."""
    gate(typist.world, e2e="full", approval=1)
    for line in ("deploy --env development", "promote --to staging"):
        typist.type(line)
    return "promote --to production"


def unit_tests_missing(typist: Typist) -> str:
    """Production demands the app's unit tests."""
    own_tests(typist.world)
    gate(typist.world, unit=True)
    for line in ("deploy --env development", "promote --to staging"):
        typist.type(line)
    return "promote --to production"


def integration_tests_missing(typist: Typist) -> str:
    """Production demands the app's integration tests."""
    own_tests(typist.world)
    gate(typist.world, integration=True)
    for line in ("deploy --env development", "promote --to staging"):
        typist.type(line)
    return "promote --to production"


def drill_missing(typist: Typist) -> str:
    """Production demands a drill on staging."""
    production = typist.world.settings.environments["production"]._replace(drill_days=7)
    typist.world.settings.environments["production"] = production  # type: ignore[index]
    driver = typist.world.drivers["staging"]

    def publish() -> None:
        assert driver.workspace is not None
        files = typist.world.remote.commits[driver.workspace.commit].files
        driver.serve(driver.workspace, pages=(("/", 500 if files["index.html"] == "BROKEN" else 200),))

    driver.faults["publish"] = publish
    for line in ("deploy --env development", "promote --to staging"):
        typist.type(line)
    return "promote --to production"


def irreversible(typist: Typist) -> str:
    """A migration of production has no way back."""
    everywhere(typist)
    work(typist.world, **{SECOND: "drop table a;"})
    for line in ("deploy --env development", "promote --to staging"):
        typist.type(line)
    return "promote --to production"


def overtaken(typist: Typist) -> str:
    """A newer migration is applied, and an older one is pending."""
    everywhere(typist)
    work(typist.world, **{SECOND: "create table b ();"})
    typist.type("deploy --env development")
    late = SECOND.replace("0102", "0101").replace("more", "late").replace("000000", "120000")
    work(typist.world, **{late: "create table c ();"})
    return "deploy --env development"


def dead_run(typist: Typist) -> str:
    """A run died and left its lock."""
    everywhere(typist)
    work(typist.world)
    with typist.patch.context() as patch:
        patch.setattr(steps, "recover", lambda _run, error: error)
        patch.setitem(
            typist.world.drivers["development"].faults, "publish", lambda: (_ for _ in ()).throw(Stop("x"))
        )
        assert typist.type("deploy --env development").code
    return "deploy --env development"


def dead_backmerge(typist: Typist) -> str:
    """A back-merge died and left its locks."""
    everywhere(typist)
    work(typist.world, "main", fix="1")
    lock = new_lock(typist.world.desk("Eve"), "staging", "backmerge", typist.world.head("main"), run="r9")
    held = HeldLock(typist.world.desk("Eve"), lock)
    held.acquire()
    held.stop()
    return "backmerge --all --yes"


def never_tried(typist: Typist) -> str:
    """Somebody approves what was live nowhere."""
    everywhere(typist)
    typist.world.remote.refs["refs/heads/staging"] = work(typist.world)
    return f"approve --env staging --commit {typist.world.head('staging')[:12]}"


def already_fixed(typist: Typist) -> str:
    """The hotfix is on `main` already, and more."""
    everywhere(typist)
    typist.world.remote.refs["refs/heads/hotfix/x"] = typist.world.head("main")
    work(typist.world)
    everywhere(typist)
    return "hotfix --branch hotfix/x"


def no_hotfix(typist: Typist) -> str:
    """A branch of the chain is no hotfix."""
    everywhere(typist)
    return "hotfix --branch main"


def grey(typist: Typist) -> str:
    """By squashes `develop` can't be merged into staging any more: CI's deploy says what takes it over."""
    world = typist.world
    world.remote.refs["refs/heads/staging"] = world.head("develop")
    for number in (1, 2, 3):
        work(world, app=str(number))
        typist.type("deploy --env development")
        if number < 3:
            files = dict(world.remote.commits[world.head("develop")].files)
            world.remote.refs["refs/heads/staging"] = world.remote.add(
                files, (world.head("staging"),), "Ada", "squash"
            )
            typist.type("deploy --env staging")
    return str(typist.type("deploy --env staging").hint).split("`")[1].removeprefix("invoke ")


def waits_for_a_fix(typist: Typist) -> str:
    """Staging has a fix beside develop's work on another file: the plan of the back-merge is done."""
    everywhere(typist)
    work(typist.world, "staging", fix="1")
    work(typist.world, other="1")
    typist.type("deploy --env development")
    return "promote --to staging"


def unreadable_event(typist: Typist) -> str:
    """Somebody pushed to the ledger what is no event."""
    everywhere(typist)
    refs = typist.world.remote.refs
    tip = refs["refs/heads/deploy-ledger"]
    refs["refs/heads/deploy-ledger"] = typist.world.remote.commit({"event.json": "nonsense"}, tip)
    return "ledger.check"


def unknown_event(typist: Typist) -> str:
    """An event is named that is none."""
    unreadable_event(typist)
    return "ledger.repair --event 1234567 --reason x"


def no_way_back(typist: Typist) -> str:
    """There is one release alone."""
    everywhere(typist)
    return "rollback --env production --yes"


def undone(typist: Typist) -> str:
    """A rollback is to be undone: its own hint says how."""
    everywhere(typist)
    work(typist.world)
    typist.type("deploy --env development")
    back = typist.type("rollback --env development --reason x --yes")
    return str(back.hint).split("`")[3].removeprefix("invoke ")


def earlier(typist: Typist) -> str:
    """A commit of the branch that is not its head is to be live."""
    everywhere(typist)
    first = typist.world.head("develop")
    work(typist.world)
    typist.type("deploy --env development")
    return f"deploy --env development --sha {first[:12]}"


def approved(typist: Typist) -> str:
    """What an approval says to type next."""
    for line in ("deploy --env development", "promote --to staging"):
        typist.type(line)
    said = typist.type("approve --env staging", "Bob").hint
    return str(said).split("`")[1].removeprefix("invoke ")


def noticed(typist: Typist) -> str:
    """What the notice of a rollback says."""
    rolled_back(typist)
    return "release-hold --env development --reason TEXT"


def gate(world: World, **demands: Any) -> None:
    """Production gets gates."""
    production = world.settings.environments["production"]._replace(gates=Gates(**demands))
    world.settings.environments["production"] = production  # type: ignore[index]


def own_tests(world: World) -> None:
    """The app has tests of its own, and one of them passes."""
    passing = (sys.executable, "-c", "print('1 passed')")
    object.__setattr__(world.settings, "tests", AppTests(unit=passing, integration=passing))
    object.__setattr__(world.settings, "app", world.settings.app._replace(install=()))


def everywhere_with_gates(typist: Typist) -> None:
    """As `everywhere`, past the gates."""
    for line in ("deploy --env development", "promote --to staging"):
        typist.type(line)
    typist.until_good("promote --to production")
    typist.typed.clear()
