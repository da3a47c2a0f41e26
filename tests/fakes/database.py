"""A database in memory: its migration history, and the Supabase CLI that pushes into it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from scripts.database.postgres.client import Row
from scripts.database.postgres.server_facts import ServerFacts
from scripts.database.postgres.state import State
from scripts.database.postgres.trouble import Trouble
from scripts.errors import CommandFailed, Unreachable
from scripts.system.command import Result
from scripts.system.process import quoted_lines


class FakeSessionLock:
    """A lock that nobody takes away."""

    def check(self) -> None:
        """It is held."""

    def check_received(self) -> None:
        """It is held."""


@dataclass
class FakeDatabase:
    """Stands in for `Postgres` and for the CLI's `migration list` and `db push`.

    Args:
        rows: the history, in order.
        failing: version -> the message with which its migration fails.
        silent: versions that the CLI leaves out although it ends with 0.
        undo_fails: version -> the message with which its rollback script fails.
        ended: how often the sessions of a dead desk were ended.
        kept: versions whose tables stand though their rows are gone; `dropped`: the reverse.
        left: object -> its lines, of files that failed; `counts`: table -> rows, and rows written since.
        unwritable: why the server takes no writes.
        clock: the server's, in seconds since 1970.
    """

    rows: list[Row] = field(default_factory=list)
    failing: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    undo_fails: dict[str, str] = field(default_factory=dict)
    ended: int = 0
    unwritable: Trouble | None = None
    kept: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    left: dict[str, tuple[str, ...]] = field(default_factory=dict)
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    before_push: Callable[[], None] = lambda: None
    clock: Callable[[], float] = lambda: 0.0

    @property
    def versions(self) -> list[str]:
        """The applied versions."""
        return [row.version for row in self.history()]

    @contextmanager
    def connected(self) -> Iterator[FakeDatabase]:
        """Itself: its calls open no connection."""
        yield self

    def history(self) -> list[Row]:
        """The applied migrations in order."""
        return sorted(self.rows, key=lambda row: row.version)

    def catalogue(self) -> frozenset[str]:
        """The names of what the migrations made."""
        return frozenset(f"table t{row.version}" for row in self.rows)

    def state(self, is_ours: Callable[[str], bool], *, rows: bool = False, since: int = 0) -> State:
        """What stands: the tables of the migrations, and what half-applied ones left."""
        things = {name: (name,) for name in self.tables(is_ours)} | self.left
        return State(self.catalogue(), things, 7 if rows else 0, dict(self.counts) if rows else {})

    def tables(self, is_ours: Callable[[str], bool]) -> frozenset[str]:
        """The tables that the migrations made, also those whose rows of the history are gone."""
        made = {*self.kept, *(row.version for row in self.rows)} - self.dropped
        return frozenset(f"table public.t{version}" for version in made if is_ours("public"))

    def holds_rows(self, is_ours: Callable[[str], bool]) -> bool:
        """Whether any table has rows."""
        return is_ours("public") and any(count for count, _ in self.counts.values())

    def definitions(self, is_ours: Callable[[str], bool]) -> str:
        """As if it could not be asked."""
        return "" if is_ours("public") else "never"

    @contextmanager
    def exclusive(self, wait: float, doing: str = "migration") -> Iterator[FakeSessionLock]:
        """The database's lock."""
        yield FakeSessionLock()

    def undo(
        self,
        scripts: Sequence[tuple[str, str]],
        *,
        lock_timeout: float,
        timeout: float,
        rehearse: bool = False,
        before_commit: Callable[[], None] | None = None,
    ) -> list[str]:
        """Run rollback scripts: all, or nothing."""
        gone = {version for version, _ in scripts}
        for version, _ in scripts:
            if version in self.undo_fails:
                said = quoted_lines(self.undo_fails[version])
                raise CommandFailed(f"the rollback script of `{version}` failed{said}")
            if version not in self.versions:
                raise CommandFailed(f"`{version}` is not in the history: nothing was undone")
        if before_commit is not None:
            before_commit()
        if not rehearse:
            self.rows = [row for row in self.rows if row.version not in gone]
        return [version for version in self.versions if version not in gone]

    def server_facts(self) -> ServerFacts:
        """What `doctor` checks."""
        return ServerFacts(17, self.clock(), None, True, self.unwritable)

    def require_writable(self) -> None:
        """Whether the server takes writes at all."""
        if self.unwritable:
            raise Unreachable(f"the database {self.unwritable.state}", self.unwritable.hint)

    def now(self) -> str:
        """The server's clock."""
        return "2030-01-01"

    def end_desks(self) -> None:
        """End the sessions of a dead desk."""
        self.ended += 1

    def end_pushes(self, since: str) -> None:
        """End what a killed CLI left running."""

    def repair(self, files: Mapping[str, str], status: str, versions: Sequence[str]) -> Result:
        """`supabase migration repair` with versions: their rows are written, or removed."""
        self.before_push()
        self.rows = [row for row in self.rows if row.version not in versions or row.version in self.silent]
        if status == "applied":
            texts = {file.partition("_")[0]: (file, sql) for file, sql in files.items()}
            self.rows += [
                Row(version, texts[version][0], (texts[version][1],))
                for version in versions
                if version not in self.silent
            ]
        return Result(0, b"{}", b"", 0.1)

    def push(self, files: Mapping[str, str]) -> Result:
        """`supabase db push`: apply what is pending, file by file, until one fails."""
        self.before_push()
        for file in sorted(files):
            version = file.partition("_")[0]
            if version in self.versions or version in self.silent:
                continue
            if version in self.failing:
                error = {"_tag": "Error", "error": {"message": self.failing[version]}}
                return Result(1, json.dumps(error).encode(), b"", 0.1)
            self.rows.append(Row(version, file, (files[file],)))
        return Result(0, json.dumps({"applied": self.versions}).encode(), b"", 0.1)
