"""Dry runs: what a failure means, and what is measured, without a server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from scripts.config.settings import Environment
from scripts.database.migrations import dry_run
from scripts.database.migrations.dry_run import DryRun
from scripts.database.migrations.files import Migration
from scripts.database.migrations.measurements import Measurement
from scripts.errors import CommandFailed, DeskError, Refused, ReleaseFailed
from scripts.state.ledger import Ledger

STAGING = Environment("staging", "staging", "http://127.0.0.1:9")
ADD = Migration("1", "1_a.sql", "alter type mood add value 'new'")
USE = Migration("2", "2_b.sql", "update t set mood = 'new'")
INDEX = Migration("2", "2_i.sql", "create index concurrently i on t (a)")
LAST = Migration("3", "3_c.sql", "alter table t add column c int")
DATABASE: Any = None


def result(file: str, cause: Any = None, **more: Any) -> DryRun:
    return DryRun(file, 0.5, {}, {}, {}, "the server's words" if cause else None, cause, **more)


class World:
    """A desk, and the results that the database gives."""

    def __init__(self) -> None:
        self.results: list[DryRun] = []
        self.notes: list[str] = []
        self.files: list[str] = []
        self.locked, self.limit = 0, 0.0
        self.tables: frozenset[str] = frozenset({"table public.t"})
        limits = SimpleNamespace(lock_timeout=3.0, push_timeout=90.0)
        settings = SimpleNamespace(supabase=limits, rehearse=SimpleNamespace(block=2.0))
        self.desk: Any = SimpleNamespace(
            settings=settings, progress=SimpleNamespace(note=self.notes.append)
        )

    def measure(self, *pending: Migration) -> tuple[Measurement, ...]:
        return dry_run.measure(self.desk, STAGING, DATABASE, pending)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """`execute` answers with the world's results, under the database's lock."""
    made = World()

    @contextlib.contextmanager
    def exclusive(_wait: float) -> Iterator[None]:
        made.locked += 1
        yield

    def execute(_database: object, files: list[tuple[str, str]], **limits: float) -> list[DryRun]:
        made.files, made.limit = [file for file, _ in files], limits["limit"]
        return made.results

    monkeypatch.setattr(dry_run, "Postgres", lambda _: SimpleNamespace(exclusive=exclusive))
    monkeypatch.setattr(dry_run, "execute", execute)
    monkeypatch.setattr(dry_run, "app_tables", lambda *_: made.tables)
    return made


def test_in_an_empty_database_nobody_is_blocked(world: World) -> None:
    """A long history takes as long as a push may take; where tables stand, `block` is the limit."""
    world.measure(LAST)
    assert world.limit == world.desk.settings.rehearse.block

    world.tables = frozenset()
    world.measure(LAST)
    assert world.limit == world.desk.settings.supabase.push_timeout


def test_each_file_is_measured_under_the_lock(world: World) -> None:
    """People read what was measured."""
    locks = {"public.t": ("AccessExclusiveLock",)}
    world.results = [DryRun("3_c.sql", 0.5, locks, {}, {"public.t": 7})]

    assert world.measure(LAST) == (Measurement("3_c.sql", "staging", 0.5, locks, {}, {"public.t": 7}),)
    assert world.locked == 1
    assert world.notes[0].startswith("3_c.sql: 0.5 s on staging; blocks readers and writers of public.t")
    assert world.notes[0].endswith("changes 7 rows of public.t")


def test_what_no_transaction_takes_is_left_out_and_named(world: World) -> None:
    """Only a copy can try it."""
    world.results = [result("3_c.sql")]
    world.measure(INDEX, LAST)

    assert world.files == ["3_c.sql"]
    assert "2_i.sql: holds `create index concurrently`" in world.notes[0]


@pytest.mark.parametrize(
    ("cause", "error", "message", "hint"),
    [
        ("file", ReleaseFailed, "migration `3_c.sql` fails on staging (line 4), seen in a dry run", "fix"),
        ("busy", CommandFailed, "`3_c.sql` got no lock on staging: a table is busy", "try again when less"),
        ("late", Refused, "`3_c.sql` takes longer than 2 s on staging", "split it"),
        ("server", CommandFailed, "staging broke off the dry run of `3_c.sql`", "try again"),
        ("uncommitted", ReleaseFailed, "migration `3_c.sql` fails on staging", "fix"),
    ],
)
def test_each_cause_has_its_error(
    world: World, cause: str, error: type[DeskError], message: str, hint: str
) -> None:
    """Only a fault of the file is a failed release."""
    world.results = [result("3_c.sql", cause, line=4)]
    with pytest.raises(error) as caught:
        world.measure(LAST)

    assert caught.value.message.startswith(message)
    assert str(caught.value.hint).startswith(hint)


def test_a_file_that_needs_an_excluded_one_is_not_judged(world: World) -> None:
    """The release itself will apply both."""
    world.results = [result("3_c.sql", "file")]

    assert world.measure(INDEX, LAST) == ()
    assert world.notes[-1] == "3_c.sql: not finished: it needs what an earlier file commits"


def test_a_file_that_uses_a_new_enum_value_is_not_judged(world: World) -> None:
    """An earlier file has to commit the value first; a file that adds and uses it is wrong."""
    world.results = [result("1_a.sql"), result("2_b.sql", "uncommitted")]
    assert [each.file for each in world.measure(ADD, USE)] == ["1_a.sql"]

    world.results = [result("1_a.sql", "uncommitted")]
    with pytest.raises(ReleaseFailed):
        world.measure(ADD, USE)


def test_a_long_block_is_refused_with_its_tables(world: World) -> None:
    """Up to the limit it passes."""
    locks = {"public.t": ("ShareLock",)}
    dry_run.refuse_long(world.desk, STAGING, [Measurement("1_a.sql", "staging", 2.0, locks)])
    with pytest.raises(
        Refused, match=r"`1_a\.sql` would block writers of `public\.t` on staging for 2\.1 s"
    ):
        dry_run.refuse_long(world.desk, STAGING, [Measurement("1_a.sql", "staging", 2.1, locks)])


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (psycopg.errors.LockNotAvailable, "busy"),
        (psycopg.errors.DeadlockDetected, "busy"),
        (psycopg.errors.QueryCanceled, "late"),
        (psycopg.errors.UnsafeNewEnumValueUsage, "uncommitted"),
        (psycopg.errors.AdminShutdown, "server"),
        (psycopg.errors.DiskFull, "server"),
        (psycopg.OperationalError, "server"),
        (psycopg.errors.UndefinedTable, "file"),
    ],
)
def test_the_servers_code_tells_the_cause(error: type[psycopg.Error], cause: str) -> None:
    """Without a code the connection was lost."""
    failed = dry_run._failure("1_a.sql", 0.123, error("words"), "select 1")

    assert (failed.cause, failed.fault, failed.seconds, failed.line) == (cause, "words", 0.12, 0)


def test_without_a_database_or_pending_files_nothing_is_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No copy is restored either."""
    ledger = Ledger(None, ())
    monkeypatch.setattr(dry_run, "configured_database", lambda *_: None)
    assert dry_run.dry_run_pending(world.desk, STAGING, [LAST], ledger) == ([], [])

    history = [("3", "c", (LAST.sql,))]
    monkeypatch.setattr(dry_run, "configured_database", lambda *_: "a database")
    monkeypatch.setattr(dry_run, "Postgres", lambda _: SimpleNamespace(history=lambda: history))
    assert dry_run.dry_run_pending(world.desk, STAGING, [LAST], ledger) == ([], [])


def test_the_real_database_has_the_last_word(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What only the copy could try is measured there."""
    copied = [Measurement("2_i.sql", "the copy", 9), Measurement("3_c.sql", "the copy", 9)]
    monkeypatch.setattr(dry_run, "configured_database", lambda *_: "a database")
    monkeypatch.setattr(dry_run, "Postgres", lambda _: SimpleNamespace(history=list))
    monkeypatch.setattr(dry_run, "_dry_run_on_copy", lambda *_: copied)
    monkeypatch.setattr(dry_run, "measure", lambda *_: (Measurement("3_c.sql", "staging", 1),))
    pending, measured = dry_run.dry_run_pending(world.desk, STAGING, [INDEX, LAST], Ledger(None, ()))

    assert pending == [INDEX, LAST]
    assert [(each.file, each.where) for each in measured] == [
        ("3_c.sql", "staging"),
        ("2_i.sql", "the copy"),
    ]
