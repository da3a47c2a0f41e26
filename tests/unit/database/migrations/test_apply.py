"""Applying migrations to a scratch database, with a stand-in for the Supabase CLI."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.config import supabase_cli
from scripts.database.migrations import apply
from scripts.database.migrations.files import Migration
from scripts.database.postgres import scratch
from scripts.database.postgres.url import Database
from scripts.errors import ReleaseFailed
from scripts.system.secret import Secret

DATABASE = Database("127.0.0.1", 1, "scratch", "postgres", Secret("password-1"), "disable")
ONE, TWO = Migration("1", "1_a.sql", "select 1"), Migration("2", "2_b.sql", "select 2")


class World:
    """A CLI that records its call, and the history that it leaves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.versions: set[str] = set()
        self.after: set[str] | None = None

    def answer(self, text: str, code: int = 0) -> Path:
        """A program that prints this and ends with this code."""
        program = self.folder / "supabase"
        program.write_text(
            f"#!{sys.executable}\nimport json, os, sys\n"
            "workdir = next(a for a in sys.argv if a.startswith('--workdir=')).partition('=')[2]\n"
            "files = sorted(os.listdir(workdir + '/supabase/migrations'))\n"
            f"open({str(self.folder / 'call.json')!r}, 'w').write(json.dumps([sys.argv[1:], files]))\n"
            f"print({text!r})\nsys.exit({code})\n"
        )
        program.chmod(0o755)
        return program

    @property
    def call(self) -> tuple[list[str], list[str]]:
        """The arguments of the last call, and the files that it found."""
        argv, files = json.loads((self.folder / "call.json").read_text())
        return argv, files

    def history(self) -> list[Any]:
        versions = self.versions
        if (self.folder / "call.json").exists() and self.after is not None:
            versions = self.after
        return [SimpleNamespace(version=version) for version in versions]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The history comes from the world, and the database's user is no superuser."""
    made = World(tmp_path)
    monkeypatch.setattr(apply, "Postgres", lambda _: SimpleNamespace(history=made.history))
    monkeypatch.setattr(scratch, "is_superuser", lambda _: False)
    monkeypatch.setattr(supabase_cli, "find", lambda *_: tmp_path / "supabase")
    return made


@pytest.fixture
def desk() -> Any:
    """The timeouts of the CLI."""
    limits = SimpleNamespace(push_timeout=20.0, lock_timeout=3.0, cli="")
    settings = SimpleNamespace(supabase=limits, app=SimpleNamespace(migrations="m"))
    return SimpleNamespace(settings=settings, git=SimpleNamespace(folder=Path("/nowhere")))


def test_the_cli_gets_just_these_migrations(world: World, desk: Any, tmp_path: Path) -> None:
    """And the history must hold them afterwards."""
    world.after = {"1", "2"}
    seconds = apply.apply(desk, world.answer("{}"), DATABASE, [ONE, TWO], folder=tmp_path)
    argv, files = world.call

    assert seconds >= 0
    assert files == ["1_a.sql", "2_b.sql"]
    assert argv[:2] == ["db", "push"]
    assert "--include-all" not in argv


def test_a_failed_push_gives_the_clis_message(world: World, desk: Any) -> None:
    """As a failed release, with the file that it stopped at, for a CI job too."""
    document = json.dumps({"_tag": "Error", "error": {"message": "relation t does not exist"}})
    world.after = {"1"}
    with pytest.raises(
        ReleaseFailed, match=r"can't be applied, at `2_b.sql`: .*\s.*relation t does"
    ) as caught:
        apply.apply(desk, world.answer(document, 1), DATABASE, [ONE, TWO])
    (row,) = caught.value.data["annotations"]

    assert (row["file"], row["severity"]) == ("m/2_b.sql", "error")


def test_exit_code_0_proves_nothing(world: World, desk: Any) -> None:
    """A version that is not in the history afterwards was not applied."""
    world.after = {"1"}
    with pytest.raises(ReleaseFailed, match=r"`2_b.sql` is not in the history"):
        apply.apply(desk, world.answer("{}"), DATABASE, [ONE, TWO])


def test_a_copy_that_is_up_to_date_needs_no_cli(world: World, desk: Any, tmp_path: Path) -> None:
    """It is not even looked for."""
    world.versions = {"1", "2", "3"}
    apply.bring_up_to_date(desk, DATABASE, [ONE, TWO])

    assert not (tmp_path / "call.json").exists()


def test_versions_that_only_the_copy_has_get_an_empty_file(world: World, desk: Any) -> None:
    """The CLI refuses a history that it has no files for; older files must be included."""
    world.versions, world.after = {"0", "1", "9"}, {"0", "1", "2", "9"}
    world.answer("{}")
    apply.bring_up_to_date(desk, DATABASE, [ONE, TWO])
    argv, files = world.call

    assert files == ["0_there.sql", "1_a.sql", "2_b.sql", "9_there.sql"]
    assert "--include-all" in argv
