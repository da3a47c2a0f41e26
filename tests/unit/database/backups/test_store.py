"""Backups in a folder: visible when they are complete, and cleared when they are not."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.database.backups.manifest import MANIFEST
from scripts.database.backups.store import REMOVED, STAGING, FolderStore
from scripts.errors import BackupFault, CommandFailed, Unreachable
from scripts.system import daemon

ID = "20300102T030405Z-0123abcd-daily-9f31"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "backups" / "production")


def put(store: FolderStore, name: str = ID) -> None:
    with store.staging(name) as staging:
        archive = staging / "archive"
        archive.mkdir()
        (archive / "db.dump").write_text("rows")
        (archive / "left-over").touch()
        store.put(name, archive, ["db.dump"], b"{}")


def test_a_backup_is_visible_with_its_manifest(store: FolderStore, tmp_path: Path) -> None:
    assert store.ids() == []
    put(store)

    assert store.ids() == [ID]
    assert store.manifest(ID) == b"{}"
    assert sorted(path.name for path in (store.folder / ID).iterdir()) == [MANIFEST, "db.dump"]
    store.get(ID, "db.dump", tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "rows"


def test_the_folder_is_its_owners_alone(store: FolderStore) -> None:
    with store.staging("x") as staging:
        assert [path.stat().st_mode & 0o777 for path in (store.folder, staging)] == [0o700, 0o700]
    put(store)
    assert (store.folder / ID / MANIFEST).stat().st_mode & 0o777 == 0o600


def test_an_id_is_used_once(store: FolderStore) -> None:
    put(store)
    with pytest.raises(CommandFailed, match=ID):
        put(store)
    assert [path.name for path in store.folder.iterdir()] == [ID]


def test_what_is_not_there_is_refused(store: FolderStore, tmp_path: Path) -> None:
    with pytest.raises(BackupFault, match="there is no backup"):
        store.manifest(ID)
    with pytest.raises(BackupFault, match="is missing"):
        store.get(ID, "db.dump", tmp_path / "copy")
    with pytest.raises(BackupFault, match="is missing"):
        store.digest(ID, "db.dump")
    assert store.sizes(ID) == {}


def test_a_removed_backup_is_gone_and_removing_is_repeatable(store: FolderStore) -> None:
    put(store)
    store.remove(ID)
    store.remove(ID)
    assert list(store.folder.iterdir()) == []


def test_a_half_removed_backup_is_cleared(store: FolderStore) -> None:
    """And no other: one that has lost its manifest may be all that there is."""
    put(store)
    (store.folder / f"{REMOVED}{ID}").mkdir()
    (store.folder / ID / MANIFEST).unlink()

    assert store.ids() == []
    assert store.clear() == [ID]
    assert [path.name for path in store.folder.iterdir()] == [ID]
    assert store.sizes(ID) == {"db.dump": 4}


def test_a_killed_runs_staging_folder_is_cleared(store: FolderStore) -> None:
    left = store.folder / f"{STAGING}{ID}-x"
    left.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as owner:
        daemon.record(left / "owner", owner.pid)
        owner.kill()

    with store.staging("other") as living:
        assert not left.exists()
        assert store.clear() == []
        assert living.exists()


def test_a_folder_that_can_not_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandFailed, match="file"), FolderStore(tmp_path / "file" / "x").staging("a"):
        pytest.fail("it was created")


def test_a_symbolic_link_is_followed(store: FolderStore, tmp_path: Path) -> None:
    """Backups that were moved to a bigger disk; removing one removes what it leads to."""
    put(store)
    (store.folder / ID).rename(tmp_path / "moved")
    (store.folder / ID).symlink_to(tmp_path / "moved")
    (tmp_path / "moved" / "db.dump").rename(tmp_path / "dump")
    (tmp_path / "moved" / "db.dump").symlink_to("../dump")

    assert store.ids() == [ID]
    assert store.sizes(ID)["db.dump"] == 4
    assert store.digest(ID, "db.dump")[0] == 4
    store.get(ID, "db.dump", tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "rows"
    assert not (tmp_path / "copy").is_symlink()
    store.remove(ID)
    assert [*store.folder.iterdir(), tmp_path / "moved"] == [tmp_path / "moved"]
    assert not (tmp_path / "moved").exists()


def test_what_is_no_regular_file_is_never_read(store: FolderStore) -> None:
    """A pipe would be read for ever, a broken link leads nowhere."""
    put(store)
    (store.folder / ID / "db.dump").unlink()
    os.mkfifo(store.folder / ID / "db.dump")
    with pytest.raises(BackupFault, match="no regular file"):
        store.digest(ID, "db.dump")
    (store.folder / ID / "db.dump").unlink()
    (store.folder / ID / "db.dump").symlink_to("nowhere")
    with pytest.raises(BackupFault, match="is missing"):
        store.digest(ID, "db.dump")
    assert [*store.sizes(ID)] == [MANIFEST]


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody may read this path, and a superuser is nobody for the moment."""
    mode = path.stat().st_mode
    path.chmod(0)
    if os.getuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        path.chmod(mode)


@pytest.fixture
def open_store() -> Iterator[FolderStore]:
    """Below a folder that every user can pass through."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        store = FolderStore(Path(name) / "production")
        put(store)
        for path in (store.folder, store.folder / ID, *(store.folder / ID).iterdir()):
            path.chmod(0o755)
        yield store


def test_what_may_not_be_read_is_not_said_to_be_gone(open_store: FolderStore, tmp_path: Path) -> None:
    with locked(open_store.folder / ID / "db.dump"), pytest.raises(Unreachable, match="Permission denied"):
        open_store.digest(ID, "db.dump")
    with locked(open_store.folder / ID):
        assert open_store.ids() == [ID]
        with pytest.raises(Unreachable, match="Permission denied"):
            open_store.sizes(ID)
        with pytest.raises(Unreachable, match="Permission denied"):
            open_store.manifest(ID)
        with pytest.raises(Unreachable, match="Permission denied"):
            open_store.get(ID, "db.dump", tmp_path / "copy")
    with locked(open_store.folder), pytest.raises(Unreachable, match="Permission denied"):
        open_store.ids()
