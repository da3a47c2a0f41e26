"""`status`, `history` and `lock.show`: what runs where, and everything that disagrees."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, cast

import pytest

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.postgres.client import Row
from scripts.errors import Unreachable
from scripts.git.files import TreeFile
from scripts.release.commands import deploy, promote, rollback
from scripts.release.freeze import freeze
from scripts.release.history import history
from scripts.release.request import (
    DeployRequest,
    FreezeRequest,
    HistoryRequest,
    LocksRequest,
    PromoteRequest,
    RollbackRequest,
    StatusRequest,
)
from scripts.release.status import show_locks, status
from scripts.replit import drivers
from scripts.replit.live import Answer
from scripts.state import remote
from scripts.state.remote import record
from tests.fakes.driver import FakeDriver
from tests.fakes.git import FakeGit
from tests.fakes.world import Notes, World, ending
from tests.unit.release.samples import begun

FIRST, SECOND = "20240101000000", "20240102000000"


JSON: dict[str, Any] = {"json": True}


def look(world: World) -> dict[str, dict[str, Any]]:
    """The environments of `status`, by name."""
    return {each["name"]: dict(each) for each in status(world.desk(), StatusRequest()).data["environments"]}


def problems(world: World, name: str = "development") -> list[str]:
    """What `status` says against one of them."""
    return list(look(world)[name]["problems"])


@pytest.fixture
def first(world: World) -> str:
    """v1 is live on development; gives its commit."""
    deploy(world.desk(), DeployRequest(env="development"))
    return world.head("develop")


# -------------------------------------------------------------------------------------------- status


def test_an_address_where_two_commits_answer_in_turn_is_named(world: World, first: str) -> None:
    """One answer of several shows it, whichever comes first."""
    driver = world.drivers["development"]
    turns = iter(range(100))
    driver.faults["live"] = lambda: (
        replace(driver.served, commit="0" * 40) if next(turns) % 4 == 3 else driver.served
    )

    (problem,) = problems(world)

    assert (
        f"it flaps: of 4 answers at the same time, `{first[:12]}` 3 times, `{'0' * 12}` 1 times" in problem
    )


def test_pages_are_asked_for_once(world: World, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the other looks at the same time the stamp alone counts; a broken page is a problem as ever."""
    asked: list[tuple[str, ...]] = []

    def looking(desk: Desk, environment: Environment) -> FakeDriver:
        asked.append(desk.settings.verify.paths)
        return world.drivers[environment.name]

    pages = world.settings.verify.paths
    for name in drivers.DRIVERS:
        monkeypatch.setitem(drivers.DRIVERS, name, looking)
    driver = world.drivers["development"]
    driver.faults["live"] = lambda: replace(driver.served, pages=(("/", 500),))

    assert f"v1 is `{first[:12]}`, but live: `/` gives 500" in problems(world)
    assert pages
    assert {*asked} == {pages, ()}


