"""`db.status`: each database against the commit that is live there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from scripts.config.settings import Environment
from scripts.database.migrations import status
from scripts.database.migrations.files import Applied
from scripts.database.postgres.trouble import READ_ONLY
from scripts.database.request import DatabaseStatusRequest
from scripts.errors import Refused, Unreachable
from scripts.git.files import TreeFile
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import Remote
from tests.fakes.database import FakeDatabase

STAGING = Environment("staging", "staging", "http://127.0.0.1:9")
PRODUCTION = Environment("production", "main", "http://127.0.0.1:9")
FILES = {"20240101000000_a.sql": "select 1", "20240102000000_b.sql": "select 2"}
ROW = Applied("20240101000000", "a", ("select 1",))
HEAD = Remote({"refs/heads/staging": "head", "refs/heads/main": "head"}, Ledger(None, ()))


class World:
    """Two environments, their histories, and a commit's files."""

    def __init__(self) -> None:
        self.remote = HEAD
        self.database = FakeDatabase()
        self.tables = frozenset({"table public.a", "table public.b"})
        self.files: dict[str, str | None] = dict(FILES)
        self.histories: dict[str, Any] = {"staging": (ROW,), "production": (ROW,)}
        self.asked: list[str] = []
        self.notes: list[str] = []
        git = SimpleNamespace(read_tree=self.read_tree, resolve=lambda sha, _refs: f"resolved {sha}")
        self.desk: Any = SimpleNamespace(
            settings=Settings(),
            git=git,
            progress=SimpleNamespace(note=self.notes.append, show=self.notes.extend),
            now=lambda: "2024-06-01T00:00:00+00:00",
        )

    def read_tree(self, commit: str, _folder: str) -> tuple[TreeFile, ...]:
        self.asked.append(commit)
        gone = "is a symlink to a file that the commit lacks"
        return tuple(TreeFile(name, text, "" if text else gone) for name, text in self.files.items())

    def applied(self, _desk: object, environment: Environment) -> Any:
        history = self.histories[environment.name]
        if isinstance(history, Exception):
            raise history
        return history


class Settings:
    """Both environments."""

    app = SimpleNamespace(migrations="supabase/migrations", rollbacks="supabase/rollbacks")
    supabase = SimpleNamespace(functions="")

    def __iter__(self) -> Any:
        return iter((STAGING, PRODUCTION))

    def environment(self, name: str) -> Environment:
        return {"staging": STAGING, "production": PRODUCTION}[name]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """The remote and the histories come from the world."""
    made = World()
    monkeypatch.setattr(status, "observe_remote", lambda _: made.remote)
    monkeypatch.setattr(status, "applied_migrations", made.applied)
    monkeypatch.setattr(status, "required_postgres", lambda *_: made.database)
    monkeypatch.setattr(status, "app_tables", lambda *_: made.tables)
    return made


def test_pending_migrations_are_no_fault(world: World) -> None:
    """They are counted."""
    outcome = status.database_status(world.desk, DatabaseStatusRequest())

    assert (outcome.ending, outcome.message) == ("done", "2 databases: histories and files agree")
    assert world.notes[0] == "staging      behind   at 20240101000000, 1 pending"
    assert outcome.data["environments"][0]["pending"] == ["20240102000000_b.sql"]


def test_a_disagreement_is_a_failure(world: World) -> None:
    """Each problem is listed with its environment."""
    world.histories["production"] = (ROW, Applied("20240103000000", "gone"))
    outcome = status.database_status(world.desk, DatabaseStatusRequest())
    document = outcome.data["environments"][1]

    assert outcome.code == 1
    assert "production: applied, but not a file of the commit: `20240103000000`" in outcome.message
    assert (document["state"], document["unrecorded"]) == ("diverged", ["20240103000000"])


