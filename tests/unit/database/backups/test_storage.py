"""Which stores an environment has, and what is checked when a backup is fetched."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyrage
import pytest

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import catalog, encryption, storage
from scripts.database.backups.manifest import File, Manifest
from scripts.errors import ConfigError, Refused
from scripts.state.ledger import Event, Ledger
from tests.support import databases
from tests.unit.database.backups.test_manifest import ONE

S3 = {storage.KEY_ID: "key", storage.SECRET_KEY: "secret"}
KEY = pyrage.x25519.Identity.generate()


def production(desk: Desk) -> Environment:
    return desk.settings.environment("production")


def stored(desk: Desk, recipients: tuple[str, ...] = (), **changes: Any) -> Manifest:
    """A backup of one small file."""
    store = storage.folder_store(desk, production(desk))
    with store.staging(ONE.id) as staging:
        plain, archive = staging / "db.dump", staging / "archive"
        plain.write_text("rows")
        archive.mkdir()
        if recipients:
            file = File(*encryption.encrypt(plain, archive / "db.dump.age", recipients))
        else:
            plain.rename(archive / "db.dump")
            file = File(*encryption.measure(archive / "db.dump"))
        manifest = replace(ONE, files={"db.dump": file}, recipients=recipients, **changes)
        names = [path.name for path in archive.iterdir()]
        store.put(ONE.id, archive, names, manifest.text().encode())
    return manifest


def fetch(desk: Desk, **record: str) -> AbstractContextManager[tuple[Path, Manifest]]:
    """Fetch it; `record` is what the ledger says of it."""
    detail = {"backup": ONE.id, "manifest": "", "proven": True, **record}
    ending = "failed" if "reason" in record else "done"
    event = Event("production", "backup", ending, "", "", "Ada", "2030-01-02T04:00:00Z", "r", detail)
    return storage.fetch_backup(desk, production(desk), ONE.id, Ledger(None, (event,)))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return databases.desk(tmp_path)


def test_backups_are_in_the_state_folder_or_where_the_team_wants_them(tmp_path: Path) -> None:
    own, other = databases.desk(tmp_path), databases.desk(tmp_path, folder="x")
    assert storage.folder_store(own, production(own)).folder == own.state_folder / "backups/production"
    assert storage.folder_store(other, production(other)).folder == tmp_path / "x/production"


def test_a_bucket_is_a_second_store(tmp_path: Path, desk: Desk) -> None:
    with_bucket = databases.desk(tmp_path, S3, bucket="kept", prefix="/app/")
    bucket = storage.bucket_store(with_bucket, production(with_bucket))

    assert bucket
    assert bucket.place == "s3://kept/app/production/"
    assert len(storage.stores(with_bucket, production(with_bucket))) == 2
    assert len(storage.stores(desk, production(desk))) == 1


def test_a_bucket_needs_its_keys(tmp_path: Path) -> None:
    desk = databases.desk(tmp_path, {storage.KEY_ID: "key"}, bucket="kept")
    with pytest.raises(ConfigError, match=storage.SECRET_KEY):
        storage.bucket_store(desk, production(desk))


def test_only_ids_of_backups_are_listed(desk: Desk) -> None:
    stored(desk)
    odd = storage.folder_store(desk, production(desk)).folder / "2030-my-copy"
    odd.mkdir()
    (odd / "MANIFEST.json").write_text("{}")

    assert list(storage.stored_backups(desk, production(desk))) == [ONE.id]


def test_a_fetched_backup_is_plain_and_gone_afterwards(desk: Desk) -> None:
    manifest = stored(desk)
    with fetch(desk, manifest=manifest.digest) as (folder, found):
        assert found == manifest
        assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("db.dump", "rows")]
    assert not folder.exists()


def test_an_encrypted_one_needs_the_identity(tmp_path: Path, desk: Desk) -> None:
    stored(desk, (str(KEY.to_public()),))
    with pytest.raises(Refused, match=f"`{storage.IDENTITY}` is not set"), fetch(desk):
        pytest.fail("it was read without a key")

    with_key = databases.desk(tmp_path, {storage.IDENTITY: str(KEY)})
    with fetch(with_key) as (folder, _):
        assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("db.dump", "rows")]


def test_a_damaged_file_is_refused(desk: Desk) -> None:
    stored(desk)
    (storage.folder_store(desk, production(desk)).folder / ONE.id / "db.dump").write_text("rowz")
    with pytest.raises(Refused, match="is damaged"), fetch(desk):
        pytest.fail("it was taken for whole")


@pytest.mark.parametrize("changes", [{"id": ONE.id.replace("9f31", "0000")}, {"environment": "staging"}])
def test_a_manifest_of_another_backup_is_refused(desk: Desk, changes: dict[str, Any]) -> None:
    stored(desk, **changes)
    with pytest.raises(Refused, match="it was exchanged"), fetch(desk):
        pytest.fail("it was taken for the right one")


def test_a_manifest_that_the_ledger_does_not_know_is_refused(desk: Desk) -> None:
    stored(desk)
    with (
        pytest.raises(Refused, match="not the one that the ledger recorded"),
        fetch(desk, manifest="a" * 64),
    ):
        pytest.fail("it was taken for the right one")


def test_one_whose_proof_failed_is_not_fetched_to_be_restored(desk: Desk) -> None:
    """To prove it again, it is."""
    stored(desk)
    with pytest.raises(Refused, match="rows are missing"), fetch(desk, reason="rows are missing"):
        pytest.fail("it was fetched")
    records: dict[str, catalog.BackupRecord] = {}
    with storage.fetch_files(desk, production(desk), ONE.id, records) as (_, manifest):
        assert manifest.id == ONE.id


def test_one_that_is_nowhere_is_refused(desk: Desk) -> None:
    with pytest.raises(Refused, match="there is no backup"), fetch(desk):
        pytest.fail("it was found")
