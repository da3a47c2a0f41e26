"""Which stores an environment has, and what is checked when a backup is fetched."""

from __future__ import annotations

import shutil
import subprocess
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
from scripts.errors import BackupFault, ConfigError, Refused, Unreachable
from scripts.state.ledger import Event, Ledger
from tests.support import databases, s3
from tests.unit.database.backups import stored as stored_backups
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


def test_one_that_nobody_knows_is_refused(desk: Desk) -> None:
    with (
        pytest.raises(Refused, match="there is no backup") as caught,
        storage.fetch_backup(desk, production(desk), ONE.id, Ledger(None, ())),
    ):
        pytest.fail("it was found")
    assert not isinstance(caught.value, BackupFault)


def test_one_on_another_machine_is_refused_with_a_way(desk: Desk) -> None:
    """The machine, its folder, and what can be done."""
    place = f"/home/ada/backups/production/{ONE.id}"
    with (
        pytest.raises(Refused, match=f"on another machine: on `laptop` in `{place}`") as caught,
        fetch(desk, machine="laptop", place=place),
    ):
        pytest.fail("it was found")

    here = storage.folder_store(desk, production(desk)).folder
    assert f"`mkdir -p {here} && scp -r laptop:{place} {here}/`" in str(caught.value.hint)
    assert "`invoke backup --env production`" in str(caught.value.hint)
    assert not isinstance(caught.value, BackupFault)


def test_one_in_another_folder_is_copied_as_the_hint_says(tmp_path: Path) -> None:
    """Another checkout on the same machine, or a folder that was configured earlier."""
    before, now = databases.desk(tmp_path, folder="a"), databases.desk(tmp_path, folder="b")
    manifest = stored(before)
    where = {"machine": "here", "place": str(tmp_path / "a/production" / ONE.id)}
    with (
        pytest.raises(Refused, match="in another folder of this machine") as caught,
        fetch(now, manifest=manifest.digest, **where),
    ):
        pytest.fail("it was found")
    subprocess.run(["bash", "-c", str(caught.value.hint).split("`")[1]], check=True)

    with fetch(now, manifest=manifest.digest, **where) as (_, found):
        assert found == manifest


def test_a_ci_machine_is_named_as_such(desk: Desk) -> None:
    """Its disk is gone by now: no hint leads there."""
    runner = replace(desk, actor="Ada (CI)")
    assert storage.this_machine(runner) == "here (CI)"
    with (
        pytest.raises(Refused, match=r"on `here \(CI\)` in") as caught,
        fetch(desk, machine="here (CI)", place="/runner/x"),
    ):
        pytest.fail("it was found")
    assert "only the bucket keeps what a CI machine takes" in str(caught.value.hint)


def test_one_that_should_be_here_is_lost(desk: Desk) -> None:
    here = str(storage.folder_store(desk, production(desk)).folder / ONE.id)
    with (
        pytest.raises(BackupFault, match=f"is lost: by the ledger it is in {here}, and it is not"),
        fetch(desk, machine=desk.host, place=here),
    ):
        pytest.fail("it was found")


def test_one_that_an_older_desk_recorded_is_named_with_its_path(desk: Desk) -> None:
    with pytest.raises(Refused, match="in `/x/y`"), fetch(desk, place="/x/y"):
        pytest.fail("it was found")


def test_the_next_intact_copy_is_taken(tmp_path: Path) -> None:
    """The nearest one is damaged; a warning says so."""
    with s3.serving() as service:
        desk = stored_backups.make_desk(tmp_path, service)
        manifest = stored_backups.put(desk, ONE.id)
        stored_backups.change(desk, None, ONE.id, "schema.json", lambda _: b"")
        with fetch(desk, manifest=manifest.digest) as (folder, found):
            assert found == manifest
            assert sorted(path.name for path in folder.iterdir()) == sorted(manifest.files)
        assert any("trying the next one" in note for note in notes(desk))

        stored_backups.change(desk, service, ONE.id, "db.dump", lambda _: b"")
        with pytest.raises(BackupFault, match="is damaged"), fetch(desk):
            pytest.fail("it was taken for whole")

        service.mode = "forbidding"
        with pytest.raises(Unreachable, match="can't be read"), fetch(desk):
            pytest.fail("the bucket may have an intact one: nobody knows")


def test_a_damaged_header_is_not_taken_for_another_key(tmp_path: Path) -> None:
    """Age says the same of both."""
    other = pyrage.x25519.Identity.generate()
    desk = databases.desk(tmp_path, {storage.IDENTITY: str(KEY)})
    stored(desk, (str(KEY.to_public()),))
    file = storage.folder_store(desk, production(desk)).folder / ONE.id / "db.dump.age"
    whole = file.read_bytes()
    stranger = databases.desk(tmp_path, {storage.IDENTITY: str(other)})
    with pytest.raises(Refused, match="not encrypted for the key") as caught, fetch(stranger):
        pytest.fail("it was read with another key")
    assert not isinstance(caught.value, BackupFault)

    place = whole.index(b"X25519 ") + 50
    file.write_bytes(
        whole[:place] + (b"A" if whole[place : place + 1] != b"A" else b"B") + whole[place + 1 :]
    )
    with pytest.raises(BackupFault, match="damaged"), fetch(desk):
        pytest.fail("it was taken for whole")


def test_one_that_the_ledger_does_not_know_is_fetched_with_a_warning(desk: Desk) -> None:
    """The ledger of a new remote: the files fit the manifest, and nothing else vouches for it."""
    stored(desk)
    with storage.fetch_backup(desk, production(desk), ONE.id, Ledger(None, ())) as (_, manifest):
        assert manifest.id == ONE.id
    assert any("not recorded in this ledger" in note for note in notes(desk))


def test_the_newest_proven_one_that_can_be_read_is_chosen(tmp_path: Path) -> None:
    """One on another machine is passed over, and named; so is a damaged one, and one whose proof failed."""
    with s3.serving() as service:
        desk = stored_backups.make_desk(tmp_path, service)
        old, middle, new = (
            stored_backups.put(desk, name)
            for name in (stored_backups.OLD, stored_backups.MIDDLE, stored_backups.NEW)
        )
        there = {"machine": "laptop", "place": "/x", "bucket": None}
        events = [
            stored_backups.proof(desk, old),
            stored_backups.proof(desk, middle),
            stored_backups.proof(desk, new, **there),
        ]
        safety = stored_backups.put(desk, new.id.replace("daily-0003", "presafety-0004"))
        events.append(stored_backups.proof(desk, safety))  # of what a restore replaced
        assert chosen(desk, *events) == new.id
        for store in storage.stores(desk, production(desk)):
            store.remove(new.id)
        assert chosen(desk, *events) == middle.id
        assert any(f"`{new.id}` is proven, and can't be used here" in note for note in notes(desk))
        shutil.rmtree(desk.state_folder)  # another machine
        assert chosen(desk, *events) == middle.id
        stored_backups.change(desk, service, middle.id, "db.dump", lambda _: b"")
        assert chosen(desk, *events) == old.id
        failed = replace(stored_backups.proof(desk, old, proven=False), ending="failed")
        assert chosen(desk, *events, failed) is None


def chosen(desk: Desk, *events: Event) -> str | None:
    return storage.newest_proven(desk, production(desk), Ledger("tip", events))


def notes(desk: Desk) -> list[str]:
    return desk.progress.notes  # type: ignore[attr-defined, no-any-return]
