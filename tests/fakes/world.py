"""A whole world in memory: one remote, three environments, and desks of several people over it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scripts.config import supabase_cli
from scripts.config.desk import Desk
from scripts.config.settings import Environment, Settings
from scripts.database import supabase
from scripts.database.edge_functions import deployed
from scripts.database.postgres import client, lock_watch
from scripts.database.postgres.lock_watch import LockWatch
from scripts.database.postgres.url import Database
from scripts.database.restore import way_back
from scripts.database.restore.kept import Kept
from scripts.database.supabase import Cli, Seen
from scripts.errors import CommandFailed, DeskError
from scripts.git.merge import MergingGit
from scripts.release import leak_gate, migrate, observe, predeploy_backup, schema_rules
from scripts.release.resume import settle
from scripts.replit import drivers
from scripts.secrets.site import Site
from scripts.state.ledger import Event, Ledger
from scripts.state.lock import Lock, lock_of, lock_ref
from scripts.state.remote import read_ledger
from scripts.system import signals
from tests.fakes.clock import FakeClock
from tests.fakes.database import FakeDatabase
from tests.fakes.driver import FakeDriver
from tests.fakes.functions import TOKEN, FakeFunctions, ref_of
from tests.fakes.git import FakeGit, FakeRemote
from tests.support.tables import settings

CHANGES = {
    "lock__heartbeat": 200,
    "lock__ttl": 600,
    "rehearse__before": False,
    "verify__timeout": 10,
    "verify__streak": 2,
    "verify__window": 0.01,
    "environment__staging__publish": "mcp",
}


@dataclass
class Notes:
    """A progress that records what it is given, and answers what it is told to.

    Args:
        types: what the person types when asked.
    """

    lines: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    ended: list[tuple[str, str]] = field(default_factory=list)
    reached: list[tuple[float, float, str]] = field(default_factory=list)
    types: str = ""

    def show(self, lines: Iterable[str]) -> None:
        """Lines of a plan."""
        self.lines += lines

    def begin(self, step: str, detail: str) -> None:
        """A step begins."""
        self.steps.append(step)

    def advance(self, done: float, total: float, text: str, *steps: str) -> None:
        """How far the step is."""
        self.reached.append((done, total, text))

    def end(self, step: str, ending: str, seconds: float) -> None:
        """A step has ended."""
        self.ended.append((step, ending))

    def note(self, text: str) -> None:
        """A line."""
        self.lines.append(text)

    def output(self, text: str) -> None:
        """A line of a program."""
        self.lines.append(text)

    def expect(self, seconds: Mapping[str, float]) -> None:
        """Nobody looks."""

    def confirm(self, environment: str, *aliases: str) -> bool:
        """Whether the person types the name."""
        return self.types == environment

    def ask(self, question: str, default: str) -> str:
        """Nobody is there."""
        return default

    def agree(self, question: str) -> bool:
        """Whether the person types yes."""
        return self.types == "yes"


@dataclass
class World:
    """One remote, three environments, one clock."""

    folder: Path
    settings: Settings
    remote: FakeRemote = field(default_factory=FakeRemote)
    clock: FakeClock = field(default_factory=FakeClock)
    drivers: dict[str, FakeDriver] = field(default_factory=dict)
    databases: dict[str, FakeDatabase] = field(default_factory=dict)
    projects: dict[str, FakeFunctions] = field(default_factory=dict)
    backups: list[str] = field(default_factory=list)
    backup_fails: bool = False
    kept: dict[str, list[Kept]] = field(default_factory=dict)
    lock_watch: LockWatch = field(default_factory=LockWatch)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def proven_backup(self, run: Any) -> str:
        """In place of a dump and its restore."""
        if self.backup_fails:
            raise CommandFailed("the backup store is full")
        self.backups.append(run.environment.name)
        return "a fake"

    def desk(self, actor: str = "Ada", **changes: Any) -> Desk:
        """The desk of one person, in a clone of his own."""
        known: dict[str, Any] = {
            "settings": self.settings,
            "git": cast(MergingGit, FakeGit(self.remote, name=actor)),
            "progress": Notes(),
            "values": lambda each: {
                "DATABASE_URL": f"postgresql://postgres@{each.name}.example.org/postgres",
                "DATABASE_PASSWORD": "password-of-a-fake",
                "REPLIT_MCP_TOKEN": "token-of-a-fake",
                "SUPABASE_PROJECT_ID": ref_of(each.name),
                "SUPABASE_ACCESS_TOKEN": TOKEN,
            },
            "config_folder": self.folder / "env",
            "state_folder": self.folder / f".airhost-{actor}",
            "actor": actor,
            "host": "laptop",
            "now": self.clock.now,
            "new_id": lambda: f"{next(self.ids):012x}",
            "clock": self.clock,
            "sleep": self.clock.sleep,
            "started": 0.0,
            "settle": settle,
        }
        return Desk(**{**known, **changes})

    def commit(self, branch: str, files: Mapping[str, str] | None = None, subject: str = "work") -> str:
        """Push a commit to a branch."""
        ref = f"refs/heads/{branch}"
        parents = [self.remote.refs[ref]] if ref in self.remote.refs else []
        self.remote.refs[ref] = self.remote.commit(files or {"file": subject}, *parents, subject=subject)
        return self.remote.refs[ref]

    def head(self, branch: str) -> str:
        """Where a branch is."""
        return self.remote.refs[f"refs/heads/{branch}"]

    def lock(self, environment: str) -> Lock | None:
        """The lock of an environment."""
        commit = self.remote.refs.get(lock_ref(environment))
        return lock_of(FakeGit(self.remote).document(commit, "lock.json").document) if commit else None

    @property
    def ledger(self) -> Ledger:
        """The ledger as it is on the remote."""
        return read_ledger(self.desk(), self.remote.refs.get("refs/heads/deploy-ledger"))

    def last(self, environment: str) -> Event:
        """The newest event of an environment."""
        return [event for event in self.ledger.events if event.environment == environment][-1]

    def is_clean(self) -> bool:
        """No lock and no candidate is left on the remote."""
        return not [ref for ref in self.remote.refs if ref.startswith("refs/deploy/")]


@dataclass
class FakeCli:
    """The Supabase CLI over the migrations of a commit."""

    files: Mapping[str, str]

    def db_push(self, database: Database, *_limits: float, late: bool = False) -> SimpleNamespace:
        """The call that `run` below carries out."""
        return SimpleNamespace(files=self.files, database=database, late=late)

    def migration_repair(self, database: Database, status: str, versions: Sequence[str]) -> SimpleNamespace:
        """The call that a test carries out."""
        return SimpleNamespace(files=self.files, database=database, status=status, versions=versions)


def name_of(database: Database) -> str:
    """The environment of a database of this world."""
    return database.host.partition(".")[0]


def build_world(folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: object) -> World:
    """A world whose fakes stand where the doors to the outside are."""
    world = World(folder, settings(**{**CHANGES, **changes}))
    for environment in world.settings:
        manual = environment.publish == "manual"
        world.drivers[environment.name] = FakeDriver(name=environment.publish, unattended=not manual)
        world.databases[environment.name] = FakeDatabase(clock=world.clock.epoch)
        world.projects[environment.name] = FakeFunctions(clock=world.clock.epoch)

    def driver_of(_desk: Desk, environment: Environment) -> FakeDriver:
        return world.drivers[environment.name]

    def postgres(database: Database) -> FakeDatabase:
        return world.databases[name_of(database)]

    @contextmanager
    def cli_with_migrations(_binary: Path, files: Mapping[str, str], *_more: object) -> Iterator[FakeCli]:
        yield FakeCli(files)

    @contextmanager
    def asking_versions(cli: FakeCli, database: Database) -> Iterator[Callable[[], Seen]]:
        local = {file.partition("_")[0] for file in cli.files}
        remote = set(world.databases[name_of(database)].versions)
        yield lambda: Seen(local, remote, cast(Cli, cli))

    monkeypatch.setattr(lock_watch, "watching", lambda *_, **__: nullcontext(world.lock_watch))
    for name in drivers.DRIVERS:
        monkeypatch.setitem(drivers.DRIVERS, name, driver_of)
    monkeypatch.setattr(client, "Postgres", postgres)
    projects = {ref_of(name): project for name, project in world.projects.items()}
    monkeypatch.setattr(deployed, "Functions", lambda ref, *_: projects[ref])
    monkeypatch.setattr(supabase_cli, "find", lambda *_: Path("/cli"))
    monkeypatch.setattr(supabase, "cli_with_migrations", cli_with_migrations)
    monkeypatch.setattr(supabase, "asking_versions", asking_versions)
    monkeypatch.setattr(
        migrate, "run_polling", lambda call, *_: world.databases[name_of(call.database)].push(call.files)
    )
    monkeypatch.setattr(predeploy_backup, "proven", world.proven_backup)
    monkeypatch.setattr(schema_rules, "lints", lambda _: {})
    monkeypatch.setattr(schema_rules, "foresee", lambda *_: None)
    monkeypatch.setattr(observe, "check_for_release", lambda *_: ())
    monkeypatch.setattr(leak_gate, "read_site", lambda *_, **__: Site())
    monkeypatch.setattr(signals, "ignore", lambda: None)
    monkeypatch.setattr(signals, "answer", lambda _words: None)
    monkeypatch.setattr(
        way_back, "kept_sets", lambda _desk, environment: world.kept.get(environment.name, [])
    )
    return world


def ending(work: Callable[[], object]) -> DeskError:
    """The error that the work ends with."""
    with pytest.raises(DeskError) as caught:
        work()
    return caught.value
