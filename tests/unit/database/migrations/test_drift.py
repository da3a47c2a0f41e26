"""`db.drift`: what is compared, and how differences are told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.config import supabase_cli
from scripts.config.settings import Environment
from scripts.database.migrations import drift
from scripts.database.migrations.files import Applied, Migration
from scripts.database.migrations.replayed import Replay
from scripts.database.request import DriftRequest
from scripts.errors import CommandFailed, Refused, ReleaseFailed

SCHEMA = {"table public.t": ("column id: integer",)}
OTHER = {"table public.t": ("column id: bigint",), "view public.v": ("select 1",)}
ROW = Applied("1", "a", ("select 1",))


class World:
    """Databases that are known by name, with their schemas and histories."""

    def __init__(self) -> None:
        self.schemas: dict[str, Any] = {"staging": SCHEMA, "production": SCHEMA, "replay": SCHEMA}
        self.histories: dict[str, tuple[Applied, ...]] = {"staging": (ROW,), "production": (ROW,)}
        self.notes: list[str] = []
        self.replay_error: ReleaseFailed | None = None
        self.replayed: list[str] = []
        self.parts: dict[str, Any] = {}
        self.status = SimpleNamespace(
            applied=(ROW,), committed=(), problems=(), document=lambda: {"state": "equal"}
        )
        self.desk: Any = SimpleNamespace(
            settings=SimpleNamespace(environment=lambda name: Environment(name, name, "http://x")),
            progress=SimpleNamespace(note=self.notes.append, show=self.notes.extend),
        )

    def __call__(self, **options: str) -> Any:
        return drift.drift(self.desk, DriftRequest(**options))

    @contextlib.contextmanager
    def replay(
        self, _desk: object, _environment: object, migrations: list[Migration], _original: object
    ) -> Iterator[Replay]:
        self.replayed = [migration.file for migration in migrations]
        database: Any = "replay"
        yield Replay(database, self.replay_error, **self.parts)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything that needs a server comes from the world."""
    made = World()
    monkeypatch.setattr(drift, "required_database", lambda _, environment: environment.name)
    monkeypatch.setattr(
        drift, "applied_migrations", lambda _, environment: made.histories[environment.name]
    )
    monkeypatch.setattr(drift, "_schema_of", lambda name: (17, made.schemas[name]))
    monkeypatch.setattr(drift, "_sql_difference", lambda _, old, new: f"from {old} to {new}")
    monkeypatch.setattr(drift, "replayed", made.replay)
    monkeypatch.setattr(drift, "schema_status", lambda *_: made.status)
    monkeypatch.setattr(drift, "observe_remote", lambda _: None)
    monkeypatch.setattr(drift, "applied_versions", lambda _: {"1"})
    return made


@pytest.mark.parametrize(
    "options", [{}, {"against": "hopes"}, {"to": "production", "against": "migrations"}]
)
def test_one_other_side_must_be_named(world: World, options: dict[str, str]) -> None:
    """The hint can be pasted."""
    with pytest.raises(Refused) as error:
        world(from_="staging", **options)

    assert error.value.hint == "`invoke db.drift --from staging --against migrations`"


def test_equal_databases_have_no_drift(world: World) -> None:
    """Then the CLI is not asked for SQL."""
    outcome = world(from_="staging", to="production")

    assert (outcome.message, outcome.code) == ("no drift: production is staging", 0)
    assert (outcome.data["drift"], outcome.data["sql"], outcome.data["state"]) == (False, None, "equal")


def test_schemas_and_histories_are_both_compared(world: World) -> None:
    """Seen from `--from`."""
    world.schemas["production"] = OTHER
    world.histories["production"] = (ROW, Applied("2", "b", ("select 2",)))
    outcome = world(from_="staging", to="production")

    assert (
        outcome.message == "drift: production is not staging (2 things differ)\n  | only production has `2`"
    )
    assert outcome.data["only_new"] == ("2",)
    assert outcome.data["sql"] == "from staging to production"
    assert world.notes == [
        "[-words-] or `-`: only in staging",
        "{+words+} or `+`: only in production",
        "table public.t: changed",
        "  column id: [-integer-]{+bigint+}",
        "view public.v: only in production",
        "  + select 1",
    ]


def test_a_long_difference_is_cut_for_people_only(world: World) -> None:
    """JSON has all of it."""
    world.schemas["production"] = {f"view public.v{n:03}": ("select 1",) for n in range(99)}
    outcome = world(from_="staging", to="production")

    assert len(outcome.data["differences"]) == 100
    assert len(world.notes) == 63
    assert world.notes[-1] == "... and 140 more lines: `--json` has them"


def test_only_applied_versions_are_replayed_and_the_first_of_two_files(world: World) -> None:
    """As the CLI would have applied them."""
    files = [Migration("1", "1_a.sql", ""), Migration("1", "1_b.sql", ""), Migration("2", "2_c.sql", "")]
    world.status.committed = tuple(files)
    outcome = world(from_="staging", against="migrations")

    assert world.replayed == ["1_a.sql"]
    assert (outcome.message, outcome.data["replayed"]) == (
        "no drift: staging is what its migrations make",
        1,
    )


def test_migrations_that_can_not_be_replayed_are_drift(world: World) -> None:
    """The first file that is missing afterwards is named, with the CLI's first lines."""
    world.status.applied = (ROW, Applied("2", "b"))
    world.status.committed = (Migration("1", "1_a.sql", ""), Migration("2", "2_b.sql", ""))
    world.replay_error = ReleaseFailed("can't\n  be\n  applied\n  really")
    outcome = world(from_="staging", against="migrations")

    assert outcome.message == (
        "drift: staging is not its migrations"
        "\n  | can't be replayed from empty: `2_b.sql`: can't be applied"
    )
    assert (outcome.code, outcome.data["differences"]) == (1, [])


def test_what_needs_a_missing_extension_is_not_compared_and_never_drift(world: World) -> None:
    """What was left out is named, with the way to compare all; what differs besides is drift."""
    world.replay_error = ReleaseFailed('extension "vector" is not available')
    world.parts = {"lacking": ("vector",), "hidden": ("view public.v",), "major": 17}
    world.schemas["staging"] = {**SCHEMA, "view public.v": ("select 1",)}
    outcome = world(from_="staging", against="migrations")
    world.schemas["staging"] = OTHER
    drifted = world(from_="staging", against="migrations")

    assert outcome.message == (
        "no drift: staging is what its migrations make\n  | not compared, for want of `vector`: 1 things"
    )
    assert (outcome.code, outcome.data["not_compared"]) == (0, ["view public.v"])
    assert "postgresql-17-pgvector" in (outcome.hint or "")
    assert (drifted.code, [each["thing"] for each in drifted.data["differences"]]) == (
        1,
        ["table public.t"],
    )


def test_the_difference_in_sql_is_left_out_where_the_cli_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """People read why."""
    notes: list[str] = []

    def find(*_: object) -> None:
        raise CommandFailed("no CLI\nmore")

    monkeypatch.setattr(supabase_cli, "find", find)
    desk: Any = SimpleNamespace(
        git=SimpleNamespace(folder=None),
        settings=SimpleNamespace(supabase=SimpleNamespace(cli="")),
        progress=SimpleNamespace(note=notes.append, show=notes.extend),
    )
    database: Any = None

    assert drift._sql_difference(desk, database, database) is None
    assert notes == ["no difference in SQL: no CLI"]
