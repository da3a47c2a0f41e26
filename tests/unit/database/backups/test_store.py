"""Backups in a folder: visible when they are complete, and cleared when they are not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.database.backups.manifest import MANIFEST
from scripts.database.backups.store import STAGING, FolderStore
from scripts.errors import CommandFailed, Refused
from scripts.system import daemon, temporary

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


def age(path: Path) -> None:
    before = time.time() - 2 * temporary.YOUNG
    os.utime(path, (before, before))


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
    with pytest.raises(Refused, match="there is no backup"):
        store.manifest(ID)
    with pytest.raises(Refused, match="can't be read"):
        store.get(ID, "db.dump", tmp_path / "copy")


def test_a_removed_backup_is_gone_and_removing_is_repeatable(store: FolderStore) -> None:
    put(store)
    store.remove(ID)
    store.remove(ID)
    assert list(store.folder.iterdir()) == []


def test_a_half_removed_backup_is_cleared_when_it_is_old(store: FolderStore) -> None:
    """A young one may be a backup that another run is just removing."""
    put(store)
    (store.folder / ID / MANIFEST).unlink()

    assert store.ids() == []
    assert store.clear() == []
    age(store.folder / ID)
    assert store.clear() == [ID]
    assert list(store.folder.iterdir()) == []


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
