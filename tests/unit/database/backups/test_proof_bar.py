"""What a terminal shows of a proof; real servers are looked at by `tests/integration/test_backup.py`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.database.backups import proof_bar
from scripts.database.backups.manifest import Table
from scripts.errors import Unreachable
from tests.fakes.world import Notes
from tests.unit.database.backups.test_manifest import ONE

MANIFEST = replace(ONE, tables={"public.a": Table(5, "1", 3_000_000), "public.b": Table(7, "2", 1_000_000)})
DATABASE: Any = None


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_bar, "LOOK", 0.01)


def grown(monkeypatch: pytest.MonkeyPatch, sizes: list[int]) -> threading.Event:
    """The scratch database has these sizes at the looks; the event tells when the last was told."""
    told, left = threading.Event(), iter(sizes)

    def execute(_query: str) -> SimpleNamespace:
        size = next(left, None)
        if size is None:
            told.set()
            raise Unreachable("the server went away")
        return SimpleNamespace(fetchone=lambda: (size,))

    @contextmanager
    def session(_database: object) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(execute=execute)

    monkeypatch.setattr(proof_bar, "session", session)
    return told


def test_a_restore_shows_how_much_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the bytes of the tables; indexes come after them, and a server that goes away ends the looks."""
    told, notes = grown(monkeypatch, [-5, 1_000_000, 4_100_000]), Notes()
    with proof_bar.restoring(notes, MANIFEST, DATABASE):
        assert told.wait(10)

    assert notes.reached == [
        (-5, 4_000_000, "0 bytes of about 4 MB restored"),
        (1_000_000, 4_000_000, "1 MB of about 4 MB restored"),
        (0, 0, "restored; indexes and constraints are made"),
    ]


def test_a_short_restore_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """No session for what is over at once."""
    monkeypatch.setattr(proof_bar, "LOOK", 30)
    monkeypatch.setattr(proof_bar, "session", lambda _database: pytest.fail("a session"))
    before = threading.active_count()
    with proof_bar.restoring(Notes(), MANIFEST, DATABASE):
        pass

    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_a_fault_of_the_restore_is_the_one_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a look hangs: it is given some time, and left."""
    hangs = threading.Event()

    @contextmanager
    def session(_database: object) -> Iterator[SimpleNamespace]:
        hangs.set()
        threading.Event().wait(30)
        yield SimpleNamespace()

    monkeypatch.setattr(proof_bar, "session", session)
    monkeypatch.setattr(proof_bar, "ENDS_WITHIN", 0.01)

    def restore() -> None:
        with proof_bar.restoring(Notes(), MANIFEST, DATABASE):
            assert hangs.wait(10)
            raise Unreachable("the restore's own")

    with pytest.raises(Unreachable, match="the restore's own"):
        restore()


def test_a_comparison_counts_bytes_of_tables() -> None:
    """By the backup's own figures; a table that it does not have counts for nothing."""
    notes = Notes()
    tell = proof_bar.comparing(notes, MANIFEST)
    for name in ("public.b", "public.unknown", "public.a"):
        tell(name)

    assert notes.reached == [
        (1_000_000, 4_000_000, "1 MB of 4 MB compared"),
        (1_000_000, 4_000_000, "1 MB of 4 MB compared"),
        (4_000_000, 4_000_000, "4 MB of 4 MB compared"),
    ]