def test_files_of_a_commit_are_read_once_for_all_environments(
    world: World, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that run the same commit ask git for the same folder at the same time."""
    promote(world.desk(), PromoteRequest(to="staging"))
    promote(world.desk(), PromoteRequest(to="production", yes=True))
    read, kept = list[tuple[str, str]](), FakeGit.read_tree

    def read_tree(git: FakeGit, commit: str, folder: str) -> tuple[TreeFile, ...]:
        read.append((commit, folder))
        time.sleep(0.01)
        return kept(git, commit, folder)

    monkeypatch.setattr(FakeGit, "read_tree", read_tree)

    assert not [line for each in look(world).values() for line in each["problems"]]
    assert {commit for commit, _ in read} == {first}
    assert len({*read}) == len(read)


def test_a_workspace_that_would_be_refused_is_told_before(world: World, first: str) -> None:
    """By `status`, by a plan; a deploy is refused, a rollback keeps the work aside and goes on."""
    world.commit("develop", {"file": "second"})
    deploy(world.desk(), DeployRequest(env="development"))
    world.commit("develop", {"file": "third"})
    driver = world.drivers["development"]
    driver.dirty = "the workspace `dev` has changes that are in no commit"
    plan = deploy(world.desk(), DeployRequest(env="development", plan=True))

    assert driver.dirty in problems(world)
    assert (plan.code, plan.message) == (1, driver.dirty)
    assert ending(lambda: deploy(world.desk(), DeployRequest(env="development"))).message == driver.dirty
    plan = rollback(desk := world.desk(), RollbackRequest(env="development", plan=True))
    assert plan.code == 0
    assert [line for line in cast(Notes, desk.progress).lines if "it is kept aside there" in line]
    assert rollback(world.desk(), RollbackRequest(env="development")).code == 0
    assert (len(driver.kept), driver.served.commit) == (1, first)


def test_what_is_live_and_proven_has_no_problem(world: World, first: str) -> None:
    """All keys of the contract, and what the next environment would get."""
    development = look(world)["development"]

    assert development == {
        "name": "development",
        "branch": "develop",
        "head": first,
        "live": first,
        "release": "v1",
        "released_at": world.last("development").at,
        "schema": FIRST,
        "url": "https://dev.example.org",
        "lock": None,
        "hold": None,
        "freeze": None,
        "pending": {"commits": 1, "migrations": 1},
        "states": [],
        "problems": [],
    }


def test_the_message_counts(world: World, first: str) -> None:
    """Environments and problems; `all agree` when there is none."""
    assert status(world.desk(), StatusRequest()).message == "3 environments, 2 problems"
    promote(world.desk(), PromoteRequest(to="staging"))
    assert status(world.desk(), StatusRequest()).message == "3 environments, 1 problem"
    promote(world.desk(), PromoteRequest(to="production", yes=True))
    assert status(world.desk(), StatusRequest()).message == "3 environments, all agree"


def test_what_the_next_environment_lacks_is_counted(world: World, first: str) -> None:
    """Commits against its branch, migrations against its database."""
    promote(world.desk(), PromoteRequest(to="staging"))
    assert look(world)["development"]["pending"] == {"commits": 0, "migrations": 0}
    world.commit("develop", {f"supabase/migrations/{SECOND}_more.sql": "create table b ();"})
    world.commit("develop", {"file": "new"})

    assert look(world)["development"]["pending"] == {"commits": 2, "migrations": 1}
    assert look(world)["production"]["pending"] == {"commits": 0, "migrations": 0}


def test_where_nothing_was_released_the_first_command_is_named(world: World) -> None:
    """Nothing else is held against it."""
    assert problems(world) == ["nothing was released here yet: `invoke deploy --env development`"]
    assert look(world)["staging"]["head"] is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"commit": "f" * 40}, "`ffffffffffff` answers"),
        ({"pages": (("/", 500),)}, "`/` gives 500"),
        ({"schema": "1"}, "it was built for schema `1`"),
    ],
)
def test_what_answers_otherwise_is_not_the_release(
    world: World, first: str, changes: dict[str, Any], said: str
) -> None:
    """Both sides are named."""
    expected = world.drivers["development"].workspace
    world.drivers["development"].serve(expected, **changes)
    (problem,) = problems(world)

    assert problem.startswith(f"v1 is `{first[:12]}`, but live: ")
    assert said in problem


def test_a_url_that_does_not_answer(world: World, first: str) -> None:
    """The others are shown all the same."""
    world.drivers["development"].served = Answer(None, error="timed out")

    assert problems(world) == [f"v1 is `{first[:12]}`, but live: nobody answers: timed out"]
    assert look(world)["development"]["live"] is None


def test_a_database_that_can_not_be_read(world: World, first: str) -> None:
    """Its first line is the problem; no schema, no count of migrations."""

    def away() -> list[Row]:
        raise Unreachable("the database refuses\n  | many words")

    world.databases["development"].history = away  # type: ignore[method-assign]

    assert problems(world) == ["the database refuses"]
    assert look(world)["development"]["schema"] is None
    assert look(world)["staging"]["problems"] == [
        "nothing was released here yet: `invoke deploy --env staging`"
    ]


def test_a_head_that_is_not_live(world: World, first: str) -> None:
    """It was pushed, and not deployed."""
    head = world.commit("develop", {"file": "new"})

    assert problems(world) == [f"the head of `develop` is not live: `{head[:12]}`"]


@pytest.mark.parametrize("name", ["a\x1b[31m", "a\u202egnp", "a\nb", "\udcff", "\x07"])
def test_a_migration_whose_name_holds_what_can_not_be_seen(world: World, first: str, name: str) -> None:
    """It is counted or not, and ends nothing."""
    world.commit("develop", {f"supabase/migrations/20240102000000_{name}.sql": "select 1;"}, "odd")

    document = status(world.desk(), StatusRequest()).data["environments"][0]

    assert document["pending"]["commits"] == 2
    assert f"the head of `develop` is not live: `{world.head('develop')[:12]}`" in document["problems"]


def test_a_head_that_failed(world: World, first: str) -> None:
    head = world.commit("develop", {"file": "new"})
    record(world.desk(), "development", "release", "failed", commit=head, release="v2")

    assert problems(world) == ["the head of `develop` failed here as v2"]


def test_a_branch_that_is_gone(world: World, first: str) -> None:
    """Somebody deleted it."""
    del world.remote.refs["refs/heads/develop"]

    assert problems(world) == ["the head of `develop` is not live: missing"]


def test_a_head_that_was_rolled_back(world: World, first: str) -> None:
    """The environment is held, and says why; the branch is ahead of what is live."""
    world.commit("develop", {"file": "new"})
    deploy(world.desk(), DeployRequest(env="development"))
    rollback(world.desk(), RollbackRequest(env="development", reason="broken"))
    environment = look(world)["development"]

    assert environment["hold"] == "rolled back as v3: broken"
    assert environment["problems"] == []
    held = "held after a rollback (rolled back as v3: broken); when it is fixed: "
    lift = "`invoke release-hold --env development`"
    assert environment["states"] == [f"{held}{lift}", "branch ahead of live: rolled back"]
    said = status(world.desk(), StatusRequest()).message
    assert said == "3 environments, 2 problems; development is held after a rollback"


def test_a_hold_without_a_reason(world: World, first: str) -> None:
    world.commit("develop", {"file": "new"})
    deploy(world.desk(), DeployRequest(env="development"))
    rollback(world.desk(), RollbackRequest(env="development"))

    assert look(world)["development"]["hold"] == "rolled back as v3: no reason was given"


def test_a_freeze_is_a_state_until_it_is_over(world: World, first: str) -> None:
    freeze(world.desk(), FreezeRequest(env="development", until="2030-01-02T00:00Z", reason="the fair"))
    said = "until 2030-01-02T00:00:00+00:00: the fair"
    found = look(world)["development"]
    assert (found["problems"], found["states"], found["freeze"]) == ([], [f"frozen {said}"], said)
    world.clock.sleep(86400)

    assert problems(world) == []


def test_a_lock_is_a_problem_with_a_name(world: World, first: str) -> None:
    """The whole of it is in the document."""
    world.commit("develop", {"file": "new"})
    run = begun(world, actor="Bob")
    environment = look(world)["development"]

    assert environment["lock"]["run"] == run.id
    assert environment["problems"][0].startswith("locked by Bob on `laptop` since ")


def test_a_database_that_is_ahead(world: World, first: str) -> None:
    """The versions are named."""
    world.databases["development"].rows.append(Row(SECOND, "x", ()))

    assert problems(world) == [f"the database is ahead of v1: {SECOND}"]
    assert look(world)["development"]["schema"] == SECOND


def test_a_database_that_lacks_migrations(world: World, first: str) -> None:
    """Somebody has undone them."""
    world.databases["development"].rows.clear()
    world.databases["development"].kept.add(FIRST)

    assert problems(world) == [f"the database lacks migrations of v1: {FIRST}_first.sql"]


def test_a_table_that_was_dropped_by_hand(world: World, first: str) -> None:
    """The ledger knows what stood when the release was proven."""
    world.databases["development"].dropped.add(FIRST)

    assert problems(world) == [f"gone since v1, though no migration dropped it: table public.t{FIRST}"]


def test_a_migration_that_was_edited_after_it_was_applied(world: World, first: str) -> None:
    world.databases["development"].rows[0] = Row(FIRST, "first", ("create table other ();",))

    assert problems(world) == [f"edited after being applied: {FIRST}_first.sql"]


def test_two_files_of_one_version(world: World, first: str) -> None:
    """Only one of them can be in the history."""
    commit = world.commit("develop", {f"supabase/migrations/{FIRST}_twin.sql": "create table a ();"})
    record(world.desk(), "development", "release", commit=commit, release="v2", built_for=FIRST)
    driver = world.drivers["development"]
    driver.serve(driver.workspace, commit=commit)

    assert problems(world) == [f"two files of one version: {FIRST}"]


def test_a_release_whose_commit_this_clone_lacks(world: World, first: str) -> None:
    """A branch was rewritten: its migrations can't be compared, and the rest is still told."""
    desk = world.desk()
    read = desk.git.read_tree

    def read_tree(commit: str, folder: str) -> tuple[TreeFile, ...]:
        if commit == first:
            raise Unreachable("bad object")
        return read(commit, folder)

    desk.git.read_tree = read_tree  # type: ignore[method-assign]
    world.commit("develop", {"file": "new"})
    outcome = status(desk, StatusRequest())

    assert "is not live" in outcome.data["environments"][0]["problems"][0]


def test_an_environment_without_a_database(world: World, first: str) -> None:
    """It has no schema, and no problem by that."""
    development = world.settings.environments["development"]._replace(database=False)
    world.settings.environments["development"] = development  # type: ignore[index]

    assert problems(world) == []
    assert look(world)["development"]["schema"] is None


# ------------------------------------------------------------------------------------------- history


def test_an_empty_ledger(world: World) -> None:
    """Nothing was released; the document has an empty list."""
    outcome = history(world.desk(), HistoryRequest())

    assert (outcome.ending, outcome.data["events"]) == ("nothing", [])


def test_the_history_is_oldest_first(world: World, first: str) -> None:
    """Of one environment, by name or alias, or of all."""
    promote(world.desk(), PromoteRequest(to="staging"))
    record(world.desk("Bob"), "development", "approval")
    every = history(world.desk(), HistoryRequest(**JSON))
    one = history(world.desk(), HistoryRequest(env="dev", **JSON))

    assert [event["kind"] for event in every.data["events"]] == ["release", "release", "approval"]
    assert [event["actor"] for event in one.data["events"]] == ["Ada", "Bob"]
    assert {"environment", "release", "kind", "commit", "actor", "at", "ending"} <= set(
        one.data["events"][0]
    )
    assert every.message == "3 events"
    assert history(world.desk(), HistoryRequest(env="production")).ending == "nothing"


def test_the_history_has_figures(world: World, first: str) -> None:
    """Of one environment, or of the chain."""
    promote(world.desk(), PromoteRequest(to="staging"))
    every = history(world.desk(), HistoryRequest(stats=True, **JSON)).data
    one = history(world.desk(), HistoryRequest(env="staging", stats=True)).data

    assert len(every["stats"]) == 9
    assert [each["releases"] for each in one["stats"]] == [1, 1, 1]
    assert len(every["events"]) == 2


def test_an_environment_that_does_not_exist(world: World) -> None:
    """Refused by all three."""
    assert ending(lambda: history(world.desk(), HistoryRequest(env="qa"))).code == 1
    assert ending(lambda: show_locks(world.desk(), LocksRequest(env="qa"))).code == 1


# --------------------------------------------------------------------------------------------- locks


def test_nothing_is_locked(world: World) -> None:
    """Every environment is in the document."""
    outcome = show_locks(world.desk(), LocksRequest())

    assert outcome.ending == "nothing"
    assert outcome.data["locks"] == {"development": None, "staging": None, "production": None}


def test_a_lock_is_shown_with_its_holder(world: World) -> None:
    """Of one environment, or of all."""
    run = begun(world, actor="Bob")
    every = show_locks(world.desk(), LocksRequest())
    other = show_locks(world.desk(), LocksRequest(env="staging"))

    assert every.ending == "done"
    assert every.message.startswith("development is locked by Bob on `laptop` since ")
    assert every.data["locks"]["development"]["run"] == run.id
    assert (other.ending, other.data["locks"]) == ("nothing", {"staging": None})


def test_a_number_of_events_below_zero_is_refused(world: World) -> None:
    """It would leave out the oldest ones without a word."""
    error = ending(lambda: history(world.desk(), HistoryRequest(limit=-5)))
    assert (error.code, error.hint) == (2, "`-n 20`, or `-n 0` for all")


def test_a_desk_that_is_older_than_one_that_released_is_told_so(
    world: World, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the status, and before the next release, with the way out; a desk of the same version is not."""
    desk, notes = world.desk(), Notes()
    status(replace(desk, progress=notes), StatusRequest())
    assert "has used" not in "\n".join(notes.lines)

    monkeypatch.setattr(remote, "VERSION", "97.0.0")
    record(world.desk("Bob"), "development", "freeze", until="2030-01-01T00:00:00+00:00")
    status(replace(desk, progress=notes), StatusRequest())
    promote(replace(desk, progress=notes), PromoteRequest(to="staging", plan=True))

    told = [line for line in notes.lines if "and Bob has used 97.0.0 (development v1 freeze)" in line]
    assert ["pull --ff-only`" in line for line in told] == [True, True]