def test_a_read_only_database_is_a_problem(world: World) -> None:
    """With what to do."""
    world.database.unwritable = READ_ONLY
    outcome = status.database_status(world.desk, DatabaseStatusRequest(env="staging"))

    assert outcome.code == 1
    assert "staging: the database is read-only: look at its disk usage" in outcome.message


def test_what_has_a_problem_is_not_called_equal(world: World) -> None:
    """Whatever the versions say."""
    world.files.pop("20240102000000_b.sql")
    status.database_status(world.desk, DatabaseStatusRequest(env="staging"))
    world.database.unwritable = READ_ONLY
    status.database_status(world.desk, DatabaseStatusRequest(env="staging"))

    assert [line.split()[1] for line in world.notes] == ["equal", "differs"]


LIVE = {"schema": "20240102000000", "tables": ["table public.a", "table public.b"]}
BOTH = (ROW, Applied("20240102000000", "b", ("select 2",)))


def released(world: World, **later: str) -> None:
    """Both migrations went live on staging; `later`: kinds of events after that."""
    events = [Event("staging", "release", "done", "v1", "c1", "Ada", "t", "r", LIVE)]
    events += [Event("staging", kind, ending, "", "c1", "Ada", "t", "r") for kind, ending in later.items()]
    world.remote = Remote(HEAD.refs, Ledger("x", tuple(events)))
    world.histories["staging"] = BOTH


def problems(world: World) -> list[str]:
    """Of staging."""
    outcome = status.database_status(world.desk, DatabaseStatusRequest(env="staging"))
    assert outcome.code == bool(outcome.data["environments"][0]["problems"])
    return list(outcome.data["environments"][0]["problems"])


def test_what_the_ledger_knows_better_is_a_problem(world: World) -> None:
    """A history that was emptied, its newest row deleted, a table dropped by hand."""
    released(world)
    assert problems(world) == []
    world.histories["staging"] = ()
    assert problems(world) == ["the history is empty, though v1 was released with schema `20240102000000`"]
    world.histories["staging"] = BOTH[:1]
    assert problems(world) == [
        "the history lost `20240102000000`, which v1 was released with; it ends at `20240101000000`"
    ]
    world.histories["staging"], world.tables = BOTH, frozenset({"table public.a"})
    assert problems(world) == ["gone since v1, though no migration dropped it: `table public.b`"]


@pytest.mark.parametrize(("kind", "ending", "matters"), [
    ("restore", "done", False), ("refresh", "done", False),
    ("restore", "error", True), ("proof", "done", True),
])  # fmt: skip
def test_a_restore_makes_the_release_no_measure(
    world: World, kind: str, ending: str, *, matters: bool
) -> None:
    """The database is what the backup held."""
    released(world, **{kind: ending})
    world.histories["staging"], world.tables = BOTH[:1], frozenset()

    assert bool(problems(world)) == matters


def test_files_that_are_not_what_they_seem_are_problems(world: World) -> None:
    """A version that is no time is said too."""
    world.files |= {"20240103000000-c.sql": "x", "1_d.sql": "x", "20240104000000_e.sql": None}
    outcome = status.database_status(world.desk, DatabaseStatusRequest())

    assert outcome.data["environments"][0]["malformed"] == [
        "`20240103000000-c.sql` is skipped by the Supabase CLI: no `_` follows its version",
        "`20240104000000_e.sql` is a symlink to a file that the commit lacks",
        "`1_d.sql`: its version is not a time (`YYYYMMDDHHMMSS`)",
    ]
    assert outcome.code == 1


def test_versions_of_an_old_habit_are_told_and_no_problem(world: World) -> None:
    """A number, a day, and whatever stands in the history already."""
    world.files |= {"001_init.sql": "x", "20250115_day.sql": "y", "20240105_1.sql": "z"}
    outcome = status.database_status(world.desk, DatabaseStatusRequest())
    (first, *_) = outcome.data["environments"]

    assert first["untimed"] == ["001_init.sql", "20240105_1.sql", "20250115_day.sql"]
    assert first["malformed"] == []
    assert not any("not a time" in problem for problem in first["problems"])


