"""What is said about a dump, and who can read its files; dumps are tried by integration tests."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts.database.backups import dumping, manifest, storage
from scripts.database.postgres.content import TableSize
from scripts.database.postgres.restorable import Unrestorable
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed, Refused
from scripts.system.command import Result
from scripts.system.secret import Secret
from tests.support import databases
from tests.unit.database.backups.test_manifest import ONE


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (1_300_000_000, "1.3 GB"), (5e12, "5000.0 GB")],
)
def test_sizes_are_readable(size: float, text: str) -> None:
    assert dumping.readable_size(size) == text


def test_a_written_file_is_its_owners_alone(tmp_path: Path) -> None:
    dumping.write_private(tmp_path / "roles.sql", "caf\udce9")
    assert (tmp_path / "roles.sql").read_bytes() == b"caf\xe9"
    assert (tmp_path / "roles.sql").stat().st_mode & 0o777 == 0o600


def test_the_announcement_tells_size_rate_and_the_last_backup(tmp_path: Path) -> None:
    desk = databases.desk(tmp_path, rate=4)
    production = desk.settings.environment("production")
    tables = [TableSize(1, "public", "a", 6_000_000, 1), TableSize(2, "public", "b", 2_000_000, 1)]
    assert dumping._announcement(desk, tables, dumping._last_one(desk, production)) == (
        "dumping 2 tables, 8 MB, at 4 MB/s at least 4 s"
    )

    store = storage.folder_store(desk, production)
    with store.staging("x") as staging:
        (staging / "archive").mkdir()
        store.put(ONE.id, staging / "archive", [], replace(ONE).text().encode())
    assert dumping._announcement(desk, tables, dumping._last_one(desk, production)).endswith(
        "; the last one: 8 kB, 03:04:05 to 03:05:00"
    )


def test_reading_ends_as_soon_as_the_dump_has_failed() -> None:
    failed: Future[Result] = Future()
    failed.set_result(Result(1, b"", b"no space left", 0.1))

    class Reader:
        def checksums(self, *_: object) -> list[object]:
            return [("public.a", (1, "1", 1))]

    with pytest.raises(CommandFailed, match="no space left"):
        list(dumping._checksums(Reader(), [], None, failed))  # type: ignore[arg-type]


def test_the_dump_is_synced_while_it_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    dump: Future[Result] = Future()

    def fdatasync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        dump.set_result(Result(0, b"", b"", 0.1))

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    monkeypatch.setattr(dump, "exception", lambda timeout: None)  # noqa: ARG005 - as it is called
    (tmp_path / "db.dump").write_text("rows")
    dumping._sync_while(dump, tmp_path / "db.dump")

    assert synced == [4]


def test_what_could_not_be_restored_is_refused_with_what_mends_it() -> None:
    """Before anything is dumped."""
    found = Unrestorable("public", "table public.t", "is owned by ada", "alter table public.t owner to bo")
    database = Database("db.example.com", 5432, "app", "bo", Secret("x"), "require")
    reader = SimpleNamespace(unrestorable=lambda _is_ours: (found,))
    with pytest.raises(Refused, match="`bo` could not restore a backup of this:") as caught:
        dumping._require_restorable(reader, database)  # type: ignore[arg-type]

    assert "table public.t is owned by ada" in caught.value.message
    assert caught.value.hint == "as their owner or a superuser: `alter table public.t owner to bo`"
    dumping._require_restorable(SimpleNamespace(unrestorable=lambda _is_ours: ()), database)  # type: ignore[arg-type]


def test_a_dump_shows_how_far_it_is(tmp_path: Path) -> None:
    """By the size that the last one had, as the tables have grown since; without one, the bytes alone."""
    desk = databases.desk(tmp_path)
    seen = desk.progress
    assert isinstance(seen, databases.Quiet)
    before = sum(table.bytes for table in ONE.tables.values())
    last = replace(ONE, files={manifest.DUMP: manifest.File(1_000_000, "0" * 64)})
    grown = [TableSize(1, "public", "a", 2 * before, 1)]
    expected = dumping._expected_bytes(grown, last)
    file, over = tmp_path / "dump", threading.Event()
    file.write_bytes(b"x" * 500_000)

    dump = SimpleNamespace(done=over.is_set, exception=lambda **_: over.set())
    dumping._show_while(desk, dump, file, expected)  # type: ignore[arg-type]

    assert expected == 2_000_000
    assert seen.reached[0] == (500_000, 2_000_000, "500 kB of about 2 MB dumped")
    assert seen.reached[-1][:2] == (0, 0)
    assert dumping._expected_bytes(grown, None) == 0
    assert dumping._expected_bytes([TableSize(1, "public", "a", 5 * before, 1)], last) == 0
