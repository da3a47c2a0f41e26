"""Small backups in a folder and a bucket, with their events, for tests that need no database."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import commands, encryption, storage
from scripts.database.backups.manifest import File, Manifest
from scripts.database.backups.store import FolderStore
from scripts.errors import DeskError
from scripts.notify import deliver
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import KnownLedger
from tests.support import databases, s3
from tests.support.s3 import Service
from tests.unit.database.backups.test_manifest import ONE

NOW = "2030-06-01T12:00:00+00:00"
OLD, MIDDLE, NEW = (
    "20300530T000000Z-00000000-daily-0001",
    "20300531T000000Z-00000000-daily-0002",
    "20300601T000000Z-00000000-daily-0003",
)
FILES = ("db.dump", "restore.json", "schema.json", "roles.sql", "extras.sql")


def make_desk(folder: Path, service: Service | None = None, **more: Any) -> Desk:
    """A desk whose clock stands; with a bucket if there is a service."""
    values = {**s3.VALUES, **more.pop("values", {})} if service else more.pop("values", {})
    setup = {"bucket": s3.BUCKET, "endpoint": service.endpoint, "prefix": "app"} if service else {}
    keep = {"keep_daily": 7, "keep_weekly": 0, "keep_monthly": 0}
    desk = databases.desk(folder, values, **{**keep, **setup, **more})
    return replace(desk, now=lambda: NOW)


def production(desk: Desk) -> Environment:
    return desk.settings.environment("production")


def folder_of(desk: Desk) -> FolderStore:
    return storage.folder_store(desk, production(desk))


def put(desk: Desk, name: str, recipients: tuple[str, ...] = (), *, here: bool = True) -> Manifest:
    """A backup of five small files in every place of the desk; `here` False: in the bucket alone."""
    store, bucket = folder_of(desk), storage.bucket_store(desk, production(desk))
    dice = random.Random(name)  # noqa: S311 - dice
    with store.staging(name) as staging:
        archive, files = staging / "archive", {}
        archive.mkdir()
        for file in FILES:
            plain = staging / file
            plain.write_bytes(dice.randbytes(dice.randrange(50, 400)))
            if recipients:
                files[file] = File(*encryption.encrypt(plain, archive / f"{file}.age", recipients))
            else:
                plain.rename(archive / file)
                files[file] = File(*encryption.measure(archive / file))
        manifest = replace(ONE, id=name, files=files, recipients=recipients)
        names, text = [path.name for path in archive.iterdir()], manifest.text().encode()
        store.put(name, archive, names, text)
    if bucket:
        bucket.put(name, store.folder / name, names, text)
    if not here:
        store.remove(name)
    return manifest


def proof(desk: Desk, manifest: Manifest, **changes: Any) -> Event:
    """The event of a proof, as this desk records it."""
    bucket = storage.bucket_store(desk, production(desk))
    detail: dict[str, Any] = {
        "backup": manifest.id,
        "manifest": manifest.digest,
        "proven": True,
        "bytes": manifest.bytes,
        "rows": 3,
        "place": str(folder_of(desk).folder / manifest.id),
        "machine": desk.host,
        **({"bucket": bucket.place} if bucket else {}),
        **changes,
    }
    known = {name: value for name, value in detail.items() if value is not None}
    return Event("production", "backup", "done", "", "", "Ada", NOW, "r", known)


def use_ledger(
    monkeypatch: pytest.MonkeyPatch, *events: Event, doubt: DeskError | None = None
) -> list[Mapping[str, Any]]:
    """Let the commands read this ledger; returns what they append to it."""
    ledger, recorded = Ledger("tip", events), list[Mapping[str, Any]]()

    def record(_desk: Desk, _environment: str, kind: str, *_: object, **detail: Any) -> None:
        recorded.append({"kind": kind, **detail})

    monkeypatch.setattr(commands, "observe_remote", lambda _desk: SimpleNamespace(ledger=ledger))
    monkeypatch.setattr(commands, "known_ledger", lambda _desk: KnownLedger(ledger, doubt))
    monkeypatch.setattr(commands, "record_event", record)
    return recorded


def note_notices(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the team is notified of: title and message."""
    notices: list[tuple[str, str]] = []

    def failed(_desk: object, _environment: object, fault: DeskError, title: str = "NONE") -> None:
        notices.append((title, fault.message))

    monkeypatch.setattr(deliver, "backup_failed", failed)
    return notices


def flip(dice: random.Random, whole: bytes) -> bytes:
    """One bit is another."""
    place = dice.randrange(len(whole))
    return whole[:place] + bytes([whole[place] ^ (1 << dice.randrange(8))]) + whole[place + 1 :]


Change = Callable[[bytes], bytes | None]  # the file as it is then; None: it is removed


def change(desk: Desk, service: Service | None, name: str, file: str, how: Change) -> None:
    """Damage a file of a backup: in the bucket of the service, or in the folder."""
    if service is None:
        path = folder_of(desk).folder / name / file
        text = how(path.read_bytes())
        path.unlink()
        if text is not None:
            path.write_bytes(text)
        return
    key = {"Bucket": s3.BUCKET, "Key": f"app/production/{name}/{file}"}
    text = how(service.client.get_object(**key)["Body"].read())
    service.client.delete_object(**key)
    if text is not None:
        service.client.put_object(**key, Body=text)