def test_a_database_that_does_not_answer_is_a_problem_of_its_own(world: World) -> None:
    """The others are shown all the same."""
    world.histories["staging"] = Unreachable("no connection\nmore")
    outcome = status.database_status(world.desk, DatabaseStatusRequest())

    assert outcome.data["environments"][0] == {
        "name": "staging",
        "state": "unknown",
        "schema": None,
        "problems": ["no connection"],
        "code": 3,
    }
    assert outcome.data["environments"][1]["state"] == "behind"
    assert (outcome.code, outcome.message.partition(":")[0]) == (3, "not all could be compared")


@pytest.mark.parametrize(
    ("sha", "live", "commit", "asked"),
    [
        ("v7", "c1", "resolved v7", ["resolved v7"]),
        ("", "c1", "c1", ["c1", "head"]),
        ("", "", "head", ["head"]),
    ],
)
def test_the_commit_is_the_one_named_or_live_or_the_head(
    world: World, sha: str, live: str, commit: str, asked: list[str]
) -> None:
    """In this order. Of the head the file names are looked at as well: its release would be refused."""
    event = Event("staging", "release", "done", "v1", live, "Ada", "t", "r")
    remote = Remote(HEAD.refs, Ledger("x", (event,) if live else ()))

    assert status.schema_status(world.desk, remote, STAGING, sha).commit == commit
    assert world.asked == asked


def test_an_environment_without_database_or_branch_is_refused(world: World) -> None:
    """There is nothing to compare."""
    with pytest.raises(Refused, match="the remote has no branch `staging`"):
        status.schema_status(world.desk, Remote({}, Ledger(None, ())), STAGING)
    world.histories["staging"] = None
    with pytest.raises(Refused, match="staging has no database"):
        status.schema_status(world.desk, HEAD, STAGING)


def rolled_back(*bad: str) -> Remote:
    """`live` is live on staging again, after these were rolled back."""
    at = "2024-05-01T00:00:00+00:00"
    events = [Event("staging", "release", "done", "v1", "live", "Ada", at, "r1")]
    for number, commit in enumerate(bad, 2):
        events.append(Event("staging", "release", "done", f"v{number}", commit, "Ada", at, f"r{number}"))
        detail = {"bad": commit}
        events.append(Event("staging", "rollback", "done", "v9", "live", "Ada", at, f"b{number}", detail))
    return Remote({"refs/heads/staging": "live"}, Ledger("tip", tuple(events)))


def test_a_schema_that_a_rollback_left_ahead_is_no_disagreement(world: World) -> None:
    """Its versions are those of the release that was rolled back; the line says it."""
    files = {"live": {"20240101000000_a.sql": "select 1"}, "bad": FILES}
    world.read_tree = lambda commit, _folder: tuple(  # type: ignore[method-assign]
        TreeFile(name, text, "") for name, text in files[commit].items()
    )
    world.desk.git.read_tree = world.read_tree
    world.remote = rolled_back("bad")
    world.histories["staging"] = (ROW, Applied("20240102000000", "b", ("select 2",)))
    outcome = status.database_status(world.desk, DatabaseStatusRequest(env="staging"))

    assert (outcome.code, outcome.data["environments"][0]["ahead"]) == (0, ["20240102000000"])
    assert world.notes == [
        "staging      equal    at 20240102000000, 1 ahead of the code since a rollback",
    ]


def test_a_version_that_no_release_had_is_one_all_the_same(world: World) -> None:
    """Somebody applied it by hand."""
    world.desk.git.read_tree = lambda *_: (TreeFile("20240101000000_a.sql", "select 1", ""),)
    world.remote = rolled_back("bad")
    world.histories["staging"] = (ROW, Applied("20240102000000", "b", ("select 2",)))
    outcome = status.database_status(world.desk, DatabaseStatusRequest(env="staging"))

    assert (outcome.code, outcome.data["environments"][0]["ahead"]) == (1, [])
