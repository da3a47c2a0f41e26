"""Rehearsals: up, down, compare, up again, over databases that record what is done to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.database.migrations import apply, rehearse
from scripts.database.migrations.apply import ScratchProject
from scripts.database.migrations.files import Migration
from scripts.database.migrations.rehearse import Rehearsed
from scripts.database.postgres.url import Database
from scripts.database.request import RehearseRequest
from scripts.system.secret import Secret
from tests.fakes.world import Notes
from tests.support.tables import settings

ONE, TWO, THREE = (Migration(str(n), f"{n}_x.sql", f"select {n}") for n in (1, 2, 3))
ALL = (ONE, TWO, THREE)
SERVER = Database("127.0.0.1", 1, "fresh", "postgres", Secret("password-1"), "disable")


class World:
    """Scratch databases whose copies, pushes and undos are recorded."""

    def __init__(self) -> None:
        self.server = SERVER
        self.log: list[str] = []
        self.faults: dict[str, str] = {}

    def copy(self, source: str, name: str) -> Database:
        self.log.append(f"{source} -> {name}")
        return replace(SERVER, name=name)

    def run(self, *scripts: Migration) -> list[Rehearsed]:
        desk: Any = None
        databases: Any = self
        return list(rehearse.rehearse(ScratchProject(desk, Path(), Path(), databases), ALL, scripts))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Pushes and undos go to the world's log."""
    made = World()

    def push(_desk: object, _binary: object, database: Database, migrations: Any, **_more: object) -> float:
        made.log.append(f"push {migrations[-1].version} to {database.name}")
        return 1.5

    def undo(_project: object, work: Database, before: Database, script: Migration) -> str | None:
        made.log.append(f"undo {script.version} in {work.name}, like {before.name}")
        return made.faults.get(script.version)

    monkeypatch.setattr(apply, "apply", push)
    monkeypatch.setattr(rehearse, "undo", undo)
    return made


def test_a_script_is_proven_by_up_down_and_up_again(world: World) -> None:
    """Migrations before the first script are pushed in one go."""
    results = world.run(TWO)

    assert world.log == [
        "fresh -> work",
        "push 1 to work",
        "work -> before",
        "push 2 to work",
        "undo 2 in work, like before",
        "push 2 to work",
        "push 3 to work",
    ]
    assert [(each.result, each.seconds) for each in results] == [
        ("missing", None),
        ("proven", 1.5),
        ("missing", 1.5),
    ]


def test_a_wrong_script_does_not_spoil_the_next_one(world: World) -> None:
    """The database is taken back to the state before."""
    world.faults["2"] = "drop column c"
    results = world.run(TWO, THREE)

    assert world.log[4:7] == ["undo 2 in work, like before", "before -> work", "push 2 to work"]
    assert [each.result for each in results] == ["missing", "wrong", "proven"]
    assert results[1].fault == "drop column c"


def test_without_scripts_everything_is_pushed_at_once(world: World) -> None:
    """No migration has a time of its own then."""
    results = world.run()

    assert world.log == ["fresh -> work", "push 3 to work"]
    assert [each.result for each in results] == ["missing"] * 3


def test_a_script_with_its_own_transaction_is_wrong_without_a_run() -> None:
    """All scripts of a rollback run in one transaction."""
    nobody: Any = SimpleNamespace()
    script = Migration("2", "2_x.sql", "begin; select 1; commit")

    assert (
        rehearse.undo(nobody, nobody, nobody, script)
        == "it holds `begin`: all scripts run in one transaction"
    )


def test_wrong_scripts_and_strays_are_faults() -> None:
    """A script without a migration has a slip in its name."""
    results = [Rehearsed(ONE, "proven"), Rehearsed(TWO, "wrong", 1.0, "first line\nsecond")]
    stray = Migration("9", "9_x.sql", "")

    assert list(rehearse.script_faults(results, ALL, [TWO, stray])) == [
        "`2_x.sql`: first line",
        "`9_x.sql` has no migration of its version",
    ]


def test_long_differences_are_cut_and_blank_lines_left_out() -> None:
    """Thirty lines tell enough."""
    assert rehearse.shortened("a\n\n  \nb") == "a\nb"
    assert rehearse.shortened("\n".join(["x"] * 33)).endswith("x\n... and 3 more lines")
    assert rehearse.shortened("\n\n") == ""


def test_the_proofs_digest_does_not_depend_on_times() -> None:
    """The same results have the same digest."""
    row = {"version": "2", "pair": "proven"}
    proofs = [rehearse.proof({"2": "d"}, [{**row, "seconds": seconds}]) for seconds in (1.0, 2.0)]

    assert proofs[0] == proofs[1]
    assert (proofs[0]["what"], proofs[0]["pairs"]) == ("rehearsal", {"2": "d"})
    assert rehearse.proof({}, [{**row, "pair": "wrong"}])["digest"] != proofs[0]["digest"]


@pytest.mark.parametrize("fits", [True, False])
def test_on_a_scratch_database_alone_nothing_is_recorded(
    fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No environment is asked; what its branch lacks is annotated, and types that do not fit."""
    kept = {"drop_old": "create table a (b int);\n\ndrop table old;\n"}
    new = Migration("2", "2_drop_old.sql", kept["drop_old"])
    folders = {
        "c" * 40: SimpleNamespace(migrations=(ONE, new), faults=()),
        "b" * 40: SimpleNamespace(migrations=(ONE,)),
    }
    remote = SimpleNamespace(head=lambda _environment: "b" * 40, refs={}, ledger=None)
    git = SimpleNamespace(resolve=lambda *_: "c" * 40, read_file=lambda *_: "types")
    desk: Any = SimpleNamespace(settings=settings(supabase__types="db.ts"), progress=Notes(), git=git)
    monkeypatch.setattr(rehearse, "observe_remote", lambda _desk: remote)
    monkeypatch.setattr(rehearse, "folder_of", lambda _desk, commit: folders[commit])
    monkeypatch.setattr(rehearse, "rollbacks_of", lambda *_: ())
    monkeypatch.setattr(rehearse, "lints", lambda _migrations: {})
    results = [Rehearsed(each, "missing") for each in (ONE, new)]
    unfit = [] if fits else ["`public.t` is missing"]
    monkeypatch.setattr(rehearse, "_rehearse", lambda *_: (results, unfit))
    for name in ("dry_run_pending", "record"):
        monkeypatch.setattr(rehearse, name, lambda *_, **__: pytest.fail("an environment was asked"))

    outcome = rehearse.rehearse_scripts(desk, RehearseRequest(env="staging", sha="x", scratch=True))

    note, *others = outcome.data["annotations"]
    assert [each["file"] for each in others] == ([] if fits else ["db.ts"])
    assert outcome.ending == ("done" if fits else "failed")
    assert (note["file"], note["line"], note["severity"]) == (
        "supabase/migrations/2_drop_old.sql",
        3,
        "warning",
    )
    assert note["message"].startswith("irreversible")
